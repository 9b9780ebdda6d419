//! From the members of an event to the attributes of a CloudEvent.

use super::{
    CARRIER, CORRELATION_ATTRIBUTES, MEMBER_ATTRIBUTES, TENANT, VERSION, attribute_name,
    member_name,
};
use crate::event::Event;
use crate::json::split::{RawMember, split_members};
use crate::json::write::CanonicalWriter;

impl Event {
    /// The event as a CloudEvent in structured JSON, on one line. [`Event::parse_cloudevent`] makes
    /// the same event of it, except that unknown members that no extension may be come last.
    pub fn to_cloudevent(&self) -> String {
        let mut line = CanonicalWriter::with_capacity(self.json().len() + 128);
        line.write_string("specversion", VERSION);
        let mut carried = CarrierContent::default();
        let mut data = None;
        // Canonical text is an object, so there are always members.
        for (name, json) in split_members(self.json()).unwrap_or_default() {
            match &*name {
                "correlation" => carried.correlation = write_correlation(&mut line, json),
                "metadata" => carried.metadata = write_tenant(&mut line, json),
                "filled" => carried.others.push((name, json)),
                "sequence" => line.write_string("sequence", json),
                "data" => data = Some(json),
                _ => match attribute_name(&MEMBER_ATTRIBUTES, &name) {
                    Some(attribute) => line.write_json(attribute, json),
                    None if may_be_attribute(&name, json) => line.write_json(&name, json),
                    None => carried.others.push((name, json)),
                },
            }
        }
        carried.write_carrier(&mut line);
        if let Some(data) = data {
            line.write_json("data", data);
        }
        line.into_text()
    }
}

/// What no attribute may be.
#[derive(Default)]
struct CarrierContent<'a> {
    metadata: Option<&'a str>,
    correlation: Option<Vec<RawMember<'a>>>,
    others: Vec<RawMember<'a>>,
}

impl CarrierContent<'_> {
    fn write_carrier(&self, line: &mut CanonicalWriter) {
        if self.metadata.is_none() && self.correlation.is_none() && self.others.is_empty() {
            return;
        }
        let mut inner = CanonicalWriter::with_capacity(256);
        if let Some(metadata) = self.metadata {
            inner.write_json("metadata", metadata);
        }
        if let Some(correlation) = &self.correlation {
            inner.write_object("correlation", |inner| write_members(inner, correlation));
        }
        write_members(&mut inner, &self.others);
        line.write_string(CARRIER, &inner.into_text());
    }
}

fn write_members(line: &mut CanonicalWriter, members: &[RawMember<'_>]) {
    for (name, json) in members {
        line.write_json(name, json);
    }
}

/// Writes the attributes that `correlation` has; what is left of it is carried.
fn write_correlation<'a>(line: &mut CanonicalWriter, json: &'a str) -> Option<Vec<RawMember<'a>>> {
    let members = split_members(json).unwrap_or_default();
    let all = members.len();
    let mut rest = Vec::new();
    for (name, json) in members {
        match attribute_name(&CORRELATION_ATTRIBUTES, &name) {
            Some(attribute) => line.write_json(attribute, json),
            None => rest.push((name, json)),
        }
    }
    // An empty correlation has no attribute that would carry it.
    (all == 0 || !rest.is_empty()).then_some(rest)
}

/// Writes the tenant; metadata that holds more is carried whole, for the order of its members.
fn write_tenant<'a>(line: &mut CanonicalWriter, json: &'a str) -> Option<&'a str> {
    let members = split_members(json).unwrap_or_default();
    if let Some((_, tenant)) = members.iter().find(|(name, _)| name == "tenantId") {
        line.write_json(TENANT, tenant);
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
        || member_name(&MEMBER_ATTRIBUTES, name).is_some()
        || member_name(&CORRELATION_ATTRIBUTES, name).is_some();
    let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    !reserved
        && !name.is_empty()
        && name.bytes().all(letters)
        && (json.starts_with(['"', 't', 'f']) || json.parse::<i32>().is_ok())
}
