//! How values compare. The script engine is taught it where rhai's own answer is another one, and what is
//! read of conditions means the same.
//!
//! Nothing is coerced: values of different kinds are never equal and have no order. Whole and other
//! numbers compare by their exact value, not within rhai's tolerance.

use std::cmp::Ordering;

use larum_event::Value;
use rhai::{Engine, ImmutableString};

use crate::view::{LongText, ObjectView};

/// A comparison as rules write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    pub(crate) const ALL: [Self; 6] = [
        Self::Equal,
        Self::NotEqual,
        Self::Less,
        Self::LessOrEqual,
        Self::Greater,
        Self::GreaterOrEqual,
    ];

    pub(crate) fn named(operator: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == operator)
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    /// Whether it holds of two plain values; `null` stands for a missing field.
    pub(crate) fn holds(self, left: &Value<'_>, right: &Value<'_>) -> bool {
        // `()` equals itself and yet is not `<=` itself.
        if matches!((left, right), (Value::Null, Value::Null)) {
            return self == Self::Equal;
        }
        self.of_order(order(left, right))
    }

    /// The comparison that holds with the sides exchanged.
    pub(crate) fn flipped(self) -> Self {
        match self {
            Self::Equal | Self::NotEqual => self,
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
        }
    }

    pub(crate) fn of_order(self, order: Option<Ordering>) -> bool {
        match self {
            Self::Equal => order == Some(Ordering::Equal),
            Self::NotEqual => order != Some(Ordering::Equal),
            Self::Less => order == Some(Ordering::Less),
            Self::LessOrEqual => order.is_some_and(Ordering::is_le),
            Self::Greater => order == Some(Ordering::Greater),
            Self::GreaterOrEqual => order.is_some_and(Ordering::is_ge),
        }
    }
}

/// The order of two values of a kind; `None` for values that have none.
fn order(left: &Value<'_>, right: &Value<'_>) -> Option<Ordering> {
    match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::Int(left), Value::Int(right)) => Some(left.cmp(right)),
        (Value::Float(left), Value::Float(right)) => left.partial_cmp(right),
        (Value::Int(left), Value::Float(right)) => whole_to_other(*left, *right),
        (Value::Float(left), Value::Int(right)) => {
            whole_to_other(*right, *left).map(Ordering::reverse)
        }
        (Value::Str(left), Value::Str(right)) => Some(left.as_ref().cmp(right.as_ref())),
        _ => None,
    }
}

/// The exact order of a whole number and another one.
fn whole_to_other(whole: i64, other: f64) -> Option<Ordering> {
    const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
    if other.is_nan() {
        None
    } else if other >= TWO_TO_63 {
        Some(Ordering::Less)
    } else if other < -TWO_TO_63 {
        Some(Ordering::Greater)
    } else {
        let cut = other.trunc();
        let rest = 0.0_f64.partial_cmp(&(other - cut))?;
        Some(whole.cmp(&(cut as i64)).then(rest))
    }
}

/// Teaches an engine to compare numbers exactly, and the values that only our events have.
pub(super) fn register(engine: &mut Engine) {
    for comparison in Comparison::ALL {
        let name = comparison.as_str();
        engine.register_fn(name, move |left: f64, right: f64| {
            comparison.of_order(left.partial_cmp(&right))
        });
        engine.register_fn(name, move |left: i64, right: f64| {
            comparison.of_order(whole_to_other(left, right))
        });
        engine.register_fn(name, move |left: f64, right: i64| {
            comparison.of_order(whole_to_other(right, left).map(Ordering::reverse))
        });
        engine.register_fn(name, move |left: LongText, right: LongText| {
            comparison.of_order(Some(left.cmp(&right)))
        });
        engine.register_fn(name, move |left: LongText, right: ImmutableString| {
            comparison.of_order(Some(left.0.as_ref().cmp(right.as_str())))
        });
        engine.register_fn(name, move |left: ImmutableString, right: LongText| {
            comparison.of_order(Some(left.as_str().cmp(right.0.as_ref())))
        });
    }
    engine.register_fn("==", |left: ObjectView, right: ObjectView| {
        left.text() == right.text()
    });
    engine.register_fn("!=", |left: ObjectView, right: ObjectView| {
        left.text() != right.text()
    });
    // A field that is not there is no truth value; asked as one, it is not true.
    engine.register_fn("!", |(): ()| true);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_and_other_numbers_compare_exactly_beyond_what_a_float_holds() {
        let big = 9_007_199_254_740_993; // 2^53 + 1, which no f64 is
        assert_eq!(
            whole_to_other(big, 9_007_199_254_740_992.0),
            Some(Ordering::Greater)
        );
        assert_eq!(whole_to_other(3, 3.0), Some(Ordering::Equal));
        assert_eq!(whole_to_other(3, 3.5), Some(Ordering::Less));
        assert_eq!(whole_to_other(-3, -3.5), Some(Ordering::Greater));
        assert_eq!(
            whole_to_other(i64::MAX, 9_223_372_036_854_775_808.0),
            Some(Ordering::Less)
        );
        assert_eq!(
            whole_to_other(i64::MIN, -9_223_372_036_854_775_808.0),
            Some(Ordering::Equal)
        );
    }
}
