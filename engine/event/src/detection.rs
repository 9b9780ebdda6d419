//! What rules make of events and windows make of matches.
//!
//! Owns the data that is passed from rules to windows and from windows to alerts; nothing here
//! evaluates a rule.
//! Invariant: a match and a detection hold all that their order depends on, so evaluation never
//! depends on when a thread ran.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::alert::AlertStatus;
use crate::event::Event;
use crate::key::{GroupKey, ScalarValue};
use crate::names::{EventId, TenantId};
use crate::order::EventOrder;
use crate::record::Position;
use crate::time::Timestamp;
use crate::window::Amount;

/// The place of an event in the one order in which it is evaluated: by the log position that
/// caused it, then by the layer of rules it comes from, then by its number among those.
///
/// A raw event has layer 0 and ordinal 0. An alert raised by a rule of layer `n` while the event at
/// `position` was evaluated has layer `n + 1`. So the order, and with it every answer, does not
/// depend on where a batch was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EvaluationPlace {
    /// Log position of the event that was being evaluated.
    pub position: Position,
    /// 0 for that event itself, `n + 1` for alerts of rules of layer `n`.
    pub layer: u8,
    /// Number among those of the same position and layer.
    pub ordinal: u32,
}

impl EvaluationPlace {
    /// The place of a raw event.
    pub const fn for_raw_event(position: Position) -> Self {
        Self {
            position,
            layer: 0,
            ordinal: 0,
        }
    }
}

/// One event that satisfies one rule's condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// Number of the rule in its set.
    pub rule: u32,
    /// Whose event it is.
    pub tenant: TenantId,
    /// The rule's group key, read from the event.
    pub key: GroupKey,
    /// Its order among all events.
    pub order: EventOrder,
    /// Where it is evaluated; orders what comes out.
    pub place: EvaluationPlace,
    /// The number of its source within the tenant; 0 for alerts, which come from the engine.
    pub source: u32,
    /// How far event time of the tenant had come before it.
    pub front: Timestamp,
    /// The event; for an alert its alert id, which is that of all its revisions.
    pub event_id: EventId,
    /// For rules with steps: bit `i` for step `i`, and [`Sequence::STOP`](crate::Sequence::STOP). 1
    /// for others.
    pub steps: u32,
    /// What the rule's window measures or compares, in the order the rule names it.
    pub values: MatchValues,
    /// The whole event, for rules whose scripts keep state.
    pub event: Option<Event>,
}

/// Values of an event that a window needs; `None` for one that is missing or is no plain value.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MatchValues(Option<Arc<[Option<ScalarValue>]>>);

impl MatchValues {
    /// No values at all.
    pub const fn empty() -> Self {
        Self(None)
    }

    /// Values in the order of their slots.
    pub fn new(values: Vec<Option<ScalarValue>>) -> Self {
        Self((!values.is_empty()).then(|| values.into()))
    }

    /// All of them.
    pub fn as_slice(&self) -> &[Option<ScalarValue>] {
        self.0.as_deref().unwrap_or_default()
    }

    /// One of them.
    pub fn get(&self, index: usize) -> Option<&ScalarValue> {
        self.as_slice().get(index)?.as_ref()
    }
}

/// The event that set a detection off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetectionTrigger {
    /// Its id.
    pub event_id: EventId,
    /// Its order among all events.
    pub order: EventOrder,
}

/// What a detection means to rules that read alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DetectionEffect {
    /// An alert they have not seen, with its content as it fired.
    Raise,
    /// Nothing: it only grew, ended or became final.
    Revise,
    /// The alert they have seen has another time or content as fired, which is this.
    Replace,
    /// The alert they have seen no longer follows from the events.
    Retract,
}

/// A window's condition came to hold, or something changed about a detection made before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detection {
    /// Number of the rule in its set.
    pub rule: u32,
    /// Whose it is.
    pub tenant: TenantId,
    /// The group.
    pub key: GroupKey,
    /// The event that its alert's id is made of; stays the same over all revisions. Usually the
    /// trigger; the opening event of what did not come, the first event of a session.
    pub anchor: EventId,
    /// What set it off.
    pub trigger: DetectionTrigger,
    /// The alert's time: the trigger's, the deadline of what did not come, the end of a window that
    /// is decided then.
    pub time: Timestamp,
    /// The place of the event that made this revision; orders what a layer puts out.
    pub place: EvaluationPlace,
    /// 1 for the detection itself, then 2, 3, ..
    pub revision: u32,
    /// Whether more may come.
    pub status: AlertStatus,
    /// What it means to rules that read alerts.
    pub effect: DetectionEffect,
    /// Matches that count towards it so far.
    pub count: u64,
    /// What was measured, for windows that measure something else than a count.
    pub value: Option<Amount>,
    /// How far off the value may be at most, as a part of it in thousandths; `None` for an exact
    /// one.
    pub error: Option<u16>,
    /// Time of the first match that counts.
    pub first: Timestamp,
    /// Time of the last match that counts.
    pub last: Timestamp,
    /// The first and last matches that count, in window order, at most
    /// [`crate::limits::EVIDENCE_EACH_END`] from each end.
    pub evidence: Vec<EventId>,
    /// What a script that keeps state says, as the JSON of an object.
    pub script_json: Option<Arc<str>>,
}
