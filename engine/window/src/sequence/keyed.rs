//! One group key: its open chains and what it remembers.

use std::collections::VecDeque;

use larum_event::{Sequence, Span, Timestamp};
use serde::{Deserialize, Serialize};

use super::Following;
use super::following::StepRule;
use super::partial::{Partial, Piece};
use super::pending::Waiting;
use super::run::{Opens, Run};
use crate::held::Order;
use crate::state::{Taken, Told};

/// The state of one key.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct SequenceState {
    /// Oldest first. None stands for another.
    pub(super) partials: VecDeque<Partial>,
    pub(super) waiting: Waiting,
    /// Of each step with a count of which there are events.
    pub(super) runs: Vec<Run>,
    /// When each step that must not come before a chain came last.
    pub(super) came: Vec<Came>,
    /// The opening events that raised an alert and may open other chains.
    pub(super) raised: VecDeque<Order>,
    /// Nothing is told before this time.
    pub(super) silent_until: Option<Timestamp>,
}

/// A step came that must not come before a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Came {
    pub(super) step: u8,
    at: Timestamp,
}

impl SequenceState {
    /// Time has come to `before`: what ends before it, ends.
    pub(crate) fn pass(&mut self, before: Timestamp, rule: &Following, told: &mut Told) {
        while let Some(pending) = self.waiting.next_before(before) {
            self.come_due(pending, rule, told);
        }
        self.partials.retain(|partial| partial.until >= before);
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
        // What the event may become is read off the state before it, so that it serves one step of a chain.
        let mut partials = self.extended(event, rule);
        let mut complete = self.lengthen(event, rule);
        self.open(event, rule, &mut partials, told);
        complete.extend(
            partials
                .iter()
                .filter(|partial| partial.is_complete(rule))
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
        let partials = self.partials.iter().map(|partial| partial.until);
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

    /// Nothing that began goes on; what came before a chain stays known.
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

    /// The open chains with `event` as the first one of a step after.
    fn extended(&self, event: &Taken, rule: &Following) -> Vec<Partial> {
        let mut extended = Vec::new();
        let occurring = rule.steps().iter().filter(|step| !step.is_absent());
        for step in occurring.filter(|step| step.is_satisfied_by(event.steps)) {
            for partial in &self.partials {
                let latest = rule.step(partial.latest.step);
                if latest.is_some_and(|latest| latest.onward.contains(&step.number)) {
                    extended.extend(partial.extended(event, step, rule));
                }
            }
        }
        extended
    }

    /// Adds `event` to the open chains that take more of its step; returns those it completes.
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
            if partial.latest.count() == step.least {
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
                    .retain(|old| *old == partial || !partial.stands_for(old, event.time(), rule));
            }
        }
        complete
    }

    /// Begins chains with `event`, and keeps it for the steps with a count.
    fn open(
        &mut self,
        event: &Taken,
        rule: &Following,
        partials: &mut Vec<Partial>,
        told: &mut Told,
    ) {
        let occurring = rule.steps().iter().filter(|step| !step.is_absent());
        for step in occurring.filter(|step| step.is_satisfied_by(event.steps)) {
            let opens = if step.opens && !self.came_before(event, step, rule) {
                Opens::Here
            } else {
                Opens::Earlier
            };
            if !step.is_run() {
                if opens == Opens::Here {
                    let piece = Piece::one(event, step);
                    partials.push(Partial::new(Vec::new(), piece, rule));
                }
                continue;
            }
            let holds_it = |partial: &Partial| {
                partial.latest.step == step.number && partial.latest.last == event.held
            };
            if !step.opens && !self.partials.iter().chain(&*partials).any(holds_it) {
                continue;
            }
            let Some(run) = self.run_of(step) else {
                continue;
            };
            told.dropped += run.add(event, opens, rule);
            let Some(opened) = run.opened(event, step, rule).filter(|_| step.opens) else {
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
            self.runs.reserve_exact(1);
            self.runs.insert(index, Run::new(step.number));
        }
        self.runs.get_mut(index)
    }

    /// Whether something came that must not come before a chain that begins with `event` as `step`.
    fn came_before(&self, event: &Taken, step: &StepRule, rule: &Following) -> bool {
        self.came
            .iter()
            .any(|came| step.leading.contains(&came.step) && came.until(rule) >= event.time())
    }

    /// Keeps a partial unless another stands for it.
    fn insert(&mut self, partial: Partial, rule: &Following, told: &mut Told) {
        let now = partial.latest.last.time();
        let is_needless = |old: &Partial| old.stands_for(&partial, now, rule);
        if !partial.goes_on(rule) || self.partials.iter().any(is_needless) {
            return;
        }
        self.partials
            .retain(|old| !partial.stands_for(old, now, rule));
        self.forget_eased(partial.latest.step, now, rule);
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
    fn forget_eased(&mut self, step: u8, now: Timestamp, rule: &Following) {
        let Some(step) = rule.step(step).filter(|step| step.eased.is_some()) else {
            return;
        };
        let mut newest_first = self.partials.iter().rev();
        let past =
            newest_first.find(|old| old.latest.step == step.number && old.is_past_watch(now, step));
        if let Some(past) = past.cloned() {
            self.partials
                .retain(|old| !past.stands_for(old, now, rule) || *old == past);
        }
    }

    /// Keeps when what must not come before a chain came, for the chains that begin after `event`.
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
    /// The last moment at which a chain that begins has it before it.
    fn until(&self, rule: &Following) -> Timestamp {
        let watch = rule.step(self.step).map(|step| rule.watch(step));
        self.at.saturating_add(watch.unwrap_or(Span::ZERO))
    }
}

fn raised_until(raised: &VecDeque<Order>, rule: &Following) -> Option<Timestamp> {
    let oldest = raised.front()?;
    Some(oldest.time.saturating_add(rule.reopening()))
}
