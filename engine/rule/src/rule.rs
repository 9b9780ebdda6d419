//! A rule as plain data.
//!
//! Owns what is asked of a rule without an event or a set: its topics, its key, whether scripts
//! run. Loading and matching it happen elsewhere.
//! Invariant: a rule never changes once its set is built, and equal semantic hashes decide the same
//! fires, so state may move from one to the other.

use std::sync::Arc;

use larum_event::{
    Event, GroupKey, MeasureInput, RuleId, ScalarValue, Severity, TopicPattern, WindowSpec,
};
use larum_predicate::AlertAudience;

use crate::condition::{ConditionPlan, KeySource, RuleCondition};
use crate::exception::RuleException;
use crate::script::RuleClosure;
use crate::view::FieldRef;

/// The language of rules without a front end.
pub(crate) const RHAI: &str = "rhai";

/// One member of a rule's group key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeyPart {
    /// Its name in alerts and in `window.key`.
    pub name: Arc<str>,
    /// The path that it is read from, such as `metadata.user`.
    pub path: Arc<str>,
}

/// A detection rule, loaded and checked.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its id, also the type of its alerts.
    pub id: RuleId,
    /// The language that it is written in: `rhai`, or that of a front end.
    pub language: &'static str,
    /// A short name for people.
    pub title: Option<Arc<str>>,
    /// What it detects, for people.
    pub description: Option<Arc<str>>,
    /// How bad what it detects is; medium where the rule does not say.
    pub severity: Severity,
    /// ATT&CK technique ids.
    pub attack: Vec<Arc<str>>,
    /// Where to read more.
    pub references: Vec<Arc<str>>,
    /// What else may look like it.
    pub false_positives: Vec<Arc<str>>,
    /// The topics it reads; at least one.
    pub on: Vec<TopicPattern>,
    /// What keeps its counts apart; empty for one group of everything.
    pub group_by: Vec<KeyPart>,
    /// What it asks of the matches of one group.
    pub window: WindowSpec,
    /// 0 for rules over raw events, above that of every rule whose alerts it reads.
    pub layer: u8,
    /// Changes when, and only when, something changes that decides a fire.
    pub semantic_hash: [u8; 32],
    /// The file that it is written in.
    pub file: Arc<str>,
    /// The line of its `rule(..)`, counted from 1.
    pub line: usize,
    /// Events that are left out, as `except.toml` beside it says.
    pub exceptions: Vec<RuleException>,
    /// Who gets its alerts.
    pub audience: AlertAudience,
    /// Of a rule of another language: fields that it names, and what they are called in some
    /// events.
    pub(crate) synonyms: Vec<(Arc<str>, Arc<str>)>,
    /// Its conditions: one, or one for each step.
    pub steps: Vec<RuleStep>,
    /// The fields that its window measures or compares, in the order of
    /// [`RuleMatch::values`](crate::RuleMatch::values).
    pub measured: Vec<Arc<str>>,
    pub(crate) values: Vec<KeySource>,
    pub(crate) source: usize,
    pub(crate) alert: Option<RuleClosure>,
    pub(crate) on_event: Option<RuleClosure>,
    pub(crate) on_timer: Option<RuleClosure>,
    /// Whether one of its scripts asks trees.
    pub(crate) scripts_ask_trees: bool,
}

/// A condition of a rule: its only one, or that of one step.
#[derive(Debug, Clone)]
pub struct RuleStep {
    /// The step's name; empty for the condition of a rule without steps.
    pub name: Arc<str>,
    /// What an event that satisfies it sets in
    /// [`RuleMatch::steps`](crate::RuleMatch::steps).
    pub bit: u32,
    /// The topics it reads.
    pub on: Vec<TopicPattern>,
    /// Where its events have the members of the group key, in their order.
    pub key_paths: Vec<Arc<str>>,
    pub(crate) when: Option<RuleClosure>,
    /// The condition read from `when`, with scripts where it could not be read.
    pub(crate) condition: Option<Arc<RuleCondition>>,
    /// How that is decided.
    pub(crate) plan: Option<Arc<ConditionPlan>>,
    pub(crate) key: Vec<KeySource>,
}

impl RuleStep {
    /// The only condition of a rule: every event of its topics.
    pub(crate) fn match_all(on: Vec<TopicPattern>) -> Self {
        Self {
            name: "".into(),
            bit: 1,
            on,
            key_paths: Vec::new(),
            when: None,
            condition: None,
            plan: None,
            key: Vec::new(),
        }
    }

    /// Whether its condition, if it has one, is read as a whole.
    pub fn is_native(&self) -> bool {
        let condition = self.condition.as_ref();
        condition.is_none_or(|condition| !condition.has_script())
    }
}

impl Rule {
    /// Whether `other` leaves out the same events. The order of exceptions, their reasons and their
    /// owners make no difference.
    pub fn has_same_exceptions(&self, other: &Self) -> bool {
        let texts = |rule: &Self| {
            let exceptions = rule.exceptions.iter();
            let mut texts: Vec<String> = exceptions.map(RuleException::decisive_text).collect();
            texts.sort_unstable();
            texts
        };
        texts(self) == texts(other)
    }

    /// Whether the rule makes its alerts' text itself.
    pub fn has_alert(&self) -> bool {
        self.alert.is_some()
    }

    /// Whether it asks trees: in its conditions, in its alert, or for what it groups by or
    /// measures.
    pub fn asks_trees(&self) -> bool {
        self.scripts_ask_trees || self.steps.iter().any(|step| self.groups_by_tree(step))
    }

    /// Whether the key of a step, or what is measured, comes from trees.
    pub(crate) fn groups_by_tree(&self, step: &RuleStep) -> bool {
        step.key.contains(&KeySource::Root) || self.values.contains(&KeySource::Root)
    }

    /// Whether it is written in Rhai.
    pub(crate) fn is_rhai(&self) -> bool {
        self.language == RHAI
    }

    /// Whether anything of it is run as a script.
    pub(crate) fn has_script(&self) -> bool {
        let own = [&self.alert, &self.on_event, &self.on_timer];
        own.into_iter().any(Option::is_some) || self.steps.iter().any(|step| step.when.is_some())
    }

    /// Whether its conditions are read as a whole: the script runs only for values of shapes that
    /// only the script knows.
    pub fn is_native(&self) -> bool {
        self.steps.iter().all(RuleStep::is_native)
    }

    /// Whether its matches carry the whole event.
    pub fn wants_events(&self) -> bool {
        matches!(self.window, WindowSpec::Scripted(_))
    }

    /// Whether what its window measures are numbers.
    pub(crate) fn measures_numbers(&self) -> bool {
        match &self.window {
            WindowSpec::Aggregate(aggregate) => aggregate.measure.input() == MeasureInput::Number,
            WindowSpec::Single | WindowSpec::Sequence(_) | WindowSpec::Scripted(_) => false,
        }
    }

    /// The paths that the members of the group key are read from in events of `step`.
    pub fn key_paths<'r>(&'r self, step: &'r RuleStep) -> Vec<&'r str> {
        if step.key_paths.is_empty() {
            return self.group_by.iter().map(|part| &*part.path).collect();
        }
        step.key_paths.iter().map(|path| &**path).collect()
    }

    /// A group of this rule, by name of its members.
    pub fn key_members(&self, key: &GroupKey) -> serde_json::Map<String, serde_json::Value> {
        self.group_by
            .iter()
            .zip(key.members())
            .map(|(part, value)| (part.name.to_string(), value.to_json()))
            .collect()
    }
}

/// The topic that alerts of a rule are on.
pub(crate) fn alert_topic(id: &RuleId) -> String {
    format!("alerts.{}", id.as_str().to_ascii_lowercase())
}

/// What an event has at a path, if it can be grouped by.
pub(crate) fn read_event_key(event: &Event, path: &str) -> Option<ScalarValue> {
    let value = match FieldRef::parse(path).ok()? {
        FieldRef::Member(member) => member.value_in(event),
        FieldRef::Path(path) => event.field(&path),
    };
    ScalarValue::from_value(&value?)
}
