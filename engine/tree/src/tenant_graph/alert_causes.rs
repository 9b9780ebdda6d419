//! Which events raised an alert, as edges between nodes.
//!
//! Owns the edges of causation and the list of causes that are still awaited. Where an alert goes
//! is decided in `placement`; what it says is not looked at here.
//! Invariant: every cause of an alert's newest revision either has an edge or is awaited, so an
//! event that comes after its alert is found by it.

use larum_event::EventId;
use petgraph::Direction::Incoming;
use petgraph::stable_graph::NodeIndex;

use super::TenantGraph;
use super::insertion::Insertion;
use crate::cross_edge::{CrossEdge, CrossEdgeKind};
use crate::graph_node::{GraphNode, NodeAlert};

impl TenantGraph {
    /// Links an alert's revision to its causes; those that are not there yet are awaited.
    pub(super) fn link_causes(&mut self, alert: NodeIndex, raised: &NodeAlert) {
        for event in raised.causes() {
            let mut nodes = self.main_nodes_of(event);
            nodes.retain(|node| *node != alert);
            if nodes.is_empty() {
                self.events.await_event(event, alert);
            }
            for node in nodes {
                self.add_cause_edge(alert, node, raised);
            }
        }
    }

    /// A cause of an alert was evicted: the alert awaits it again unless another event has the id.
    pub(super) fn await_cause(&mut self, alert: NodeIndex, event: &EventId) {
        let known = self.main_nodes_of(event);
        if known.iter().all(|node| *node == alert) {
            self.events.await_event(event, alert);
        }
    }

    /// The main nodes of the events with an id, by name.
    fn main_nodes_of(&self, event: &EventId) -> Vec<NodeIndex> {
        let entries = self.events.find_by_id(event.as_str());
        let mut mains: Vec<_> = entries
            .filter_map(|entry| Some(self.events.get(entry)?.main))
            .filter(|main| self.nodes.get(*main).is_some())
            .collect();
        mains.sort_by_cached_key(|main| self.nodes.name(*main));
        mains.dedup();
        mains
    }

    fn add_cause_edge(&mut self, alert: NodeIndex, node: NodeIndex, raised: &NodeAlert) {
        let edge = CrossEdge {
            kind: CrossEdgeKind::Causation,
            reason: 0,
            position: raised.position,
        };
        self.nodes.add_cross_edge(alert, node, edge);
    }

    /// Removes all links of an alert to its causes.
    pub(super) fn unlink_causes(&mut self, alert: NodeIndex) {
        let Some(raised) = self.nodes.get(alert).and_then(GraphNode::alert) else {
            return;
        };
        for event in raised.causes() {
            self.events.stop_awaiting(event, alert);
        }
        self.nodes
            .remove_cross_edges_from(alert, CrossEdgeKind::Causation);
    }
}

impl Insertion<'_, '_> {
    /// Alerts that named the event before it came point to it now.
    pub(super) fn resolve_awaiting_alerts(&mut self, main: NodeIndex) {
        let id = &self.facts.event.envelope().id;
        let mut awaiting: Vec<_> = self.graph.alerts_awaiting(id).collect();
        // Another source gave its event the same id: its alerts mean this event, too.
        for other in self.graph.main_nodes_of(id) {
            if other == main {
                continue;
            }
            let nodes = &self.graph.nodes;
            let alerts = nodes.cross_edges(other, CrossEdgeKind::Causation, Incoming);
            awaiting.extend(alerts.map(|(alert, _)| alert).filter(|alert| {
                let raised = nodes.get(*alert).and_then(GraphNode::alert);
                raised.is_some_and(|raised| raised.causes().any(|cause| cause == id))
            }));
        }
        // By name: the numbers of nodes depend on the order of arrival.
        awaiting.sort_by_cached_key(|alert| self.graph.nodes.name(*alert));
        for alert in awaiting {
            self.graph.events.stop_awaiting(id, alert);
            if alert == main {
                continue;
            }
            let raised = self.graph.nodes.get(alert).and_then(GraphNode::alert);
            let Some(raised) = raised.cloned() else {
                continue;
            };
            self.graph.add_cause_edge(alert, main, &raised);
            self.attach_to_trigger(alert, &raised);
        }
    }
}
