//! A chain as far as it has come.

use larum_event::{Timestamp, Values};
use serde::{Deserialize, Serialize};

use super::following::{Following, StepRule};
use super::join;
use crate::held::{Held, Order};
use crate::state::Taken;

/// The events of one step. All events of a step with a count are in the key's [`Run`](super::run::Run) of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Piece {
    pub(super) step: u8,
    pub(super) last: Held,
    /// Those of the last one, where joins ask for them.
    pub(super) values: Values,
    /// Where there is more than the last one.
    many: Option<Box<Many>>,
}

/// More than one event of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Many {
    first: Held,
    count: u64,
}

impl Piece {
    pub(super) fn one(event: &Taken, step: &StepRule) -> Self {
        Self {
            step: step.number,
            last: event.held.clone(),
            values: asked(event, step),
            many: None,
        }
    }

    /// `count` events from `first` to `last`.
    pub(super) fn run(first: Held, last: &Taken, count: u64, step: &StepRule) -> Self {
        Self {
            many: (count > 1).then(|| Box::new(Many { first, count })),
            ..Self::one(last, step)
        }
    }

    pub(super) fn first(&self) -> &Held {
        self.many.as_ref().map_or(&self.last, |many| &many.first)
    }

    pub(super) fn count(&self) -> u64 {
        self.many.as_ref().map_or(1, |many| many.count)
    }
}

/// The values of `event` that are kept of it as an event of `step`.
fn asked(event: &Taken, step: &StepRule) -> Values {
    if step.is_asked {
        event.values.clone()
    } else {
        Values::none()
    }
}

/// A chain that goes up to some step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Partial {
    /// Of the steps before, without those left out.
    pub(super) before: Vec<Piece>,
    /// Of the step it has come to.
    pub(super) latest: Piece,
    /// The absent steps that came since: none of them may be between this step and the next.
    blocked: u32,
    /// The last moment at which another event may be added to it.
    pub(super) until: Timestamp,
}

impl Partial {
    pub(super) fn new(before: Vec<Piece>, latest: Piece, rule: &Following) -> Self {
        let mut partial = Self {
            before,
            latest,
            blocked: 0,
            until: Timestamp::MAX,
        };
        partial.until = partial.end(rule);
        partial
    }

    /// The opening event.
    pub(super) fn first(&self) -> &Held {
        self.before.first().unwrap_or(&self.latest).first()
    }

    pub(super) fn pieces(&self) -> impl Iterator<Item = &Piece> {
        self.before.iter().chain([&self.latest])
    }

    /// The values of the last event of a step; `None` when it was left out.
    pub(super) fn seen(&self, step: u16) -> Option<&Values> {
        let mut pieces = self.pieces();
        let piece = pieces.find(|piece| u16::from(piece.step) == step);
        piece.map(|piece| &piece.values)
    }

    /// Whether the step it has come to has all the events it needs.
    pub(super) fn is_full(&self, rule: &Following) -> bool {
        let step = rule.step(self.latest.step);
        step.is_some_and(|step| self.latest.count() >= step.least)
    }

    /// Whether it is a chain but for what must not come after it.
    pub(super) fn is_complete(&self, rule: &Following) -> bool {
        let step = rule.step(self.latest.step);
        step.is_some_and(|step| step.ends) && self.is_full(rule)
    }

    /// The chain with `event` as the first one of `next`, if it may be that.
    pub(super) fn extended(
        &self,
        event: &Taken,
        next: &StepRule,
        rule: &Following,
    ) -> Option<Self> {
        let time = event.time();
        let is_in_time = time <= self.first().time().saturating_add(rule.within)
            && within_after(&self.latest, next).is_none_or(|until| time <= until);
        let is_open = self.blocked & rule.between(self.latest.step, next.number) == 0;
        if !is_in_time
            || !is_open
            || !self.is_full(rule)
            || !join::all_hold(&next.joins, &event.values, self)
        {
            return None;
        }
        let before = self.pieces().cloned().collect();
        Some(Self::new(before, Piece::one(event, next), rule))
    }

    /// Takes `event` as one more of the step it has come to, one with a count and a step before it; true if it
    /// may be that.
    pub(super) fn lengthen(&mut self, event: &Taken, step: &StepRule, rule: &Following) -> bool {
        let Some(base) = self.before.last() else {
            return false;
        };
        let time = event.time();
        let is_in_time = time <= self.first().time().saturating_add(rule.within)
            && within_after(base, step).is_none_or(|until| time <= until);
        if !is_in_time || !join::all_hold(&step.joins, &event.values, self) {
            return false;
        }
        let first = self.latest.first().clone();
        self.latest = Piece::run(first, event, self.latest.count() + 1, step);
        self.blocked = 0;
        self.until = self.end(rule);
        true
    }

    /// `event` is one of the absent `step`.
    pub(super) fn block(&mut self, event: &Taken, step: &StepRule) {
        let is_watched = step.number > self.latest.step
            && within_after(&self.latest, step).is_none_or(|until| event.time() <= until);
        if is_watched && join::all_hold(&step.joins, &event.values, self) {
            self.blocked |= step.bit();
        }
    }

    /// Whether another event may still be added to it.
    pub(super) fn goes_on(&self, rule: &Following) -> bool {
        let Some(step) = rule.step(self.latest.step) else {
            return false;
        };
        let is_open = |next: &u8| self.blocked & rule.between(step.number, *next) == 0;
        self.grows(step) || step.onward.iter().any(is_open)
    }

    /// Whether it takes more events of the step it has come to; one that begins with such a step is made anew.
    fn grows(&self, step: &StepRule) -> bool {
        step.is_run() && !self.before.is_empty()
    }

    fn end(&self, rule: &Following) -> Timestamp {
        let end = self.first().time().saturating_add(rule.within);
        let Some(step) = rule.step(self.latest.step) else {
            return end;
        };
        let after = |next: &StepRule| within_after(&self.latest, next).unwrap_or(end);
        let onward = step.onward.iter().filter_map(|next| rule.step(*next));
        let grows = self.before.last().filter(|_| self.grows(step));
        let grows = grows.map(|base| within_after(base, step).unwrap_or(end));
        onward
            .map(after)
            .chain(grows)
            .max()
            .map_or(end, |until| until.min(end))
    }

    /// Whether at `now` nothing ends it any more that is watched for a time of its own only.
    pub(super) fn is_past_watch(&self, now: Timestamp, step: &StepRule) -> bool {
        let last = self.latest.last.time();
        step.eased
            .is_none_or(|eased| last.saturating_add(eased) < now)
    }

    /// Whether from `now` on every chain that `other` becomes is one that this becomes as well, with a beginning
    /// that is not earlier.
    pub(super) fn stands_for(&self, other: &Self, now: Timestamp, rule: &Following) -> bool {
        if self.latest.step != other.latest.step || self.first().order < other.first().order {
            return false;
        }
        let Some(step) = rule.step(self.latest.step) else {
            return false;
        };
        let (own, others) = (&self.latest, &other.latest);
        let is_as_far = own.last.order >= others.last.order
            && own.count().min(step.least) >= others.count().min(step.least)
            && self.blocked & !other.blocked == 0;
        // With all else equal the one with more events is told.
        let is_as_full = self.before.len() >= other.before.len()
            || own.last.order > others.last.order
            || self.first().order > other.first().order;
        // An older event may be out of reach for what is watched for a while only.
        let is_as_safe = own.last.order == others.last.order || self.is_past_watch(now, step);
        // A run must stay within reach of the step before.
        let is_as_near =
            !step.is_run() || step.within.is_none() || base_order(self) >= base_order(other);
        let compares_alike = step.compared.iter().all(|(step, value)| {
            let value = usize::from(*value);
            let (own, other) = (self.seen(*step), other.seen(*step));
            own.is_some() == other.is_some()
                && own.and_then(|own| own.get(value)) == other.and_then(|other| other.get(value))
        });
        is_as_far && is_as_full && is_as_safe && is_as_near && compares_alike
    }
}

fn base_order(partial: &Partial) -> Option<Order> {
    partial.before.last().map(|base| base.last.order)
}

/// The last moment for an event of `next` after `piece`, where the step says one.
fn within_after(piece: &Piece, next: &StepRule) -> Option<Timestamp> {
    let within = next.within?;
    Some(piece.last.time().saturating_add(within))
}
