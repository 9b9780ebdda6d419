//! Joins: the values of an event compared with those of earlier steps.

use std::cmp::Ordering;

use larum_event::{Join, MatchValues, ScalarValue, WindowComparison};

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
    comparison: WindowComparison,
    value: Option<&ScalarValue>,
    other: Option<&ScalarValue>,
) -> bool {
    let is_different = comparison == WindowComparison::NotEqual;
    match (value, other) {
        (Some(value), Some(other)) => match compare_values(value, other) {
            Some(ordering) => comparison.evaluate(&ordering, &Ordering::Equal),
            None => is_different,
        },
        (None, None) => false,
        (Some(_), None) | (None, Some(_)) => is_different,
    }
}

/// Compares two values of one kind; `None` if their kinds differ.
fn compare_values(value: &ScalarValue, other: &ScalarValue) -> Option<Ordering> {
    match (value, other) {
        (ScalarValue::Bool(value), ScalarValue::Bool(other)) => Some(value.cmp(other)),
        (ScalarValue::Str(value), ScalarValue::Str(other)) => Some(value.cmp(other)),
        (ScalarValue::Int(value), ScalarValue::Int(other)) => Some(value.cmp(other)),
        (ScalarValue::Float(value), ScalarValue::Float(other)) => {
            f64::from_bits(*value).partial_cmp(&f64::from_bits(*other))
        }
        (ScalarValue::Int(value), ScalarValue::Float(other)) => {
            compare_int_float(*value, f64::from_bits(*other))
        }
        (ScalarValue::Float(value), ScalarValue::Int(other)) => {
            compare_int_float(*other, f64::from_bits(*value)).map(Ordering::reverse)
        }
        _ => None,
    }
}

/// Compares exactly: a float cannot hold all 64 bits of the integer.
fn compare_int_float(value: i64, other: f64) -> Option<Ordering> {
    if other.is_nan() {
        return None;
    }
    let floor = other.floor();
    // Saturates at the ends of `i128`, which are further than any whole number.
    let ordering = i128::from(value).cmp(&(floor as i128));
    Some(ordering.then(if other > floor {
        Ordering::Less
    } else {
        Ordering::Equal
    }))
}
