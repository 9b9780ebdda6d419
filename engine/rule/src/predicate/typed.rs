//! Tests that look at a value as what it is, for languages in which nothing is coerced.

use std::cmp::Ordering;

use super::number::{Comparison, Number};
use super::record::{Record, ValueKind};
use super::set::Slot;
use super::test::TextKind;

/// A question about a value of one kind; of any other kind, the answer is no.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Typed {
    /// The value is a text that stands so to this one, byte by byte.
    Order(Comparison, String),
    /// The value stands so to the value of another slot: texts, numbers and truths, each to its own.
    Compare(Comparison, Slot),
    /// The value is a text that has so many characters.
    Length(Comparison, Number),
    /// The text stands so in the value, which is a text, in other letters.
    Recased {
        /// Which letters.
        to: Letters,
        /// Where.
        kind: TextKind,
        /// What.
        literal: String,
    },
}

/// Letters that a text is put into: by Unicode, with all its special cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Letters {
    /// All lower case.
    Lower,
    /// All upper case.
    Upper,
}

impl Letters {
    /// The text in these letters.
    pub(crate) fn of(self, text: &str) -> String {
        match self {
            Self::Lower => text.to_lowercase(),
            Self::Upper => text.to_uppercase(),
        }
    }
}

impl Typed {
    /// Whether it holds for a value of the record.
    pub(crate) fn holds(&self, kind: ValueKind, text: &str, record: &Record) -> bool {
        match self {
            Self::Order(comparison, bound) => {
                kind == ValueKind::Text && comparison.of(text.cmp(bound))
            }
            Self::Compare(comparison, other) => {
                let other = record.values().find(|value| value.slot == Some(*other));
                let order = other.and_then(|other| order((kind, text), (other.kind, other.text)));
                order.is_some_and(|order| comparison.of(order))
            }
            Self::Length(comparison, bound) => {
                let length = || Number::Whole(text.chars().count() as i128);
                kind == ValueKind::Text && comparison.holds(length(), *bound)
            }
            Self::Recased {
                to,
                kind: place,
                literal,
            } => kind == ValueKind::Text && place.holds(&to.of(text), literal),
        }
    }
}

/// The order of two values of a kind; `None` for values that have none.
fn order(left: (ValueKind, &str), right: (ValueKind, &str)) -> Option<Ordering> {
    if left.0 != right.0 {
        return None;
    }
    match left.0 {
        // "false" stands before "true".
        ValueKind::Text | ValueKind::Truth => Some(left.1.cmp(right.1)),
        ValueKind::Number => Some(Number::of_value(left.1)?.compare(Number::of_value(right.1)?)),
        ValueKind::Null | ValueKind::Hollow | ValueKind::List => None,
    }
}
