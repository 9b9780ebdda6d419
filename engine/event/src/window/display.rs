//! What a window asks, in a few words.

use std::fmt;

use super::sequence::{Sequence, StepOccurrence};
use super::spec::{Aggregate, WindowExtent, WindowSpec};

impl WindowSpec {
    /// Its kind in one word.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Aggregate(aggregate) => aggregate.measure.kind(),
            Self::Sequence(_) => "sequence",
            Self::Scripted(_) => "scripted",
        }
    }
}

/// `count >= 5 in 5m`.
impl fmt::Display for WindowSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Single => f.write_str("each match"),
            Self::Aggregate(aggregate) => aggregate.fmt(f),
            Self::Sequence(sequence) => sequence.fmt(f),
            Self::Scripted(scripted) => write!(f, "a script, state kept for {}", scripted.keep),
        }
    }
}

impl fmt::Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.bounds.as_slice().is_empty() {
            f.write_str("the end")?;
        } else {
            write!(f, "{} {}", self.measure, self.bounds)?;
        }
        write!(f, " {}", self.extent)
    }
}

impl fmt::Display for WindowExtent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sliding { within } => write!(f, "in {within}"),
            Self::Tumbling { size } => write!(f, "in each {size}"),
            Self::Hopping { size, hop } => write!(f, "in {size} every {hop}"),
            Self::Session { gap, cap: None } => write!(f, "in a session with gaps up to {gap}"),
            Self::Session {
                gap,
                cap: Some(cap),
            } => write!(f, "in a session with gaps up to {gap}, at most {cap}"),
            Self::Last { matches, .. } => write!(f, "in the last {matches}"),
        }
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in self.steps.iter().enumerate() {
            if number > 0 {
                f.write_str(", ")?;
            }
            match step.occurs {
                StepOccurrence::Times(1) => write!(f, "{}", step.name)?,
                StepOccurrence::Times(count) => write!(f, "{count} x {}", step.name)?,
                StepOccurrence::Optional(1) => write!(f, "perhaps {}", step.name)?,
                StepOccurrence::Optional(count) => write!(f, "perhaps {count} x {}", step.name)?,
                StepOccurrence::Never => write!(f, "no {}", step.name)?,
            }
        }
        write!(f, " in {}", self.within)
    }
}
