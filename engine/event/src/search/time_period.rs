//! Times as people write them: a day, a minute, or an instant.

use std::fmt;

use crate::time::Timestamp;

const MINUTE_NANOS: i64 = 60 * 1_000_000_000;
const DAY_NANOS: i64 = 24 * 60 * MINUTE_NANOS;

/// A day, a minute or an instant. Both ends are included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimePeriod {
    /// When it begins.
    pub from: Timestamp,
    /// When it ends.
    pub to: Timestamp,
}

impl TimePeriod {
    /// Reads `2026-11-20`, `2026-11-20T12:00` or an RFC 3339 time; without a zone it is UTC.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let is_date = bytes
            .iter()
            .take(10)
            .enumerate()
            .all(|(at, byte)| match at {
                4 | 7 => *byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        if !is_date || bytes.len() < 10 {
            return None;
        }
        let zoned = if text.ends_with(['Z', 'z']) {
            text.get(..text.len() - 1)?
        } else {
            text
        };
        match zoned.len() {
            10 if zoned == text => Self::with_length(&format!("{text}T00:00:00Z"), DAY_NANOS),
            16 => Self::with_length(&format!("{zoned}:00Z"), MINUTE_NANOS),
            _ => {
                let instant =
                    Timestamp::parse(text).or_else(|_| Timestamp::parse(&format!("{text}Z")));
                instant.ok().map(|at| Self { from: at, to: at })
            }
        }
    }

    fn with_length(from: &str, nanos: i64) -> Option<Self> {
        let from = Timestamp::parse(from).ok()?;
        let to = from.as_nanos().checked_add(nanos - 1)?;
        Some(Self {
            from,
            to: Timestamp::from_nanos(to),
        })
    }
}

impl fmt::Display for TimePeriod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.from.to_string();
        let length = match self.to.as_nanos().saturating_sub(self.from.as_nanos()) {
            0 => text.len(),
            nanos if nanos < MINUTE_NANOS => 16,
            _ => 10,
        };
        f.write_str(text.get(..length).unwrap_or(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_minutes_hold_their_ends_and_print_as_they_are_read() {
        let day = TimePeriod::parse("2026-11-20").unwrap();
        assert_eq!(day.from.to_string(), "2026-11-20T00:00:00Z");
        assert_eq!(day.to.to_string(), "2026-11-20T23:59:59.999999999Z");
        let minute = TimePeriod::parse("2026-11-20T12:30Z").unwrap();
        assert_eq!(minute.to.to_string(), "2026-11-20T12:30:59.999999999Z");
        for text in [
            "2026-11-20",
            "2026-11-20T12:30",
            "2026-11-20T12:30:01Z",
            "2026-11-20T12:30:01.5+01:00",
            "2026-11-20T12:30:01",
            "2026-11-20 12:30",
            "1677-09-22",
            "2262-04-10",
        ] {
            let moment = TimePeriod::parse(text).unwrap();
            assert_eq!(
                TimePeriod::parse(&moment.to_string()),
                Some(moment),
                "{text}"
            );
        }
        for text in [
            "",
            "2026",
            "2026-11",
            "2026-13-01",
            "2026-11-20Z",
            "2262-04-11",
            "20:00",
            "2026-11-2ö",
        ] {
            assert_eq!(TimePeriod::parse(text), None, "{text}");
        }
    }
}
