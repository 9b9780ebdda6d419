//! What events claim about nodes, and whose claim holds.
//!
//! Events of one node may contradict each other. The claim of the earliest event holds, by time and
//! then by id: so the answer does not depend on the order in which they arrive.

use std::cmp::Ordering;

use petgraph::stable_graph::NodeIndex;

use crate::entry_table::{EntryIndex, EntryTable};

/// What a node stands under, and the event that says so. Small, because every node has two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ParentClaim {
    pub(crate) by: EntryIndex,
    node: u32,
    /// The way of linking that made it, of [`crate::ways::EdgeReasons`].
    pub(crate) edge_reason: u16,
}

impl ParentClaim {
    /// Nothing is claimed.
    pub(crate) const NONE: Self = Self {
        by: EntryIndex(u32::MAX),
        node: u32::MAX,
        edge_reason: 0,
    };

    pub(crate) fn new(by: EntryIndex, node: NodeIndex, way: u16) -> Self {
        Self {
            by,
            node: u32::try_from(node.index()).unwrap_or(u32::MAX),
            edge_reason: way,
        }
    }

    pub(crate) fn node(&self) -> Option<NodeIndex> {
        (self.by != EntryIndex(u32::MAX)).then(|| NodeIndex::new(self.node as usize))
    }
}

impl EntryTable {
    /// Which of two events holds against the other: by time, then by id, then by source.
    pub(crate) fn compare(&self, one: EntryIndex, other: EntryIndex) -> Ordering {
        if one == other {
            return Ordering::Equal;
        }
        let rank = |index| {
            let entry = self.get(index)?;
            Some((entry.time, &entry.id, &entry.source))
        };
        rank(one).cmp(&rank(other))
    }
}
