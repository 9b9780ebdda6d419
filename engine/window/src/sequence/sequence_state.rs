//! One group key: its open chains and what it remembers.

use std::collections::VecDeque;

use larum_event::{Sequence, Span, Timestamp};
use serde::{Deserialize, Serialize};

use super::SequenceRule;
use super::partial::{ChainStep, PartialChain};
use super::rule::StepRule;
use super::run::{ChainStart, StepRun};
use super::waiting_chain::WaitingChains;
use crate::event_ref::EventOrder;
use crate::state::{StateOutput, WindowEvent};

/// The state of one key.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct SequenceState {
    /// Oldest first. None stands for another.
    pub(super) partials: VecDeque<PartialChain>,
    pub(super) waiting: WaitingChains,
    /// Of each step with a count of which there are events.
    pub(super) runs: Vec<StepRun>,
    /// When each step that must not come before a chain came last.
    pub(super) breaches: Vec<AbsenceBreach>,
    /// The opening events that raised an alert and may open other chains.
    pub(super) raised_openings: VecDeque<EventOrder>,
    /// Nothing is told before this time.
    pub(super) silent_until: Option<Timestamp>,
}

/// A step came that must not come before a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AbsenceBreach {
    pub(super) step: u8,
    time: Timestamp,
}

impl SequenceState {
    /// Time has come to `before`: what ends before it, ends.
    pub(crate) fn advance_to(
        &mut self,
        before: Timestamp,
        rule: &SequenceRule,
        told: &mut StateOutput,
    ) {
        while let Some(pending) = self.waiting.pop_due(before) {
            self.resolve_waiting(pending, rule, told);
        }
        self.partials.retain(|partial| partial.until >= before);
        for run in &mut self.runs {
            run.drop_expired(before, rule);
        }
        self.runs.retain(|run| !run.events.is_empty());
        self.breaches.retain(|came| came.expiry(rule) >= before);
        while opening_expiry(&self.raised_openings, rule).is_some_and(|until| until < before) {
            self.raised_openings.pop_front();
        }
        self.silent_until = self.silent_until.filter(|until| *until > before);
    }

    /// The next event, after [`SequenceState::pass`] to its time.
    pub(crate) fn apply_event(
        &mut self,
        event: &WindowEvent,
        rule: &SequenceRule,
        told: &mut StateOutput,
    ) {
        if rule.stops && event.steps & Sequence::STOP != 0 {
            self.clear_chains();
        }
        self.block_chains(event, rule);
        // What the event may become is read off the state before it, so that it serves one step of a chain.
        let mut partials = self.extend_partials(event, rule);
        let mut complete = self.lengthen_partials(event, rule);
        self.open_chains(event, rule, &mut partials, told);
        complete.extend(
            partials
                .iter()
                .filter(|partial| partial.is_complete(rule))
                .cloned(),
        );
        for partial in partials {
            self.insert_partial(partial, rule, told);
        }
        self.complete_chains(event, complete, rule, told);
        self.record_breaches(event, rule);
    }

    /// The last moment at which the state is as it is; `None` when it says nothing any more.
    pub(crate) fn due_time(&self, rule: &SequenceRule) -> Option<Timestamp> {
        let partials = self.partials.iter().map(|partial| partial.until);
        let runs = self.runs.iter().filter_map(|run| run.oldest_expiry(rule));
        let came = self.breaches.iter().map(|came| came.expiry(rule));
        let silent = self
            .silent_until
            .map(|until| until.saturating_sub(Span::from_nanos(1)));
        partials
            .chain(runs)
            .chain(came)
            .chain(self.waiting.due_time())
            .chain(opening_expiry(&self.raised_openings, rule))
            .chain(silent)
            .min()
    }

    /// Time has ended: nothing comes that must not come.
    pub(crate) fn close(&mut self, rule: &SequenceRule, told: &mut StateOutput) {
        while let Some(pending) = self.waiting.pop_next() {
            self.resolve_waiting(pending, rule, told);
        }
        *self = Self::default();
    }

    /// Nothing that began goes on; what came before a chain stays known.
    fn clear_chains(&mut self) {
        self.partials.clear();
        self.waiting.clear();
        self.runs.clear();
    }

    /// Ends what `event` must not come in.
    fn block_chains(&mut self, event: &WindowEvent, rule: &SequenceRule) {
        let absent = rule.steps().iter().filter(|step| step.is_absent());
        let mut came = absent
            .filter(|step| step.is_satisfied_by(event.steps))
            .peekable();
        if came.peek().is_none() {
            return;
        }
        for step in came {
            for partial in &mut self.partials {
                partial.block_step(event, step);
            }
        }
        self.partials.retain(|partial| partial.can_continue(rule));
        self.waiting.cancel_matching(event, rule);
    }

    /// The open chains with `event` as the first one of a step after.
    fn extend_partials(&self, event: &WindowEvent, rule: &SequenceRule) -> Vec<PartialChain> {
        let mut extended = Vec::new();
        let occurring = rule.steps().iter().filter(|step| !step.is_absent());
        for step in occurring.filter(|step| step.is_satisfied_by(event.steps)) {
            for partial in &self.partials {
                let latest = rule.step(partial.latest.step);
                if latest.is_some_and(|latest| latest.next_steps.contains(&step.number)) {
                    extended.extend(partial.extend_with(event, step, rule));
                }
            }
        }
        extended
    }

    /// Adds `event` to the open chains that take more of its step; returns those it completes.
    fn lengthen_partials(&mut self, event: &WindowEvent, rule: &SequenceRule) -> Vec<PartialChain> {
        let (mut full, mut complete) = (Vec::new(), Vec::new());
        for partial in &mut self.partials {
            let step = rule.step(partial.latest.step);
            let step = step.filter(|step| step.is_run() && step.is_satisfied_by(event.steps));
            let Some(step) = step else {
                continue;
            };
            if !partial.lengthen_with(event, step, rule) {
                continue;
            }
            if partial.latest.event_count() == step.least {
                full.push(partial.clone());
            }
            if partial.is_complete(rule) {
                complete.push(partial.clone());
            }
        }
        // With all it needs, one stands for those that began before it.
        for partial in full {
            if self.partials.contains(&partial) {
                self.partials
                    .retain(|old| *old == partial || !partial.supersedes(old, event.time(), rule));
            }
        }
        complete
    }

    /// Begins chains with `event`, and keeps it for the steps with a count.
    fn open_chains(
        &mut self,
        event: &WindowEvent,
        rule: &SequenceRule,
        partials: &mut Vec<PartialChain>,
        told: &mut StateOutput,
    ) {
        let occurring = rule.steps().iter().filter(|step| !step.is_absent());
        for step in occurring.filter(|step| step.is_satisfied_by(event.steps)) {
            let opens = if step.opens && !self.has_breach_before(event, step, rule) {
                ChainStart::Here
            } else {
                ChainStart::Earlier
            };
            if !step.is_run() {
                if opens == ChainStart::Here {
                    let piece = ChainStep::from_event(event, step);
                    partials.push(PartialChain::new(Vec::new(), piece, rule));
                }
                continue;
            }
            let holds_it = |partial: &PartialChain| {
                partial.latest.step == step.number && partial.latest.last == event.held
            };
            if !step.opens && !self.partials.iter().chain(&*partials).any(holds_it) {
                continue;
            }
            let Some(run) = self.run_for_step(step) else {
                continue;
            };
            told.dropped += run.push_event(event, opens, rule);
            let Some(opened) = run.open_chain(event, step, rule).filter(|_| step.opens) else {
                continue;
            };
            // The last events of the step are those that the next one follows.
            self.partials
                .retain(|old| old.latest.step != step.number || !old.before.is_empty());
            partials.push(opened);
        }
    }

    /// The events of a step with a count.
    fn run_for_step(&mut self, step: &StepRule) -> Option<&mut StepRun> {
        let index = self.runs.partition_point(|run| run.step < step.number);
        if self
            .runs
            .get(index)
            .is_none_or(|run| run.step != step.number)
        {
            self.runs.reserve_exact(1);
            self.runs.insert(index, StepRun::new(step.number));
        }
        self.runs.get_mut(index)
    }

    /// Whether something came that must not come before a chain that begins with `event` as `step`.
    fn has_breach_before(&self, event: &WindowEvent, step: &StepRule, rule: &SequenceRule) -> bool {
        self.breaches
            .iter()
            .any(|came| step.leading.contains(&came.step) && came.expiry(rule) >= event.time())
    }

    /// Keeps a partial unless another stands for it.
    fn insert_partial(
        &mut self,
        partial: PartialChain,
        rule: &SequenceRule,
        told: &mut StateOutput,
    ) {
        let now = partial.latest.last.time();
        let is_needless = |old: &PartialChain| old.supersedes(&partial, now, rule);
        if !partial.can_continue(rule) || self.partials.iter().any(is_needless) {
            return;
        }
        self.partials
            .retain(|old| !partial.supersedes(old, now, rule));
        self.drop_past_watch(partial.latest.step, now, rule);
        if self.partials.is_empty() {
            // Most keys have one.
            self.partials.reserve_exact(1);
        }
        self.partials.push_back(partial);
        let over = self.partials.len().saturating_sub(rule.partials_most);
        self.partials.drain(..over);
        told.dropped += over as u64;
    }

    /// Of the partials at `step` that are watched for a while only, keeps the newest for which that is over, and
    /// those for which it is not.
    fn drop_past_watch(&mut self, step: u8, now: Timestamp, rule: &SequenceRule) {
        let Some(step) = rule.step(step).filter(|step| step.limited_watch.is_some()) else {
            return;
        };
        let mut newest_first = self.partials.iter().rev();
        let past =
            newest_first.find(|old| old.latest.step == step.number && old.is_past_watch(now, step));
        if let Some(past) = past.cloned() {
            self.partials
                .retain(|old| !past.supersedes(old, now, rule) || *old == past);
        }
    }

    /// Keeps when what must not come before a chain came, for the chains that begin after `event`.
    fn record_breaches(&mut self, event: &WindowEvent, rule: &SequenceRule) {
        let absent = rule.steps().iter().filter(|step| step.is_absent());
        for step in absent.filter(|step| step.is_satisfied_by(event.steps)) {
            let mut steps = rule.steps().iter();
            let leads = steps.any(|next| next.opens && next.leading.contains(&step.number));
            if !leads || !step.joins.is_empty() {
                continue;
            }
            let at = event.time();
            match self
                .breaches
                .iter_mut()
                .find(|came| came.step == step.number)
            {
                Some(came) => came.time = at,
                None => self.breaches.push(AbsenceBreach {
                    step: step.number,
                    time: at,
                }),
            }
        }
    }
}

impl AbsenceBreach {
    /// The last moment at which a chain that begins has it before it.
    fn expiry(&self, rule: &SequenceRule) -> Timestamp {
        let watch = rule.step(self.step).map(|step| rule.watch_span(step));
        self.time.saturating_add(watch.unwrap_or(Span::ZERO))
    }
}

fn opening_expiry(raised: &VecDeque<EventOrder>, rule: &SequenceRule) -> Option<Timestamp> {
    let oldest = raised.front()?;
    Some(oldest.time.saturating_add(rule.reopening_span()))
}
