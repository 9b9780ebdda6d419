//! Reading one member: its type, its length, its characters, and the rejection when they are wrong.

use std::borrow::Cow;

use super::split::{Member, members};
use crate::names::{InvalidName, check_printable};
use crate::rejection::{Reason, Rejection};

/// A value, or why there is none.
pub(crate) type Checked<T> = Result<T, Rejection>;

/// A rejection because `member` is not there.
pub(crate) fn missing(member: &str) -> Rejection {
    Rejection::of_member(Reason::MissingMember, member, "it is required")
}

/// A rejection because of the value of `member`.
pub(crate) fn invalid(member: &str, detail: impl ToString) -> Rejection {
    Rejection::of_member(Reason::InvalidMember, member, detail.to_string())
}

/// Reads a name, unless it was left out.
pub(crate) fn name<T>(
    member: &str,
    json: Option<&str>,
    new: fn(&str) -> Result<T, InvalidName>,
) -> Checked<Option<T>> {
    let Some(json) = present(json) else {
        return Ok(None);
    };
    let text = string(member, json)?;
    new(&text).map(Some).map_err(|error| invalid(member, error))
}

/// Reads a printable text of 1 to `most` bytes, unless it was left out.
pub(crate) fn text<'a>(
    member: &str,
    json: Option<&'a str>,
    most: usize,
) -> Checked<Option<Cow<'a, str>>> {
    let Some(json) = present(json) else {
        return Ok(None);
    };
    let text = string(member, json)?;
    check_text(member, &text, most)?;
    Ok(Some(text))
}

/// Checks a printable text of 1 to `most` bytes.
pub(crate) fn check_text(member: &str, text: &str, most: usize) -> Checked<()> {
    check_printable(text, most).map_err(|error| invalid(member, error))
}

/// What a JSON text is, in words.
fn kind(json: &str) -> &'static str {
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
    Rejection::of_member(
        Reason::WrongType,
        member,
        format!("it must be {wanted}, not {}", kind(json)),
    )
}

/// The member's text, unless it was left out; null is as good as left out.
pub(crate) fn present(json: Option<&str>) -> Option<&str> {
    json.filter(|json| *json != "null")
}

/// The characters of a JSON string, borrowed unless it holds escapes.
pub(crate) fn string<'a>(member: &str, json: &'a str) -> Checked<Cow<'a, str>> {
    let inner = json
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .ok_or_else(|| wrong_type(member, "a string", json))?;
    if !inner.contains('\\') {
        return Ok(Cow::Borrowed(inner));
    }
    serde_json::from_str(json)
        .map(Cow::Owned)
        .map_err(|error| Rejection::of_member(Reason::Syntax, member, error.to_string()))
}

/// The members of a JSON object.
pub(crate) fn object<'a>(member: &str, json: &'a str) -> Checked<Vec<Member<'a>>> {
    if !json.starts_with('{') {
        return Err(wrong_type(member, "an object", json));
    }
    members(json)
}
