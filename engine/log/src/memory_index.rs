//! What partitions without indexes hold, in memory.
//!
//! Random keys in an index of the open partition would touch a page per event and cut appends to a
//! quarter. So until a partition is sealed, its ids and correlation links are found here instead;
//! [`crate::LogOptions::partition_records`] bounds the memory. Made from the log when it is opened.

use std::collections::{BTreeMap, BTreeSet};

use larum_event::{ContentHash, Position};

use crate::identity::EventIdentity;

/// The first event of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FirstOccurrence {
    pub(crate) content: ContentHash,
    pub(crate) position: Position,
}

/// Ids and links of one partition.
///
/// Trees, not hash tables: growing a table of a million entries would hold up one append for tens
/// of milliseconds, and looking by id alone needs a range.
#[derive(Debug, Default)]
pub(crate) struct MemoryIndex {
    ids: BTreeMap<EventIdentity, FirstOccurrence>,
    links: BTreeSet<(i64, Position)>,
}

impl MemoryIndex {
    /// Remembers the first event of an id; later ones change nothing.
    pub(crate) fn insert(&mut self, identity: EventIdentity, seen: FirstOccurrence) {
        self.ids.entry(identity).or_insert(seen);
    }

    pub(crate) fn add_link(&mut self, key: i64, position: Position) {
        self.links.insert((key, position));
    }

    pub(crate) fn first_occurrence(&self, identity: EventIdentity) -> Option<FirstOccurrence> {
        self.ids.get(&identity).copied()
    }

    /// Positions of the events with this id, of any tenant and source, oldest first.
    pub(crate) fn positions_by_id(&self, id: &str) -> Vec<Position> {
        let mut positions: Vec<_> = self
            .ids
            .range(EventIdentity::range_for_id(id))
            .map(|(_, seen)| seen.position)
            .collect();
        positions.sort_unstable();
        positions
    }

    /// Positions between two others, both left out, of the events linked to `key`; oldest first.
    pub(crate) fn positions_by_link(
        &self,
        key: i64,
        after: Position,
        before: Position,
    ) -> impl DoubleEndedIterator<Item = Position> {
        // `min` keeps the range in order when nothing lies between.
        let start = (key, after.next().min(before));
        self.links
            .range(start..(key, before))
            .map(|(_, position)| *position)
    }
}
