//! Whether one value of an event is what a term wants.

use super::ask::{Limits, Term, Want};
use super::field::Field;
use super::glob::{Case, Matcher};
use super::moment::Moment;
use super::network::Network;
use super::number::Number;
use crate::fields::characters;
use crate::pattern::TopicPattern;
use crate::severity::Severity;
use crate::time::{Span, Timestamp};
use crate::topic::Topic;

/// A term made ready to be asked of many values.
#[derive(Debug, Clone)]
pub struct TermTest {
    field: Field,
    any: Vec<Test>,
    now: Timestamp,
}

#[derive(Debug, Clone)]
enum Test {
    Present,
    Text {
        matcher: Matcher,
        /// The number that the text is, which numbers are compared with.
        number: Option<Number>,
    },
    Network(Network),
    Topics(TopicPattern),
    Range(Limits),
    Last(Span),
}

impl Term {
    /// Makes it ready; `now` is what its relative times count from.
    pub fn test(&self, now: Timestamp) -> TermTest {
        let case = match self.field.holds_ids() {
            true => Case::Exact,
            false => Case::Folded,
        };
        let ready = |want: &Want| match want {
            Want::Present => Test::Present,
            Want::Text(glob) => Test::Text {
                matcher: glob.whole(case),
                number: glob.literal().and_then(Number::parse),
            },
            Want::Network(network) => Test::Network(*network),
            Want::Topics(pattern) => Test::Topics(pattern.clone()),
            Want::Range(limits) => Test::Range(limits.clone()),
            Want::Last(span) => Test::Last(*span),
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
    pub fn holds_text(&self, text: &str) -> bool {
        self.any.iter().any(|test| match test {
            Test::Present => true,
            Test::Text { matcher, .. } => {
                matcher.matches(text)
                    || (self.field == Field::Host
                        && short_host(text).is_some_and(|it| matcher.matches(it)))
            }
            Test::Network(network) => network.holds(text),
            Test::Topics(pattern) => Topic::new(text).is_ok_and(|topic| pattern.matches(&topic)),
            Test::Range(limits) if self.field == Field::Severity => text
                .parse()
                .is_ok_and(|severity| limits.holds_severity(severity)),
            Test::Range(limits) => {
                Number::parse(text).is_some_and(|number| limits.holds_number(number))
                    || time(text).is_some_and(|time| limits.holds_time(time))
            }
            Test::Last(_) => time(text).is_some_and(|time| self.holds_time(time)),
        })
    }

    /// Whether a time is what is wanted.
    pub fn holds_time(&self, time: Timestamp) -> bool {
        let mut times = self.times();
        times.any(|(from, to)| from <= time && time <= to)
    }

    /// Stretches of time that are wanted, each by its first and its last instant.
    pub fn times(&self) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        self.any.iter().filter_map(|test| match test {
            Test::Present => Some((Timestamp::MIN, Timestamp::MAX)),
            Test::Range(limits) => limits.times(),
            Test::Last(span) => Some((self.now.saturating_sub(*span), Timestamp::MAX)),
            Test::Text { .. } | Test::Network(_) | Test::Topics(_) => None,
        })
    }

    /// Whether a severity is what is wanted.
    pub fn holds_severity(&self, severity: Severity) -> bool {
        self.any.iter().any(|test| match test {
            Test::Present => true,
            Test::Range(limits) => limits.holds_severity(severity),
            Test::Text { .. } | Test::Network(_) | Test::Topics(_) | Test::Last(_) => false,
        })
    }

    /// Whether the value that `json` is is what is wanted.
    pub(super) fn holds_json(&self, json: &str) -> bool {
        match json.as_bytes().first() {
            None | Some(b'n') => false,
            Some(b'{' | b'[') => self.any.iter().any(|test| matches!(test, Test::Present)),
            Some(b'"') => characters(json).is_some_and(|text| self.holds_text(&text)),
            Some(b't' | b'f') => self.any.iter().any(|test| match test {
                Test::Present => true,
                Test::Text { matcher, .. } => matcher.matches(json),
                Test::Network(_) | Test::Topics(_) | Test::Range(_) | Test::Last(_) => false,
            }),
            Some(_) => self.holds_number(json),
        }
    }

    fn holds_number(&self, json: &str) -> bool {
        let found = Number::parse(json);
        self.any.iter().any(|test| match test {
            Test::Present => true,
            Test::Text { matcher, number } => {
                matcher.matches(json) || (number.is_some() && *number == found)
            }
            Test::Range(limits) => found.is_some_and(|found| limits.holds_number(found)),
            Test::Network(_) | Test::Topics(_) | Test::Last(_) => false,
        })
    }
}

/// A machine's name up to the first dot, as most people call it.
fn short_host(text: &str) -> Option<&str> {
    let (short, _) = text.split_once('.')?;
    text.parse::<std::net::IpAddr>().is_err().then_some(short)
}

/// A time in an event's own data.
fn time(text: &str) -> Option<Timestamp> {
    Moment::parse(text).map(|moment| moment.from)
}
