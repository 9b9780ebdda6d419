//! What the engine knows without a file: the envelope of every event, and what alerts say.
//!
//! Owns these two lists. Fields of other topics are only known from `fields.toml`.
//! Invariant: every member of the envelope that rules may name is listed here; a test compares
//! them.

use std::collections::BTreeMap;
use std::sync::Arc;

use larum_event::{Severity, TopicPattern};

use super::{CatalogueField, CatalogueTopic, FieldType};

const ENVELOPE: [(&str, FieldType, &str); 20] = [
    (
        "id",
        FieldType::String,
        "Its name, unique within tenant and source",
    ),
    (
        "type",
        FieldType::String,
        "What happened, such as auth.login",
    ),
    ("source", FieldType::String, "Who observed it"),
    ("time", FieldType::String, "When it happened, in UTC"),
    ("sequence", FieldType::Integer, "Its source's own number"),
    ("channel", FieldType::String, "The first part of its topic"),
    (
        "topic",
        FieldType::String,
        "Channel and type, in lower case",
    ),
    ("tenant", FieldType::String, "Whose it is"),
    ("severity", FieldType::String, "How bad it is"),
    ("priority", FieldType::String, "How urgent it is"),
    (
        "correlationId",
        FieldType::String,
        "The workflow step it belongs to",
    ),
    ("causationId", FieldType::String, "The event that caused it"),
    (
        "correlation",
        FieldType::Object,
        "Its place in its workflow",
    ),
    ("correlation.root", FieldType::String, "The workflow"),
    (
        "correlation.parent",
        FieldType::String,
        "The step above its own",
    ),
    (
        "correlation.stage",
        FieldType::String,
        "The stage of the workflow",
    ),
    (
        "correlation.tags",
        FieldType::Object,
        "Whatever else sets it apart",
    ),
    (
        "traceparent",
        FieldType::String,
        "Its trace, by W3C trace context",
    ),
    (
        "dataVersion",
        FieldType::Any,
        "The version of its data's shape",
    ),
    (
        "metadata.tenantId",
        FieldType::String,
        "Whose it is, as its sender says",
    ),
];

const ALERT: [(&str, FieldType, &str); 20] = [
    (
        "data.alertId",
        FieldType::String,
        "The same for all revisions",
    ),
    (
        "data.revision",
        FieldType::Integer,
        "1, 2, .. as it changes",
    ),
    (
        "data.status",
        FieldType::String,
        "Whether it may still change",
    ),
    ("data.rule", FieldType::String, "The rule that raised it"),
    ("data.title", FieldType::String, "The rule's title"),
    ("data.severity", FieldType::String, "The rule's severity"),
    ("data.attack", FieldType::List, "ATT&CK technique ids"),
    (
        "data.key",
        FieldType::Object,
        "The group, by name of its members",
    ),
    ("data.count", FieldType::Integer, "Matches that count"),
    (
        "data.value",
        FieldType::Number,
        "What was measured, where it is no count",
    ),
    (
        "data.error",
        FieldType::Number,
        "How far off the value may be, as a part of it",
    ),
    ("data.window", FieldType::String, "Length of the window"),
    (
        "data.first",
        FieldType::String,
        "Time of the first match that counts",
    ),
    (
        "data.last",
        FieldType::String,
        "Time of the last match that counts",
    ),
    (
        "data.trigger.id",
        FieldType::String,
        "The event that set it off",
    ),
    (
        "data.trigger.sequence",
        FieldType::Integer,
        "That event's number",
    ),
    (
        "data.evidence",
        FieldType::List,
        "First and last events that count",
    ),
    ("data.message", FieldType::String, "A sentence for people"),
    (
        "data.fields",
        FieldType::Object,
        "What else the rule's alert says",
    ),
    (
        "data.depth",
        FieldType::Integer,
        "Length of the chain of causes",
    ),
];

pub(super) fn envelope_fields() -> BTreeMap<Arc<str>, CatalogueField> {
    build_fields(&ENVELOPE)
}

pub(super) fn alerts_topic() -> CatalogueTopic {
    CatalogueTopic {
        pattern: TopicPattern::new("alerts.#").expect("a literal that a test parses"),
        meaning: "What rules found: one event for each revision of an alert".into(),
        open: false,
        fields: build_fields(&ALERT),
        file: "".into(),
    }
}

fn build_fields(list: &[(&str, FieldType, &str)]) -> BTreeMap<Arc<str>, CatalogueField> {
    let fields = list.iter().map(|(path, field_type, meaning)| {
        let values = match *path {
            "severity" | "data.severity" => {
                Severity::ALL.map(|one| Arc::from(one.as_str())).to_vec()
            }
            "data.status" => ["early", "final", "retracted"].map(Arc::from).to_vec(),
            _ => Vec::new(),
        };
        let field = CatalogueField {
            field_type: *field_type,
            meaning: Arc::from(*meaning),
            values,
        };
        (Arc::from(*path), field)
    });
    fields.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::{FieldRef, MEMBERS};

    #[test]
    fn every_member_of_the_envelope_has_a_meaning_and_nothing_else_does() {
        let known = envelope_fields();
        for (name, _) in MEMBERS {
            let is_known = known.contains_key(name) || ["data", "metadata"].contains(&name);
            assert!(is_known, "{name}");
        }
        for path in known.keys().chain(alerts_topic().fields.keys()) {
            assert!(FieldRef::parse(path).is_ok(), "{path}");
        }
    }
}
