//! Alerts: detections as people and other rules see them.
//!
//! An alert is itself an event, on topic `alerts.<rule id>`; [`Alert`] is what its `data` says.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::names::{EventId, RuleId};
use crate::severity::Severity;
use crate::time::{Span, Timestamp};

/// Whether an alert still may change (design §8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertStatus {
    /// It holds for what is known; an event that is late but within the lateness may change it.
    Early,
    /// It stands.
    Final,
    /// It no longer stands.
    Retracted,
}

/// The event that set an alert off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trigger {
    /// Its id.
    pub id: EventId,
    /// Its source's own numbering, or the number of its record in the input, where one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
}

/// One revision of an alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// The same for all revisions; computed from what caused it, never random.
    pub alert_id: Arc<str>,
    /// 1, 2, ..
    pub revision: u32,
    /// Whether it may still change.
    pub status: AlertStatus,
    /// The rule that raised it.
    pub rule: RuleId,
    /// The rule's title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Arc<str>>,
    /// The rule's severity.
    pub severity: Severity,
    /// ATT&CK technique ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attack: Vec<Arc<str>>,
    /// The group, by name of its members.
    pub key: serde_json::Map<String, serde_json::Value>,
    /// Matches that count.
    pub count: u64,
    /// Length of the window, for rules that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Span>,
    /// Time of the first match that counts.
    pub first: Timestamp,
    /// Time of the last match that counts.
    pub last: Timestamp,
    /// What set it off.
    pub trigger: Trigger,
    /// First and last events that count.
    pub evidence: Vec<EventId>,
    /// A sentence for people.
    pub message: String,
    /// What else the rule's `.alert` closure says.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub fields: serde_json::Map<String, serde_json::Value>,
    /// Length of the chain of causes behind it, itself included.
    pub depth: u8,
}
