//! What this batch has changed so far, so that rules read trees as they were with an earlier event of it.
//!
//! Trees take a whole batch before rules see its first event. Where nodes stood and what was known of them
//! before a change is kept until the next batch begins, and trees that had to go stay until then.

use std::collections::HashMap;
use std::sync::Arc;

use larum_event::{EventId, Position};
use petgraph::stable_graph::NodeIndex;

use crate::grove::Grove;
use crate::node::Reason;

/// The changes of a batch; nothing is kept while nobody asks.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    pub(crate) on: bool,
    /// Where nodes stood before a position, oldest change first.
    pub(crate) ups: HashMap<NodeIndex, Vec<Moved>>,
    /// What was known of nodes before a position.
    pub(crate) known: HashMap<NodeIndex, Vec<(Position, Known)>>,
    /// Nodes that went with a position, still in the graph.
    pub(crate) buried: Vec<NodeIndex>,
    /// Where events hung that went with a position.
    pub(crate) buried_events: HashMap<EventId, (Position, NodeIndex)>,
}

/// The position of an event that moved a node, and where the node stood before.
type Moved = (Position, Option<(Reason, NodeIndex)>);

/// What was known of a node.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    pub(crate) label: Option<Arc<str>>,
    pub(crate) stage: Option<Arc<str>>,
    pub(crate) tags: Vec<(Arc<str>, Arc<str>)>,
    pub(crate) kept: Vec<(Arc<str>, Arc<str>)>,
}

impl Grove {
    /// A new batch begins: nobody asks any more how things stood during the one before.
    pub(crate) fn begin_batch(&mut self) {
        let overlay = std::mem::take(&mut self.overlay);
        self.overlay.on = true;
        for node in overlay.buried {
            self.remove(node);
        }
    }

    /// Keeps what is known of a node before an event changes it.
    pub(crate) fn remember(&mut self, node: NodeIndex, position: Position) {
        if !self.overlay.on {
            return;
        }
        let known = self.known(node);
        self.overlay
            .known
            .entry(node)
            .or_default()
            .push((position, known));
    }

    /// Keeps where a node stands before an event moves it.
    pub(crate) fn remember_up(&mut self, node: NodeIndex) {
        if !self.overlay.on {
            return;
        }
        let up = self.node(node).and_then(|node| node.up);
        self.overlay
            .ups
            .entry(node)
            .or_default()
            .push((self.current, up));
    }

    /// What is known of a node now.
    pub(crate) fn known(&self, node: NodeIndex) -> Known {
        let Some(found) = self.node(node) else {
            return Known::default();
        };
        let more = found.more.as_deref();
        let details = more.and_then(|more| more.details.as_ref());
        let tags = more.into_iter().flat_map(|more| &more.tags);
        Known {
            label: details.and_then(|details| details.label.clone()),
            stage: more.and_then(|more| Some(more.stage.as_ref()?.what.clone())),
            tags: tags
                .map(|(name, said)| (name.clone(), said.what.clone()))
                .collect(),
            kept: details.map_or_else(Vec::new, |details| details.kept.clone()),
        }
    }

    /// What was known of a node with the event at a position.
    pub(crate) fn known_at(&self, node: NodeIndex, at: Position) -> Known {
        let changes = self.overlay.known.get(&node).into_iter().flatten();
        let mut later = changes.filter(|(position, _)| *position > at);
        match later.next() {
            Some((_, before)) => before.clone(),
            None => self.known(node),
        }
    }

    /// Where a node stood with the event at a position, by what events from outside say: when alerts come among
    /// them depends on the engine's pace, so rules do not see it.
    pub(crate) fn up_at(&self, node: NodeIndex, at: Position) -> Option<NodeIndex> {
        let changes = self.overlay.ups.get(&node).into_iter().flatten();
        let mut later = changes.filter(|(position, _)| *position > at);
        let up = match later.next() {
            Some((_, before)) => *before,
            None => self.node(node)?.up,
        };
        up.filter(|(reason, _)| *reason != Reason::Causation)
            .map(|(_, above)| above)
    }
}
