//! Conditions as trees, and the questions that are their leaves.
//!
//! Owns what can be asked of an event natively, and how a rule would write it. Reading questions
//! from syntax trees and lowering them to predicates is done elsewhere.
//! Invariant: a question means exactly what the script means by it for plain values; its odd shapes
//! are known to `lowering`.

use std::fmt;

use larum_event::FieldValue;
use larum_event::value::Comparison;
use larum_predicate::LetterCase;
use rhai::Position;

use super::field_access::FieldAccess;
use crate::text::TextOperator;

/// A condition as it was read.
#[derive(Debug, Clone)]
pub(crate) enum RuleCondition {
    /// It always or never holds.
    Constant(bool),
    /// All hold; asked in order, up to the first that does not.
    All(Vec<RuleCondition>),
    /// One holds; asked in order, up to the first that does.
    Any(Vec<RuleCondition>),
    /// It does not hold.
    Not(Box<RuleCondition>),
    /// The second if the first holds, else the third.
    Choice(Box<[RuleCondition; 3]>),
    /// The last; the others are computed before, and asked elsewhere if at all.
    After(Vec<RuleCondition>, Box<RuleCondition>),
    /// A question about the event.
    Question(PlacedQuestion),
    /// It cannot be read.
    Script {
        place: Position,
        /// It can neither fail nor spend too much, so that skipping it changes nothing.
        is_total: bool,
    },
}

/// A question and where it is written.
#[derive(Debug, Clone)]
pub(crate) struct PlacedQuestion {
    pub(crate) question: FieldQuestion,
    pub(crate) place: Position,
}

/// What is asked of an event.
#[derive(Debug, Clone)]
pub(crate) enum FieldQuestion {
    /// A field and a value compare so.
    Compare(Comparison, FieldAccess, FieldValue<'static>),
    /// Two fields compare so.
    CompareFields(Comparison, FieldAccess, FieldAccess),
    /// A field equals one of a list.
    OneOf(FieldAccess, Vec<FieldValue<'static>>),
    /// A field is a whole number from the first to the last.
    InRange(FieldAccess, i64, i64),
    /// A text has a part, or a list holds the text.
    Search(TextOperator, FieldAccess, Box<str>),
    /// A list holds a value other than a text.
    ListContains(FieldAccess, FieldValue<'static>),
    /// A text has a part that another field names.
    SearchField(TextOperator, FieldAccess, FieldAccess),
    /// A text matches a regular expression.
    Regex(FieldAccess, Box<str>),
    /// A text is an address inside of a network.
    InNetwork(FieldAccess, Box<str>),
    /// A field is there, `null` included.
    Has(FieldAccess),
    /// A field is true. With `must_be`, a missing field or another value is an error.
    IsTrue { field: FieldAccess, must_be: bool },
    /// The length of a text compares so; `member` is the member `len` of an object, unless
    /// it is a call.
    Length {
        comparison: Comparison,
        field: FieldAccess,
        member: Option<FieldAccess>,
        bound: FieldValue<'static>,
    },
    /// A text in other letters equals a text or has a part.
    Recased {
        letters: LetterCase,
        field: FieldAccess,
        test: RecasedTest,
        wanted: Box<str>,
    },
    /// A text in other letters is computed and not asked; it may be too long.
    RecasedOnly(FieldAccess),
    /// A text is empty, asked by a call.
    Empty(FieldAccess),
}

/// What is asked of a text in other letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecasedTest {
    Equal,
    Contains,
    StartsWith,
    EndsWith,
}

impl RuleCondition {
    /// What cannot be read and may do anything.
    pub(crate) fn from_script(place: Position) -> Self {
        Self::Script {
            place,
            is_total: false,
        }
    }

    /// The opposite.
    pub(crate) fn negate(self) -> Self {
        match self {
            Self::Constant(holds) => Self::Constant(!holds),
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    /// How many parts it has.
    pub(crate) fn part_count(&self) -> usize {
        let sum = |parts: &[Self]| parts.iter().map(Self::part_count).sum::<usize>();
        1 + match self {
            Self::Constant(_) | Self::Question(_) | Self::Script { .. } => 0,
            Self::Not(inner) => inner.part_count(),
            Self::All(parts) | Self::Any(parts) => sum(parts),
            Self::Choice(parts) => sum(parts.as_ref()),
            Self::After(before, last) => sum(before) + last.part_count(),
        }
    }

    /// Whether some of it cannot be read.
    pub(crate) fn has_script(&self) -> bool {
        match self {
            Self::Script { .. } => true,
            Self::Constant(_) | Self::Question(_) => false,
            Self::Not(inner) => inner.has_script(),
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::has_script),
            Self::Choice(parts) => parts.iter().any(Self::has_script),
            Self::After(before, last) => last.has_script() || before.iter().any(Self::has_script),
        }
    }

    /// Whether computing it can neither fail nor spend too much, whatever the event.
    pub(crate) fn is_total(&self) -> bool {
        match self {
            Self::Script { is_total, .. } => *is_total,
            Self::Constant(_) => true,
            Self::Question(asked) => asked.question.is_total(),
            Self::Not(inner) => inner.is_total(),
            Self::All(parts) | Self::Any(parts) => parts.iter().all(Self::is_total),
            Self::Choice(parts) => parts.iter().all(Self::is_total),
            Self::After(before, last) => last.is_total() && before.iter().all(Self::is_total),
        }
    }
}

impl FieldQuestion {
    /// Whether the script can neither fail at it nor spend too much, whatever the event.
    fn is_total(&self) -> bool {
        match self {
            // A value that is no truth is an error; lists compare element by element; texts may
            // grow.
            Self::IsTrue { .. }
            | Self::CompareFields(..)
            | Self::Search(TextOperator::Contains, ..)
            | Self::ListContains(..)
            | Self::SearchField(..)
            | Self::Recased { .. }
            | Self::RecasedOnly(_) => false,
            Self::Compare(..)
            | Self::OneOf(..)
            | Self::InRange(..)
            | Self::Search(..)
            | Self::Regex(..)
            | Self::InNetwork(..)
            | Self::Has(_)
            | Self::Length { .. }
            | Self::Empty(_) => true,
        }
    }

    /// The field that it is about.
    pub(crate) fn field(&self) -> &FieldAccess {
        match self {
            Self::Compare(_, field, _)
            | Self::CompareFields(_, field, _)
            | Self::OneOf(field, _)
            | Self::InRange(field, ..)
            | Self::Search(_, field, _)
            | Self::ListContains(field, _)
            | Self::SearchField(_, field, _)
            | Self::Regex(field, _)
            | Self::InNetwork(field, _)
            | Self::Has(field)
            | Self::IsTrue { field, .. }
            | Self::Length { field, .. }
            | Self::Recased { field, .. }
            | Self::RecasedOnly(field)
            | Self::Empty(field) => field,
        }
    }

    /// The other field, if it is about two.
    pub(crate) fn other_field(&self) -> Option<&FieldAccess> {
        match self {
            Self::CompareFields(_, _, other) | Self::SearchField(_, _, other) => Some(other),
            _ => None,
        }
    }
}

/// A value as rules write it.
pub(crate) struct ValueDisplay<'a>(pub(crate) &'a FieldValue<'static>);

impl fmt::Display for ValueDisplay<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            FieldValue::Null => f.write_str("()"),
            FieldValue::Bool(value) => write!(f, "{value}"),
            FieldValue::Int(value) => write!(f, "{value}"),
            FieldValue::Float(value) => write!(f, "{value:?}"),
            FieldValue::Str(text) => write!(f, "{text:?}"),
            FieldValue::Array(text) | FieldValue::Object(text) => f.write_str(text),
        }
    }
}

/// As a rule would write it.
impl fmt::Display for FieldQuestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // All questions begin with their field, as a rule would write them.
        write!(f, "event.{}", self.field().name())?;
        match self {
            Self::Compare(comparison, _, value) => {
                write!(f, " {} {}", comparison.sign(), ValueDisplay(value))
            }
            Self::CompareFields(comparison, _, other) => {
                write!(f, " {} event.{}", comparison.sign(), other.name())
            }
            Self::OneOf(_, list) => {
                let list: Vec<String> = list
                    .iter()
                    .map(|one| ValueDisplay(one).to_string())
                    .collect();
                write!(f, " in [{}]", list.join(", "))
            }
            Self::InRange(_, first, last) => write!(f, " in {first}..={last}"),
            Self::Search(test, _, wanted) => write!(f, ".{}({wanted:?})", test.name()),
            Self::ListContains(_, value) => write!(f, ".contains({})", ValueDisplay(value)),
            Self::SearchField(test, _, other) => {
                write!(f, ".{}(event.{})", test.name(), other.name())
            }
            Self::Regex(_, pattern) => write!(f, ".matches({pattern:?})"),
            Self::InNetwork(_, network) => write!(f, ".cidr({network:?})"),
            Self::Has(_) => f.write_str(" is there"),
            Self::IsTrue { .. } => f.write_str(" is true"),
            Self::Length {
                comparison,
                member,
                bound,
                ..
            } => {
                let call = if member.is_some() { ".len" } else { ".len()" };
                write!(f, "{call} {} {}", comparison.sign(), ValueDisplay(bound))
            }
            Self::Recased {
                letters,
                test,
                wanted,
                ..
            } => {
                f.write_str(match letters {
                    LetterCase::Lower => ".to_lower()",
                    LetterCase::Upper => ".to_upper()",
                })?;
                match test {
                    RecasedTest::Equal => write!(f, " == {wanted:?}"),
                    RecasedTest::Contains => write!(f, ".contains({wanted:?})"),
                    RecasedTest::StartsWith => write!(f, ".starts_with({wanted:?})"),
                    RecasedTest::EndsWith => write!(f, ".ends_with({wanted:?})"),
                }
            }
            Self::RecasedOnly(_) => f.write_str(" is put into other letters"),
            Self::Empty(_) => f.write_str(".is_empty()"),
        }
    }
}
