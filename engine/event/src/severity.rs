//! How bad it is, on one scale for events, rules and alerts.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The levels, mildest first.
///
/// The log and checkpoints store the numbers, so they never change; texts and JSON hold the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Severity {
    /// For the record.
    #[default]
    Info = 0,
    /// Worth a look some day.
    Low = 1,
    /// Worth a look today.
    Medium = 2,
    /// Needs an answer now.
    High = 3,
    /// Wakes people up.
    Critical = 4,
}

/// A word that is no severity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a severity; use {}", Severity::list_words("or"))]
pub struct InvalidSeverity {
    /// What was found.
    pub text: String,
}

impl Severity {
    /// All levels, mildest first.
    pub const ALL: [Self; 5] = [
        Self::Info,
        Self::Low,
        Self::Medium,
        Self::High,
        Self::Critical,
    ];

    /// The number that the log and checkpoints store.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The level that the log stores as `number`.
    pub fn from_number(number: i64) -> Option<Self> {
        let index = usize::try_from(number).ok()?;
        Self::ALL.get(index).copied()
    }

    /// The words of all levels with `conjunction` before the last: `info, low, .. or critical`.
    pub fn list_words(conjunction: &str) -> String {
        let words = Self::ALL.map(Self::as_str);
        match words.split_last() {
            Some((last, others)) => format!("{} {conjunction} {last}", others.join(", ")),
            None => String::new(),
        }
    }

    /// The level's own word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl FromStr for Severity {
    type Err = InvalidSeverity;

    /// Reads a level's word, ignoring case, and the words of other systems: `debug` and
    /// `informational` mean info, `warn` and `warning` medium, `error` high (design §5).
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_lowercase().as_str() {
            "info" | "informational" | "debug" => Ok(Self::Info),
            "low" => Ok(Self::Low),
            "medium" | "warn" | "warning" => Ok(Self::Medium),
            "high" | "error" => Ok(Self::High),
            "critical" => Ok(Self::Critical),
            _ => Err(InvalidSeverity {
                text: text.chars().take(64).collect(),
            }),
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Severity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Severity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_levels_are_those_in_every_log() {
        let numbers = Severity::ALL.map(|level| (level.as_str(), level.number()));
        let stored = [
            ("info", 0),
            ("low", 1),
            ("medium", 2),
            ("high", 3),
            ("critical", 4),
        ];
        assert!(numbers.starts_with(&stored));
        for level in Severity::ALL {
            assert_eq!(Severity::from_number(level.number().into()), Some(level));
            assert_eq!(serde_json::to_value(level).unwrap(), level.as_str());
        }
        let beyond = Severity::ALL.len() as i64;
        assert_eq!(Severity::from_number(beyond), None);
        assert_eq!(Severity::from_number(-1), None);
    }

    #[test]
    fn what_is_no_severity_is_refused_with_the_words_that_are() {
        assert_eq!(
            "bad".parse::<Severity>().unwrap_err().to_string(),
            "\"bad\" is not a severity; use info, low, medium, high or critical"
        );
    }
}
