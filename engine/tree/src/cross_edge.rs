//! Ties: how nodes of different trees have to do with each other.

use larum_event::{EventId, Position};
use petgraph::Direction::{Incoming, Outgoing};
use petgraph::stable_graph::NodeIndex;
use petgraph::visit::EdgeRef;
use serde::{Deserialize, Serialize};

use crate::event_facts::NodeClaims;
use crate::graph_node::{GraphNode, NodeAlert};
use crate::tenant_graph::{InsertContext, TenantGraph};
use crate::tree_members::key_hash;

/// Most ties that lead to one node, and most that lead from one; beyond it they are counted. Looking for one and
/// taking one away walks them.
const CROSS_EDGES_PER_NODE: usize = 1_000;

/// An edge of the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct CrossEdge {
    pub(crate) kind: CrossEdgeKind,
    /// In which way its target is linked.
    pub(crate) way: u16,
    /// The event that makes it.
    pub(crate) position: Position,
}

/// What a tie says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum CrossEdgeKind {
    /// One event hangs on both; it leads from the event's main node to the other.
    Shared,
    /// An event of the node carries the trace that it leads to.
    Trace,
    /// An event of the target raised the alert that it leads from.
    Causation,
}

impl TenantGraph {
    /// One event hangs on `main` and on `other`.
    pub(crate) fn add_shared_edge(
        &mut self,
        main: NodeIndex,
        other: NodeIndex,
        group: &NodeClaims<'_>,
        taking: &InsertContext<'_, '_>,
    ) {
        let tie = CrossEdge {
            kind: CrossEdgeKind::Shared,
            way: group.own.edge_reason,
            position: taking.facts.position,
        };
        self.add_cross_edge(main, other, tie);
        if let Some(joins) = group.joins {
            self.forward_touch(main, other, joins, taking.facts);
        }
    }

    /// Adds a tie unless there is one of the kind, or too many.
    pub(crate) fn add_cross_edge(&mut self, from: NodeIndex, to: NodeIndex, tie: CrossEdge) {
        let mut towards = self.graph.edges_directed(to, Incoming);
        if towards.any(|edge| edge.source() == from && edge.weight().kind == tie.kind) {
            return;
        }
        let is_full = |node, way| {
            self.graph
                .edges_directed(node, way)
                .nth(CROSS_EDGES_PER_NODE - 1)
                .is_some()
        };
        if !is_full(to, Incoming) && !is_full(from, Outgoing) {
            self.graph.add_edge(from, to, tie);
        } else if let Some(node) = self.node_mut(to) {
            node.extras_mut().cross_edges_left_out += 1;
        }
    }

    /// What an alert's revision says of its causes, in place of what an earlier one said.
    pub(crate) fn link_causes(&mut self, alert: NodeIndex, raised: &NodeAlert) {
        for event in raised.causes() {
            let mut nodes = self.main_nodes_of(event);
            nodes.retain(|node| *node != alert);
            if nodes.is_empty() {
                self.awaited_events
                    .insert((key_hash(event.as_str()), alert));
            }
            for node in nodes {
                self.add_cause_edge(alert, node, raised);
            }
        }
    }

    /// What an alert named went; it waits for it again unless another event has the id.
    pub(crate) fn await_event(&mut self, alert: NodeIndex, event: &EventId) {
        let known = self.main_nodes_of(event);
        if known.iter().all(|node| *node == alert) {
            self.awaited_events
                .insert((key_hash(event.as_str()), alert));
        }
    }

    /// The main nodes of the events with an id, by name.
    fn main_nodes_of(&self, event: &EventId) -> Vec<NodeIndex> {
        let entries = self.entries.find_by_id(event.as_str());
        let mains = entries.filter_map(|entry| Some(self.entries.get(entry)?.main));
        let mut mains: Vec<_> = mains.filter(|main| self.node(*main).is_some()).collect();
        mains.sort_by_cached_key(|main| self.node_name(*main));
        mains.dedup();
        mains
    }

    fn add_cause_edge(&mut self, alert: NodeIndex, node: NodeIndex, raised: &NodeAlert) {
        let tie = CrossEdge {
            kind: CrossEdgeKind::Causation,
            way: 0,
            position: raised.position,
        };
        self.add_cross_edge(alert, node, tie);
    }

    pub(crate) fn unlink_causes(&mut self, alert: NodeIndex) {
        let Some(raised) = self.node(alert).and_then(GraphNode::alert) else {
            return;
        };
        let hashes: Vec<_> = raised
            .causes()
            .map(|event| key_hash(event.as_str()))
            .collect();
        for hash in hashes {
            self.awaited_events.remove(&(hash, alert));
        }
        let edges = self.graph.edges_directed(alert, Outgoing);
        let causes: Vec<_> = edges
            .filter(|edge| edge.weight().kind == CrossEdgeKind::Causation)
            .map(|edge| edge.id())
            .collect();
        for edge in causes {
            self.graph.remove_edge(edge);
        }
    }

    /// Alerts that named the event before it came point to it now.
    pub(crate) fn resolve_awaiting_alerts(
        &mut self,
        main: NodeIndex,
        taking: &mut InsertContext<'_, '_>,
    ) {
        let id = &taking.facts.event.envelope().id;
        let hash = key_hash(id.as_str());
        let mut awaiting: Vec<_> = self.alerts_awaiting(id).collect();
        // Another source gave its event the same id.
        for other in self
            .main_nodes_of(id)
            .into_iter()
            .filter(|other| *other != main)
        {
            let alerts = self.cross_edges(other, CrossEdgeKind::Causation, Incoming);
            awaiting.extend(alerts.map(|(alert, _)| alert).filter(|alert| {
                let raised = self.node(*alert).and_then(GraphNode::alert);
                raised.is_some_and(|raised| raised.causes().any(|cause| cause == id))
            }));
        }
        awaiting.sort_by_cached_key(|alert| self.node_name(*alert));
        for alert in awaiting {
            self.awaited_events.remove(&(hash, alert));
            if alert == main {
                continue;
            }
            let Some(raised) = self.node(alert).and_then(GraphNode::alert).cloned() else {
                continue;
            };
            self.add_cause_edge(alert, main, &raised);
            self.attach_to_trigger(alert, &raised, taking);
        }
    }

    /// The alerts that an event of the node raised, and the nodes whose events raised the alert.
    pub(crate) fn cross_edges(
        &self,
        node: NodeIndex,
        kind: CrossEdgeKind,
        direction: petgraph::Direction,
    ) -> impl Iterator<Item = (NodeIndex, CrossEdge)> {
        let edges = self.graph.edges_directed(node, direction);
        edges
            .filter(move |edge| edge.weight().kind == kind)
            .map(move |edge| {
                let other = match direction {
                    Incoming => edge.source(),
                    Outgoing => edge.target(),
                };
                (other, *edge.weight())
            })
    }
}
