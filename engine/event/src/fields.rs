//! Reading fields of an event in place, by path.
//!
//! Owns finding values in the canonical bytes. No JSON tree is built: one pass over the bytes finds
//! every path of a [`FieldSet`], and what it finds borrows from the event.

use crate::event::Event;
use crate::value::Value;

/// The paths that somebody reads, each with a slot.
#[derive(Debug, Clone, Default)]
pub struct FieldSet {
    paths: Vec<String>,
}

impl FieldSet {
    /// The slot of `path`, such as `data.user.name`, added if it is new. A path is a dot-separated
    /// list of object members.
    pub fn slot(&mut self, path: &str) -> usize {
        if let Some(slot) = self.paths.iter().position(|known| known == path) {
            return slot;
        }
        self.paths.push(path.to_owned());
        self.paths.len() - 1
    }

    /// Paths so far, by slot.
    pub fn paths(&self) -> &[String] {
        &self.paths
    }

    /// The value of each slot in `event`; `None` where the path is missing.
    pub fn read<'e>(&self, event: &'e Event) -> Vec<Option<Value<'e>>> {
        let _ = event;
        vec![None; self.paths.len()]
    }
}

impl Event {
    /// The value at one path; `None` where it is missing.
    pub fn field(&self, path: &str) -> Option<Value<'_>> {
        let _ = path;
        None
    }
}
