//! The rule, compiled: which step may follow which, and what is watched for between them.

use std::sync::Arc;

use larum_event::limits::ID_BYTES;
use larum_event::{FiringPolicy, Join, Sequence, Span, StepOccurrence};

use super::partial::{ChainStep, PartialChain};
use super::run::RunEvent;
use super::waiting_chain::WaitingChain;

/// Steps have a bit each, and one bit means to stop.
const STEPS_MOST: usize = 31;

/// What a sequence asks, and how much a key may hold.
#[derive(Debug, Clone)]
pub(crate) struct SequenceRule {
    steps: Vec<StepRule>,
    pub(super) within: Span,
    pub(super) policy: FiringPolicy,
    pub(super) stops: bool,
    /// Most open partials, and most chains that wait for their end.
    pub(super) partials_most: usize,
    /// Most events of one step with a count.
    run_most: usize,
    /// Whether one opening event may be that of chains with different last events.
    pub(super) reopens: bool,
}

/// One step and its surroundings.
#[derive(Debug, Clone)]
pub(super) struct StepRule {
    pub(super) number: u8,
    pub(super) name: Arc<str>,
    pub(super) occurs: StepOccurrence,
    /// At least 1.
    pub(super) least: u64,
    pub(super) within: Option<Span>,
    pub(super) joins: Vec<Join>,
    /// Whether a chain may begin with it.
    pub(super) opens: bool,
    /// Whether a chain may end with it.
    pub(super) ends: bool,
    /// Steps of which an event may be the next after it.
    pub(super) next_steps: Vec<u8>,
    /// The absent steps before a chain that begins with it.
    pub(super) leading: Vec<u8>,
    /// The absent steps after a chain that ends with it.
    pub(super) trailing: Vec<u8>,
    /// How long what is absent at the end of a chain that ends with it is waited for.
    pub(super) wait: Span,
    /// What joins of later events compare: a step up to this one, and the index of its value.
    pub(super) compared: Vec<(u16, u16)>,
    /// How long the absent steps after it are watched for that are so for a time of their own only.
    pub(super) limited_watch: Option<Span>,
    /// Whether joins ask for its values.
    pub(super) keeps_values: bool,
}

impl StepRule {
    pub(super) const fn bit(&self) -> u32 {
        1 << self.number
    }

    pub(super) const fn is_absent(&self) -> bool {
        matches!(self.occurs, StepOccurrence::Never)
    }

    /// Whether it takes more than one event.
    pub(super) const fn is_run(&self) -> bool {
        self.least > 1 && !self.is_absent()
    }

    pub(super) const fn is_satisfied_by(&self, steps: u32) -> bool {
        steps & self.bit() != 0
    }
}

impl SequenceRule {
    pub(crate) fn new(sequence: &Sequence, partials_most: usize, events_most: usize) -> Self {
        let numbered = (0..).zip(sequence.steps.iter().take(STEPS_MOST));
        let steps: Vec<_> = numbered
            .map(|(number, _)| compile_step(sequence, number))
            .collect();
        let runs = steps.iter().filter(|step| step.is_run());
        let most = runs.clone().map(|step| step.least).max().unwrap_or(0);
        let share = events_most / runs.count().max(1);
        let occurring = steps.iter().filter(|step| !step.is_absent());
        let watched = |step: &StepRule| step.is_run() && !step.leading.is_empty();
        Self {
            within: sequence.within,
            policy: sequence.policy,
            stops: sequence.stops,
            partials_most: partials_most.max(1),
            run_most: share.max(usize::try_from(most).unwrap_or(usize::MAX)),
            reopens: occurring.clone().count() > 1 || occurring.clone().any(watched),
            steps,
        }
    }

    /// The most that the state of one key takes, in bytes, the values that joins compare counted as plain numbers.
    pub(crate) fn bytes_most(&self) -> u64 {
        let bytes = |size: usize| u64::try_from(size).unwrap_or(u64::MAX);
        let steps = bytes(self.steps.len());
        let runs = bytes(self.steps.iter().filter(|step| step.is_run()).count());
        let pieces = steps.saturating_mul(bytes(size_of::<ChainStep>() + ID_BYTES));
        let summary = bytes(2 * larum_event::limits::EVIDENCE_EACH_END * ID_BYTES);
        let open = pieces.saturating_add(bytes(size_of::<PartialChain>() + ID_BYTES));
        let waiting = open
            .saturating_add(bytes(size_of::<WaitingChain>()))
            .saturating_add(if runs > 0 { summary } else { 0 });
        let counted = bytes(size_of::<RunEvent>() + ID_BYTES)
            .saturating_mul(bytes(self.run_most))
            .saturating_mul(runs);
        bytes(self.partials_most)
            .saturating_mul(open.saturating_add(waiting))
            .saturating_add(counted)
            .saturating_add(bytes(size_of::<super::SequenceState>()))
    }

    pub(super) fn steps(&self) -> &[StepRule] {
        &self.steps
    }

    pub(super) fn step(&self, number: u8) -> Option<&StepRule> {
        self.steps.get(usize::from(number))
    }

    /// Most events kept of a step with a count.
    pub(super) const fn run_most(&self) -> usize {
        self.run_most
    }

    /// How long an absent step is watched for where a chain begins or ends.
    pub(super) fn watch_span(&self, step: &StepRule) -> Span {
        step.within.unwrap_or(self.within)
    }

    /// The bits of the absent steps between two steps.
    pub(super) fn absent_between(&self, earlier: u8, later: u8) -> u32 {
        let absent = self.steps.iter().filter(|step| step.is_absent());
        absent
            .filter(|step| earlier < step.number && step.number < later)
            .fold(0, |bits, step| bits | step.bit())
    }

    /// How long an opening event that raised an alert may open other chains.
    pub(super) fn reopening_span(&self) -> Span {
        let waits = self.steps.iter().map(|step| step.wait);
        let wait = waits.max().unwrap_or(Span::ZERO);
        Span::from_nanos(self.within.as_nanos().saturating_add(wait.as_nanos()))
    }
}

fn compile_step(sequence: &Sequence, number: u8) -> StepRule {
    let steps: Vec<_> = (0..).zip(sequence.steps.iter().take(STEPS_MOST)).collect();
    let index = usize::from(number);
    let (earlier, rest) = steps.split_at(index.min(steps.len()));
    let (own, later) = rest.split_at(rest.len().min(1));
    let absent = |steps: &[(u8, &larum_event::Step)]| -> Vec<u8> {
        let absent = steps
            .iter()
            .filter(|(_, step)| matches!(step.occurs, StepOccurrence::Never));
        absent.map(|(number, _)| *number).collect()
    };
    let can_be_left_out = |steps: &[(u8, &larum_event::Step)]| {
        steps.iter().all(|(_, step)| !is_required(step.occurs))
    };
    let occurs = own
        .first()
        .map_or(StepOccurrence::Never, |(_, step)| step.occurs);
    let is_absent = matches!(occurs, StepOccurrence::Never);
    let joins = own
        .first()
        .map_or(Vec::new(), |(_, step)| step.joins.clone());
    let onward = later
        .iter()
        .enumerate()
        .filter(|(skipped, (_, step))| {
            !matches!(step.occurs, StepOccurrence::Never)
                && can_be_left_out(later.get(..*skipped).unwrap_or_default())
        })
        .map(|(_, (number, _))| *number)
        .collect();
    let ends = !is_absent && can_be_left_out(later);
    let trailing = if ends { absent(later) } else { Vec::new() };
    let watch = |number: &u8| {
        let step = sequence.steps.get(usize::from(*number));
        step.and_then(|step| step.within).unwrap_or(sequence.within)
    };
    // A step with a count goes on to be joined itself.
    let asking = if min_count(occurs) > 1 { rest } else { later };
    let mut compared: Vec<_> = asking
        .iter()
        .flat_map(|(_, step)| &step.joins)
        .filter(|join| usize::from(join.step) <= index)
        .map(|join| (join.step, join.other))
        .collect();
    compared.sort_unstable();
    compared.dedup();
    StepRule {
        number,
        name: own
            .first()
            .map_or_else(|| "".into(), |(_, step)| Arc::clone(&step.name)),
        occurs,
        least: min_count(occurs),
        within: own.first().and_then(|(_, step)| step.within),
        // Joined to a step that was left out, it does not hold.
        opens: !is_absent && joins.is_empty() && can_be_left_out(earlier),
        ends,
        next_steps: onward,
        leading: absent(earlier),
        wait: trailing.iter().map(watch).max().unwrap_or(Span::ZERO),
        trailing,
        limited_watch: later
            .iter()
            .filter(|(_, step)| matches!(step.occurs, StepOccurrence::Never))
            .filter_map(|(_, step)| step.within)
            .max(),
        keeps_values: later
            .iter()
            .flat_map(|(_, step)| &step.joins)
            .any(|join| usize::from(join.step) == index),
        compared,
        joins,
    }
}

const fn is_required(occurs: StepOccurrence) -> bool {
    matches!(occurs, StepOccurrence::Times(_))
}

fn min_count(occurs: StepOccurrence) -> u64 {
    match occurs {
        StepOccurrence::Times(count) | StepOccurrence::Optional(count) => u64::from(count.max(1)),
        StepOccurrence::Never => 1,
    }
}
