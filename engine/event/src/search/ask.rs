//! What a search asks, as plain data.

use crate::pattern::TopicPattern;
use crate::severity::Severity;
use crate::time::{Span, Timestamp};

use super::field::Field;
use super::glob::Glob;
use super::moment::Moment;
use super::network::Network;
use super::number::Number;

/// One part of a search.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// Every part must hold; of none, every event is found.
    All(Vec<Node>),
    /// One part must hold.
    Any(Vec<Node>),
    /// The part must not hold.
    Not(Box<Node>),
    /// A field has one of some values.
    Term(Term),
    /// Any value of the event holds this text.
    Word(Glob),
}

/// A field and what its value may be.
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    /// Which field.
    pub field: Field,
    /// One of these must hold of one of its values; never empty.
    pub any: Vec<Want>,
}

/// What a value may be.
#[derive(Debug, Clone, PartialEq)]
pub enum Want {
    /// Anything but null.
    Present,
    /// A text or number that looks like this.
    Text(Glob),
    /// An address in a network.
    Network(Network),
    /// A topic that fits a pattern.
    Topics(TopicPattern),
    /// Within limits.
    Range(Limits),
    /// A time no longer than this ago.
    Last(Span),
}

/// The limits of a range, of one kind; at least one of them is there.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// The lower one.
    pub low: Option<Limit>,
    /// The upper one.
    pub high: Option<Limit>,
}

/// One limit of a range.
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    /// Where it is.
    pub at: Scale,
    /// Whether the range holds it.
    pub is_included: bool,
}

/// What can be more or less.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scale {
    /// A number.
    Number(Number),
    /// A time.
    Time(Moment),
    /// A severity.
    Severity(Severity),
}

impl Node {
    /// What all of `parts` ask.
    pub(super) fn all(parts: Vec<Self>) -> Self {
        let mut flat = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                Self::All(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        only(flat).unwrap_or_else(Self::All)
    }

    /// What one of `parts` asks.
    pub(super) fn any(parts: Vec<Self>) -> Self {
        let mut flat = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                Self::Any(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        only(flat).unwrap_or_else(Self::Any)
    }
}

/// The only one of `parts`, or all of them when there are more or none.
fn only(mut parts: Vec<Node>) -> Result<Node, Vec<Node>> {
    match parts.pop() {
        Some(part) if parts.is_empty() => Ok(part),
        last => {
            parts.extend(last);
            Err(parts)
        }
    }
}

impl Limits {
    /// The range that is one place of its scale.
    pub(super) fn only(at: Scale) -> Self {
        let limit = Limit {
            at,
            is_included: true,
        };
        Self {
            low: Some(limit.clone()),
            high: Some(limit),
        }
    }

    pub(super) fn holds_number(&self, number: Number) -> bool {
        self.holds(number, |at| match at {
            Scale::Number(own) => Some((own, own)),
            Scale::Time(_) | Scale::Severity(_) => None,
        })
    }

    pub(super) fn holds_time(&self, time: Timestamp) -> bool {
        self.times()
            .is_some_and(|(from, to)| from <= time && time <= to)
    }

    /// The times in it, as its first and its last; none where it holds none.
    pub(super) fn times(&self) -> Option<(Timestamp, Timestamp)> {
        let end = |limit: &Limit| match limit.at {
            Scale::Time(at) => Some((at, limit.is_included)),
            Scale::Number(_) | Scale::Severity(_) => None,
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

    pub(super) fn holds_severity(&self, severity: Severity) -> bool {
        self.holds(severity, |at| match at {
            Scale::Severity(own) => Some((own, own)),
            Scale::Number(_) | Scale::Time(_) => None,
        })
    }

    /// `ends` tells where a place of the scale begins and ends; a limit of another scale holds nothing.
    fn holds<T: PartialOrd>(&self, value: T, ends: impl Fn(Scale) -> Option<(T, T)>) -> bool {
        let is_above = self.low.as_ref().is_none_or(|limit| {
            ends(limit.at).is_some_and(|(begin, end)| match limit.is_included {
                true => value >= begin,
                false => value > end,
            })
        });
        let is_below = self.high.as_ref().is_none_or(|limit| {
            ends(limit.at).is_some_and(|(begin, end)| match limit.is_included {
                true => value <= end,
                false => value < begin,
            })
        });
        is_above && is_below
    }
}
