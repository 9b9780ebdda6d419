//! From the programs that hold to the steps of rules that may.

use crate::rule::{Rule, RuleStep};
use crate::set::RuleSet;

/// What decides whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DecisionSource {
    /// Its program, which does hold.
    Program,
    /// Its script.
    Script,
}

/// A step that may hold, and what decides it.
#[derive(Clone, Copy)]
pub(super) struct StepCandidate<'s> {
    pub(super) program: u32,
    pub(super) decided_by: DecisionSource,
    /// The number of its rule.
    pub(super) number: u32,
    pub(super) rule: &'s Rule,
    pub(super) step: &'s RuleStep,
}

/// The steps that may hold, in the order of their programs.
pub(super) struct StepCandidates<'f> {
    set: &'f RuleSet,
    /// Programs of steps that hold.
    step_programs: &'f [u32],
    /// Programs that hold and say that a script must run.
    script_programs: &'f [u32],
    /// How many programs of steps the set has; those of scripts have higher numbers.
    steps: u32,
}

impl<'f> StepCandidates<'f> {
    pub(super) fn from_programs(found: &'f [u32], set: &'f RuleSet) -> Self {
        let steps = u32::try_from(set.programs.steps.len()).unwrap_or(u32::MAX);
        let first = found.partition_point(|program| *program < steps);
        let (held, asking) = found.split_at(first);
        Self {
            set,
            step_programs: held,
            script_programs: asking,
            steps,
        }
    }

    /// The next program of a step: the lower of the two lists, once if both have it.
    fn next_program(&mut self) -> Option<(u32, DecisionSource)> {
        let asked = self
            .script_programs
            .split_first()
            .and_then(|(program, rest)| {
                let number = usize::try_from(program.checked_sub(self.steps)?).ok()?;
                Some((*self.set.programs.scripted.get(number)?, rest))
            });
        let held = self.step_programs.split_first();
        match (held, asked) {
            (Some((held, rest)), Some((asked, _))) if *held < asked => {
                self.step_programs = rest;
                Some((*held, DecisionSource::Program))
            }
            (Some((held, rest)), None) => {
                self.step_programs = rest;
                Some((*held, DecisionSource::Program))
            }
            // The script is the truth, whatever the program says.
            (held, Some((asked, rest))) => {
                self.script_programs = rest;
                if let Some((held, others)) = held
                    && *held == asked
                {
                    self.step_programs = others;
                }
                Some((asked, DecisionSource::Script))
            }
            (None, None) => None,
        }
    }
}

impl<'f> Iterator for StepCandidates<'f> {
    type Item = StepCandidate<'f>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (program, decided_by) = self.next_program()?;
            if let Some((number, rule, step)) = self.set.program_step(program) {
                return Some(StepCandidate {
                    program,
                    decided_by,
                    number,
                    rule,
                    step,
                });
            }
        }
    }
}
