//! CloudEvents 1.0 in JSON, both ways.
//!
//! Owns the mapping of design §5. A CloudEvent is brought into the same draft as a canonical event,
//! so all checks are shared. Attributes without a canonical member (`subject`, `datacontenttype`,
//! `dataschema`, `data_base64`, `expirytime`, `partitionkey`, any extension) are unknown members of
//! the event and survive. What CloudEvents has no form for (`metadata` but for the tenant,
//! `filled`, tags, unknown members whose names or values no extension may have) travels in one
//! extension, `larum`, whose string is a JSON object of it.

mod read;
mod write;

/// The version this speaks.
const VERSION: &str = "1.0";
/// The extension that carries what CloudEvents has no form for.
const CARRIER: &str = "larum";
/// The attribute that is `metadata.tenantId`.
const TENANT: &str = "tenantid";

/// Attributes that are canonical members, and which.
const MEMBER_ATTRIBUTES: [(&str, &str); 13] = [
    ("id", "id"),
    ("type", "type"),
    ("source", "source"),
    ("time", "time"),
    ("sequence", "sequence"),
    ("channel", "channel"),
    ("dataversion", "dataVersion"),
    ("severitytext", "severity"),
    ("priority", "priority"),
    ("correlationid", "correlationId"),
    ("causationid", "causationId"),
    ("traceparent", "traceparent"),
    ("data", "data"),
];

/// Attributes that are members of `correlation`, and which.
const CORRELATION_ATTRIBUTES: [(&str, &str); 3] = [
    ("rootid", "root"),
    ("parentid", "parent"),
    ("stage", "stage"),
];

/// The other side of `name` in one of the tables, read from left to right.
fn member_name<'t>(table: &[(&str, &'t str)], name: &str) -> Option<&'t str> {
    let pair = table.iter().find(|(attribute, _)| *attribute == name);
    pair.map(|(_, member)| *member)
}

/// The other side of `name` in one of the tables, read from right to left.
fn attribute_name<'t>(table: &[(&'t str, &str)], name: &str) -> Option<&'t str> {
    let pair = table.iter().find(|(_, member)| *member == name);
    pair.map(|(attribute, _)| *attribute)
}
