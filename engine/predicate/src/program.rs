//! Programs as flat lists of steps: each asks one predicate and says where to go on.

use crate::expression::BoolExpression;
use crate::ids::PredicateId;

/// Where the program ends and the rule holds.
pub(crate) const HOLDS: u32 = u32::MAX;
/// Where the program ends and the rule does not hold.
pub(crate) const FAILS: u32 = u32::MAX - 1;

#[derive(Debug, Clone, Copy)]
pub(crate) struct ProgramStep {
    pub(crate) predicate: PredicateId,
    /// No visit settles the predicate.
    pub(crate) expensive: bool,
    /// The step after it, if the predicate holds.
    pub(crate) then: u32,
    /// The step after it, if not.
    pub(crate) otherwise: u32,
}

/// The steps of all programs.
#[derive(Debug, Default)]
pub(crate) struct ProgramSteps(Vec<ProgramStep>);

impl ProgramSteps {
    /// Adds the steps of an expression; gives the first. Later parts come before earlier ones, so
    /// that the places to go on to are known.
    pub(crate) fn add_program(
        &mut self,
        expression: &BoolExpression,
        is_expensive: &impl Fn(PredicateId) -> bool,
    ) -> u32 {
        self.compile_expression(expression, HOLDS, FAILS, is_expensive)
    }

    fn compile_expression(
        &mut self,
        expression: &BoolExpression,
        then: u32,
        otherwise: u32,
        is_expensive: &impl Fn(PredicateId) -> bool,
    ) -> u32 {
        match expression {
            BoolExpression::Always => then,
            BoolExpression::Never => otherwise,
            BoolExpression::Is(predicate) => {
                let step = u32::try_from(self.0.len());
                self.0.push(ProgramStep {
                    predicate: *predicate,
                    expensive: is_expensive(*predicate),
                    then,
                    otherwise,
                });
                step.expect("steps of four thousand million do not fit into memory")
            }
            BoolExpression::Not(inner) => {
                self.compile_expression(inner, otherwise, then, is_expensive)
            }
            BoolExpression::All(parts) => parts.iter().rev().fold(then, |then, part| {
                self.compile_expression(part, then, otherwise, is_expensive)
            }),
            BoolExpression::Any(parts) => parts.iter().rev().fold(otherwise, |otherwise, part| {
                self.compile_expression(part, then, otherwise, is_expensive)
            }),
        }
    }

    /// Follows the steps from `first`, `is` telling of predicates.
    pub(crate) fn evaluate_from(
        &self,
        first: u32,
        mut is: impl FnMut(&ProgramStep) -> bool,
    ) -> bool {
        let mut at = first;
        while let Some(step) = self.0.get(at as usize) {
            at = if is(step) { step.then } else { step.otherwise };
        }
        at == HOLDS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_hold_as_their_expression_does() {
        let is = |id: u32| BoolExpression::Is(PredicateId(id));
        for expression in [
            BoolExpression::Always,
            BoolExpression::Never,
            is(0),
            is(0).negate(),
            BoolExpression::All(vec![]),
            BoolExpression::Any(vec![]),
            BoolExpression::All(vec![
                is(0),
                BoolExpression::Any(vec![is(1), is(2).negate()]),
                is(3),
            ]),
            BoolExpression::Any(vec![
                BoolExpression::All(vec![is(0), is(1)]).negate(),
                BoolExpression::All(vec![is(2), BoolExpression::Always, is(3)]),
            ]),
        ] {
            let mut steps = ProgramSteps::default();
            steps.add_program(&is(3), &|_| false);
            let first = steps.add_program(&expression, &|id| id.0 == 1);
            for bits in 0..16_u32 {
                assert_eq!(
                    steps.evaluate_from(first, |step| {
                        assert_eq!(step.expensive, step.predicate.0 == 1);
                        bits >> step.predicate.0 & 1 == 1
                    }),
                    expression.holds(&mut |id| bits >> id.0 & 1 == 1),
                    "{expression:?} {bits:b}"
                );
            }
        }
    }
}
