//! Every value that a path leads to, arrays entered, and every value of an event.
//!
//! Where [`FieldSet::read`] takes one value and leaves arrays alone, a search asks whether any
//! value is the one it looks for: `data.answers.ip` leads into each object of an array.

use super::scan::CanonicalScanner;
use super::{FieldPathNode, FieldSet, PathForm};
use crate::json::write::find_string_end;
use crate::limits;

/// One value that a path leads to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PathValue<'e> {
    /// The slot of the path.
    pub(crate) slot: usize,
    /// Its JSON. An array is followed by its elements.
    pub(crate) json: &'e str,
    /// Whether each segment of the path is a member's whole name.
    pub(crate) is_nested: bool,
}

impl FieldSet {
    /// Puts every value of every path in `json`, an event's canonical text, into `found`.
    pub(crate) fn find_all_values<'e>(&self, json: &'e str, found: &mut Vec<PathValue<'e>>) {
        // Canonical text is valid, so the walk reaches its end.
        let _ = PathValueWalk { found, depth: 0 }.walk_object(
            &mut CanonicalScanner::new(json),
            &self.root,
            PathForm::Nested,
        );
    }
}

struct PathValueWalk<'w, 'e> {
    found: &'w mut Vec<PathValue<'e>>,
    depth: usize,
}

impl<'e> PathValueWalk<'_, 'e> {
    fn walk_object(
        &mut self,
        scan: &mut CanonicalScanner<'e>,
        node: &FieldPathNode,
        form: PathForm,
    ) -> Option<()> {
        scan.enter_object()?;
        while let Some(name) = scan.next_member()? {
            match node.get_member(&name) {
                Some(wanted) => self.walk_value(scan, wanted, form)?,
                None => match name.contains('.').then(|| node.find_path(&name)).flatten() {
                    Some(wanted) => self.walk_value(scan, wanted, PathForm::Flat)?,
                    None => scan.skip_value()?,
                },
            }
        }
        Some(())
    }

    /// Takes the value at `scan`, which `node` wants, and looks inside of it.
    fn walk_value(
        &mut self,
        scan: &mut CanonicalScanner<'e>,
        node: &FieldPathNode,
        form: PathForm,
    ) -> Option<()> {
        let mut inside = scan.clone();
        if scan.is_object() && !node.members.is_empty() {
            self.walk_object(scan, node, form)?;
            return self.push_value(node, form, inside.text_until(scan)?);
        }
        scan.skip_value()?;
        self.push_value(node, form, inside.text_until(scan)?)?;
        if !inside.is_array() || self.depth >= limits::EVENT_DEPTH {
            return Some(());
        }
        self.depth += 1;
        inside.enter_array()?;
        while inside.next_element()? {
            self.walk_value(&mut inside, node, form)?;
        }
        self.depth -= 1;
        Some(())
    }

    fn push_value(&mut self, node: &FieldPathNode, form: PathForm, json: &'e str) -> Option<()> {
        self.found.extend(node.slot.map(|slot| PathValue {
            slot,
            json,
            is_nested: form == PathForm::Nested,
        }));
        Some(())
    }
}

/// Hands the JSON of every value of `json`, an event's canonical text, that is no array or object
/// to `is_it`, until that says so; whether it did.
pub(crate) fn any_scalar_matches(json: &str, mut is_it: impl FnMut(&str) -> bool) -> bool {
    let mut rest = json;
    while let Some(first) = rest.bytes().next() {
        let end = match first {
            b'{' | b'}' | b'[' | b']' | b',' | b':' => {
                rest = rest.get(1..).unwrap_or_default();
                continue;
            }
            b'"' => find_string_end(rest).unwrap_or(rest.len()),
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
