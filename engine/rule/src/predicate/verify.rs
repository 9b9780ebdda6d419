//! Tests that a visit does not settle: asked when a program needs them, and then once per event.

use regex::Regex;

use super::fold::{fold, fold_into};
use super::glob::GlobMatcher;
use super::number::{Comparison, Number};
use super::record::{Record, ValueKind};
use super::set::Slot;
use super::test::{Case, Test, TextKind};
use super::time_part::TimePart;
use super::typed::Typed;
use crate::text::{Network, compiled};

/// A test that looks at the values themselves.
#[derive(Debug)]
pub(crate) enum Verifier {
    Text(TextKind, String),
    Pattern(GlobMatcher, Case),
    Regex(Regex),
    Network(Network),
    Time(TimePart, Comparison, Number),
    Typed(Typed),
    Null,
    Field(Slot, TextKind, Case),
    /// The caller settles it.
    Given,
    /// A visit settles it.
    Visited,
}

impl Verifier {
    /// Compiles a test; the error is a sentence.
    pub(crate) fn new(test: &Test) -> Result<Self, String> {
        Ok(match test {
            Test::Text {
                case: Case::Ignored,
                ..
            }
            | Test::Present
            | Test::Valued
            | Test::Number(..)
            | Test::Shape(_) => Self::Visited,
            Test::Typed(typed) => Self::Typed(typed.clone()),
            Test::Given(_) => Self::Given,
            Test::Text { kind, literal, .. } => Self::Text(*kind, literal.clone()),
            Test::Pattern {
                glob,
                case: Case::Ignored,
            } => Self::Pattern(glob.folded().matcher(), Case::Ignored),
            Test::Pattern { glob, case } => Self::Pattern(glob.matcher(), *case),
            Test::Regex(pattern) => Self::Regex(compiled(pattern)?),
            Test::Network(network) => Self::Network(Network::parse(network)?),
            Test::Time(part, comparison, bound) => Self::Time(*part, *comparison, *bound),
            Test::Null => Self::Null,
            Test::Field { other, kind, case } => Self::Field(*other, *kind, *case),
        })
    }

    /// Whether it holds for a value of the slot; without a slot, for any value of the event.
    pub(crate) fn holds(&self, slot: Option<Slot>, record: &Record, scratch: &mut String) -> bool {
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
                    Self::Typed(typed) => typed.holds(entry.kind, record.text(entry), record),
                    _ => {
                        entry.answers_texts() && self.holds_for(record.text(entry), record, scratch)
                    }
                }
        })
    }

    fn holds_for(&self, text: &str, record: &Record, scratch: &mut String) -> bool {
        match self {
            Self::Text(kind, wanted) => kind.holds(text, wanted),
            Self::Pattern(glob, Case::Kept) => glob.matches(text),
            Self::Pattern(glob, Case::Ignored) => {
                fold_into(text, scratch);
                glob.matches(scratch)
            }
            Self::Regex(regex) => regex.is_match(text),
            Self::Network(network) => network.contains(text),
            Self::Time(part, comparison, bound) => part
                .of(text)
                .is_some_and(|value| comparison.holds(Number::Whole(value.into()), *bound)),
            Self::Field(other, kind, case) => record.entries().iter().any(|entry| {
                entry.slot == Some(*other)
                    && entry.answers_texts()
                    && match case {
                        Case::Kept => kind.holds(text, record.text(entry)),
                        Case::Ignored => kind.holds(&fold(text), &fold(record.text(entry))),
                    }
            }),
            Self::Typed(_) | Self::Null | Self::Given | Self::Visited => false,
        }
    }
}
