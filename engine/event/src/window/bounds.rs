//! Measured amounts, and the bounds that a rule sets for them.
//!
//! Owns the decimal [`Amount`] and the comparisons of a rule with it. What is measured, and when a
//! bound is checked, is the windows' job.
//! Invariant: an amount counts whole billionths, so adding and subtracting in any order gives the
//! same sum, and a replay reaches a threshold at the same event.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::key::ScalarValue;
use crate::value::Comparison;

/// An exact number with nine decimals: adding and subtracting in any order gives the same sum.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Amount(i128);

/// A text that is not an [`Amount`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a number")]
pub struct InvalidAmount {
    /// What was found.
    pub text: String,
}

const BILLION: i128 = 1_000_000_000;

/// Largest magnitude accepted from an event, so that the sum of any number of them cannot overflow.
const MOST: f64 = 1e24;

impl Amount {
    /// The amount of nothing.
    pub const ZERO: Self = Self(0);

    /// From a number of billionths.
    pub const fn from_billionths(billionths: i128) -> Self {
        Self(billionths)
    }

    /// The number of billionths.
    pub const fn billionths(self) -> i128 {
        self.0
    }

    /// From a whole number.
    pub const fn from_int(value: i64) -> Self {
        Self(value as i128 * BILLION)
    }

    /// The nearest amount; `None` for what is not finite or beyond 10^24.
    pub fn from_float(value: f64) -> Option<Self> {
        if !value.is_finite() || value.abs() > MOST {
            return None;
        }
        // Scale whole and fraction separately, so that large numbers lose no precision.
        let whole = value.trunc();
        let fraction = ((value - whole) * 1e9).round();
        Some(Self(whole as i128 * BILLION + fraction as i128))
    }

    /// The amount of an event's value; `None` if the value is not a number.
    pub fn from_scalar(value: &ScalarValue) -> Option<Self> {
        match value {
            ScalarValue::Int(value) => Some(Self::from_int(*value)),
            ScalarValue::Float(bits) => Self::from_float(f64::from_bits(*bits)),
            ScalarValue::Bool(_) | ScalarValue::Str(_) => None,
        }
    }

    /// The nearest floating point number.
    pub fn to_float(self) -> f64 {
        let (whole, fraction) = (self.0 / BILLION, self.0 % BILLION);
        whole as f64 + fraction as f64 / 1e9
    }

    /// The sum, limited to the largest amount.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, limited to the smallest amount.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// As a JSON number, without a fraction if it is whole.
    pub fn to_json(self) -> serde_json::Value {
        match i64::try_from(self.0 / BILLION) {
            Ok(whole) if self.0 % BILLION == 0 => whole.into(),
            Ok(_) | Err(_) => self.to_float().into(),
        }
    }
}

impl FromStr for Amount {
    type Err = InvalidAmount;

    fn from_str(text: &str) -> Result<Self, InvalidAmount> {
        let invalid = || InvalidAmount {
            text: text.chars().take(64).collect(),
        };
        let trimmed = text.trim();
        let is_number = trimmed
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b"+-.eE_".contains(&byte));
        if !is_number {
            return Err(invalid());
        }
        let plain = trimmed.replace('_', "");
        if let Ok(whole) = plain.parse::<i64>() {
            return Ok(Self::from_int(whole));
        }
        let float = plain.parse::<f64>().map_err(|_| invalid())?;
        Self::from_float(float).ok_or_else(invalid)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.0 / BILLION, (self.0 % BILLION).unsigned_abs());
        if self.0 < 0 && whole == 0 {
            f.write_str("-")?;
        }
        write!(f, "{whole}")?;
        if fraction == 0 {
            return Ok(());
        }
        let digits = format!("{fraction:09}");
        write!(f, ".{}", digits.trim_end_matches('0'))
    }
}

/// One comparison with one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Bound {
    /// How the value is compared.
    pub comparison: Comparison,
    /// What it is compared with.
    pub value: Amount,
}

/// Comparisons that must all hold. An empty list accepts every value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Bounds(Vec<Bound>);

/// A text that is not [`Bounds`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a comparison; write such as \">= 5\", \"< 0.5\" or \">= 3 && <= 10\"")]
pub struct InvalidBounds {
    /// What was found.
    pub text: String,
}

impl Bounds {
    /// Accepts every value.
    pub const fn any_value() -> Self {
        Self(Vec::new())
    }

    /// At least this much.
    pub fn at_least(value: Amount) -> Self {
        Self(vec![Bound {
            comparison: Comparison::AtLeast,
            value,
        }])
    }

    /// All of these comparisons together.
    pub const fn new(bounds: Vec<Bound>) -> Self {
        Self(bounds)
    }

    /// The comparisons.
    pub fn as_slice(&self) -> &[Bound] {
        &self.0
    }

    /// Whether `value` satisfies them.
    pub fn contains(&self, value: Amount) -> bool {
        let mut all = self.0.iter();
        all.all(|bound| bound.comparison.holds(&value, &bound.value))
    }

    /// Whether there are any, and a value that satisfies them still does when it grows.
    pub fn are_lower_bounds(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(|bound| bound.comparison.is_lower_bound())
    }

    /// Whether there are any, and a value that satisfies them still does when it shrinks.
    pub fn are_upper_bounds(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(|bound| bound.comparison.is_upper_bound())
    }

    /// The least whole number that satisfies them if they are lower bounds; at least 1.
    pub fn threshold(&self) -> u64 {
        let least = self.0.iter().map(|bound| {
            let billionths = bound.value.billionths();
            let up = billionths.div_euclid(BILLION) + i128::from(billionths % BILLION != 0);
            match bound.comparison {
                Comparison::Greater => billionths.div_euclid(BILLION) + 1,
                Comparison::AtLeast | Comparison::Equal => up,
                Comparison::Less | Comparison::AtMost | Comparison::NotEqual => 1,
            }
        });
        u64::try_from(least.max().unwrap_or(1).max(1)).unwrap_or(u64::MAX)
    }
}

impl FromStr for Bounds {
    type Err = InvalidBounds;

    fn from_str(text: &str) -> Result<Self, InvalidBounds> {
        let invalid = || InvalidBounds {
            text: text.chars().take(64).collect(),
        };
        let mut bounds = Vec::new();
        for part in text.split("&&") {
            let part = part.trim();
            let found = Comparison::ALL
                .into_iter()
                .find_map(|comparison| Some((comparison, part.strip_prefix(comparison.sign())?)));
            let (comparison, number) = found.ok_or_else(invalid)?;
            let value = number.parse().map_err(|_| invalid())?;
            bounds.push(Bound { comparison, value });
        }
        Ok(Self(bounds))
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, bound) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str(" && ")?;
            }
            write!(f, "{} {}", bound.comparison.sign(), bound.value)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_decimal_so_ten_tenths_are_one() {
        let tenth = Amount::from_float(0.1).unwrap();
        let sum = (0..10).fold(Amount::ZERO, |sum, _| sum.saturating_add(tenth));
        assert_eq!(sum, Amount::from_int(1));
        assert_eq!("-0.25".parse::<Amount>().unwrap().to_string(), "-0.25");
        assert_eq!("1_000.5".parse::<Amount>().unwrap().to_string(), "1000.5");
        assert_eq!("1e9".parse(), Ok(Amount::from_int(1_000_000_000)));
        for bad in ["", "x", "1.2.3", "NaN", "inf", "1e99"] {
            assert!(bad.parse::<Amount>().is_err(), "{bad}");
        }
        assert_eq!(Amount::from_float(f64::NAN), None);
    }

    #[test]
    fn bounds_read_back_what_they_write_and_hold_on_one_side_of_each_number() {
        let bounds: Bounds = ">= 3 && <= 10".parse().unwrap();
        assert_eq!(bounds.to_string(), ">= 3 && <= 10");
        for (value, holds) in [(2, false), (3, true), (10, true), (11, false)] {
            assert_eq!(bounds.contains(Amount::from_int(value)), holds, "{value}");
        }
        assert!(!bounds.are_lower_bounds());
        for (text, threshold) in [
            (">= 5", 5),
            ("> 5", 6),
            (">= 4.5", 5),
            ("> 4.5", 5),
            (">= 0", 1),
        ] {
            let bounds: Bounds = text.parse().unwrap();
            assert!(bounds.are_lower_bounds(), "{text}");
            assert_eq!(bounds.threshold(), threshold, "{text}");
        }
        for bad in ["", "5", "=> 5", ">= 5 &&", ">= five"] {
            assert!(bad.parse::<Bounds>().is_err(), "{bad}");
        }
        assert!(Bounds::any_value().contains(Amount::from_int(-1)));
        assert!(!Bounds::any_value().are_lower_bounds());
    }
}
