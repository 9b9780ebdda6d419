//! The fields of one event that group keys are made of.

use std::borrow::Cow;
use std::cell::OnceCell;

use larum_event::{Event, FieldSet, KeyValue, Value};

use crate::view::{Asking, FieldRef, Member};

/// What groups events by the root of their tree, in the place of a path.
pub(crate) const TREE_ROOT: &str = "tree.root";

/// Where a field's value is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    /// In the envelope.
    Member(Member),
    /// Among the paths that are read from the event's bytes.
    Slot(usize),
    /// In the trees: the id of the root over the event.
    Root,
}

impl Field {
    /// Finds a place for a field among `paths`.
    pub(crate) fn of(field: FieldRef, paths: &mut FieldSet) -> Self {
        match field {
            FieldRef::Member(member) => Self::Member(member),
            FieldRef::Path(path) => Self::Slot(paths.slot(&path)),
        }
    }
}

/// One event and the values of all paths that keys of rules name.
pub(crate) struct Fields<'e> {
    event: &'e Event,
    slots: Vec<Option<Value<'e>>>,
    asking: Option<Asking>,
    root: OnceCell<Option<KeyValue>>,
}

impl<'e> Fields<'e> {
    /// The values of `paths` in an event; `asking` tells of its tree.
    pub(crate) fn of(event: &'e Event, paths: &FieldSet, asking: Option<Asking>) -> Self {
        let slots = paths.read(event);
        Self {
            event,
            slots,
            asking,
            root: OnceCell::new(),
        }
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
            Field::Root => None,
        }
    }

    /// The field as a member of a group key; `None` where it makes none.
    pub(crate) fn key(&self, field: Field) -> Option<KeyValue> {
        if field == Field::Root {
            return self.root();
        }
        self.get(field).and_then(|value| KeyValue::of(&value))
    }

    fn root(&self) -> Option<KeyValue> {
        let root = self.root.get_or_init(|| {
            let root = self.asking.as_ref()?.root(self.event)?;
            Some(KeyValue::Str(root))
        });
        root.clone()
    }
}
