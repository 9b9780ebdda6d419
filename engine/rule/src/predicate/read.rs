//! JSON to records in one pass: no tree is built, and a member that no rule names costs its bytes.

use std::ops::Range;

use super::record::{Naming, Record, RecordReader, ValueKind};

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
        self.places.clear();
        self.places.extend(self.paths.roots());
        let roots = 0..self.places.len();
        let mut pass = Pass {
            reader: self,
            json,
            at: 0,
            record,
        };
        pass.value(roots, 0)?;
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
    json: &'p str,
    at: usize,
    record: &'p mut Record,
}

impl Pass<'_> {
    fn expected(&self, expected: &'static str) -> ReadError {
        ReadError {
            at: self.at,
            expected,
        }
    }

    fn peek(&self) -> Option<u8> {
        self.json.as_bytes().get(self.at).copied()
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

    /// Reads a value that stands at the places in `range`.
    fn value(&mut self, range: Range<usize>, depth: usize) -> Result<(), ReadError> {
        if depth > larum_event::limits::EVENT_DEPTH {
            return Err(self.expected("less nesting"));
        }
        self.blanks();
        match self.peek() {
            Some(b'{') => self.object(range, depth),
            Some(b'[') => self.array(range, depth),
            Some(b'"') => {
                self.at += 1;
                let start = self.record.begin();
                string(self.json, &mut self.at, self.record.texts())?;
                self.enter(range, ValueKind::Text, start);
                Ok(())
            }
            Some(b't') => self.word("true", ValueKind::Truth, range),
            Some(b'f') => self.word("false", ValueKind::Truth, range),
            Some(b'n') => self.word("null", ValueKind::Null, range),
            Some(b'-' | b'0'..=b'9') => self.number(range),
            _ => Err(self.expected("a value")),
        }
    }

    fn object(&mut self, range: Range<usize>, depth: usize) -> Result<(), ReadError> {
        self.at += 1;
        let start = self.record.begin();
        self.enter(range.clone(), ValueKind::Hollow, start);
        self.blanks();
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            self.blanks();
            if !self.take(b'"') {
                return Err(self.expected("a name"));
            }
            let begin = self.reader.places.len();
            self.name(range.clone())?;
            self.blanks();
            if !self.take(b':') {
                return Err(self.expected("a colon"));
            }
            let end = self.reader.places.len();
            self.value(begin..end, depth + 1)?;
            self.reader.places.truncate(begin);
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

    /// Reads a member's name and finds where it stands.
    fn name(&mut self, range: Range<usize>) -> Result<(), ReadError> {
        let reader = &mut *self.reader;
        reader.name.clear();
        string(self.json, &mut self.at, &mut reader.name)?;
        reader.paths.enter(&mut reader.places, range, &reader.name);
        Ok(())
    }

    fn array(&mut self, range: Range<usize>, depth: usize) -> Result<(), ReadError> {
        self.at += 1;
        self.blanks();
        if self.take(b']') {
            let start = self.record.begin();
            self.enter(range, ValueKind::Hollow, start);
            return Ok(());
        }
        loop {
            self.value(range.clone(), depth + 1)?;
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
        range: Range<usize>,
    ) -> Result<(), ReadError> {
        if !self
            .json
            .get(self.at..)
            .is_some_and(|rest| rest.starts_with(word))
        {
            return Err(self.expected(word));
        }
        self.at += word.len();
        let start = self.record.begin();
        if kind == ValueKind::Truth {
            self.record.texts().push_str(word);
        }
        self.enter(range, kind, start);
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

    fn number(&mut self, range: Range<usize>) -> Result<(), ReadError> {
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
        self.record.texts().push_str(text);
        self.enter(range, ValueKind::Number, start);
        Ok(())
    }

    /// Enters a value under every slot of its places, or under none for tests of any value.
    fn enter(&mut self, range: Range<usize>, kind: ValueKind, start: usize) {
        let mut first = true;
        for place in self.reader.places.get(range).unwrap_or_default() {
            for (slot, alias) in self.reader.paths.slots(*place) {
                let naming = Naming {
                    slot: Some(slot),
                    alias,
                    first,
                };
                self.record.enter(naming, kind, start);
                first = false;
            }
        }
        if first && kind != ValueKind::Hollow && self.reader.keeps_all {
            let naming = Naming {
                slot: None,
                alias: false,
                first: true,
            };
            self.record.enter(naming, kind, start);
        }
    }
}

/// Reads a string whose opening quote is behind `at`, and adds it to `into`.
fn string(json: &str, at: &mut usize, into: &mut String) -> Result<(), ReadError> {
    let bytes = json.as_bytes();
    let mut plain = *at;
    loop {
        let expected = |expected| ReadError { at: *at, expected };
        match bytes.get(*at) {
            None => return Err(expected("a quote")),
            Some(b'"') => {
                into.push_str(json.get(plain..*at).unwrap_or_default());
                *at += 1;
                return Ok(());
            }
            Some(b'\\') => {
                into.push_str(json.get(plain..*at).unwrap_or_default());
                let read = escape(json.get(*at + 1..).unwrap_or_default(), into);
                *at += 1 + read.ok_or_else(|| expected("an escape"))?;
                plain = *at;
            }
            Some(0..0x20) => return Err(expected("no control character")),
            Some(_) => *at += 1,
        }
    }
}

/// Reads what follows a backslash; how many bytes that was. Half a surrogate pair becomes U+FFFD.
fn escape(rest: &str, into: &mut String) -> Option<usize> {
    let plain = match rest.as_bytes().first()? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let first = unit(rest.get(1..5)?)?;
            let second = rest
                .get(5..11)
                .and_then(|next| unit(next.strip_prefix("\\u")?));
            if (0xD800..0xDC00).contains(&first)
                && let Some(second) = second.filter(|second| (0xDC00..0xE000).contains(second))
            {
                let c = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
                into.push(char::from_u32(c).unwrap_or(char::REPLACEMENT_CHARACTER));
                return Some(11);
            }
            into.push(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
            return Some(5);
        }
        _ => return None,
    };
    into.push(plain);
    Some(1)
}

fn unit(hex: &str) -> Option<u32> {
    if !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u32::from_str_radix(hex, 16).ok()
}
