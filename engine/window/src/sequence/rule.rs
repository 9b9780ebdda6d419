//! A sequence rule, compiled: which step may follow which, and what must not occur between them.
//!
//! Owns everything that can be derived from the rule alone. It knows nothing of events: how a chain
//! grows belongs to `partial`, and when one is reported to `outcome`.
//! Invariant: a step's number is its index, below [`STEPS_MOST`], so a `u32` has a bit for each
//! step.

use std::sync::Arc;

use larum_event::{FiringPolicy, Join, Sequence, Span, Step, StepOccurrence};

/// Most steps: each has a bit of a `u32`, and one bit means stop.
const STEPS_MOST: usize = 31;

/// What a sequence matches, and how much a key may hold.
#[derive(Debug, Clone)]
pub(crate) struct SequenceRule {
    steps: Vec<StepRule>,
    pub(super) within: Span,
    pub(super) policy: FiringPolicy,
    pub(super) stops: bool,
    /// Most open partial chains, and most waiting chains.
    pub(super) partials_most: usize,
    /// Most events of one step with a count.
    run_most: usize,
    /// Whether one opening event may belong to chains with different last events.
    pub(super) reopens: bool,
    /// Whether some chains end at once and others wait for an absent step, so that one event may
    /// raise an alert as the last of the one and as the first of the other.
    pub(super) mixes_ends: bool,
}

/// One step, with what may come before and after it.
#[derive(Debug, Clone)]
pub(super) struct StepRule {
    pub(super) number: u8,
    pub(super) name: Arc<str>,
    pub(super) occurs: StepOccurrence,
    /// Events it needs, at least 1.
    pub(super) least: u64,
    pub(super) within: Option<Span>,
    pub(super) joins: Vec<Join>,
    /// Whether a chain may begin with it.
    pub(super) opens: bool,
    /// Whether a chain may end with it.
    pub(super) ends: bool,
    /// The steps that may follow it directly.
    pub(super) next_steps: Vec<u8>,
    /// The absent steps before a chain that begins with it.
    pub(super) leading: Vec<u8>,
    /// The absent steps after a chain that ends with it.
    pub(super) trailing: Vec<u8>,
    /// How long a chain that ends with it waits for the trailing absent steps.
    pub(super) wait: Span,
    /// What joins of later events compare: steps up to this one, and the indices of their values.
    pub(super) compared: Vec<(u16, u16)>,
    /// The longest own `within` of the absent steps after it; `None` if none has one.
    pub(super) limited_watch: Option<Span>,
    /// Whether later joins compare its values.
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
        let declared: Vec<DeclaredStep<'_>> =
            (0..).zip(sequence.steps.iter().take(STEPS_MOST)).collect();
        let steps: Vec<_> = declared
            .iter()
            .filter_map(|(number, _)| compile_step(*number, &declared, sequence.within))
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
            mixes_ends: steps
                .iter()
                .any(|step| step.ends && step.trailing.is_empty())
                && steps
                    .iter()
                    .any(|step| step.ends && !step.trailing.is_empty()),
            steps,
        }
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

    /// How long an absent step must not occur before or after a chain.
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

    /// How long an opening event that has raised an alert may still open other chains.
    pub(super) fn reopening_span(&self) -> Span {
        let waits = self.steps.iter().map(|step| step.wait);
        let wait = waits.max().unwrap_or(Span::ZERO);
        Span::from_nanos(self.within.as_nanos().saturating_add(wait.as_nanos()))
    }
}

/// A step as the rule declares it, with its number.
type DeclaredStep<'a> = (u8, &'a Step);

/// Compiles the step with `number` out of what may come before and after it.
fn compile_step(number: u8, declared: &[DeclaredStep<'_>], within: Span) -> Option<StepRule> {
    let index = usize::from(number);
    let earlier = declared.get(..index)?;
    let (_, step) = declared.get(index)?;
    let later = declared.get(index + 1..)?;
    let least = min_count(step.occurs);
    let is_absent = is_absent(step);
    let ends = !is_absent && are_optional(later);
    let trailing = if ends { later } else { &[] };
    let watch = |step: &Step| step.within.unwrap_or(within);
    // Later events of a step with a count are joined too, so it compares its own values as well.
    let joined = if least > 1 {
        declared.get(index..)?
    } else {
        later
    };
    Some(StepRule {
        number,
        name: Arc::clone(&step.name),
        occurs: step.occurs,
        least,
        within: step.within,
        // A join with a step that was left out never holds, so a joined step cannot be the first.
        opens: !is_absent && step.joins.is_empty() && are_optional(earlier),
        ends,
        next_steps: next_steps(later),
        leading: absent_numbers(earlier),
        trailing: absent_numbers(trailing),
        wait: absent_steps(trailing)
            .map(|(_, step)| watch(step))
            .max()
            .unwrap_or(Span::ZERO),
        compared: compared_values(number, joined),
        limited_watch: absent_steps(later)
            .filter_map(|(_, step)| step.within)
            .max(),
        keeps_values: later
            .iter()
            .flat_map(|(_, step)| &step.joins)
            .any(|join| usize::from(join.step) == index),
        joins: step.joins.clone(),
    })
}

const fn is_absent(step: &Step) -> bool {
    matches!(step.occurs, StepOccurrence::Never)
}

fn absent_steps<'a>(steps: &'a [DeclaredStep<'a>]) -> impl Iterator<Item = &'a DeclaredStep<'a>> {
    steps.iter().filter(|(_, step)| is_absent(step))
}

fn absent_numbers(steps: &[DeclaredStep<'_>]) -> Vec<u8> {
    absent_steps(steps).map(|(number, _)| *number).collect()
}

/// Whether a chain may leave all of `steps` out.
fn are_optional(steps: &[DeclaredStep<'_>]) -> bool {
    let mut steps = steps.iter();
    steps.all(|(_, step)| !matches!(step.occurs, StepOccurrence::Times(_)))
}

/// The occurring steps of `later` up to and including the first one that must occur.
fn next_steps(later: &[DeclaredStep<'_>]) -> Vec<u8> {
    let occurring = later.iter().enumerate().filter(|(skipped, (_, step))| {
        !is_absent(step) && are_optional(later.get(..*skipped).unwrap_or_default())
    });
    occurring.map(|(_, (number, _))| *number).collect()
}

/// What the joins of `joined` compare of the steps up to `number`: pairs of step and value, each
/// once.
fn compared_values(number: u8, joined: &[DeclaredStep<'_>]) -> Vec<(u16, u16)> {
    let joins = joined.iter().flat_map(|(_, step)| &step.joins);
    let mut compared: Vec<_> = joins
        .filter(|join| join.step <= u16::from(number))
        .map(|join| (join.step, join.other))
        .collect();
    compared.sort_unstable();
    compared.dedup();
    compared
}

fn min_count(occurs: StepOccurrence) -> u64 {
    match occurs {
        StepOccurrence::Times(count) | StepOccurrence::Optional(count) => u64::from(count.max(1)),
        StepOccurrence::Never => 1,
    }
}
