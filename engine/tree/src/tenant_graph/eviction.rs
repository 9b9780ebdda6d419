//! Trees that make room for others.
//!
//! Owns what is done when a component is evicted, and what a store learns about it. Which one
//! is evicted follows from the order in the component table; when, from the limits, which are
//! checked elsewhere.
//! Invariant: after an eviction nothing finds the nodes, and alerts of other trees await again what
//! was evicted, so that the same events may come back.

use larum_event::{TenantId, Timestamp};
use petgraph::Direction::Incoming;
use petgraph::stable_graph::NodeIndex;

use super::TenantGraph;
use crate::component;
use crate::cross_edge::CrossEdgeKind;
use crate::graph_node::{GraphNode, NodeAlert};
use crate::node_events;
use crate::tree_members::{TreeMembers, key_hash};
use crate::tree_report::TreeReport;

impl TenantGraph {
    /// Evicts the tree that was added to longest ago.
    pub(super) fn evict_oldest(&mut self, tenant: &TenantId, reports: &mut Vec<TreeReport>) {
        let Some(number) = self.components.oldest() else {
            return;
        };
        // Describe the tree before taking it apart: a store keeps it, incidents keep its root and
        // its count.
        if let Some(members) = self.tree_members(tenant, number) {
            reports.push(TreeReport::RootEvicted {
                tenant: tenant.clone(),
                root: members.root.clone(),
                steps: members.keys.len(),
            });
            if let Some(facts) = self.tree_facts(number) {
                self.incidents.forget_tree(members.tree, &facts);
            }
            self.evicted_trees.push(members);
        }
        let nodes: Vec<_> = self.components.members(number, &self.nodes).collect();
        self.components.remove(number);
        for node in nodes {
            self.evict_node(node);
        }
    }

    /// What the tree of a component is made of.
    pub(crate) fn tree_members(&self, tenant: &TenantId, number: u32) -> Option<TreeMembers> {
        let component = self.components.get(number)?;
        let top = self.root_of(number)?;
        let mut keys = Vec::with_capacity(component.size());
        let mut events = Vec::new();
        let (mut first, mut last) = (Timestamp::MAX, Timestamp::MIN);
        for node in self.components.members(number, &self.nodes) {
            let Some(found) = self.nodes.get(node) else {
                continue;
            };
            keys.push(key_hash(&found.name));
            for (_, entry) in self.events.iter_list(found.event_list) {
                events.push(entry.position);
                (first, last) = (first.min(entry.time), last.max(entry.time));
            }
        }
        keys.sort_unstable();
        events.sort_unstable();
        events.dedup();
        Some(TreeMembers {
            tenant: tenant.clone(),
            tree: component.tree(),
            root: self.nodes.name(top),
            keys,
            events,
            first,
            last,
        })
    }

    /// The root above the node that a component began with.
    pub(super) fn root_of(&self, number: u32) -> Option<NodeIndex> {
        let anchor = self.components.get(number)?.anchor();
        Some(self.find_root(anchor)?.top)
    }

    /// Removes a node from everything that finds it. During a batch it stays in the graph, for
    /// rules that ask how things were with an earlier event.
    fn evict_node(&mut self, node: NodeIndex) {
        self.unlink_causes(node);
        // Collect the alerts before their edges go: they await their causes again.
        let caused = self
            .nodes
            .cross_edges(node, CrossEdgeKind::Causation, Incoming);
        let alerts: Vec<_> = caused.map(|(alert, _)| alert).collect();
        self.nodes.hide(node);
        let Some(found) = self.nodes.get_mut(node) else {
            return;
        };
        let head = std::mem::replace(&mut found.event_list, node_events::LIST_END);
        // The number of its component is another one's soon.
        found.component = component::NO_COMPONENT;
        let extras = found.extras.as_deref();
        let own_alias = extras.and_then(|extras| extras.alias);
        let parent_alias = extras.and_then(|extras| extras.parent_alias);
        // Record before detaching: an event forgets its node then.
        for (_, entry) in self.events.iter_list(head) {
            let at = self.current_position;
            self.history.record_event_removal(entry, at);
        }
        self.events.detach_all(head, node);
        // Await after detaching: what still has a node is not awaited.
        for alert in alerts {
            let raised = self.nodes.get(alert).and_then(GraphNode::alert);
            let causes = raised.into_iter().flat_map(NodeAlert::causes);
            for cause in causes.cloned().collect::<Vec<_>>() {
                self.await_cause(alert, &cause);
            }
        }
        if let Some(own) = own_alias {
            // Nodes that meant it are evicted with it: they are of one component.
            drop(self.aliases.remove_owner(own.alias, node));
        }
        if let Some(upper) = parent_alias {
            self.aliases.remove_mention(upper.alias, node);
        }
        if !self.history.defer_removal(node) {
            self.remove_node(node);
        }
    }

    /// Takes a node out of the graph, and drops the events that only its claims referred to.
    pub(super) fn remove_node(&mut self, node: NodeIndex) {
        let Some(removed) = self.nodes.remove(node) else {
            return;
        };
        let mut claims = vec![removed.parent_claim, removed.root_claim];
        let mut entries = Vec::new();
        if let Some(extras) = &removed.extras {
            claims.extend([extras.trace_claim, extras.cause_claim]);
            let texts = extras.stage.iter().chain(extras.tags.values());
            entries.extend(texts.map(|text| text.by));
            entries.extend(extras.details.iter().map(|details| details.by));
            entries.extend(extras.alias.iter().map(|alias| alias.by));
            entries.extend(extras.parent_alias.iter().map(|upper| upper.by));
        }
        let claims = claims.iter().filter(|claim| claim.node().is_some());
        entries.extend(claims.map(|claim| claim.by));
        for entry in entries {
            self.events.release(entry);
        }
    }
}
