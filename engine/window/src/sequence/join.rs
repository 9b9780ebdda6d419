//! Values of an event compared with those of the events before it.

use std::cmp::Ordering;

use larum_event::{Comparison, Join, KeyValue, Values};

use super::partial::Partial;

/// Whether an event with `values` stands to the events of `partial` as all of `joins` ask.
pub(super) fn all_hold(joins: &[Join], values: &Values, partial: &Partial) -> bool {
    joins.iter().all(|join| {
        let Some(seen) = partial.seen(join.step) else {
            return false;
        };
        let value = values.get(usize::from(join.value));
        holds(join.comparison, value, seen.get(usize::from(join.other)))
    })
}

fn holds(comparison: Comparison, value: Option<&KeyValue>, other: Option<&KeyValue>) -> bool {
    let is_different = comparison == Comparison::NotEqual;
    match (value, other) {
        (Some(value), Some(other)) => match compare(value, other) {
            Some(ordering) => comparison.holds(&ordering, &Ordering::Equal),
            None => is_different,
        },
        (None, None) => false,
        (Some(_), None) | (None, Some(_)) => is_different,
    }
}

/// How a value stands to another of its kind.
fn compare(value: &KeyValue, other: &KeyValue) -> Option<Ordering> {
    match (value, other) {
        (KeyValue::Bool(value), KeyValue::Bool(other)) => Some(value.cmp(other)),
        (KeyValue::Str(value), KeyValue::Str(other)) => Some(value.cmp(other)),
        (KeyValue::Int(value), KeyValue::Int(other)) => Some(value.cmp(other)),
        (KeyValue::Float(value), KeyValue::Float(other)) => {
            f64::from_bits(*value).partial_cmp(&f64::from_bits(*other))
        }
        (KeyValue::Int(value), KeyValue::Float(other)) => whole(*value, f64::from_bits(*other)),
        (KeyValue::Float(value), KeyValue::Int(other)) => {
            whole(*other, f64::from_bits(*value)).map(Ordering::reverse)
        }
        _ => None,
    }
}

/// Without rounding the whole number, whose 64 bits no float has.
fn whole(value: i64, other: f64) -> Option<Ordering> {
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
