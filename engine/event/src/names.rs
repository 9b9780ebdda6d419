//! The names that events carry, each a checked string of its own type.
//!
//! Owns length and characters of each name. Whether a name is known (a tenant, a channel) is not
//! checked here. A name is cheap to clone and compares by its bytes.
//! Invariant: a name that exists is valid. Control characters are refused everywhere, because names
//! are printed in logs and terminals (4-27).

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::limits;

/// Why a text is not a valid name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// The text has no characters.
    #[error("it is empty")]
    Empty,
    /// The text is longer than its kind allows.
    #[error("it is {bytes} bytes long, at most {most} are allowed")]
    TooLong {
        /// Length found, in bytes.
        bytes: usize,
        /// Length allowed, in bytes.
        most: usize,
    },
    /// The text holds a character that its kind does not allow.
    #[error("character {character:?} at byte {offset} is not allowed")]
    Character {
        /// The offending character.
        character: char,
        /// Its place, in bytes from the start.
        offset: usize,
    },
}

fn check(text: &str, most: usize, allowed: fn(char) -> bool) -> Result<(), InvalidName> {
    if text.is_empty() {
        return Err(InvalidName::Empty);
    }
    if text.len() > most {
        return Err(InvalidName::TooLong {
            bytes: text.len(),
            most,
        });
    }
    match text
        .char_indices()
        .find(|(_, character)| !allowed(*character))
    {
        Some((offset, character)) => Err(InvalidName::Character { character, offset }),
        None => Ok(()),
    }
}

fn is_printable(character: char) -> bool {
    !character.is_control()
}

/// Checks a printable text of 1 to `most` bytes that is no name of its own.
pub(crate) fn check_printable(text: &str, most: usize) -> Result<(), InvalidName> {
    check(text, most, is_printable)
}

/// The characters of a topic segment in either case: types keep their spelling (design §5).
fn is_topic_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.')
}

fn is_channel_character(character: char) -> bool {
    character.is_ascii_lowercase()
        || character.is_ascii_digit()
        || matches!(character, '_' | '-' | '$')
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $most:expr, $allowed:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks `text` and makes a name of it.
            pub fn new(text: impl AsRef<str>) -> Result<Self, InvalidName> {
                let text = text.as_ref();
                check(text, $most, $allowed)?;
                Ok(Self(text.into()))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::new(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

name!(
    /// What tells one event of a source from another; unique per (tenant, source).
    EventId, limits::ID_BYTES, is_printable
);
name!(
    /// What kind of thing happened, such as `auth.login`; keeps its spelling.
    EventType, limits::TOPIC_SEGMENTS * (limits::TOPIC_SEGMENT_BYTES + 1), is_topic_character
);
name!(
    /// Who observed it, such as `sshd@web-1`.
    Source, limits::SOURCE_BYTES, is_printable
);
name!(
    /// Whose event it is. Every key, window, tree and query is inside one tenant (1-39).
    TenantId, limits::TENANT_BYTES, is_printable
);
name!(
    /// A step of a workflow, or the root of one.
    CorrelationId, limits::CORRELATION_ID_BYTES, is_printable
);
name!(
    /// The first segment of a topic: what is configured, buffered and subscribed together.
    Channel, limits::TOPIC_SEGMENT_BYTES, is_channel_character
);
name!(
    /// A detection rule. It is also the type of the alerts the rule raises.
    RuleId, (limits::TOPIC_SEGMENTS - 1) * (limits::TOPIC_SEGMENT_BYTES + 1), is_topic_character
);

impl TenantId {
    /// The tenant of every event when no tenants are configured.
    pub fn default_tenant() -> Self {
        Self("default".into())
    }
}

/// The name of the channel of alerts.
const ALERTS: &str = "alerts";

impl Channel {
    /// The engine's own channel. Wildcards do not match it in the first place of a pattern.
    pub fn system() -> Self {
        Self("$sys".into())
    }

    /// Whether it is the channel of alerts.
    pub fn is_alerts(&self) -> bool {
        &*self.0 == ALERTS
    }

    /// The channel of alerts.
    pub fn alerts() -> Self {
        Self(ALERTS.into())
    }

    /// The channel of an event that names none.
    pub fn default_channel() -> Self {
        Self("events".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_exactly_the_limit_is_accepted_and_one_more_is_not() {
        let limit = "x".repeat(limits::ID_BYTES);
        assert!(EventId::new(&limit).is_ok());
        assert_eq!(
            EventId::new(format!("{limit}x")),
            Err(InvalidName::TooLong {
                bytes: 257,
                most: 256
            })
        );
    }

    #[test]
    fn control_characters_are_refused_with_their_place() {
        assert_eq!(
            Source::new("web\u{1b}[31m"),
            Err(InvalidName::Character {
                character: '\u{1b}',
                offset: 3
            })
        );
        assert_eq!(EventId::new(""), Err(InvalidName::Empty));
    }
}
