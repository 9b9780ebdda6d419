//! What goes wrong with files and with the set as a whole, in words.

use larum_event::{Topic, TopicPattern, limits};
use rhai::EvalAltResult;

use crate::advice::suggest_syntax_fix;
use crate::diagnostic::{Diagnostic, RuleProblem, did_you_mean};
use crate::error::FaultKind;
use crate::layers::{LayerError, is_alert_pattern};
use crate::rule::{Rule, RuleStep, alert_topic};
use crate::sandbox;

/// Rules that cannot be put in order, and the one to show.
pub(crate) fn layer_problem(rules: &[Rule], reason: LayerError) -> (usize, Diagnostic) {
    let name = |rule: usize| rules.get(rule).map_or("?", |rule| rule.id.as_str());
    match reason {
        LayerError::Cycle(cycle) => {
            let first = cycle.first().copied().unwrap_or(0);
            let names: Vec<&str> = cycle
                .iter()
                .chain([&first])
                .map(|rule| name(*rule))
                .collect();
            let problem = match cycle.as_slice() {
                [only] => format!("rule {} reads its own alerts", name(*only)),
                _ => format!(
                    "rules read each other's alerts in a circle: {}",
                    names.join(" → ")
                ),
            };
            let problem = RuleProblem::new("cycle", problem);
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
pub(crate) fn find_unknown_alerts(rules: &[Rule]) -> Vec<(usize, Diagnostic)> {
    let topics: Vec<String> = rules.iter().map(|rule| alert_topic(&rule.id)).collect();
    let mut found = Vec::new();
    for (number, rule) in rules.iter().enumerate() {
        for pattern in &rule.on {
            let wanted = pattern.as_str();
            let named = is_alert_pattern(pattern) && pattern.is_literal();
            if named && !topics.iter().any(|topic| topic == wanted) {
                let problem = format!("no rule of this set raises alerts on {wanted:?}");
                let problem = RuleProblem::new("unknown-alert", problem)
                    .with_optional_help(did_you_mean(wanted, topics.iter().map(String::as_str)));
                found.push((number, problem.about_rule(rule.id.as_str()).into_warning()));
            }
        }
    }
    found
}

/// Rules that group alerts by what the alerts do not carry: each with the rule's number.
pub(crate) fn find_missing_keys(rules: &[Rule]) -> Vec<(usize, Diagnostic)> {
    let topics: Vec<Option<Topic>> = rules
        .iter()
        .map(|rule| Topic::new(&alert_topic(&rule.id)).ok())
        .collect();
    let mut found = Vec::new();
    for (number, rule) in rules.iter().enumerate() {
        for step in &rule.steps {
            for pattern in step.on.iter().filter(|pattern| is_alert_pattern(pattern)) {
                let raisers = rules.iter().zip(&topics).filter(|(_, topic)| {
                    topic.as_ref().is_some_and(|topic| pattern.matches(topic))
                });
                let raisers: Vec<&Rule> = raisers
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

/// The first member of a step's key that none of the rules whose alerts it reads has in its own.
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
    let members = step.key_paths.iter();
    let mut members = members.filter_map(|path| Some((path, path.strip_prefix("data.key.")?)));
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

/// A file that does not parse.
pub(crate) fn syntax_problem(text: &str, error: &rhai::ParseError) -> RuleProblem {
    let reason = error.err_type().to_string();
    if let Some(word) = sandbox::FORBIDDEN
        .into_iter()
        .find(|word| reason.contains(&format!("'{word}'")))
    {
        return RuleProblem::new("forbidden", format!("rules may not use `{word}`")).with_help(format!(
            "a rule computes from the event alone; a field of that name is `event.data[\"{word}\"]`"
        ));
    }
    RuleProblem::new("syntax", lowercase_first(&reason))
        .with_optional_help(suggest_syntax_fix(text, error))
}

/// A file that fails when it is executed.
pub(crate) fn runtime_problem(error: &EvalAltResult) -> RuleProblem {
    let inner = error.unwrap_inner();
    if let EvalAltResult::ErrorTooManyOperations(_) = inner {
        return RuleProblem::new("budget", "the file takes too long to load")
            .with_help("a rule file builds its rules and ends; is there a loop that does not?");
    }
    let code = match sandbox::fault_kind(error) {
        FaultKind::Budget => "budget",
        FaultKind::Error => "load-failed",
    };
    let help = match inner {
        EvalAltResult::ErrorStackOverflow(_) => {
            Some("functions call each other too deeply; does one call itself?".to_owned())
        }
        EvalAltResult::ErrorDataTooLarge(what, _) if what.contains("string") => Some(format!(
            "a rule builds texts of at most {} bytes",
            limits::RULE_STRING_BYTES
        )),
        EvalAltResult::ErrorDataTooLarge(..) => Some(format!(
            "a rule builds lists and maps of at most {} members",
            limits::RULE_COLLECTION_MEMBERS
        )),
        _ => None,
    };
    RuleProblem::new(code, error_sentence(inner)).with_optional_help(help)
}

/// An error of rhai as a sentence of ours: in lower case and without its place.
pub(crate) fn error_sentence(error: &EvalAltResult) -> String {
    let text = error.to_string();
    let place = format!(" ({})", error.position());
    lowercase_first(text.strip_suffix(&place).unwrap_or(&text))
}

fn lowercase_first(text: &str) -> String {
    let mut characters = text.chars();
    match (characters.next(), characters.clone().next()) {
        (Some(first), Some(second)) if !second.is_uppercase() => {
            first.to_lowercase().chain(characters).collect()
        }
        _ => text.to_owned(),
    }
}
