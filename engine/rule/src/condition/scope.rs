//! What the names in a closure or function mean.

use crate::script::RuleLiteral;

use super::field_access::FieldAccess;
use super::question::RuleCondition;
use larum_event::FieldValue;
use larum_predicate::LetterCase;

/// One side of a comparison, or what is tested.
#[derive(Debug, Clone)]
pub(crate) enum Operand {
    /// A field.
    Field(FieldAccess),
    /// A value that the rule names.
    Constant(FieldValue<'static>),
    /// A field's `.len`, or `.len()` where there is no member.
    Length {
        field: FieldAccess,
        member: Option<FieldAccess>,
    },
    /// A field's text with its letter case changed.
    Recased(LetterCase, FieldAccess),
    /// The first, or the second if the first is missing or null.
    Coalesce(FieldAccess, Box<Operand>),
    /// A computed boolean.
    Condition(Box<RuleCondition>),
}

/// What a name means.
#[derive(Debug, Clone)]
pub(super) enum NameBinding<'a> {
    /// The event. Its members are looked up one by one, or by path if the body was prepared for
    /// that.
    Event { by_members: bool },
    /// A value that the file computed.
    Literal(&'a RuleLiteral),
    /// What was bound to it.
    Operand(Operand),
    /// Something that cannot be read.
    Unknown,
}

/// The names in scope, the latest last.
#[derive(Debug, Clone)]
pub(super) struct NameScope<'a> {
    names: Vec<(String, NameBinding<'a>)>,
    /// Whether missing operands of `&&` and similar count as not true; otherwise they are errors.
    pub(super) is_lenient: bool,
}

impl<'a> NameScope<'a> {
    /// The scope of a named function: nothing in it is prepared.
    pub(super) fn for_function() -> Self {
        Self {
            names: Vec::new(),
            is_lenient: false,
        }
    }

    /// The scope of a closure.
    pub(super) fn for_closure() -> Self {
        Self {
            names: Vec::new(),
            is_lenient: true,
        }
    }

    pub(super) fn bind(&mut self, name: &str, binding: NameBinding<'a>) {
        self.names.push((name.to_owned(), binding));
    }

    pub(super) fn get(&self, name: &str) -> Option<&NameBinding<'a>> {
        let mut latest = self.names.iter().rev();
        latest
            .find(|(known, _)| known == name)
            .map(|(_, binding)| binding)
    }

    /// Returns the number of names in scope, to restore with [`NameScope::leave_block`].
    pub(super) fn enter_block(&self) -> usize {
        self.names.len()
    }

    pub(super) fn leave_block(&mut self, names: usize) {
        self.names.truncate(names);
    }
}
