//! Tests that look at a value as what it is, for languages in which nothing is coerced.

use std::cmp::Ordering;

use larum_event::value::{Comparison, Number};

use crate::ids::SlotId;
use crate::record::{FlatRecord, ValueKind};
use crate::text_anchor::TextAnchor;

/// A question about a value of one kind; of any other kind, the answer is no.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TypedTest {
    /// The value is a text that compares so with this one, byte by byte.
    Order(Comparison, String),
    /// The value compares so with the value of another slot: texts, numbers and booleans, each with
    /// its own kind.
    Compare(Comparison, SlotId),
    /// The value is a text that has so many characters.
    Length(Comparison, Number),
    /// The value is a text, and put into these letters it has the text there.
    Recased {
        /// Which letters.
        to: LetterCase,
        /// Where it must be.
        kind: TextAnchor,
        /// The text that is looked for.
        literal: String,
    },
}

/// Letters that a text is put into: by Unicode, with all its special cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LetterCase {
    /// All lower case.
    Lower,
    /// All upper case.
    Upper,
}

impl LetterCase {
    /// The text in these letters.
    pub(crate) fn convert_text(self, text: &str) -> String {
        match self {
            Self::Lower => text.to_lowercase(),
            Self::Upper => text.to_uppercase(),
        }
    }
}

impl TypedTest {
    /// Whether it holds for a value of the record.
    pub(crate) fn holds(&self, kind: ValueKind, text: &str, record: &FlatRecord) -> bool {
        match self {
            Self::Order(comparison, bound) => {
                kind == ValueKind::Text && comparison.accepts_order(text.cmp(bound))
            }
            Self::Compare(comparison, other) => {
                let other = record.values().find(|value| value.slot == Some(*other));
                let order =
                    other.and_then(|other| value_order((kind, text), (other.kind, other.text)));
                order.is_some_and(|order| comparison.accepts_order(order))
            }
            Self::Length(comparison, bound) => {
                let length = || Number::Whole(text.chars().count() as i128);
                kind == ValueKind::Text && length().satisfies(*comparison, *bound)
            }
            Self::Recased {
                to,
                kind: place,
                literal,
            } => kind == ValueKind::Text && place.holds(&to.convert_text(text), literal),
        }
    }
}

/// The order of two values of a kind; `None` for values that have none.
fn value_order(left: (ValueKind, &str), right: (ValueKind, &str)) -> Option<Ordering> {
    if left.0 != right.0 {
        return None;
    }
    match left.0 {
        // "false" sorts before "true".
        ValueKind::Text | ValueKind::Bool => Some(left.1.cmp(right.1)),
        ValueKind::Number => Number::parse_json(left.1)?.order(Number::parse_json(right.1)?),
        ValueKind::Null | ValueKind::Container | ValueKind::List => None,
    }
}
