//! The members of one record, found in place.
//!
//! No JSON tree is built: a member's value stays the text it was, so numbers keep every digit and
//! nested objects are copied as they are.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::json::split::unchecked_members;
use crate::rejection::{Reason, Rejection};

/// One member's value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Piece<'r> {
    /// JSON text.
    Json(&'r str),
    /// Plain text that a regex group caught.
    Text(&'r str),
    /// A number that a regex group caught.
    Integer(i64),
}

/// A value that is an array or an object where one word is needed.
#[derive(Debug)]
pub(super) struct NotAWord;

impl<'r> Piece<'r> {
    /// The value as one word: a string's characters, a number's digits, `true` or `false`. `None`
    /// for null.
    pub(super) fn word(self) -> Result<Option<Cow<'r, str>>, NotAWord> {
        let json = match self {
            Self::Text(text) => return Ok(Some(Cow::Borrowed(text))),
            Self::Integer(number) => return Ok(Some(Cow::Owned(number.to_string()))),
            Self::Json(json) => json,
        };
        match json.as_bytes().first() {
            Some(b'"') => {
                let inner = json.get(1..json.len().saturating_sub(1)).unwrap_or("");
                if !inner.contains('\\') {
                    return Ok(Some(Cow::Borrowed(inner)));
                }
                let text: String = serde_json::from_str(json).map_err(|_| NotAWord)?;
                Ok(Some(Cow::Owned(text)))
            }
            Some(b'n') => Ok(None),
            Some(b'{' | b'[') | None => Err(NotAWord),
            Some(_) => Ok(Some(Cow::Borrowed(json))),
        }
    }

    /// Whether it is `null`.
    pub(super) fn is_null(self) -> bool {
        matches!(self, Self::Json("null"))
    }

    /// Appends the value as JSON.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Json(json) => out.extend_from_slice(json.as_bytes()),
            Self::Text(text) => write_string(out, text),
            Self::Integer(number) => out.extend_from_slice(number.to_string().as_bytes()),
        }
    }
}

/// Appends `text` as a JSON string.
pub(super) fn write_string(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("a string always becomes JSON in memory");
}

/// The members of one record, in its own order, each name once.
#[derive(Debug)]
pub(super) struct Members<'r> {
    pub(super) list: Vec<(Cow<'r, str>, Piece<'r>)>,
}

impl<'r> Members<'r> {
    /// The members of a JSON object.
    pub(super) fn of_json(text: &'r str) -> Result<Self, Rejection> {
        if !text
            .trim_start_matches([' ', '\t', '\r', '\n'])
            .starts_with('{')
        {
            let parsed: Result<&RawValue, _> = serde_json::from_str(text);
            return Err(match parsed {
                Ok(_) => Rejection::new(Reason::WrongType, "a record must be a JSON object"),
                Err(error) => Rejection::new(Reason::Syntax, error.to_string()),
            });
        }
        let list = object(text)?;
        let mut names: Vec<&str> = list.iter().map(|(name, _)| name.as_ref()).collect();
        names.sort_unstable();
        for pair in names.windows(2) {
            if let [name, next] = pair
                && name == next
            {
                return Err(Rejection::of_member(
                    Reason::DuplicateMember,
                    short(name).escape_debug().to_string(),
                    "the record has this member twice",
                ));
            }
        }
        Ok(Self { list })
    }

    /// The value at `path`: a member of just that name, or else, at each dot, the member of an inner
    /// object.
    pub(super) fn find(&self, path: &str) -> Option<Piece<'r>> {
        find(&self.list, path)
    }
}

fn find<'r>(list: &[(Cow<'r, str>, Piece<'r>)], path: &str) -> Option<Piece<'r>> {
    let member = |wanted: &str| {
        list.iter()
            .find(|(name, _)| name == wanted)
            .map(|(_, piece)| *piece)
    };
    if let Some(piece) = member(path) {
        return Some(piece);
    }
    let (head, tail) = path.split_once('.')?;
    let Some(Piece::Json(inner)) = member(head) else {
        return None;
    };
    find(&object(inner).ok()?, tail)
}

fn object(text: &str) -> Result<Vec<(Cow<'_, str>, Piece<'_>)>, Rejection> {
    let members = unchecked_members(text)?;
    Ok(members
        .into_iter()
        .map(|(name, json)| (name, Piece::Json(json)))
        .collect())
}

/// A short piece of the input that may be shown.
pub(super) fn short(text: &str) -> String {
    text.chars().take(64).collect()
}
