//! Every value that a path leads to, arrays entered, and every value of an event.
//!
//! Where [`FieldSet::read`] takes one value and leaves arrays alone, a search asks whether any value is
//! the one it looks for: `data.answers.ip` leads into each object of an array.

use super::scan::Scan;
use super::{FieldSet, Form, Node};
use crate::json::write::string_end;
use crate::limits;

/// One value that a path leads to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found<'e> {
    /// The slot of the path.
    pub(crate) slot: usize,
    /// Its JSON. An array is followed by its elements.
    pub(crate) json: &'e str,
    /// Whether each segment of the path is a member's whole name.
    pub(crate) is_nested: bool,
}

impl FieldSet {
    /// Puts every value of every path in `json`, an event's canonical text, into `found`.
    pub(crate) fn every<'e>(&self, json: &'e str, found: &mut Vec<Found<'e>>) {
        // Canonical text is valid, so the walk reaches its end.
        let _ = Walk { found, depth: 0 }.object(&mut Scan::new(json), &self.root, Form::Nested);
    }
}

struct Walk<'w, 'e> {
    found: &'w mut Vec<Found<'e>>,
    depth: usize,
}

impl<'e> Walk<'_, 'e> {
    fn object(&mut self, scan: &mut Scan<'e>, node: &Node, form: Form) -> Option<()> {
        scan.enter()?;
        while let Some(name) = scan.member()? {
            match node.member(&name) {
                Some(wanted) => self.value(scan, wanted, form)?,
                None => match name.contains('.').then(|| node.below(&name)).flatten() {
                    Some(wanted) => self.value(scan, wanted, Form::Flat)?,
                    None => scan.skip()?,
                },
            }
        }
        Some(())
    }

    /// Takes the value at `scan`, which `node` wants, and looks inside of it.
    fn value(&mut self, scan: &mut Scan<'e>, node: &Node, form: Form) -> Option<()> {
        let mut inside = scan.clone();
        if scan.is_object() && !node.members.is_empty() {
            self.object(scan, node, form)?;
            return self.take(node, form, inside.upto(scan)?);
        }
        scan.skip()?;
        self.take(node, form, inside.upto(scan)?)?;
        if !inside.is_array() || self.depth >= limits::EVENT_DEPTH {
            return Some(());
        }
        self.depth += 1;
        inside.enter_array()?;
        while inside.element()? {
            self.value(&mut inside, node, form)?;
        }
        self.depth -= 1;
        Some(())
    }

    fn take(&mut self, node: &Node, form: Form, json: &'e str) -> Option<()> {
        self.found.extend(node.slot.map(|slot| Found {
            slot,
            json,
            is_nested: form == Form::Nested,
        }));
        Some(())
    }
}

/// Hands the JSON of every value of `json`, an event's canonical text, that is no array or object to `is_it`,
/// until that says so; whether it did.
pub(crate) fn each_value(json: &str, mut is_it: impl FnMut(&str) -> bool) -> bool {
    let mut rest = json;
    while let Some(first) = rest.bytes().next() {
        let end = match first {
            b'{' | b'}' | b'[' | b']' | b',' | b':' => {
                rest = rest.get(1..).unwrap_or_default();
                continue;
            }
            b'"' => string_end(rest).unwrap_or(rest.len()),
            _ => rest.find([',', '}', ']']).unwrap_or(rest.len()),
        };
        let (value, behind) = rest.split_at_checked(end).unwrap_or((rest, ""));
        // A string before a colon is a member's name.
        if !behind.starts_with(':') && is_it(value) {
            return true;
        }
        rest = behind;
    }
    false
}
