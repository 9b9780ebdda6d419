//! Writing the canonical line, and the hash of what the producer said.

use std::fmt::Write as _;
use std::ops::Range;

use crate::event::ContentHash;

/// One canonical object being written, without spaces and without line breaks.
pub(crate) struct CanonicalWriter {
    text: String,
    /// Where the members stand that a door filled in, each with its comma.
    filled: Vec<Range<usize>>,
}

impl CanonicalWriter {
    /// An empty object with room for `bytes`.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        let mut text = String::with_capacity(bytes);
        text.push('{');
        Self {
            text,
            filled: Vec::new(),
        }
    }

    fn write_name(&mut self, name: &str) {
        if !self.text.ends_with('{') {
            self.text.push(',');
        }
        push_string(&mut self.text, name);
        self.text.push(':');
    }

    /// A member whose value is a string.
    pub(crate) fn write_string(&mut self, name: &str, value: &str) {
        self.write_name(name);
        push_string(&mut self.text, value);
    }

    /// A member whose value is a whole number.
    pub(crate) fn write_number(&mut self, name: &str, value: u64) {
        self.write_name(name);
        // Writing to a string does not fail.
        let _ = write!(self.text, "{value}");
    }

    /// A member whose value is the JSON text `json`.
    pub(crate) fn write_json(&mut self, name: &str, json: &str) {
        self.write_name(name);
        push_compact(&mut self.text, json);
    }

    /// A member whose value is an object that `write` puts members into.
    pub(crate) fn write_object(&mut self, name: &str, write: impl FnOnce(&mut Self)) {
        self.write_name(name);
        self.text.push('{');
        write(self);
        self.text.push('}');
    }

    /// What `write` adds is the door's, not the producer's, when `filled` is set.
    pub(crate) fn write_maybe_filled(&mut self, filled: bool, write: impl FnOnce(&mut Self)) {
        let start = self.text.len();
        write(self);
        if filled {
            self.filled.push(start..self.text.len());
        }
    }

    /// The finished line and the hash of it without its filled members.
    pub(crate) fn finish(mut self) -> (Box<str>, ContentHash) {
        self.text.push('}');
        let mut hasher = blake3::Hasher::new();
        let mut from = 0;
        for filled in self.filled {
            hasher.update(slice_bytes(&self.text, from..filled.start));
            from = filled.end;
        }
        hasher.update(slice_bytes(&self.text, from..self.text.len()));
        let mut hash = [0; 16];
        hasher.finalize_xof().fill(&mut hash);
        (self.text.into_boxed_str(), ContentHash(hash))
    }

    /// The finished line alone.
    pub(crate) fn into_text(mut self) -> String {
        self.text.push('}');
        self.text
    }
}

fn slice_bytes(text: &str, range: Range<usize>) -> &[u8] {
    text.as_bytes().get(range).unwrap_or_default()
}

/// Writes `text` as a JSON string.
pub(crate) fn push_string(out: &mut String, text: &str) {
    let plain = |byte: &u8| *byte >= 0x20 && *byte != b'"' && *byte != b'\\';
    if text.as_bytes().iter().all(plain) {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        // `Value` writes itself without a way to fail.
        let _ = write!(out, "{}", serde_json::Value::from(text));
    }
}

/// Writes the valid JSON text `json` without the white space between its tokens.
fn push_compact(out: &mut String, json: &str) {
    let mut rest = json;
    while !rest.is_empty() {
        let (outside, tail) = split_at_byte(rest, rest.find('"'));
        out.extend(outside.split_ascii_whitespace());
        let (string, next) = split_at_byte(tail, find_string_end(tail));
        out.push_str(string);
        rest = next;
    }
}

fn split_at_byte(text: &str, at: Option<usize>) -> (&str, &str) {
    at.and_then(|at| text.split_at_checked(at))
        .unwrap_or((text, ""))
}

/// Where the string that `text` starts with ends, its closing quote included.
pub(crate) fn find_string_end(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 1;
    loop {
        let more = bytes.get(at..)?;
        at += more.iter().position(|b| matches!(b, b'"' | b'\\'))?;
        match bytes.get(at) {
            Some(b'"') => return Some(at + 1),
            _ => at += 2,
        }
    }
}
