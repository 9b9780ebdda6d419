//! Patterns over topics, with MQTT's wildcards.
//!
//! Owns the syntax and the matching: `+` is exactly one segment, `#` is zero or more and only at
//! the end (2-09, 2-10, X1). `*` and `>`, the wildcards of other systems, are refused with a hint
//! (X3). Who subscribes with a pattern is not known here.
//! Invariant: a leading wildcard never matches the engine's own `$sys` channel, so that a
//! subscription to everything does not see the engine's events about itself.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::limits;
use crate::topic::{InvalidTopic, Topic, check_segment, shorten_text};

/// A checked pattern such as `security.auth.#`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPattern {
    text: Arc<str>,
}

/// Why a text is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPattern {
    /// `#` is before the end.
    #[error("pattern {pattern:?} has '#' before its end; '#' may only be the last segment")]
    HashNotLast {
        /// The whole pattern.
        pattern: String,
    },
    /// A wildcard of another system.
    #[error(
        "pattern {pattern:?} holds {wildcard:?}, which is no wildcard here; did you mean '+' (one segment) or '#' (any number, at the end)?"
    )]
    ForeignWildcard {
        /// The whole pattern.
        pattern: String,
        /// `*` or `>`.
        wildcard: char,
    },
    /// A wildcard that shares its segment with other characters.
    #[error(
        "pattern {pattern:?} holds a wildcard inside of segment {segment:?}; a wildcard is a whole segment"
    )]
    PartialWildcard {
        /// The whole pattern.
        pattern: String,
        /// The segment.
        segment: String,
    },
    /// A segment that no topic could have.
    #[error(transparent)]
    Segment(#[from] InvalidTopic),
}

impl TopicPattern {
    /// Parses `text` as a pattern. Upper case letters are an error, because topics have none.
    pub fn new(text: &str) -> Result<Self, InvalidPattern> {
        if let Some(wildcard) = text.chars().find(|c| matches!(c, '*' | '>')) {
            return Err(InvalidPattern::ForeignWildcard {
                pattern: shorten_text(text),
                wildcard,
            });
        }
        let segments: Vec<&str> = text.split('.').collect();
        for (index, segment) in segments.iter().copied().enumerate() {
            match segment {
                "+" => {}
                "#" if index + 1 == segments.len() => {}
                "#" => {
                    return Err(InvalidPattern::HashNotLast {
                        pattern: shorten_text(text),
                    });
                }
                _ if segment.contains(['+', '#']) => {
                    return Err(InvalidPattern::PartialWildcard {
                        pattern: shorten_text(text),
                        segment: shorten_text(segment),
                    });
                }
                _ => {
                    let name = if index == 0 {
                        segment.strip_prefix('$').unwrap_or(segment)
                    } else {
                        segment
                    };
                    check_segment(text, name)?;
                }
            }
        }
        // A final `#` may match nothing, so it does not count towards the depth.
        let literal = segments.iter().filter(|segment| **segment != "#").count();
        if literal > limits::TOPIC_SEGMENTS {
            return Err(InvalidTopic::TooDeep {
                topic: shorten_text(text),
                segments: literal,
            }
            .into());
        }
        Ok(Self { text: text.into() })
    }

    /// `#`: matches every topic except those of the engine's own channel.
    pub fn all_topics() -> Self {
        Self { text: "#".into() }
    }

    /// The pattern as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it has no wildcard, and so names exactly one topic.
    pub fn is_literal(&self) -> bool {
        !self.text.contains(['+', '#'])
    }

    /// Whether the pattern matches `topic`.
    pub fn matches(&self, topic: &Topic) -> bool {
        self.matches_text(topic.as_str())
    }

    fn matches_text(&self, topic: &str) -> bool {
        if topic.starts_with('$') && self.text.starts_with(['+', '#']) {
            return false;
        }
        let mut segments = topic.split('.');
        for wanted in self.text.split('.') {
            if wanted == "#" {
                return true;
            }
            match segments.next() {
                Some(segment) if wanted == "+" || wanted == segment => {}
                _ => return false,
            }
        }
        segments.next().is_none()
    }
}

impl FromStr for TopicPattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl fmt::Display for TopicPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for TopicPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.text)
    }
}
