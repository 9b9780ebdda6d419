//! What the names in a closure or function stand for.

use crate::script::Literal;

use super::field::FieldUse;
use super::question::Condition;
use crate::predicate::Letters;
use larum_event::Value;

/// One side of a comparison, or the subject of a question.
#[derive(Debug, Clone)]
pub(crate) enum Operand {
    /// A field.
    Field(FieldUse),
    /// A value that the rule names.
    Constant(Value<'static>),
    /// A field's `.len`, or `.len()` where there is no member.
    Length {
        field: FieldUse,
        member: Option<FieldUse>,
    },
    /// A field's text in other letters.
    Recased(Letters, FieldUse),
    /// The first, or the second where the first is missing or null.
    Else(FieldUse, Box<Operand>),
    /// A truth that was computed.
    Truth(Box<Condition>),
}

/// What a name stands for.
#[derive(Debug, Clone)]
pub(super) enum Binding<'a> {
    /// The event. Its members are looked up one by one, or by path where the body was prepared for it.
    Event { by_members: bool },
    /// A value that the file computed.
    Literal(&'a Literal),
    /// What was bound to it.
    Operand(Operand),
    /// Something that cannot be read.
    Unknown,
}

/// Names, the latest last.
#[derive(Debug, Clone)]
pub(super) struct Scope<'a> {
    names: Vec<(String, Binding<'a>)>,
    /// Missing operands of `&&` and the like are not true; elsewhere they are errors.
    pub(super) is_lenient: bool,
}

impl<'a> Scope<'a> {
    /// The scope of a named function: nothing in it is prepared.
    pub(super) fn of_function() -> Self {
        Self {
            names: Vec::new(),
            is_lenient: false,
        }
    }

    /// The scope of a closure.
    pub(super) fn of_closure() -> Self {
        Self {
            names: Vec::new(),
            is_lenient: true,
        }
    }

    pub(super) fn bind(&mut self, name: &str, binding: Binding<'a>) {
        self.names.push((name.to_owned(), binding));
    }

    pub(super) fn get(&self, name: &str) -> Option<&Binding<'a>> {
        let mut latest = self.names.iter().rev();
        latest
            .find(|(known, _)| known == name)
            .map(|(_, binding)| binding)
    }

    /// How many names there are, to come back to with [`Scope::leave`].
    pub(super) fn enter(&self) -> usize {
        self.names.len()
    }

    pub(super) fn leave(&mut self, names: usize) {
        self.names.truncate(names);
    }
}
