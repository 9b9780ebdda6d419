//! Tests that a visit does not settle: asked when a program needs them, and then once per event.

use larum_event::value::{
    CaseSensitivity, Comparison, GlobMatcher, InvalidNetwork, Network, Number, fold_case, fold_into,
};
use regex::Regex;

use crate::field_test::FieldTest;
use crate::ids::SlotId;
use crate::pattern::compile_regex;
use crate::record::{FlatRecord, ValueKind};
use crate::text_anchor::TextAnchor;
use crate::time_part::TimePart;
use crate::typed_test::TypedTest;

/// A test that looks at the values themselves.
#[derive(Debug)]
pub(crate) enum TestVerifier {
    Text(TextAnchor, String),
    Pattern(GlobMatcher, CaseSensitivity),
    Regex(Regex),
    Network(Network),
    Time(TimePart, Comparison, Number),
    Typed(TypedTest),
    Null,
    Field(SlotId, TextAnchor, CaseSensitivity),
    /// The caller settles it.
    Given,
    /// A visit settles it.
    Visited,
}

impl TestVerifier {
    /// Compiles a test; the error is a sentence.
    pub(crate) fn new(test: &FieldTest) -> Result<Self, String> {
        Ok(match test {
            FieldTest::Text {
                case: CaseSensitivity::Insensitive,
                ..
            }
            | FieldTest::Present
            | FieldTest::HasValue
            | FieldTest::Number(..)
            | FieldTest::Shape(_) => Self::Visited,
            FieldTest::Typed(typed) => Self::Typed(typed.clone()),
            FieldTest::Given(_) => Self::Given,
            FieldTest::Text { kind, literal, .. } => Self::Text(*kind, literal.clone()),
            FieldTest::Pattern { glob, case } => {
                Self::Pattern(glob.normalize(*case).whole_matcher(), *case)
            }
            FieldTest::Regex(pattern) => Self::Regex(compile_regex(pattern)?),
            FieldTest::Network(network) => Self::Network(
                network
                    .parse()
                    .map_err(|error: InvalidNetwork| error.to_string())?,
            ),
            FieldTest::Time(part, comparison, bound) => Self::Time(*part, *comparison, *bound),
            FieldTest::Null => Self::Null,
            FieldTest::Field { other, kind, case } => Self::Field(*other, *kind, *case),
        })
    }

    /// Whether it holds for a value of the slot; without a slot, for any value of the event.
    pub(crate) fn holds(
        &self,
        slot: Option<SlotId>,
        record: &FlatRecord,
        scratch: &mut String,
    ) -> bool {
        if matches!(self, Self::Null) {
            let mut values = record
                .entries()
                .iter()
                .filter(|entry| entry.slot == slot)
                .peekable();
            return values.peek().is_none() || values.any(|entry| entry.kind == ValueKind::Null);
        }
        record.entries().iter().any(|entry| {
            let asked = slot.map_or(entry.first, |_| entry.slot == slot);
            asked
                && match self {
                    Self::Typed(typed) => typed.holds(entry.kind, record.entry_text(entry), record),
                    _ => {
                        entry.is_textual()
                            && self.holds_for_text(record.entry_text(entry), record, scratch)
                    }
                }
        })
    }

    fn holds_for_text(&self, text: &str, record: &FlatRecord, scratch: &mut String) -> bool {
        match self {
            Self::Text(kind, wanted) => kind.holds(text, wanted),
            Self::Pattern(glob, CaseSensitivity::Sensitive) => glob.is_match(text),
            Self::Pattern(glob, CaseSensitivity::Insensitive) => {
                fold_into(text, scratch);
                glob.is_match(scratch)
            }
            Self::Regex(regex) => regex.is_match(text),
            Self::Network(network) => network.contains(text),
            Self::Time(part, comparison, bound) => part
                .extract_from(text)
                .is_some_and(|value| Number::Whole(value.into()).satisfies(*comparison, *bound)),
            Self::Field(other, kind, case) => record.entries().iter().any(|entry| {
                entry.slot == Some(*other)
                    && entry.is_textual()
                    && match case {
                        CaseSensitivity::Sensitive => kind.holds(text, record.entry_text(entry)),
                        CaseSensitivity::Insensitive => {
                            kind.holds(&fold_case(text), &fold_case(record.entry_text(entry)))
                        }
                    }
            }),
            Self::Typed(_) | Self::Null | Self::Given | Self::Visited => false,
        }
    }
}
