//! How near rules came that should have fired and did not.

use std::collections::BTreeMap;
use std::fmt;

use larum_event::{Event, WindowSpec};
use larum_pipeline::{Settings, TreesBeside};
use larum_rule::{Matcher, Rule};

use super::play::Played;
use super::suite::Suite;
use crate::rules::reached::{self, Reached};
use crate::rules::why::under_lines;
use crate::terminal::counted;

/// How near one rule came.
#[derive(Debug, Clone)]
pub struct Near {
    /// The rule.
    pub rule: String,
    /// Events that it could have read.
    pub events: u64,
    /// Those on a topic that it reads.
    pub on_topic: u64,
    /// Those of them for which its condition holds.
    pub held: u64,
    /// The id of the first for which it does not.
    pub refused: Option<Refused>,
    /// Those of them that an exception keeps out.
    pub excepted: u64,
    /// Those of them without a complete key.
    pub without_key: u64,
    /// Members of the key that were missing, each with how often.
    pub missing: BTreeMap<String, u64>,
    /// Of a rule with steps: how many events satisfy each.
    pub steps: Vec<(String, u64)>,
    /// Of a rule with a window: how far its best run came.
    pub reached: Option<Reached>,
}

/// An event for which a condition did not hold.
#[derive(Debug, Clone)]
pub struct Refused {
    /// Its id.
    pub event: String,
    /// What it was asked and what it holds there, under the lines that decided.
    pub why: Vec<String>,
}

/// How near each rule of the suite came.
pub fn near(suite: &Suite, played: &Played) -> Vec<Near> {
    let mut matcher = Matcher::new(suite.set.clone());
    let rules = suite.own.iter();
    rules
        .filter_map(|number| {
            let rule = suite.set.rule(*number)?;
            let mut near = of_rule(&mut matcher, *number, rule, played);
            if rule.window != WindowSpec::Single {
                let inputs = played.inputs.clone();
                let run = reached::run(&suite.set, *number, inputs, Settings::default());
                near.reached = run.reached;
            }
            Some(near)
        })
        .collect()
}

fn of_rule(matcher: &mut Matcher, number: u32, rule: &Rule, played: &Played) -> Near {
    let mut near = Near {
        rule: rule.id.to_string(),
        events: played.events.len() as u64,
        on_topic: 0,
        held: 0,
        refused: None,
        excepted: 0,
        without_key: 0,
        missing: BTreeMap::new(),
        steps: named_steps(rule),
        reached: None,
    };
    matcher.only(Some(number));
    let mut trees = TreesBeside::of(matcher.set());
    for event in &played.events {
        trees.show(matcher, event);
        let envelope = event.envelope();
        let mut topics = rule.steps.iter().flat_map(|step| &step.on);
        if !topics.any(|topic| topic.matches(&envelope.topic)) {
            continue;
        }
        near.on_topic += 1;
        // What a rule fails on is told elsewhere.
        if !matcher.condition(number, event).unwrap_or(false) {
            if near.refused.is_none() {
                near.refused = Some(Refused {
                    event: envelope.id.to_string(),
                    why: why(matcher, number, event),
                });
            }
            continue;
        }
        near.held += 1;
        let mut found = Vec::new();
        matcher.matches(rule.layer, event, &mut found, &mut Vec::new());
        let excepted = matcher.exception(number, event).is_some();
        match found.pop() {
            _ if excepted => near.excepted += 1,
            Some(found) => near.count_steps(rule, found.steps),
            None => {
                near.without_key += 1;
                near.miss(matcher, rule, event);
            }
        }
    }
    near
}

/// What decided the condition of a rule for an event, under the lines of its file.
pub fn why(matcher: &mut Matcher, number: u32, event: &Event) -> Vec<String> {
    let set = matcher.set().clone();
    let Some(rule) = set.rule(number) else {
        return Vec::new();
    };
    let explained = matcher.explain(number, event);
    let Some(condition) = explained.and_then(|explained| explained.condition) else {
        return Vec::new();
    };
    let source = set.files().iter().find(|file| *file.path == *rule.file);
    under_lines(&condition, source.map_or("", |file| file.text.as_str()))
}

/// The steps of a rule that has any.
fn named_steps(rule: &Rule) -> Vec<(String, u64)> {
    let steps = rule.steps.iter().filter(|step| !step.name.is_empty());
    steps.map(|step| (step.name.to_string(), 0)).collect()
}

impl Near {
    fn count_steps(&mut self, rule: &Rule, held: u32) {
        let steps = rule.steps.iter().filter(|step| !step.name.is_empty());
        for (step, (_, count)) in steps.zip(&mut self.steps) {
            *count += u64::from(step.bit & held != 0);
        }
    }

    fn miss(&mut self, matcher: &Matcher, rule: &Rule, event: &Event) {
        for part in &rule.group_by {
            if matcher.key_value(&part.path, event).is_none() {
                *self.missing.entry(part.path.to_string()).or_default() += 1;
            }
        }
    }
}

impl fmt::Display for Near {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            rule,
            on_topic,
            held,
            ..
        } = self;
        let events = counted(self.events, "event");
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
            let missing: Vec<String> = self
                .missing
                .iter()
                .map(|(path, count)| format!("{path} {count}"))
                .collect();
            let missing = missing.join(", ");
            write!(f, ", {} without a key ({missing})", self.without_key)?;
        }
        if !self.steps.is_empty() {
            let steps = self.steps.iter();
            let steps: Vec<String> = steps
                .map(|(name, count)| format!("{name} {count}"))
                .collect();
            write!(f, " ({})", steps.join(", "))?;
        }
        match &self.reached {
            Some(reached) => write!(f, "; reached {reached}"),
            None => Ok(()),
        }
    }
}
