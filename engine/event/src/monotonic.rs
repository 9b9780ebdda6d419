//! Points on a clock that never goes back.

use serde::{Deserialize, Serialize};

use crate::time::{Span, Timestamp};

/// A point on a clock that never goes back. Only the distance between two points means something.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct MonotonicTime(i64);

impl MonotonicTime {
    /// From nanoseconds since whenever that clock began.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since whenever that clock began.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// The log's time as a clock, for what is fed in log order. The caller sees to it that it never
    /// goes back; what is measured from a later point is zero.
    pub const fn from_log_time(time: Timestamp) -> Self {
        Self(time.as_nanos())
    }

    /// This point and `span` later, held at the last one there is.
    pub const fn saturating_add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.as_nanos()))
    }

    /// How much later this is than `earlier`; zero when it is not later.
    pub const fn since(self, earlier: Self) -> Span {
        Span::from_nanos(self.0.saturating_sub(earlier.0))
    }
}
