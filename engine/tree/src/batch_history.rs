//! What this batch has changed so far, so that rules read trees as they were with an earlier event
//! of it.
//!
//! The graph takes in a whole batch before rules see its first event. Owns what was known of a node
//! before each change of the batch, and the list of nodes that were evicted meanwhile, which stay
//! in the graph until the next batch begins. Which of this a rule may see does not matter here.
//! Invariant: the changes of one node are in the order of their positions, so the first one after a
//! position holds what was known with the event there.

use std::collections::HashMap;

use larum_event::{EventId, Position, Timestamp};
use petgraph::stable_graph::NodeIndex;

use crate::entry_table::EventEntry;
use crate::graph_node::{NodeAttributes, ParentKind};

/// The changes of a batch; nothing is recorded before the first batch begins.
#[derive(Debug, Default)]
pub(crate) struct BatchHistory {
    is_on: bool,
    parents: NodeChanges<Option<(ParentKind, NodeIndex)>>,
    attributes: NodeChanges<NodeAttributes>,
    first_times: NodeChanges<Timestamp>,
    /// Nodes that were evicted, still in the graph.
    evicted_nodes: Vec<NodeIndex>,
    /// Where events were that an event of the batch displaced, oldest first.
    removed_events: HashMap<EventId, Vec<RemovedEvent>>,
    /// The events of the batch and the nodes that they name first, also of those that only count
    /// there.
    batch_nodes: HashMap<Position, (EventId, NodeIndex)>,
}

/// The node an event belonged to, and between which positions.
#[derive(Debug)]
struct RemovedEvent {
    from: Position,
    until: Position,
    node: NodeIndex,
}

/// Values that nodes had before the events at some positions changed them.
#[derive(Debug)]
struct NodeChanges<T>(HashMap<NodeIndex, Vec<(Position, T)>>);

impl<T> Default for NodeChanges<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T> NodeChanges<T> {
    fn record(&mut self, node: NodeIndex, at: Position, before: T) {
        self.0.entry(node).or_default().push((at, before));
    }

    /// The value with the event at a position; `None` when nothing changed it since.
    fn value_at(&self, node: NodeIndex, at: Position) -> Option<&T> {
        let mut changes = self.0.get(&node)?.iter();
        let later = changes.find(|(position, _)| *position > at)?;
        Some(&later.1)
    }
}

impl BatchHistory {
    /// A history that records from now on, or one that does not yet.
    pub(crate) fn new(is_on: bool) -> Self {
        Self {
            is_on,
            ..Self::default()
        }
    }

    /// A new batch begins: forgets the one before, and gives the nodes that may leave the graph
    /// now.
    pub(crate) fn begin_batch(&mut self) -> Vec<NodeIndex> {
        std::mem::replace(self, Self::new(true)).evicted_nodes
    }

    /// Records what was known of a node before the event at a position changes it.
    pub(crate) fn record_attributes(
        &mut self,
        node: NodeIndex,
        at: Position,
        before: impl FnOnce() -> NodeAttributes,
    ) {
        if self.is_on {
            self.attributes.record(node, at, before());
        }
    }

    /// Records the parent of a node before the event at a position moves it.
    pub(crate) fn record_parent(
        &mut self,
        node: NodeIndex,
        at: Position,
        before: Option<(ParentKind, NodeIndex)>,
    ) {
        if self.is_on {
            self.parents.record(node, at, before);
        }
    }

    /// Records when a node was seen first before the event at a position.
    pub(crate) fn record_first_time(&mut self, node: NodeIndex, at: Position, before: Timestamp) {
        if self.is_on {
            self.first_times.record(node, at, before);
        }
    }

    /// Records the node of an event that the event at a position removes from it. Alerts are not
    /// recorded: rules find an alert's tree by its trigger.
    pub(crate) fn record_event_removal(&mut self, removed: &EventEntry, at: Position) {
        if !self.is_on || removed.alert {
            return;
        }
        let known = self.removed_events.entry(removed.id.clone());
        known.or_default().push(RemovedEvent {
            from: removed.position,
            until: at,
            node: removed.main,
        });
    }

    /// Records the node that an event of the batch names first.
    pub(crate) fn record_batch_node(&mut self, at: Position, event: &EventId, node: NodeIndex) {
        if self.is_on {
            self.batch_nodes.insert(at, (event.clone(), node));
        }
    }

    /// Keeps an evicted node in the graph until the next batch; false when it may go at once.
    pub(crate) fn defer_removal(&mut self, node: NodeIndex) -> bool {
        if self.is_on {
            self.evicted_nodes.push(node);
        }
        self.is_on
    }

    /// What was known of a node with the event at a position; `None` for what is known now.
    pub(crate) fn attributes_at(&self, node: NodeIndex, at: Position) -> Option<&NodeAttributes> {
        self.attributes.value_at(node, at)
    }

    /// The parent of a node with the event at a position; `None` for the one it has now.
    pub(crate) fn parent_at(
        &self,
        node: NodeIndex,
        at: Position,
    ) -> Option<Option<(ParentKind, NodeIndex)>> {
        self.parents.value_at(node, at).copied()
    }

    /// When a node was seen first with the event at a position; `None` for what is known now.
    pub(crate) fn first_time_at(&self, node: NodeIndex, at: Position) -> Option<Timestamp> {
        self.first_times.value_at(node, at).copied()
    }

    /// The node that an event of the batch names first.
    pub(crate) fn batch_node(&self, event: &EventId, at: Position) -> Option<NodeIndex> {
        let (id, node) = self.batch_nodes.get(&at)?;
        (id == event).then_some(*node)
    }

    /// The nodes that an event belonged to with the event at a position, and does no longer.
    pub(crate) fn removed_nodes_of(
        &self,
        event: &EventId,
        at: Position,
    ) -> impl Iterator<Item = NodeIndex> {
        let removed = self.removed_events.get(event).into_iter().flatten();
        removed
            .filter(move |removed| removed.from <= at && at < removed.until)
            .map(|removed| removed.node)
    }
}
