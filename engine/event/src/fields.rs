//! Reading fields of an event in place, by path.
//!
//! Owns finding values in the canonical bytes. No JSON tree is built: one pass over the bytes finds
//! every path of a [`FieldSet`], and what it finds borrows from the event. A value that no path leads
//! to is skipped unread.
//!
//! A path is a dot-separated list of object members from the top: `type`, `metadata.user`,
//! `data.process.pid`. Arrays are not entered. Where a member's own name holds a dot, as in
//! `{"a.b": 1}`, the path `a.b` finds it too; where both forms are there, the nested one wins.

mod each;
mod scan;

use crate::event::Event;
use crate::limits;
use crate::value::Value;
pub(crate) use each::{Found, each_value};
use scan::Scan;
pub(crate) use scan::characters;

/// The paths that somebody reads, each with a slot.
#[derive(Debug, Clone, Default)]
pub struct FieldSet {
    paths: Vec<String>,
    root: Node,
}

/// What the paths say about one place: who wants it, and what is wanted inside of it.
#[derive(Debug, Clone, Default)]
struct Node {
    slot: Option<usize>,
    /// Sorted by name.
    members: Vec<(Box<str>, Node)>,
}

impl Node {
    fn member(&self, name: &str) -> Option<&Self> {
        let place = self
            .members
            .binary_search_by(|(known, _)| (**known).cmp(name))
            .ok()?;
        self.members.get(place).map(|(_, node)| node)
    }

    /// The node that the path `path` leads to from here.
    fn below(&self, path: &str) -> Option<&Self> {
        path.split('.').try_fold(self, Self::member)
    }

    fn insert(&mut self, path: &str, slot: usize) {
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
            Some(rest) => member.insert(rest, slot),
            None => member.slot = Some(slot),
        }
    }
}

impl FieldSet {
    /// The slot of `path`, such as `data.user.name`, added if it is new. A path is a dot-separated
    /// list of object members.
    pub fn slot(&mut self, path: &str) -> usize {
        if let Some(slot) = self.root.below(path).and_then(|node| node.slot) {
            return slot;
        }
        let slot = self.paths.len();
        self.paths.push(path.to_owned());
        // A longer path leads nowhere in any event; its slot stays empty.
        if path.split('.').count() <= limits::EVENT_DEPTH {
            self.root.insert(path, slot);
        }
        slot
    }

    /// Paths so far, by slot.
    pub fn paths(&self) -> &[String] {
        &self.paths
    }

    /// The value of each slot in `event`; `None` where the path is missing.
    pub fn read<'e>(&self, event: &'e Event) -> Vec<Option<Value<'e>>> {
        let mut found = Vec::new();
        self.read_into(event, &mut found);
        found
    }

    /// As [`FieldSet::read`], into `found`, whose former content is dropped and whose memory is kept.
    pub fn read_into<'e>(&self, event: &'e Event, found: &mut Vec<Option<Value<'e>>>) {
        found.clear();
        found.resize_with(self.paths.len(), || None);
        // Canonical text is valid, so the scan reaches its end.
        let _ = object(
            &mut Scan::new(event.json()),
            &self.root,
            Form::Nested,
            found,
        );
    }
}

/// Whether the names on the way were single path segments.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Nested,
    Flat,
}

/// Reads the object at `scan`, keeping what `node` wants of it. `None` on malformed text.
fn object<'e>(
    scan: &mut Scan<'e>,
    node: &Node,
    form: Form,
    found: &mut [Option<Value<'e>>],
) -> Option<()> {
    scan.enter()?;
    while let Some(name) = scan.member()? {
        let (wanted, form) = match node.member(&name) {
            Some(wanted) => (Some(wanted), form),
            None if name.contains('.') => (node.below(&name), Form::Flat),
            None => (None, form),
        };
        match wanted {
            Some(wanted) => value(scan, wanted, form, found)?,
            None => {
                scan.skip()?;
            }
        }
    }
    Some(())
}

/// Reads the value at `scan`, which `node` wants, or something inside of it.
fn value<'e>(
    scan: &mut Scan<'e>,
    node: &Node,
    form: Form,
    found: &mut [Option<Value<'e>>],
) -> Option<()> {
    let mut inside = scan.clone();
    let text = if !node.members.is_empty() && scan.is_object() {
        object(scan, node, form, found)?;
        inside.upto(scan)?
    } else {
        inside.skip()?;
        let text = scan.upto(&inside)?;
        *scan = inside;
        text
    };
    if let Some(place) = node.slot.and_then(|slot| found.get_mut(slot))
        && (form == Form::Nested || place.is_none())
    {
        *place = Some(Value::of_json(text));
    }
    Some(())
}

impl Event {
    /// The value at one path; `None` where it is missing. For several paths a [`FieldSet`] is faster.
    pub fn field(&self, path: &str) -> Option<Value<'_>> {
        let mut one = FieldSet::default();
        let slot = one.slot(path);
        let mut found = one.read(self);
        found.get_mut(slot).and_then(Option::take)
    }
}
