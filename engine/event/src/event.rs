//! The event: its own canonical bytes and a parsed envelope.
//!
//! Owns what an event is; reading one from JSON is `json`'s job. An [`Event`] is immutable and
//! cheap to clone.
//! Invariant: the bytes never hold anything that the envelope contradicts, because both are made
//! together.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::correlation::Correlation;
use crate::names::{Channel, CorrelationId, EventId, EventType, Source, TenantId};
use crate::severity::Severity;
use crate::time::Timestamp;
use crate::topic::Topic;

/// How urgently an event is delivered (1-18).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Priority {
    /// After everything else.
    Low,
    /// The usual.
    #[default]
    Normal,
    /// Before everything else.
    High,
}

impl Priority {
    /// The priority's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Priority {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "low" => Ok(Self::Low),
            "normal" => Ok(Self::Normal),
            "high" => Ok(Self::High),
            _ => Err(()),
        }
    }
}

/// Which members a door filled in because the producer left them out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FilledMembers {
    /// The id.
    pub id: bool,
    /// The time; it is the time of arrival.
    pub time: bool,
    /// The source.
    pub source: bool,
    /// The severity; it comes from the policy.
    pub severity: bool,
}

/// blake3 of what the producer said, filled members left out; tells a repetition from a conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContentHash(pub [u8; 16]);

/// What every part of the engine knows of an event without reading its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Unique per (tenant, source).
    pub id: EventId,
    /// The member `type`, in its own spelling.
    pub event_type: EventType,
    /// Who observed it.
    pub source: Source,
    /// When it happened.
    pub time: Timestamp,
    /// The order among equal times of one source, where the producer or a decoder gives one.
    pub sequence: Option<u64>,
    /// The first segment of its topic.
    pub channel: Channel,
    /// Channel and type, in lower case.
    pub topic: Topic,
    /// The member `metadata.tenantId`, or the default tenant.
    pub tenant: TenantId,
    /// How bad it is.
    pub severity: Severity,
    /// How urgently it is delivered.
    pub priority: Priority,
    /// The workflow step it belongs to.
    pub correlation_id: Option<CorrelationId>,
    /// Where that step stands.
    pub correlation: Option<Correlation>,
    /// The event or alert that caused this one to be sent.
    pub causation_id: Option<EventId>,
    /// What the door filled in.
    pub filled: FilledMembers,
}

/// An event, admitted or about to be.
#[derive(Clone)]
pub struct Event(Arc<EventInner>);

struct EventInner {
    envelope: Envelope,
    json: Box<str>,
    content: ContentHash,
}

impl Event {
    /// Only the codecs of this crate put envelope and bytes together.
    pub(crate) fn from_parts(envelope: Envelope, json: Box<str>, content: ContentHash) -> Self {
        Self(Arc::new(EventInner {
            envelope,
            json,
            content,
        }))
    }

    /// What is known of it without reading its bytes.
    pub fn envelope(&self) -> &Envelope {
        &self.0.envelope
    }

    /// The event as one line of canonical JSON.
    pub fn json(&self) -> &str {
        &self.0.json
    }

    /// Tells a repetition of the same id from a conflict (1-19).
    pub fn content_hash(&self) -> ContentHash {
        self.0.content
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Event").field(&self.json()).finish()
    }
}

impl PartialEq for Event {
    /// Two events are the same when their canonical bytes are.
    fn eq(&self, other: &Self) -> bool {
        self.json() == other.json()
    }
}

impl Eq for Event {}
