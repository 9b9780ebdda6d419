//! Moments as people name them: a position of the log, or a time.

use std::fmt;
use std::str::FromStr;

use larum_event::{Position, Timestamp};

/// A moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MomentArg {
    /// With the record here, and nothing behind it.
    Position(Position),
    /// With everything that had arrived by then.
    Time(Timestamp),
}

impl FromStr for MomentArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(position) = text.parse() {
            return Ok(Self::Position(Position(position)));
        }
        let time = Timestamp::parse(text).map(Self::Time);
        time.map_err(|error| format!("it is no position of the log, and {error}"))
    }
}

impl fmt::Display for MomentArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Position(position) => position.fmt(f),
            Self::Time(time) => time.fmt(f),
        }
    }
}
