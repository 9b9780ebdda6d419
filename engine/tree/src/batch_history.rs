//! What this batch has changed so far, so that rules read trees as they were with an earlier event of it.
//!
//! Trees take a whole batch before rules see its first event. Where nodes stood and what was known of them
//! before a change is kept until the next batch begins, and trees that had to go stay until then.

use std::collections::HashMap;
use std::sync::Arc;

use larum_event::{EventId, Position, Timestamp};
use petgraph::stable_graph::NodeIndex;

use crate::entry_table::EntryIndex;
use crate::graph_node::ParentKind;
use crate::tenant_graph::TenantGraph;

/// The changes of a batch; nothing is kept while nobody asks.
#[derive(Debug, Default)]
pub(crate) struct BatchHistory {
    pub(crate) is_on: bool,
    /// Where nodes stood before a position, oldest change first.
    pub(crate) parents: HashMap<NodeIndex, Vec<ParentChange>>,
    /// What was known of nodes before a position.
    pub(crate) attributes: HashMap<NodeIndex, Vec<(Position, NodeAttributes)>>,
    /// Nodes that went with a position, still in the graph.
    pub(crate) removed_nodes: Vec<NodeIndex>,
    /// Where events hung that went with an event of the batch, oldest first.
    pub(crate) removed_events: HashMap<EventId, Vec<RemovedEvent>>,
    /// When nodes had been seen first before a position.
    pub(crate) first_times: HashMap<NodeIndex, Vec<(Position, Timestamp)>>,
    /// The events of the batch and the nodes that they name first, also of those that only count there.
    pub(crate) batch_nodes: HashMap<Position, (EventId, NodeIndex)>,
}

/// Where an event hung, and of which positions.
#[derive(Debug)]
pub(crate) struct RemovedEvent {
    pub(crate) from: Position,
    pub(crate) until: Position,
    pub(crate) node: NodeIndex,
}

/// The position of an event that moved a node, and where the node stood before.
type ParentChange = (Position, Option<(ParentKind, NodeIndex)>);

/// What was known of a node.
#[derive(Debug, Clone, Default)]
pub(crate) struct NodeAttributes {
    pub(crate) label: Option<Arc<str>>,
    pub(crate) stage: Option<Arc<str>>,
    pub(crate) tags: Vec<(Arc<str>, Arc<str>)>,
    pub(crate) kept: Vec<(Arc<str>, Arc<str>)>,
}

impl TenantGraph {
    /// A new batch begins: nobody asks any more how things stood during the one before.
    pub(crate) fn begin_batch(&mut self) {
        let overlay = std::mem::take(&mut self.batch_history);
        self.batch_history.is_on = true;
        for node in overlay.removed_nodes {
            self.remove_node(node);
        }
    }

    /// Keeps what is known of a node before an event changes it.
    pub(crate) fn record_attributes(&mut self, node: NodeIndex, position: Position) {
        if !self.batch_history.is_on {
            return;
        }
        let known = self.attributes_of(node);
        self.batch_history
            .attributes
            .entry(node)
            .or_default()
            .push((position, known));
    }

    /// Keeps where a node stands before an event moves it.
    pub(crate) fn record_parent(&mut self, node: NodeIndex) {
        if !self.batch_history.is_on {
            return;
        }
        let up = self.node(node).and_then(|node| node.parent_edge);
        self.batch_history
            .parents
            .entry(node)
            .or_default()
            .push((self.current_position, up));
    }

    /// Keeps where an event hung that goes with the current one.
    pub(crate) fn record_event_removal(&mut self, entry: EntryIndex) {
        let Some(found) = self.entries.get(entry).filter(|_| self.batch_history.is_on) else {
            return;
        };
        if found.alert {
            return;
        }
        let buried = RemovedEvent {
            from: found.position,
            until: self.current_position,
            node: found.main,
        };
        let known = self.batch_history.removed_events.entry(found.id.clone());
        known.or_default().push(buried);
    }

    /// Keeps when a node was seen first before the current event.
    pub(crate) fn record_first_time(&mut self, node: NodeIndex, first: Timestamp) {
        if self.batch_history.is_on {
            let known = self.batch_history.first_times.entry(node).or_default();
            known.push((self.current_position, first));
        }
    }

    /// What is known of a node now.
    pub(crate) fn attributes_of(&self, node: NodeIndex) -> NodeAttributes {
        let Some(found) = self.node(node) else {
            return NodeAttributes::default();
        };
        let more = found.extras.as_deref();
        let details = more.and_then(|more| more.details.as_ref());
        let tags = more.into_iter().flat_map(|more| &more.tags);
        NodeAttributes {
            label: details.and_then(|details| details.label.clone()),
            stage: more.and_then(|more| Some(more.stage.as_ref()?.text.clone())),
            tags: tags
                .map(|(name, said)| (name.clone(), said.text.clone()))
                .collect(),
            kept: details.map_or_else(Vec::new, |details| details.kept.clone()),
        }
    }

    /// What was known of a node with the event at a position.
    pub(crate) fn attributes_at(&self, node: NodeIndex, at: Position) -> NodeAttributes {
        let changes = self
            .batch_history
            .attributes
            .get(&node)
            .into_iter()
            .flatten();
        let mut later = changes.filter(|(position, _)| *position > at);
        match later.next() {
            Some((_, before)) => before.clone(),
            None => self.attributes_of(node),
        }
    }

    /// Where a node stood with the event at a position, by what events from outside say: when alerts come among
    /// them depends on the engine's pace, so rules do not see it.
    pub(crate) fn parent_at(&self, node: NodeIndex, at: Position) -> Option<NodeIndex> {
        let changes = self.batch_history.parents.get(&node).into_iter().flatten();
        let mut later = changes.filter(|(position, _)| *position > at);
        let up = match later.next() {
            Some((_, before)) => *before,
            None => self.node(node)?.parent_edge,
        };
        up.filter(|(reason, _)| *reason != ParentKind::Causation)
            .map(|(_, above)| above)
    }
}
