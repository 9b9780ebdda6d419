//! The members of an event as they came, before anybody asked what they mean.
//!
//! A draft is what every JSON form of an event is brought into: [`super::read`] makes the event of it.

use std::borrow::Cow;

use super::members::{Member, members};
use crate::rejection::{Reason, Rejection};

/// The JSON texts of the members that an event knows, and the others.
#[derive(Default)]
pub(crate) struct Draft<'a> {
    pub(crate) id: Option<&'a str>,
    pub(crate) event_type: Option<&'a str>,
    pub(crate) source: Option<&'a str>,
    pub(crate) time: Option<&'a str>,
    pub(crate) sequence: Option<&'a str>,
    pub(crate) channel: Option<&'a str>,
    pub(crate) data_version: Option<&'a str>,
    pub(crate) severity: Option<&'a str>,
    pub(crate) priority: Option<&'a str>,
    pub(crate) correlation_id: Option<&'a str>,
    pub(crate) correlation: Option<&'a str>,
    pub(crate) causation_id: Option<&'a str>,
    pub(crate) traceparent: Option<&'a str>,
    pub(crate) filled: Option<&'a str>,
    pub(crate) metadata: Option<&'a str>,
    pub(crate) data: Option<&'a str>,
    /// Members that nobody here knows, in their order.
    pub(crate) others: Vec<Member<'a>>,
}

impl<'a> Draft<'a> {
    /// The draft of the canonical object `text`, which was checked.
    pub(crate) fn of(text: &'a str) -> Result<Self, Rejection> {
        let mut draft = Self::default();
        for (name, value) in members(text)? {
            match draft.place(&name) {
                Some(place) => *place = Some(value),
                None => draft.others.push((name, value)),
            }
        }
        Ok(draft)
    }

    /// Where the member `name` belongs, if events know it.
    pub(crate) fn place(&mut self, name: &str) -> Option<&mut Option<&'a str>> {
        Some(match name {
            "id" => &mut self.id,
            "type" => &mut self.event_type,
            "source" => &mut self.source,
            "time" => &mut self.time,
            "sequence" => &mut self.sequence,
            "channel" => &mut self.channel,
            "dataVersion" => &mut self.data_version,
            "severity" => &mut self.severity,
            "priority" => &mut self.priority,
            "correlationId" => &mut self.correlation_id,
            "correlation" => &mut self.correlation,
            "causationId" => &mut self.causation_id,
            "traceparent" => &mut self.traceparent,
            "filled" => &mut self.filled,
            "metadata" => &mut self.metadata,
            "data" => &mut self.data,
            _ => return None,
        })
    }
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
pub(crate) fn string<'a>(member: &str, json: &'a str) -> Result<Cow<'a, str>, Rejection> {
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
pub(crate) fn object<'a>(member: &str, json: &'a str) -> Result<Vec<Member<'a>>, Rejection> {
    if !json.starts_with('{') {
        return Err(wrong_type(member, "an object", json));
    }
    members(json)
}
