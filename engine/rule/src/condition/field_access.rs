//! How a rule reaches a field.

use crate::view::{EnvelopeMember, FieldRef};

/// A field, and the shapes of events in which the script may see another value than the one at its
/// path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct FieldAccess {
    pub(crate) field: FieldRef,
    /// Its names are looked up one by one, so a name with a dot in it is another.
    pub(crate) by_members: bool,
    /// Paths in front of a name that texts, numbers and lists have of their own, such as `len`.
    pub(crate) owners: Vec<PropertyOwner>,
}

/// The owner of a name that some values have of their own, such as `len`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct PropertyOwner {
    pub(crate) field: FieldRef,
    /// Lists have the name too.
    pub(crate) of_lists: bool,
}

impl FieldAccess {
    /// A field as its path finds it.
    pub(crate) fn at_path(field: FieldRef) -> Self {
        Self {
            field,
            by_members: false,
            owners: Vec::new(),
        }
    }

    /// The field as rules write it behind `event.`.
    pub(crate) fn name(&self) -> &str {
        self.field.name()
    }

    /// Whether only the envelope has it.
    pub(crate) fn is_envelope_only(&self) -> bool {
        matches!(
            self.field,
            FieldRef::Member(EnvelopeMember::Topic) | FieldRef::Member(EnvelopeMember::Tenant)
        )
    }
}
