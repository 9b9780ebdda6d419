//! How near rules came that should have fired and did not.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;

use larum_event::{Event, GroupKey, Measure, Span, TenantId, Timestamp, WindowSpec};
use larum_rule::{Matcher, Rule};

use super::play::Played;
use super::suite::Suite;
use crate::detect::key_text;
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
    /// For rules that count: how far the fullest window came.
    pub count: Option<NearCount>,
}

/// An event for which a condition did not hold.
#[derive(Debug, Clone)]
pub struct Refused {
    /// Its id.
    pub event: String,
    /// What it was asked and what it holds there, under the lines that decided.
    pub why: Vec<String>,
}

/// The fullest window of a rule.
#[derive(Debug, Clone)]
pub struct NearCount {
    /// Matches in it.
    pub reached: u64,
    /// Matches that it takes.
    pub threshold: u64,
    /// Its length.
    pub within: Span,
    /// Whose it is, `ip=203.0.113.9`; empty for a rule without groups.
    pub key: String,
}

/// How near each rule of the suite came.
pub fn near(suite: &Suite, played: &Played) -> Vec<Near> {
    let mut matcher = Matcher::new(suite.set.clone());
    let rules = suite.own.iter();
    rules
        .filter_map(|number| {
            let rule = suite.set.rule(*number)?;
            Some(of_rule(&mut matcher, *number, rule, played))
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
        count: None,
    };
    let mut matches: Vec<(Timestamp, TenantId, GroupKey)> = Vec::new();
    matcher.only(Some(number));
    for event in &played.events {
        let envelope = event.envelope();
        if !rule.on.iter().any(|topic| topic.matches(&envelope.topic)) {
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
            Some(found) => matches.push((envelope.time, envelope.tenant.clone(), found.key)),
            None => {
                near.without_key += 1;
                near.miss(rule, event);
            }
        }
    }
    if let WindowSpec::Aggregate(aggregate) = &rule.window
        && let (Measure::Count, Some(within)) = (&aggregate.measure, rule.window.within())
    {
        let (reached, key) = fullest(matches, within);
        let key = key.map(|key| key_text(&rule.key_members(&key)));
        near.count = Some(NearCount {
            reached,
            threshold: aggregate.bounds.threshold(),
            within,
            key: key.unwrap_or_default(),
        });
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

impl Near {
    fn miss(&mut self, rule: &Rule, event: &Event) {
        for (part, value) in rule.key_values(event) {
            if value.is_none() {
                *self.missing.entry(part.path.to_string()).or_default() += 1;
            }
        }
    }
}

/// Most matches that ever stood in one window, and whose.
fn fullest(
    mut matches: Vec<(Timestamp, TenantId, GroupKey)>,
    within: Span,
) -> (u64, Option<GroupKey>) {
    matches.sort_by_key(|(time, _, _)| *time);
    let mut windows: HashMap<(TenantId, GroupKey), VecDeque<Timestamp>> = HashMap::new();
    let mut most = (0, None);
    for (time, tenant, key) in matches {
        let window = windows.entry((tenant, key.clone())).or_default();
        window.push_back(time);
        // Both ends of a window belong to it.
        while window
            .front()
            .is_some_and(|first| *first < time.saturating_sub(within))
        {
            window.pop_front();
        }
        if window.len() as u64 > most.0 {
            most = (window.len() as u64, Some(key));
        }
    }
    most
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
        let Some(count) = &self.count else {
            return Ok(());
        };
        let NearCount {
            reached,
            threshold,
            within,
            key,
        } = count;
        write!(f, "; reached {reached} of {threshold} within {within}")?;
        if key.is_empty() {
            return Ok(());
        }
        write!(f, " ({key})")
    }
}
