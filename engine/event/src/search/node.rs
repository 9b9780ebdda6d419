//! What a search asks, as plain data.
//!
//! Owns the tree of parts and the ranges of values. Parsing, printing and matching are in `parse`,
//! `write` and `plan`; nothing here looks at an event.
//! Invariant: `All` never holds an `All` and `Any` never an `Any`, and neither holds exactly one
//! part, so that equal questions are equal data.

use std::cmp::Ordering;

use crate::pattern::TopicPattern;
use crate::severity::Severity;
use crate::time::{Span, Timestamp};
use crate::value::{GlobPattern, Network, Number};

use super::field::SearchField;
use super::time_period::TimePeriod;

/// One part of a search.
#[derive(Debug, Clone, PartialEq)]
pub enum SearchNode {
    /// Every part must hold; of none, every event is found.
    All(Vec<SearchNode>),
    /// One part must hold.
    Any(Vec<SearchNode>),
    /// The part must not hold.
    Not(Box<SearchNode>),
    /// A field has one of some values.
    Term(SearchTerm),
    /// Any value of the event holds this text.
    Word(GlobPattern),
}

/// A field and what its value may be.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchTerm {
    /// Which field.
    pub field: SearchField,
    /// One of these must hold of one of its values; never empty.
    pub any: Vec<ValueCondition>,
}

/// What a value may be.
#[derive(Debug, Clone, PartialEq)]
pub enum ValueCondition {
    /// Anything but null.
    Present,
    /// A text or number that looks like this.
    Text(GlobPattern),
    /// An address in a network.
    Network(Network),
    /// A topic that fits a pattern.
    Topics(TopicPattern),
    /// Within limits.
    Range(RangeLimits),
    /// A time no longer than this ago.
    Last(Span),
}

/// The limits of a range, of one kind; at least one of them is there.
#[derive(Debug, Clone, PartialEq)]
pub struct RangeLimits {
    /// The lower one.
    pub low: Option<RangeLimit>,
    /// The upper one.
    pub high: Option<RangeLimit>,
}

/// One limit of a range.
#[derive(Debug, Clone, PartialEq)]
pub struct RangeLimit {
    /// Where it is.
    pub at: RangeValue,
    /// Whether the range holds it.
    pub is_included: bool,
}

/// What can be more or less.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RangeValue {
    /// A number.
    Number(Number),
    /// A time.
    Time(TimePeriod),
    /// A severity.
    Severity(Severity),
}

impl SearchNode {
    /// What all of `parts` ask.
    pub(super) fn all_of(parts: Vec<Self>) -> Self {
        let mut flat = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                Self::All(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        unwrap_single(flat).unwrap_or_else(Self::All)
    }

    /// What one of `parts` asks.
    pub(super) fn any_of(parts: Vec<Self>) -> Self {
        let mut flat = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                Self::Any(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        unwrap_single(flat).unwrap_or_else(Self::Any)
    }
}

/// The only one of `parts`, or all of them when there are more or none.
fn unwrap_single(mut parts: Vec<SearchNode>) -> Result<SearchNode, Vec<SearchNode>> {
    match parts.pop() {
        Some(part) if parts.is_empty() => Ok(part),
        last => {
            parts.extend(last);
            Err(parts)
        }
    }
}

impl RangeLimits {
    /// The range that is one place of its scale.
    pub(super) fn exactly(at: RangeValue) -> Self {
        let limit = RangeLimit {
            at,
            is_included: true,
        };
        Self {
            low: Some(limit.clone()),
            high: Some(limit),
        }
    }

    pub(super) fn contains_number(&self, number: Number) -> bool {
        self.contains(|at| match at {
            RangeValue::Number(own) => number.order(own),
            RangeValue::Time(_) | RangeValue::Severity(_) => None,
        })
    }

    pub(super) fn contains_time(&self, time: Timestamp) -> bool {
        self.time_range()
            .is_some_and(|(from, to)| from <= time && time <= to)
    }

    /// The times in it, as its first and its last; none where it holds none.
    pub(super) fn time_range(&self) -> Option<(Timestamp, Timestamp)> {
        let end = |limit: &RangeLimit| match limit.at {
            RangeValue::Time(at) => Some((at, limit.is_included)),
            RangeValue::Number(_) | RangeValue::Severity(_) => None,
        };
        let from = match &self.low {
            None => Timestamp::MIN,
            Some(limit) => match end(limit)? {
                (at, true) => at.from,
                (at, false) => Timestamp::from_nanos(at.to.as_nanos().checked_add(1)?),
            },
        };
        let to = match &self.high {
            None => Timestamp::MAX,
            Some(limit) => match end(limit)? {
                (at, true) => at.to,
                (at, false) => Timestamp::from_nanos(at.from.as_nanos().checked_sub(1)?),
            },
        };
        (from <= to).then_some((from, to))
    }

    pub(super) fn contains_severity(&self, severity: Severity) -> bool {
        self.contains(|at| match at {
            RangeValue::Severity(own) => Some(severity.cmp(&own)),
            RangeValue::Number(_) | RangeValue::Time(_) => None,
        })
    }

    /// `order` says where the value lies from a place of its scale; a limit of another scale holds
    /// nothing.
    fn contains(&self, order: impl Fn(RangeValue) -> Option<Ordering>) -> bool {
        let is_beyond = |limit: &Option<RangeLimit>, side: Ordering| {
            limit.as_ref().is_none_or(|limit| {
                order(limit.at)
                    .is_some_and(|order| order == side || (limit.is_included && order.is_eq()))
            })
        };
        is_beyond(&self.low, Ordering::Greater) && is_beyond(&self.high, Ordering::Less)
    }
}
