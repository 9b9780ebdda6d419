//! From rules to programs over the predicates that all of them share.

use std::sync::Arc;

use super::pending_rule::PendingRule;
use crate::condition::ConditionPlan;
use crate::correlation::CorrelationInputs;
use crate::rule::Rule;
use crate::set::{RulePrograms, TopicPremises};
use larum_predicate::{BoolExpression, BuildError, PredicateSetBuilder, ViewId};

/// Builds the programs of a set.
pub(super) struct ProgramBuilder<'a> {
    pub(super) predicates: &'a mut PredicateSetBuilder,
    pub(super) premises: &'a mut TopicPremises,
    /// Whether every closure is left to its script.
    pub(super) interprets: bool,
}

impl ProgramBuilder<'_> {
    /// Builds a program for each step of each rule, in the order of the rules. Behind them come
    /// the programs that say when a script must run, then those that correlations need.
    pub(super) fn build_programs(
        &mut self,
        rules: &mut [PendingRule],
    ) -> Result<(RulePrograms, CorrelationInputs), BuildError> {
        let mut programs = RulePrograms::default();
        let mut scripts = Vec::new();
        for (one, number) in rules.iter_mut().zip(0..) {
            if one.correlation.is_some() {
                // Its steps are the programs of other rules, or are built with its inputs.
                continue;
            }
            let mut foreign = one.programs.take();
            for step in 0..one.rule.steps.len() {
                let program = match foreign.take() {
                    Some(own) => own,
                    None => {
                        let (program, script) = self.build_step_program(&mut one.rule, step)?;
                        if let Some((view, script)) = script {
                            scripts.push((programs.steps.len(), view, script));
                        }
                        vec![program]
                    }
                };
                programs
                    .steps
                    .push((number, u16::try_from(step).unwrap_or(u16::MAX)));
                self.predicates.add_rule(program);
            }
        }
        // Scripts after all steps: the matcher tells the two kinds apart by their numbers alone.
        for (number, view, script) in scripts {
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            programs.scripted.push(number);
            self.predicates.add_rule([(view, script)]);
        }
        let inputs = self.build_correlation_inputs(rules, &programs)?;
        Ok((programs, inputs))
    }

    /// The program of a step that is ours to decide, and when its script must be asked.
    fn build_step_program(
        &mut self,
        rule: &mut Rule,
        step: usize,
    ) -> Result<StepProgram, BuildError> {
        let layer = rule.layer;
        let Some(step) = rule.steps.get_mut(step) else {
            return self
                .premises
                .intern_premise(layer, &rule.on, self.predicates)
                .map(|(_, view)| ((view, BoolExpression::Never), None));
        };
        let (_, view) = self
            .premises
            .intern_premise(layer, &step.on, self.predicates)?;
        let Some(condition) = &step.condition else {
            return Ok(((view, BoolExpression::Always), None));
        };
        let mut plan = ConditionPlan::build(condition, self.predicates)?;
        if self.interprets {
            plan.lowered.holds = BoolExpression::Never;
            plan.lowered.script = BoolExpression::Always;
        }
        let holds = plan.lowered.holds.clone();
        let asks = plan.lowered.may_need_script();
        let script = asks.then(|| (view, plan.lowered.script.clone()));
        step.plan = Some(Arc::new(plan));
        Ok(((view, holds), script))
    }
}

type ViewProgram = (ViewId, BoolExpression);
type StepProgram = (ViewProgram, Option<ViewProgram>);
