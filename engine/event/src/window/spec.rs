//! The kinds of window that a rule can ask for.
//!
//! Owns the specification as data; evaluating it is the job of the window crate, and nothing here
//! checks what the rule crate has checked.
//! Invariant: the `Debug` text of a specification feeds the hash by which a reload knows whether a
//! rule has changed, so names of types, fields and variants are never changed alone.

use serde::{Deserialize, Serialize};

use super::bounds::{Amount, Bounds};
use super::measure::WindowMeasure;
use super::policy::FiringPolicy;
use super::sequence::Sequence;
use crate::time::Span;

/// The condition a rule puts on the matches of one group key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum WindowSpec {
    /// Each match is a detection of its own.
    Single,
    /// Something measured of the matches of a stretch of time.
    Aggregate(Aggregate),
    /// Steps in their order.
    Sequence(Sequence),
    /// What a script makes of the matches.
    Scripted(Scripted),
}

/// Something measured of the matches of a stretch of time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Aggregate {
    /// Which matches belong together.
    pub extent: WindowExtent,
    /// What is measured of them.
    pub measure: WindowMeasure,
    /// What the value must satisfy; none: the end of the window is the event.
    pub bounds: Bounds,
    /// What is done when it does.
    pub policy: FiringPolicy,
    /// How far behind the watermark a match may come and still count; `None` for the setting.
    pub lateness: Option<Span>,
}

/// Which matches belong together. Every end is included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum WindowExtent {
    /// Those in `[t - within, t]`, `t` being the time of the newest.
    Sliding {
        /// How long the window is.
        within: Span,
    },
    /// Those in `[k·size, (k + 1)·size)` since 1970.
    Tumbling {
        /// How long the window is.
        size: Span,
    },
    /// Those in `[k·hop, k·hop + size)` since 1970.
    Hopping {
        /// Length; a multiple of `hop`.
        size: Span,
        /// From the beginning of one to that of the next.
        hop: Span,
    },
    /// Those of which each is at most `gap` after the one before.
    Session {
        /// Longest silence inside.
        gap: Span,
        /// Longest from the first to the last, if there is one.
        cap: Option<Span>,
    },
    /// The last so many, however old, of a key that was not silent for `keep`.
    Last {
        /// How many.
        matches: u32,
        /// How long a silent key is remembered.
        keep: Span,
    },
}

/// When it is known whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DecisionTime {
    /// With the match: nothing that comes later makes it untrue.
    AtOnce,
    /// When the watermark has passed the match.
    AtWatermark,
    /// When the window is over.
    AtClose,
}

/// Per-key state that a script keeps.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Scripted {
    /// How long a silent key is remembered.
    pub keep: Span,
    /// How far behind the watermark a match may come and still count; `None` for the setting.
    pub lateness: Option<Span>,
}

impl WindowSpec {
    /// At least `threshold` matches in `[t - within, t]`.
    pub fn sliding_count(within: Span, threshold: u32, policy: FiringPolicy) -> Self {
        Self::Aggregate(Aggregate {
            extent: WindowExtent::Sliding { within },
            measure: WindowMeasure::Count,
            bounds: Bounds::at_least(Amount::from_int(threshold.into())),
            policy,
            lateness: None,
        })
    }

    /// Whether matches of raw events leave something behind.
    pub const fn has_state(&self) -> bool {
        !matches!(self, Self::Single)
    }

    /// How far behind the watermark a match may come and still count, where the rule says so.
    pub const fn lateness(&self) -> Option<Span> {
        match self {
            Self::Single => None,
            Self::Aggregate(aggregate) => aggregate.lateness,
            Self::Sequence(sequence) => sequence.lateness,
            Self::Scripted(scripted) => scripted.lateness,
        }
    }

    /// When it is known whether the condition holds.
    pub fn decision_time(&self) -> DecisionTime {
        match self {
            Self::Single => DecisionTime::AtOnce,
            Self::Aggregate(aggregate) => aggregate.decision_time(),
            Self::Sequence(sequence) if sequence.can_be_undone() => DecisionTime::AtWatermark,
            Self::Sequence(_) => DecisionTime::AtOnce,
            Self::Scripted(_) => DecisionTime::AtWatermark,
        }
    }

    /// How far the watermark is beyond an alert's time at most, when the alert becomes final; the
    /// allowed lateness comes on top.
    pub fn final_delay(&self) -> Span {
        match self {
            Self::Aggregate(aggregate) => match (aggregate.extent, aggregate.decision_time()) {
                (WindowExtent::Session { gap, .. }, DecisionTime::AtClose) => gap,
                _ => Span::ZERO,
            },
            Self::Single | Self::Sequence(_) | Self::Scripted(_) => Span::ZERO,
        }
    }

    /// The length of the window, for people.
    pub const fn window_length(&self) -> Option<Span> {
        match self {
            Self::Single | Self::Scripted(_) => None,
            Self::Aggregate(aggregate) => match aggregate.extent {
                WindowExtent::Sliding { within } => Some(within),
                WindowExtent::Tumbling { size } | WindowExtent::Hopping { size, .. } => Some(size),
                WindowExtent::Session { gap, .. } => Some(gap),
                WindowExtent::Last { .. } => None,
            },
            Self::Sequence(sequence) => Some(sequence.within),
        }
    }
}

impl Aggregate {
    /// When it is known whether the condition holds.
    pub fn decision_time(&self) -> DecisionTime {
        let once = self.measure.settles_early(&self.bounds);
        match self.extent {
            // One event is in several windows, each of which is decided at its end.
            WindowExtent::Hopping { .. } => DecisionTime::AtClose,
            _ if once => DecisionTime::AtOnce,
            WindowExtent::Tumbling { .. } | WindowExtent::Session { .. } => DecisionTime::AtClose,
            // Fewer than so many is known when the window that the first match opened is over.
            WindowExtent::Sliding { .. } if self.measure.is_count() => DecisionTime::AtClose,
            WindowExtent::Sliding { .. } | WindowExtent::Last { .. } => DecisionTime::AtWatermark,
        }
    }
}
