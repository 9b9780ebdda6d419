//! What the state of one key, of whatever kind, is told and what it tells.
//!
//! Each kind of window has a state with the same four calls. The caller sees to the order:
//!
//! - `pass(before, rule, out)`: time has come to `before`; everything whose last moment lies before it ends.
//! - `take(event, rule, out)`: the next event in window order, after `pass` to its time.
//! - `due_time(rule)`: the last moment at which the state is still as it is; once time is beyond, `pass` has
//!   something to do. `None`: the state says nothing any more and may be forgotten.
//! - `close(rule, out)`: time has ended.
//! - `leave(rule, out)`: the key goes before its time; an open alert ends, nothing else is decided. Only aggregates have
//!   open alerts.
//!
//! So a state never sees disorder, and what it reports is a function of its events alone. A state is cloned to
//! be evaluated ahead of the watermark, so a clone is cheap for a quiet key.

use std::sync::Arc;

use larum_event::{Amount, Event, EventId, Match, MatchValues, Timestamp};
use serde::{Deserialize, Serialize};

use crate::event_ref::EventRef;
use crate::view::PartialView;

/// An event on its way into a state.
#[derive(Debug, Clone)]
pub(crate) struct WindowEvent {
    pub(crate) held: EventRef,
    pub(crate) steps: u32,
    pub(crate) values: MatchValues,
    pub(crate) event: Option<Event>,
}

impl WindowEvent {
    pub(crate) fn from_match(matched: Match) -> Self {
        Self {
            held: EventRef::from_match(&matched),
            steps: matched.steps,
            values: matched.values,
            event: matched.event,
        }
    }

    pub(crate) fn time(&self) -> Timestamp {
        self.held.time()
    }
}

/// What states tell.
#[derive(Debug, Default)]
pub(crate) struct StateOutput {
    /// In order.
    pub(crate) reports: Vec<AlertReport>,
    /// Events or partial matches that went before their time because there were too many.
    pub(crate) dropped: u64,
}

/// One thing a state tells. At most one alert of a state is open at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AlertReport {
    /// The condition came to hold.
    Fired(Box<FiredAlert>),
    /// The open alert counts twice as many as when it was last told.
    Grew(Box<AlertSummary>),
    /// The open alert is over; this is all of it.
    Ended(Box<AlertSummary>),
}

/// An alert begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FiredAlert {
    /// What its id is made of.
    pub(crate) anchor: EventId,
    /// What set it off.
    pub(crate) trigger: EventRef,
    /// Its time.
    pub(crate) time: Timestamp,
    pub(crate) content: AlertSummary,
    /// Whether `Grew` and `Ended` follow.
    pub(crate) open: bool,
}

/// What an alert says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AlertSummary {
    /// Matches that count.
    pub(crate) count: u64,
    /// What was measured, unless that is the count.
    pub(crate) value: Option<Amount>,
    /// How far off the value may be at most, in thousandths of it.
    pub(crate) error: Option<u16>,
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
    /// First and last events that count, in window order.
    pub(crate) evidence: Vec<EventId>,
    /// What a script says; `None` for every other kind.
    pub(crate) words: Option<Arc<str>>,
}

/// What people see of the state of a key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct StateView {
    /// Events that count now.
    pub(crate) events: u64,
    /// What is measured, where something is.
    pub(crate) value: Option<Amount>,
    /// Time of the oldest event that counts.
    pub(crate) oldest: Option<Timestamp>,
    /// Of a sequence: each open partial match.
    pub(crate) partials: Vec<PartialView>,
}
