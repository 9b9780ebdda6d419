//! The events of a step with a count.

use larum_event::{MatchValues, Timestamp};
use serde::{Deserialize, Serialize};

use super::partial::{ChainStep, PartialChain};
use super::rule::{SequenceRule, StepRule};
use super::shared_queue::SharedQueue;
use crate::event_ref::{EventOrder, EventRef};
use crate::state::WindowEvent;

/// The events of one step in the window, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StepRun {
    pub(super) step: u8,
    /// Number of the oldest one; it grows as they go.
    oldest_number: u64,
    pub(super) events: SharedQueue<RunEvent>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RunEvent {
    pub(super) held: EventRef,
    /// Where the step is joined to one before.
    pub(super) values: MatchValues,
    /// Number of the last event up to this one with which a chain may begin.
    opening: Option<u64>,
}

impl StepRun {
    pub(super) const fn new(step: u8) -> Self {
        Self {
            step,
            oldest_number: 0,
            events: SharedQueue::new(),
        }
    }

    /// Adds an event, `opens` where a chain may begin with it; how many of the oldest that cost their place.
    pub(super) fn push_event(
        &mut self,
        event: &WindowEvent,
        opens: ChainStart,
        rule: &SequenceRule,
    ) -> u64 {
        let number = self.oldest_number.saturating_add(self.events.len() as u64);
        let opening = match opens {
            ChainStart::Here => Some(number),
            ChainStart::Earlier => self.events.back().and_then(|last| last.opening),
        };
        let is_joined = rule
            .step(self.step)
            .is_some_and(|step| !step.joins.is_empty());
        let values = if is_joined {
            event.values.clone()
        } else {
            MatchValues::empty()
        };
        self.events.push_back(RunEvent {
            held: event.held.clone(),
            values,
            opening,
        });
        let over = self.events.len().saturating_sub(rule.run_most());
        for _ in 0..over {
            self.drop_oldest();
        }
        over as u64
    }

    fn drop_oldest(&mut self) {
        self.events.drop_front();
        self.oldest_number = self.oldest_number.saturating_add(1);
    }

    /// Lets go of what is too old at `time`.
    pub(super) fn drop_expired(&mut self, time: Timestamp, rule: &SequenceRule) {
        while self.oldest_expiry(rule).is_some_and(|until| until < time) {
            self.drop_oldest();
        }
    }

    /// The last moment of the oldest one.
    pub(super) fn oldest_expiry(&self, rule: &SequenceRule) -> Option<Timestamp> {
        let oldest = self.events.front()?;
        Some(oldest.held.time().saturating_add(rule.within))
    }

    /// Lets go of all up to `last`.
    pub(super) fn consume_until(&mut self, last: EventOrder) {
        while self
            .events
            .front()
            .is_some_and(|event| event.held.order <= last)
        {
            self.drop_oldest();
        }
    }

    /// The chain that begins with this step, `newest` being the last event added: as few events as will do.
    pub(super) fn open_chain(
        &self,
        newest: &WindowEvent,
        step: &StepRule,
        rule: &SequenceRule,
    ) -> Option<PartialChain> {
        let least = usize::try_from(step.least).ok()?;
        let latest_first = self.events.get(self.events.len().checked_sub(least)?)?;
        let start = usize::try_from(latest_first.opening?.checked_sub(self.oldest_number)?).ok()?;
        let first = self.events.get(start)?.held.clone();
        let count = (self.events.len() - start) as u64;
        let piece = ChainStep::from_run(first, newest, count, step);
        Some(PartialChain::new(Vec::new(), piece, rule))
    }

    /// Which events stand from `from` to `last`, both included.
    pub(super) fn event_range(&self, from: EventOrder, last: EventOrder) -> std::ops::Range<usize> {
        let start = self.events.partition_point(|event| event.held.order < from);
        let end = self
            .events
            .partition_point(|event| event.held.order <= last);
        start..end.max(start)
    }

    /// Whether it is one that events added one by one make.
    pub(super) fn is_sound(&self, rule: &SequenceRule) -> bool {
        let known = rule.step(self.step).is_some_and(StepRule::is_run);
        let sorted = self
            .events
            .iter()
            .is_sorted_by_key(|event| event.held.order);
        known && sorted
    }
}

/// With which event a chain may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChainStart {
    /// With this one.
    Here,
    /// Not with this one.
    Earlier,
}
