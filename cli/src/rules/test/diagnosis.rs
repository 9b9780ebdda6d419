//! How near rules came that should have fired and did not.
//!
//! Owns the counts of matches and refusals for one case; how near a window came is the job of
//! `near_miss`.
//! Invariant: a case that passed has no diagnosis, because computing one plays the case again.

use std::collections::BTreeMap;
use std::fmt;

use larum_event::{Event, WindowSpec};
use larum_pipeline::StandaloneTrees;
use larum_rule::{Rule, RuleMatcher};

use super::play::PlayResult;
use super::suite::RuleSuite;
use crate::rules::condition_text::annotate_source;
use crate::rules::near_miss::{self, NearMiss};
use crate::terminal::count_noun;

/// How near one rule came.
#[derive(Debug, Clone)]
pub struct RuleDiagnosis {
    /// The rule.
    pub rule: String,
    /// Events that it could have read.
    pub events: u64,
    /// Those on a topic that it reads.
    pub on_topic: u64,
    /// Those of them for which its condition holds.
    pub held: u64,
    /// The id of the first for which it does not.
    pub refused: Option<RefusedEvent>,
    /// Those of them that an exception keeps out.
    pub excepted: u64,
    /// Those of them without a complete key.
    pub without_key: u64,
    /// Members of the key that were missing, each with how often.
    pub missing: BTreeMap<String, u64>,
    /// Of a rule with steps: how many events satisfy each.
    pub steps: Vec<(String, u64)>,
    /// Of a rule with a window: how far its best run came.
    pub near_miss: Option<NearMiss>,
}

/// An event for which a condition did not hold.
#[derive(Debug, Clone)]
pub struct RefusedEvent {
    /// Its id.
    pub event: String,
    /// What it was asked and what it holds there, under the lines that decided.
    pub why: Vec<String>,
}

/// How near each rule of the suite came.
pub fn diagnose_rules(suite: &RuleSuite, played: &PlayResult) -> Vec<RuleDiagnosis> {
    let mut matcher = RuleMatcher::new(suite.set.clone());
    let rules = suite.own.iter();
    rules
        .filter_map(|number| {
            let rule = suite.set.rule(*number)?;
            let mut near = diagnose_rule(&mut matcher, *number, rule, played);
            if rule.window != WindowSpec::Single {
                let run = near_miss::run_trial(&suite.set, *number, &played.inputs);
                near.near_miss = run.near_miss;
            }
            Some(near)
        })
        .collect()
}

fn diagnose_rule(
    matcher: &mut RuleMatcher,
    number: u32,
    rule: &Rule,
    played: &PlayResult,
) -> RuleDiagnosis {
    let mut near = RuleDiagnosis {
        rule: rule.id.to_string(),
        events: played.events.len() as u64,
        on_topic: 0,
        held: 0,
        refused: None,
        excepted: 0,
        without_key: 0,
        missing: BTreeMap::new(),
        steps: named_steps(rule),
        near_miss: None,
    };
    matcher.select_rule(Some(number));
    let mut trees = StandaloneTrees::for_rules(matcher.set());
    for event in &played.events {
        trees.insert_event(matcher, event);
        let envelope = event.envelope();
        let mut topics = rule.steps.iter().flat_map(|step| &step.on);
        if !topics.any(|topic| topic.matches(&envelope.topic)) {
            continue;
        }
        near.on_topic += 1;
        // Failures of a rule are reported elsewhere.
        if !matcher.condition_holds(number, event).unwrap_or(false) {
            if near.refused.is_none() {
                near.refused = Some(RefusedEvent {
                    event: envelope.id.to_string(),
                    why: explain_event(matcher, number, event),
                });
            }
            continue;
        }
        near.held += 1;
        let mut found = Vec::new();
        matcher.match_event(rule.layer, event, &mut found, &mut Vec::new());
        let excepted = matcher.find_exception(number, event).is_some();
        match found.pop() {
            _ if excepted => near.excepted += 1,
            Some(found) => near.count_steps(rule, found.steps),
            None => {
                near.without_key += 1;
                near.count_missing(matcher, rule, event);
            }
        }
    }
    near
}

/// What decided the condition of a rule for an event, under the lines of its file.
pub fn explain_event(matcher: &mut RuleMatcher, number: u32, event: &Event) -> Vec<String> {
    let set = matcher.set().clone();
    let Some(rule) = set.rule(number) else {
        return Vec::new();
    };
    let explained = matcher.explain_rule(number, event);
    let Some(condition) = explained.and_then(|explained| explained.condition) else {
        return Vec::new();
    };
    let source = set.files().iter().find(|file| *file.path == *rule.file);
    annotate_source(&condition, source.map_or("", |file| file.text.as_str()))
}

/// The steps of a rule that has any.
fn named_steps(rule: &Rule) -> Vec<(String, u64)> {
    let steps = rule.steps.iter().filter(|step| !step.name.is_empty());
    steps.map(|step| (step.name.to_string(), 0)).collect()
}

impl RuleDiagnosis {
    fn count_steps(&mut self, rule: &Rule, held: u32) {
        let steps = rule.steps.iter().filter(|step| !step.name.is_empty());
        for (step, (_, count)) in steps.zip(&mut self.steps) {
            *count += u64::from(step.bit & held != 0);
        }
    }

    fn count_missing(&mut self, matcher: &RuleMatcher, rule: &Rule, event: &Event) {
        for part in &rule.group_by {
            if matcher.key_value(&part.path, event).is_none() {
                *self.missing.entry(part.path.to_string()).or_default() += 1;
            }
        }
    }
}

impl fmt::Display for RuleDiagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            rule,
            on_topic,
            held,
            ..
        } = self;
        let events = count_noun(self.events, "event");
        write!(
            f,
            "{rule}: {events}, {on_topic} on its topics, condition held for {held}"
        )?;
        if let Some(refused) = &self.refused {
            write!(f, ", not for event {}", refused.event)?;
        }
        if self.excepted > 0 {
            write!(f, ", {} excepted", self.excepted)?;
        }
        if self.without_key > 0 {
            let counts: Vec<String> = self
                .missing
                .iter()
                .map(|(path, count)| format!("{path} {count}"))
                .collect();
            let missing = counts.join(", ");
            write!(f, ", {} without a key ({missing})", self.without_key)?;
        }
        if !self.steps.is_empty() {
            let steps: Vec<String> = self
                .steps
                .iter()
                .map(|(name, count)| format!("{name} {count}"))
                .collect();
            write!(f, " ({})", steps.join(", "))?;
        }
        match &self.near_miss {
            Some(reached) => write!(f, "; reached {reached}"),
            None => Ok(()),
        }
    }
}
