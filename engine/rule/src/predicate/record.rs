//! An event as the matcher sees it: a flat list of slots and values.

use super::paths::{PathMap, PathTree};
use super::set::{PredicateSet, Slot};

/// What kind of JSON a value was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// A text.
    Text,
    /// A number, as it was written.
    Number,
    /// `true` or `false`.
    Truth,
    /// `null`.
    Null,
    /// An object, or an array without members: the field is there and has no text.
    Hollow,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) slot: Option<Slot>,
    pub(crate) kind: ValueKind,
    /// The same value was not entered before under another slot.
    pub(crate) first: bool,
    pub(crate) alias: bool,
    start: usize,
    end: usize,
}

/// Under what name a value is entered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Naming {
    pub(crate) slot: Option<Slot>,
    pub(crate) alias: bool,
    pub(crate) first: bool,
}

/// A value of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordValue<'r> {
    /// The field, unless no rule names it.
    pub slot: Option<Slot>,
    /// What it was.
    pub kind: ValueKind,
    /// Its text, unescaped; of a [`ValueKind::Null`] or [`ValueKind::Hollow`], nothing.
    pub text: &'r str,
}

/// One event, read. To be used again for the next: it keeps its memory.
#[derive(Debug, Default)]
pub struct Record {
    texts: String,
    entries: Vec<Entry>,
}

impl Record {
    /// Forgets the event.
    pub fn clear(&mut self) {
        self.texts.clear();
        self.entries.clear();
    }

    /// Adds a value by hand, for events that are not JSON.
    pub fn push(&mut self, slot: Option<Slot>, kind: ValueKind, text: &str) {
        let start = self.begin();
        self.texts.push_str(text);
        let naming = Naming {
            slot,
            alias: false,
            first: true,
        };
        self.enter(naming, kind, start);
    }

    /// Its values, in order; several for a field with several.
    pub fn values(&self) -> impl Iterator<Item = RecordValue<'_>> + '_ {
        self.entries.iter().map(|entry| RecordValue {
            slot: entry.slot,
            kind: entry.kind,
            text: self.text(entry),
        })
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(crate) fn text(&self, entry: &Entry) -> &str {
        self.texts.get(entry.start..entry.end).unwrap_or_default()
    }

    pub(crate) fn texts(&mut self) -> &mut String {
        &mut self.texts
    }

    pub(crate) fn begin(&self) -> usize {
        self.texts.len()
    }

    /// Enters the text that was added since `start`.
    pub(crate) fn enter(&mut self, naming: Naming, kind: ValueKind, start: usize) {
        let end = self.texts.len();
        let Naming { slot, alias, first } = naming;
        self.entries.push(Entry {
            slot,
            kind,
            first,
            alias,
            start,
            end,
        });
    }

    /// An alias counts only where nothing bears the field's own name.
    pub(crate) fn settle_aliases(&mut self) {
        if !self.entries.iter().any(|entry| entry.alias) {
            return;
        }
        for at in 0..self.entries.len() {
            let Some(entry) = self.entries.get(at).copied() else {
                return;
            };
            let shadowed = entry.alias
                && self
                    .entries
                    .iter()
                    .any(|other| other.slot == entry.slot && !other.alias);
            if shadowed && let Some(entry) = self.entries.get_mut(at) {
                entry.slot = None;
            }
        }
    }
}

/// Reads JSON into records, in one pass, for the fields that a set of predicates names.
#[derive(Debug)]
pub struct RecordReader {
    pub(crate) paths: PathTree,
    pub(crate) reads_anything: bool,
    /// Whether values that no rule names are kept, for tests of any value.
    pub(crate) keeps_all: bool,
    pub(crate) places: Vec<super::paths::Place>,
    pub(crate) name: String,
}

impl RecordReader {
    /// Whether some rule asks of a value; if none does, records may stay empty.
    pub fn reads_anything(&self) -> bool {
        self.reads_anything
    }

    /// A reader for the fields of `set`, laid out as `map` says.
    pub fn new(set: &PredicateSet, map: &PathMap) -> Self {
        Self {
            paths: PathTree::new(set.fields(), map),
            reads_anything: set.asks_any_value() || set.fields().next().is_some(),
            keeps_all: set.asks_any_value(),
            places: Vec::new(),
            name: String::new(),
        }
    }
}
