//! Reading one member: its type, its length, its characters, and the rejection when they are wrong.

use std::borrow::Cow;

use super::split::{RawMember, split_members};
use crate::names::{InvalidName, check_printable};
use crate::rejection::{Rejection, RejectionReason};

/// A value, or why there is no value.
pub(crate) type MemberResult<T> = Result<T, Rejection>;

/// A rejection because `member` is not there.
pub(crate) fn missing_member(member: &str) -> Rejection {
    Rejection::for_member(RejectionReason::MissingMember, member, "it is required")
}

/// A rejection because of the value of `member`.
pub(crate) fn invalid_member(member: &str, detail: impl ToString) -> Rejection {
    Rejection::for_member(RejectionReason::InvalidMember, member, detail.to_string())
}

/// Reads a name, unless it was left out.
pub(crate) fn read_name<T>(
    member: &str,
    json: Option<&str>,
    new: fn(&str) -> Result<T, InvalidName>,
) -> MemberResult<Option<T>> {
    let Some(json) = non_null(json) else {
        return Ok(None);
    };
    let text = read_string(member, json)?;
    new(&text)
        .map(Some)
        .map_err(|error| invalid_member(member, error))
}

/// Reads a printable text of 1 to `most` bytes, unless it was left out.
pub(crate) fn read_text<'a>(
    member: &str,
    json: Option<&'a str>,
    most: usize,
) -> MemberResult<Option<Cow<'a, str>>> {
    let Some(json) = non_null(json) else {
        return Ok(None);
    };
    let text = read_string(member, json)?;
    check_text(member, &text, most)?;
    Ok(Some(text))
}

/// Checks a printable text of 1 to `most` bytes.
pub(crate) fn check_text(member: &str, text: &str, most: usize) -> MemberResult<()> {
    check_printable(text, most).map_err(|error| invalid_member(member, error))
}

/// What a JSON text is, in words.
fn json_kind(json: &str) -> &'static str {
    match json.as_bytes().first() {
        Some(b'"') => "a string",
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// A rejection because `member` is not `wanted`.
pub(crate) fn wrong_type(member: &str, wanted: &str, json: &str) -> Rejection {
    Rejection::for_member(
        RejectionReason::WrongType,
        member,
        format!("it must be {wanted}, not {}", json_kind(json)),
    )
}

/// The member's text, unless it was left out; null is as good as left out.
pub(crate) fn non_null(json: Option<&str>) -> Option<&str> {
    json.filter(|json| *json != "null")
}

/// The characters of a JSON string, borrowed unless it holds escapes.
pub(crate) fn read_string<'a>(member: &str, json: &'a str) -> MemberResult<Cow<'a, str>> {
    let inner = json
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .ok_or_else(|| wrong_type(member, "a string", json))?;
    if !inner.contains('\\') {
        return Ok(Cow::Borrowed(inner));
    }
    serde_json::from_str(json)
        .map(Cow::Owned)
        .map_err(|error| Rejection::for_member(RejectionReason::Syntax, member, error.to_string()))
}

/// The members of a JSON object.
pub(crate) fn read_object<'a>(member: &str, json: &'a str) -> MemberResult<Vec<RawMember<'a>>> {
    if !json.starts_with('{') {
        return Err(wrong_type(member, "an object", json));
    }
    split_members(json)
}
