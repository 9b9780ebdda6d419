//! Which program of the matcher is about which step of which rule.

/// The programs of a set by their numbers.
#[derive(Debug, Clone, Default)]
pub(crate) struct RulePrograms {
    /// By number: the rule, and its step.
    pub(crate) steps: Vec<(u32, u16)>,
    /// Those whose scripts may have to be asked, each with a program behind all others.
    pub(crate) scripted: Vec<u32>,
}

impl RulePrograms {
    /// The rule and the step that a program is about.
    pub(crate) fn step_of_program(&self, program: u32) -> Option<(u32, usize)> {
        let (rule, step) = self.steps.get(usize::try_from(program).ok()?)?;
        Some((*rule, usize::from(*step)))
    }

    /// The programs of a rule.
    pub(crate) fn programs_of_rule(&self, rule: u32) -> impl Iterator<Item = u32> + '_ {
        let first = self.steps.partition_point(|(known, _)| *known < rule);
        let own = self.steps.iter().zip(0..).skip(first);
        own.take_while(move |((known, _), _)| *known == rule)
            .map(|(_, program)| program)
    }
}
