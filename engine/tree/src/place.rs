//! Where a node stands: under which other one, as its claims ask for.

use larum_event::Timestamp;
use petgraph::stable_graph::NodeIndex;

use crate::claim::UpClaim;
use crate::grove::{Grove, Taking};
use crate::node::{Node, Raised, Reason, Up};
use crate::report::TreeReport;
use crate::settle::Slot;

impl Grove {
    /// Puts a node where its claims want it, and reports a circle that this closes. It can close one only if the
    /// two hung `together` before.
    pub(crate) fn follow_claims(
        &mut self,
        node: NodeIndex,
        together: bool,
        taking: &mut Taking<'_, '_>,
    ) {
        let Some(wanted) = self.place(node, taking) else {
            return;
        };
        let is_leaf = self.node(node).is_none_or(|node| node.children == 0);
        if is_leaf || !together && wanted.reason <= Reason::Inferred {
            return;
        }
        let Some(summit) = self
            .summit(node)
            .filter(|summit| summit.circle.contains(&node))
        else {
            return;
        };
        let Some(top) = self.node(summit.top) else {
            return;
        };
        if let Some(up) = self
            .wanted_up(summit.top)
            .filter(|up| up.reason <= Reason::Root)
        {
            let facts = taking.facts;
            taking.out.push(TreeReport::CycleRefused {
                tenant: facts.tenant.clone(),
                step: (*top.name).into(),
                parent: self.name_of(up.node),
                event: facts.event.envelope().id.clone(),
            });
        }
    }

    /// What the claims of a node ask for.
    pub(crate) fn wanted_up(&self, node: NodeIndex) -> Option<Up> {
        let found = self.node(node)?;
        let by_claim = |claim: UpClaim, reason| {
            Some(Up {
                reason,
                by: claim.by,
                way: claim.way,
                node: claim.node().filter(|above| *above != node)?,
            })
        };
        let root = if found.root_inferred {
            Reason::Inferred
        } else {
            Reason::Root
        };
        by_claim(found.parent, Reason::Parent)
            .or_else(|| by_claim(found.root, root))
            .or_else(|| self.by_alias(node, found))
            .or_else(|| by_claim(found.more.as_ref()?.trace, Reason::Trace))
            .or_else(|| by_claim(found.more.as_ref()?.cause, Reason::Causation))
    }

    fn by_alias(&self, node: NodeIndex, found: &Node) -> Option<Up> {
        let upper = found.more.as_ref()?.upper_alias?;
        // One that begins says itself what it stands under.
        if found.begun && !upper.own {
            return None;
        }
        let time = self.entries.get(upper.by)?.time;
        Some(Up {
            reason: Reason::Alias,
            by: upper.by,
            way: upper.way,
            node: self.aliases.holder(upper.alias, time, node)?,
        })
    }

    /// Puts a node under the one that its claims ask for; gives that when it is another than before.
    fn place(&mut self, node: NodeIndex, taking: &mut Taking<'_, '_>) -> Option<Up> {
        let before = self.node(node)?.up;
        let mut wanted = self.wanted_up(node);
        if let Some(up) = wanted
            && before.map(|(_, above)| above) != Some(up.node)
            && !self.hang_together(node, up.node, taking)
        {
            wanted = None;
        }
        let after = wanted.map(|up| (up.reason, up.node));
        if before == after {
            return None;
        }
        self.move_to(node, after);
        wanted.filter(|up| before.map(|(_, above)| above) != Some(up.node))
    }

    /// Puts a node that was read back where its claims want it.
    pub(crate) fn place_again(&mut self, node: NodeIndex) {
        let family = |grove: &Self, node| grove.node(node).map(|node| node.family);
        let wanted = self
            .wanted_up(node)
            .filter(|up| family(self, up.node) == family(self, node));
        self.move_to(node, wanted.map(|up| (up.reason, up.node)));
    }

    /// Puts a node under another, or under none.
    pub(crate) fn move_to(&mut self, node: NodeIndex, after: Option<(Reason, NodeIndex)>) {
        let Some(before) = self.node(node).map(|found| found.up) else {
            return;
        };
        self.remember_up(node);
        if before.map(|(_, above)| above) != after.map(|(_, above)| above) {
            if let Some((_, above)) = before {
                self.take_from(above, node);
            }
            if let Some((_, above)) = after {
                self.put_under(above, node);
            }
        }
        if let Some(found) = self.node_mut(node) {
            found.up = after;
        }
    }

    fn put_under(&mut self, above: NodeIndex, node: NodeIndex) {
        let Some(parent) = self.node_mut(above) else {
            return;
        };
        let next = std::mem::replace(&mut parent.first_child, node);
        parent.children += 1;
        if let Some(next) = self.node_mut(next) {
            next.before = node;
        }
        if let Some(found) = self.node_mut(node) {
            (found.before, found.next) = (NodeIndex::end(), next);
        }
    }

    fn take_from(&mut self, above: NodeIndex, node: NodeIndex) {
        let Some((before, next)) = self.node(node).map(|found| (found.before, found.next)) else {
            return;
        };
        match self.node_mut(before) {
            Some(before) => before.next = next,
            None => {
                if let Some(parent) = self.node_mut(above) {
                    parent.first_child = next;
                }
            }
        }
        if let Some(next) = self.node_mut(next) {
            next.before = before;
        }
        if let Some(parent) = self.node_mut(above) {
            parent.children = parent.children.saturating_sub(1);
        }
    }

    /// Makes two nodes one family; false when that would be too large.
    pub(crate) fn hang_together(
        &mut self,
        node: NodeIndex,
        above: NodeIndex,
        taking: &mut Taking<'_, '_>,
    ) -> bool {
        let family = |grove: &Self, node| grove.node(node).map(|node| node.family);
        let (Some(one), Some(other)) = (family(self, node), family(self, above)) else {
            return false;
        };
        if one == other {
            return true;
        }
        let size = |number| self.families.get(number).map_or(0, |family| family.size);
        if size(one) + size(other) > taking.limits.nodes_per_root {
            self.families.refuse(other, 1);
            let facts = taking.facts;
            taking.out.push(TreeReport::RootFull {
                tenant: facts.tenant.clone(),
                root: self.name_of(above),
                event: facts.event.envelope().id.clone(),
            });
            return false;
        }
        self.join(one, other);
        true
    }

    /// An alert of no workflow stands under the node of the event that set it off.
    pub(crate) fn place_under_trigger(
        &mut self,
        alert: NodeIndex,
        raised: &Raised,
        taking: &mut Taking<'_, '_>,
    ) {
        let Some(trigger) = self.node_of(raised.trigger.as_str()) else {
            return;
        };
        let placed = self.node(alert).and_then(|node| node.more.as_deref());
        if trigger != alert
            && placed.is_none_or(|more| more.cause.node().is_none())
            && self.hang_together(alert, trigger, taking)
        {
            let hung = self.node(alert).map_or(crate::hung::END, |node| node.hung);
            let revisions = self.hung.list(hung).filter(|entry| {
                let entry = self.entries.get(*entry);
                entry.is_some_and(|entry| entry.alert)
            });
            let Some(by) = revisions.min_by(|one, other| self.entries.compare(*one, *other)) else {
                return;
            };
            self.claim(alert, Slot::Cause, UpClaim::new(by, trigger, 0));
            self.follow_claims(alert, true, taking);
        }
    }

    /// The nodes directly under one, in no particular order.
    pub(crate) fn children(&self, node: NodeIndex) -> impl Iterator<Item = NodeIndex> {
        let mut at = self
            .node(node)
            .map_or(NodeIndex::end(), |node| node.first_child);
        std::iter::from_fn(move || {
            let child = self.node(at)?;
            Some(std::mem::replace(&mut at, child.next))
        })
    }

    pub(crate) fn name_of(&self, node: NodeIndex) -> std::sync::Arc<str> {
        self.node(node)
            .map_or_else(|| "".into(), |node| (*node.name).into())
    }

    /// Time of a node's first event or of its alert.
    pub(crate) fn own_first(&self, node: NodeIndex) -> Option<Timestamp> {
        let first = self.node(node)?.first;
        (first != Timestamp::MAX).then_some(first)
    }
}
