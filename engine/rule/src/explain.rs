//! What decides a rule, and why it did or did not match an event, as plain data for people.
//!
//! Everything comes from the bits and scripts that also decide the match, so that the two cannot
//! disagree.

use crate::error::RuleFault;

/// A condition, or a part of one.
#[derive(Debug, Clone, PartialEq)]
pub struct ConditionPart {
    /// What it is.
    pub kind: ConditionPartKind,
    /// What it asks, as a rule would write it; empty where its parts say it.
    pub text: String,
    /// The line of the rule's file that it comes from, counted from 1; 0 if unknown.
    pub line: usize,
    /// The column in characters, counted from 1; 0 if unknown.
    pub column: usize,
    /// The fields that it asks about.
    pub fields: Vec<ConditionField>,
    /// Whether it holds of the event; `None` without an event, where only the script knows, and for
    /// parts that need one.
    pub holds: Option<bool>,
    /// What it is made of, in order.
    pub parts: Vec<ConditionPart>,
}

/// What a part of a condition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConditionPartKind {
    /// It always or never holds.
    Constant,
    /// All of its parts hold.
    All,
    /// One of its parts holds.
    Any,
    /// Its part does not hold.
    Not,
    /// Its second part if the first holds, else the third.
    Choice,
    /// Its last part; the others are computed before.
    After,
    /// The condition of a step, whose name its text is; without parts every event that the step
    /// reads.
    Step,
    /// A question about the event, asked as a predicate.
    Test,
    /// What only the script decides.
    Script,
}

/// A field that a condition asks about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionField {
    /// Its name, as in `data.user`.
    pub name: String,
    /// What the event holds there, as JSON writes it, shortened; `None` where it is missing, or
    /// without an event. Of an array `[..]`, of an object `{..}`.
    pub value: Option<String>,
}

/// For which events something is asked at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventGate {
    /// For no event.
    Never,
    /// For every event of the rule's topics.
    EveryEvent,
    /// For events that satisfy at least one of these.
    AnyOf(Vec<String>),
}

impl EventGate {
    /// For events for which one of two asks.
    pub(crate) fn union_with(self, other: Self) -> Self {
        match (self, other) {
            (Self::Never, other) | (other, Self::Never) => other,
            (Self::EveryEvent, _) | (_, Self::EveryEvent) => Self::EveryEvent,
            (Self::AnyOf(mut one), Self::AnyOf(other)) => {
                for test in other {
                    if !one.contains(&test) {
                        one.push(test);
                    }
                }
                Self::AnyOf(one)
            }
        }
    }
}

/// How a rule is decided.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleOutline {
    /// Its condition; `None` for a rule without one.
    pub condition: Option<ConditionPart>,
    /// When its predicates are evaluated.
    pub gate: EventGate,
    /// When its script may have to run.
    pub script: EventGate,
}

/// How a rule was decided for one event, whatever the event's topic.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleExplanation {
    /// Its condition, with what was seen; `None` for a rule without one.
    pub condition: Option<ConditionPart>,
    /// Whether the script had to run.
    pub ran_script: bool,
    /// Whether the condition holds.
    pub outcome: Result<bool, RuleFault>,
    /// The rule's steps, by their numbers from 0, that read the event's topic and whose conditions
    /// hold; joins, which need the events before, are not looked at.
    pub steps: Vec<usize>,
    /// Whether the rule reads the event's topic.
    pub reads_topic: bool,
}
