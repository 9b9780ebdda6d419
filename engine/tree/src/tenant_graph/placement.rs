//! Puts a node under the parent that its claims name.
//!
//! Owns moving nodes and reporting circles. `claims` decides which claim counts, and `tree_root`
//! where a tree with a circle begins.
//! Invariant: a node is moved only into its own component, so the two are merged first, or the node
//! stays without a parent.

use petgraph::stable_graph::NodeIndex;

use super::TenantGraph;
use super::claims::ClaimSlot;
use super::insertion::Insertion;
use crate::graph_node::{NodeAlert, ParentChoice, ParentKind};
use crate::parent_claim::ParentClaim;
use crate::tree_report::TreeReport;

impl Insertion<'_, '_> {
    /// Puts a node where its claims put it, and reports a circle that this closes. It can close one
    /// only if the two nodes were in one component before (`was_joint`).
    pub(super) fn update_parent(&mut self, node: NodeIndex, was_joint: bool) {
        let Some(choice) = self.move_to_claimed_parent(node) else {
            return;
        };
        // Skip the climb where no circle is possible: a growing chain would pay for its whole
        // length each time.
        let found = self.graph.nodes.get(node);
        let is_leaf = found.is_none_or(|node| node.child_count == 0);
        if is_leaf || !was_joint && choice.kind <= ParentKind::Inferred {
            return;
        }
        let root = self.graph.find_root(node);
        let Some(root) = root.filter(|root| root.cycle.contains(&node)) else {
            return;
        };
        let cut = self.graph.claimed_parent(root.top);
        if let Some(cut) = cut.filter(|cut| cut.kind <= ParentKind::Root) {
            self.reports.push(TreeReport::CycleRefused {
                tenant: self.facts.tenant.clone(),
                step: self.graph.nodes.name(root.top),
                parent: self.graph.nodes.name(cut.node),
                event: self.facts.event.envelope().id.clone(),
            });
        }
    }

    /// Puts a node under the parent that its claims name. Returns that parent if it is a new one.
    fn move_to_claimed_parent(&mut self, node: NodeIndex) -> Option<ParentChoice> {
        let before = self.graph.nodes.get(node)?.parent_edge;
        let node_before = before.map(|(_, above)| above);
        let mut choice = self.graph.claimed_parent(node);
        if let Some(claimed) = choice
            && node_before != Some(claimed.node)
            && !self.try_merge_components(node, claimed.node)
        {
            choice = None;
        }
        let after = choice.map(|choice| (choice.kind, choice.node));
        if before == after {
            return None;
        }
        self.graph.set_parent(node, after);
        choice.filter(|choice| node_before != Some(choice.node))
    }

    /// An alert without a workflow is placed under the node of its trigger.
    pub(super) fn attach_to_trigger(&mut self, alert: NodeIndex, raised: &NodeAlert) {
        let Some(trigger) = self.graph.node_of_event(raised.trigger.as_str()) else {
            return;
        };
        let extras = self.graph.nodes.extras(alert);
        let is_placed = extras.is_some_and(|extras| extras.cause_claim.node().is_some());
        if trigger == alert || is_placed || !self.try_merge_components(alert, trigger) {
            return;
        }
        let Some(found) = self.graph.nodes.get(alert) else {
            return;
        };
        let events = &self.graph.events;
        let entries = events.iter_list(found.event_list);
        let revisions = entries.filter(|(_, entry)| entry.alert);
        let first = revisions.min_by(|one, other| events.compare(one.0, other.0));
        if let Some((by, _)) = first {
            // The earliest revision counts, and later ones may arrive first.
            self.apply_claim(alert, ClaimSlot::Cause, ParentClaim::new(by, trigger, 0));
            self.update_parent(alert, true);
        }
    }
}

impl TenantGraph {
    /// Puts a node under another one, or makes it a root.
    fn set_parent(&mut self, node: NodeIndex, after: Option<(ParentKind, NodeIndex)>) {
        let Some(found) = self.nodes.get(node) else {
            return;
        };
        let at = self.current_position;
        self.history.record_parent(node, at, found.parent_edge);
        self.nodes.set_parent(node, after);
    }

    /// Puts a node that was read from a checkpoint where its claims put it.
    pub(super) fn restore_parent(&mut self, node: NodeIndex) {
        let component = self.nodes.component(node);
        let choice = self
            .claimed_parent(node)
            .filter(|choice| self.nodes.component(choice.node) == component);
        self.set_parent(node, choice.map(|choice| (choice.kind, choice.node)));
    }
}
