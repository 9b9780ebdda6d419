//! Whose word holds about a node.

use std::cmp::Ordering;
use std::sync::Arc;

use larum_event::{Alert, Correlation, limits};
use petgraph::stable_graph::NodeIndex;

use crate::cross_edge::{CrossEdge, CrossEdgeKind};
use crate::entry_table::EntryIndex;
use crate::event_facts::{ClaimedNodes, NodeClaims, NodeName};
use crate::graph_node::{
    AttributedText, GraphNode, NodeAlert, NodeClass, NodeDetails, OwnAlias, ParentAlias,
};
use crate::parent_claim::ParentClaim;
use crate::tenant_graph::{InsertContext, TenantGraph};

/// Which claim of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClaimSlot {
    Parent,
    Root,
    Inferred,
    Trace,
    Cause,
}

impl TenantGraph {
    /// Takes in what an event says of its own node. A node is never its own parent.
    pub(crate) fn apply_claims(
        &mut self,
        named: &ClaimedNodes,
        group: &NodeClaims<'_>,
        taking: &mut InsertContext<'_, '_>,
    ) {
        let own = named.own;
        let claim = |node: Option<NodeIndex>, naming: &Option<NodeName<'_>>| {
            let way = naming.as_ref()?.edge_reason;
            Some(ParentClaim::new(taking.entry, node?, way))
        };
        let parent = claim(named.parent, &group.parent);
        let root = claim(named.root, &group.root);
        if taking.facts.alert.is_some() {
            // What the engine says of itself never counts against what events say.
            let cause = parent.or(root.filter(|up| up.node() != Some(own)));
            if let Some(cause) = cause {
                self.apply_claim(own, ClaimSlot::Cause, cause);
            }
        } else {
            if let Some(parent) = parent {
                self.apply_claim(own, ClaimSlot::Parent, parent);
            }
            if let Some(root) = root {
                self.apply_claim(own, ClaimSlot::Root, root);
            }
        }
        if group.class == NodeClass::STEP {
            if let Some(correlation) = &taking.facts.event.envelope().correlation {
                self.apply_stage_and_tags(own, correlation, taking);
            }
        } else {
            self.apply_link_facts(own, group, taking);
        }
        if let Some(alert) = taking
            .facts
            .alert
            .filter(|_| group.class == NodeClass::STEP)
        {
            self.apply_alert(own, alert, taking);
        }
    }

    /// Takes in what an event says of the nodes above its own.
    pub(crate) fn apply_ancestor_claims(
        &mut self,
        named: &ClaimedNodes,
        group: &NodeClaims<'_>,
        together: bool,
        taking: &mut InsertContext<'_, '_>,
    ) {
        if taking.facts.alert.is_some() {
            return;
        }
        let by = taking.entry;
        let ClaimedNodes { own, parent, root } = *named;
        if let (Some(parent), Some(root)) = (parent, root) {
            let way = group.root.as_ref().map_or(0, |root| root.edge_reason);
            self.apply_claim(parent, ClaimSlot::Inferred, ParentClaim::new(by, root, way));
        }
        if let (Some(parent), Some(alias)) = (parent, &group.parent_alias) {
            self.apply_parent_alias((parent, false), alias, group.class, taking);
        } else if let Some(alias) = &group.parent_alias {
            self.apply_parent_alias((own, true), alias, group.class, taking);
        }
        let mut above = [parent, root, Some(own)];
        if let Some(trace) = taking
            .facts
            .trace
            .clone()
            .filter(|_| group.class == NodeClass::STEP)
        {
            let known = self.find_node(NodeClass::TRACE, &trace.name);
            let node = known.unwrap_or_else(|| {
                let tree = self.next_tree_id(taking.facts.position);
                let family = self.components.create(tree);
                self.find_or_add_node(NodeClass::TRACE, &trace, family, taking.facts.position)
            });
            let tie = CrossEdge {
                kind: CrossEdgeKind::Trace,
                way: trace.edge_reason,
                position: taking.facts.position,
            };
            self.add_cross_edge(own, node, tie);
            // A claim holds on to its node only within a family.
            if self.try_merge_components(own, node, taking) {
                for claimed in above.iter().flatten() {
                    self.apply_claim(
                        *claimed,
                        ClaimSlot::Trace,
                        ParentClaim::new(by, node, trace.edge_reason),
                    );
                }
            }
        } else if group.parent_alias.is_none() {
            above[2] = None;
        }
        for node in above.into_iter().flatten() {
            self.update_parent(node, together, taking);
        }
    }

    /// Lets a claim hold if it is earlier than what holds. Of two claims of one event, that with the smaller name holds.
    pub(crate) fn apply_claim(&mut self, node: NodeIndex, slot: ClaimSlot, new: ParentClaim) {
        let Some(found) = self.node(node) else { return };
        let held = match slot {
            ClaimSlot::Parent => found.parent_claim,
            ClaimSlot::Root if found.root_inferred => ParentClaim::NONE,
            // What others say counts only while the node says nothing itself.
            ClaimSlot::Inferred if found.root_claim.node().is_some() && !found.root_inferred => {
                return;
            }
            ClaimSlot::Root | ClaimSlot::Inferred => found.root_claim,
            ClaimSlot::Trace => found
                .extras
                .as_ref()
                .map_or(ParentClaim::NONE, |more| more.trace_claim),
            ClaimSlot::Cause => found
                .extras
                .as_ref()
                .map_or(ParentClaim::NONE, |more| more.cause_claim),
        };
        let earlier = held.node().is_none_or(|above| {
            let names = || {
                let name = |node| self.node(node).map(|node| &node.name);
                new.node().map(name).cmp(&Some(name(above)))
            };
            self.entries.compare(new.by, held.by).then_with(names) == Ordering::Less
        });
        if !earlier {
            return;
        }
        self.retain_entry(new.by);
        let Some(found) = self.node_mut(node) else {
            return;
        };
        let old = match slot {
            ClaimSlot::Parent => std::mem::replace(&mut found.parent_claim, new),
            ClaimSlot::Root | ClaimSlot::Inferred => {
                found.root_inferred = slot == ClaimSlot::Inferred;
                std::mem::replace(&mut found.root_claim, new)
            }
            ClaimSlot::Trace => std::mem::replace(&mut found.extras_mut().trace_claim, new),
            ClaimSlot::Cause => std::mem::replace(&mut found.extras_mut().cause_claim, new),
        };
        if old.node().is_some() {
            self.release_entry(old.by);
        }
    }

    pub(crate) fn retain_entry(&mut self, entry: EntryIndex) {
        if let Some(entry) = self.entries.get_mut(entry) {
            entry.claim_count += 1;
        }
    }

    pub(crate) fn release_entry(&mut self, entry: EntryIndex) {
        if let Some(found) = self.entries.get_mut(entry) {
            found.claim_count = found.claim_count.saturating_sub(1);
        }
        self.entries.drop_unused(entry);
    }

    fn apply_stage_and_tags(
        &mut self,
        own: NodeIndex,
        correlation: &Correlation,
        taking: &mut InsertContext<'_, '_>,
    ) {
        if correlation.stage.is_none() && correlation.tags.is_empty() {
            return;
        }
        self.record_attributes(own, taking.facts.position);
        let by = taking.entry;
        if let Some(stage) = &correlation.stage {
            let held = self.node_extras(own).and_then(|more| more.stage.as_ref());
            if self.replaces_text(held, by, stage) {
                let said = self.attribute_text(by, stage);
                let old = self
                    .node_mut(own)
                    .and_then(|node| node.extras_mut().stage.replace(said));
                self.release_text(old);
            }
        }
        for (name, value) in &correlation.tags {
            let held = self.node_extras(own).and_then(|more| more.tags.get(name));
            if self.replaces_text(held, by, value) {
                let said = self.attribute_text(by, value);
                let old = self
                    .node_mut(own)
                    .and_then(|node| node.extras_mut().tags.insert(name.clone(), said));
                self.release_text(old);
            }
        }
        while self
            .node_extras(own)
            .is_some_and(|more| more.tags.len() > limits::TAGS)
        {
            let last = self
                .node_mut(own)
                .and_then(|node| node.extras_mut().tags.pop_last());
            self.release_text(last.map(|(_, said)| said));
        }
    }

    fn node_extras(&self, node: NodeIndex) -> Option<&crate::graph_node::NodeExtras> {
        self.node(node)?.extras.as_deref()
    }

    fn replaces_text(
        &self,
        held: Option<&AttributedText>,
        by: EntryIndex,
        what: &Arc<str>,
    ) -> bool {
        held.is_none_or(|held| {
            let order = self.entries.compare(by, held.by);
            order.then_with(|| what.cmp(&held.text)) == Ordering::Less
        })
    }

    fn attribute_text(&mut self, by: EntryIndex, what: &Arc<str>) -> AttributedText {
        self.retain_entry(by);
        AttributedText {
            by,
            text: what.clone(),
        }
    }

    fn release_text(&mut self, said: Option<AttributedText>) {
        if let Some(said) = said {
            self.release_entry(said.by);
        }
    }

    fn apply_link_facts(
        &mut self,
        own: NodeIndex,
        group: &NodeClaims<'_>,
        taking: &mut InsertContext<'_, '_>,
    ) {
        let (by, position) = (taking.entry, taking.facts.position);
        let was_begun = self.node(own).is_some_and(|node| node.begun);
        if group.begins && !was_begun {
            self.record_attributes(own, position);
            if let Some(node) = self.node_mut(own) {
                node.begun = true;
            }
            // Whoever stood in for it does so no more.
            self.update_parent(own, true, taking);
        }
        if group.label.is_some() || !group.kept_fields.is_empty() {
            let details = NodeDetails {
                begun: group.begins,
                by,
                label: group.label.clone(),
                kept: group.kept_fields.clone(),
            };
            self.apply_details(own, details, taking);
        }
        if let Some(alias) = &group.alias {
            self.apply_alias(own, alias, group.class, taking);
        }
    }

    fn apply_details(&mut self, own: NodeIndex, new: NodeDetails, taking: &InsertContext<'_, '_>) {
        let held = self.node_extras(own).and_then(|more| more.details.as_ref());
        let better = held.is_none_or(|held| match (new.begun, held.begun) {
            (true, false) => true,
            (false, true) => false,
            _ => self.entries.compare(new.by, held.by) == Ordering::Less,
        });
        if !better {
            return;
        }
        self.record_attributes(own, taking.facts.position);
        self.retain_entry(new.by);
        let old = self
            .node_mut(own)
            .and_then(|node| node.extras_mut().details.replace(new));
        if let Some(old) = old {
            self.release_entry(old.by);
        }
    }

    fn apply_alias(
        &mut self,
        own: NodeIndex,
        text: &str,
        class: NodeClass,
        taking: &mut InsertContext<'_, '_>,
    ) {
        let by = taking.entry;
        let held = self.node_extras(own).and_then(|more| more.alias);
        if held.is_some_and(|held| self.entries.compare(by, held.by) != Ordering::Less) {
            return;
        }
        self.retain_entry(by);
        let mut meant = Vec::new();
        if let Some(held) = held {
            meant = self.aliases.remove_owner(held.alias, own);
            self.release_entry(held.by);
        }
        let alias = self.aliases.find_or_insert(class, text);
        if let Some(node) = self.node_mut(own) {
            node.extras_mut().alias = Some(OwnAlias { by, alias });
        }
        let time = taking.facts.event.envelope().time;
        meant.extend(self.aliases.add_owner(alias, time, own));
        for node in meant {
            self.update_parent(node, true, taking);
        }
    }

    /// The node that `text` is the alias of stands in for `node`, or above it.
    fn apply_parent_alias(
        &mut self,
        (node, own): (NodeIndex, bool),
        naming: &NodeName<'_>,
        class: NodeClass,
        taking: &mut InsertContext<'_, '_>,
    ) {
        let by = taking.entry;
        let held = self.node_extras(node).and_then(|more| more.parent_alias);
        let better = held.is_none_or(|held| match (own, held.own) {
            (true, false) => true,
            (false, true) => false,
            _ => self.entries.compare(by, held.by) == Ordering::Less,
        });
        if !better {
            return;
        }
        let alias = self.aliases.find_or_insert(class, &naming.name);
        let time = taking.facts.event.envelope().time;
        self.retain_entry(by);
        let upper = ParentAlias {
            own,
            by,
            edge_reason: naming.edge_reason,
            alias,
        };
        if let Some(found) = self.node_mut(node) {
            found.extras_mut().parent_alias = Some(upper);
        }
        self.aliases.add_mention(alias, time, node);
        if let Some(held) = held {
            self.release_entry(held.by);
            if held.alias != alias {
                self.aliases.remove_mention(held.alias, node);
            }
        }
    }

    fn apply_alert(&mut self, own: NodeIndex, alert: &Alert, taking: &mut InsertContext<'_, '_>) {
        let facts = taking.facts;
        let known = self.node(own).and_then(GraphNode::alert);
        let known = known.map(|known| (known.revision, known.position));
        match known {
            Some((revision, position)) if revision == alert.revision => {
                let least = position.min(facts.position);
                let more = self.node_mut(own).and_then(|node| node.extras.as_mut());
                if let Some(raised) = more.and_then(|more| more.alert.as_mut()) {
                    raised.position = least;
                }
            }
            Some((revision, _)) if revision > alert.revision => {}
            Some(_) | None => {
                self.unlink_causes(own);
                let raised = NodeAlert::from_alert(alert, facts.event, facts.position);
                if let Some(node) = self.node_mut(own) {
                    node.extras_mut().alert = Some(Box::new(raised.clone()));
                }
                self.link_causes(own, &raised);
                self.attach_to_trigger(own, &raised, taking);
                self.forward_alert(own, &raised);
            }
        }
    }
}
