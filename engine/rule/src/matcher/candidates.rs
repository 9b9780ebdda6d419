//! From the programs that hold to the steps of rules that may.

use crate::set::RuleSet;

/// What decides whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DecisionSource {
    /// Its program, which does hold.
    Program,
    /// Its script.
    Script,
}

/// The programs of steps that may hold, ascending, out of all that do.
pub(super) struct StepCandidates<'f> {
    /// Those of steps.
    step_programs: &'f [u32],
    /// Programs that ask for a script.
    script_programs: &'f [u32],
    scripted: &'f [u32],
    steps: u32,
}

impl<'f> StepCandidates<'f> {
    pub(super) fn from_programs(found: &'f [u32], set: &'f RuleSet) -> Self {
        let steps = u32::try_from(set.programs.steps.len()).unwrap_or(u32::MAX);
        let first = found.partition_point(|program| *program < steps);
        let (held, asking) = found.split_at(first);
        Self {
            step_programs: held,
            script_programs: asking,
            scripted: &set.programs.scripted,
            steps,
        }
    }
}

impl Iterator for StepCandidates<'_> {
    type Item = (u32, DecisionSource);

    fn next(&mut self) -> Option<Self::Item> {
        let asked = self
            .script_programs
            .split_first()
            .and_then(|(program, rest)| {
                let number = usize::try_from(program.checked_sub(self.steps)?).ok()?;
                Some((*self.scripted.get(number)?, rest))
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
