//! What people see of a key, and whether what a checkpoint holds can be one.

use larum_event::Occurs;

use super::following::{Following, StepRule};
use super::keyed::SequenceState;
use super::partial::{Partial, Piece};
use super::pending::Pending;
use super::run::Run;
use crate::state::StateView;
use crate::view::PartialView;

impl SequenceState {
    /// How many events it keeps.
    pub(crate) fn events(&self) -> usize {
        let partials = self.partials.iter().map(events);
        let waiting = self.waiting.all().map(|pending| events(&pending.partial));
        let runs = self.runs.iter().map(|run| run.events.len());
        partials.chain(waiting).chain(runs).sum()
    }

    /// What people see of it.
    pub(crate) fn view(&self, rule: &Following) -> StateView {
        let runs = self.runs.iter().filter(|run| !self.is_in_partial(run));
        let partials = self.partials.iter().map(|partial| seen(partial, rule));
        let waiting = self.waiting.all().map(|pending| waiting(pending, rule));
        let oldest = self.partials.iter().map(|partial| partial.first().time());
        let kept = self.runs.iter().filter_map(|run| run.events.front());
        let opened = self
            .waiting
            .all()
            .map(|pending| pending.partial.first().time());
        StateView {
            events: self.events() as u64,
            value: None,
            oldest: oldest
                .chain(kept.map(|event| event.held.time()))
                .chain(opened)
                .min(),
            partials: partials
                .chain(runs.filter_map(|run| counting(run, rule)))
                .chain(waiting)
                .collect(),
        }
    }

    /// Whether a chain shows the events of a run.
    fn is_in_partial(&self, run: &Run) -> bool {
        let mut partials = self.partials.iter();
        partials.any(|partial| partial.pieces().any(|piece| piece.step == run.step))
    }

    /// Whether it is a state that events make.
    pub(crate) fn is_sound(&self, rule: &Following) -> bool {
        let waiting = self.waiting.all().map(|pending| &pending.partial);
        let mut partials = self.partials.iter().chain(waiting);
        let known = |number: u8| rule.step(number).is_some_and(|step| !step.is_absent());
        partials.all(|partial| {
            let steps: Vec<_> = partial.pieces().map(|piece| piece.step).collect();
            steps.iter().all(|step| known(*step)) && steps.is_sorted_by(|one, next| one < next)
        }) && self.runs.iter().all(|run| run.is_sound(rule))
            && self
                .came
                .iter()
                .all(|came| rule.step(came.step).is_some_and(StepRule::is_absent))
            && self.waiting.is_sorted()
    }
}

/// The events that it keeps itself.
fn events(partial: &Partial) -> usize {
    partial.before.len() + 1
}

fn seen(partial: &Partial, rule: &Following) -> PartialView {
    let own = rule.step(partial.latest.step);
    let onward = own.map_or(&[][..], |step| &step.onward);
    let onward = onward.iter().filter_map(|next| rule.step(*next));
    // What may be left out is not waited for, unless there is nothing else.
    let must = onward
        .clone()
        .find(|step| matches!(step.occurs, Occurs::Times(_)));
    let waits_for = match own.filter(|_| !partial.is_full(rule)) {
        Some(own) => Some(own),
        None => must.or_else(|| onward.clone().next()).or(own),
    };
    PartialView {
        waits_for: waits_for.map_or_else(String::new, |step| step.name.to_string()),
        events: partial.pieces().map(Piece::count).sum(),
        of_step: if partial.is_full(rule) {
            0
        } else {
            partial.latest.count()
        },
        until: partial.until,
    }
}

fn counting(run: &Run, rule: &Following) -> Option<PartialView> {
    Some(PartialView {
        waits_for: rule.step(run.step)?.name.to_string(),
        events: run.events.len() as u64,
        of_step: run.events.len() as u64,
        until: run.until(rule)?,
    })
}

fn waiting(pending: &Pending, rule: &Following) -> PartialView {
    let ended = rule.step(pending.partial.latest.step);
    let absent = ended.and_then(|step| rule.step(*step.trailing.first()?));
    PartialView {
        waits_for: absent.map_or_else(String::new, |step| format!("no {}", step.name)),
        events: pending.partial.pieces().map(Piece::count).sum(),
        of_step: 0,
        until: pending.deadline,
    }
}
