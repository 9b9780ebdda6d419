//! The messages of `opentelemetry/proto/trace/v1/trace.proto` in their JSON form.
//!
//! Owns names and number formats: lowerCamelCase names, ids in hexadecimal, enums as numbers,
//! 64-bit integers as texts. What they are filled with is decided elsewhere.
//! Invariant: members that would hold their default are left out, as the specification's JSON
//! mapping asks.

use serde::Serialize;
use serde_json::Value;

/// The number of `SPAN_KIND_INTERNAL`.
pub(super) const KIND_INTERNAL: u8 = 1;
/// The number of `STATUS_CODE_ERROR`.
pub(super) const STATUS_ERROR: u8 = 2;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TracesData {
    pub(super) resource_spans: Vec<ResourceSpans>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ResourceSpans {
    pub(super) resource: OtlpResource,
    pub(super) scope_spans: Vec<ScopeSpans>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OtlpResource {
    pub(super) attributes: Vec<OtlpAttribute>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ScopeSpans {
    pub(super) scope: OtlpScope,
    pub(super) spans: Vec<OtlpSpan>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OtlpScope {
    pub(super) name: String,
    pub(super) version: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OtlpSpan {
    pub(super) trace_id: String,
    pub(super) span_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) parent_span_id: String,
    pub(super) name: String,
    pub(super) kind: u8,
    pub(super) start_time_unix_nano: String,
    pub(super) end_time_unix_nano: String,
    pub(super) attributes: Vec<OtlpAttribute>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) events: Vec<SpanEvent>,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) dropped_events_count: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) links: Vec<SpanLink>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<OtlpStatus>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SpanEvent {
    pub(super) time_unix_nano: String,
    pub(super) name: String,
    pub(super) attributes: Vec<OtlpAttribute>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SpanLink {
    pub(super) trace_id: String,
    pub(super) span_id: String,
    pub(super) attributes: Vec<OtlpAttribute>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OtlpStatus {
    pub(super) message: String,
    pub(super) code: u8,
}

#[derive(Serialize)]
pub(super) struct OtlpAttribute {
    key: String,
    value: OtlpValue,
}

impl OtlpAttribute {
    pub(super) fn new(key: impl Into<String>, value: OtlpValue) -> Self {
        Self {
            key: key.into(),
            value,
        }
    }
}

/// A value of an attribute. Integers are texts, as those of 64 bits are in JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::enum_variant_names, reason = "they are the schema's names")]
pub(super) enum OtlpValue {
    StringValue(String),
    BoolValue(bool),
    IntValue(String),
    DoubleValue(f64),
    ArrayValue { values: Vec<OtlpValue> },
    KvlistValue { values: Vec<OtlpAttribute> },
}

impl OtlpValue {
    pub(super) fn from_text(text: &str) -> Self {
        Self::StringValue(text.to_owned())
    }

    pub(super) const fn from_flag(flag: bool) -> Self {
        Self::BoolValue(flag)
    }

    /// A number; one beyond the signed 64 bits of the schema as text.
    pub(super) fn from_count(count: u64) -> Self {
        if i64::try_from(count).is_ok() {
            Self::IntValue(count.to_string())
        } else {
            Self::StringValue(count.to_string())
        }
    }

    pub(super) const fn from_list(values: Vec<Self>) -> Self {
        Self::ArrayValue { values }
    }

    /// Values of events are nested no deeper than [`larum_event::limits::EVENT_DEPTH`]. `null` in
    /// lists is the text.
    pub(super) fn from_json(value: &Value) -> Self {
        match value {
            Value::Null => Self::from_text("null"),
            Value::Bool(flag) => Self::from_flag(*flag),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(_), _) => Self::IntValue(number.to_string()),
                (None, Some(float)) if !number.is_u64() => Self::DoubleValue(float),
                (None, _) => Self::StringValue(number.to_string()),
            },
            Value::String(text) => Self::from_text(text),
            Value::Array(values) => Self::from_list(values.iter().map(Self::from_json).collect()),
            Value::Object(members) => Self::KvlistValue {
                values: members
                    .iter()
                    .map(|(key, value)| OtlpAttribute::new(key, Self::from_json(value)))
                    .collect(),
            },
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}
