//! When a window whose condition holds raises an alert.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::time::Span;

/// When a window whose condition holds raises an alert (`docs/glossary.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum FiringPolicy {
    /// Once when the condition comes to hold: it did not just before the event was added, expired
    /// events removed. A sequence that is complete consumes the events up to the one that completed
    /// it.
    #[default]
    Edge,
    /// At each event at which it holds; at each event that completes a sequence, and nothing is
    /// consumed.
    Every,
    /// At the event, and the key's events are forgotten.
    Reset,
    /// At the event, then silent for the key: the next fire is at `>= fire + duration`.
    Suppress(Span),
}

/// A text that is no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a policy; use \"edge\", \"every\", \"reset\", \"suppress\" or \"suppress 10m\""
)]
pub struct InvalidFiringPolicy {
    /// What was found.
    pub text: String,
}

impl FiringPolicy {
    /// Reads a policy; `suppress` alone means for the length of the window, `within`.
    pub fn parse(text: &str, within: Span) -> Result<Self, InvalidFiringPolicy> {
        let invalid = || InvalidFiringPolicy {
            text: text.chars().take(64).collect(),
        };
        let mut words = text.split_whitespace();
        let policy = match (words.next(), words.next()) {
            (Some("edge"), None) => Self::Edge,
            (Some("every"), None) => Self::Every,
            (Some("reset"), None) => Self::Reset,
            (Some("suppress"), None) => Self::Suppress(within),
            (Some("suppress"), Some(span)) => {
                let span = Span::from_str(span).map_err(|_| invalid())?;
                if span.is_zero() || words.next().is_some() {
                    return Err(invalid());
                }
                Self::Suppress(span)
            }
            _ => return Err(invalid()),
        };
        Ok(policy)
    }
}

impl fmt::Display for FiringPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Edge => f.write_str("edge"),
            Self::Every => f.write_str("every"),
            Self::Reset => f.write_str("reset"),
            Self::Suppress(span) => write!(f, "suppress {span}"),
        }
    }
}
