//! An event as the matcher sees it: a flat list of slots and values.
//!
//! Owns the values and their texts; where they come from is left to the reader, and what is asked
//! of them to tests.
//! Invariant: an entry's text is a part of the record's own buffer, so the matcher folds all texts
//! in one pass and finds each again by its place.

use std::ops::Range;

use larum_event::value::Number;

use crate::ids::SlotId;
use crate::scan::TextBuffer;

/// What kind of JSON a value was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// A text.
    Text,
    /// A number, as it was written.
    Number,
    /// `true` or `false`.
    Bool,
    /// The literal `null`.
    Null,
    /// An object, or an array without members: the field is there and has no text.
    Container,
    /// An array at an exact path.
    List,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct RecordEntry {
    pub(crate) slot: Option<SlotId>,
    pub(crate) kind: ValueKind,
    /// The same value was not entered before under another slot.
    pub(crate) first: bool,
    pub(crate) alias: bool,
    pub(crate) origin: EntryOrigin,
    start: u32,
    end: u32,
}

/// How a value came under its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryOrigin {
    /// By a layout, or pushed by the caller.
    Layout,
    /// By an exact path, each name a segment.
    Nested,
    /// By an exact path, one of the names with a dot in it.
    Dotted,
    /// As an element of the array there.
    Element,
    /// As an element of an array that one of such names leads to.
    DottedElement,
}

impl EntryOrigin {
    /// Whether it is the one value of its slot.
    pub(crate) fn is_single_valued(self) -> bool {
        matches!(self, Self::Nested | Self::Dotted)
    }

    pub(crate) fn is_dotted(self) -> bool {
        matches!(self, Self::Dotted | Self::DottedElement)
    }
}

impl RecordEntry {
    /// Whether tests of texts are about it.
    pub(crate) fn is_textual(&self) -> bool {
        match self.kind {
            ValueKind::Text => true,
            ValueKind::Number | ValueKind::Bool => self.origin == EntryOrigin::Layout,
            ValueKind::Null | ValueKind::Container | ValueKind::List => false,
        }
    }

    /// The number that tests of numbers are about.
    pub(crate) fn number(&self, text: &str) -> Option<Number> {
        match (self.origin, self.kind) {
            (EntryOrigin::Layout, _) => Number::parse(text),
            (_, ValueKind::Number) => Number::parse_json(text),
            _ => None,
        }
    }
}

/// Under what name a value is entered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EntryAddress {
    pub(crate) slot: Option<SlotId>,
    pub(crate) alias: bool,
    pub(crate) first: bool,
    pub(crate) origin: EntryOrigin,
}

/// A value of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordValue<'r> {
    /// The field, unless no rule names it.
    pub slot: Option<SlotId>,
    /// What it was.
    pub kind: ValueKind,
    /// Its text, unescaped; of null, objects and arrays, nothing.
    pub text: &'r str,
}

/// One event, read. To be used again for the next: it keeps its memory.
#[derive(Debug, Default)]
pub struct FlatRecord {
    texts: TextBuffer,
    entries: Vec<RecordEntry>,
    has_alias: bool,
}

impl RecordEntry {
    /// Where its text is among all texts.
    pub(crate) fn text_range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

impl FlatRecord {
    /// Forgets the event.
    pub fn clear(&mut self) {
        self.texts.clear();
        self.entries.clear();
        self.has_alias = false;
    }

    /// Adds a value by hand, for events that are not JSON.
    pub fn push_value(&mut self, slot: Option<SlotId>, kind: ValueKind, text: &str) {
        self.push_entry(slot, kind, text, true);
    }

    /// Adds the value of a slot that is no part of the event: tests of any value do not see it.
    pub fn push_external(&mut self, slot: SlotId, kind: ValueKind, text: &str) {
        self.push_entry(Some(slot), kind, text, false);
    }

    fn push_entry(&mut self, slot: Option<SlotId>, kind: ValueKind, text: &str, first: bool) {
        let start = self.text_end();
        self.texts.extend(text.as_bytes());
        let naming = EntryAddress {
            slot,
            alias: false,
            first,
            origin: EntryOrigin::Layout,
        };
        self.enter_value(naming, kind, start);
    }

    /// Its values, in order; several for a field with several.
    pub fn values(&self) -> impl Iterator<Item = RecordValue<'_>> + '_ {
        self.entries.iter().map(|entry| RecordValue {
            slot: entry.slot,
            kind: entry.kind,
            text: self.entry_text(entry),
        })
    }

    pub(crate) fn entries(&self) -> &[RecordEntry] {
        &self.entries
    }

    pub(crate) fn entry_text(&self, entry: &RecordEntry) -> &str {
        str::from_utf8(self.entry_bytes(entry)).unwrap_or_default()
    }

    /// The text as bytes, which need no second look to be used.
    pub(crate) fn entry_bytes(&self, entry: &RecordEntry) -> &[u8] {
        self.texts.get(entry.start as usize, entry.end as usize)
    }

    /// All texts one behind the other; those of entries are parts of it.
    pub(crate) fn all_bytes(&self) -> &[u8] {
        self.texts.get(0, self.texts.len())
    }

    pub(crate) fn texts_mut(&mut self) -> &mut TextBuffer {
        &mut self.texts
    }

    pub(crate) fn text_end(&self) -> usize {
        self.texts.len()
    }

    /// Enters the text that was added since `start`.
    pub(crate) fn enter_value(&mut self, naming: EntryAddress, kind: ValueKind, start: usize) {
        let EntryAddress {
            slot,
            alias,
            first,
            origin,
        } = naming;
        self.has_alias |= alias;
        // Events of 4 GB are turned away long before.
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        self.entries.push(RecordEntry {
            slot,
            kind,
            first,
            alias,
            origin,
            start: place(start),
            end: place(self.texts.len()),
        });
    }

    /// Takes an entry out of its slot.
    pub(crate) fn withdraw_entry(&mut self, at: usize) {
        if let Some(entry) = self.entries.get_mut(at) {
            entry.slot = None;
            entry.first = false;
        }
    }

    /// An alias counts only where nothing bears the field's own name.
    pub(crate) fn drop_shadowed_aliases(&mut self) {
        if !self.has_alias {
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
