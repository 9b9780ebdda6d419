//! Topics: the hierarchy that subscriptions and rules are written over.
//!
//! Owns the characters, the length and the depth of a topic; [`crate::TopicPattern`] owns the
//! wildcards.
//! Invariant: a topic is the event's channel, a dot, and its type in lower case (design §5), so two
//! events whose types differ only in case are on one topic.

use std::fmt;
use std::sync::Arc;

use crate::limits;
use crate::names::{Channel, EventType};

/// A checked topic such as `security.auth.login`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic(Arc<str>);

/// Why a text is not a topic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTopic {
    /// A segment has no characters: a leading, trailing or doubled dot, or nothing at all.
    #[error("topic {topic:?} has an empty segment")]
    EmptySegment {
        /// The whole topic.
        topic: String,
    },
    /// More segments than [`limits::TOPIC_SEGMENTS`].
    #[error(
        "topic {topic:?} has {segments} segments, at most {} are allowed",
        limits::TOPIC_SEGMENTS
    )]
    TooDeep {
        /// The whole topic.
        topic: String,
        /// Segments found.
        segments: usize,
    },
    /// A segment longer than [`limits::TOPIC_SEGMENT_BYTES`].
    #[error(
        "topic segment {segment:?} is longer than {} bytes",
        limits::TOPIC_SEGMENT_BYTES
    )]
    SegmentTooLong {
        /// The segment.
        segment: String,
    },
    /// A wildcard, of ours or of another system, where a plain topic is needed (X3).
    #[error(
        "topic {topic:?} holds {wildcard:?}; a topic has no wildcards, only patterns have: did you mean to subscribe with '+' (one segment) or '#' (any number, at the end)?"
    )]
    Wildcard {
        /// The whole topic.
        topic: String,
        /// The wildcard found.
        wildcard: char,
    },
    /// A character outside of `[a-z0-9_-]`.
    #[error("topic {topic:?} holds {character:?}; segments are made of a-z, 0-9, '_' and '-'")]
    Character {
        /// The whole topic.
        topic: String,
        /// The character found.
        character: char,
    },
}

impl Topic {
    /// Checks `text`, which must be in lower case already.
    pub fn new(text: &str) -> Result<Self, InvalidTopic> {
        let mut segments = 0;
        for (index, segment) in text.split('.').enumerate() {
            segments += 1;
            // `$` opens the engine's own channel and is allowed nowhere else.
            let name = if index == 0 {
                segment.strip_prefix('$').unwrap_or(segment)
            } else {
                segment
            };
            check_segment(text, name)?;
        }
        if segments > limits::TOPIC_SEGMENTS {
            return Err(InvalidTopic::TooDeep {
                topic: shorten_text(text),
                segments,
            });
        }
        Ok(Self(text.into()))
    }

    /// The topic of an event of type `event_type` in `channel`.
    pub fn from_parts(channel: &Channel, event_type: &EventType) -> Result<Self, InvalidTopic> {
        Self::new(&format!(
            "{channel}.{}",
            event_type.as_str().to_ascii_lowercase()
        ))
    }

    /// The topic as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The segments, the channel first.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('.')
    }
}

/// Checks one literal segment of the topic or pattern `whole`.
pub(crate) fn check_segment(whole: &str, segment: &str) -> Result<(), InvalidTopic> {
    if segment.is_empty() {
        return Err(InvalidTopic::EmptySegment {
            topic: shorten_text(whole),
        });
    }
    if segment.len() > limits::TOPIC_SEGMENT_BYTES {
        return Err(InvalidTopic::SegmentTooLong {
            segment: shorten_text(segment),
        });
    }
    for character in segment.chars() {
        match character {
            'a'..='z' | '0'..='9' | '_' | '-' => {}
            // A separate error, because the author probably meant a pattern.
            '*' | '>' | '+' | '#' => {
                return Err(InvalidTopic::Wildcard {
                    topic: shorten_text(whole),
                    wildcard: character,
                });
            }
            _ => {
                return Err(InvalidTopic::Character {
                    topic: shorten_text(whole),
                    character,
                });
            }
        }
    }
    Ok(())
}

pub(crate) fn shorten_text(text: &str) -> String {
    text.chars().take(128).collect()
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}
