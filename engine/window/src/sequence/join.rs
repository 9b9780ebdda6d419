//! Joins: the values of an event compared with those of earlier steps.

use std::cmp::Ordering;

use larum_event::value::{Comparison, Number};
use larum_event::{Join, MatchValues, ScalarValue};

use super::partial::PartialChain;

/// Whether an event with `values` satisfies all of `joins` with the events of `partial`.
pub(super) fn satisfies_joins(
    joins: &[Join],
    values: &MatchValues,
    partial: &PartialChain,
) -> bool {
    joins.iter().all(|join| {
        let Some(seen) = partial.step_values(join.step) else {
            return false;
        };
        let value = values.get(usize::from(join.value));
        satisfies_comparison(join.comparison, value, seen.get(usize::from(join.other)))
    })
}

fn satisfies_comparison(
    comparison: Comparison,
    value: Option<&ScalarValue>,
    other: Option<&ScalarValue>,
) -> bool {
    let is_different = comparison == Comparison::NotEqual;
    match (value, other) {
        (Some(value), Some(other)) => comparison.accepts_order(compare_values(value, other)),
        (None, None) => false,
        (Some(_), None) | (None, Some(_)) => is_different,
    }
}

/// Compares two values of one kind; `None` if their kinds differ.
fn compare_values(value: &ScalarValue, other: &ScalarValue) -> Option<Ordering> {
    match (value, other) {
        (ScalarValue::Bool(value), ScalarValue::Bool(other)) => Some(value.cmp(other)),
        (ScalarValue::Str(value), ScalarValue::Str(other)) => Some(value.cmp(other)),
        _ => as_number(value)?.order(as_number(other)?),
    }
}

fn as_number(value: &ScalarValue) -> Option<Number> {
    match value {
        ScalarValue::Int(whole) => Some(Number::Whole((*whole).into())),
        ScalarValue::Float(bits) => Some(Number::Float(f64::from_bits(*bits))),
        ScalarValue::Bool(_) | ScalarValue::Str(_) => None,
    }
}
