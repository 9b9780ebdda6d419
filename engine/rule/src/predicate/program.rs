//! Programs as flat lists of steps: each asks one predicate and says where to go on.

use super::expression::Expression;
use super::set::PredicateId;

/// Where the program ends and the rule holds.
pub(crate) const HOLDS: u32 = u32::MAX;
/// Where the program ends and the rule does not hold.
pub(crate) const FAILS: u32 = u32::MAX - 1;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) predicate: PredicateId,
    /// No visit settles the predicate.
    pub(crate) dear: bool,
    /// The step after it, if the predicate holds.
    pub(crate) then: u32,
    /// The step after it, if not.
    pub(crate) otherwise: u32,
}

/// The steps of all programs.
#[derive(Debug, Default)]
pub(crate) struct Steps(Vec<Step>);

impl Steps {
    /// Adds the steps of an expression; gives the first. Later parts stand before earlier ones, so that
    /// the places to go on to are known.
    pub(crate) fn add(
        &mut self,
        expression: &Expression,
        is_dear: &impl Fn(PredicateId) -> bool,
    ) -> u32 {
        self.between(expression, HOLDS, FAILS, is_dear)
    }

    fn between(
        &mut self,
        expression: &Expression,
        then: u32,
        otherwise: u32,
        is_dear: &impl Fn(PredicateId) -> bool,
    ) -> u32 {
        match expression {
            Expression::Always => then,
            Expression::Never => otherwise,
            Expression::Is(predicate) => {
                let step = u32::try_from(self.0.len());
                self.0.push(Step {
                    predicate: *predicate,
                    dear: is_dear(*predicate),
                    then,
                    otherwise,
                });
                step.expect("steps of four thousand million do not fit into memory")
            }
            Expression::Not(inner) => self.between(inner, otherwise, then, is_dear),
            Expression::All(parts) => parts.iter().rev().fold(then, |then, part| {
                self.between(part, then, otherwise, is_dear)
            }),
            Expression::Any(parts) => parts.iter().rev().fold(otherwise, |otherwise, part| {
                self.between(part, then, otherwise, is_dear)
            }),
        }
    }

    /// Follows the steps from `first`, `is` telling of predicates.
    pub(crate) fn hold(&self, first: u32, mut is: impl FnMut(&Step) -> bool) -> bool {
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
        let is = |id: u32| Expression::Is(PredicateId(id));
        for expression in [
            Expression::Always,
            Expression::Never,
            is(0),
            is(0).negated(),
            Expression::All(vec![]),
            Expression::Any(vec![]),
            Expression::All(vec![
                is(0),
                Expression::Any(vec![is(1), is(2).negated()]),
                is(3),
            ]),
            Expression::Any(vec![
                Expression::All(vec![is(0), is(1)]).negated(),
                Expression::All(vec![is(2), Expression::Always, is(3)]),
            ]),
        ] {
            let mut steps = Steps::default();
            steps.add(&is(3), &|_| false);
            let first = steps.add(&expression, &|id| id.0 == 1);
            for bits in 0..16_u32 {
                assert_eq!(
                    steps.hold(first, |step| {
                        assert_eq!(step.dear, step.predicate.0 == 1);
                        bits >> step.predicate.0 & 1 == 1
                    }),
                    expression.holds(&mut |id| bits >> id.0 & 1 == 1),
                    "{expression:?} {bits:b}"
                );
            }
        }
    }
}
