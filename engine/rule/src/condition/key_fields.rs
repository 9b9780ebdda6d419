//! The fields of one event that group keys are made of.

use std::borrow::Cow;
use std::cell::OnceCell;

use larum_event::{Event, FieldSet, FieldValue, ScalarValue};

use crate::view::{EnvelopeMember, FieldRef, TreeAccess};

/// What groups events by the root of their tree, in the place of a path.
pub(crate) const TREE_ROOT: &str = "tree.root";

/// Where a field's value is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeySource {
    /// In the envelope.
    Member(EnvelopeMember),
    /// Among the paths that are read from the event's bytes.
    Slot(usize),
    /// In the trees: the id of the root over the event.
    Root,
}

impl KeySource {
    /// Finds a place for a field among `paths`.
    pub(crate) fn resolve_field(field: FieldRef, paths: &mut FieldSet) -> Self {
        match field {
            FieldRef::Member(member) => Self::Member(member),
            FieldRef::Path(path) => Self::Slot(paths.intern_path(&path)),
        }
    }
}

/// One event and the values of all paths that keys of rules name.
pub(crate) struct KeyFields<'e> {
    event: &'e Event,
    slots: Vec<Option<FieldValue<'e>>>,
    trees: Option<TreeAccess>,
    root: OnceCell<Option<ScalarValue>>,
}

impl<'e> KeyFields<'e> {
    /// The values of `paths` in an event; `asking` answers for its tree.
    pub(crate) fn read_event(
        event: &'e Event,
        paths: &FieldSet,
        asking: Option<TreeAccess>,
    ) -> Self {
        let slots = paths.read_values(event);
        Self {
            event,
            slots,
            trees: asking,
            root: OnceCell::new(),
        }
    }

    /// The value of a field; `None` where it is missing.
    fn get(&self, field: KeySource) -> Option<Cow<'_, FieldValue<'e>>> {
        match field {
            KeySource::Member(member) => member.value_in(self.event).map(Cow::Owned),
            KeySource::Slot(slot) => self
                .slots
                .get(slot)
                .and_then(Option::as_ref)
                .map(Cow::Borrowed),
            KeySource::Root => None,
        }
    }

    /// The field as a member of a group key; `None` if its value cannot be one.
    pub(crate) fn key_value(&self, field: KeySource) -> Option<ScalarValue> {
        if field == KeySource::Root {
            return self.tree_root();
        }
        self.get(field)
            .and_then(|value| ScalarValue::from_value(&value))
    }

    fn tree_root(&self) -> Option<ScalarValue> {
        let root = self.root.get_or_init(|| {
            let root = self.trees.as_ref()?.root(self.event)?;
            Some(ScalarValue::Str(root))
        });
        root.clone()
    }
}
