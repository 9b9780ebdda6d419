//! The claim of an event that one node is under another.

use petgraph::stable_graph::NodeIndex;

use crate::entry_table::EntryIndex;

/// The parent of a node, and the event that says so. Small, because every node has two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ParentClaim {
    pub(crate) by: EntryIndex,
    node: u32,
    /// The reason for it, of [`crate::edge_reason::EdgeReasons`].
    pub(crate) edge_reason: u16,
}

impl ParentClaim {
    /// Nothing is claimed.
    pub(crate) const NONE: Self = Self {
        by: EntryIndex(u32::MAX),
        node: u32::MAX,
        edge_reason: 0,
    };

    pub(crate) fn new(by: EntryIndex, node: NodeIndex, reason: u16) -> Self {
        Self {
            by,
            node: u32::try_from(node.index()).unwrap_or(u32::MAX),
            edge_reason: reason,
        }
    }

    pub(crate) fn node(&self) -> Option<NodeIndex> {
        (self.by != EntryIndex(u32::MAX)).then(|| NodeIndex::new(self.node as usize))
    }
}
