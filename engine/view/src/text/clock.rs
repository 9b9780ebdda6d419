//! Times that are short on the day that everybody is talking about.

use larum_event::{Span, Timestamp};

/// A day of UTC, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UtcDay(i64);

impl UtcDay {
    pub(super) fn containing(time: Timestamp) -> Self {
        Self(time.as_nanos().div_euclid(86_400 * 1_000_000_000))
    }

    /// The time of day of a time on this day, else the whole of it.
    pub(super) fn format_time(self, time: Timestamp) -> String {
        if self == Self::containing(time) {
            time.to_chrono().format("%H:%M:%S%.3f").to_string()
        } else {
            time.to_string()
        }
    }
}

/// The day of a time, in words.
pub(super) fn format_date(time: Timestamp) -> String {
    time.to_chrono().format("%Y-%m-%d UTC").to_string()
}

/// A time to the second, with its date.
pub(super) fn format_seconds(time: Timestamp) -> String {
    time.to_chrono().format("%Y-%m-%d %H:%M:%S").to_string()
}

/// How long it took, in its largest unit.
pub(super) fn format_span(span: Span) -> String {
    let seconds = span.as_nanos() / 1_000_000_000;
    match seconds {
        0 if !span.is_zero() => format!("{} ms", span.as_nanos() / 1_000_000),
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}
