//! Searches: what people ask of stored events, in one line.
//!
//! `type:auth.* user:eve severity>=high last:24h` is parsed into an [`EventSearch`], which is plain
//! data ([`SearchNode`]), prints as text again and tests whether an event matches. `docs/search.md`
//! describes the language. Nothing here reads a clock: `now` is passed in.

mod error;
mod field;
mod node;
mod number;
mod parse;
mod plan;
mod term_test;
mod time_period;
mod value;
mod write;

use std::fmt;

pub use error::InvalidSearch;
pub use field::SearchField;
pub use node::{RangeLimit, RangeLimits, RangeValue, SearchNode, SearchTerm, ValueCondition};
pub use term_test::TermTest;
pub use time_period::TimePeriod;

use self::plan::SearchPlan;
use crate::event::Event;
use crate::time::Timestamp;
use crate::value::GlobPattern;

/// What is asked of events.
#[derive(Clone)]
pub struct EventSearch {
    root: SearchNode,
    now: Timestamp,
    plan: SearchPlan,
}

impl EventSearch {
    /// Reads a search; times such as `last:24h` count from `now`. An empty text asks for every
    /// event.
    ///
    /// # Errors
    /// The text is none, or larger than [`crate::limits`] allow.
    pub fn parse(text: &str, now: Timestamp) -> Result<Self, InvalidSearch> {
        parse::parse_search(text).map(|root| Self::from_root(root, now))
    }

    fn from_root(root: SearchNode, now: Timestamp) -> Self {
        let plan = SearchPlan::compile(&root, now);
        Self { root, now, plan }
    }

    /// Asks for events whose field `name` is the text `value`, wildcards and all.
    ///
    /// # Errors
    /// There is no such field, or the value is none of its.
    pub fn for_field(name: &str, value: &str, now: Timestamp) -> Result<Self, InvalidSearch> {
        let name = name.replace('\\', "\\\\").replace('"', "\\\"");
        Self::parse(
            &format!("\"{name}\":\"{}\"", GlobPattern::from_literal(value)),
            now,
        )
    }

    /// Asks for events that this one and `other` ask for, as of this one's `now`.
    #[must_use]
    pub fn and_search(self, other: Self) -> Self {
        let root = SearchNode::all_of(vec![self.root, other.root]);
        Self::from_root(root, self.now)
    }

    /// The same, with times counted from another `now`.
    #[must_use]
    pub fn with_now(&self, now: Timestamp) -> Self {
        Self::from_root(self.root.clone(), now)
    }

    /// What is asked.
    pub fn root(&self) -> &SearchNode {
        &self.root
    }

    /// What relative times count from.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Whether the answer depends on when it is asked.
    pub fn is_relative(&self) -> bool {
        self.root.is_relative()
    }

    /// Whether every event is asked for.
    pub fn is_everything(&self) -> bool {
        matches!(&self.root, SearchNode::All(parts) if parts.is_empty())
    }

    /// What `kind:` calls events of a channel: `alert`, `system`, or `event`.
    pub fn channel_kind(channel: &str) -> &'static str {
        plan::channel_kind(channel)
    }

    /// Whether `event` is asked for.
    pub fn matches(&self, event: &Event) -> bool {
        self.matches_json(event.json())
    }

    /// Whether the event whose canonical text is `json` is asked for. Other texts never panic; what
    /// is answered of them means nothing.
    pub fn matches_json(&self, json: &str) -> bool {
        self.plan.matches_json(json)
    }
}

impl SearchNode {
    fn is_relative(&self) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::is_relative),
            Self::Not(part) => part.is_relative(),
            Self::Term(term) => term
                .any
                .iter()
                .any(|want| matches!(want, ValueCondition::Last(_))),
            Self::Word(_) => false,
        }
    }
}

impl PartialEq for EventSearch {
    fn eq(&self, other: &Self) -> bool {
        self.root == other.root && self.now == other.now
    }
}

impl fmt::Display for EventSearch {
    /// A text that reads as the same search.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.fmt(f)
    }
}

impl fmt::Debug for EventSearch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Search")
            .field("root", &self.root)
            .field("now", &self.now)
            .finish()
    }
}
