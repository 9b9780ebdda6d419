//! What a complete chain leads to: an alert, waiting for its end, or nothing.
//!
//! Owns that choice, and what an alert uses up. Which chains are complete is left to
//! `sequence_state`.
//! Invariant: an opening event raises at most one alert, unless nothing is used up.

use larum_event::{EventId, FiringPolicy, Span, Timestamp};

use super::chain_summary::{ChainSummary, summarize_chain};
use super::partial::PartialChain;
use super::rule::{SequenceRule, StepRule};
use super::sequence_state::SequenceState;
use super::waiting_chain::WaitingChain;
use crate::event_ref::EventRef;
use crate::state::{AlertReport, FiredAlert, StateOutput, WindowEvent};

impl SequenceState {
    /// Handles the chains whose last event is `event`: reports the best one, or lets them wait for
    /// absent steps.
    pub(super) fn complete_chains(
        &mut self,
        event: &WindowEvent,
        complete: Vec<PartialChain>,
        rule: &SequenceRule,
        output: &mut StateOutput,
    ) {
        let (waiting, now): (Vec<_>, Vec<_>) = complete.into_iter().partition(|partial| {
            let step = rule.step(partial.latest.step);
            step.is_some_and(|step| !step.trailing.is_empty())
        });
        // The alert of a chain that need not wait consumes the events of those that would, so
        // decide it first.
        let best = now
            .into_iter()
            .max_by_key(|partial| (partial.first_event().order, partial.before.len()));
        if let Some(best) = best.filter(|_| !self.is_silent_at(event.time())) {
            let summary = summarize_chain(&best, &self.runs, rule);
            let trigger = event.event_ref.clone();
            let anchor = trigger.id();
            output.push(fired_report(trigger, anchor, event.time(), summary));
            self.consume_chain(&best, event.time(), rule);
            return;
        }
        let mut chains: Vec<PartialChain> = Vec::new();
        for partial in waiting {
            if !chains
                .iter()
                .any(|other| other.supersedes(&partial, event.time(), rule))
            {
                chains.retain(|other| !partial.supersedes(other, event.time(), rule));
                chains.push(partial);
            }
        }
        for partial in chains {
            output.dropped += self.await_end(partial, rule);
        }
    }

    /// Lets a chain wait for its end; returns how many others were dropped to make room.
    fn await_end(&mut self, partial: PartialChain, rule: &SequenceRule) -> u64 {
        let step = rule.step(partial.latest.step);
        let wait = step.map_or(Span::ZERO, |step| step.wait);
        let has_run = |step: u8| rule.step(step).is_some_and(StepRule::is_run);
        // Summarise now: by the deadline the run may have dropped its events.
        let looks_up = partial
            .chain_steps()
            .any(|chain_step| has_run(chain_step.step));
        let summary = looks_up.then(|| Box::new(summarize_chain(&partial, &self.runs, rule)));
        let deadline = partial.latest.last.time().saturating_add(wait);
        let waiting_chain = WaitingChain {
            deadline,
            partial,
            summary,
        };
        self.waiting.insert_chain(waiting_chain, rule)
    }

    /// Reports a chain after whose end no absent step occurred.
    pub(super) fn resolve_waiting(
        &mut self,
        waiting_chain: WaitingChain,
        rule: &SequenceRule,
        output: &mut StateOutput,
    ) {
        let WaitingChain {
            deadline, partial, ..
        } = waiting_chain;
        let opening = partial.first_event();
        if self.raised_openings.contains(&opening.order) {
            // An opening event raises one alert; the chain that came due first was it.
            self.waiting.remove_completed_at(partial.latest.last.order);
            return;
        }
        if self.is_silent_at(deadline) {
            return;
        }
        output.moment = deadline;
        let summary = match waiting_chain.summary {
            Some(summary) => *summary,
            None => summarize_chain(&partial, &self.runs, rule),
        };
        let anchor = if rule.mixes_ends {
            // The same event may have raised an alert already, as the last of another chain.
            opening.id_with_time(opening.time())
        } else {
            opening.id()
        };
        output.push(fired_report(opening.clone(), anchor, deadline, summary));
        if rule.reopens {
            self.waiting.remove_completed_at(partial.latest.last.order);
            self.raised_openings.push_back(opening.order);
            let over = self
                .raised_openings
                .len()
                .saturating_sub(rule.partials_most);
            self.raised_openings.drain(..over);
        }
        self.consume_chain(&partial, deadline, rule);
    }

    /// Removes from the key what an alert about `chain`, raised at `time`, uses up.
    fn consume_chain(&mut self, chain: &PartialChain, time: Timestamp, rule: &SequenceRule) {
        match rule.policy {
            FiringPolicy::Every => {}
            FiringPolicy::Suppress(span) => self.silent_until = Some(time.saturating_add(span)),
            FiringPolicy::Edge | FiringPolicy::Reset => {
                let last = chain.latest.last.order;
                self.partials
                    .retain(|partial| partial.first_event().order > last);
                self.waiting.consume_until(last, rule);
                for run in &mut self.runs {
                    run.consume_until(last);
                }
                self.runs.retain(|run| !run.events.is_empty());
            }
        }
    }

    fn is_silent_at(&self, time: Timestamp) -> bool {
        self.silent_until.is_some_and(|until| time < until)
    }
}

/// The report of the alert that `trigger` raises.
fn fired_report(
    trigger: EventRef,
    anchor: EventId,
    time: Timestamp,
    summary: ChainSummary,
) -> AlertReport {
    AlertReport::Fired(Box::new(FiredAlert {
        anchor,
        trigger,
        time,
        content: summary.into(),
        open: false,
    }))
}
