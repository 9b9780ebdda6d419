//! From rules to programs over the predicates that all of them share.

use std::sync::Arc;

use super::Loader;
use crate::condition::Plan;
use crate::predicate::{BuildError, Expression};

impl Loader {
    /// Each rule as a program, whose number there is its number in the set. Behind them, the programs that
    /// tell when a script must be asked.
    pub(super) fn programs(&mut self) -> Result<(), BuildError> {
        let mut scripts = Vec::new();
        for (loaded, number) in self.loaded.iter_mut().zip(0..) {
            let rule = &mut loaded.rule;
            let programs = match (loaded.programs.take(), &rule.condition) {
                (Some(programs), _) => programs,
                (None, condition) => {
                    let (_, view) = self
                        .premises
                        .of(rule.layer, &rule.on, &mut self.predicates)?;
                    let mut holds = Expression::Always;
                    if let Some(condition) = condition {
                        let mut plan = Plan::of(condition, &mut self.predicates)?;
                        if self.interprets {
                            plan.lowered.holds = Expression::Never;
                            plan.lowered.script = Expression::Always;
                        }
                        holds = plan.lowered.holds.clone();
                        if plan.lowered.may_ask_the_script() {
                            scripts.push((number, view, plan.lowered.script.clone()));
                        }
                        rule.plan = Some(Arc::new(plan));
                    }
                    vec![(view, holds)]
                }
            };
            self.predicates.rule(programs);
        }
        for (number, view, script) in scripts {
            self.scripted.push(number);
            self.predicates.rule([(view, script)]);
        }
        Ok(())
    }
}
