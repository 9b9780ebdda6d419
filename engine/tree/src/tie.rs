//! Ties: how nodes of different trees have to do with each other.

use larum_event::{EventId, Position};
use petgraph::Direction::{Incoming, Outgoing};
use petgraph::stable_graph::NodeIndex;
use petgraph::visit::EdgeRef;
use serde::{Deserialize, Serialize};

use crate::facts::Group;
use crate::grove::{Grove, Taking};
use crate::members::key_hash;
use crate::node::{Node, Raised};

/// Most ties that lead to one node, and most that lead from one; beyond it they are counted. Looking for one and
/// taking one away walks them.
const TIES: usize = 1_000;

/// An edge of the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Tie {
    pub(crate) kind: TieKind,
    /// In which way its target is linked.
    pub(crate) way: u16,
    /// The event that makes it.
    pub(crate) position: Position,
}

/// What a tie says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum TieKind {
    /// One event hangs on both; it leads from the event's main node to the other.
    Shared,
    /// An event of the node carries the trace that it leads to.
    Trace,
    /// An event of the target raised the alert that it leads from.
    Causation,
}

impl Grove {
    /// One event hangs on `main` and on `other`.
    pub(crate) fn tie_shared(
        &mut self,
        main: NodeIndex,
        other: NodeIndex,
        group: &Group<'_>,
        taking: &Taking<'_, '_>,
    ) {
        let tie = Tie {
            kind: TieKind::Shared,
            way: group.own.way,
            position: taking.facts.position,
        };
        self.tie(main, other, tie);
        if let Some(joins) = group.joins {
            self.tell_touch(main, other, joins, taking.facts);
        }
    }

    /// Adds a tie unless there is one of the kind, or too many.
    pub(crate) fn tie(&mut self, from: NodeIndex, to: NodeIndex, tie: Tie) {
        let mut towards = self.graph.edges_directed(to, Incoming);
        if towards.any(|edge| edge.source() == from && edge.weight().kind == tie.kind) {
            return;
        }
        let is_full = |node, way| self.graph.edges_directed(node, way).nth(TIES - 1).is_some();
        if !is_full(to, Incoming) && !is_full(from, Outgoing) {
            self.graph.add_edge(from, to, tie);
        } else if let Some(node) = self.node_mut(to) {
            node.more().ties_left_out += 1;
        }
    }

    /// What an alert's revision says of its causes, in place of what an earlier one said.
    pub(crate) fn point_at_causes(&mut self, alert: NodeIndex, raised: &Raised) {
        for event in raised.causes() {
            let mut nodes = self.nodes_of(event);
            nodes.retain(|node| *node != alert);
            if nodes.is_empty() {
                self.awaited.insert((key_hash(event.as_str()), alert));
            }
            for node in nodes {
                self.tie_cause(alert, node, raised);
            }
        }
    }

    /// What an alert named went; it waits for it again unless another event has the id.
    pub(crate) fn await_again(&mut self, alert: NodeIndex, event: &EventId) {
        let known = self.nodes_of(event);
        if known.iter().all(|node| *node == alert) {
            self.awaited.insert((key_hash(event.as_str()), alert));
        }
    }

    /// The main nodes of the events with an id, by name.
    fn nodes_of(&self, event: &EventId) -> Vec<NodeIndex> {
        let entries = self.entries.with_id(event.as_str());
        let mains = entries.filter_map(|entry| Some(self.entries.get(entry)?.main));
        let mut mains: Vec<_> = mains.filter(|main| self.node(*main).is_some()).collect();
        mains.sort_by_cached_key(|main| self.name_of(*main));
        mains.dedup();
        mains
    }

    fn tie_cause(&mut self, alert: NodeIndex, node: NodeIndex, raised: &Raised) {
        let tie = Tie {
            kind: TieKind::Causation,
            way: 0,
            position: raised.position,
        };
        self.tie(alert, node, tie);
    }

    pub(crate) fn forget_causes(&mut self, alert: NodeIndex) {
        let Some(raised) = self.node(alert).and_then(Node::alert) else {
            return;
        };
        let hashes: Vec<_> = raised
            .causes()
            .map(|event| key_hash(event.as_str()))
            .collect();
        for hash in hashes {
            self.awaited.remove(&(hash, alert));
        }
        let edges = self.graph.edges_directed(alert, Outgoing);
        let causes: Vec<_> = edges
            .filter(|edge| edge.weight().kind == TieKind::Causation)
            .map(|edge| edge.id())
            .collect();
        for edge in causes {
            self.graph.remove_edge(edge);
        }
    }

    /// Alerts that named the event before it came point to it now.
    pub(crate) fn resolve_awaited(&mut self, main: NodeIndex, taking: &mut Taking<'_, '_>) {
        let id = &taking.facts.event.envelope().id;
        let hash = key_hash(id.as_str());
        let mut awaiting: Vec<_> = self.awaiting(id).collect();
        // Another source gave its event the same id.
        for other in self.nodes_of(id).into_iter().filter(|other| *other != main) {
            let alerts = self.ties(other, TieKind::Causation, Incoming);
            awaiting.extend(alerts.map(|(alert, _)| alert).filter(|alert| {
                let raised = self.node(*alert).and_then(Node::alert);
                raised.is_some_and(|raised| raised.causes().any(|cause| cause == id))
            }));
        }
        awaiting.sort_by_cached_key(|alert| self.name_of(*alert));
        for alert in awaiting {
            self.awaited.remove(&(hash, alert));
            if alert == main {
                continue;
            }
            let Some(raised) = self.node(alert).and_then(Node::alert).cloned() else {
                continue;
            };
            self.tie_cause(alert, main, &raised);
            self.place_under_trigger(alert, &raised, taking);
        }
    }

    /// The alerts that an event of the node raised, and the nodes whose events raised the alert.
    pub(crate) fn ties(
        &self,
        node: NodeIndex,
        kind: TieKind,
        direction: petgraph::Direction,
    ) -> impl Iterator<Item = (NodeIndex, Tie)> {
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
