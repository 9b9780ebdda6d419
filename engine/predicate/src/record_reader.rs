//! The reader of records: which fields a set asks for, and where their values were entered.

use crate::ids::SlotId;
use crate::path_cache::PathCache;
use crate::paths::{PathMap, PathTree};
use crate::record::{EntryAddress, FlatRecord, ValueKind};
use crate::scan::TextBuffer;
use crate::set::PredicateSet;

/// Reads JSON into records, in one pass, for the fields that a set of predicates names.
#[derive(Debug)]
pub struct FlatRecordReader {
    pub(crate) path_cache: PathCache,
    pub(crate) reads_anything: bool,
    /// Whether values that no rule names are kept, for tests of any value.
    pub(crate) keeps_all: bool,
    pub(crate) name: TextBuffer,
    pub(crate) exact_entries: ExactEntries,
}

/// Where the values of exact paths were entered, since each has only one.
#[derive(Debug, Default)]
pub(crate) struct ExactEntries {
    /// By slot; 0 for none, else the entry's place and one.
    entries: Vec<usize>,
    slots: Vec<SlotId>,
}

impl ExactEntries {
    pub(crate) fn clear(&mut self) {
        for slot in self.slots.drain(..) {
            if let Some(entry) = self.entries.get_mut(slot.0 as usize) {
                *entry = 0;
            }
        }
    }

    /// The entry of a slot, if it was met before; from now on it is `next`.
    fn replace_entry(&mut self, slot: SlotId, next: usize) -> Option<usize> {
        let at = slot.0 as usize;
        if self.entries.len() <= at {
            self.entries.resize(at + 1, 0);
        }
        let before = self.entries.get_mut(at)?;
        let known = before.checked_sub(1);
        *before = next + 1;
        self.slots.push(slot);
        known
    }

    /// Enters the value of an exact path. As [`larum_event::FieldSet`] reads it, the last value
    /// counts whose names are all segments, or else the first whose names are not.
    pub(crate) fn enter_value(
        &mut self,
        record: &mut FlatRecord,
        naming: EntryAddress,
        kind: ValueKind,
        start: usize,
    ) {
        let Some(slot) = naming.slot else { return };
        let next = record.entries().len();
        if let Some(known) = self.replace_entry(slot, next) {
            if naming.origin.is_dotted() {
                self.replace_entry(slot, known);
                return;
            }
            record.withdraw_entry(known);
        }
        record.enter_value(naming, kind, start);
    }
}

impl FlatRecordReader {
    /// Whether some rule asks of a value; if none does, records may stay empty.
    pub fn reads_anything(&self) -> bool {
        self.reads_anything
    }

    /// A reader for the fields of `set`, laid out as `map` says.
    pub fn new(set: &PredicateSet, map: &PathMap) -> Self {
        Self {
            path_cache: PathCache::new(PathTree::new(set, map)),
            reads_anything: set.asks_any_value()
                || set.fields().next().is_some()
                || set.paths().next().is_some()
                || set.element_paths().next().is_some(),
            keeps_all: set.asks_any_value(),
            name: TextBuffer::default(),
            exact_entries: ExactEntries::default(),
        }
    }
}
