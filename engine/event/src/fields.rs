//! Reading fields of an event in place, by path.
//!
//! Owns finding values in the canonical bytes; what a value means is left to those who ask. A path
//! is a dot-separated list of object members from the top: `type`, `metadata.user`,
//! `data.process.pid`. Arrays are not entered. Where a member's own name holds a dot, as in
//! `{"a.b": 1}`, the path `a.b` finds it too; where both forms are there, the nested one wins.
//! Invariant: no JSON tree is built. One pass over the bytes finds every path of a [`FieldSet`],
//! what it finds borrows from the event, and a value that no path leads to is skipped unread.

mod path_values;
mod scan;

use crate::event::Event;
use crate::limits;
use crate::value::FieldValue;
pub(crate) use path_values::{PathValue, any_scalar_matches};
use scan::CanonicalScanner;
pub(crate) use scan::decode_string;

/// The paths that are read, each with a slot.
#[derive(Debug, Clone, Default)]
pub struct FieldSet {
    paths: Vec<String>,
    root: FieldPathNode,
}

/// What the paths say about one place: who wants it, and what is wanted inside of it.
#[derive(Debug, Clone, Default)]
struct FieldPathNode {
    slot: Option<usize>,
    /// Sorted by name.
    members: Vec<(Box<str>, FieldPathNode)>,
}

impl FieldPathNode {
    fn get_member(&self, name: &str) -> Option<&Self> {
        let place = self
            .members
            .binary_search_by(|(known, _)| (**known).cmp(name))
            .ok()?;
        self.members.get(place).map(|(_, node)| node)
    }

    /// The node that the path `path` leads to from here.
    fn find_path(&self, path: &str) -> Option<&Self> {
        path.split('.').try_fold(self, Self::get_member)
    }

    fn insert_path(&mut self, path: &str, slot: usize) {
        let (name, rest) = match path.split_once('.') {
            Some((name, rest)) => (name, Some(rest)),
            None => (path, None),
        };
        let place = match self
            .members
            .binary_search_by(|(known, _)| (**known).cmp(name))
        {
            Ok(place) => place,
            Err(place) => {
                self.members.insert(place, (name.into(), Self::default()));
                place
            }
        };
        let Some((_, member)) = self.members.get_mut(place) else {
            return;
        };
        match rest {
            Some(rest) => member.insert_path(rest, slot),
            None => member.slot = Some(slot),
        }
    }
}

impl FieldSet {
    /// The slot of `path`, such as `data.user.name`, added if it is new. A path is a dot-separated
    /// list of object members.
    pub fn intern_path(&mut self, path: &str) -> usize {
        if let Some(slot) = self.root.find_path(path).and_then(|node| node.slot) {
            return slot;
        }
        let slot = self.paths.len();
        self.paths.push(path.to_owned());
        // A longer path leads nowhere in any event; its slot stays empty.
        if path.split('.').count() <= limits::EVENT_DEPTH {
            self.root.insert_path(path, slot);
        }
        slot
    }

    /// Paths so far, by slot.
    pub fn paths(&self) -> &[String] {
        &self.paths
    }

    /// The value of each slot in `event`; `None` where the path is missing.
    pub fn read_values<'e>(&self, event: &'e Event) -> Vec<Option<FieldValue<'e>>> {
        let mut found = Vec::new();
        self.read_values_into(event, &mut found);
        found
    }

    /// As [`FieldSet::read_values`], into `found`, whose former content is dropped and whose memory
    /// is kept.
    pub fn read_values_into<'e>(&self, event: &'e Event, found: &mut Vec<Option<FieldValue<'e>>>) {
        found.clear();
        found.resize_with(self.paths.len(), || None);
        // Canonical text is valid, so the scan reaches its end.
        let _ = read_object(
            &mut CanonicalScanner::new(event.json()),
            &self.root,
            PathForm::Nested,
            found,
        );
    }
}

/// Whether the names on the way were single path segments.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PathForm {
    Nested,
    Flat,
}

/// Reads the object at `scan`, keeping what `node` wants of it. `None` on malformed text.
fn read_object<'e>(
    scan: &mut CanonicalScanner<'e>,
    node: &FieldPathNode,
    form: PathForm,
    found: &mut [Option<FieldValue<'e>>],
) -> Option<()> {
    scan.enter_object()?;
    while let Some(name) = scan.next_member()? {
        let (wanted, form) = match node.get_member(&name) {
            Some(wanted) => (Some(wanted), form),
            None if name.contains('.') => (node.find_path(&name), PathForm::Flat),
            None => (None, form),
        };
        match wanted {
            Some(wanted) => read_value(scan, wanted, form, found)?,
            None => {
                scan.skip_value()?;
            }
        }
    }
    Some(())
}

/// Reads the value at `scan`, which `node` wants, or something inside of it.
fn read_value<'e>(
    scan: &mut CanonicalScanner<'e>,
    node: &FieldPathNode,
    form: PathForm,
    found: &mut [Option<FieldValue<'e>>],
) -> Option<()> {
    let mut inside = scan.clone();
    let text = if !node.members.is_empty() && scan.is_object() {
        read_object(scan, node, form, found)?;
        inside.text_until(scan)?
    } else {
        inside.skip_value()?;
        let text = scan.text_until(&inside)?;
        *scan = inside;
        text
    };
    if let Some(place) = node.slot.and_then(|slot| found.get_mut(slot))
        && (form == PathForm::Nested || place.is_none())
    {
        *place = Some(FieldValue::from_json(text));
    }
    Some(())
}

impl Event {
    /// The value at one path; `None` where it is missing. For several paths a [`FieldSet`] is
    /// faster.
    pub fn field(&self, path: &str) -> Option<FieldValue<'_>> {
        let mut one = FieldSet::default();
        let slot = one.intern_path(path);
        let mut found = one.read_values(self);
        found.get_mut(slot).and_then(Option::take)
    }
}
