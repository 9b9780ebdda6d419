//! An event as the graph remembers it, and the table of all of a tenant's.
//!
//! Owns the slots and the index by id; who refers to an entry is counted by [`crate::event_table`],
//! not here.
//! Invariant: an entry keeps its number until it is dropped, so claims and lists may hold numbers.

use larum_event::{Event, EventId, EventType, Position, Severity, Source, Timestamp};
use petgraph::stable_graph::NodeIndex;
use serde::{Deserialize, Serialize};

use crate::hashing::{TextHasher, ValueInterner};
use crate::name_index::NameIndex;

/// Most events of different sources that are found by one id; nobody looks through the others.
const EVENTS_PER_ID: usize = 100;

/// The place of an entry in [`EntryTable`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct EntryIndex(pub(crate) u32);

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EventEntry {
    pub(crate) id: EventId,
    pub(crate) event_type: EventType,
    pub(crate) source: Source,
    pub(crate) time: Timestamp,
    pub(crate) severity: Severity,
    pub(crate) position: Position,
    /// Whether it carries a revision of an alert.
    pub(crate) alert: bool,
    /// Whether it is found by its id.
    pub(crate) is_indexed: bool,
    /// The first node that it belongs to; [`NodeIndex::end`] while it belongs to none.
    pub(crate) main: NodeIndex,
    /// How many nodes it belongs to.
    pub(crate) node_count: u16,
    /// How many claims are its.
    pub(crate) claim_count: u32,
}

/// The events of one tenant, found by id.
#[derive(Debug, Default)]
pub(crate) struct EntryTable {
    slots: Vec<Option<EventEntry>>,
    free: Vec<EntryIndex>,
    by_id: NameIndex<EntryIndex>,
    hashing: TextHasher,
    types: ValueInterner<EventType>,
    sources: ValueInterner<Source>,
}

impl EntryTable {
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(crate) fn get(&self, index: EntryIndex) -> Option<&EventEntry> {
        self.slots.get(index.0 as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, index: EntryIndex) -> Option<&mut EventEntry> {
        self.slots.get_mut(index.0 as usize)?.as_mut()
    }

    /// All events, those that only claim included.
    pub(crate) fn iter_all(&self) -> impl Iterator<Item = EntryIndex> {
        let slots = self.slots.iter().zip(0..);
        slots
            .filter(|(slot, _)| slot.is_some())
            .map(|(_, place)| EntryIndex(place))
    }

    /// The events with an id; more than one when sources share it.
    pub(crate) fn find_by_id(&self, id: &str) -> impl Iterator<Item = EntryIndex> {
        let hash = self.hashing.hash_text(id);
        let same = self.by_id.find_candidates(hash);
        same.filter(move |index| {
            self.get(*index)
                .is_some_and(|entry| entry.id.as_str() == id)
        })
    }

    /// Adds an event that belongs to no node yet.
    pub(crate) fn insert_event(
        &mut self,
        event: &Event,
        position: Position,
        alert: bool,
    ) -> EntryIndex {
        let envelope = event.envelope();
        let same = self.find_by_id(envelope.id.as_str());
        let found = same.take(EVENTS_PER_ID).count() < EVENTS_PER_ID;
        self.insert_entry(EventEntry {
            id: envelope.id.clone(),
            event_type: envelope.event_type.clone(),
            source: envelope.source.clone(),
            time: envelope.time,
            severity: envelope.severity,
            position,
            alert,
            is_indexed: found,
            main: NodeIndex::end(),
            node_count: 0,
            claim_count: 0,
        })
    }

    pub(crate) fn insert_entry(&mut self, mut entry: EventEntry) -> EntryIndex {
        entry.event_type = self.types.intern(entry.event_type);
        entry.source = self.sources.intern(entry.source);
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            EntryIndex(u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX))
        });
        let hash = entry
            .is_indexed
            .then(|| self.hashing.hash_text(entry.id.as_str()));
        if let Some(slot) = self.slots.get_mut(index.0 as usize) {
            *slot = Some(entry);
        }
        if let Some(hash) = hash {
            self.by_id.insert(hash, index);
        }
        index
    }

    /// Can be found by its id no more; it stays for the claims that are its.
    pub(crate) fn remove_from_index(&mut self, index: EntryIndex) {
        let Some(entry) = self.get_mut(index) else {
            return;
        };
        if !std::mem::take(&mut entry.is_indexed) {
            return;
        }
        let Some(entry) = self.get(index) else { return };
        let hash = self.hashing.hash_text(entry.id.as_str());
        self.by_id.remove(hash, index);
    }

    /// Drops an event that belongs to no node and claims nothing.
    pub(crate) fn drop_unused(&mut self, index: EntryIndex) {
        let unused = self
            .get(index)
            .is_some_and(|entry| entry.node_count == 0 && entry.claim_count == 0);
        if !unused {
            return;
        }
        self.remove_from_index(index);
        if let Some(slot) = self.slots.get_mut(index.0 as usize) {
            *slot = None;
            self.free.push(index);
        }
    }
}
