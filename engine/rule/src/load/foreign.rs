//! Rules of other languages among those in Rhai.

use larum_predicate::{CompiledCorrelation, CompiledRule, CompiledStep, StepSource};
use std::sync::Arc;

use larum_event::{TopicPattern, WindowSpec};
use rhai::Position;

use super::correlation_inputs::source_topic;
use super::pending_rule::PendingRule;
use crate::draft::RuleFieldUsages;
use crate::rule::{KeyPart, Rule, RuleStep};

/// A rule that a front end compiled, out of the file with the number `file`.
pub(super) fn load_foreign_rule(
    mut rule: CompiledRule,
    language: &'static str,
    file: Option<usize>,
) -> PendingRule {
    let correlation = rule.correlation.take();
    let place = Position::new(u16::try_from(rule.line).unwrap_or(u16::MAX), 1);
    let steps: Vec<RuleStep> = match &correlation {
        None => vec![RuleStep::match_all(vec![TopicPattern::all_topics()])],
        Some(one) => one.steps.iter().map(build_rule_step).collect(),
    };
    // The rule reads what its steps read, each pattern once.
    let mut on = Vec::new();
    for topic in steps.iter().flat_map(|step| &step.on) {
        if !on.contains(topic) {
            on.push(topic.clone());
        }
    }
    let (group_by, measured, window) = match &correlation {
        None => (Vec::new(), Vec::new(), WindowSpec::Single),
        Some(one) => (
            build_key_parts(one, &steps),
            one.measured.clone(),
            one.window.clone(),
        ),
    };
    PendingRule {
        file,
        place,
        field_usages: RuleFieldUsages::default(),
        programs: Some(rule.programs),
        correlation,
        rule: Rule {
            id: rule.id,
            language,
            title: Some(rule.title),
            description: rule.description,
            severity: rule.severity,
            attack: rule.attack,
            references: rule.references,
            false_positives: rule.false_positives,
            on,
            group_by,
            window,
            // Known when all rules are: see `assign_layers`.
            layer: 0,
            semantic_hash: rule.semantic_hash,
            file: rule.file,
            line: rule.line,
            audience: rule.audience,
            synonyms: rule.synonyms,
            source: 0,
            exceptions: Vec::new(),
            steps,
            measured,
            values: Vec::new(),
            alert: None,
            on_event: None,
            on_timer: None,
            scripts_ask_trees: false,
        },
    }
}

/// A step as lists and explanations show it.
fn build_rule_step(step: &CompiledStep) -> RuleStep {
    let place = match step.source {
        StepSource::Events(_) => "data",
        StepSource::Alerts(_) => "data.key",
    };
    let paths = step.group_by.iter();
    RuleStep {
        name: Arc::clone(&step.name),
        bit: step.bits,
        key_paths: paths
            .map(|field| format!("{place}.{field}").into())
            .collect(),
        ..RuleStep::match_all(source_topic(&step.source).into_iter().collect())
    }
}

/// The members of its group, each with its path in the events of the first step.
fn build_key_parts(correlation: &CompiledCorrelation, steps: &[RuleStep]) -> Vec<KeyPart> {
    let paths = steps.first().map_or(&[][..], |step| &step.key_paths);
    let parts = correlation
        .group_by
        .iter()
        .zip(paths)
        .map(|(name, path)| KeyPart {
            name: Arc::clone(name),
            path: Arc::clone(path),
        });
    parts.collect()
}
