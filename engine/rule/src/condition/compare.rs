//! How values compare: the script engine is taught it where rhai's own answer differs, and
//! conditions that were read mean the same.
//!
//! Owns the six comparisons of rules. Comparisons of other rule languages belong to the predicates.
//! Invariant: nothing is coerced. Values of different kinds are never equal and have no order, and
//! whole and other numbers compare by their exact value, not within rhai's tolerance.

use std::cmp::Ordering;

use larum_event::value::{Comparison, FieldValue, Number};
use rhai::{Engine, ImmutableString};

use crate::view::{LongText, ObjectView};

/// Whether two plain values compare so; `null` stands for a missing field.
pub(crate) fn values_compare(
    comparison: Comparison,
    left: &FieldValue<'_>,
    right: &FieldValue<'_>,
) -> bool {
    // `()` equals itself and yet is not `<=` itself.
    if matches!((left, right), (FieldValue::Null, FieldValue::Null)) {
        return comparison == Comparison::Equal;
    }
    comparison.accepts_order(value_order(left, right))
}

/// The order of two values of a kind; `None` for values that have none.
fn value_order(left: &FieldValue<'_>, right: &FieldValue<'_>) -> Option<Ordering> {
    match (left, right) {
        (FieldValue::Bool(left), FieldValue::Bool(right)) => Some(left.cmp(right)),
        (FieldValue::Str(left), FieldValue::Str(right)) => Some(left.as_ref().cmp(right.as_ref())),
        _ => Number::from_value(left)?.order(Number::from_value(right)?),
    }
}

/// Makes an engine compare numbers exactly, and compare the values that only our events have.
pub(super) fn register(engine: &mut Engine) {
    for comparison in Comparison::ALL {
        let name = comparison.sign();
        engine.register_fn(name, move |left: f64, right: f64| {
            comparison.accepts_order(left.partial_cmp(&right))
        });
        engine.register_fn(name, move |left: i64, right: f64| {
            Number::Whole(left.into()).satisfies(comparison, Number::Float(right))
        });
        engine.register_fn(name, move |left: f64, right: i64| {
            Number::Float(left).satisfies(comparison, Number::Whole(right.into()))
        });
        engine.register_fn(name, move |left: LongText, right: LongText| {
            comparison.accepts_order(left.cmp(&right))
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
