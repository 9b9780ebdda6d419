//! The events of one tenant: which nodes they belong to, which claims rest on them, which alerts
//! wait for them.
//!
//! Owns the entries, the lists of each node's events, and the ids that alerts name as their causes
//! before such an event arrives. What an event says about a node, and how many events a node keeps,
//! is decided elsewhere.
//! Invariant: an entry is dropped when neither a node nor a claim refers to it, and never before,
//! so a claim can always be compared by the time and id of its event.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use larum_event::{Event, EventId, Position};
use petgraph::stable_graph::NodeIndex;

use crate::entry_table::{EntryIndex, EntryTable, EventEntry};
use crate::node_events::NodeEvents;
use crate::tree_members::key_hash;

/// The events of one tenant.
#[derive(Debug, Default)]
pub(crate) struct EventTable {
    entries: EntryTable,
    lists: NodeEvents,
    /// Alerts, each by the hash of the id of a cause that belongs to no node yet.
    awaiting: BTreeSet<(u64, NodeIndex)>,
}

impl EventTable {
    /// How many events can be found by id.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn get(&self, entry: EntryIndex) -> Option<&EventEntry> {
        self.entries.get(entry)
    }

    /// All events, those included that only claims refer to.
    pub(crate) fn iter_all(&self) -> impl Iterator<Item = EntryIndex> {
        self.entries.iter_all()
    }

    /// The events with an id; more than one when sources share it.
    pub(crate) fn find_by_id(&self, id: &str) -> impl Iterator<Item = EntryIndex> {
        self.entries.find_by_id(id)
    }

    /// Adds an event that belongs to no node yet.
    pub(crate) fn insert(&mut self, event: &Event, position: Position, alert: bool) -> EntryIndex {
        self.entries.insert_event(event, position, alert)
    }

    /// Adds an event that a checkpoint holds.
    pub(crate) fn restore(&mut self, entry: EventEntry) -> EntryIndex {
        self.entries.insert_entry(entry)
    }

    /// An event was given again: the earlier of its positions counts. Gives the position before.
    pub(crate) fn lower_position(
        &mut self,
        entry: EntryIndex,
        position: Position,
    ) -> Option<Position> {
        let entry = self.entries.get_mut(entry)?;
        let before = entry.position;
        entry.position = before.min(position);
        Some(before)
    }

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

    /// A claim rests on an event from now on.
    pub(crate) fn retain(&mut self, entry: EntryIndex) {
        if let Some(entry) = self.entries.get_mut(entry) {
            entry.claim_count += 1;
        }
    }

    /// A claim no longer rests on an event.
    pub(crate) fn release(&mut self, entry: EntryIndex) {
        if let Some(found) = self.entries.get_mut(entry) {
            debug_assert!(found.claim_count > 0, "a claim is released once");
            found.claim_count = found.claim_count.saturating_sub(1);
        }
        self.entries.drop_unused(entry);
    }

    /// Drops an event that belongs to no node and that no claim rests on.
    pub(crate) fn drop_unused(&mut self, entry: EntryIndex) {
        self.entries.drop_unused(entry);
    }

    /// The events of a node, in no particular order, given the head of its list.
    pub(crate) fn iter_list(&self, head: u32) -> impl Iterator<Item = (EntryIndex, &EventEntry)> {
        let entries = self.lists.iter_list(head);
        entries.filter_map(|entry| Some((entry, self.get(entry)?)))
    }

    /// The latest event of a list.
    pub(crate) fn latest(&self, head: u32) -> Option<EntryIndex> {
        let entries = self.lists.iter_list(head);
        entries.max_by(|one, other| self.compare(*one, *other))
    }

    /// Adds an event to a node and to the list that begins at `head`; gives the new head. The first
    /// node of an event is its main one.
    pub(crate) fn attach(&mut self, head: u32, entry: EntryIndex, node: NodeIndex) -> u32 {
        if let Some(found) = self.entries.get_mut(entry) {
            if found.node_count == 0 {
                found.main = node;
            }
            found.node_count = found.node_count.saturating_add(1);
        }
        self.lists.push_front(head, entry)
    }

    /// Adds an event to the list of a node that a checkpoint holds; its main node is already known.
    pub(crate) fn restore_to_list(&mut self, head: u32, entry: EntryIndex) -> u32 {
        if let Some(found) = self.entries.get_mut(entry) {
            found.node_count = found.node_count.saturating_add(1);
        }
        self.lists.push_front(head, entry)
    }

    /// Removes an event from a node and from the list that begins at `head`; gives the new head.
    pub(crate) fn detach(&mut self, head: u32, entry: EntryIndex, node: NodeIndex) -> u32 {
        let after = self.lists.remove(head, entry);
        self.forget_node(entry, node);
        after
    }

    /// Removes all events of a list from their node.
    pub(crate) fn detach_all(&mut self, head: u32, node: NodeIndex) {
        let entries: Vec<_> = self.lists.iter_list(head).collect();
        self.lists.clear_list(head);
        for entry in entries {
            self.forget_node(entry, node);
        }
    }

    /// An event belongs to a node no more. Where that was its main one it has none, because another
    /// node may be in that one's place later.
    fn forget_node(&mut self, entry: EntryIndex, node: NodeIndex) {
        let Some(found) = self.entries.get_mut(entry) else {
            return;
        };
        if found.main == node {
            found.main = NodeIndex::end();
        }
        found.node_count = found.node_count.saturating_sub(1);
        if found.node_count == 0 {
            self.entries.remove_from_index(entry);
        }
        self.entries.drop_unused(entry);
    }

    /// An alert names an event that belongs to no node.
    pub(crate) fn await_event(&mut self, event: &EventId, alert: NodeIndex) {
        self.restore_awaiting(key_hash(event.as_str()), alert);
    }

    pub(crate) fn restore_awaiting(&mut self, event_hash: u64, alert: NodeIndex) {
        self.awaiting.insert((event_hash, alert));
    }

    /// An alert waits for an event no longer.
    pub(crate) fn stop_awaiting(&mut self, event: &EventId, alert: NodeIndex) {
        self.awaiting.remove(&(key_hash(event.as_str()), alert));
    }

    /// Whether any alert waits for an event.
    pub(crate) fn has_awaiting(&self) -> bool {
        !self.awaiting.is_empty()
    }

    /// The alerts that may wait for an event: those that wait for one of the same hash.
    pub(crate) fn find_awaiting(&self, event: &EventId) -> impl Iterator<Item = NodeIndex> {
        let hash = key_hash(event.as_str());
        let same = (hash, NodeIndex::new(0))..=(hash, NodeIndex::end());
        self.awaiting.range(same).map(|(_, alert)| *alert)
    }

    /// Hashes of all events that alerts wait for, with the alerts.
    pub(crate) fn iter_awaiting(&self) -> impl Iterator<Item = (u64, NodeIndex)> {
        self.awaiting.iter().copied()
    }
}
