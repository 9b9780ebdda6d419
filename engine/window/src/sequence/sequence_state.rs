//! The state of one key of a sequence: its open chains and what it remembers for later ones.
//!
//! Owns the effect of one event on all chains of the key. How a single chain grows belongs to
//! `partial`, and what a complete chain raises to `outcome`.
//! Invariant: no partial chain supersedes another. Each event is compared with every partial chain,
//! so this keeps a busy key cheap without losing an alert.

use std::collections::VecDeque;

use larum_event::limits::{EVIDENCE_EACH_END, ID_BYTES};
use larum_event::{Sequence, Span, Timestamp};
use serde::{Deserialize, Serialize};

use super::SequenceRule;
use super::partial::{ChainStep, PartialChain};
use super::rule::StepRule;
use super::run::{ChainStart, RunEvent, StepRun};
use super::waiting_chain::{WaitingChain, WaitingChains};
use crate::state::{StateOutput, WindowEvent};
use larum_event::EventOrder;

/// The state of one key.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct SequenceState {
    /// Open partial chains, oldest first; none supersedes another.
    pub(super) partials: VecDeque<PartialChain>,
    pub(super) waiting: WaitingChains,
    /// The events of each step with a count, by step.
    pub(super) runs: Vec<StepRun>,
    /// When each absent step that leads a chain last occurred.
    pub(super) breaches: Vec<AbsenceBreach>,
    /// Opening events that raised an alert and may still open other chains.
    pub(super) raised_openings: VecDeque<EventOrder>,
    /// No alert is raised before this time.
    pub(super) silent_until: Option<Timestamp>,
}

/// The last occurrence of a step that must not occur before a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AbsenceBreach {
    pub(super) step: u8,
    time: Timestamp,
}

impl SequenceState {
    /// Upper bound of the bytes of one key, with the compared values counted as plain numbers.
    pub(crate) fn bytes_most(rule: &SequenceRule) -> u64 {
        let bytes = |size: usize| u64::try_from(size).unwrap_or(u64::MAX);
        let steps = bytes(rule.steps().len());
        let runs = bytes(rule.steps().iter().filter(|step| step.is_run()).count());
        let chain_steps = steps.saturating_mul(bytes(size_of::<ChainStep>() + ID_BYTES));
        let summary = bytes(2 * EVIDENCE_EACH_END * ID_BYTES);
        let open = chain_steps.saturating_add(bytes(size_of::<PartialChain>() + ID_BYTES));
        let waiting = open
            .saturating_add(bytes(size_of::<WaitingChain>()))
            .saturating_add(if runs > 0 { summary } else { 0 });
        let counted = bytes(size_of::<RunEvent>() + ID_BYTES)
            .saturating_mul(bytes(rule.run_most()))
            .saturating_mul(runs);
        bytes(rule.partials_most)
            .saturating_mul(open.saturating_add(waiting))
            .saturating_add(counted)
            .saturating_add(bytes(size_of::<Self>()))
    }

    /// Moves time to `before` and removes what ends before it.
    pub(crate) fn advance_to(
        &mut self,
        before: Timestamp,
        rule: &SequenceRule,
        output: &mut StateOutput,
    ) {
        // Resolve waiting chains before dropping runs: their alerts still need the events of the
        // runs.
        while let Some(waiting_chain) = self.waiting.pop_due(before) {
            self.resolve_waiting(waiting_chain, rule, output);
        }
        self.partials.retain(|partial| partial.until >= before);
        for run in &mut self.runs {
            run.drop_expired(before, rule);
        }
        self.runs.retain(|run| !run.events.is_empty());
        self.breaches.retain(|breach| breach.expiry(rule) >= before);
        while opening_expiry(&self.raised_openings, rule).is_some_and(|until| until < before) {
            self.raised_openings.pop_front();
        }
        self.silent_until = self.silent_until.filter(|until| *until > before);
    }

    /// Applies the next event, after [`SequenceState::advance_to`] its time.
    pub(crate) fn apply_event(
        &mut self,
        event: &WindowEvent,
        rule: &SequenceRule,
        output: &mut StateOutput,
    ) {
        // Stop and block before extending: an event that ends a chain must not also complete it.
        if rule.stops && event.steps & Sequence::STOP != 0 {
            self.clear_chains();
        }
        self.block_chains(event, rule);
        // Collect the new chains before inserting any: the event must not extend a chain that it
        // has just extended.
        let mut partials = self.extend_partials(event, rule);
        let mut complete = self.lengthen_partials(event, rule);
        self.open_chains(event, rule, &mut partials, output);
        complete.extend(
            partials
                .iter()
                .filter(|partial| partial.is_complete(rule))
                .cloned(),
        );
        for partial in partials {
            self.insert_partial(partial, rule, output);
        }
        // Record breaches last: an event that is absent before a chain does not block the chain
        // that it opens.
        self.complete_chains(event, complete, rule, output);
        self.record_breaches(event, rule);
    }

    /// The last moment at which the state is unchanged; `None` if it is empty.
    pub(crate) fn due_time(&self, rule: &SequenceRule) -> Option<Timestamp> {
        let partials = self.partials.iter().map(|partial| partial.until);
        let runs = self.runs.iter().filter_map(|run| run.oldest_expiry(rule));
        let breaches = self.breaches.iter().map(|breach| breach.expiry(rule));
        let silent = self
            .silent_until
            .map(|until| until.saturating_sub(Span::from_nanos(1)));
        partials
            .chain(runs)
            .chain(breaches)
            .chain(self.waiting.due_time())
            .chain(opening_expiry(&self.raised_openings, rule))
            .chain(silent)
            .min()
    }

    /// Ends time: no absent step can occur any more, so every waiting chain is resolved.
    pub(crate) fn close(&mut self, rule: &SequenceRule, output: &mut StateOutput) {
        while let Some(waiting_chain) = self.waiting.pop_next() {
            self.resolve_waiting(waiting_chain, rule, output);
        }
        *self = Self::default();
    }

    /// Removes all chains that have begun; breaches stay known.
    fn clear_chains(&mut self) {
        self.partials.clear();
        self.waiting.clear();
        self.runs.clear();
    }

    /// Ends the chains in which `event` must not occur.
    fn block_chains(&mut self, event: &WindowEvent, rule: &SequenceRule) {
        let absent = rule.steps().iter().filter(|step| step.is_absent());
        let mut occurred = absent
            .filter(|step| step.is_satisfied_by(event.steps))
            .peekable();
        if occurred.peek().is_none() {
            return;
        }
        for step in occurred {
            for partial in &mut self.partials {
                partial.block_step(event, step);
            }
        }
        self.partials.retain(|partial| partial.can_continue(rule));
        self.waiting.cancel_matching(event, rule);
    }

    /// The open chains extended by `event` as the first event of a later step.
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

    /// Adds `event` to the open chains whose latest step takes more events; returns those it
    /// completes.
    fn lengthen_partials(&mut self, event: &WindowEvent, rule: &SequenceRule) -> Vec<PartialChain> {
        let (mut full, mut complete) = (Vec::new(), Vec::new());
        for partial in &mut self.partials {
            let Some(step) = rule.step(partial.latest.step) else {
                continue;
            };
            if !step.is_run() || !step.is_satisfied_by(event.steps) {
                continue;
            }
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
        // A chain that has just become full may supersede those that began before it.
        for partial in full {
            if self.partials.contains(&partial) {
                self.partials
                    .retain(|old| *old == partial || !partial.supersedes(old, event.time(), rule));
            }
        }
        complete
    }

    /// Begins chains with `event`, and adds it to the runs of steps with a count.
    fn open_chains(
        &mut self,
        event: &WindowEvent,
        rule: &SequenceRule,
        partials: &mut Vec<PartialChain>,
        output: &mut StateOutput,
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
                    let chain_step = ChainStep::from_event(event, step);
                    partials.push(PartialChain::new(Vec::new(), chain_step, rule));
                }
                continue;
            }
            let holds_it = |partial: &PartialChain| {
                partial.latest.step == step.number && partial.latest.last == event.event_ref
            };
            // A run of a later step keeps only events that a chain refers to.
            if !step.opens && !self.partials.iter().chain(&*partials).any(holds_it) {
                continue;
            }
            let Some(run) = self.run_for_step(step) else {
                continue;
            };
            output.dropped += run.push_event(event, opens, rule);
            let Some(opened) = run.open_chain(event, step, rule).filter(|_| step.opens) else {
                continue;
            };
            // The new chain replaces the older ones of this step: it has the same events and ends
            // later.
            self.partials
                .retain(|old| old.latest.step != step.number || !old.before.is_empty());
            partials.push(opened);
        }
    }

    /// The run of a step with a count, added if missing.
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

    /// Whether an absent step occurred that must not occur before a chain that begins with `event`
    /// as `step`.
    fn has_breach_before(&self, event: &WindowEvent, step: &StepRule, rule: &SequenceRule) -> bool {
        self.breaches.iter().any(|breach| {
            step.leading.contains(&breach.step) && breach.expiry(rule) >= event.time()
        })
    }

    /// Keeps a partial chain unless another supersedes it.
    fn insert_partial(
        &mut self,
        partial: PartialChain,
        rule: &SequenceRule,
        output: &mut StateOutput,
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
            // Most keys have one partial chain; do not allocate for four.
            self.partials.reserve_exact(1);
        }
        self.partials.push_back(partial);
        let over = self.partials.len().saturating_sub(rule.partials_most);
        self.partials.drain(..over);
        output.dropped += over as u64;
    }

    /// Of the partial chains at `step` whose watch is limited, keeps the newest whose watch is
    /// over, and those whose watch is not.
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

    /// Remembers that an absent step occurred, for the chains that begin after `event`.
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
                .find(|breach| breach.step == step.number)
            {
                Some(breach) => breach.time = at,
                None => self.breaches.push(AbsenceBreach {
                    step: step.number,
                    time: at,
                }),
            }
        }
    }
}

impl AbsenceBreach {
    /// The last moment at which a chain may begin that this breach rules out.
    fn expiry(&self, rule: &SequenceRule) -> Timestamp {
        let watch = rule.step(self.step).map(|step| rule.watch_span(step));
        self.time.saturating_add(watch.unwrap_or(Span::ZERO))
    }
}

fn opening_expiry(raised: &VecDeque<EventOrder>, rule: &SequenceRule) -> Option<Timestamp> {
    let oldest = raised.front()?;
    Some(oldest.time.saturating_add(rule.reopening_span()))
}
