//! Alerts: detections as people and other rules see them.
//!
//! Owns the `data` of an alert. An alert is itself an event, on topic `alerts.<rule id>`; when one
//! is raised is the engine's job.
//! Invariant: what is written as an alert reads back as the same alert, since rules over alerts and
//! incidents see it only through its event.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::correlation::Correlation;
use crate::event::{Event, Priority};
use crate::json::check;
use crate::json::write::CanonicalWriter;
use crate::names::{Channel, EventId, RuleId, TenantId};
use crate::rejection::{Rejection, RejectionReason};
use crate::severity::Severity;
use crate::time::{Span, Timestamp};
use crate::value::FieldValue;

/// Whether an alert still may change (design §8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertStatus {
    /// It holds for what is known; an event that is late but within the lateness may change it.
    Early,
    /// It holds.
    Final,
    /// It no longer holds.
    Retracted,
}

/// The event that set an alert off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertTrigger {
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
    /// What was measured, where that is something else than the count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<serde_json::Value>,
    /// How far off the value may be at most, as a part of it; none for an exact one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<f64>,
    /// Length of the window, for rules that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Span>,
    /// Time of the first match that counts.
    pub first: Timestamp,
    /// Time of the last match that counts.
    pub last: Timestamp,
    /// What set it off.
    pub trigger: AlertTrigger,
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

/// The source of every event that the engine makes.
const SOURCE: &str = "larum";

impl Alert {
    /// The alert that `event` carries; `None` when it carries none.
    pub fn from_event(event: &Event) -> Option<Self> {
        if !event.envelope().channel.is_alerts() {
            return None;
        }
        match event.field("data") {
            Some(FieldValue::Object(data)) => serde_json::from_str(data).ok(),
            _ => None,
        }
    }

    /// The id of the event that carries this revision.
    fn event_id(&self) -> String {
        match self.revision {
            0 | 1 => self.alert_id.to_string(),
            revision => format!("{}.{revision}", self.alert_id),
        }
    }
}

impl Event {
    /// The event, on topic `alerts.<rule id>`, that carries one revision of an alert.
    ///
    /// The first revision's id is the alert's id, later ones add `.2`, `.3`, .. Its time is `time`,
    /// the trigger's; its `causationId` the trigger's id. The alert is a workflow step of its own:
    /// its `correlationId` is the alert's id, and `correlation` tells where that step stands,
    /// usually [`Correlation::child_of`] the trigger.
    ///
    /// # Errors
    /// Whatever holds for other events holds for alerts: a rule id that makes no topic is rejected,
    /// and an alert of more than [`crate::limits::EVENT_BYTES`].
    pub fn from_alert(
        alert: &Alert,
        time: Timestamp,
        tenant: &TenantId,
        correlation: Option<&Correlation>,
    ) -> Result<Self, Rejection> {
        let data = serde_json::to_string(alert).map_err(|error| {
            Rejection::for_member(RejectionReason::Syntax, "data", error.to_string())
        })?;
        let mut line = CanonicalWriter::with_capacity(data.len() + 512);
        line.write_string("id", &alert.event_id());
        line.write_string("type", alert.rule.as_str());
        line.write_string("source", SOURCE);
        line.write_string("time", &time.to_string());
        line.write_string("channel", Channel::alerts().as_str());
        line.write_string("severity", alert.severity.as_str());
        line.write_string("priority", Priority::default().as_str());
        line.write_string("correlationId", &alert.alert_id);
        if let Some(correlation) = correlation {
            line.write_object("correlation", |line| correlation.write_members(line));
        }
        line.write_string("causationId", alert.trigger.id.as_str());
        line.write_object("metadata", |line| {
            line.write_string("tenantId", tenant.as_str())
        });
        line.write_json("data", &data);
        // Reading it back runs every check that other events go through.
        let line = line.into_text();
        Self::from_canonical(check::check_bytes(line.as_bytes())?)
    }
}
