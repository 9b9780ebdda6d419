//! Numbers compared exactly: 2^53 + 1 is not 2^53.
//!
//! Owns reading numbers and their order; which texts count as numbers is decided by the record.
//! Invariant: the order is total and exact, also between whole numbers and floats, so bounds can be
//! sorted and searched.

use std::cmp::Ordering;

/// A number as a rule or an event writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExactNumber {
    /// A whole number; wide enough for `i64` and `u64`.
    Whole(i128),
    /// The bits of a finite `f64`.
    Float(u64),
}

/// How a value is compared with a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueComparison {
    /// Less than.
    Less,
    /// Less than or equal to.
    AtMost,
    /// Equal to.
    Equal,
    /// Greater than or equal to.
    AtLeast,
    /// Greater than.
    Greater,
}

impl ExactNumber {
    /// Reads a number; `None` for what is none, and for infinities.
    pub fn parse(text: &str) -> Option<Self> {
        if !text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) {
            return None;
        }
        if let Ok(whole) = text.parse::<i128>() {
            return Some(Self::Whole(whole));
        }
        let float = text.parse::<f64>().ok().filter(|float| float.is_finite())?;
        Some(Self::Float(float.to_bits()))
    }

    /// The number that a JSON value is, to a language with whole numbers of 64 bits and floats.
    pub(crate) fn parse_json(text: &str) -> Option<Self> {
        match text.parse::<i64>() {
            Ok(whole) => Some(Self::Whole(whole.into())),
            Err(_) => text
                .parse::<f64>()
                .ok()
                .map(|float| Self::Float(float.to_bits())),
        }
    }

    pub(crate) fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Whole(left), Self::Whole(right)) => left.cmp(&right),
            (Self::Whole(left), Self::Float(right)) => {
                compare_whole_float(left, f64::from_bits(right))
            }
            (Self::Float(left), Self::Whole(right)) => {
                compare_whole_float(right, f64::from_bits(left)).reverse()
            }
            (Self::Float(left), Self::Float(right)) => f64::from_bits(left)
                .partial_cmp(&f64::from_bits(right))
                .unwrap_or(Ordering::Equal),
        }
    }
}

/// Compares without rounding the whole number to a float.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the float is whole and its size is checked"
)]
fn compare_whole_float(whole: i128, float: f64) -> Ordering {
    const BEYOND: f64 = 1.0e38;
    if float.abs() >= BEYOND {
        return if float > 0.0 {
            Ordering::Less
        } else {
            Ordering::Greater
        };
    }
    let floor = float.floor();
    let order = whole.cmp(&(floor as i128));
    if order == Ordering::Equal && float > floor {
        return Ordering::Less;
    }
    order
}

impl ValueComparison {
    /// Whether `value` compares so with `bound`.
    pub fn holds(self, value: ExactNumber, bound: ExactNumber) -> bool {
        self.accepts_order(value.compare(bound))
    }

    /// Whether it is this order.
    pub fn accepts_order(self, order: Ordering) -> bool {
        match self {
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::Equal => order.is_eq(),
            Self::AtLeast => order.is_ge(),
            Self::Greater => order.is_gt(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_exactly_on_both_sides_of_a_bound() {
        for (value, comparison, bound, holds) in [
            (
                "9007199254740993",
                ValueComparison::Greater,
                "9007199254740992",
                true,
            ),
            (
                "9007199254740993",
                ValueComparison::Greater,
                "9007199254740992.0",
                true,
            ),
            (
                "9007199254740992",
                ValueComparison::Greater,
                "9007199254740992.0",
                false,
            ),
            (
                "18446744073709551615",
                ValueComparison::Greater,
                "18446744073709551614",
                true,
            ),
            ("4.9", ValueComparison::AtLeast, "5", false),
            ("5", ValueComparison::AtLeast, "5", true),
            ("5.1", ValueComparison::AtMost, "5", false),
            ("-1", ValueComparison::Less, "0", true),
            ("-0.5", ValueComparison::Less, "0", true),
            ("1e3", ValueComparison::Equal, "1000", true),
        ] {
            let holds_now = comparison.holds(
                ExactNumber::parse(value).unwrap(),
                ExactNumber::parse(bound).unwrap(),
            );
            assert_eq!(holds_now, holds, "{value} {comparison:?} {bound}");
        }
        for none in ["", "x", "inf", "nan", "0x10", "1 ", "-"] {
            assert_eq!(ExactNumber::parse(none), None, "{none:?}");
        }
    }
}
