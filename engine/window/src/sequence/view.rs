//! The state of a key as people see it, and the check of a state read from a checkpoint.
//!
//! Owns what is shown of a state; it never changes one, which is the job of
//! [`super::sequence_state`]. Invariant: an event is shown once, so a run that a partial chain
//! refers to is part of that chain.

use std::sync::Arc;

use larum_event::StepOccurrence;

use super::partial::{ChainStep, PartialChain};
use super::rule::{SequenceRule, StepRule};
use super::run::StepRun;
use super::sequence_state::SequenceState;
use super::waiting_chain::WaitingChain;
use crate::state::{AwaitedStep, PartialView, StateView};

impl SequenceState {
    /// Events held.
    pub(crate) fn event_count(&self) -> usize {
        let partials = self.partials.iter().map(own_event_count);
        let waiting = self
            .waiting
            .iter()
            .map(|waiting_chain| own_event_count(&waiting_chain.partial));
        // A run that a partial chain refers to is shown as part of that chain.
        let runs = self.runs.iter().map(|run| run.events.len());
        partials.chain(waiting).chain(runs).sum()
    }

    /// The state as people see it.
    pub(crate) fn view(&self, rule: &SequenceRule) -> StateView {
        let runs = self.runs.iter().filter(|run| !self.is_in_partial(run));
        let partials = self
            .partials
            .iter()
            .map(|partial| partial_view(partial, rule));
        let waiting = self
            .waiting
            .iter()
            .map(|waiting_chain| waiting_view(waiting_chain, rule));
        let oldest = self
            .partials
            .iter()
            .map(|partial| partial.first_event().time());
        let run_events = self.runs.iter().filter_map(|run| run.events.front());
        let opened = self
            .waiting
            .iter()
            .map(|waiting_chain| waiting_chain.partial.first_event().time());
        StateView {
            events: self.event_count() as u64,
            value: None,
            oldest: oldest
                .chain(run_events.map(|event| event.event_ref.time()))
                .chain(opened)
                .min(),
            partials: partials
                .chain(runs.filter_map(|run| run_view(run, rule)))
                .chain(waiting)
                .collect(),
        }
    }

    /// Whether a partial chain already shows the events of a run.
    fn is_in_partial(&self, run: &StepRun) -> bool {
        let mut partials = self.partials.iter();
        partials.any(|partial| {
            partial
                .chain_steps()
                .any(|chain_step| chain_step.step == run.step)
        })
    }

    /// Whether events can lead to this state.
    pub(crate) fn is_sound(&self, rule: &SequenceRule) -> bool {
        let waiting = self
            .waiting
            .iter()
            .map(|waiting_chain| &waiting_chain.partial);
        let mut partials = self.partials.iter().chain(waiting);
        let known = |number: u8| rule.step(number).is_some_and(|step| !step.is_absent());
        partials.all(|partial| {
            let steps: Vec<_> = partial
                .chain_steps()
                .map(|chain_step| chain_step.step)
                .collect();
            steps.iter().all(|step| known(*step)) && steps.is_sorted_by(|one, next| one < next)
        }) && self.runs.iter().all(|run| run.is_sound(rule))
            && self
                .breaches
                .iter()
                .all(|breach| rule.step(breach.step).is_some_and(StepRule::is_absent))
            && self.waiting.is_sorted()
    }
}

/// The events that the chain itself holds.
fn own_event_count(partial: &PartialChain) -> usize {
    partial.before.len() + 1
}

fn partial_view(partial: &PartialChain, rule: &SequenceRule) -> PartialView {
    let own = rule.step(partial.latest.step);
    let numbers = own.map_or(&[][..], |step| &step.next_steps);
    let next_steps = numbers.iter().filter_map(|next| rule.step(*next));
    // It waits for a step that may be left out only if no other step can follow.
    let must = next_steps
        .clone()
        .find(|step| matches!(step.occurs, StepOccurrence::Times(_)));
    let waits_for = match own.filter(|_| !partial.is_full(rule)) {
        Some(own) => Some(own),
        None => must.or_else(|| next_steps.clone().next()).or(own),
    };
    PartialView {
        waits_for: waits_for.map(awaited_step),
        events: partial.chain_steps().map(ChainStep::event_count).sum(),
        step_events: if partial.is_full(rule) {
            0
        } else {
            partial.latest.event_count()
        },
        until: partial.until,
    }
}

fn awaited_step(step: &StepRule) -> AwaitedStep {
    AwaitedStep {
        index: usize::from(step.number),
        name: Arc::clone(&step.name),
        is_absent: step.is_absent(),
    }
}

fn run_view(run: &StepRun, rule: &SequenceRule) -> Option<PartialView> {
    Some(PartialView {
        waits_for: Some(awaited_step(rule.step(run.step)?)),
        events: run.events.len() as u64,
        step_events: run.events.len() as u64,
        until: run.oldest_expiry(rule)?,
    })
}

fn waiting_view(waiting_chain: &WaitingChain, rule: &SequenceRule) -> PartialView {
    let ended = rule.step(waiting_chain.partial.latest.step);
    let absent = ended.and_then(|step| rule.step(*step.trailing.first()?));
    PartialView {
        waits_for: absent.map(awaited_step),
        events: waiting_chain
            .partial
            .chain_steps()
            .map(ChainStep::event_count)
            .sum(),
        step_events: 0,
        until: waiting_chain.deadline,
    }
}
