//! Searches: what people ask of stored events, in one line.
//!
//! `type:auth.* user:eve severity>=high last:24h` reads as a [`Search`], which is plain data ([`Node`]) that
//! prints as text again and tells of an event whether it is one of those that were asked for. The language is told
//! in `docs/search.md`. Nothing here reads a clock: `now` is passed in.

mod ask;
mod error;
mod field;
mod glob;
mod moment;
mod network;
mod number;
mod parse;
mod plan;
mod test;
mod value;
mod write;

use std::fmt;

pub use ask::{Limit, Limits, Node, Scale, Term, Want};
pub use error::InvalidSearch;
pub use field::Field;
pub use glob::Glob;
pub use moment::Moment;
pub use network::Network;
pub use number::Number;
pub use test::TermTest;

use self::plan::Plan;
use crate::event::Event;
use crate::time::Timestamp;

/// What is asked of events.
#[derive(Clone)]
pub struct Search {
    root: Node,
    now: Timestamp,
    plan: Plan,
}

impl Search {
    /// Reads a search; times such as `last:24h` count from `now`. An empty text asks for every event.
    ///
    /// # Errors
    /// The text is none, or larger than [`crate::limits`] allow.
    pub fn parse(text: &str, now: Timestamp) -> Result<Self, InvalidSearch> {
        parse::parse(text).map(|root| Self::of(root, now))
    }

    fn of(root: Node, now: Timestamp) -> Self {
        let plan = Plan::of(&root, now);
        Self { root, now, plan }
    }

    /// Asks for events whose field `name` is the text `value`, wildcards and all.
    ///
    /// # Errors
    /// There is no such field, or the value is none of its.
    pub fn field(name: &str, value: &str, now: Timestamp) -> Result<Self, InvalidSearch> {
        let name = name.replace('\\', "\\\\").replace('"', "\\\"");
        Self::parse(&format!("\"{name}\":\"{}\"", Glob::exactly(value)), now)
    }

    /// Asks for events that this one and `other` ask for, as of this one's `now`.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let root = Node::all(vec![self.root, other.root]);
        Self::of(root, self.now)
    }

    /// The same, with times counted from another `now`.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Self {
        Self::of(self.root.clone(), now)
    }

    /// What is asked.
    pub fn root(&self) -> &Node {
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
        matches!(&self.root, Node::All(parts) if parts.is_empty())
    }

    /// What `kind:` calls events of a channel: `alert`, `system`, or `event`.
    pub fn kind_of(channel: &str) -> &'static str {
        plan::kind_of(channel)
    }

    /// Whether `event` is asked for.
    pub fn matches(&self, event: &Event) -> bool {
        self.matches_json(event.json())
    }

    /// Whether the event whose canonical text is `json` is asked for. Other texts never panic; what is
    /// answered of them means nothing.
    pub fn matches_json(&self, json: &str) -> bool {
        self.plan.holds(json)
    }
}

impl Node {
    fn is_relative(&self) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::is_relative),
            Self::Not(part) => part.is_relative(),
            Self::Term(term) => term.any.iter().any(|want| matches!(want, Want::Last(_))),
            Self::Word(_) => false,
        }
    }
}

impl PartialEq for Search {
    fn eq(&self, other: &Self) -> bool {
        self.root == other.root && self.now == other.now
    }
}

impl fmt::Display for Search {
    /// A text that reads as the same search.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.fmt(f)
    }
}

impl fmt::Debug for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Search")
            .field("root", &self.root)
            .field("now", &self.now)
            .finish()
    }
}
