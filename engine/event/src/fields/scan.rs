//! Walking over canonical JSON without reading what nobody asked for.
//!
//! Canonical text is valid and has no white space between its tokens, so the end of a value is
//! found by its quotes and brackets alone. On any other text the answers are `None`, never a panic.

use std::borrow::Cow;

use crate::json::write::find_string_end;
use crate::value::FieldValue;

/// A place in the text.
#[derive(Clone)]
pub(super) struct CanonicalScanner<'e> {
    rest: &'e str,
}

impl<'e> CanonicalScanner<'e> {
    pub(super) fn new(text: &'e str) -> Self {
        Self { rest: text }
    }

    fn take_bytes(&mut self, bytes: usize) -> Option<&'e str> {
        let (taken, rest) = self.rest.split_at_checked(bytes)?;
        self.rest = rest;
        Some(taken)
    }

    /// Whether the value here is an object.
    pub(super) fn is_object(&self) -> bool {
        self.rest.starts_with('{')
    }

    /// Steps into the object here.
    pub(super) fn enter_object(&mut self) -> Option<()> {
        self.rest = self.rest.strip_prefix('{')?;
        Some(())
    }

    /// The name of the object's next member, the scan then being at its value; `Some(None)` and
    /// past the object when there is no other.
    pub(super) fn next_member(&mut self) -> Option<Option<Cow<'e, str>>> {
        if let Some(rest) = self.rest.strip_prefix('}') {
            self.rest = rest;
            return Some(None);
        }
        self.rest = self.rest.strip_prefix(',').unwrap_or(self.rest);
        let name = self.take_bytes(find_string_end(self.rest)?)?;
        self.rest = self.rest.strip_prefix(':')?;
        decode_string(name).map(Some)
    }

    /// Whether the value here is an array.
    pub(super) fn is_array(&self) -> bool {
        self.rest.starts_with('[')
    }

    /// Steps into the array here.
    pub(super) fn enter_array(&mut self) -> Option<()> {
        self.rest = self.rest.strip_prefix('[')?;
        Some(())
    }

    /// Steps to the array's next element; false and past the array when there is no other.
    pub(super) fn next_element(&mut self) -> Option<bool> {
        if let Some(rest) = self.rest.strip_prefix(']') {
            self.rest = rest;
            return Some(false);
        }
        self.rest = self.rest.strip_prefix(',').unwrap_or(self.rest);
        (!self.rest.is_empty()).then_some(true)
    }

    /// Steps past the value here.
    pub(super) fn skip_value(&mut self) -> Option<()> {
        let end = match self.rest.as_bytes().first()? {
            b'"' => find_string_end(self.rest)?,
            b'{' | b'[' => self.find_bracket_end()?,
            _ => self.rest.find([',', '}', ']']).unwrap_or(self.rest.len()),
        };
        self.take_bytes(end).map(|_| ())
    }

    fn find_bracket_end(&self) -> Option<usize> {
        let bytes = self.rest.as_bytes();
        let mut open = 0_usize;
        let mut at = 0;
        loop {
            match bytes.get(at)? {
                b'"' => {
                    at += find_string_end(self.rest.get(at..)?)?;
                    continue;
                }
                b'{' | b'[' => open += 1,
                b'}' | b']' => open = open.checked_sub(1)?,
                _ => {}
            }
            at += 1;
            if open == 0 {
                return Some(at);
            }
        }
    }

    /// The text between here and `later`.
    pub(super) fn text_until(&self, later: &Self) -> Option<&'e str> {
        self.rest
            .get(..self.rest.len().checked_sub(later.rest.len())?)
    }
}

/// The characters of a JSON string, borrowed unless it holds escapes.
pub(crate) fn decode_string(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str(json).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

impl<'e> FieldValue<'e> {
    /// The value that the canonical JSON text `json` is.
    pub(super) fn from_json(json: &'e str) -> Self {
        match json.as_bytes().first() {
            Some(b'"') => decode_string(json).map_or(Self::Null, Self::Str),
            Some(b'{') => Self::Object(json),
            Some(b'[') => Self::Array(json),
            Some(b't') => Self::Bool(true),
            Some(b'f') => Self::Bool(false),
            Some(b'n') | None => Self::Null,
            Some(_) => match json.parse() {
                Ok(whole) => Self::Int(whole),
                Err(_) => json.parse().map_or(Self::Null, Self::Float),
            },
        }
    }
}
