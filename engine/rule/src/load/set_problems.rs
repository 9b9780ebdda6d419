//! What can be wrong with a set as a whole, though each of its files is right.
//!
//! Owns the checks between rules and their sentences. Ordering rules is the job of `layers`; where
//! a problem is shown belongs to the set builder, so each comes with the number of its rule.
//! Invariant: a check sees all rules of the set; a set that misses one for an error is never
//! checked.

use larum_predicate::Diagnostic;
use std::collections::HashMap;

use larum_event::{Topic, TopicPattern, limits};

use crate::diagnostic::{RuleProblem, did_you_mean};
use crate::layers::{LayerError, is_alert_pattern};
use crate::rule::{Rule, RuleStep, alert_topic};

/// Rules that share an id, or the topic of their alerts, with a rule before them.
pub(super) fn find_duplicates<'r>(
    rules: impl Iterator<Item = &'r Rule>,
) -> Vec<(usize, RuleProblem)> {
    let mut first: HashMap<String, &Rule> = HashMap::new();
    let mut problems = Vec::new();
    for (number, rule) in rules.enumerate() {
        let topic = alert_topic(&rule.id);
        let Some(before) = first.get(&topic) else {
            first.insert(topic, rule);
            continue;
        };
        let problem = if before.id == rule.id {
            format!("rule {} is defined twice", rule.id)
        } else {
            format!(
                "rules {} and {} differ in case only, and topics have none",
                before.id, rule.id
            )
        };
        let help = format!("the other one is at {}:{}", before.file, before.line);
        let problem = RuleProblem::new("duplicate-rule", problem).with_help(help);
        problems.push((number, problem));
    }
    problems
}

/// Rules that cannot be put in order, and the one to show.
pub(super) fn layer_problem(rules: &[Rule], reason: LayerError) -> (usize, Diagnostic) {
    let name = |rule: usize| rules.get(rule).map_or("?", |rule| rule.id.as_str());
    match reason {
        LayerError::Cycle(cycle) => {
            // One problem for the whole circle, shown at its first rule.
            let first = cycle.first().copied().unwrap_or(0);
            let names: Vec<&str> = cycle
                .iter()
                .chain([&first])
                .map(|rule| name(*rule))
                .collect();
            let message = match cycle.as_slice() {
                [only] => format!("rule {} reads its own alerts", name(*only)),
                _ => format!(
                    "rules read each other's alerts in a circle: {}",
                    names.join(" → ")
                ),
            };
            let problem = RuleProblem::new("cycle", message);
            let help = "rules over alerts are evaluated after those they read; break the circle";
            (first, problem.with_help(help).into_set_error())
        }
        LayerError::TooDeep(rule) => {
            let problem = format!(
                "rule {} reads alerts of alerts more than {} layers deep",
                name(rule),
                limits::DERIVED_DEPTH
            );
            (
                rule,
                RuleProblem::new("too-many-layers", problem).into_set_error(),
            )
        }
    }
}

/// Rules that name the alerts of a rule that does not exist.
pub(super) fn find_unknown_alerts(rules: &[Rule]) -> Vec<(usize, Diagnostic)> {
    let topics: Vec<String> = rules.iter().map(|rule| alert_topic(&rule.id)).collect();
    let mut found = Vec::new();
    for (number, rule) in rules.iter().enumerate() {
        for pattern in &rule.on {
            let wanted = pattern.as_str();
            let named = is_alert_pattern(pattern) && pattern.is_literal();
            if named && !topics.iter().any(|topic| topic == wanted) {
                let message = format!("no rule of this set raises alerts on {wanted:?}");
                let problem = RuleProblem::new("unknown-alert", message)
                    .with_optional_help(did_you_mean(wanted, topics.iter().map(String::as_str)));
                found.push((number, problem.about_rule(rule.id.as_str()).into_warning()));
            }
        }
    }
    found
}

/// Rules that group alerts by what the alerts do not carry: each with the rule's number.
pub(super) fn find_missing_keys(rules: &[Rule]) -> Vec<(usize, Diagnostic)> {
    let topics: Vec<Option<Topic>> = rules
        .iter()
        .map(|rule| Topic::new(&alert_topic(&rule.id)).ok())
        .collect();
    let mut found = Vec::new();
    for (number, rule) in rules.iter().enumerate() {
        for step in &rule.steps {
            for pattern in step.on.iter().filter(|pattern| is_alert_pattern(pattern)) {
                let raisers: Vec<&Rule> = rules
                    .iter()
                    .zip(&topics)
                    .filter(|(_, topic)| topic.as_ref().is_some_and(|topic| pattern.matches(topic)))
                    .map(|(raiser, _)| raiser)
                    .filter(|raiser| raiser.layer < rule.layer)
                    .collect();
                found.extend(find_missing_key(step, pattern, &raisers).map(|problem| {
                    (
                        number,
                        problem.about_rule(rule.id.as_str()).into_set_error(),
                    )
                }));
            }
        }
    }
    found
}

/// The first member of a step's key that no alert carries which the step reads.
fn find_missing_key(
    step: &RuleStep,
    pattern: &TopicPattern,
    raisers: &[&Rule],
) -> Option<RuleProblem> {
    let first = raisers.first()?;
    let carries = |raiser: &Rule, name: &str| {
        let mut parts = raiser.group_by.iter();
        parts.any(|part| &*part.name == name)
    };
    let mut members = step
        .key_paths
        .iter()
        .filter_map(|path| Some((path, path.strip_prefix("data.key.")?)));
    let (path, name) =
        members.find(|(_, name)| !raisers.iter().any(|raiser| carries(raiser, name)))?;
    let problem = format!("no alert on {:?} carries `{path}`", pattern.as_str());
    let names: Vec<&str> = first.group_by.iter().map(|part| &*part.name).collect();
    let help =
        did_you_mean(name, names.iter().copied()).unwrap_or_else(|| match names.as_slice() {
            [] => format!("rule {} groups by nothing", first.id),
            names => format!("those of {} carry {}", first.id, names.join(", ")),
        });
    Some(RuleProblem::new("key-not-carried", problem).with_help(help))
}
