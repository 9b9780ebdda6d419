//! An event as the trees remember it, and the store of all of a tenant's.

use larum_event::{Event, EventId, EventType, Position, Severity, Source, Timestamp};
use petgraph::stable_graph::NodeIndex;
use serde::{Deserialize, Serialize};

use crate::hashing::{Hashing, Shared};
use crate::table::Table;

/// Most events of different sources that are found by one id; nobody looks through the others.
const SAME_ID: usize = 100;

/// The place of an entry in [`Entries`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct EntryIndex(pub(crate) u32);

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: EventId,
    pub(crate) event_type: EventType,
    pub(crate) source: Source,
    pub(crate) time: Timestamp,
    pub(crate) severity: Severity,
    pub(crate) position: Position,
    /// Whether it carries a revision of an alert.
    pub(crate) alert: bool,
    /// Whether it is found by its id.
    pub(crate) found: bool,
    /// The first node that it hangs on; [`NodeIndex::end`] while it hangs on none.
    pub(crate) main: NodeIndex,
    /// How many nodes it hangs on.
    pub(crate) hung: u16,
    /// How many claims are its.
    pub(crate) claims: u32,
}

/// The events of one tenant, found by id.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    slots: Vec<Option<Entry>>,
    free: Vec<EntryIndex>,
    by_id: Table<EntryIndex>,
    hashing: Hashing,
    types: Shared<EventType>,
    sources: Shared<Source>,
}

impl Entries {
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(crate) fn get(&self, index: EntryIndex) -> Option<&Entry> {
        self.slots.get(index.0 as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, index: EntryIndex) -> Option<&mut Entry> {
        self.slots.get_mut(index.0 as usize)?.as_mut()
    }

    /// All events, those that only claim included.
    pub(crate) fn all(&self) -> impl Iterator<Item = EntryIndex> {
        let slots = self.slots.iter().zip(0..);
        slots
            .filter(|(slot, _)| slot.is_some())
            .map(|(_, place)| EntryIndex(place))
    }

    /// The events with an id; more than one when sources share it.
    pub(crate) fn with_id(&self, id: &str) -> impl Iterator<Item = EntryIndex> {
        let hash = self.hashing.of(id);
        let same = self.by_id.all_of(hash);
        same.filter(move |index| {
            self.get(*index)
                .is_some_and(|entry| entry.id.as_str() == id)
        })
    }

    /// Adds an event that hangs nowhere yet.
    pub(crate) fn add(&mut self, event: &Event, position: Position, alert: bool) -> EntryIndex {
        let envelope = event.envelope();
        let same = self.with_id(envelope.id.as_str());
        let found = same.take(SAME_ID).count() < SAME_ID;
        self.put(Entry {
            id: envelope.id.clone(),
            event_type: envelope.event_type.clone(),
            source: envelope.source.clone(),
            time: envelope.time,
            severity: envelope.severity,
            position,
            alert,
            found,
            main: NodeIndex::end(),
            hung: 0,
            claims: 0,
        })
    }

    pub(crate) fn put(&mut self, mut entry: Entry) -> EntryIndex {
        entry.event_type = self.types.share(entry.event_type);
        entry.source = self.sources.share(entry.source);
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            EntryIndex(u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX))
        });
        let hash = entry.found.then(|| self.hashing.of(entry.id.as_str()));
        if let Some(slot) = self.slots.get_mut(index.0 as usize) {
            *slot = Some(entry);
        }
        if let Some(hash) = hash {
            self.by_id.add(hash, index);
        }
        index
    }

    /// Can be found by its id no more; it stays for the claims that are its.
    pub(crate) fn hide(&mut self, index: EntryIndex) {
        let Some(entry) = self.get_mut(index) else {
            return;
        };
        if !std::mem::take(&mut entry.found) {
            return;
        }
        let Some(entry) = self.get(index) else { return };
        let hash = self.hashing.of(entry.id.as_str());
        self.by_id.remove(hash, index);
    }

    /// Lets go of an event that hangs nowhere and claims nothing.
    pub(crate) fn drop_unused(&mut self, index: EntryIndex) {
        let unused = self
            .get(index)
            .is_some_and(|entry| entry.hung == 0 && entry.claims == 0);
        if !unused {
            return;
        }
        self.hide(index);
        if let Some(slot) = self.slots.get_mut(index.0 as usize) {
            *slot = None;
            self.free.push(index);
        }
    }
}
