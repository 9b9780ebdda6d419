//! The events of a step with a count.

use larum_event::{Timestamp, Values};
use serde::{Deserialize, Serialize};

use super::chunks::Chunks;
use super::following::{Following, StepRule};
use super::partial::{Partial, Piece};
use crate::held::{Held, Order};
use crate::state::Taken;

/// The events of one step in the window, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Run {
    pub(super) step: u8,
    /// Number of the oldest one; it grows as they go.
    begin: u64,
    pub(super) events: Chunks<Counted>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counted {
    pub(super) held: Held,
    /// Where the step is joined to one before.
    pub(super) values: Values,
    /// Number of the last event up to this one with which a chain may begin.
    opening: Option<u64>,
}

impl Run {
    pub(super) const fn new(step: u8) -> Self {
        Self {
            step,
            begin: 0,
            events: Chunks::new(),
        }
    }

    /// Adds an event, `opens` where a chain may begin with it; how many of the oldest that cost their place.
    pub(super) fn add(&mut self, event: &Taken, opens: Opens, rule: &Following) -> u64 {
        let number = self.begin.saturating_add(self.events.len() as u64);
        let opening = match opens {
            Opens::Here => Some(number),
            Opens::Earlier => self.events.back().and_then(|last| last.opening),
        };
        let is_joined = rule
            .step(self.step)
            .is_some_and(|step| !step.joins.is_empty());
        let values = if is_joined {
            event.values.clone()
        } else {
            Values::none()
        };
        self.events.push_back(Counted {
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
        self.begin = self.begin.saturating_add(1);
    }

    /// Lets go of what is too old at `time`.
    pub(super) fn pass(&mut self, time: Timestamp, rule: &Following) {
        while self.until(rule).is_some_and(|until| until < time) {
            self.drop_oldest();
        }
    }

    /// The last moment of the oldest one.
    pub(super) fn until(&self, rule: &Following) -> Option<Timestamp> {
        let oldest = self.events.front()?;
        Some(oldest.held.time().saturating_add(rule.within))
    }

    /// Lets go of all up to `last`.
    pub(super) fn consume(&mut self, last: Order) {
        while self
            .events
            .front()
            .is_some_and(|event| event.held.order <= last)
        {
            self.drop_oldest();
        }
    }

    /// The chain that begins with this step, `newest` being the last event added: as few events as will do.
    pub(super) fn opened(
        &self,
        newest: &Taken,
        step: &StepRule,
        rule: &Following,
    ) -> Option<Partial> {
        let least = usize::try_from(step.least).ok()?;
        let latest_first = self.events.get(self.events.len().checked_sub(least)?)?;
        let start = usize::try_from(latest_first.opening?.checked_sub(self.begin)?).ok()?;
        let first = self.events.get(start)?.held.clone();
        let count = (self.events.len() - start) as u64;
        let piece = Piece::run(first, newest, count, step);
        Some(Partial::new(Vec::new(), piece, rule))
    }

    /// Which events stand from `from` to `last`, both included.
    pub(super) fn range(&self, from: Order, last: Order) -> std::ops::Range<usize> {
        let start = self.events.partition_point(|event| event.held.order < from);
        let end = self
            .events
            .partition_point(|event| event.held.order <= last);
        start..end.max(start)
    }

    /// Whether it is one that events added one by one make.
    pub(super) fn is_sound(&self, rule: &Following) -> bool {
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
pub(super) enum Opens {
    /// With this one.
    Here,
    /// Not with this one.
    Earlier,
}
