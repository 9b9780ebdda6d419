//! Events that come and go one by one: sliding windows, the last so many, and hopping windows, which are
//! looked at when one ends and hold each event once.

use std::collections::VecDeque;

use larum_event::{Extent, FiringPolicy, Span, Timestamp};
use serde::{Deserialize, Serialize};

use super::alert::{Episode, Firing, Standing, anchor, shown};
use super::ends::ids_of_ends;
use super::gauge::{Gauge, Measured};
use super::kept::Kept;
use super::reading::Reading;
use super::rule::{Measuring, just_before};
use crate::held::Held;
use crate::state::{Content, Report, Taken, Told};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Running {
    pub(super) events: VecDeque<Kept>,
    /// One for each event, if the rule keeps them.
    readings: VecDeque<Reading>,
    pub(super) gauge: Gauge,
    pub(super) standing: Standing<Box<Episode>>,
    /// Of hopping windows: the end of the next one that may say something.
    pub(super) next_end: Option<Timestamp>,
    /// Of hopping windows: how many of the newest events came since an end was looked at.
    pub(super) fresh: usize,
}

/// The condition holds.
pub(super) struct Holding {
    /// The newest event.
    pub(super) trigger: Held,
    /// When it is found to hold.
    pub(super) time: Timestamp,
    pub(super) measured: Measured,
}

impl Running {
    pub(super) fn empty(rule: &Measuring) -> Self {
        Self {
            events: VecDeque::new(),
            readings: VecDeque::new(),
            gauge: Gauge::of(&rule.measure),
            standing: Standing::Free,
            next_end: None,
            fresh: 0,
        }
    }

    pub(super) fn of_one(kept: Kept, rule: &Measuring) -> Self {
        let mut running = Self::empty(rule);
        running.events.push_back(kept);
        running
    }

    /// Whether it says nothing any more.
    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty() && self.standing == Standing::Free && !self.gauge.remembers()
    }

    pub(super) fn take(
        &mut self,
        event: &Taken,
        reading: Reading,
        rule: &Measuring,
        told: &mut Told,
    ) {
        self.push(Kept::of(&event.held), reading, rule, told);
        if let Extent::Hopping { hop, .. } = rule.extent {
            self.expect_end(event.time(), hop);
            return;
        }
        self.turn_to(event.time(), rule);
        let held = self.measured(rule).filter(|it| rule.holds(it.value));
        match held {
            Some(measured) => {
                let holding = Holding {
                    trigger: event.held.clone(),
                    time: event.time(),
                    measured,
                };
                self.judge(&holding, 1, rule, told);
            }
            None => self.end_episode(rule, told),
        }
    }

    fn push(&mut self, kept: Kept, reading: Reading, rule: &Measuring, told: &mut Told) {
        self.gauge.add(reading, kept.time(), rule);
        self.events.push_back(kept);
        if rule.keeps_readings() {
            self.readings.push_back(reading);
        }
        let most = match rule.extent {
            Extent::Last { matches, .. } => (matches as usize).max(1),
            _ => usize::MAX,
        };
        let before = self.events.len();
        while self.events.len() > most {
            self.pop(rule);
        }
        while self.events.len() > rule.events_most {
            told.dropped += 1;
            self.pop(rule);
        }
        if self.events.len() < before {
            self.recount();
        }
    }

    pub(super) fn recount(&mut self) {
        self.gauge.recount(&self.readings);
    }

    pub(super) fn pop(&mut self, rule: &Measuring) {
        self.events.pop_front();
        if let Some(reading) = self.readings.pop_front() {
            let next = self.readings.front().copied();
            self.gauge.remove(reading, next, rule);
        }
        self.fresh = self.fresh.min(self.events.len());
    }

    pub(super) fn measured(&self, rule: &Measuring) -> Option<Measured> {
        self.gauge.measured(self.events.len() as u64, rule)
    }

    /// The condition holds, and `fresh` of the newest events are new.
    pub(super) fn judge(
        &mut self,
        holding: &Holding,
        fresh: usize,
        rule: &Measuring,
        told: &mut Told,
    ) {
        match (rule.policy, &mut self.standing) {
            (FiringPolicy::Edge, Standing::Open(episode)) => {
                episode.measured = holding.measured;
                let old = self.events.len().saturating_sub(fresh);
                for kept in self.events.range(old..) {
                    episode.take(kept.clone());
                }
                episode.grow(rule, told);
            }
            (FiringPolicy::Edge, Standing::Free | Standing::Silent(_)) => {
                self.begin_episode(holding, rule, told);
            }
            (FiringPolicy::Every, _) => self.fire(holding, rule, told),
            (FiringPolicy::Reset, _) => {
                self.fire(holding, rule, told);
                self.forget(rule);
            }
            (FiringPolicy::Suppress(span), standing) => {
                if !standing.is_silent_at(holding.time) {
                    self.fire(holding, rule, told);
                    self.standing = Standing::Silent(holding.time.saturating_add(span));
                }
            }
        }
    }

    fn begin_episode(&mut self, holding: &Holding, rule: &Measuring, told: &mut Told) {
        let mut episode = Box::new(Episode::new(holding.measured));
        for kept in &self.events {
            episode.take(kept.clone());
        }
        episode.begin(&holding.trigger, holding.time, rule, told);
        self.standing = Standing::Open(episode);
    }

    pub(super) fn end_episode(&mut self, rule: &Measuring, told: &mut Told) {
        if let Standing::Open(episode) = &self.standing {
            let content = Box::new(episode.content(rule));
            told.reports.push(Report::Ended(content));
            self.standing = Standing::Free;
        }
    }

    /// Tells an alert over the events that are in the window, to which nothing will be added.
    fn fire(&self, holding: &Holding, rule: &Measuring, told: &mut Told) {
        let (value, error) = shown(holding.measured, rule);
        let trigger = &holding.trigger;
        let content = Content {
            count: self.events.len() as u64,
            value,
            error,
            words: None,
            first: self.events.front().map_or(trigger.time(), Kept::time),
            last: trigger.time(),
            evidence: ids_of_ends(&self.events),
        };
        let firing = Firing {
            anchor: anchor(trigger, holding.time, rule),
            trigger: trigger.clone(),
            time: holding.time,
            content,
        };
        firing.tell(told);
    }

    pub(super) fn forget(&mut self, rule: &Measuring) {
        self.events.clear();
        self.readings.clear();
        self.gauge.clear(rule);
        self.fresh = 0;
    }

    /// A window that ends at `time` is compared with what was before it.
    pub(super) fn turn_to(&mut self, time: Timestamp, rule: &Measuring) {
        if let (
            Gauge::Rate(baseline),
            Extent::Sliding { within: size } | Extent::Hopping { size, .. },
        ) = (&mut self.gauge, rule.extent)
        {
            let pane = rule.stretches.pane_of(time.saturating_sub(size));
            baseline.move_to(pane, &rule.stretches);
        }
    }

    /// The last moment at which what is in the window stays as it is, if nothing comes.
    fn stays_until(&self, rule: &Measuring) -> Option<Timestamp> {
        match rule.extent {
            Extent::Last { keep, .. } => self
                .events
                .back()
                .map(|last| last.time().saturating_add(keep)),
            Extent::Sliding { within } => {
                let oldest = self.events.front()?.time().saturating_add(within);
                match (&self.gauge, &self.standing) {
                    (Gauge::Rate(baseline), Standing::Open(_)) => {
                        Some(oldest.min(baseline.stays_until(within, &rule.stretches)))
                    }
                    _ => Some(oldest),
                }
            }
            Extent::Tumbling { .. } | Extent::Session { .. } | Extent::Hopping { .. } => None,
        }
    }

    pub(super) fn pass(&mut self, before: Timestamp, rule: &Measuring, told: &mut Told) {
        if let Extent::Hopping { size, hop } = rule.extent {
            self.pass_hops(before, (size, hop), rule, told);
        }
        while let Some(until) = self.stays_until(rule).filter(|until| *until < before) {
            self.expire(until, rule);
            if matches!(self.standing, Standing::Open(_)) {
                self.turn_to(until.saturating_add(Span::from_nanos(1)), rule);
                if !self.measured(rule).is_some_and(|it| rule.holds(it.value)) {
                    self.end_episode(rule, told);
                }
            }
        }
        self.standing.pass(before);
        if self.baseline_end(rule).is_some_and(|end| end < before) {
            self.turn_to(before, rule);
        }
    }

    /// What was last in the window at `until` leaves.
    fn expire(&mut self, until: Timestamp, rule: &Measuring) {
        match rule.extent {
            Extent::Last { .. } => self.forget(rule),
            Extent::Sliding { within } => {
                let is_out = |kept: &Kept| kept.time().saturating_add(within) <= until;
                while self.events.front().is_some_and(is_out) {
                    self.pop(rule);
                }
                self.recount();
            }
            Extent::Tumbling { .. } | Extent::Session { .. } | Extent::Hopping { .. } => {}
        }
    }

    fn baseline_end(&self, rule: &Measuring) -> Option<Timestamp> {
        match (&self.gauge, rule.extent) {
            (
                Gauge::Rate(baseline),
                Extent::Sliding { within: size } | Extent::Hopping { size, .. },
            ) => baseline.lasts_until(size, &rule.stretches),
            _ => None,
        }
    }

    pub(super) fn due(&self, rule: &Measuring) -> Option<Timestamp> {
        if matches!(self.standing, Standing::Open(_)) && self.next_end.is_none() {
            return self.episode_due(rule);
        }
        let newest = self.events.back().map(Kept::time);
        let counts = match rule.extent {
            Extent::Sliding { within } => newest.map(|time| time.saturating_add(within)),
            Extent::Last { keep, .. } => newest.map(|time| time.saturating_add(keep)),
            Extent::Hopping { .. } => self.next_end.map(just_before),
            Extent::Tumbling { .. } | Extent::Session { .. } => None,
        };
        if self.next_end.is_some() {
            return counts;
        }
        let silent = match self.standing {
            Standing::Silent(until) => Some(just_before(until)),
            Standing::Free | Standing::Open(_) => None,
        };
        counts.max(silent).max(self.baseline_end(rule))
    }

    /// The last moment at which the condition of the open alert holds for sure.
    fn episode_due(&self, rule: &Measuring) -> Option<Timestamp> {
        if let (Some(threshold), Extent::Sliding { within }) = (rule.threshold, rule.extent) {
            let index = self.events.len().checked_sub(threshold)?;
            return self
                .events
                .get(index)
                .map(|kept| kept.time().saturating_add(within));
        }
        self.stays_until(rule)
    }

    pub(super) fn close(&mut self, rule: &Measuring, told: &mut Told) {
        self.pass(Timestamp::MAX, rule, told);
        self.end_episode(rule, told);
    }

    pub(super) fn is_sound(&self, rule: &Measuring) -> bool {
        // Alerts that are moved to the same time stand as they came, which their places need not tell.
        let order = |kept: &Kept| kept.order().watermark();
        let is_sorted = self.events.iter().is_sorted_by_key(order);
        let readings = if rule.keeps_readings() {
            self.events.len()
        } else {
            0
        };
        let is_bounded = self.events.len() <= rule.events_most;
        let hops = match rule.extent {
            Extent::Hopping { .. } => self.next_end.is_some() != self.events.is_empty(),
            _ => self.next_end.is_none() && self.fresh == 0,
        };
        let stands = match &self.standing {
            Standing::Free => true,
            Standing::Silent(_) => matches!(rule.policy, FiringPolicy::Suppress(_)),
            Standing::Open(episode) => {
                let enough = rule.threshold.unwrap_or(1);
                rule.policy == FiringPolicy::Edge
                    && episode.is_sound()
                    && self.events.len() >= enough
            }
        };
        is_sorted
            && self.readings.len() == readings
            && is_bounded
            && hops
            && stands
            && self.fresh <= self.events.len()
            && self.gauge.is_sound(rule)
    }
}
