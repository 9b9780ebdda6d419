//! From the programs that hold to the steps of rules that may.

use crate::set::RuleSet;

/// What decides whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decides {
    /// Its program, which does hold.
    Program,
    /// Its script.
    Script,
}

/// The programs of steps that may hold, ascending, out of all that do.
pub(super) struct Candidates<'f> {
    /// Those of steps.
    held: &'f [u32],
    /// Programs that ask for a script.
    asking: &'f [u32],
    scripted: &'f [u32],
    steps: u32,
}

impl<'f> Candidates<'f> {
    pub(super) fn of(found: &'f [u32], set: &'f RuleSet) -> Self {
        let steps = u32::try_from(set.programs.asked.len()).unwrap_or(u32::MAX);
        let first = found.partition_point(|program| *program < steps);
        let (held, asking) = found.split_at(first);
        Self {
            held,
            asking,
            scripted: &set.programs.scripted,
            steps,
        }
    }
}

impl Iterator for Candidates<'_> {
    type Item = (u32, Decides);

    fn next(&mut self) -> Option<Self::Item> {
        let asked = self.asking.split_first().and_then(|(program, rest)| {
            let number = usize::try_from(program.checked_sub(self.steps)?).ok()?;
            Some((*self.scripted.get(number)?, rest))
        });
        let held = self.held.split_first();
        match (held, asked) {
            (Some((held, rest)), Some((asked, _))) if *held < asked => {
                self.held = rest;
                Some((*held, Decides::Program))
            }
            (Some((held, rest)), None) => {
                self.held = rest;
                Some((*held, Decides::Program))
            }
            // The script is the truth, whatever the program says.
            (held, Some((asked, rest))) => {
                self.asking = rest;
                if let Some((held, others)) = held
                    && *held == asked
                {
                    self.held = others;
                }
                Some((asked, Decides::Script))
            }
            (None, None) => None,
        }
    }
}
