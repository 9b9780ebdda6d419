//! From correlations that can run to rules over what other rules find.

use std::collections::HashMap;
use std::sync::Arc;

use larum_event::{RuleId, WindowMeasure, WindowSpec};
use larum_predicate::{
    AlertAudience, CompiledCorrelation, CompiledRule, CompiledStep, PredicateSetBuilder,
    SlotCapture, SlotId, StepSource,
};

use crate::correlation::{ReferenceTarget, ResolvedCorrelation, RuleReference};
use crate::front_end::{RuleDescription, empty_rule};
use crate::load::LoadedRule;
use crate::meaning::MeaningHasher;

/// Where alerts have the members of their group.
const KEY: &str = "data.key";

/// Rules and correlations, each with its id among all rules.
pub(crate) struct CorrelationSet<'s> {
    pub(crate) rules: &'s [LoadedRule],
    pub(crate) rule_ids: &'s [RuleId],
    pub(crate) correlations: &'s [ResolvedCorrelation],
    pub(crate) correlation_ids: Vec<RuleId>,
}

impl CorrelationSet<'_> {
    /// Who receives the alerts of the rules that correlations are about: only those correlations,
    /// unless one of them sets `generate`.
    pub(crate) fn collect_audiences(&self) -> HashMap<ReferenceTarget, AlertAudience> {
        let mut audiences = HashMap::new();
        for one in self.correlations {
            for reference in &one.references {
                let wanted = match reference.target {
                    _ if one.correlation.generate => AlertAudience::Everyone,
                    ReferenceTarget::Rule(_) => AlertAudience::Nobody,
                    ReferenceTarget::Correlation(_) => AlertAudience::RulesAbove,
                };
                let audience = audiences.entry(reference.target).or_insert(wanted);
                if wanted == AlertAudience::Everyone {
                    *audience = wanted;
                }
            }
        }
        audiences
    }

    /// The correlation with this number as a rule.
    pub(crate) fn compile_rule(
        &self,
        number: usize,
        audience: AlertAudience,
        predicates: &mut PredicateSetBuilder,
    ) -> Option<CompiledRule> {
        let resolved = self.correlations.get(number)?;
        let id = self.correlation_ids.get(number)?.clone();
        let one = &resolved.correlation;
        let references = resolved.references.iter();
        let steps = references.map(|it| self.compile_step(it, &resolved.window, predicates));
        let correlation = CompiledCorrelation {
            window: resolved.window.clone(),
            group_by: to_names(&one.group_by),
            measured: to_names(&one.fields),
            steps: steps.collect::<Option<_>>()?,
        };
        Some(CompiledRule {
            correlation: Some(correlation),
            audience,
            semantic_hash: MeaningHasher::for_correlation(resolved).hash(),
            ..empty_rule(
                RuleDescription {
                    title: one.title.clone(),
                    severity: one.severity,
                    metadata: one.metadata.clone(),
                    file: one.file.clone(),
                    line: one.line,
                },
                id,
            )
        })
    }

    fn compile_step(
        &self,
        reference: &RuleReference,
        window: &WindowSpec,
        predicates: &mut PredicateSetBuilder,
    ) -> Option<CompiledStep> {
        let (source, synonyms): (StepSource, &[(String, String)]) = match reference.target {
            ReferenceTarget::Rule(number) => (
                StepSource::Events(self.rule_ids.get(number)?.clone()),
                &self.rules.get(number)?.synonyms,
            ),
            ReferenceTarget::Correlation(number) => (
                StepSource::Alerts(self.correlation_ids.get(number)?.clone()),
                &[],
            ),
        };
        let mut slots = |field: &String| -> Vec<SlotId> {
            if matches!(source, StepSource::Alerts(_)) {
                return vec![predicates.path_slot(&format!("{KEY}.{field}"))];
            }
            // In events of some log sources the field has another name.
            let others = synonyms.iter().filter(|(name, _)| name == field);
            let names = std::iter::once(field).chain(others.map(|(_, other)| other));
            names.map(|name| predicates.field_slot(name)).collect()
        };
        let members = reference.group_by.iter();
        let key = members
            .map(|field| SlotCapture::for_text(slots(field)))
            .collect();
        // Distinct values are counted as they are written; anything else is computed with.
        let is_text =
            matches!(window, WindowSpec::Aggregate(it) if it.measure == WindowMeasure::Distinct);
        let captures = reference.fields.iter().map(|field| {
            if is_text {
                SlotCapture::for_text(slots(field))
            } else {
                SlotCapture::for_number(slots(field))
            }
        });
        let values = captures.collect();
        Some(CompiledStep {
            name: Arc::from(reference.name.as_str()),
            bits: reference.bits,
            source,
            group_by: to_names(&reference.group_by),
            key,
            values,
        })
    }
}

fn to_names(names: &[String]) -> Vec<Arc<str>> {
    let names = names.iter();
    names.map(|name| Arc::from(name.as_str())).collect()
}
