//! Tests of a field's values. If there are several, one that passes is enough.

use larum_event::value::{CaseSensitivity, Comparison, GlobPattern, Number};

use crate::ids::SlotId;
use crate::shape::ValueShape;
use crate::text_anchor::TextAnchor;
use crate::time_part::TimePart;
use crate::typed_test::TypedTest;

/// A question asked of a field's values.
///
/// Numbers and booleans are tested as the texts they are written as; a null, an object or an empty
/// array answers no to every text. The value at an exact path answers only as what it is: to tests
/// of texts if it is a text, to tests of numbers if it is a number.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum FieldTest {
    /// The text is found there.
    Text {
        /// Where it must be.
        kind: TextAnchor,
        /// The text that is looked for.
        literal: String,
        /// Whether case matters.
        case: CaseSensitivity,
    },
    /// The pattern matches, anchored at both ends.
    Pattern {
        /// The pattern.
        glob: GlobPattern,
        /// Whether case matters.
        case: CaseSensitivity,
    },
    /// The regular expression matches somewhere in the unfolded value; flags are written in it as
    /// `(?i)`.
    Regex(String),
    /// The value is an address inside of the network.
    Network(String),
    /// The value is a number that compares so.
    Number(Comparison, Number),
    /// The part of the value, which is a time, compares so.
    Time(TimePart, Comparison, Number),
    /// The field is there, be it empty or null.
    Present,
    /// The field has a value that is a text, a number or a truth, be it empty.
    HasValue,
    /// The field is missing or null.
    Null,
    /// The value is like this, whatever it says.
    Shape(ValueShape),
    /// The value, as what it is, answers this.
    Typed(TypedTest),
    /// The caller says so of the event, whatever its values; see
    /// [`PredicateMatcher::match_record_given`](crate::PredicateMatcher::match_record_given). Asked
    /// of no slot.
    Given(String),
    /// A value of another field is found there in a value of this one. No if either is missing.
    Field {
        /// The other field.
        other: SlotId,
        /// Where it must be.
        kind: TextAnchor,
        /// Whether case matters.
        case: CaseSensitivity,
    },
}

impl FieldTest {
    /// Whether one visit to a value settles it, together with all others of its slot.
    pub(crate) fn is_decided_by_visit(&self) -> bool {
        match self {
            Self::Text { case, .. } => *case == CaseSensitivity::Insensitive,
            Self::Present | Self::HasValue | Self::Number(..) | Self::Shape(_) | Self::Given(_) => {
                true
            }
            Self::Pattern { .. }
            | Self::Regex(_)
            | Self::Network(_)
            | Self::Time(..)
            | Self::Typed(_)
            | Self::Null
            | Self::Field { .. } => false,
        }
    }
}
