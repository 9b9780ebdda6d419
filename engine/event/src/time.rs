//! Event time and lengths of time, both in nanoseconds.
//!
//! Owns reading, writing and adding times. A [`Timestamp`] is what an event says about when it
//! happened.
//! Invariant: nothing here reads a clock, and arithmetic saturates at both ends of time instead of
//! wrapping, so a wrong time never turns into an early one.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// A point in time: nanoseconds since 1970-01-01T00:00:00Z, from 1677 to 2262.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// Why a text or number is not a timestamp.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTimestamp {
    /// Not RFC 3339.
    #[error("{text:?} is not an RFC 3339 time such as 2026-11-20T12:00:00.123Z")]
    Format {
        /// What was found.
        text: String,
    },
    /// Outside of what nanoseconds in 64 bits can tell.
    #[error("{text} lies outside of the years 1677 to 2262")]
    OutOfRange {
        /// What was found.
        text: String,
    },
}

impl Timestamp {
    /// The earliest time there is.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest time there is.
    pub const MAX: Self = Self(i64::MAX);

    /// From nanoseconds since the epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the epoch.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// From whole seconds since the epoch.
    pub fn from_seconds(seconds: i64) -> Result<Self, InvalidTimestamp> {
        seconds
            .checked_mul(NANOS_PER_SECOND)
            .map(Self)
            .ok_or_else(|| InvalidTimestamp::OutOfRange {
                text: seconds.to_string(),
            })
    }

    /// Reads an RFC 3339 time with up to nine digits of a second.
    pub fn parse(text: &str) -> Result<Self, InvalidTimestamp> {
        let time = DateTime::parse_from_rfc3339(text).map_err(|_| InvalidTimestamp::Format {
            text: shorten_text(text),
        })?;
        Self::from_chrono(time.with_timezone(&Utc)).ok_or_else(|| InvalidTimestamp::OutOfRange {
            text: shorten_text(text),
        })
    }

    /// From chrono's time; `None` outside of the range.
    pub fn from_chrono(time: DateTime<Utc>) -> Option<Self> {
        time.timestamp_nanos_opt().map(Self)
    }

    /// As chrono's time.
    pub fn to_chrono(self) -> DateTime<Utc> {
        DateTime::from_timestamp_nanos(self.0)
    }

    /// This time and `span` later, held at [`Timestamp::MAX`].
    pub const fn saturating_add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// This time and `span` earlier, held at [`Timestamp::MIN`].
    pub const fn saturating_sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }

    /// How much later this is than `earlier`; zero when it is not later.
    pub const fn duration_since(self, earlier: Self) -> Span {
        let nanos = self.0.saturating_sub(earlier.0);
        if nanos < 0 { Span(0) } else { Span(nanos) }
    }
}

fn shorten_text(text: &str) -> String {
    text.chars().take(64).collect()
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC, with as many digits of a second as are needed (0, 3, 6 or 9).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            &self
                .to_chrono()
                .to_rfc3339_opts(SecondsFormat::AutoSi, true),
        )
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl Serialize for Timestamp {
    /// RFC 3339 where people read it, nanoseconds where machines do.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_i64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            Self::parse(&text).map_err(serde::de::Error::custom)
        } else {
            i64::deserialize(deserializer).map(Self)
        }
    }
}

/// A length of time in nanoseconds, never negative. Written `5m`, `90s`, `250ms`, `1h30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(i64);

/// Why a text is not a length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a duration such as 30s, 5m, 1h30m or 7d")]
pub struct InvalidSpan {
    /// What was found.
    pub text: String,
}

/// Units in the order in which they may follow each other; `ms` before `m` so that it is seen
/// first.
const UNITS: [(&str, i64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", NANOS_PER_SECOND),
    ("m", 60 * NANOS_PER_SECOND),
    ("h", 3_600 * NANOS_PER_SECOND),
    ("d", 86_400 * NANOS_PER_SECOND),
];

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// From nanoseconds; a negative number becomes zero.
    pub const fn from_nanos(nanos: i64) -> Self {
        if nanos < 0 { Self(0) } else { Self(nanos) }
    }

    /// From whole seconds, held at the largest span there is.
    pub const fn from_seconds(seconds: u32) -> Self {
        Self(seconds as i64 * NANOS_PER_SECOND)
    }

    /// The length in nanoseconds.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Whether it is no time at all.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Reads one or more numbers with a unit each: `5m`, `1h30m`, `250ms`.
    pub fn parse(text: &str) -> Result<Self, InvalidSpan> {
        let invalid = || InvalidSpan {
            text: shorten_text(text),
        };
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(invalid());
        }
        let mut total: i64 = 0;
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, tail) = rest.split_at(digits);
            let letters = tail
                .find(|c: char| c.is_ascii_digit())
                .unwrap_or(tail.len());
            let (unit, next) = tail.split_at(letters);
            let number: i64 = number.parse().map_err(|_| invalid())?;
            let (_, nanos) = UNITS
                .iter()
                .find(|(name, _)| *name == unit)
                .ok_or_else(invalid)?;
            total = number
                .checked_mul(*nanos)
                .and_then(|part| total.checked_add(part))
                .ok_or_else(invalid)?;
            rest = next;
        }
        Ok(Self(total))
    }
}

impl FromStr for Span {
    type Err = InvalidSpan;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for Span {
    /// The shortest form that [`Span::parse`] reads back: `5m`, `1h30m`, `0s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        if rest == 0 {
            return f.write_str("0s");
        }
        for (unit, nanos) in UNITS.iter().rev().filter(|(unit, _)| *unit != "µs") {
            if rest >= *nanos {
                write!(f, "{}{unit}", rest / nanos)?;
                rest %= nanos;
            }
        }
        Ok(())
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_i64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            Self::parse(&text).map_err(serde::de::Error::custom)
        } else {
            i64::deserialize(deserializer).map(Self::from_nanos)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nanoseconds_survive_a_round_trip() {
        let time = Timestamp::parse("2026-11-20T12:00:00.123456789+01:00").unwrap();
        assert_eq!(time.to_string(), "2026-11-20T11:00:00.123456789Z");
        assert_eq!(Timestamp::parse(&time.to_string()).unwrap(), time);
        assert_eq!(
            Timestamp::parse("2026-11-20T12:00:00Z")
                .unwrap()
                .to_string(),
            "2026-11-20T12:00:00Z"
        );
    }

    #[test]
    fn years_that_do_not_fit_are_out_of_range_and_not_wrapped() {
        assert!(matches!(
            Timestamp::parse("9999-01-01T00:00:00Z"),
            Err(InvalidTimestamp::OutOfRange { .. })
        ));
        assert!(matches!(
            Timestamp::parse("yesterday"),
            Err(InvalidTimestamp::Format { .. })
        ));
        assert!(Timestamp::from_seconds(i64::MAX).is_err());
    }

    #[test]
    fn durations_read_and_write_the_same_way() {
        for text in ["5m", "90s", "1h30m", "250ms", "7d", "1d2h3m4s5ms6us7ns"] {
            let span = Span::parse(text).unwrap();
            assert_eq!(Span::parse(&span.to_string()).unwrap(), span, "{text}");
        }
        assert_eq!(Span::parse("5m").unwrap(), Span::from_seconds(300));
        for text in ["", "5", "m", "5 m", "5x", "-5m", "5m6", "99999999999999d"] {
            assert!(Span::parse(text).is_err(), "{text}");
        }
    }
}
