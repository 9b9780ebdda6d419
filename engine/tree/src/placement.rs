//! Where a node stands: under which other one, as its claims ask for.

use larum_event::Timestamp;
use petgraph::stable_graph::NodeIndex;

use crate::claims::ClaimSlot;
use crate::graph_node::{GraphNode, NodeAlert, ParentChoice, ParentKind};
use crate::parent_claim::ParentClaim;
use crate::tenant_graph::{InsertContext, TenantGraph};
use crate::tree_report::TreeReport;

impl TenantGraph {
    /// Puts a node where its claims want it, and reports a circle that this closes. It can close one only if the
    /// two hung `together` before.
    pub(crate) fn update_parent(
        &mut self,
        node: NodeIndex,
        together: bool,
        taking: &mut InsertContext<'_, '_>,
    ) {
        let Some(wanted) = self.move_to_claimed_parent(node, taking) else {
            return;
        };
        let is_leaf = self.node(node).is_none_or(|node| node.child_count == 0);
        if is_leaf || !together && wanted.kind <= ParentKind::Inferred {
            return;
        }
        let Some(summit) = self
            .find_root(node)
            .filter(|summit| summit.cycle.contains(&node))
        else {
            return;
        };
        let Some(top) = self.node(summit.top) else {
            return;
        };
        if let Some(up) = self
            .claimed_parent(summit.top)
            .filter(|up| up.kind <= ParentKind::Root)
        {
            let facts = taking.facts;
            taking.reports.push(TreeReport::CycleRefused {
                tenant: facts.tenant.clone(),
                step: (*top.name).into(),
                parent: self.node_name(up.node),
                event: facts.event.envelope().id.clone(),
            });
        }
    }

    /// What the claims of a node ask for.
    pub(crate) fn claimed_parent(&self, node: NodeIndex) -> Option<ParentChoice> {
        let found = self.node(node)?;
        let by_claim = |claim: ParentClaim, reason| {
            Some(ParentChoice {
                kind: reason,
                by: claim.by,
                edge_reason: claim.edge_reason,
                node: claim.node().filter(|above| *above != node)?,
            })
        };
        let root = if found.root_inferred {
            ParentKind::Inferred
        } else {
            ParentKind::Root
        };
        by_claim(found.parent_claim, ParentKind::Parent)
            .or_else(|| by_claim(found.root_claim, root))
            .or_else(|| self.parent_by_alias(node, found))
            .or_else(|| by_claim(found.extras.as_ref()?.trace_claim, ParentKind::Trace))
            .or_else(|| by_claim(found.extras.as_ref()?.cause_claim, ParentKind::Causation))
    }

    fn parent_by_alias(&self, node: NodeIndex, found: &GraphNode) -> Option<ParentChoice> {
        let upper = found.extras.as_ref()?.parent_alias?;
        // One that begins says itself what it stands under.
        if found.begun && !upper.own {
            return None;
        }
        let time = self.entries.get(upper.by)?.time;
        Some(ParentChoice {
            kind: ParentKind::Alias,
            by: upper.by,
            edge_reason: upper.edge_reason,
            node: self.aliases.owner_at(upper.alias, time, node)?,
        })
    }

    /// Puts a node under the one that its claims ask for; gives that when it is another than before.
    fn move_to_claimed_parent(
        &mut self,
        node: NodeIndex,
        taking: &mut InsertContext<'_, '_>,
    ) -> Option<ParentChoice> {
        let before = self.node(node)?.parent_edge;
        let mut wanted = self.claimed_parent(node);
        if let Some(up) = wanted
            && before.map(|(_, above)| above) != Some(up.node)
            && !self.try_merge_components(node, up.node, taking)
        {
            wanted = None;
        }
        let after = wanted.map(|up| (up.kind, up.node));
        if before == after {
            return None;
        }
        self.set_parent(node, after);
        wanted.filter(|up| before.map(|(_, above)| above) != Some(up.node))
    }

    /// Puts a node that was read back where its claims want it.
    pub(crate) fn restore_parent(&mut self, node: NodeIndex) {
        let family = |grove: &Self, node| grove.node(node).map(|node| node.component);
        let wanted = self
            .claimed_parent(node)
            .filter(|up| family(self, up.node) == family(self, node));
        self.set_parent(node, wanted.map(|up| (up.kind, up.node)));
    }

    /// Puts a node under another, or under none.
    pub(crate) fn set_parent(&mut self, node: NodeIndex, after: Option<(ParentKind, NodeIndex)>) {
        let Some(before) = self.node(node).map(|found| found.parent_edge) else {
            return;
        };
        self.record_parent(node);
        if before.map(|(_, above)| above) != after.map(|(_, above)| above) {
            if let Some((_, above)) = before {
                self.unlink_child(above, node);
            }
            if let Some((_, above)) = after {
                self.link_child(above, node);
            }
        }
        if let Some(found) = self.node_mut(node) {
            found.parent_edge = after;
        }
    }

    fn link_child(&mut self, above: NodeIndex, node: NodeIndex) {
        let Some(parent) = self.node_mut(above) else {
            return;
        };
        let next = std::mem::replace(&mut parent.first_child, node);
        parent.child_count += 1;
        if let Some(next) = self.node_mut(next) {
            next.previous_sibling = node;
        }
        if let Some(found) = self.node_mut(node) {
            (found.previous_sibling, found.next_sibling) = (NodeIndex::end(), next);
        }
    }

    fn unlink_child(&mut self, above: NodeIndex, node: NodeIndex) {
        let Some((before, next)) = self
            .node(node)
            .map(|found| (found.previous_sibling, found.next_sibling))
        else {
            return;
        };
        match self.node_mut(before) {
            Some(before) => before.next_sibling = next,
            None => {
                if let Some(parent) = self.node_mut(above) {
                    parent.first_child = next;
                }
            }
        }
        if let Some(next) = self.node_mut(next) {
            next.previous_sibling = before;
        }
        if let Some(parent) = self.node_mut(above) {
            parent.child_count = parent.child_count.saturating_sub(1);
        }
    }

    /// Makes two nodes one family; false when that would be too large.
    pub(crate) fn try_merge_components(
        &mut self,
        node: NodeIndex,
        above: NodeIndex,
        taking: &mut InsertContext<'_, '_>,
    ) -> bool {
        let family = |grove: &Self, node| grove.node(node).map(|node| node.component);
        let (Some(one), Some(other)) = (family(self, node), family(self, above)) else {
            return false;
        };
        if one == other {
            return true;
        }
        let size = |number| self.components.get(number).map_or(0, |family| family.size);
        if size(one) + size(other) > taking.limits.nodes_per_root {
            self.components.count_refused(other, 1);
            let facts = taking.facts;
            taking.reports.push(TreeReport::RootFull {
                tenant: facts.tenant.clone(),
                root: self.node_name(above),
                event: facts.event.envelope().id.clone(),
            });
            return false;
        }
        self.merge_components(one, other);
        true
    }

    /// An alert of no workflow stands under the node of the event that set it off.
    pub(crate) fn attach_to_trigger(
        &mut self,
        alert: NodeIndex,
        raised: &NodeAlert,
        taking: &mut InsertContext<'_, '_>,
    ) {
        let Some(trigger) = self.node_of_event(raised.trigger.as_str()) else {
            return;
        };
        let placed = self.node(alert).and_then(|node| node.extras.as_deref());
        if trigger != alert
            && placed.is_none_or(|more| more.cause_claim.node().is_none())
            && self.try_merge_components(alert, trigger, taking)
        {
            let hung = self
                .node(alert)
                .map_or(crate::node_events::LIST_END, |node| node.event_list);
            let revisions = self.node_events.iter_list(hung).filter(|entry| {
                let entry = self.entries.get(*entry);
                entry.is_some_and(|entry| entry.alert)
            });
            let Some(by) = revisions.min_by(|one, other| self.entries.compare(*one, *other)) else {
                return;
            };
            self.apply_claim(alert, ClaimSlot::Cause, ParentClaim::new(by, trigger, 0));
            self.update_parent(alert, true, taking);
        }
    }

    /// The nodes directly under one, in no particular order.
    pub(crate) fn children(&self, node: NodeIndex) -> impl Iterator<Item = NodeIndex> {
        let mut at = self
            .node(node)
            .map_or(NodeIndex::end(), |node| node.first_child);
        std::iter::from_fn(move || {
            let child = self.node(at)?;
            Some(std::mem::replace(&mut at, child.next_sibling))
        })
    }

    pub(crate) fn node_name(&self, node: NodeIndex) -> std::sync::Arc<str> {
        self.node(node)
            .map_or_else(|| "".into(), |node| (*node.name).into())
    }

    /// Time of a node's first event or of its alert.
    pub(crate) fn first_event_time(&self, node: NodeIndex) -> Option<Timestamp> {
        let first = self.node(node)?.first_time;
        (first != Timestamp::MAX).then_some(first)
    }
}
