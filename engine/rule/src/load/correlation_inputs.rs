//! Programs that find the events of the rules that other rules read.

use larum_predicate::{BoolExpression, BuildError, StepSource};
use std::collections::HashMap;

use larum_event::{RuleId, TopicPattern};

use super::pending_rule::PendingRule;
use super::programs::ProgramBuilder;
use crate::correlation::{CorrelationInput, CorrelationInputs};
use crate::rule::alert_topic;
use crate::set::RulePrograms;

/// The topic of a source's events.
pub(super) fn source_topic(source: &StepSource) -> Option<TopicPattern> {
    match source {
        StepSource::Events(_) => Some(TopicPattern::all_topics()),
        StepSource::Alerts(rule) => TopicPattern::new(&alert_topic(rule)).ok(),
    }
}

impl ProgramBuilder<'_> {
    /// What rules read of others, with programs behind all others where a source has none of its
    /// own in that layer. The rules are in the order of their numbers.
    pub(super) fn build_correlation_inputs(
        &mut self,
        rules: &mut [PendingRule],
        programs: &RulePrograms,
    ) -> Result<CorrelationInputs, BuildError> {
        let ids = rules.iter().map(|pending| pending.rule.id.clone());
        let numbers: HashMap<RuleId, u32> = ids.zip(0..).collect();
        let mut all = Vec::new();
        let mut known: HashMap<(u8, StepSource), u32> = HashMap::new();
        for (pending, rule) in rules.iter_mut().zip(0..) {
            let Some(correlation) = pending.correlation.take() else {
                continue;
            };
            let layer = pending.rule.layer;
            for (number, step) in correlation.steps.into_iter().enumerate() {
                let of = match &step.source {
                    StepSource::Events(id) => numbers.get(id).copied(),
                    StepSource::Alerts(_) => None,
                };
                // Rules that are read have one program.
                let own = of.and_then(|of| programs.programs_of_rule(of).next());
                let program = match (known.get(&(layer, step.source.clone())), own) {
                    (Some(known), _) => *known,
                    (None, Some(own)) if layer == 0 => own,
                    (None, own) => self.build_source_program(layer, &step.source, own)?,
                };
                known.insert((layer, step.source.clone()), program);
                let number = u16::try_from(number).unwrap_or(u16::MAX);
                all.push((program, CorrelationInput::new(rule, number, of, step)));
            }
        }
        Ok(CorrelationInputs::new(all))
    }

    /// A program that finds the events of `source` for rules of `layer`; `own` is that of the rule
    /// itself.
    fn build_source_program(
        &mut self,
        layer: u8,
        source: &StepSource,
        own: Option<u32>,
    ) -> Result<u32, BuildError> {
        let predicates = &mut *self.predicates;
        let mut programs = Vec::new();
        match source {
            // The rule's own program is for events of the first layer.
            StepSource::Events(_) => {
                let everything = [TopicPattern::all_topics()];
                let (before, _) = self.premises.intern_premise(0, &everything, predicates)?;
                let (now, _) = self
                    .premises
                    .intern_premise(layer, &everything, predicates)?;
                for (view, expression) in
                    own.map_or(Vec::new(), |own| predicates.rule_programs(own))
                {
                    let view = predicates.add_view_replacing(view, before, now)?;
                    programs.push((view, expression));
                }
            }
            StepSource::Alerts(_) => {
                if let Some(topic) = source_topic(source) {
                    let (_, view) = self.premises.intern_premise(layer, &[topic], predicates)?;
                    programs.push((view, BoolExpression::Always));
                }
            }
        }
        Ok(predicates.add_rule(programs))
    }
}

/// Includes the sources of a correlation in its semantic hash.
pub(super) fn hash_correlations(rules: &mut [PendingRule]) {
    let mut hashes: HashMap<RuleId, [u8; 32]> = HashMap::new();
    let mut order: Vec<&mut PendingRule> = rules.iter_mut().collect();
    // Sources before readers: a correlation's hash contains the final ones of what it reads.
    order.sort_by_key(|pending| (pending.rule.layer, pending.correlation.is_some()));
    for pending in order {
        if let Some(correlation) = &pending.correlation {
            let mut hasher = blake3::Hasher::new();
            hasher.update(&pending.rule.semantic_hash);
            for step in &correlation.steps {
                let (StepSource::Events(id) | StepSource::Alerts(id)) = &step.source;
                hasher.update(&step.bits.to_le_bytes());
                hasher.update(hashes.get(id).unwrap_or(&[0; 32]));
            }
            pending.rule.semantic_hash = *hasher.finalize().as_bytes();
        }
        hashes.insert(pending.rule.id.clone(), pending.rule.semantic_hash);
    }
}
