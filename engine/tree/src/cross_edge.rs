//! Cross edges: how nodes that are not under each other have to do with each other.

use larum_event::Position;
use serde::{Deserialize, Serialize};

/// An edge of the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct CrossEdge {
    pub(crate) kind: CrossEdgeKind,
    /// The number of the reason for which its target is linked.
    pub(crate) reason: u16,
    /// The event that makes it.
    pub(crate) position: Position,
}

/// What a cross edge says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum CrossEdgeKind {
    /// One event belongs to both; it leads from the event's main node to the other.
    Shared,
    /// An event of the node carries the trace that it leads to.
    Trace,
    /// An event of the target raised the alert that it leads from.
    Causation,
}
