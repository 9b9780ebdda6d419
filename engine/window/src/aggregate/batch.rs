//! Windows that follow each other: tumbling ones, sessions, and those that a first match opens. Of their events
//! only the ends are kept.

use larum_event::{Decided, EventId, Extent, FiringPolicy, Span, Timestamp};
use serde::{Deserialize, Serialize};

use super::alert::{Firing, Standing, content};
use super::ends::Ends;
use super::gauge::{Gauge, Measured};
use super::kept::Kept;
use super::reading::Reading;
use super::rule::{Measuring, just_before, next_multiple, number_of};
use crate::held::Held;
use crate::state::{Content, Report, Taken, Told};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Batch {
    /// Events of the window that lasts; 0 when none does.
    pub(super) count: u64,
    pub(super) ends: Ends,
    pub(super) gauge: Gauge,
    /// Of an open alert, what was last told of the count.
    pub(super) standing: Standing<u64>,
}

impl Batch {
    pub(super) fn empty(rule: &Measuring) -> Self {
        Self {
            count: 0,
            ends: Ends::default(),
            gauge: Gauge::of(&rule.measure),
            standing: Standing::Free,
        }
    }

    pub(super) fn of_one(kept: Kept, rule: &Measuring) -> Self {
        let mut batch = Self::empty(rule);
        batch.count = 1;
        batch.ends.add(kept);
        batch
    }

    /// Whether it says nothing any more.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0 && self.standing == Standing::Free && !self.gauge.remembers()
    }

    pub(super) fn take(
        &mut self,
        event: &Taken,
        reading: Reading,
        rule: &Measuring,
        told: &mut Told,
    ) {
        if !self.gauge.absorb(reading, event.time(), rule) {
            told.dropped += 1;
            return;
        }
        self.count = self.count.saturating_add(1);
        self.ends.add(Kept::of(&event.held));
        if rule.decided == Decided::AtClose {
            return;
        }
        let held = self.measured(rule).filter(|it| rule.holds(it.value));
        if let Some(measured) = held {
            self.judge(&event.held, measured, rule, told);
        }
    }

    /// A session is known by its first event, so that one that comes late revises its alert and makes no other.
    fn anchor(&self, event: &Held, rule: &Measuring) -> EventId {
        let is_one = rule.policy == FiringPolicy::Edge;
        match (rule.extent, self.ends.first()) {
            (Extent::Session { .. }, Some(first)) if is_one => first.held().id(),
            (_, _) => event.id(),
        }
    }

    pub(super) fn measured(&self, rule: &Measuring) -> Option<Measured> {
        self.gauge.measured(self.count, rule)
    }

    /// The condition holds with `event`, and will until the window ends.
    fn judge(&mut self, event: &Held, measured: Measured, rule: &Measuring, told: &mut Told) {
        let silent = self.standing.is_silent_at(event.time());
        let firing = |batch: &Self| Firing {
            anchor: batch.anchor(event, rule),
            trigger: event.clone(),
            time: event.time(),
            content: batch.content(measured, rule),
        };
        match (rule.policy, &mut self.standing) {
            (FiringPolicy::Edge, Standing::Open(count)) => {
                if self.count >= count.saturating_mul(2) {
                    *count = self.count;
                    let content = Box::new(self.content(measured, rule));
                    told.reports.push(Report::Grew(content));
                }
            }
            (FiringPolicy::Edge, Standing::Free | Standing::Silent(_)) => {
                firing(self).tell_open(told);
                self.standing = Standing::Open(self.count);
            }
            (FiringPolicy::Every, _) => firing(self).tell(told),
            (FiringPolicy::Reset, _) => {
                firing(self).tell(told);
                self.forget(rule);
            }
            (FiringPolicy::Suppress(span), _) => {
                if !silent {
                    firing(self).tell(told);
                    self.standing = Standing::Silent(event.time().saturating_add(span));
                }
            }
        }
    }

    fn content(&self, measured: Measured, rule: &Measuring) -> Content {
        content(self.count, &self.ends, measured, rule)
    }

    fn forget(&mut self, rule: &Measuring) {
        self.count = 0;
        self.ends = Ends::default();
        self.gauge.clear(rule);
    }

    /// The last moment of the window that lasts.
    fn last_moment(&self, rule: &Measuring) -> Option<Timestamp> {
        last_moment(self.ends.first()?.time(), self.ends.last()?.time(), rule)
    }

    pub(super) fn pass(&mut self, before: Timestamp, rule: &Measuring, told: &mut Told) {
        if let Some(until) = self.last_moment(rule).filter(|until| *until < before) {
            self.end(until, rule, told);
        }
        // A session that lasts may yet be found to have ended while the key was silent.
        if self.count == 0 {
            self.standing.pass(before);
        }
        if let (Gauge::Rate(baseline), Extent::Tumbling { size }) = (&mut self.gauge, rule.extent) {
            let end = baseline.lasts_until(Span::ZERO, &rule.stretches);
            if end.is_some_and(|end| end < before) {
                baseline.move_to(number_of(before, size), &rule.stretches);
            }
        }
    }

    /// The window is over, of which `until` was the last moment.
    fn end(&mut self, until: Timestamp, rule: &Measuring, told: &mut Told) {
        if let (Gauge::Rate(baseline), Extent::Tumbling { size }) = (&mut self.gauge, rule.extent) {
            baseline.move_to(number_of(until, size), &rule.stretches);
        }
        let measured = self.measured(rule);
        self.end_alert(rule, told);
        if rule.decided == Decided::AtClose
            && let Some(measured) = measured.filter(|it| rule.holds(it.value))
        {
            self.fire_at_end(until, measured, rule, told);
        }
        self.forget(rule);
    }

    /// The open alert is over, if there is one.
    pub(super) fn end_alert(&mut self, rule: &Measuring, told: &mut Told) {
        if let (Standing::Open(_), Some(measured)) = (&self.standing, self.measured(rule)) {
            let content = Box::new(self.content(measured, rule));
            told.reports.push(Report::Ended(content));
            self.standing = Standing::Free;
        }
    }

    fn fire_at_end(
        &mut self,
        until: Timestamp,
        measured: Measured,
        rule: &Measuring,
        told: &mut Told,
    ) {
        let (Some(first), Some(last)) = (self.ends.first(), self.ends.last()) else {
            return;
        };
        let time = match rule.extent {
            Extent::Tumbling { .. } => until.saturating_add(Span::from_nanos(1)),
            Extent::Session { .. } => last.time(),
            Extent::Sliding { .. } | Extent::Hopping { .. } | Extent::Last { .. } => until,
        };
        if self.standing.is_silent_at(time) {
            return;
        }
        let firing = Firing {
            anchor: first.held().id(),
            trigger: last.held(),
            time,
            content: self.content(measured, rule),
        };
        firing.tell(told);
        if let FiringPolicy::Suppress(span) = rule.policy {
            self.standing = Standing::Silent(time.saturating_add(span));
        }
    }

    pub(super) fn due(&self, rule: &Measuring) -> Option<Timestamp> {
        if let Some(until) = self.last_moment(rule) {
            return Some(until);
        }
        let silent = match self.standing {
            Standing::Silent(until) => Some(just_before(until)),
            Standing::Free | Standing::Open(_) => None,
        };
        let usual = match &self.gauge {
            Gauge::Rate(baseline) => baseline.lasts_until(Span::ZERO, &rule.stretches),
            _ => None,
        };
        silent.max(usual)
    }

    pub(super) fn close(&mut self, rule: &Measuring, told: &mut Told) {
        if let Some(until) = self.last_moment(rule) {
            self.end(until, rule, told);
        }
    }

    pub(super) fn is_sound(&self, rule: &Measuring) -> bool {
        let stands = match self.standing {
            Standing::Free => true,
            Standing::Silent(_) => matches!(rule.policy, FiringPolicy::Suppress(_)),
            Standing::Open(told) => {
                let may_be = rule.policy == FiringPolicy::Edge && rule.decided == Decided::AtOnce;
                may_be && told > 0 && told <= self.count
            }
        };
        let is_one_window = match self.ends.last().map(Kept::time) {
            Some(last) => self.last_moment(rule).is_some_and(|until| last <= until),
            None => true,
        };
        stands && is_one_window && self.ends.is_sound(self.count) && self.gauge.is_sound(rule)
    }
}

/// The last moment of the window of which `first` and `last` are the times of the first and the last event so far;
/// `None` for extents of another shape.
pub(super) fn last_moment(
    first: Timestamp,
    last: Timestamp,
    rule: &Measuring,
) -> Option<Timestamp> {
    match rule.extent {
        Extent::Sliding { within } => Some(first.saturating_add(within)),
        Extent::Tumbling { size } => Some(just_before(next_multiple(first, size))),
        Extent::Session { gap, cap } => {
            let silent = last.saturating_add(gap);
            Some(cap.map_or(silent, |cap| silent.min(first.saturating_add(cap))))
        }
        Extent::Hopping { .. } | Extent::Last { .. } => None,
    }
}
