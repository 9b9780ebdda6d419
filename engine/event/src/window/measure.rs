//! What a window measures of its matches.
//!
//! Owns everything about a measure that follows from its kind alone: its words, what it reads of an
//! event, when its value is settled. The running value of each belongs to `larum-window`.
//! Invariant: new measures come last, because checkpoints and the log hold the index of a variant.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::bounds::{Amount, Bounds};
use crate::time::Span;

/// What is measured. Values are those of [`Match::slot_values`](crate::Match::values), in the
/// order the variants name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum WindowMeasure {
    /// How many.
    Count,
    /// How many different combinations of values; a match that misses one is not counted.
    Distinct,
    /// How many of the steps of [`Match::compile_steps`](crate::Match::steps) have as many
    /// matches as this says, one number for each step.
    Steps(Vec<u32>),
    /// Sum of the first value; a match without a number is not counted, here and below.
    Sum,
    /// The mean of all values.
    Average,
    /// The least value.
    Min,
    /// The greatest value.
    Max,
    /// The value at this percentile (nearest rank), in thousandths of a percent: 50,000 is the
    /// median.
    Percentile(u32),
    /// The newest value less the oldest.
    Change,
    /// 1 for a combination of values not seen within the extent before, 0 else.
    FirstSeen,
    /// The count over the mean count of stretches of the same length in `baseline` before the
    /// window. No value until the key has been known for that long.
    Rate {
        /// How far back.
        baseline: Span,
    },
}

/// What a measure reads of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MeasureInput {
    /// Nothing: that there is one is enough.
    Presence,
    /// Which steps it satisfies.
    Steps,
    /// All values together.
    Combination,
    /// All values together; without any, its group.
    CombinationOrGroup,
    /// The first value, as a number.
    Number,
}

impl WindowMeasure {
    /// Its kind in one word.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Distinct => "distinct",
            Self::Steps(_) => "unordered",
            Self::Sum => "sum",
            Self::Average => "average",
            Self::Min => "min",
            Self::Max => "max",
            Self::Percentile(_) => "percentile",
            Self::Change => "change",
            Self::FirstSeen => "first_seen",
            Self::Rate { .. } => "rate",
        }
    }

    /// What it reads of an event.
    pub const fn input(&self) -> MeasureInput {
        match self {
            Self::Count | Self::Rate { .. } => MeasureInput::Presence,
            Self::Steps(_) => MeasureInput::Steps,
            Self::Distinct => MeasureInput::Combination,
            Self::FirstSeen => MeasureInput::CombinationOrGroup,
            Self::Sum
            | Self::Average
            | Self::Min
            | Self::Max
            | Self::Percentile(_)
            | Self::Change => MeasureInput::Number,
        }
    }

    /// Whether the value is a number of matches, or of kinds of them.
    pub const fn is_count(&self) -> bool {
        matches!(self, Self::Count | Self::Distinct | Self::Steps(_))
    }

    /// Whether a value within `bounds` stays within them, whatever else comes into the window.
    pub fn settles_early(&self, bounds: &Bounds) -> bool {
        match self {
            Self::Count | Self::Distinct | Self::Steps(_) | Self::Max => bounds.are_lower_bounds(),
            Self::Min => bounds.are_upper_bounds(),
            Self::FirstSeen => true,
            Self::Sum | Self::Average | Self::Percentile(_) | Self::Change | Self::Rate { .. } => {
                false
            }
        }
    }

    /// A value, as it is said before the number of events: `sum 6 over `.
    pub fn introduce_value(&self, value: Amount) -> String {
        match self {
            Self::FirstSeen => "first seen with ".to_owned(),
            Self::Steps(_) => format!("{value} different steps in "),
            Self::Count
            | Self::Distinct
            | Self::Sum
            | Self::Average
            | Self::Min
            | Self::Max
            | Self::Percentile(_)
            | Self::Change
            | Self::Rate { .. } => format!("{self} {value} over "),
        }
    }
}

/// Its kind for people, with what it is set to.
impl fmt::Display for WindowMeasure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Steps(_) => f.write_str("different steps"),
            Self::Percentile(thousandths) => {
                write!(f, "percentile {}", f64::from(*thousandths) / 1_000.0)
            }
            Self::FirstSeen => f.write_str("first seen"),
            Self::Rate { baseline } => write!(f, "rate against {baseline}"),
            Self::Count
            | Self::Distinct
            | Self::Sum
            | Self::Average
            | Self::Min
            | Self::Max
            | Self::Change => f.write_str(self.kind()),
        }
    }
}
