//! Whether one value of an event is what a term asks for.
//!
//! Owns the comparison of one value with one term. Which values of an event belong to the term's
//! field is `plan`'s job.
//! Invariant: the same value gives the same answer whether it comes from a column of the log or
//! from the event's JSON, since a search may be decided by either.

use super::field::SearchField;
use super::node::{RangeLimits, SearchTerm, ValueCondition};
use super::number::parse_number;
use super::time_period::TimePeriod;
use crate::fields::decode_string;
use crate::pattern::TopicPattern;
use crate::severity::Severity;
use crate::time::{Span, Timestamp};
use crate::topic::Topic;
use crate::value::{CaseSensitivity, GlobMatcher, GlobPattern, Network, Number};

/// A term made ready to be asked of many values.
#[derive(Debug, Clone)]
pub struct TermTest {
    field: SearchField,
    any: Vec<ValueTest>,
    now: Timestamp,
}

#[derive(Debug, Clone)]
enum ValueTest {
    Present,
    Text {
        matcher: TextMatcher,
        /// The number that the text is, which numbers are compared with.
        number: Option<Number>,
    },
    Network(Network),
    Topics(TopicPattern),
    Range(RangeLimits),
    Last(Span),
}

impl SearchTerm {
    /// Makes it ready; `now` is what its relative times count from.
    pub fn compile_test(&self, now: Timestamp) -> TermTest {
        let case = match self.field.has_id_values() {
            true => CaseSensitivity::Sensitive,
            false => CaseSensitivity::Insensitive,
        };
        let ready = |want: &ValueCondition| match want {
            ValueCondition::Present => ValueTest::Present,
            ValueCondition::Text(glob) => ValueTest::Text {
                matcher: TextMatcher::new(glob, case),
                number: glob.as_literal().and_then(parse_number),
            },
            ValueCondition::Network(network) => ValueTest::Network(*network),
            ValueCondition::Topics(pattern) => ValueTest::Topics(pattern.clone()),
            ValueCondition::Range(limits) => ValueTest::Range(limits.clone()),
            ValueCondition::Last(span) => ValueTest::Last(*span),
        };
        TermTest {
            field: self.field.clone(),
            any: self.any.iter().map(ready).collect(),
            now,
        }
    }
}

impl TermTest {
    /// Whether a text is what is wanted.
    pub fn matches_text(&self, text: &str) -> bool {
        self.any.iter().any(|test| match test {
            ValueTest::Present => true,
            ValueTest::Text { matcher, .. } => {
                matcher.matches(text)
                    || (self.field == SearchField::Host
                        && short_host(text).is_some_and(|it| matcher.matches(it)))
            }
            ValueTest::Network(network) => network.contains(text),
            ValueTest::Topics(pattern) => {
                Topic::new(text).is_ok_and(|topic| pattern.matches(&topic))
            }
            ValueTest::Range(limits) if self.field == SearchField::Severity => text
                .parse()
                .is_ok_and(|severity| limits.contains_severity(severity)),
            ValueTest::Range(limits) => {
                parse_number(text).is_some_and(|number| limits.contains_number(number))
                    || parse_time(text).is_some_and(|time| limits.contains_time(time))
            }
            ValueTest::Last(_) => parse_time(text).is_some_and(|time| self.matches_time(time)),
        })
    }

    /// Whether a time is what is wanted.
    pub fn matches_time(&self, time: Timestamp) -> bool {
        let mut times = self.time_ranges();
        times.any(|(from, to)| from <= time && time <= to)
    }

    /// Stretches of time that are wanted, each by its first and its last instant.
    pub fn time_ranges(&self) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        self.any.iter().filter_map(|test| match test {
            ValueTest::Present => Some((Timestamp::MIN, Timestamp::MAX)),
            ValueTest::Range(limits) => limits.time_range(),
            ValueTest::Last(span) => Some((self.now.saturating_sub(*span), Timestamp::MAX)),
            ValueTest::Text { .. } | ValueTest::Network(_) | ValueTest::Topics(_) => None,
        })
    }

    /// Whether a severity is what is wanted.
    pub fn matches_severity(&self, severity: Severity) -> bool {
        self.any.iter().any(|test| match test {
            ValueTest::Present => true,
            ValueTest::Range(limits) => limits.contains_severity(severity),
            ValueTest::Text { .. }
            | ValueTest::Network(_)
            | ValueTest::Topics(_)
            | ValueTest::Last(_) => false,
        })
    }

    /// Whether the value that `json` is is what is wanted.
    pub(super) fn matches_json(&self, json: &str) -> bool {
        match json.as_bytes().first() {
            None | Some(b'n') => false,
            Some(b'{' | b'[') => self
                .any
                .iter()
                .any(|test| matches!(test, ValueTest::Present)),
            Some(b'"') => decode_string(json).is_some_and(|text| self.matches_text(&text)),
            Some(b't' | b'f') => self.any.iter().any(|test| match test {
                ValueTest::Present => true,
                ValueTest::Text { matcher, .. } => matcher.matches(json),
                ValueTest::Network(_)
                | ValueTest::Topics(_)
                | ValueTest::Range(_)
                | ValueTest::Last(_) => false,
            }),
            Some(_) => self.matches_number(json),
        }
    }

    fn matches_number(&self, json: &str) -> bool {
        let found = parse_number(json);
        self.any.iter().any(|test| match test {
            ValueTest::Present => true,
            ValueTest::Text { matcher, number } => {
                matcher.matches(json) || (number.is_some() && *number == found)
            }
            ValueTest::Range(limits) => found.is_some_and(|found| limits.contains_number(found)),
            ValueTest::Network(_) | ValueTest::Topics(_) | ValueTest::Last(_) => false,
        })
    }
}

/// Finds texts, folded first unless case matters.
#[derive(Debug, Clone)]
pub(super) struct TextMatcher {
    case: CaseSensitivity,
    glob: GlobMatcher,
}

impl TextMatcher {
    fn new(glob: &GlobPattern, case: CaseSensitivity) -> Self {
        let glob = glob.normalize(case).whole_matcher();
        Self { case, glob }
    }

    /// What finds texts that have `glob` in them, without regard to case.
    pub(super) fn in_any_text(glob: &GlobPattern) -> Self {
        let case = CaseSensitivity::Insensitive;
        let glob = glob.normalize(case).substring_matcher();
        Self { case, glob }
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        self.glob.is_match(&self.case.normalize(text))
    }
}

/// A machine's name up to the first dot, as most people call it.
fn short_host(text: &str) -> Option<&str> {
    let (short, _) = text.split_once('.')?;
    text.parse::<std::net::IpAddr>().is_err().then_some(short)
}

/// A time in an event's own data.
fn parse_time(text: &str) -> Option<Timestamp> {
    TimePeriod::parse(text).map(|moment| moment.from)
}
