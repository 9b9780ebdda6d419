//! From correlations that can run to rules over what other rules find.

use std::collections::HashMap;
use std::sync::Arc;

use larum_event::{Measure, RuleId, WindowSpec};
use larum_rule::predicate::{PredicateSetBuilder, Slot};
use larum_rule::{Audience, Capture, CompiledCorrelation, CompiledRule, CompiledStep, StepSource};

use crate::correlation::{Reference, Resolved, Target};
use crate::front_end::{Described, described};
use crate::load::LoadedRule;
use crate::meaning::Meaning;

/// Where alerts hold the members of their group.
const KEY: &str = "data.key";

/// Rules and correlations, each with its id among all rules.
pub(crate) struct Sets<'s> {
    pub(crate) rules: &'s [LoadedRule],
    pub(crate) rule_ids: &'s [RuleId],
    pub(crate) correlations: &'s [Resolved],
    pub(crate) correlation_ids: Vec<RuleId>,
}

impl Sets<'_> {
    /// Who hears of the alerts of what correlations are about: where none of them wants more, only they.
    pub(crate) fn audiences(&self) -> HashMap<Target, Audience> {
        let mut audiences = HashMap::new();
        for one in self.correlations {
            for reference in &one.references {
                let wanted = match reference.target {
                    _ if one.correlation.generate => Audience::Everyone,
                    Target::Rule(_) => Audience::Nobody,
                    Target::Correlation(_) => Audience::RulesAbove,
                };
                let audience = audiences.entry(reference.target).or_insert(wanted);
                if wanted == Audience::Everyone {
                    *audience = wanted;
                }
            }
        }
        audiences
    }

    /// The correlation with this number as a rule.
    pub(crate) fn rule(
        &self,
        number: usize,
        audience: Audience,
        predicates: &mut PredicateSetBuilder,
    ) -> Option<CompiledRule> {
        let resolved = self.correlations.get(number)?;
        let id = self.correlation_ids.get(number)?.clone();
        let one = &resolved.correlation;
        let steps = resolved.references.iter();
        let steps = steps.map(|it| self.step(it, &resolved.window, predicates));
        let correlation = CompiledCorrelation {
            window: resolved.window.clone(),
            group_by: names(&one.group_by),
            measured: names(&one.fields),
            steps: steps.collect::<Option<_>>()?,
        };
        Some(CompiledRule {
            correlation: Some(correlation),
            audience,
            semantic_hash: Meaning::of_correlation(resolved).hash(),
            ..described(
                Described {
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

    fn step(
        &self,
        reference: &Reference,
        window: &WindowSpec,
        predicates: &mut PredicateSetBuilder,
    ) -> Option<CompiledStep> {
        let (source, synonyms): (StepSource, &[(String, String)]) = match reference.target {
            Target::Rule(number) => (
                StepSource::Events(self.rule_ids.get(number)?.clone()),
                &self.rules.get(number)?.synonyms,
            ),
            Target::Correlation(number) => (
                StepSource::Alerts(self.correlation_ids.get(number)?.clone()),
                &[],
            ),
        };
        let mut slots = |field: &String| -> Vec<Slot> {
            if matches!(source, StepSource::Alerts(_)) {
                return vec![predicates.path(&format!("{KEY}.{field}"))];
            }
            // In events of some log sources the field has another name.
            let others = synonyms.iter().filter(|(name, _)| name == field);
            let names = std::iter::once(field).chain(others.map(|(_, other)| other));
            names.map(|name| predicates.slot(name)).collect()
        };
        let key = reference.group_by.iter();
        let key = key.map(|field| Capture::text(slots(field))).collect();
        let is_text =
            matches!(window, WindowSpec::Aggregate(it) if it.measure == Measure::Distinct);
        let values = reference.fields.iter().map(|field| {
            if is_text {
                Capture::text(slots(field))
            } else {
                Capture::number(slots(field))
            }
        });
        let values = values.collect();
        Some(CompiledStep {
            name: Arc::from(reference.name.as_str()),
            bits: reference.bits,
            source,
            group_by: names(&reference.group_by),
            key,
            values,
        })
    }
}

fn names(names: &[String]) -> Vec<Arc<str>> {
    let names = names.iter();
    names.map(|name| Arc::from(name.as_str())).collect()
}
