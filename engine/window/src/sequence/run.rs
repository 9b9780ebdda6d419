//! A run: the events in the window of a step with a count.
//!
//! Owns which events a step with a count holds, and which of them may open a chain. How a chain
//! grows from them is left to `partial`.
//! Invariant: the events are in order, and none is older than the window of its step.

use larum_event::{MatchValues, Timestamp};
use serde::{Deserialize, Serialize};

use super::partial::{ChainStep, PartialChain};
use super::rule::{SequenceRule, StepRule};
use super::shared_queue::SharedQueue;
use crate::event_ref::EventRef;
use crate::state::WindowEvent;
use larum_event::EventOrder;

/// The events of one step, oldest first.
#[derive(Debug, Clone, Eq, Serialize, Deserialize)]
pub(super) struct StepRun {
    pub(super) step: u8,
    /// Number of the oldest event; it grows as events are dropped.
    oldest_number: u64,
    pub(super) events: SharedQueue<RunEvent>,
}

/// One event of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RunEvent {
    pub(super) event_ref: EventRef,
    /// Its values, if the step is joined to one before.
    pub(super) values: MatchValues,
    /// Number of the last event, up to this one, with which a chain may begin.
    opening: Option<u64>,
}

/// Equal if they have the same future: numbers count only by their distance from the oldest event.
impl PartialEq for StepRun {
    fn eq(&self, other: &Self) -> bool {
        let is_same = |own: &RunEvent, theirs: &RunEvent| {
            // One that was dropped can no longer open a chain.
            let opening =
                |event: &RunEvent, run: &Self| event.opening?.checked_sub(run.oldest_number);
            own.event_ref == theirs.event_ref
                && own.values == theirs.values
                && opening(own, self) == opening(theirs, other)
        };
        self.step == other.step
            && self.events.len() == other.events.len()
            && self
                .events
                .iter()
                .zip(other.events.iter())
                .all(|(own, theirs)| is_same(own, theirs))
    }
}

impl StepRun {
    pub(super) const fn new(step: u8) -> Self {
        Self {
            step,
            oldest_number: 0,
            events: SharedQueue::new(),
        }
    }

    /// Adds an event, and returns how many of the oldest were dropped to make room.
    pub(super) fn push_event(
        &mut self,
        event: &WindowEvent,
        opens: ChainStart,
        rule: &SequenceRule,
    ) -> u64 {
        // Number the event before dropping any: `opening` of later events refers to it.
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
            event_ref: event.event_ref.clone(),
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

    /// Drops what is too old at `time`.
    pub(super) fn drop_expired(&mut self, time: Timestamp, rule: &SequenceRule) {
        while self.oldest_expiry(rule).is_some_and(|until| until < time) {
            self.drop_oldest();
        }
    }

    /// The last moment of the oldest event.
    pub(super) fn oldest_expiry(&self, rule: &SequenceRule) -> Option<Timestamp> {
        let oldest = self.events.front()?;
        Some(oldest.event_ref.time().saturating_add(rule.within))
    }

    /// Drops all events up to `last`.
    pub(super) fn consume_until(&mut self, last: EventOrder) {
        while self
            .events
            .front()
            .is_some_and(|event| event.event_ref.order <= last)
        {
            self.drop_oldest();
        }
    }

    /// The shortest chain that begins with this step and ends with `newest`, the last event added.
    pub(super) fn open_chain(
        &self,
        newest: &WindowEvent,
        step: &StepRule,
        rule: &SequenceRule,
    ) -> Option<PartialChain> {
        let least = usize::try_from(step.least).ok()?;
        let latest_first = self.events.get(self.events.len().checked_sub(least)?)?;
        let start = usize::try_from(latest_first.opening?.checked_sub(self.oldest_number)?).ok()?;
        let first = self.events.get(start)?.event_ref.clone();
        let count = (self.events.len() - start) as u64;
        let chain_step = ChainStep::from_run(first, newest, count, step);
        Some(PartialChain::new(Vec::new(), chain_step, rule))
    }

    /// The indices of the events from `from` to `last`, both included.
    pub(super) fn event_range(&self, from: EventOrder, last: EventOrder) -> std::ops::Range<usize> {
        let start = self
            .events
            .partition_point(|event| event.event_ref.order < from);
        let end = self
            .events
            .partition_point(|event| event.event_ref.order <= last);
        start..end.max(start)
    }

    /// Whether adding events one by one can make this run.
    pub(super) fn is_sound(&self, rule: &SequenceRule) -> bool {
        let known = rule.step(self.step).is_some_and(StepRule::is_run);
        let sorted = self
            .events
            .iter()
            .is_sorted_by_key(|event| event.event_ref.order);
        known && sorted
    }
}

/// Whether a chain may begin with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChainStart {
    /// It may begin with this one.
    Here,
    /// It may begin with an earlier one only.
    Earlier,
}
