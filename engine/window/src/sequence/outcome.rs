//! What becomes of a complete chain: an alert, a wait for its end, or nothing.

use larum_event::{FiringPolicy, Span, Timestamp};

use super::chain_summary::{ChainSummary, summarize_chain};
use super::partial::PartialChain;
use super::rule::{SequenceRule, StepRule};
use super::sequence_state::SequenceState;
use super::waiting_chain::WaitingChain;
use crate::event_ref::EventRef;
use crate::state::{AlertReport, FiredAlert, StateOutput, WindowEvent};

impl SequenceState {
    /// Tells of the chains whose last event is `event`, now or when nothing came that must not come.
    pub(super) fn complete_chains(
        &mut self,
        event: &WindowEvent,
        complete: Vec<PartialChain>,
        rule: &SequenceRule,
        told: &mut StateOutput,
    ) {
        let (waiting, now): (Vec<_>, Vec<_>) = complete.into_iter().partition(|partial| {
            let step = rule.step(partial.latest.step);
            step.is_some_and(|step| !step.trailing.is_empty())
        });
        let best = now
            .into_iter()
            .max_by_key(|partial| (partial.first_event().order, partial.before.len()));
        if let Some(best) = best.filter(|_| !self.is_silent_at(event.time())) {
            let summary = summarize_chain(&best, &self.runs, rule);
            told.reports
                .push(fired_report(event.held.clone(), event.time(), summary));
            self.consume_chain(&best, event.time(), rule);
            return;
        }
        let mut kept: Vec<PartialChain> = Vec::new();
        for partial in waiting {
            if !kept
                .iter()
                .any(|other| other.supersedes(&partial, event.time(), rule))
            {
                kept.retain(|other| !partial.supersedes(other, event.time(), rule));
                kept.push(partial);
            }
        }
        for partial in kept {
            told.dropped += self.await_end(partial, rule);
        }
    }

    /// Waits for the end of a chain; returns how many others that cost their place.
    fn await_end(&mut self, partial: PartialChain, rule: &SequenceRule) -> u64 {
        let step = rule.step(partial.latest.step);
        let wait = step.map_or(Span::ZERO, |step| step.wait);
        let has_run = |step: u8| rule.step(step).is_some_and(StepRule::is_run);
        // By then the run may have let go of its events.
        let looks_up = partial.chain_steps().any(|piece| has_run(piece.step));
        let summary = looks_up.then(|| Box::new(summarize_chain(&partial, &self.runs, rule)));
        let deadline = partial.latest.last.time().saturating_add(wait);
        let pending = WaitingChain {
            deadline,
            partial,
            summary,
        };
        self.waiting.insert_chain(pending, rule)
    }

    /// Nothing came that must not come after the chain.
    pub(super) fn resolve_waiting(
        &mut self,
        pending: WaitingChain,
        rule: &SequenceRule,
        told: &mut StateOutput,
    ) {
        let WaitingChain {
            deadline, partial, ..
        } = pending;
        let opening = partial.first_event();
        if self.raised_openings.contains(&opening.order) {
            // The best chain of an event speaks for the others of it.
            self.waiting.remove_completed_at(partial.latest.last.order);
            return;
        }
        if self.is_silent_at(deadline) {
            return;
        }
        let summary = match pending.summary {
            Some(summary) => *summary,
            None => summarize_chain(&partial, &self.runs, rule),
        };
        told.reports
            .push(fired_report(opening.clone(), deadline, summary));
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

    /// What an alert about `told`, raised at `time`, takes from the key.
    fn consume_chain(&mut self, told: &PartialChain, time: Timestamp, rule: &SequenceRule) {
        match rule.policy {
            FiringPolicy::Every => {}
            FiringPolicy::Suppress(span) => self.silent_until = Some(time.saturating_add(span)),
            FiringPolicy::Edge | FiringPolicy::Reset => {
                let last = told.latest.last.order;
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

/// The alert that `trigger` sets off.
fn fired_report(trigger: EventRef, time: Timestamp, summary: ChainSummary) -> AlertReport {
    AlertReport::Fired(Box::new(FiredAlert {
        anchor: trigger.id.clone(),
        trigger,
        time,
        content: summary.into(),
        open: false,
    }))
}
