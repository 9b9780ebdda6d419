//! Names of fields as rules write them: members of the envelope, and paths below `data`, `metadata`
//! and `correlation`.
//!
//! Owns which names exist. What an event holds there is looked up by `event`; which fields below
//! `data` make sense belongs to the catalogue.
//! Invariant: a name that no event can have is an error with the names it could have been, never a
//! field that is always missing.

use larum_event::{Event, FieldValue};

/// A member of the envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum EnvelopeMember {
    Id,
    Type,
    Source,
    Time,
    Sequence,
    Channel,
    Topic,
    Tenant,
    Severity,
    Priority,
    CorrelationId,
    Correlation,
    CausationId,
    Traceparent,
    DataVersion,
    Metadata,
    Data,
}

/// Every member with the name that rules use.
pub(crate) const MEMBERS: [(&str, EnvelopeMember); 17] = [
    ("id", EnvelopeMember::Id),
    ("type", EnvelopeMember::Type),
    ("source", EnvelopeMember::Source),
    ("time", EnvelopeMember::Time),
    ("sequence", EnvelopeMember::Sequence),
    ("channel", EnvelopeMember::Channel),
    ("topic", EnvelopeMember::Topic),
    ("tenant", EnvelopeMember::Tenant),
    ("severity", EnvelopeMember::Severity),
    ("priority", EnvelopeMember::Priority),
    ("correlationId", EnvelopeMember::CorrelationId),
    ("correlation", EnvelopeMember::Correlation),
    ("causationId", EnvelopeMember::CausationId),
    ("traceparent", EnvelopeMember::Traceparent),
    ("dataVersion", EnvelopeMember::DataVersion),
    ("metadata", EnvelopeMember::Metadata),
    ("data", EnvelopeMember::Data),
];

/// The members of `correlation`.
pub(crate) const CORRELATION_MEMBERS: [&str; 4] = ["root", "parent", "stage", "tags"];

impl EnvelopeMember {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        MEMBERS
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, member)| *member)
    }

    /// As rules write it.
    pub(crate) fn name(self) -> &'static str {
        let mut named = MEMBERS.iter();
        named
            .find(|(_, member)| *member == self)
            .map_or("", |(name, _)| name)
    }

    /// Its value in `event`; `None` where it is missing.
    pub(crate) fn value_in(self, event: &Event) -> Option<FieldValue<'_>> {
        let envelope = event.envelope();
        let text = |text| Some(FieldValue::Str(std::borrow::Cow::Borrowed(text)));
        match self {
            Self::Id => text(envelope.id.as_str()),
            Self::Type => text(envelope.event_type.as_str()),
            Self::Source => text(envelope.source.as_str()),
            Self::Time => Some(FieldValue::Str(envelope.time.to_string().into())),
            // A number beyond `i64` becomes a float, as such numbers in `data` do.
            Self::Sequence => envelope.sequence.map(|sequence| {
                i64::try_from(sequence).map_or(FieldValue::Float(sequence as f64), FieldValue::Int)
            }),
            Self::Channel => text(envelope.channel.as_str()),
            Self::Topic => text(envelope.topic.as_str()),
            Self::Tenant => text(envelope.tenant.as_str()),
            Self::Severity => text(envelope.severity.as_str()),
            Self::Priority => text(envelope.priority.as_str()),
            Self::CorrelationId => envelope
                .correlation_id
                .as_ref()
                .and_then(|id| text(id.as_str())),
            Self::CausationId => envelope
                .causation_id
                .as_ref()
                .and_then(|id| text(id.as_str())),
            Self::Correlation => event.field("correlation"),
            Self::Traceparent => event.field("traceparent"),
            Self::DataVersion => event.field("dataVersion"),
            Self::Metadata => event.field("metadata"),
            Self::Data => event.field("data"),
        }
    }
}

/// A field that a rule names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum FieldRef {
    /// A member of the envelope.
    Member(EnvelopeMember),
    /// A path below one that is an object.
    Path(String),
}

/// A name that no event has, and the names that it could have been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnknownField {
    /// What was asked for, up to where it went wrong.
    pub(crate) name: String,
    /// The part that is wrong.
    pub(crate) part: String,
    /// What could be there; empty where nothing can.
    pub(crate) known: Vec<&'static str>,
}

impl FieldRef {
    /// As rules write it.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Member(member) => member.name(),
            Self::Path(path) => path,
        }
    }

    /// Reads a dot-separated path such as `metadata.user`.
    pub(crate) fn parse(path: &str) -> Result<Self, UnknownField> {
        let segments: Vec<&str> = path.split('.').collect();
        Self::from_segments(&segments)
    }

    /// Reads a path whose segments are known apart. Below `data` and `metadata` any name is
    /// allowed.
    pub(crate) fn from_segments(segments: &[&str]) -> Result<Self, UnknownField> {
        let unknown = |depth: usize, known: Vec<&'static str>| UnknownField {
            name: segments
                .get(..=depth)
                .map(|known| known.join("."))
                .unwrap_or_default(),
            part: segments.get(depth).copied().unwrap_or_default().to_owned(),
            known,
        };
        let first = segments.first().copied().unwrap_or_default();
        let Some(member) = EnvelopeMember::from_name(first) else {
            let known = MEMBERS.iter().map(|(name, _)| *name).collect();
            return Err(unknown(0, known));
        };
        let Some(second) = segments.get(1) else {
            return Ok(Self::Member(member));
        };
        // Members are listed one by one: a new one must decide here whether it has members.
        match member {
            EnvelopeMember::Data | EnvelopeMember::Metadata => {
                if let Some(empty) = segments.iter().position(|segment| segment.is_empty()) {
                    return Err(unknown(empty, Vec::new()));
                }
            }
            EnvelopeMember::Correlation => {
                if !CORRELATION_MEMBERS.contains(second) {
                    return Err(unknown(1, CORRELATION_MEMBERS.to_vec()));
                }
                if segments.len() > 2 && *second != "tags" {
                    return Err(unknown(2, Vec::new()));
                }
            }
            EnvelopeMember::Id
            | EnvelopeMember::Type
            | EnvelopeMember::Source
            | EnvelopeMember::Time
            | EnvelopeMember::Sequence
            | EnvelopeMember::Channel
            | EnvelopeMember::Topic
            | EnvelopeMember::Tenant
            | EnvelopeMember::Severity
            | EnvelopeMember::Priority
            | EnvelopeMember::CorrelationId
            | EnvelopeMember::CausationId
            | EnvelopeMember::Traceparent
            | EnvelopeMember::DataVersion => return Err(unknown(1, Vec::new())),
        }
        Ok(Self::Path(segments.join(".")))
    }
}
