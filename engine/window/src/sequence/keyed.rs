//! One group key: its open matches and what it remembers.

use std::collections::VecDeque;

use larum_event::{FiringPolicy, Sequence, Span, Timestamp};
use serde::{Deserialize, Serialize};

use super::following::{Following, StepRule};
use super::partial::Partial;
use super::pending::{Pending, Waiting};
use super::report::{Summary, summary};
use super::run::{Opens, Run};
use crate::held::{Held, Order};
use crate::state::{Fired, Report, Taken, Told};

/// The state of one key.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct SequenceState {
    /// Oldest first. None stands for another.
    pub(super) partials: VecDeque<Partial>,
    pub(super) waiting: Waiting,
    /// Of each step with a count of which there are events.
    pub(super) runs: Vec<Run>,
    /// When each step that must not come before a match came last.
    pub(super) came: Vec<Came>,
    /// The opening events that raised an alert and may open other matches.
    pub(super) raised: VecDeque<Order>,
    /// Nothing is told before this time.
    pub(super) silent_until: Option<Timestamp>,
}

/// A step came that must not come before a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Came {
    pub(super) step: u8,
    pub(super) at: Timestamp,
}

impl SequenceState {
    /// Time has come to `before`: what ends before it, ends.
    pub(crate) fn pass(&mut self, before: Timestamp, rule: &Following, told: &mut Told) {
        while let Some(pending) = self.waiting.next_before(before) {
            self.come_due(pending, rule, told);
        }
        self.partials
            .retain(|partial| partial.until(rule) >= before);
        for run in &mut self.runs {
            run.pass(before, rule);
        }
        self.runs.retain(|run| !run.events.is_empty());
        self.came.retain(|came| came.until(rule) >= before);
        while raised_until(&self.raised, rule).is_some_and(|until| until < before) {
            self.raised.pop_front();
        }
        self.silent_until = self.silent_until.filter(|until| *until > before);
    }

    /// The next event, after [`SequenceState::pass`] to its time.
    pub(crate) fn take(&mut self, event: &Taken, rule: &Following, told: &mut Told) {
        if rule.stops && event.steps & Sequence::STOP != 0 {
            self.end_everything();
        }
        self.keep_out(event, rule);
        // What the event may become is read off the state before it, so that it serves one step of a match.
        let mut partials = self.extended(event, rule);
        let mut complete = self.lengthen(event, rule);
        self.open(event, rule, &mut partials, told);
        complete.extend(
            partials
                .iter()
                .filter(|partial| ends(partial, rule))
                .cloned(),
        );
        for partial in partials {
            self.insert(partial, rule, told);
        }
        self.complete(event, complete, rule, told);
        self.remember(event, rule);
    }

    /// The last moment at which the state is as it is; `None` when it says nothing any more.
    pub(crate) fn due(&self, rule: &Following) -> Option<Timestamp> {
        let partials = self.partials.iter().map(|partial| partial.until(rule));
        let runs = self.runs.iter().filter_map(|run| run.until(rule));
        let came = self.came.iter().map(|came| came.until(rule));
        let silent = self
            .silent_until
            .map(|until| until.saturating_sub(Span::from_nanos(1)));
        partials
            .chain(runs)
            .chain(came)
            .chain(self.waiting.due())
            .chain(raised_until(&self.raised, rule))
            .chain(silent)
            .min()
    }

    /// Time has ended: nothing comes that must not come.
    pub(crate) fn close(&mut self, rule: &Following, told: &mut Told) {
        while let Some(pending) = self.waiting.next() {
            self.come_due(pending, rule, told);
        }
        *self = Self::default();
    }

    /// Nothing that began goes on; what came before a match stays known.
    fn end_everything(&mut self) {
        self.partials.clear();
        self.waiting.clear();
        self.runs.clear();
    }

    /// Ends what `event` must not come in.
    fn keep_out(&mut self, event: &Taken, rule: &Following) {
        let absent = rule.steps().iter().filter(|step| step.is_absent());
        let mut came = absent
            .filter(|step| step.is_satisfied_by(event.steps))
            .peekable();
        if came.peek().is_none() {
            return;
        }
        for step in came {
            for partial in &mut self.partials {
                partial.block(event, step);
            }
        }
        self.partials.retain(|partial| partial.goes_on(rule));
        self.waiting.undo(event, rule);
    }

    /// The open matches with `event` as the first one of a step after.
    fn extended(&self, event: &Taken, rule: &Following) -> Vec<Partial> {
        let mut extended = Vec::new();
        let occurring = rule.steps().iter().filter(|step| !step.is_absent());
        // Later steps first: with all else equal they have more events.
        for step in occurring
            .rev()
            .filter(|step| step.is_satisfied_by(event.steps))
        {
            for partial in &self.partials {
                let onward = rule.step(partial.latest.step).map(|step| &step.onward);
                if onward.is_some_and(|onward| onward.contains(&step.number)) {
                    extended.extend(partial.extended(event, step, rule));
                }
            }
        }
        extended
    }

    /// Adds `event` to the open matches that take more of its step; returns those it completes.
    fn lengthen(&mut self, event: &Taken, rule: &Following) -> Vec<Partial> {
        let (mut full, mut complete) = (Vec::new(), Vec::new());
        for partial in &mut self.partials {
            let step = rule.step(partial.latest.step);
            let step = step.filter(|step| step.is_run() && step.is_satisfied_by(event.steps));
            let Some(step) = step else {
                continue;
            };
            if !partial.lengthen(event, step, rule) {
                continue;
            }
            if partial.latest.count == step.least {
                full.push(partial.clone());
            }
            if ends(partial, rule) {
                complete.push(partial.clone());
            }
        }
        // With all it needs, one stands for those that began before it.
        for partial in full {
            if self.partials.contains(&partial) {
                self.partials
                    .retain(|old| *old == partial || !partial.stands_for(old, rule));
            }
        }
        complete
    }

    /// Begins matches with `event`, and keeps it for the steps with a count.
    fn open(
        &mut self,
        event: &Taken,
        rule: &Following,
        partials: &mut Vec<Partial>,
        told: &mut Told,
    ) {
        let steps = rule.steps().iter();
        for step in steps.filter(|step| !step.is_absent() && step.is_satisfied_by(event.steps)) {
            if !step.is_run() {
                if step.opens && !self.came_before(event, step, rule) {
                    partials.push(Partial::opened(event, step));
                }
                continue;
            }
            let holds_it = |partial: &Partial| {
                partial.latest.step == step.number && partial.latest.last.order == event.held.order
            };
            if !step.opens && !self.partials.iter().chain(&*partials).any(holds_it) {
                continue;
            }
            let opens = if step.opens && !self.came_before(event, step, rule) {
                Opens::Here
            } else {
                Opens::Earlier
            };
            let Some(run) = self.run_of(step) else {
                continue;
            };
            told.dropped += u64::from(run.add(event, opens, rule));
            let Some(opened) = run.opened(event, step).filter(|_| step.opens) else {
                continue;
            };
            // The last events of the step are those that the next one follows.
            self.partials
                .retain(|old| old.latest.step != step.number || !old.before.is_empty());
            partials.push(opened);
        }
    }

    /// The events of a step with a count.
    fn run_of(&mut self, step: &StepRule) -> Option<&mut Run> {
        let index = self.runs.partition_point(|run| run.step < step.number);
        if self
            .runs
            .get(index)
            .is_none_or(|run| run.step != step.number)
        {
            self.runs.insert(index, Run::new(step.number));
        }
        self.runs.get_mut(index)
    }

    /// Whether something came that must not come before a match that begins with `event` as `step`.
    fn came_before(&self, event: &Taken, step: &StepRule, rule: &Following) -> bool {
        self.came.iter().any(|came| {
            let absent = rule.step(came.step);
            let since = absent.map(|absent| event.time().saturating_sub(rule.watch(absent)));
            step.leading.contains(&came.step) && since.is_some_and(|since| came.at >= since)
        })
    }

    /// Keeps a partial unless another stands for it.
    fn insert(&mut self, partial: Partial, rule: &Following, told: &mut Told) {
        if !partial.goes_on(rule) {
            return;
        }
        if self
            .partials
            .iter()
            .any(|old| old.stands_for(&partial, rule))
        {
            return;
        }
        self.partials.retain(|old| !partial.stands_for(old, rule));
        self.partials.push_back(partial);
        if self.partials.len() > rule.partials_most {
            self.partials.pop_front();
            told.dropped += 1;
        }
    }

    /// Tells of the matches whose last event is `event`, now or when nothing came that must not come.
    fn complete(
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
            .max_by_key(|partial| (partial.first.order, partial.before.len()));
        if let Some(best) = best.filter(|_| !self.is_silent_at(event.time())) {
            let summary = summary(&best, &self.runs, rule);
            self.fire(event.held.clone(), event.time(), summary, told);
            self.consume(&best, event.time(), rule);
            return;
        }
        let mut kept: Vec<Partial> = Vec::new();
        for partial in waiting {
            if !kept.iter().any(|other| other.stands_for(&partial, rule)) {
                kept.retain(|other| !partial.stands_for(other, rule));
                kept.push(partial);
            }
        }
        for partial in kept {
            let wait = rule.step(partial.latest.step).map(|step| step.wait);
            let has_run = |step: u8| rule.step(step).is_some_and(StepRule::is_run);
            let looks_up = partial.pieces().any(|piece| has_run(piece.step));
            let pending = Pending {
                deadline: event.time().saturating_add(wait.unwrap_or(Span::ZERO)),
                summary: looks_up.then(|| Box::new(summary(&partial, &self.runs, rule))),
                partial,
            };
            told.dropped += u64::from(self.waiting.add(pending, rule));
        }
    }

    /// Nothing came that must not come after the match.
    fn come_due(&mut self, pending: Pending, rule: &Following, told: &mut Told) {
        let Pending {
            deadline,
            partial,
            summary: kept,
        } = pending;
        let opening = partial.first.order;
        if self.raised.contains(&opening) {
            self.waiting.settle(partial.latest.last.order);
            return;
        }
        if self.is_silent_at(deadline) {
            return;
        }
        let summary = match kept {
            Some(summary) => *summary,
            None => summary(&partial, &self.runs, rule),
        };
        self.fire(partial.first.clone(), deadline, summary, told);
        if rule.reopens {
            self.waiting.settle(partial.latest.last.order);
            self.raised.push_back(opening);
            if self.raised.len() > rule.partials_most {
                self.raised.pop_front();
            }
        }
        self.consume(&partial, deadline, rule);
    }

    fn fire(&self, trigger: Held, time: Timestamp, summary: Summary, told: &mut Told) {
        told.reports.push(Report::Fired(Box::new(Fired {
            anchor: trigger.id.clone(),
            trigger,
            time,
            content: summary.into(),
            open: false,
        })));
    }

    /// What an alert about `told`, raised at `time`, takes from the key.
    fn consume(&mut self, told: &Partial, time: Timestamp, rule: &Following) {
        match rule.policy {
            FiringPolicy::Every => {}
            FiringPolicy::Suppress(span) => self.silent_until = Some(time.saturating_add(span)),
            FiringPolicy::Edge | FiringPolicy::Reset => {
                let last = told.latest.last.order;
                self.partials.retain(|partial| partial.first.order > last);
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

    /// Keeps when what must not come before a match came, for the matches that begin after `event`.
    fn remember(&mut self, event: &Taken, rule: &Following) {
        let absent = rule.steps().iter().filter(|step| step.is_absent());
        for step in absent.filter(|step| step.is_satisfied_by(event.steps)) {
            let mut steps = rule.steps().iter();
            let leads = steps.any(|next| next.opens && next.leading.contains(&step.number));
            if !leads || !step.joins.is_empty() {
                continue;
            }
            let at = event.time();
            match self.came.iter_mut().find(|came| came.step == step.number) {
                Some(came) => came.at = at,
                None => self.came.push(Came {
                    step: step.number,
                    at,
                }),
            }
        }
    }
}

impl Came {
    /// The last moment at which a match that begins has it before it.
    pub(super) fn until(&self, rule: &Following) -> Timestamp {
        let watch = rule.step(self.step).map(|step| rule.watch(step));
        self.at.saturating_add(watch.unwrap_or(Span::ZERO))
    }
}

/// Whether the match is complete but for what must not come after it.
fn ends(partial: &Partial, rule: &Following) -> bool {
    let step = rule.step(partial.latest.step);
    step.is_some_and(|step| step.ends) && partial.is_full(rule)
}

fn raised_until(raised: &VecDeque<Order>, rule: &Following) -> Option<Timestamp> {
    let oldest = raised.front()?;
    Some(oldest.time.saturating_add(rule.reopening()))
}
