//! From the members of an event to the attributes of a CloudEvent.

use super::{CARRIER, PLACE, SAME, TENANT, VERSION, attribute_of, member_of};
use crate::event::Event;
use crate::json::split::{Member, members};
use crate::json::write::Line;

impl Event {
    /// The event as a CloudEvent in structured JSON, on one line. [`Event::parse_cloudevent`] makes
    /// the same event of it, except that unknown members that no extension may be come last.
    pub fn to_cloudevent(&self) -> String {
        let mut line = Line::with_capacity(self.json().len() + 128);
        line.string("specversion", VERSION);
        let mut carried = Carried::default();
        let mut data = None;
        // Canonical text is an object, so there are always members.
        for (name, json) in members(self.json()).unwrap_or_default() {
            match &*name {
                "correlation" => carried.correlation = place(&mut line, json),
                "metadata" => carried.metadata = tenant(&mut line, json),
                "filled" => carried.others.push((name, json)),
                "sequence" => line.string("sequence", json),
                "data" => data = Some(json),
                _ => match attribute_of(&SAME, &name) {
                    Some(attribute) => line.json(attribute, json),
                    None if may_be_attribute(&name, json) => line.json(&name, json),
                    None => carried.others.push((name, json)),
                },
            }
        }
        carried.write(&mut line);
        if let Some(data) = data {
            line.json("data", data);
        }
        line.into_text()
    }
}

/// What no attribute may be.
#[derive(Default)]
struct Carried<'a> {
    metadata: Option<&'a str>,
    correlation: Option<Vec<Member<'a>>>,
    others: Vec<Member<'a>>,
}

impl Carried<'_> {
    fn write(&self, line: &mut Line) {
        if self.metadata.is_none() && self.correlation.is_none() && self.others.is_empty() {
            return;
        }
        let mut inner = Line::with_capacity(256);
        if let Some(metadata) = self.metadata {
            inner.json("metadata", metadata);
        }
        if let Some(correlation) = &self.correlation {
            inner.object("correlation", |inner| write_all(inner, correlation));
        }
        write_all(&mut inner, &self.others);
        line.string(CARRIER, &inner.into_text());
    }
}

fn write_all(line: &mut Line, members: &[Member<'_>]) {
    for (name, json) in members {
        line.json(name, json);
    }
}

/// Writes the attributes that `correlation` has; what is left of it is carried.
fn place<'a>(line: &mut Line, json: &'a str) -> Option<Vec<Member<'a>>> {
    let members = members(json).unwrap_or_default();
    let all = members.len();
    let mut rest = Vec::new();
    for (name, json) in members {
        match attribute_of(&PLACE, &name) {
            Some(attribute) => line.json(attribute, json),
            None => rest.push((name, json)),
        }
    }
    // An empty correlation has no attribute that would tell of it.
    (all == 0 || !rest.is_empty()).then_some(rest)
}

/// Writes the tenant; metadata that holds more is carried whole, for the order of its members.
fn tenant<'a>(line: &mut Line, json: &'a str) -> Option<&'a str> {
    let members = members(json).unwrap_or_default();
    if let Some((_, tenant)) = members.iter().find(|(name, _)| name == "tenantId") {
        line.json(TENANT, tenant);
    }
    (members.len() > 1).then_some(json)
}

/// Whether an unknown member may be an attribute: a name of small letters and digits that means
/// nothing else, and a string, boolean or 32 bit integer.
fn may_be_attribute(name: &str, json: &str) -> bool {
    if name == "data_base64" {
        return true;
    }
    let reserved = matches!(name, "specversion" | CARRIER | TENANT)
        || member_of(&SAME, name).is_some()
        || member_of(&PLACE, name).is_some();
    let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    !reserved
        && !name.is_empty()
        && name.bytes().all(letters)
        && (json.starts_with(['"', 't', 'f']) || json.parse::<i32>().is_ok())
}
