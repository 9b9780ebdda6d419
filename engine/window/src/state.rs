//! What goes into the state of one key, of whatever kind, and what comes out.
//!
//! Owns these data and the order of calls; what a state does with them is left to each kind.
//! Invariant: what a state reports is a function of its events alone, since it never sees disorder.
//!
//! Every kind of window has a state with the same calls. The caller sees to the order:
//!
//! - `advance_to(before, rule, output)`: time has reached `before`; everything whose last moment
//!   lies before it ends.
//! - `apply_event(event, rule, output)`: the next event in window order, after `advance_to` its
//!   time.
//! - `due_time(rule)`: the last moment at which the state is unchanged; once time is beyond it,
//!   `advance_to` has work to do. `None`: the state is empty and may be removed.
//! - `close(rule, output)`: time has ended.
//! - `discard(rule, output)`: the key is removed early; an open alert ends and nothing else is
//!   decided. Only aggregates have open alerts.
//!
//! So a state never sees disorder, and its reports are a function of its events alone. Snapshots of
//! a state are kept to go back to when an event arrives out of order; equal states have equal
//! futures.

use std::fmt;
use std::sync::Arc;

use larum_event::{Amount, Event, EventId, EventOrder, Match, MatchValues, Timestamp};
use serde::{Deserialize, Serialize};

use crate::event_ref::EventRef;

/// An event on its way into a state.
#[derive(Debug, Clone)]
pub(crate) struct WindowEvent {
    pub(crate) event_ref: EventRef,
    pub(crate) steps: u32,
    /// The number of its source; 0 for alerts.
    pub(crate) source: u32,
    pub(crate) values: MatchValues,
    pub(crate) event: Option<Event>,
}

/// A whole event as its canonical text.
pub(crate) mod stored_event {
    use larum_event::Event;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        event: &Option<Event>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        event.as_ref().map(Event::json).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Event>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        let event = text.map(|text| Event::from_canonical(&text)).transpose();
        event.map_err(|error| serde::de::Error::custom(format!("{error:?}")))
    }
}

impl WindowEvent {
    pub(crate) fn from_match(matched: Match) -> Self {
        Self {
            event_ref: EventRef::from_match(&matched),
            steps: matched.steps,
            source: matched.source,
            values: matched.values,
            event: matched.event,
        }
    }

    pub(crate) fn time(&self) -> Timestamp {
        self.event_ref.time()
    }

    pub(crate) fn order(&self) -> EventOrder {
        self.event_ref.order
    }

    /// Whether it is an alert, which may be taken back.
    pub(crate) fn is_alert(&self) -> bool {
        self.order().place.layer > 0
    }
}

/// What a state reports.
#[derive(Debug, Default)]
pub(crate) struct StateOutput {
    /// In the order in which they happened.
    pub(crate) reports: Vec<AlertReport>,
    /// For each report the last moment at which it was not known yet: the time of the event it
    /// comes with, or a deadline that has passed without one.
    pub(crate) moments: Vec<Timestamp>,
    /// The moment of what is reported next.
    pub(crate) moment: Timestamp,
    /// Events or partial matches dropped early because there were too many.
    pub(crate) dropped: u64,
}

impl StateOutput {
    /// Adds a report of the current moment.
    pub(crate) fn push(&mut self, report: AlertReport) {
        self.reports.push(report);
        self.moments.push(self.moment);
    }
}

/// One report of a state. At most one alert of a state is open at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AlertReport {
    /// The condition came to hold.
    Fired(Box<FiredAlert>),
    /// The open alert's count has doubled since it was last reported.
    Grew(Box<AlertSummary>),
    /// The open alert is over, with this as its last content.
    Ended(Box<AlertSummary>),
}

/// An alert that begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FiredAlert {
    /// Its id is computed from this.
    pub(crate) anchor: EventId,
    /// The event that raised it.
    pub(crate) trigger: EventRef,
    /// The time of the alert.
    pub(crate) time: Timestamp,
    pub(crate) content: AlertSummary,
    /// Whether `Grew` and `Ended` follow.
    pub(crate) open: bool,
}

/// The content of an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AlertSummary {
    /// Matches that count.
    pub(crate) count: u64,
    /// The measured value, unless that is the count.
    pub(crate) value: Option<Amount>,
    /// Upper bound of the value's error, in thousandths of it.
    pub(crate) error: Option<u16>,
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
    /// First and last events that count, in window order.
    pub(crate) evidence: Vec<EventId>,
    /// The alert's JSON from a script; `None` for every other kind.
    pub(crate) script_json: Option<Arc<str>>,
}

/// The state of a key as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct StateView {
    /// Events that count now.
    pub(crate) events: u64,
    /// The measured value, if the rule measures one.
    pub(crate) value: Option<Amount>,
    /// Time of the oldest event that counts.
    pub(crate) oldest: Option<Timestamp>,
    /// The open partial matches of a sequence.
    pub(crate) partials: Vec<PartialView>,
}

/// An open partial match of a sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartialView {
    /// The step it waits for, where there is one.
    pub waits_for: Option<AwaitedStep>,
    /// Events it has.
    pub events: u64,
    /// Those of the step it waits for.
    pub step_events: u64,
    /// When it ends if nothing comes.
    pub until: Timestamp,
}

/// The step of a sequence that a partial match waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwaitedStep {
    /// Its index among the steps of the sequence.
    pub index: usize,
    /// Its name.
    pub name: Arc<str>,
    /// Whether the match is complete once the step has not come in time.
    pub is_absent: bool,
}

/// `login`, or `no logout` for a step that must not come.
impl fmt::Display for AwaitedStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let absence = if self.is_absent { "no " } else { "" };
        write!(f, "{absence}{}", self.name)
    }
}
