//! Conditions that were read from a rule's syntax tree and are decided without the script engine.
//!
//! A condition is only read as a whole, and it answers as the script would: where it cannot be
//! sure to, on shapes of values that only the script handles, it says so and the script decides.

mod compare;

mod read;

pub(crate) use compare::{Comparison, Unsure};
pub(crate) use read::Reader;

use std::borrow::Cow;

use larum_event::{Event, KeyValue, Value};

use crate::text::{Network, Search};
use crate::view::{FieldRef, Member};

/// Teaches an engine to compare as conditions do.
pub(crate) fn register(engine: &mut rhai::Engine) {
    compare::register(engine);
}

/// Where a field's value is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    /// In the envelope.
    Member(Member),
    /// Among the paths that are read from the event's bytes.
    Slot(usize),
}

impl Field {
    /// Finds a place for a field among `paths`.
    pub(crate) fn of(field: FieldRef, paths: &mut larum_event::FieldSet) -> Self {
        match field {
            FieldRef::Member(member) => Self::Member(member),
            FieldRef::Path(path) => Self::Slot(paths.slot(&path)),
        }
    }
}

/// One event and the values of all paths that any rule names.
pub(crate) struct Fields<'e> {
    pub(crate) event: &'e Event,
    pub(crate) slots: Vec<Option<Value<'e>>>,
}

impl<'e> Fields<'e> {
    /// The values of an event.
    pub(crate) fn of(event: &'e Event, paths: &larum_event::FieldSet) -> Self {
        let slots = paths.read(event);
        Self { event, slots }
    }

    /// The value of a field; `None` where it is missing.
    fn get(&self, field: Field) -> Option<Cow<'_, Value<'e>>> {
        match field {
            Field::Member(member) => member.of(self.event).map(Cow::Owned),
            Field::Slot(slot) => self
                .slots
                .get(slot)
                .and_then(Option::as_ref)
                .map(Cow::Borrowed),
        }
    }

    /// The field as a member of a group key; `None` where it makes none.
    pub(crate) fn key(&self, field: Field) -> Option<KeyValue> {
        self.get(field).and_then(|value| KeyValue::of(&value))
    }
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operand {
    /// A field.
    Field {
        field: Field,
        /// Whether a path that is not there may still mean something to the script: a property
        /// of a text or number, such as `len`.
        script_if_missing: bool,
    },
    /// A value that the rule names.
    Constant(Value<'static>),
}

impl Operand {
    fn value<'a>(&'a self, fields: &'a Fields<'_>) -> Result<Cow<'a, Value<'a>>, Unsure> {
        match self {
            Self::Constant(value) => Ok(Cow::Borrowed(value)),
            Self::Field {
                field,
                script_if_missing,
            } => match fields.get(*field) {
                Some(Cow::Borrowed(value)) => Ok(Cow::Borrowed(value)),
                Some(Cow::Owned(value)) => Ok(Cow::Owned(value)),
                None if *script_if_missing => Err(Unsure),
                None => Ok(Cow::Owned(Value::Null)),
            },
        }
    }
}

/// A condition as a small expression.
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
    /// Two values compare so.
    Compare(Comparison, Operand, Operand),
    /// A value equals one of a list.
    OneOf(Operand, Vec<Value<'static>>),
    /// A text has a part.
    Search(Operand, Search),
    /// A text matches a regular expression.
    Regex(Operand, regex::Regex),
    /// A text is an address inside of a network.
    Inside(Operand, Network),
    /// A field is there, `null` included.
    Has(Field),
    /// A field is `true`.
    Flag(Operand),
}

impl Condition {
    /// Whether it holds.
    pub(crate) fn holds(&self, fields: &Fields<'_>) -> Result<bool, Unsure> {
        match self {
            Self::Constant(holds) => Ok(*holds),
            Self::All(parts) => {
                for part in parts {
                    if !part.holds(fields)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Any(parts) => {
                for part in parts {
                    if part.holds(fields)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Not(part) => part.holds(fields).map(|holds| !holds),
            Self::Compare(comparison, left, right) => {
                let left = left.value(fields)?;
                comparison.holds(&left, right.value(fields)?.as_ref())
            }
            Self::OneOf(operand, list) => {
                let value = operand.value(fields)?;
                for wanted in list {
                    if Comparison::Equal.holds(wanted, &value)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Search(operand, search) => ask(operand, fields, |text| search.holds(text)),
            Self::Regex(operand, regex) => ask(operand, fields, |text| regex.is_match(text)),
            Self::Inside(operand, network) => ask(operand, fields, |text| network.contains(text)),
            Self::Has(field) => Ok(fields.get(*field).is_some()),
            Self::Flag(operand) => match operand.value(fields)?.as_ref() {
                Value::Bool(holds) => Ok(*holds),
                Value::Null => Ok(false),
                // The script says what is wrong with it.
                Value::Int(_)
                | Value::Float(_)
                | Value::Str(_)
                | Value::Array(_)
                | Value::Object(_) => Err(Unsure),
            },
        }
    }
}

fn ask(
    operand: &Operand,
    fields: &Fields<'_>,
    question: impl FnOnce(&str) -> bool,
) -> Result<bool, Unsure> {
    match operand.value(fields)?.as_ref() {
        Value::Str(text) => Ok(question(text)),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => Ok(false),
        // `contains` means elements and members there.
        Value::Array(_) | Value::Object(_) => Err(Unsure),
    }
}
