//! Trees that have to make room.

use larum_event::{TenantId, Timestamp};
use petgraph::Direction::Incoming;
use petgraph::stable_graph::NodeIndex;
use petgraph::visit::EdgeRef;

use crate::component;
use crate::cross_edge::CrossEdgeKind;
use crate::event_facts::EventFacts;
use crate::graph_node::{GraphNode, NodeAlert};
use crate::node_events;
use crate::tenant_graph::TenantGraph;
use crate::tree_members::{TreeMembers, key_hash};
use crate::tree_report::TreeReport;

impl TenantGraph {
    /// Lets the tree go that was added to longest ago.
    pub(crate) fn evict_oldest(&mut self, facts: &EventFacts<'_>, out: &mut Vec<TreeReport>) {
        let Some(number) = self.components.oldest() else {
            return;
        };
        if let Some(members) = self.tree_members(facts.tenant, number) {
            out.push(TreeReport::RootEvicted {
                tenant: facts.tenant.clone(),
                root: members.root.clone(),
                steps: members.keys.len(),
            });
            let facts = self.tree_facts(number);
            if let Some(facts) = facts {
                self.incidents.forget_tree(members.tree, &facts);
            }
            self.evicted_trees.push(members);
        }
        let nodes: Vec<_> = self.component_nodes(number).collect();
        self.components.remove(number);
        for node in nodes {
            self.detach_node(node);
        }
    }

    /// What the family of a number is made of.
    pub(crate) fn tree_members(&self, tenant: &TenantId, number: u32) -> Option<TreeMembers> {
        let family = self.components.get(number)?;
        let top = self.root_of(number)?;
        let mut keys = Vec::with_capacity(family.size);
        let mut events = Vec::new();
        let (mut first, mut last) = (Timestamp::MAX, Timestamp::MIN);
        for node in self.component_nodes(number) {
            let Some(found) = self.node(node) else {
                continue;
            };
            keys.push(key_hash(&found.name));
            for entry in self.node_events.iter_list(found.event_list) {
                if let Some(entry) = self.entries.get(entry) {
                    events.push(entry.position);
                    (first, last) = (first.min(entry.time), last.max(entry.time));
                }
            }
        }
        keys.sort_unstable();
        events.sort_unstable();
        events.dedup();
        Some(TreeMembers {
            tenant: tenant.clone(),
            tree: family.tree,
            root: self.node_name(top),
            keys,
            events,
            first,
            last,
        })
    }

    /// The top over the node that a family began with.
    pub(crate) fn root_of(&self, number: u32) -> Option<NodeIndex> {
        let anchor = self.components.get(number)?.anchor;
        Some(self.find_root(anchor)?.top)
    }

    /// Takes a node out of everything that finds it. While a batch goes on it stays in the graph, for those who ask
    /// how things stood with an earlier event.
    fn detach_node(&mut self, node: NodeIndex) {
        self.unlink_causes(node);
        self.remove_name(node);
        let raised = self.cross_edges(node, CrossEdgeKind::Causation, Incoming);
        let raised: Vec<_> = raised.map(|(alert, _)| alert).collect();
        let ties = self.graph.edges_directed(node, Incoming);
        let ties: Vec<_> = ties.map(|edge| edge.id()).collect();
        let out: Vec<_> = self.graph.edges(node).map(|edge| edge.id()).collect();
        for tie in ties.into_iter().chain(out) {
            self.graph.remove_edge(tie);
        }
        let Some(found) = self.graph.node_weight_mut(node) else {
            return;
        };
        let head = std::mem::replace(&mut found.event_list, node_events::LIST_END);
        // The number of its family is another one's soon.
        found.component = component::NO_COMPONENT;
        let aliases = found
            .extras
            .as_deref()
            .map(|more| (more.alias, more.parent_alias));
        let entries: Vec<_> = self.node_events.iter_list(head).collect();
        self.node_events.clear_list(head);
        for entry in entries {
            self.record_event_removal(entry);
            self.detach_event(entry, node);
        }
        // What raised them may come again.
        for alert in raised {
            let causes = self
                .node(alert)
                .and_then(GraphNode::alert)
                .map(NodeAlert::causes);
            let causes: Vec<_> = causes.into_iter().flatten().cloned().collect();
            for cause in causes {
                self.await_event(alert, &cause);
            }
        }
        if let Some((own, upper)) = aliases {
            if let Some(own) = own {
                // Who meant it goes with it: they are of one family.
                drop(self.aliases.remove_owner(own.alias, node));
            }
            if let Some(upper) = upper {
                self.aliases.remove_mention(upper.alias, node);
            }
        }
        if self.batch_history.is_on {
            self.batch_history.removed_nodes.push(node);
        } else {
            self.remove_node(node);
        }
    }

    /// Takes a node out of the graph, and lets go of the events that only its claims held.
    pub(crate) fn remove_node(&mut self, node: NodeIndex) {
        let Some(gone) = self.graph.remove_node(node) else {
            return;
        };
        let mut ups = vec![gone.parent_claim, gone.root_claim];
        let mut claims = Vec::new();
        if let Some(more) = &gone.extras {
            ups.extend([more.trace_claim, more.cause_claim]);
            let said = more.stage.iter().chain(more.tags.values());
            claims.extend(said.map(|said| said.by));
            claims.extend(more.details.iter().map(|details| details.by));
            claims.extend(more.alias.iter().map(|alias| alias.by));
            claims.extend(more.parent_alias.iter().map(|upper| upper.by));
        }
        let ups = ups.iter().filter(|up| up.node().is_some());
        claims.extend(ups.map(|up| up.by));
        for claim in claims {
            self.release_entry(claim);
        }
    }
}
