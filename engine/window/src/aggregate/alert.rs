//! What a key said last, and what that means for what comes next.

use larum_event::{Amount, EventId, Extent, Timestamp};
use serde::{Deserialize, Serialize};

use super::ends::Ends;
use super::gauge::Measured;
use super::kept::Kept;
use super::rule::Measuring;
use crate::held::Held;
use crate::state::{Content, Fired, Report, Told};

/// `O` is what is known of an open alert.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) enum Standing<O> {
    /// It may fire.
    #[default]
    Free,
    /// It may fire from then on.
    Silent(Timestamp),
    /// An alert is open.
    Open(O),
}

impl<O> Standing<O> {
    pub(super) fn is_silent_at(&self, time: Timestamp) -> bool {
        matches!(self, Self::Silent(until) if time < *until)
    }

    /// Silence that is over is no more.
    pub(super) fn pass(&mut self, before: Timestamp) {
        if matches!(self, Self::Silent(until) if before >= *until) {
            *self = Self::Free;
        }
    }
}

/// The open alert of an episode: from the match at which the condition comes to hold to the last moment at which it does.
///
/// To it belong the matches that were in the window when it began, and every match that comes while it lasts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Episode {
    pub(super) count: u64,
    /// What was last told of `count`.
    told: u64,
    pub(super) ends: Ends,
    /// What was measured when it held last.
    pub(super) measured: Measured,
}

impl Episode {
    pub(super) fn new(measured: Measured) -> Self {
        Self {
            count: 0,
            told: 0,
            ends: Ends::default(),
            measured,
        }
    }

    pub(super) fn take(&mut self, kept: Kept) {
        self.count = self.count.saturating_add(1);
        self.ends.add(kept);
    }

    pub(super) fn content(&self, rule: &Measuring) -> Content {
        content(self.count, &self.ends, self.measured, rule)
    }

    /// Says that it has begun.
    pub(super) fn begin(
        &mut self,
        trigger: &Held,
        time: Timestamp,
        rule: &Measuring,
        told: &mut Told,
    ) {
        self.told = self.count;
        let fired = Firing {
            anchor: anchor(trigger, time, rule),
            trigger: trigger.clone(),
            time,
            content: self.content(rule),
        };
        fired.tell_open(told);
    }

    /// Says so if it counts twice as many as it was last said to.
    pub(super) fn grow(&mut self, rule: &Measuring, told: &mut Told) {
        if self.count >= self.told.saturating_mul(2) {
            self.told = self.count;
            let content = Box::new(self.content(rule));
            told.reports.push(Report::Grew(content));
        }
    }

    pub(super) fn is_sound(&self) -> bool {
        self.told > 0 && self.told <= self.count && self.ends.is_sound(self.count)
    }
}

/// An alert about to be told.
pub(super) struct Firing {
    pub(super) anchor: EventId,
    pub(super) trigger: Held,
    pub(super) time: Timestamp,
    pub(super) content: Content,
}

impl Firing {
    /// Nothing will be added.
    pub(super) fn tell(self, told: &mut Told) {
        told.reports.push(self.report(false));
    }

    /// More may come.
    pub(super) fn tell_open(self, told: &mut Told) {
        told.reports.push(self.report(true));
    }

    fn report(self, open: bool) -> Report {
        Report::Fired(Box::new(Fired {
            anchor: self.anchor,
            trigger: self.trigger,
            time: self.time,
            content: self.content,
            open,
        }))
    }
}

/// What an alert's id is made of. One event may be the last of several windows that hop, and each is an alert.
pub(super) fn anchor(trigger: &Held, time: Timestamp, rule: &Measuring) -> EventId {
    match rule.extent {
        Extent::Hopping { .. } => trigger.id_at(time),
        Extent::Sliding { .. }
        | Extent::Tumbling { .. }
        | Extent::Session { .. }
        | Extent::Last { .. } => trigger.id(),
    }
}

/// What an alert over `count` events says.
pub(super) fn content(count: u64, ends: &Ends, measured: Measured, rule: &Measuring) -> Content {
    let time = |kept: Option<&Kept>| kept.map_or(Timestamp::MIN, Kept::time);
    let (value, error) = shown(measured, rule);
    Content {
        count,
        value,
        error,
        words: None,
        first: time(ends.first()),
        last: time(ends.last()),
        evidence: ends.ids(),
    }
}

/// What of a measurement is shown beside the count.
pub(super) fn shown(measured: Measured, rule: &Measuring) -> (Option<Amount>, Option<u16>) {
    let value = rule.shows_value().then_some(measured.value);
    (value, measured.error)
}
