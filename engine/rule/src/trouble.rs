//! What goes wrong with files and with the set as a whole, in words.

use larum_event::{Topic, TopicPattern, limits};
use rhai::EvalAltResult;

use crate::advice::advice;
use crate::diagnostic::{Diagnostic, Refusal, did_you_mean};
use crate::draft::alert_topic;
use crate::error::FaultKind;
use crate::layers::{NoOrder, reads_alerts};
use crate::rule::{Rule, RuleStep};
use crate::sandbox;

/// Rules that cannot be put in order, and the one to show.
pub(crate) fn no_order(rules: &[Rule], reason: NoOrder) -> (usize, Diagnostic) {
    let name = |rule: usize| rules.get(rule).map_or("?", |rule| rule.id.as_str());
    match reason {
        NoOrder::Cycle(cycle) => {
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
            let problem = Refusal::new("cycle", problem);
            let help = "rules over alerts are evaluated after those they read; break the circle";
            (first, problem.help(help).of_set())
        }
        NoOrder::TooDeep(rule) => {
            let problem = format!(
                "rule {} reads alerts of alerts more than {} layers deep",
                name(rule),
                limits::DERIVED_DEPTH
            );
            (rule, Refusal::new("too-many-layers", problem).of_set())
        }
    }
}

/// Rules that name the alerts of a rule that does not exist.
pub(crate) fn unknown_alerts(rules: &[Rule]) -> Vec<(usize, Diagnostic)> {
    let topics: Vec<String> = rules.iter().map(|rule| alert_topic(&rule.id)).collect();
    let mut found = Vec::new();
    for (number, rule) in rules.iter().enumerate() {
        for pattern in &rule.on {
            let wanted = pattern.as_str();
            let named = reads_alerts(pattern) && pattern.is_literal();
            if named && !topics.iter().any(|topic| topic == wanted) {
                let problem = format!("no rule of this set raises alerts on {wanted:?}");
                let problem = Refusal::new("unknown-alert", problem)
                    .maybe_help(did_you_mean(wanted, topics.iter().map(String::as_str)));
                found.push((number, problem.of_rule(rule.id.as_str()).warning()));
            }
        }
    }
    found
}

/// Rules that group alerts by what the alerts do not carry: each with the rule's number.
pub(crate) fn keys_not_carried(rules: &[Rule]) -> Vec<(usize, Diagnostic)> {
    let topics: Vec<Option<Topic>> = rules
        .iter()
        .map(|rule| Topic::new(&alert_topic(&rule.id)).ok())
        .collect();
    let mut found = Vec::new();
    for (number, rule) in rules.iter().enumerate() {
        for step in &rule.steps {
            for pattern in step.on.iter().filter(|pattern| reads_alerts(pattern)) {
                let raisers = rules.iter().zip(&topics).filter(|(_, topic)| {
                    topic.as_ref().is_some_and(|topic| pattern.matches(topic))
                });
                let raisers: Vec<&Rule> = raisers
                    .map(|(raiser, _)| raiser)
                    .filter(|raiser| raiser.layer < rule.layer)
                    .collect();
                found.extend(
                    key_not_carried(step, pattern, &raisers)
                        .map(|problem| (number, problem.of_rule(rule.id.as_str()).of_set())),
                );
            }
        }
    }
    found
}

/// The first member of a step's key that none of the rules whose alerts it reads has in its own.
fn key_not_carried(step: &RuleStep, pattern: &TopicPattern, raisers: &[&Rule]) -> Option<Refusal> {
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
    Some(Refusal::new("key-not-carried", problem).help(help))
}

/// A file that does not parse.
pub(crate) fn syntax_problem(text: &str, error: &rhai::ParseError) -> Refusal {
    let reason = error.err_type().to_string();
    if let Some(word) = sandbox::FORBIDDEN
        .into_iter()
        .find(|word| reason.contains(&format!("'{word}'")))
    {
        return Refusal::new("forbidden", format!("rules may not use `{word}`")).help(format!(
            "a rule computes from the event alone; a field of that name is `event.data[\"{word}\"]`"
        ));
    }
    Refusal::new("syntax", uncapitalised(&reason)).maybe_help(advice(text, error))
}

/// A file that fails when it is executed.
pub(crate) fn runtime_problem(error: &EvalAltResult) -> Refusal {
    let inner = error.unwrap_inner();
    if let EvalAltResult::ErrorTooManyOperations(_) = inner {
        return Refusal::new("budget", "the file takes too long to load")
            .help("a rule file builds its rules and ends; is there a loop that does not?");
    }
    let code = match sandbox::kind_of(error) {
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
    Refusal::new(code, said(inner)).maybe_help(help)
}

/// An error of rhai as a sentence of ours: in lower case and without its place.
pub(crate) fn said(error: &EvalAltResult) -> String {
    let text = error.to_string();
    let place = format!(" ({})", error.position());
    uncapitalised(text.strip_suffix(&place).unwrap_or(&text))
}

fn uncapitalised(text: &str) -> String {
    let mut characters = text.chars();
    match (characters.next(), characters.clone().next()) {
        (Some(first), Some(second)) if !second.is_uppercase() => {
            first.to_lowercase().chain(characters).collect()
        }
        _ => text.to_owned(),
    }
}
