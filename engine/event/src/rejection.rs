//! Why an input did not become an event.
//!
//! Bad input is a value, not a failure: a door hands a [`Rejection`] back to the client that sent the
//! input, counts it by [`RejectionReason`], and goes on with the next one.

use std::fmt;

use serde::Serialize;

/// The kinds of rejection. The codes are stable: clients and dashboards may name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RejectionReason {
    /// Not JSON, or not the text that a decoder expects.
    Syntax,
    /// Bytes that are not UTF-8.
    InvalidUtf8,
    /// More bytes than [`crate::limits::EVENT_BYTES`].
    TooLarge,
    /// Nested deeper than [`crate::limits::EVENT_DEPTH`].
    TooDeep,
    /// A member occurs twice in one object.
    DuplicateMember,
    /// A number that no 64 bit number can hold, not even roughly.
    NumberOutOfRange,
    /// A required member is not there.
    MissingMember,
    /// A member is of another JSON type than it must be.
    WrongType,
    /// A member's value is not one it may have.
    InvalidMember,
    /// A time outside of the years 1677 to 2262, or not a time.
    InvalidTime,
    /// Channel and type do not make a topic.
    InvalidTopic,
    /// A decoder does not know what to make of the record.
    NotDecoded,
    /// Tenants are required and the event names none (1-38, 1-44).
    TenantRequired,
    /// The event names a tenant that is not configured.
    UnknownTenant,
    /// The channel is the engine's own, or may not be created.
    ChannelRefused,
    /// The same id came before with other content (1-19).
    IdConflict,
    /// The chain of causes is longer than [`crate::limits::DERIVED_DEPTH`] (4-12).
    CausationDepth,
}

impl RejectionReason {
    /// Every reason, for tables and metrics.
    pub const ALL: [Self; 17] = [
        Self::Syntax,
        Self::InvalidUtf8,
        Self::TooLarge,
        Self::TooDeep,
        Self::DuplicateMember,
        Self::NumberOutOfRange,
        Self::MissingMember,
        Self::WrongType,
        Self::InvalidMember,
        Self::InvalidTime,
        Self::InvalidTopic,
        Self::NotDecoded,
        Self::TenantRequired,
        Self::UnknownTenant,
        Self::ChannelRefused,
        Self::IdConflict,
        Self::CausationDepth,
    ];

    /// The stable code, such as `missing_member`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::TooLarge => "too_large",
            Self::TooDeep => "too_deep",
            Self::DuplicateMember => "duplicate_member",
            Self::NumberOutOfRange => "number_out_of_range",
            Self::MissingMember => "missing_member",
            Self::WrongType => "wrong_type",
            Self::InvalidMember => "invalid_member",
            Self::InvalidTime => "invalid_time",
            Self::InvalidTopic => "invalid_topic",
            Self::NotDecoded => "not_decoded",
            Self::TenantRequired => "tenant_required",
            Self::UnknownTenant => "unknown_tenant",
            Self::ChannelRefused => "channel_refused",
            Self::IdConflict => "id_conflict",
            Self::CausationDepth => "causation_depth",
        }
    }
}

impl fmt::Display for RejectionReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for RejectionReason {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

/// One refused input: the reason, the member it is about, and a sentence for people that says what
/// was found and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{}{detail}", match member { Some(member) => format!("{member}: "), None => String::new() })]
pub struct Rejection {
    /// The stable kind.
    pub reason: RejectionReason,
    /// Path of the member, such as `metadata.tenantId`, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// What was found and what is expected. Never holds more than a short piece of the input.
    pub detail: String,
}

impl Rejection {
    /// A rejection of the input as a whole.
    pub fn new(reason: RejectionReason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            member: None,
            detail: detail.into(),
        }
    }

    /// A rejection because of one member.
    pub fn for_member(
        reason: RejectionReason,
        member: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            reason,
            member: Some(member.into()),
            detail: detail.into(),
        }
    }
}
