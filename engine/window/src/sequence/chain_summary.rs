//! The summary of a chain that its alert reports: count, times and evidence.

use larum_event::limits::EVIDENCE_EACH_END;
use larum_event::{EventId, Timestamp};
use serde::{Deserialize, Serialize};

use super::join;
use super::partial::{ChainStep, PartialChain};
use super::rule::{SequenceRule, StepRule};
use super::run::{RunEvent, StepRun};
use super::shared_queue::SharedQueue;
use crate::event_ref::EventRef;
use crate::state::AlertSummary;

/// The content of an alert in a form that a checkpoint stores.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ChainSummary {
    count: u64,
    first: Timestamp,
    last: Timestamp,
    evidence: Vec<EventId>,
}

impl From<ChainSummary> for AlertSummary {
    fn from(summary: ChainSummary) -> Self {
        Self {
            count: summary.count,
            value: None,
            error: None,
            first: summary.first,
            last: summary.last,
            evidence: summary.evidence,
            script_json: None,
        }
    }
}

/// Summarises the events of `partial`; those of steps with a count are looked up in `runs`.
pub(super) fn summarize_chain(
    partial: &PartialChain,
    runs: &[StepRun],
    rule: &SequenceRule,
) -> ChainSummary {
    let parts: Vec<_> = partial
        .chain_steps()
        .map(|chain_step| select_events(chain_step, partial, runs, rule))
        .collect();
    let total: usize = parts.iter().map(StepEvents::len).sum();
    let mut evidence = Vec::with_capacity(total.min(2 * EVIDENCE_EACH_END));
    let tail_from = total.saturating_sub(EVIDENCE_EACH_END);
    let mut offset = 0;
    for part in &parts {
        let len = part.len();
        let head_end = EVIDENCE_EACH_END.saturating_sub(offset).min(len);
        let tail_start = tail_from.saturating_sub(offset).max(head_end);
        let ends = (0..head_end).chain(tail_start..len);
        evidence.extend(ends.filter_map(|index| Some(part.get(index)?.id.clone())));
        offset += len;
    }
    let first = parts.iter().find_map(|part| part.get(0));
    ChainSummary {
        count: total as u64,
        first: first.unwrap_or(partial.first_event()).time(),
        last: partial.latest.last.time(),
        evidence,
    }
}

/// The events of one step.
enum StepEvents<'a> {
    One(&'a EventRef),
    Range(&'a SharedQueue<RunEvent>, std::ops::Range<usize>),
    Chosen(Vec<&'a EventRef>),
}

impl<'a> StepEvents<'a> {
    fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Range(_, range) => range.len(),
            Self::Chosen(events) => events.len(),
        }
    }

    fn get(&self, index: usize) -> Option<&'a EventRef> {
        match self {
            Self::One(event_ref) => (index == 0).then_some(*event_ref),
            Self::Range(events, range) => {
                let event = events.get(range.start.checked_add(index)?)?;
                Some(&event.event_ref)
            }
            Self::Chosen(events) => events.get(index).copied(),
        }
    }
}

fn select_events<'a>(
    chain_step: &'a ChainStep,
    partial: &'a PartialChain,
    runs: &'a [StepRun],
    rule: &SequenceRule,
) -> StepEvents<'a> {
    let run = runs.iter().find(|run| run.step == chain_step.step);
    let step = rule.step(chain_step.step).filter(|step| step.is_run());
    let (Some(run), Some(step)) = (run, step) else {
        return StepEvents::One(&chain_step.last);
    };
    let mut range = run.event_range(chain_step.first_event().order, chain_step.last.order);
    let is_first = chain_step.first_event() == partial.first_event();
    if is_first && includes_whole_window(step, partial, rule) {
        range.start = 0;
    }
    if step.joins.is_empty() {
        return StepEvents::Range(&run.events, range);
    }
    let events = run.events.range(range);
    let fitting = events.filter(|event| join::satisfies_joins(&step.joins, &event.values, partial));
    StepEvents::Chosen(fitting.map(|event| &event.event_ref).collect())
}

/// Whether the first step takes all its events in the window: no absent step makes its first event
/// matter.
fn includes_whole_window(first: &StepRule, partial: &PartialChain, rule: &SequenceRule) -> bool {
    let ended = rule.step(partial.latest.step);
    first.leading.is_empty() && ended.is_none_or(|step| step.trailing.is_empty())
}
