//! Conditions as trees, and the questions that are their leaves.

use std::fmt;

use larum_event::Value;
use rhai::Position;

use super::compare::Comparison;
use super::field::FieldUse;
use crate::predicate::Letters;
use crate::text::TextTest;

/// A condition as it was read.
#[derive(Debug, Clone)]
pub(crate) enum Condition {
    /// It always or never holds.
    Constant(bool),
    /// All hold; asked in order, up to the first that does not.
    All(Vec<Condition>),
    /// One holds; asked in order, up to the first that does.
    Any(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
    /// The second if the first holds, else the third.
    Choice(Box<[Condition; 3]>),
    /// The last; the others are computed before, and asked elsewhere if at all.
    After(Vec<Condition>, Box<Condition>),
    /// A question about the event.
    Ask(Asked),
    /// It cannot be read.
    Script {
        place: Position,
        /// It can neither fail nor spend too much, so that skipping it changes nothing.
        is_total: bool,
    },
}

/// A question and where it is written.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) question: Question,
    pub(crate) place: Position,
}

/// What is asked of an event.
#[derive(Debug, Clone)]
pub(crate) enum Question {
    /// A field and a value compare so.
    Compare(Comparison, FieldUse, Value<'static>),
    /// Two fields compare so.
    CompareFields(Comparison, FieldUse, FieldUse),
    /// A field equals one of a list.
    OneOf(FieldUse, Vec<Value<'static>>),
    /// A field is a whole number from the first to the last.
    Within(FieldUse, i64, i64),
    /// A text has a part, or a list holds the text.
    Search(TextTest, FieldUse, Box<str>),
    /// A list holds a value that is no text.
    Holds(FieldUse, Value<'static>),
    /// A text has a part that another field names.
    SearchField(TextTest, FieldUse, FieldUse),
    /// A text matches a regular expression.
    Regex(FieldUse, Box<str>),
    /// A text is an address inside of a network.
    Inside(FieldUse, Box<str>),
    /// A field is there, `null` included.
    Has(FieldUse),
    /// A field is true; where it must be a truth, it is no other value and not missing.
    Flag { field: FieldUse, must_be: bool },
    /// The length of a text compares so; `member` is what `.len` is of an object, if it is no call.
    Length {
        comparison: Comparison,
        field: FieldUse,
        member: Option<FieldUse>,
        bound: Value<'static>,
    },
    /// A text in other letters equals a text or has a part.
    Recased {
        letters: Letters,
        field: FieldUse,
        test: RecasedTest,
        wanted: Box<str>,
    },
    /// A text in other letters is computed and not asked; it may be too long.
    Made(FieldUse),
    /// A text is empty, said as a call.
    Empty(FieldUse),
}

/// What is asked of a text in other letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecasedTest {
    Equal,
    Contains,
    StartsWith,
    EndsWith,
}

impl Condition {
    /// What cannot be read and may do anything.
    pub(crate) fn script(place: Position) -> Self {
        Self::Script {
            place,
            is_total: false,
        }
    }

    /// The opposite.
    pub(crate) fn negated(self) -> Self {
        match self {
            Self::Constant(holds) => Self::Constant(!holds),
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    /// How many parts it has.
    pub(crate) fn size(&self) -> usize {
        let sum = |parts: &[Self]| parts.iter().map(Self::size).sum::<usize>();
        1 + match self {
            Self::Constant(_) | Self::Ask(_) | Self::Script { .. } => 0,
            Self::Not(inner) => inner.size(),
            Self::All(parts) | Self::Any(parts) => sum(parts),
            Self::Choice(parts) => sum(parts.as_ref()),
            Self::After(before, last) => sum(before) + last.size(),
        }
    }

    /// Whether some of it cannot be read.
    pub(crate) fn has_script(&self) -> bool {
        match self {
            Self::Script { .. } => true,
            Self::Constant(_) | Self::Ask(_) => false,
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
            Self::Ask(asked) => asked.question.is_total(),
            Self::Not(inner) => inner.is_total(),
            Self::All(parts) | Self::Any(parts) => parts.iter().all(Self::is_total),
            Self::Choice(parts) => parts.iter().all(Self::is_total),
            Self::After(before, last) => last.is_total() && before.iter().all(Self::is_total),
        }
    }
}

impl Question {
    /// Whether the script can neither fail at it nor spend too much, whatever the event.
    fn is_total(&self) -> bool {
        match self {
            // A value that is no truth is an error; lists compare element by element; texts may grow.
            Self::Flag { .. }
            | Self::CompareFields(..)
            | Self::Search(TextTest::Contains, ..)
            | Self::Holds(..)
            | Self::SearchField(..)
            | Self::Recased { .. }
            | Self::Made(_) => false,
            Self::Compare(..)
            | Self::OneOf(..)
            | Self::Within(..)
            | Self::Search(..)
            | Self::Regex(..)
            | Self::Inside(..)
            | Self::Has(_)
            | Self::Length { .. }
            | Self::Empty(_) => true,
        }
    }

    /// The field that it is about.
    pub(crate) fn field(&self) -> &FieldUse {
        match self {
            Self::Compare(_, field, _)
            | Self::CompareFields(_, field, _)
            | Self::OneOf(field, _)
            | Self::Within(field, ..)
            | Self::Search(_, field, _)
            | Self::Holds(field, _)
            | Self::SearchField(_, field, _)
            | Self::Regex(field, _)
            | Self::Inside(field, _)
            | Self::Has(field)
            | Self::Flag { field, .. }
            | Self::Length { field, .. }
            | Self::Recased { field, .. }
            | Self::Made(field)
            | Self::Empty(field) => field,
        }
    }

    /// The other field, if it is about two.
    pub(crate) fn other(&self) -> Option<&FieldUse> {
        match self {
            Self::CompareFields(_, _, other) | Self::SearchField(_, _, other) => Some(other),
            _ => None,
        }
    }
}

/// A value as rules write it.
pub(crate) struct Written<'a>(pub(crate) &'a Value<'static>);

impl fmt::Display for Written<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Null => f.write_str("()"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Int(value) => write!(f, "{value}"),
            Value::Float(value) => write!(f, "{value:?}"),
            Value::Str(text) => write!(f, "{text:?}"),
            Value::Array(text) | Value::Object(text) => f.write_str(text),
        }
    }
}

/// As a rule would write it.
impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event.{}", self.field().name())?;
        match self {
            Self::Compare(comparison, _, value) => {
                write!(f, " {} {}", comparison.as_str(), Written(value))
            }
            Self::CompareFields(comparison, _, other) => {
                write!(f, " {} event.{}", comparison.as_str(), other.name())
            }
            Self::OneOf(_, list) => {
                let list: Vec<String> = list.iter().map(|one| Written(one).to_string()).collect();
                write!(f, " in [{}]", list.join(", "))
            }
            Self::Within(_, first, last) => write!(f, " in {first}..={last}"),
            Self::Search(test, _, wanted) => write!(f, ".{}({wanted:?})", test.name()),
            Self::Holds(_, value) => write!(f, ".contains({})", Written(value)),
            Self::SearchField(test, _, other) => {
                write!(f, ".{}(event.{})", test.name(), other.name())
            }
            Self::Regex(_, pattern) => write!(f, ".matches({pattern:?})"),
            Self::Inside(_, network) => write!(f, ".cidr({network:?})"),
            Self::Has(_) => f.write_str(" is there"),
            Self::Flag { .. } => f.write_str(" is true"),
            Self::Length {
                comparison,
                member,
                bound,
                ..
            } => {
                let call = if member.is_some() { ".len" } else { ".len()" };
                write!(f, "{call} {} {}", comparison.as_str(), Written(bound))
            }
            Self::Recased {
                letters,
                test,
                wanted,
                ..
            } => {
                f.write_str(match letters {
                    Letters::Lower => ".to_lower()",
                    Letters::Upper => ".to_upper()",
                })?;
                match test {
                    RecasedTest::Equal => write!(f, " == {wanted:?}"),
                    RecasedTest::Contains => write!(f, ".contains({wanted:?})"),
                    RecasedTest::StartsWith => write!(f, ".starts_with({wanted:?})"),
                    RecasedTest::EndsWith => write!(f, ".ends_with({wanted:?})"),
                }
            }
            Self::Made(_) => f.write_str(" is put into other letters"),
            Self::Empty(_) => f.write_str(".is_empty()"),
        }
    }
}
