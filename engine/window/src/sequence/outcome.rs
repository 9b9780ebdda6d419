//! What becomes of a complete chain: an alert, a wait for its end, or nothing.

use larum_event::{FiringPolicy, Span, Timestamp};

use super::following::{Following, StepRule};
use super::keyed::SequenceState;
use super::partial::Partial;
use super::pending::Pending;
use super::report::{Summary, summary};
use crate::held::Held;
use crate::state::{Fired, Report, Taken, Told};

impl SequenceState {
    /// Tells of the chains whose last event is `event`, now or when nothing came that must not come.
    pub(super) fn complete(
        &mut self,
        event: &Taken,
        complete: Vec<Partial>,
        rule: &Following,
        told: &mut Told,
    ) {
        let (waiting, now): (Vec<_>, Vec<_>) = complete.into_iter().partition(|partial| {
            let step = rule.step(partial.latest.step);
            step.is_some_and(|step| !step.trailing.is_empty())
        });
        let best = now
            .into_iter()
            .max_by_key(|partial| (partial.first().order, partial.before.len()));
        if let Some(best) = best.filter(|_| !self.is_silent_at(event.time())) {
            let summary = summary(&best, &self.runs, rule);
            told.reports
                .push(fired(event.held.clone(), event.time(), summary));
            self.consume(&best, event.time(), rule);
            return;
        }
        let mut kept: Vec<Partial> = Vec::new();
        for partial in waiting {
            if !kept
                .iter()
                .any(|other| other.stands_for(&partial, event.time(), rule))
            {
                kept.retain(|other| !partial.stands_for(other, event.time(), rule));
                kept.push(partial);
            }
        }
        for partial in kept {
            told.dropped += self.wait(partial, rule);
        }
    }

    /// Waits for the end of a chain; returns how many others that cost their place.
    fn wait(&mut self, partial: Partial, rule: &Following) -> u64 {
        let step = rule.step(partial.latest.step);
        let wait = step.map_or(Span::ZERO, |step| step.wait);
        let has_run = |step: u8| rule.step(step).is_some_and(StepRule::is_run);
        // By then the run may have let go of its events.
        let looks_up = partial.pieces().any(|piece| has_run(piece.step));
        let summary = looks_up.then(|| Box::new(summary(&partial, &self.runs, rule)));
        let deadline = partial.latest.last.time().saturating_add(wait);
        let pending = Pending {
            deadline,
            partial,
            summary,
        };
        self.waiting.add(pending, rule)
    }

    /// Nothing came that must not come after the chain.
    pub(super) fn come_due(&mut self, pending: Pending, rule: &Following, told: &mut Told) {
        let Pending {
            deadline, partial, ..
        } = pending;
        let opening = partial.first();
        if self.raised.contains(&opening.order) {
            // The best chain of an event speaks for the others of it.
            self.waiting.settle(partial.latest.last.order);
            return;
        }
        if self.is_silent_at(deadline) {
            return;
        }
        let summary = match pending.summary {
            Some(summary) => *summary,
            None => summary(&partial, &self.runs, rule),
        };
        told.reports.push(fired(opening.clone(), deadline, summary));
        if rule.reopens {
            self.waiting.settle(partial.latest.last.order);
            self.raised.push_back(opening.order);
            let over = self.raised.len().saturating_sub(rule.partials_most);
            self.raised.drain(..over);
        }
        self.consume(&partial, deadline, rule);
    }

    /// What an alert about `told`, raised at `time`, takes from the key.
    fn consume(&mut self, told: &Partial, time: Timestamp, rule: &Following) {
        match rule.policy {
            FiringPolicy::Every => {}
            FiringPolicy::Suppress(span) => self.silent_until = Some(time.saturating_add(span)),
            FiringPolicy::Edge | FiringPolicy::Reset => {
                let last = told.latest.last.order;
                self.partials.retain(|partial| partial.first().order > last);
                self.waiting.consume(last, rule);
                for run in &mut self.runs {
                    run.consume(last);
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
fn fired(trigger: Held, time: Timestamp, summary: Summary) -> Report {
    Report::Fired(Box::new(Fired {
        anchor: trigger.id.clone(),
        trigger,
        time,
        content: summary.into(),
        open: false,
    }))
}
