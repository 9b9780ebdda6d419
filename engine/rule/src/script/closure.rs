//! Closures as plain data, so that a rule set can be shared between threads.
//!
//! A closure is the name of its body in the file that defines it, and the values it captured when it
//! was handed to a rule: from then on they no longer change.

use std::collections::BTreeMap;
use std::sync::Arc;

use larum_event::FieldValue;
use rhai::{Dynamic, FnPtr, Position};

use crate::view::kind_name;

/// A value that a rule file computed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum RuleLiteral {
    Unit,
    Bool(bool),
    Int(i64),
    Float(f64),
    Char(char),
    Str(Arc<str>),
    Array(Vec<RuleLiteral>),
    Map(BTreeMap<String, RuleLiteral>),
}

/// A closure of a rule.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RuleClosure {
    /// The name rhai gave its body.
    pub(crate) name: String,
    /// What it captured; these are its first parameters.
    pub(crate) captured: Vec<RuleLiteral>,
    /// What it takes beside.
    pub(crate) arguments: ClosureArguments,
    /// Where it was handed over.
    pub(crate) place: Position,
}

/// What a closure takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClosureArguments {
    /// An event or a window.
    One,
    /// An event, and what the steps before it saw.
    Seen,
    /// An event or a time, and the state that the script keeps.
    State,
}

impl ClosureArguments {
    pub(crate) const fn count(self) -> usize {
        match self {
            Self::One => 1,
            Self::Seen | Self::State => 2,
        }
    }
}

impl RuleClosure {
    /// How many parameters its body has.
    pub(crate) fn parameter_count(&self) -> usize {
        self.captured.len() + self.arguments.count()
    }

    /// Freezes a closure; fails with the kind of a captured value that cannot be frozen.
    pub(crate) fn freeze_pointer(pointer: &FnPtr, place: Position) -> Result<Self, &'static str> {
        let captured = pointer.curry().iter().map(RuleLiteral::from_dynamic);
        Ok(Self {
            name: pointer.fn_name().to_owned(),
            captured: captured.collect::<Result<_, _>>()?,
            arguments: ClosureArguments::One,
            place,
        })
    }
}

impl RuleLiteral {
    fn from_dynamic(value: &Dynamic) -> Result<Self, &'static str> {
        let value = value.flatten_clone();
        if value.is_unit() {
            return Ok(Self::Unit);
        }
        if let Ok(value) = value.as_bool() {
            return Ok(Self::Bool(value));
        }
        if let Ok(value) = value.as_int() {
            return Ok(Self::Int(value));
        }
        if let Ok(value) = value.as_float() {
            return Ok(Self::Float(value));
        }
        if let Ok(value) = value.as_char() {
            return Ok(Self::Char(value));
        }
        if let Ok(text) = value.as_immutable_string_ref() {
            return Ok(Self::Str(text.as_str().into()));
        }
        if let Ok(elements) = value.as_array_ref() {
            let elements = elements.iter().map(Self::from_dynamic);
            return Ok(Self::Array(elements.collect::<Result<_, _>>()?));
        }
        if let Ok(members) = value.as_map_ref() {
            let members = members
                .iter()
                .map(|(name, value)| Ok((name.to_string(), Self::from_dynamic(value)?)));
            return Ok(Self::Map(members.collect::<Result<_, &'static str>>()?));
        }
        Err(kind_name(&value))
    }

    pub(crate) fn to_dynamic(&self) -> Dynamic {
        match self {
            Self::Unit => Dynamic::UNIT,
            Self::Bool(value) => (*value).into(),
            Self::Int(value) => (*value).into(),
            Self::Float(value) => (*value).into(),
            Self::Char(value) => (*value).into(),
            Self::Str(text) => text.as_ref().into(),
            Self::Array(elements) => elements
                .iter()
                .map(Self::to_dynamic)
                .collect::<rhai::Array>()
                .into(),
            Self::Map(members) => members
                .iter()
                .map(|(name, value)| (name.as_str().into(), value.to_dynamic()))
                .collect::<rhai::Map>()
                .into(),
        }
    }

    /// As a value that fields are compared with; `None` where no field holds the like.
    pub(crate) fn to_value(&self) -> Option<FieldValue<'static>> {
        match self {
            Self::Unit => Some(FieldValue::Null),
            Self::Bool(value) => Some(FieldValue::Bool(*value)),
            Self::Int(value) => Some(FieldValue::Int(*value)),
            Self::Float(value) => Some(FieldValue::Float(*value)),
            Self::Str(text) => Some(FieldValue::Str(text.to_string().into())),
            Self::Char(_) | Self::Array(_) | Self::Map(_) => None,
        }
    }
}
