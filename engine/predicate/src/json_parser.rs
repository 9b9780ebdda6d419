//! JSON to records in one pass: no tree is built, and a member that no rule names costs only its
//! bytes.
//!
//! Owns the grammar of JSON and the limit on nesting; what a name leads to is left to `path_cache`,
//! and strings to `scan`.
//! Invariant: a text is read if, and only if, it is one JSON value within the limit. A record of a
//! text that was refused is never matched.

use crate::path_cache::{MemberId, NO_MEMBER, NOWHERE, PathStateId, SlotTarget};
use crate::record::{EntryAddress, EntryOrigin, FlatRecord, ValueKind};
use crate::record_reader::FlatRecordReader;
use crate::scan::{self, JsonReadError};

impl FlatRecordReader {
    /// Reads one JSON value into `record`, which is emptied before.
    ///
    /// # Errors
    /// The text is not JSON, or nested deeper than [`larum_event::limits::EVENT_DEPTH`].
    pub fn read_json(&mut self, json: &str, record: &mut FlatRecord) -> Result<(), JsonReadError> {
        record.clear();
        self.exact_entries.clear();
        // No text is longer than it was written.
        record.texts_mut().reserve(json.len());
        let root = self.path_cache.root_state();
        let is_rooted = self.path_cache.is_top(root);
        let mut pass = JsonParser {
            is_rooted,
            is_inside: is_rooted,
            reader: self,
            json: json.as_bytes(),
            at: 0,
            record,
        };
        pass.read_value(root, 0)?;
        pass.skip_blanks();
        if pass.at != json.len() {
            return Err(pass.expected_error("the end"));
        }
        record.drop_shadowed_aliases();
        Ok(())
    }
}

struct JsonParser<'p> {
    reader: &'p mut FlatRecordReader,
    json: &'p [u8],
    at: usize,
    record: &'p mut FlatRecord,
    /// Whether layouts are about the whole document, and not about some members of it.
    is_rooted: bool,
    /// Whether tests of any value are about what is being read.
    is_inside: bool,
}

impl JsonParser<'_> {
    #[cold]
    fn expected_error(&self, expected: &'static str) -> JsonReadError {
        JsonReadError {
            at: self.at,
            expected,
        }
    }

    fn peek_byte(&self) -> Option<u8> {
        self.json.get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek_byte(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take_byte(&mut self, byte: u8) -> bool {
        let there = self.peek_byte() == Some(byte);
        self.at += usize::from(there);
        there
    }

    /// Reads a value at the path state `state`.
    fn read_value(&mut self, state: PathStateId, depth: usize) -> Result<(), JsonReadError> {
        if depth > larum_event::limits::EVENT_DEPTH {
            return Err(self.expected_error("less nesting"));
        }
        self.skip_blanks();
        match self.peek_byte() {
            Some(b'"') => {
                self.at += 1;
                let start = self.record.text_end();
                scan::read_string(self.json, &mut self.at, self.record.texts_mut())?;
                self.enter_value(state, ValueKind::Text, start);
                Ok(())
            }
            Some(b'{') => self.read_object(state, depth),
            Some(b'[') => self.read_array(state, depth),
            Some(b't') => self.read_keyword("true", ValueKind::Bool, state),
            Some(b'f') => self.read_keyword("false", ValueKind::Bool, state),
            Some(b'n') => self.read_keyword("null", ValueKind::Null, state),
            Some(b'-' | b'0'..=b'9') => self.read_number(state),
            _ => Err(self.expected_error("a value")),
        }
    }

    fn read_object(&mut self, state: PathStateId, depth: usize) -> Result<(), JsonReadError> {
        self.at += 1;
        let start = self.record.text_end();
        self.enter_value(state, ValueKind::Container, start);
        self.skip_blanks();
        if self.take_byte(b'}') {
            return Ok(());
        }
        let mut member = NO_MEMBER;
        loop {
            self.skip_blanks();
            if !self.take_byte(b'"') {
                return Err(self.expected_error("a name"));
            }
            let inner = self.read_name(state, &mut member)?;
            self.skip_blanks();
            if !self.take_byte(b':') {
                return Err(self.expected_error("a colon"));
            }
            // Decided before the value is read: it says whether the values inside count for tests
            // of any value.
            if depth == 0 && !self.is_rooted {
                self.is_inside = self.reader.path_cache.is_top(inner);
            }
            self.read_value(inner, depth + 1)?;
            self.skip_blanks();
            if self.take_byte(b',') {
                continue;
            }
            if self.take_byte(b'}') {
                return Ok(());
            }
            return Err(self.expected_error("a comma or }"));
        }
    }

    /// Reads the name of the member that follows `member`, and finds where it leads.
    fn read_name(
        &mut self,
        from: PathStateId,
        member: &mut MemberId,
    ) -> Result<PathStateId, JsonReadError> {
        let names = &mut self.reader.path_cache;
        if let Some(step) = scan::step_at(self.json, self.at).filter(|_| from != NOWHERE) {
            if let Some((known, to, length)) = names.predict_member(from, *member, step) {
                *member = known;
                self.at += length;
                return Ok(to);
            }
            // A short name without escapes is looked up where it is, without a copy.
            let count = scan::plain_length(step);
            if step.get(count) == Some(&b'"') {
                let name = step.get(..count).unwrap_or_default();
                let (id, to) = names.find_member(from, *member, name);
                *member = id;
                self.at += count + 1;
                return Ok(to);
            }
        }
        let name = &mut self.reader.name;
        name.clear();
        scan::read_string(self.json, &mut self.at, name)?;
        if from == NOWHERE {
            return Ok(NOWHERE);
        }
        let (id, to) = names.find_member(from, *member, name.get(0, name.len()));
        *member = id;
        Ok(to)
    }

    fn read_array(&mut self, state: PathStateId, depth: usize) -> Result<(), JsonReadError> {
        self.at += 1;
        self.skip_blanks();
        let elements = self.reader.path_cache.element_state(state);
        if elements != state {
            self.enter_list(state);
        }
        if self.take_byte(b']') {
            self.enter_empty(elements);
            return Ok(());
        }
        loop {
            self.read_value(elements, depth + 1)?;
            self.skip_blanks();
            if self.take_byte(b',') {
                continue;
            }
            if self.take_byte(b']') {
                return Ok(());
            }
            return Err(self.expected_error("a comma or ]"));
        }
    }

    fn read_keyword(
        &mut self,
        word: &'static str,
        kind: ValueKind,
        state: PathStateId,
    ) -> Result<(), JsonReadError> {
        let rest = self.json.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word.as_bytes()) {
            return Err(self.expected_error(word));
        }
        self.at += word.len();
        let start = self.record.text_end();
        if kind == ValueKind::Bool {
            self.record.texts_mut().extend(word.as_bytes());
        }
        self.enter_value(state, kind, start);
        Ok(())
    }

    fn skip_digits(&mut self) -> Result<(), JsonReadError> {
        let before = self.at;
        while matches!(self.peek_byte(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == before {
            return Err(self.expected_error("a digit"));
        }
        Ok(())
    }

    fn read_number(&mut self, state: PathStateId) -> Result<(), JsonReadError> {
        let begin = self.at;
        self.take_byte(b'-');
        if !self.take_byte(b'0') {
            self.skip_digits()?;
        }
        if self.take_byte(b'.') {
            self.skip_digits()?;
        }
        if self.take_byte(b'e') || self.take_byte(b'E') {
            if !self.take_byte(b'+') {
                self.take_byte(b'-');
            }
            self.skip_digits()?;
        }
        let start = self.record.text_end();
        let text = self.json.get(begin..self.at).unwrap_or_default();
        self.record.texts_mut().extend(text);
        self.enter_value(state, ValueKind::Number, start);
        Ok(())
    }

    /// An array is the value of exact paths.
    fn enter_list(&mut self, state: PathStateId) {
        let start = self.record.text_end();
        for one in self.reader.path_cache.state_slots(state) {
            if one.origin.is_single_valued() {
                let naming = one.entry_address(false);
                let met = &mut self.reader.exact_entries;
                met.enter_value(self.record, naming, ValueKind::List, start);
            }
        }
    }

    /// An array without elements is there, for fields of layouts.
    fn enter_empty(&mut self, state: PathStateId) {
        let start = self.record.text_end();
        let slots = self.reader.path_cache.state_slots(state).iter();
        let laid = slots.filter(|one| one.origin == EntryOrigin::Layout);
        for (at, one) in laid.enumerate() {
            self.record
                .enter_value(one.entry_address(at == 0), ValueKind::Container, start);
        }
    }

    /// Enters a value under every slot of its places, or under none for tests of any value.
    fn enter_value(&mut self, state: PathStateId, kind: ValueKind, start: usize) {
        let slots = self.reader.path_cache.state_slots(state);
        let mut first = self.is_inside;
        for one in slots {
            if one.origin == EntryOrigin::Layout {
                self.record
                    .enter_value(one.entry_address(first), kind, start);
                first = false;
            } else if one.origin.is_single_valued() {
                let met = &mut self.reader.exact_entries;
                met.enter_value(self.record, one.entry_address(false), kind, start);
            } else {
                self.record
                    .enter_value(one.entry_address(false), kind, start);
            }
        }
        if first && kind != ValueKind::Container && self.reader.keeps_all {
            let naming = EntryAddress {
                slot: None,
                alias: false,
                first: true,
                origin: EntryOrigin::Layout,
            };
            self.record.enter_value(naming, kind, start);
        }
    }
}

impl SlotTarget {
    fn entry_address(self, first: bool) -> EntryAddress {
        EntryAddress {
            slot: Some(self.slot),
            alias: self.alias,
            first,
            origin: self.origin,
        }
    }
}
