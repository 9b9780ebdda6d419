//! JSON to records in one pass: no tree is built, and a member that no rule names costs its bytes.

use super::names::{MemberId, NONE, NOWHERE, StandingId, Standpoint};
use super::record::{Found, Naming, Record, RecordReader, ValueKind};
use super::scan;

/// The text is not one JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the event is not JSON: {expected} expected at byte {at}")]
pub struct ReadError {
    /// Where, in bytes.
    pub at: usize,
    /// What should have stood there.
    pub expected: &'static str,
}

impl RecordReader {
    /// Reads one JSON value into `record`, which is emptied before.
    ///
    /// # Errors
    /// The text is not JSON, or nested deeper than [`larum_event::limits::EVENT_DEPTH`].
    pub fn read(&mut self, json: &str, record: &mut Record) -> Result<(), ReadError> {
        record.clear();
        self.met.forget();
        // No text is longer than it was written.
        record.texts().reserve(json.len());
        let root = self.names.root();
        let is_rooted = self.names.is_top(root);
        let mut pass = Pass {
            is_rooted,
            is_inside: is_rooted,
            reader: self,
            json: json.as_bytes(),
            at: 0,
            record,
        };
        pass.value(root, 0)?;
        pass.blanks();
        if pass.at != json.len() {
            return Err(pass.expected("the end"));
        }
        record.settle_aliases();
        Ok(())
    }
}

struct Pass<'p> {
    reader: &'p mut RecordReader,
    json: &'p [u8],
    at: usize,
    record: &'p mut Record,
    /// Whether layouts are about the whole document, and not about some members of it.
    is_rooted: bool,
    /// Whether tests of any value are about what is being read.
    is_inside: bool,
}

impl Pass<'_> {
    #[cold]
    fn expected(&self, expected: &'static str) -> ReadError {
        ReadError {
            at: self.at,
            expected,
        }
    }

    fn peek(&self) -> Option<u8> {
        self.json.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    /// Reads a value that stands at `standing`.
    fn value(&mut self, standing: StandingId, depth: usize) -> Result<(), ReadError> {
        if depth > larum_event::limits::EVENT_DEPTH {
            return Err(self.expected("less nesting"));
        }
        self.blanks();
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                let start = self.record.begin();
                scan::string(self.json, &mut self.at, self.record.texts())?;
                self.enter(standing, ValueKind::Text, start);
                Ok(())
            }
            Some(b'{') => self.object(standing, depth),
            Some(b'[') => self.array(standing, depth),
            Some(b't') => self.word("true", ValueKind::Truth, standing),
            Some(b'f') => self.word("false", ValueKind::Truth, standing),
            Some(b'n') => self.word("null", ValueKind::Null, standing),
            Some(b'-' | b'0'..=b'9') => self.number(standing),
            _ => Err(self.expected("a value")),
        }
    }

    fn object(&mut self, standing: StandingId, depth: usize) -> Result<(), ReadError> {
        self.at += 1;
        let start = self.record.begin();
        self.enter(standing, ValueKind::Hollow, start);
        self.blanks();
        if self.take(b'}') {
            return Ok(());
        }
        let mut member = NONE;
        loop {
            self.blanks();
            if !self.take(b'"') {
                return Err(self.expected("a name"));
            }
            let inner = self.name(standing, &mut member)?;
            self.blanks();
            if !self.take(b':') {
                return Err(self.expected("a colon"));
            }
            if depth == 0 && !self.is_rooted {
                self.is_inside = self.reader.names.is_top(inner);
            }
            self.value(inner, depth + 1)?;
            self.blanks();
            if self.take(b',') {
                continue;
            }
            if self.take(b'}') {
                return Ok(());
            }
            return Err(self.expected("a comma or }"));
        }
    }

    /// Reads the name of the member behind `member`, and finds where it stands.
    fn name(&mut self, from: StandingId, member: &mut MemberId) -> Result<StandingId, ReadError> {
        let names = &mut self.reader.names;
        if let Some(step) = scan::step(self.json, self.at).filter(|_| from != NOWHERE) {
            if let Some((known, to, length)) = names.expected(from, *member, step) {
                *member = known;
                self.at += length;
                return Ok(to);
            }
            let count = scan::plain(step);
            if step.get(count) == Some(&b'"') {
                let name = step.get(..count).unwrap_or_default();
                let (found, to) = names.find(from, *member, name);
                *member = found;
                self.at += count + 1;
                return Ok(to);
            }
        }
        let name = &mut self.reader.name;
        name.clear();
        scan::string(self.json, &mut self.at, name)?;
        if from == NOWHERE {
            return Ok(NOWHERE);
        }
        let (found, to) = names.find(from, *member, name.get(0, name.len()));
        *member = found;
        Ok(to)
    }

    fn array(&mut self, standing: StandingId, depth: usize) -> Result<(), ReadError> {
        self.at += 1;
        self.blanks();
        let elements = self.reader.names.elements(standing);
        if elements != standing {
            self.enter_list(standing);
        }
        if self.take(b']') {
            self.enter_empty(elements);
            return Ok(());
        }
        loop {
            self.value(elements, depth + 1)?;
            self.blanks();
            if self.take(b',') {
                continue;
            }
            if self.take(b']') {
                return Ok(());
            }
            return Err(self.expected("a comma or ]"));
        }
    }

    fn word(
        &mut self,
        word: &'static str,
        kind: ValueKind,
        standing: StandingId,
    ) -> Result<(), ReadError> {
        let rest = self.json.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word.as_bytes()) {
            return Err(self.expected(word));
        }
        self.at += word.len();
        let start = self.record.begin();
        if kind == ValueKind::Truth {
            self.record.texts().extend(word.as_bytes());
        }
        self.enter(standing, kind, start);
        Ok(())
    }

    fn digits(&mut self) -> Result<(), ReadError> {
        let before = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == before {
            return Err(self.expected("a digit"));
        }
        Ok(())
    }

    fn number(&mut self, standing: StandingId) -> Result<(), ReadError> {
        let begin = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            if !self.take(b'+') {
                self.take(b'-');
            }
            self.digits()?;
        }
        let start = self.record.begin();
        let text = self.json.get(begin..self.at).unwrap_or_default();
        self.record.texts().extend(text);
        self.enter(standing, ValueKind::Number, start);
        Ok(())
    }

    /// An array is the value of exact paths.
    fn enter_list(&mut self, standing: StandingId) {
        let start = self.record.begin();
        for one in self.reader.names.slots(standing) {
            if one.found.is_only() {
                let naming = one.naming(false);
                let met = &mut self.reader.met;
                met.enter(self.record, naming, ValueKind::List, start);
            }
        }
    }

    /// An array without elements is there, for fields of layouts.
    fn enter_empty(&mut self, standing: StandingId) {
        let start = self.record.begin();
        let slots = self.reader.names.slots(standing).iter();
        let laid = slots.filter(|one| one.found == Found::Laid);
        for (at, one) in laid.enumerate() {
            self.record
                .enter(one.naming(at == 0), ValueKind::Hollow, start);
        }
    }

    /// Enters a value under every slot of its places, or under none for tests of any value.
    fn enter(&mut self, standing: StandingId, kind: ValueKind, start: usize) {
        let slots = self.reader.names.slots(standing);
        let mut first = self.is_inside;
        for one in slots {
            if one.found == Found::Laid {
                self.record.enter(one.naming(first), kind, start);
                first = false;
            } else if one.found.is_only() {
                let met = &mut self.reader.met;
                met.enter(self.record, one.naming(false), kind, start);
            } else {
                self.record.enter(one.naming(false), kind, start);
            }
        }
        if first && kind != ValueKind::Hollow && self.reader.keeps_all {
            let naming = Naming {
                slot: None,
                alias: false,
                first: true,
                found: Found::Laid,
            };
            self.record.enter(naming, kind, start);
        }
    }
}

impl Standpoint {
    fn naming(self, first: bool) -> Naming {
        Naming {
            slot: Some(self.slot),
            alias: self.alias,
            first,
            found: self.found,
        }
    }
}
