//! Numbers compared exactly: 2^53 + 1 is not 2^53.
//!
//! Owns reading and comparing numbers for rules, searches and windows. Which spellings a language
//! allows beyond these is its own job: searches read only what JSON writes.
//! Invariant: a whole number is never rounded to a float to be compared, so that `>` and `==` mean
//! the same for ids of 64 bits as for small numbers.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use super::comparison::Comparison;
use super::field_value::FieldValue;

/// A number as a rule, a search or an event writes it.
///
/// `==` and hashing go by how it is written: `1` and `1.0` are two, which [`Number::order`] finds
/// equal.
#[derive(Debug, Clone, Copy)]
pub enum Number {
    /// A whole number; wide enough for `i64` and `u64`.
    Whole(i128),
    /// Any other, or one that was written with a point or an exponent.
    Float(f64),
}

/// 2^127: whole numbers end before it, and begin at its negative.
const END_OF_WHOLE: f64 = 170_141_183_460_469_231_731_687_303_715_884_105_728.0;

impl Number {
    /// Reads a number; `None` for what is none, and for infinities.
    pub fn parse(text: &str) -> Option<Self> {
        if !text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) {
            return None;
        }
        if let Ok(whole) = text.parse::<i128>() {
            return Some(Self::Whole(whole));
        }
        let float = text.parse::<f64>().ok().filter(|float| float.is_finite())?;
        Some(Self::Float(float))
    }

    /// The number that a JSON value is to a language with whole numbers of 64 bits and floats.
    pub fn parse_json(text: &str) -> Option<Self> {
        match text.parse::<i64>() {
            Ok(whole) => Some(Self::Whole(whole.into())),
            Err(_) => text.parse::<f64>().ok().map(Self::Float),
        }
    }

    /// The number that a value of an event is; `None` for what is none, and for NaN.
    pub fn from_value(value: &FieldValue<'_>) -> Option<Self> {
        match value {
            FieldValue::Int(whole) => Some(Self::Whole((*whole).into())),
            FieldValue::Float(float) => Some(Self::Float(*float)).filter(|_| !float.is_nan()),
            FieldValue::Null
            | FieldValue::Bool(_)
            | FieldValue::Str(_)
            | FieldValue::Array(_)
            | FieldValue::Object(_) => None,
        }
    }

    /// The same number as a whole one, if it is one.
    #[must_use]
    pub fn normalize(self) -> Self {
        match self {
            Self::Float(float) if float.fract() == 0.0 && float.abs() < END_OF_WHOLE => {
                Self::Whole(float as i128)
            }
            other => other,
        }
    }

    /// The exact order of two numbers; `None` if one is not a number at all (NaN).
    pub fn order(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Whole(left), Self::Whole(right)) => Some(left.cmp(&right)),
            (Self::Whole(left), Self::Float(right)) => compare_whole_float(left, right),
            (Self::Float(left), Self::Whole(right)) => {
                compare_whole_float(right, left).map(Ordering::reverse)
            }
            (Self::Float(left), Self::Float(right)) => left.partial_cmp(&right),
        }
    }

    /// The exact order of two numbers of which none is NaN.
    pub fn compare(self, other: Self) -> Ordering {
        self.order(other).unwrap_or(Ordering::Equal)
    }

    /// Whether it compares so with `bound`.
    #[inline]
    pub fn satisfies(self, comparison: Comparison, bound: Self) -> bool {
        comparison.accepts_order(self.order(bound))
    }
}

/// Compares without rounding the whole number to a float.
fn compare_whole_float(whole: i128, float: f64) -> Option<Ordering> {
    if float.is_nan() {
        None
    } else if float >= END_OF_WHOLE {
        Some(Ordering::Less)
    } else if float < -END_OF_WHOLE {
        Some(Ordering::Greater)
    } else {
        let floor = float.floor();
        let fraction = 0.0_f64.partial_cmp(&(float - floor))?;
        Some(whole.cmp(&(floor as i128)).then(fraction))
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Whole(own), Self::Whole(other)) => own == other,
            (Self::Float(own), Self::Float(other)) => own.to_bits() == other.to_bits(),
            (Self::Whole(_), Self::Float(_)) | (Self::Float(_), Self::Whole(_)) => false,
        }
    }
}

impl Eq for Number {}

impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Self::Whole(whole) => whole.hash(state),
            Self::Float(float) => float.to_bits().hash(state),
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(whole) => whole.fmt(f),
            Self::Float(float) => float.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_exactly_on_both_sides_of_a_bound() {
        for (value, comparison, bound, holds) in [
            ("9007199254740993", ">", "9007199254740992", true),
            ("9007199254740993", ">", "9007199254740992.0", true),
            ("9007199254740992", ">", "9007199254740992.0", false),
            ("18446744073709551615", ">", "18446744073709551614", true),
            ("9223372036854775807", "<", "9223372036854775808.0", true),
            ("-9223372036854775808", "==", "-9223372036854775808.0", true),
            (
                "150000000000000000000000000000000000000",
                ">",
                "1.2e38",
                true,
            ),
            ("1e39", ">", "150000000000000000000000000000000000000", true),
            ("4.9", ">=", "5", false),
            ("5", ">=", "5", true),
            ("5.1", "<=", "5", false),
            ("5.1", "!=", "5", true),
            ("-3", ">", "-3.5", true),
            ("-1", "<", "0", true),
            ("-0.5", "<", "0", true),
            ("1e3", "==", "1000", true),
            ("1e3", "!=", "1000", false),
        ] {
            let number = |text| Number::parse(text).unwrap();
            let sign = Comparison::from_sign(comparison).unwrap();
            let found = number(value).satisfies(sign, number(bound));
            assert_eq!(found, holds, "{value} {comparison} {bound}");
        }
        for none in ["", "x", "inf", "nan", "0x10", "1 ", "-"] {
            assert_eq!(Number::parse(none), None, "{none:?}");
        }
    }

    #[test]
    fn what_is_not_a_number_has_no_order() {
        let nan = Number::Float(f64::NAN);
        assert_eq!(nan.order(Number::Whole(0)), None);
        assert!(nan.satisfies(Comparison::NotEqual, nan));
        assert!(!nan.satisfies(Comparison::AtMost, nan));
    }
}
