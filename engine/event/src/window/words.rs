//! What a window asks, in a few words.

use std::fmt;

use super::sequence::{Occurs, Sequence};
use super::spec::{Aggregate, Extent, Measure, WindowSpec};

impl WindowSpec {
    /// Its kind in one word.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Aggregate(aggregate) => match aggregate.measure {
                Measure::Count => "count",
                Measure::Distinct => "distinct",
                Measure::Steps(_) => "unordered",
                Measure::Sum => "sum",
                Measure::Average => "average",
                Measure::Min => "min",
                Measure::Max => "max",
                Measure::Percentile(_) => "percentile",
                Measure::Change => "change",
                Measure::FirstSeen => "first_seen",
                Measure::Rate { .. } => "rate",
            },
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
        if self.bounds.all().is_empty() {
            f.write_str("the end")?;
        } else {
            write!(f, "{} {}", self.measure, self.bounds)?;
        }
        write!(f, " {}", self.extent)
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count => f.write_str("count"),
            Self::Distinct => f.write_str("distinct"),
            Self::Steps(_) => f.write_str("different steps"),
            Self::Sum => f.write_str("sum"),
            Self::Average => f.write_str("average"),
            Self::Min => f.write_str("min"),
            Self::Max => f.write_str("max"),
            Self::Percentile(thousandths) => {
                write!(f, "percentile {}", f64::from(*thousandths) / 1_000.0)
            }
            Self::Change => f.write_str("change"),
            Self::FirstSeen => f.write_str("first seen"),
            Self::Rate { baseline } => write!(f, "rate against {baseline}"),
        }
    }
}

impl fmt::Display for Extent {
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
                Occurs::Times(1) => write!(f, "{}", step.name)?,
                Occurs::Times(count) => write!(f, "{count} x {}", step.name)?,
                Occurs::Optional(1) => write!(f, "perhaps {}", step.name)?,
                Occurs::Optional(count) => write!(f, "perhaps {count} x {}", step.name)?,
                Occurs::Never => write!(f, "no {}", step.name)?,
            }
        }
        write!(f, " in {}", self.within)
    }
}
