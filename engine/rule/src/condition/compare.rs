//! How values compare: the script engine is taught it where rhai's own answer differs, and
//! conditions that were read mean the same.
//!
//! Owns the six comparisons of rules. Comparisons of other rule languages belong to the predicates.
//! Invariant: nothing is coerced. Values of different kinds are never equal and have no order, and
//! whole and other numbers compare by their exact value, not within rhai's tolerance.

use std::cmp::Ordering;

use larum_event::FieldValue;
use rhai::{Engine, ImmutableString};

use crate::view::{LongText, ObjectView};

/// A comparison as rules write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ComparisonOperator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl ComparisonOperator {
    pub(crate) const ALL: [Self; 6] = [
        Self::Equal,
        Self::NotEqual,
        Self::Less,
        Self::LessOrEqual,
        Self::Greater,
        Self::GreaterOrEqual,
    ];

    pub(crate) fn from_symbol(operator: &str) -> Option<Self> {
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
    pub(crate) fn holds(self, left: &FieldValue<'_>, right: &FieldValue<'_>) -> bool {
        // `()` equals itself and yet is not `<=` itself.
        if matches!((left, right), (FieldValue::Null, FieldValue::Null)) {
            return self == Self::Equal;
        }
        self.accepts_order(value_order(left, right))
    }

    /// The comparison that holds with the sides exchanged.
    pub(crate) fn flip(self) -> Self {
        match self {
            Self::Equal | Self::NotEqual => self,
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
        }
    }

    pub(crate) fn accepts_order(self, order: Option<Ordering>) -> bool {
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
fn value_order(left: &FieldValue<'_>, right: &FieldValue<'_>) -> Option<Ordering> {
    match (left, right) {
        (FieldValue::Bool(left), FieldValue::Bool(right)) => Some(left.cmp(right)),
        (FieldValue::Int(left), FieldValue::Int(right)) => Some(left.cmp(right)),
        (FieldValue::Float(left), FieldValue::Float(right)) => left.partial_cmp(right),
        (FieldValue::Int(left), FieldValue::Float(right)) => compare_int_float(*left, *right),
        (FieldValue::Float(left), FieldValue::Int(right)) => {
            compare_int_float(*right, *left).map(Ordering::reverse)
        }
        (FieldValue::Str(left), FieldValue::Str(right)) => Some(left.as_ref().cmp(right.as_ref())),
        _ => None,
    }
}

/// The exact order of a whole number and another one.
fn compare_int_float(whole: i64, other: f64) -> Option<Ordering> {
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

/// Makes an engine compare numbers exactly, and compare the values that only our events have.
pub(super) fn register(engine: &mut Engine) {
    for comparison in ComparisonOperator::ALL {
        let name = comparison.as_str();
        engine.register_fn(name, move |left: f64, right: f64| {
            comparison.accepts_order(left.partial_cmp(&right))
        });
        engine.register_fn(name, move |left: i64, right: f64| {
            comparison.accepts_order(compare_int_float(left, right))
        });
        engine.register_fn(name, move |left: f64, right: i64| {
            comparison.accepts_order(compare_int_float(right, left).map(Ordering::reverse))
        });
        engine.register_fn(name, move |left: LongText, right: LongText| {
            comparison.accepts_order(Some(left.cmp(&right)))
        });
        engine.register_fn(name, move |left: LongText, right: ImmutableString| {
            comparison.accepts_order(Some(left.0.as_ref().cmp(right.as_str())))
        });
        engine.register_fn(name, move |left: ImmutableString, right: LongText| {
            comparison.accepts_order(Some(left.as_str().cmp(right.0.as_ref())))
        });
    }
    engine.register_fn("==", |left: ObjectView, right: ObjectView| {
        left.json_text() == right.json_text()
    });
    engine.register_fn("!=", |left: ObjectView, right: ObjectView| {
        left.json_text() != right.json_text()
    });
    // A missing field is not true.
    engine.register_fn("!", |(): ()| true);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_and_other_numbers_compare_exactly_beyond_what_a_float_holds() {
        let big = 9_007_199_254_740_993; // 2^53 + 1, which no f64 is
        assert_eq!(
            compare_int_float(big, 9_007_199_254_740_992.0),
            Some(Ordering::Greater)
        );
        assert_eq!(compare_int_float(3, 3.0), Some(Ordering::Equal));
        assert_eq!(compare_int_float(3, 3.5), Some(Ordering::Less));
        assert_eq!(compare_int_float(-3, -3.5), Some(Ordering::Greater));
        assert_eq!(
            compare_int_float(i64::MAX, 9_223_372_036_854_775_808.0),
            Some(Ordering::Less)
        );
        assert_eq!(
            compare_int_float(i64::MIN, -9_223_372_036_854_775_808.0),
            Some(Ordering::Equal)
        );
    }
}
