//! From rules to programs over the predicates that all of them share.

use std::sync::Arc;

use super::Loader;
use crate::condition::Plan;
use crate::predicate::{BuildError, Expression, ViewId};
use crate::reading::Readings;
use crate::rule::Rule;

/// Programs of which each has a number.
#[derive(Debug, Clone, Default)]
pub(crate) struct Programs {
    /// By number: the rule, and its step.
    pub(crate) asked: Vec<(u32, u16)>,
    /// Those whose scripts may have to be asked, each with a program behind all others.
    pub(crate) scripted: Vec<u32>,
}

impl Programs {
    /// The rule and the step that a program is about.
    pub(crate) fn about(&self, program: u32) -> Option<(u32, usize)> {
        let (rule, step) = self.asked.get(usize::try_from(program).ok()?)?;
        Some((*rule, usize::from(*step)))
    }

    /// The programs of a rule.
    pub(crate) fn of(&self, rule: u32) -> impl Iterator<Item = u32> + '_ {
        let first = self.asked.partition_point(|(known, _)| *known < rule);
        let own = self.asked.iter().zip(0..).skip(first);
        own.take_while(move |((known, _), _)| *known == rule)
            .map(|(_, program)| program)
    }
}

impl Loader {
    /// Each step of each rule as a program. Behind them, the programs that tell when a script must be asked.
    pub(super) fn programs(&mut self) -> Result<(Programs, Readings), BuildError> {
        let mut programs = Programs::default();
        let mut scripts = Vec::new();
        let mut loaded = std::mem::take(&mut self.loaded);
        for (one, number) in loaded.iter_mut().zip(0..) {
            if one.correlation.is_some() {
                // Its steps are the programs of others.
                continue;
            }
            let mut foreign = one.programs.take();
            for step in 0..one.rule.steps.len() {
                let program = match foreign.take() {
                    Some(own) => own,
                    None => {
                        let (program, script) = self.own(&mut one.rule, step)?;
                        if let Some((view, script)) = script {
                            scripts.push((programs.asked.len(), view, script));
                        }
                        vec![program]
                    }
                };
                programs
                    .asked
                    .push((number, u16::try_from(step).unwrap_or(u16::MAX)));
                self.predicates.rule(program);
            }
        }
        self.loaded = loaded;
        for (number, view, script) in scripts {
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            programs.scripted.push(number);
            self.predicates.rule([(view, script)]);
        }
        let readings = self.readings(&programs)?;
        Ok((programs, readings))
    }

    /// The program of a step that is ours to decide, and when its script must be asked.
    fn own(&mut self, rule: &mut Rule, step: usize) -> Result<Own, BuildError> {
        let layer = rule.layer;
        let Some(step) = rule.steps.get_mut(step) else {
            return self
                .premises
                .of(layer, &rule.on, &mut self.predicates)
                .map(|(_, view)| ((view, Expression::Never), None));
        };
        let (_, view) = self.premises.of(layer, &step.on, &mut self.predicates)?;
        let Some(condition) = &step.condition else {
            return Ok(((view, Expression::Always), None));
        };
        let mut plan = Plan::of(condition, &mut self.predicates)?;
        if self.interprets {
            plan.lowered.holds = Expression::Never;
            plan.lowered.script = Expression::Always;
        }
        let holds = plan.lowered.holds.clone();
        let asks = plan.lowered.may_ask_the_script();
        let script = asks.then(|| (view, plan.lowered.script.clone()));
        step.plan = Some(Arc::new(plan));
        Ok(((view, holds), script))
    }
}

type Program = (ViewId, Expression);
type Own = (Program, Option<Program>);
