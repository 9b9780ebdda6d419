//! Times that are short on the day that everybody is talking about.

use larum_event::{Span, Timestamp};

/// A day of UTC, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Day(i64);

impl Day {
    pub(super) fn of(time: Timestamp) -> Self {
        Self(time.as_nanos().div_euclid(86_400 * 1_000_000_000))
    }

    /// The time of day of a time on this day, else the whole of it.
    pub(super) fn clock(self, time: Timestamp) -> String {
        if self == Self::of(time) {
            time.to_chrono().format("%H:%M:%S%.3f").to_string()
        } else {
            time.to_string()
        }
    }
}

/// The day of a time, in words.
pub(super) fn date_of(time: Timestamp) -> String {
    time.to_chrono().format("%Y-%m-%d UTC").to_string()
}

/// A time to the second, with its date.
pub(super) fn to_the_second(time: Timestamp) -> String {
    time.to_chrono().format("%Y-%m-%d %H:%M:%S").to_string()
}

/// How long it took, in its largest unit.
pub(super) fn length(span: Span) -> String {
    let seconds = span.as_nanos() / 1_000_000_000;
    match seconds {
        0 if !span.is_zero() => format!("{} ms", span.as_nanos() / 1_000_000),
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}
