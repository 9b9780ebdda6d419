//! What this batch has changed so far, so that rules read trees as they were with an earlier event of it.
//!
//! Trees take a whole batch before rules see its first event. Where nodes stood and what was known of them
//! before a change is kept until the next batch begins, and trees that had to go stay until then.

use std::collections::HashMap;
use std::sync::Arc;

use larum_event::{EventId, Position, Timestamp};
use petgraph::stable_graph::NodeIndex;

use crate::entry::EntryIndex;
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
    /// Where events hung that went with an event of the batch, oldest first.
    pub(crate) buried_events: HashMap<EventId, Vec<Buried>>,
    /// When nodes had been seen first before a position.
    pub(crate) firsts: HashMap<NodeIndex, Vec<(Position, Timestamp)>>,
    /// The events of the batch and the nodes that they name first, also of those that only count there.
    pub(crate) placed: HashMap<Position, (EventId, NodeIndex)>,
}

/// Where an event hung, and of which positions.
#[derive(Debug)]
pub(crate) struct Buried {
    pub(crate) came: Position,
    pub(crate) went: Position,
    pub(crate) node: NodeIndex,
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

    /// Keeps where an event hung that goes with the current one.
    pub(crate) fn remember_event(&mut self, entry: EntryIndex) {
        let Some(found) = self.entries.get(entry).filter(|_| self.overlay.on) else {
            return;
        };
        if found.alert {
            return;
        }
        let buried = Buried {
            came: found.position,
            went: self.current,
            node: found.main,
        };
        let known = self.overlay.buried_events.entry(found.id.clone());
        known.or_default().push(buried);
    }

    /// Keeps when a node was seen first before the current event.
    pub(crate) fn remember_first(&mut self, node: NodeIndex, first: Timestamp) {
        if self.overlay.on {
            let known = self.overlay.firsts.entry(node).or_default();
            known.push((self.current, first));
        }
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
