//! A partial chain: the steps of a sequence that have occurred so far.
//!
//! Owns how one chain grows, what blocks it, and when one chain makes another needless. Which
//! chains a key keeps is decided elsewhere, in `sequence_state`.
//! Invariant: a chain's steps ascend, and every event is after those of the step before.

use larum_event::{MatchValues, Timestamp};
use serde::{Deserialize, Serialize};

use super::join;
use super::rule::{SequenceRule, StepRule};
use crate::event_ref::EventRef;
use crate::state::WindowEvent;
use larum_event::EventOrder;

/// The events of one step. Of a step with a count, this is a summary: its events are in the key's
/// [`StepRun`](super::run::StepRun).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ChainStep {
    pub(super) step: u8,
    pub(super) last: EventRef,
    /// The values of the last event, if joins compare them.
    pub(super) values: MatchValues,
    /// Set if there is more than one event.
    run_head: Option<Box<RunHead>>,
}

/// The first of several events of a step, and their number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct RunHead {
    first: EventRef,
    count: u64,
}

impl ChainStep {
    pub(super) fn from_event(event: &WindowEvent, step: &StepRule) -> Self {
        Self {
            step: step.number,
            last: event.event_ref.clone(),
            values: join_values(event, step),
            run_head: None,
        }
    }

    /// `count` events from `first` to `last`.
    pub(super) fn from_run(
        first: EventRef,
        last: &WindowEvent,
        count: u64,
        step: &StepRule,
    ) -> Self {
        Self {
            run_head: (count > 1).then(|| Box::new(RunHead { first, count })),
            ..Self::from_event(last, step)
        }
    }

    pub(super) fn first_event(&self) -> &EventRef {
        self.run_head
            .as_ref()
            .map_or(&self.last, |head| &head.first)
    }

    pub(super) fn event_count(&self) -> u64 {
        self.run_head.as_ref().map_or(1, |head| head.count)
    }
}

/// The values to keep of `event` as an event of `step`.
fn join_values(event: &WindowEvent, step: &StepRule) -> MatchValues {
    if step.keeps_values {
        event.values.clone()
    } else {
        MatchValues::empty()
    }
}

/// A chain up to some step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PartialChain {
    /// The steps before, without those left out.
    pub(super) before: Vec<ChainStep>,
    /// The step it has reached.
    pub(super) latest: ChainStep,
    /// Bits of the absent steps that occurred since: none of them may lie between this step and the
    /// next.
    blocked: u32,
    /// The last moment at which another event may be added to it.
    pub(super) until: Timestamp,
}

impl PartialChain {
    pub(super) fn new(before: Vec<ChainStep>, latest: ChainStep, rule: &SequenceRule) -> Self {
        let mut partial = Self {
            before,
            latest,
            blocked: 0,
            until: Timestamp::MAX,
        };
        partial.until = partial.end_time(rule);
        partial
    }

    /// The opening event.
    pub(super) fn first_event(&self) -> &EventRef {
        self.before.first().unwrap_or(&self.latest).first_event()
    }

    pub(super) fn chain_steps(&self) -> impl Iterator<Item = &ChainStep> {
        self.before.iter().chain([&self.latest])
    }

    /// The values of the last event of a step; `None` when it was left out.
    pub(super) fn step_values(&self, step: u16) -> Option<&MatchValues> {
        let mut chain_steps = self.chain_steps();
        let chain_step = chain_steps.find(|chain_step| u16::from(chain_step.step) == step);
        chain_step.map(|chain_step| &chain_step.values)
    }

    /// Whether the step it has reached has all the events it needs.
    pub(super) fn is_full(&self, rule: &SequenceRule) -> bool {
        let step = rule.step(self.latest.step);
        step.is_some_and(|step| self.latest.event_count() >= step.least)
    }

    /// Whether it is complete, apart from absent steps after it.
    pub(super) fn is_complete(&self, rule: &SequenceRule) -> bool {
        let step = rule.step(self.latest.step);
        step.is_some_and(|step| step.ends) && self.is_full(rule)
    }

    /// The chain extended by `event` as the first event of `next`, if it fits.
    pub(super) fn extend_with(
        &self,
        event: &WindowEvent,
        next: &StepRule,
        rule: &SequenceRule,
    ) -> Option<Self> {
        let time = event.time();
        let is_in_time = time <= self.first_event().time().saturating_add(rule.within)
            && step_deadline(&self.latest, next).is_none_or(|until| time <= until);
        let is_open = self.blocked & rule.absent_between(self.latest.step, next.number) == 0;
        if !is_in_time
            || !is_open
            || !self.is_full(rule)
            || !join::satisfies_joins(&next.joins, &event.values, self)
        {
            return None;
        }
        let before = self.chain_steps().cloned().collect();
        Some(Self::new(before, ChainStep::from_event(event, next), rule))
    }

    /// Adds `event` as one more event of the step it has reached, which has a count and a step
    /// before it; false if it does not fit.
    pub(super) fn lengthen_with(
        &mut self,
        event: &WindowEvent,
        step: &StepRule,
        rule: &SequenceRule,
    ) -> bool {
        let Some(base) = self.before.last() else {
            return false;
        };
        let time = event.time();
        let is_in_time = time <= self.first_event().time().saturating_add(rule.within)
            && step_deadline(base, step).is_none_or(|until| time <= until);
        if !is_in_time || !join::satisfies_joins(&step.joins, &event.values, self) {
            return false;
        }
        let first = self.latest.first_event().clone();
        self.latest = ChainStep::from_run(first, event, self.latest.event_count() + 1, step);
        self.blocked = 0;
        self.until = self.end_time(rule);
        true
    }

    /// Notes that the absent `step` occurred with `event`.
    pub(super) fn block_step(&mut self, event: &WindowEvent, step: &StepRule) {
        let is_watched = step.number > self.latest.step
            && step_deadline(&self.latest, step).is_none_or(|until| event.time() <= until);
        if is_watched && join::satisfies_joins(&step.joins, &event.values, self) {
            self.blocked |= step.bit();
        }
    }

    /// Whether another event may still be added.
    pub(super) fn can_continue(&self, rule: &SequenceRule) -> bool {
        let Some(step) = rule.step(self.latest.step) else {
            return false;
        };
        let is_open = |next: &u8| self.blocked & rule.absent_between(step.number, *next) == 0;
        self.can_lengthen(step) || step.next_steps.iter().any(is_open)
    }

    /// Whether it takes more events of the step it has reached. A chain that begins with such a
    /// step does not: it is rebuilt from the run.
    fn can_lengthen(&self, step: &StepRule) -> bool {
        step.is_run() && !self.before.is_empty()
    }

    fn end_time(&self, rule: &SequenceRule) -> Timestamp {
        let end = self.first_event().time().saturating_add(rule.within);
        let Some(step) = rule.step(self.latest.step) else {
            return end;
        };
        let after = |next: &StepRule| step_deadline(&self.latest, next).unwrap_or(end);
        let next_steps = step.next_steps.iter().filter_map(|next| rule.step(*next));
        let base = self.before.last().filter(|_| self.can_lengthen(step));
        let lengthens = base.map(|base| step_deadline(base, step).unwrap_or(end));
        next_steps
            .map(after)
            .chain(lengthens)
            .max()
            .map_or(end, |until| until.min(end))
    }

    /// Whether at `now` no absent step with its own `within` can end it any more.
    pub(super) fn is_past_watch(&self, now: Timestamp, step: &StepRule) -> bool {
        let last = self.latest.last.time();
        step.limited_watch
            .is_none_or(|watch| last.saturating_add(watch) < now)
    }

    /// Whether from `now` on this becomes every chain that `other` may become, and does not begin
    /// earlier.
    pub(super) fn supersedes(&self, other: &Self, now: Timestamp, rule: &SequenceRule) -> bool {
        if self.latest.step != other.latest.step
            || self.first_event().order < other.first_event().order
        {
            return false;
        }
        let Some(step) = rule.step(self.latest.step) else {
            return false;
        };
        let (own, others) = (&self.latest, &other.latest);
        let is_as_far = own.last.order >= others.last.order
            && own.event_count().min(step.least) >= others.event_count().min(step.least)
            && self.blocked & !other.blocked == 0;
        // All else being equal, the chain with more steps is reported.
        let is_as_full = self.before.len() >= other.before.len()
            || own.last.order > others.last.order
            || self.first_event().order > other.first_event().order;
        // An older last event may already be out of reach of an absent step with its own `within`.
        let is_as_safe = own.last.order == others.last.order || self.is_past_watch(now, step);
        // The next event of a run must still be within reach of the step before.
        let is_as_near =
            !step.is_run() || step.within.is_none() || base_order(self) >= base_order(other);
        let compares_alike = step.compared.iter().all(|(step, value)| {
            let value = usize::from(*value);
            let (own, other) = (self.step_values(*step), other.step_values(*step));
            own.is_some() == other.is_some()
                && own.and_then(|own| own.get(value)) == other.and_then(|other| other.get(value))
        });
        is_as_far && is_as_full && is_as_safe && is_as_near && compares_alike
    }
}

fn base_order(partial: &PartialChain) -> Option<EventOrder> {
    partial.before.last().map(|base| base.last.order)
}

/// The last moment for an event of `next` after `chain_step`, if `next` has a `within`.
fn step_deadline(chain_step: &ChainStep, next: &StepRule) -> Option<Timestamp> {
    let within = next.within?;
    Some(chain_step.last.time().saturating_add(within))
}
