//! The members of one record, found in place.
//!
//! No JSON tree is built: a member's value stays the text it was, so numbers keep every digit and
//! nested objects are copied as they are.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::json::split::split_unchecked;
use crate::rejection::{Rejection, RejectionReason};

/// One member's value.
#[derive(Debug, Clone, Copy)]
pub(super) enum MemberValue<'r> {
    /// JSON text.
    Json(&'r str),
    /// Plain text that a regex group caught.
    Text(&'r str),
    /// A number that a regex group caught.
    Integer(i64),
}

/// A value that is an array or an object where one word is needed.
#[derive(Debug)]
pub(super) struct NotScalar;

impl<'r> MemberValue<'r> {
    /// The value as one word: a string's characters, a number's digits, `true` or `false`. `None`
    /// for null.
    pub(super) fn to_word(self) -> Result<Option<Cow<'r, str>>, NotScalar> {
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
                let text: String = serde_json::from_str(json).map_err(|_| NotScalar)?;
                Ok(Some(Cow::Owned(text)))
            }
            Some(b'n') => Ok(None),
            Some(b'{' | b'[') | None => Err(NotScalar),
            Some(_) => Ok(Some(Cow::Borrowed(json))),
        }
    }

    /// Whether it is `null`.
    pub(super) fn is_null(self) -> bool {
        matches!(self, Self::Json("null"))
    }

    /// Appends the value as JSON.
    pub(super) fn write_json(self, out: &mut Vec<u8>) {
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
pub(super) struct RecordMembers<'r> {
    pub(super) list: Vec<(Cow<'r, str>, MemberValue<'r>)>,
}

impl<'r> RecordMembers<'r> {
    /// The members of a JSON object.
    pub(super) fn from_json(text: &'r str) -> Result<Self, Rejection> {
        if !text
            .trim_start_matches([' ', '\t', '\r', '\n'])
            .starts_with('{')
        {
            let parsed: Result<&RawValue, _> = serde_json::from_str(text);
            return Err(match parsed {
                Ok(_) => {
                    Rejection::new(RejectionReason::WrongType, "a record must be a JSON object")
                }
                Err(error) => Rejection::new(RejectionReason::Syntax, error.to_string()),
            });
        }
        let list = parse_object(text)?;
        let mut names: Vec<&str> = list.iter().map(|(name, _)| name.as_ref()).collect();
        names.sort_unstable();
        for pair in names.windows(2) {
            if let [name, next] = pair
                && name == next
            {
                return Err(Rejection::for_member(
                    RejectionReason::DuplicateMember,
                    shorten_text(name).escape_debug().to_string(),
                    "the record has this member twice",
                ));
            }
        }
        Ok(Self { list })
    }

    /// The value at `path`: a member of just that name, or else, at each dot, the member of an
    /// inner object.
    pub(super) fn find_value(&self, path: &str) -> Option<MemberValue<'r>> {
        find_value(&self.list, path)
    }
}

fn find_value<'r>(list: &[(Cow<'r, str>, MemberValue<'r>)], path: &str) -> Option<MemberValue<'r>> {
    let member = |wanted: &str| {
        list.iter()
            .find(|(name, _)| name == wanted)
            .map(|(_, piece)| *piece)
    };
    if let Some(piece) = member(path) {
        return Some(piece);
    }
    let (head, tail) = path.split_once('.')?;
    let Some(MemberValue::Json(inner)) = member(head) else {
        return None;
    };
    find_value(&parse_object(inner).ok()?, tail)
}

fn parse_object(text: &str) -> Result<Vec<(Cow<'_, str>, MemberValue<'_>)>, Rejection> {
    let members = split_unchecked(text)?;
    Ok(members
        .into_iter()
        .map(|(name, json)| (name, MemberValue::Json(json)))
        .collect())
}

/// A short piece of the input that may be shown.
pub(super) fn shorten_text(text: &str) -> String {
    text.chars().take(64).collect()
}
