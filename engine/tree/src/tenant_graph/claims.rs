//! What an event claims about where nodes are, and which of several claims holds.
//!
//! Owns the choice between claims of the same kind; where a node goes is then decided from all that
//! hold, in `placement`. What an event says of a node itself is in `node_facts`.
//! Invariant: of two claims of a kind the one of the earlier event holds (by time, then id, then
//! source, then the name of the claimed node), so the order of arrival does not matter.

use std::cmp::Ordering;

use petgraph::stable_graph::NodeIndex;

use super::insertion::Insertion;
use crate::cross_edge::{CrossEdge, CrossEdgeKind};
use crate::event_facts::{ClaimedNodes, NodeClaims, NodeName};
use crate::graph_node::{GraphNode, NodeClass, OwnAlias, ParentAlias};
use crate::parent_claim::ParentClaim;

/// Which claim of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClaimSlot {
    Parent,
    Root,
    Inferred,
    Trace,
    Cause,
}

impl Insertion<'_, '_> {
    /// Applies what the event says of its own node. A node is never its own parent.
    pub(super) fn apply_claims(&mut self, named: &ClaimedNodes, group: &NodeClaims<'_>) {
        let (own, facts) = (named.own, self.facts);
        let claim = |node: Option<NodeIndex>, naming: &Option<NodeName<'_>>| {
            let reason = naming.as_ref()?.edge_reason;
            Some(ParentClaim::new(self.entry, node?, reason))
        };
        let parent = claim(named.parent, &group.parent);
        let root = claim(named.root, &group.root);
        if facts.alert.is_some() {
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
            if let Some(correlation) = &facts.event.envelope().correlation {
                self.apply_stage_and_tags(own, correlation);
            }
            // Claims before the alert: an alert whose own claims hold does not go under its
            // trigger.
            if let Some(alert) = facts.alert {
                self.apply_alert(own, alert);
            }
        } else {
            self.apply_link_facts(own, group);
        }
    }

    /// Applies what the event says of the nodes above its own, then puts them all where their
    /// claims want them.
    pub(super) fn apply_ancestor_claims(
        &mut self,
        named: &ClaimedNodes,
        group: &NodeClaims<'_>,
        was_joint: bool,
    ) {
        if self.facts.alert.is_some() {
            return;
        }
        let ClaimedNodes { own, parent, root } = *named;
        if let (Some(parent), Some(root)) = (parent, root) {
            let reason = group.root.as_ref().map_or(0, |root| root.edge_reason);
            let claim = ParentClaim::new(self.entry, root, reason);
            self.apply_claim(parent, ClaimSlot::Inferred, claim);
        }
        if let Some(alias) = &group.parent_alias {
            self.apply_parent_alias(named, alias, group.class);
        }
        let is_step = group.class == NodeClass::STEP;
        let trace = self.facts.trace.as_ref().filter(|_| is_step);
        if let Some(trace) = trace {
            self.apply_trace(named, trace);
        }
        // Move nodes only now: each of them may have several new claims, and moves once.
        let is_own_claimed = trace.is_some() || group.parent_alias.is_some();
        let own = Some(own).filter(|_| is_own_claimed);
        for node in [parent, root, own].into_iter().flatten() {
            self.update_parent(node, was_joint);
        }
    }

    /// The event carries a trace: its nodes are in it, as far as they say nothing else.
    fn apply_trace(&mut self, named: &ClaimedNodes, trace: &NodeName<'_>) {
        let position = self.facts.position;
        let known = self.graph.nodes.find(NodeClass::TRACE, &trace.name);
        let node = known.unwrap_or_else(|| {
            let component = self.graph.components.found_tree(position);
            let name = trace.name.as_ref().into();
            let new = GraphNode::new(name, NodeClass::TRACE, trace.edge_reason, position);
            self.graph.add_node(new, component)
        });
        let edge = CrossEdge {
            kind: CrossEdgeKind::Trace,
            reason: trace.edge_reason,
            position,
        };
        self.graph.nodes.add_cross_edge(named.own, node, edge);
        // Merge before claiming: a claim never leads out of its component.
        if !self.try_merge_components(named.own, node) {
            return;
        }
        let claim = ParentClaim::new(self.entry, node, trace.edge_reason);
        let claimed = [named.parent, named.root, Some(named.own)];
        for claimed in claimed.into_iter().flatten() {
            self.apply_claim(claimed, ClaimSlot::Trace, claim);
        }
    }

    /// Lets a claim hold if it is earlier than the one that holds. Of two claims of one event, the
    /// one with the smaller name holds.
    pub(super) fn apply_claim(&mut self, node: NodeIndex, slot: ClaimSlot, new: ParentClaim) {
        let (nodes, events) = (&mut self.graph.nodes, &mut self.graph.events);
        let Some(found) = nodes.get(node) else {
            return;
        };
        let extras = found.extras.as_deref();
        let current = match slot {
            ClaimSlot::Parent => found.parent_claim,
            ClaimSlot::Root if found.root_inferred => ParentClaim::NONE,
            // What others say counts only while the node says nothing itself.
            ClaimSlot::Inferred if found.root_claim.node().is_some() && !found.root_inferred => {
                return;
            }
            ClaimSlot::Root | ClaimSlot::Inferred => found.root_claim,
            ClaimSlot::Trace => extras.map_or(ParentClaim::NONE, |extras| extras.trace_claim),
            ClaimSlot::Cause => extras.map_or(ParentClaim::NONE, |extras| extras.cause_claim),
        };
        let is_earlier = current.node().is_none_or(|above| {
            let names = || {
                let name = |node| nodes.get(node).map(|node| &node.name);
                new.node().map(name).cmp(&Some(name(above)))
            };
            events.compare(new.by, current.by).then_with(names) == Ordering::Less
        });
        if !is_earlier {
            return;
        }
        let Some(found) = nodes.get_mut(node) else {
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
        // Retain before releasing: both claims may rest on one event, which must not be dropped
        // between.
        events.retain(new.by);
        if old.node().is_some() {
            events.release(old.by);
        }
    }

    /// The event gives its node an alias, unless an earlier event did.
    pub(super) fn apply_alias(&mut self, own: NodeIndex, text: &str, class: NodeClass) {
        let graph = &mut *self.graph;
        let (by, time) = (self.entry, self.facts.event.envelope().time);
        let current = graph.nodes.extras(own).and_then(|extras| extras.alias);
        if current.is_some_and(|alias| graph.events.compare(by, alias.by) != Ordering::Less) {
            return;
        }
        graph.events.retain(by);
        let mut mentioning = Vec::new();
        if let Some(current) = current {
            mentioning = graph.aliases.remove_owner(current.alias, own);
            graph.events.release(current.by);
        }
        let alias = graph.aliases.find_or_insert(class, text);
        if let Some(node) = graph.nodes.get_mut(own) {
            node.extras_mut().alias = Some(OwnAlias { by, alias });
        }
        mentioning.extend(graph.aliases.add_owner(alias, time, own));
        // Move them after both changes: some may mean the old alias and the new one.
        for node in mentioning {
            self.update_parent(node, true);
        }
    }

    /// The node that has the alias is above the node's parent where one is named, else above the
    /// node itself.
    fn apply_parent_alias(
        &mut self,
        named: &ClaimedNodes,
        naming: &NodeName<'_>,
        class: NodeClass,
    ) {
        let graph = &mut *self.graph;
        let (by, own) = (self.entry, named.parent.is_none());
        let node = named.parent.unwrap_or(named.own);
        let extras = graph.nodes.extras(node);
        let current = extras.and_then(|extras| extras.parent_alias);
        let is_better = current.is_none_or(|current| match (own, current.own) {
            (true, false) => true,
            (false, true) => false,
            _ => graph.events.compare(by, current.by) == Ordering::Less,
        });
        if !is_better {
            return;
        }
        let alias = graph.aliases.find_or_insert(class, &naming.name);
        graph.events.retain(by);
        if let Some(found) = graph.nodes.get_mut(node) {
            found.extras_mut().parent_alias = Some(ParentAlias {
                own,
                by,
                edge_reason: naming.edge_reason,
                alias,
            });
        }
        // Mention the new alias before the old one is given up: an alias without any use is
        // dropped.
        let time = self.facts.event.envelope().time;
        graph.aliases.add_mention(alias, time, node);
        if let Some(current) = current {
            graph.events.release(current.by);
            if current.alias != alias {
                graph.aliases.remove_mention(current.alias, node);
            }
        }
    }
}
