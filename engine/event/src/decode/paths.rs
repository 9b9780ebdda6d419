//! The places in a record that one value may be read from.

use super::members::{MemberValue, RecordMembers, shorten_text};
use crate::toml_file::{TomlFile, TomlValue};

/// Paths, or names of groups; the first that has a value counts. At least one.
#[derive(Debug, Clone)]
pub(super) struct RecordPaths(Vec<String>);

impl RecordPaths {
    /// Reads `"path"`, or `["path", "path"]` where formats differ.
    pub(super) fn load(key: &str, value: &TomlValue<'_>, file: &mut TomlFile<'_>) -> Option<Self> {
        let items = file.read_values(key, value);
        let paths = items.into_iter().map(|item| {
            let path = file.read_string(key, item)?;
            Some(path.value.to_owned())
        });
        let paths: Vec<String> = paths.collect::<Option<_>>()?;
        (!paths.is_empty()).then_some(Self(paths))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The first value that is there and not null; if there is none, a null that is there.
    pub(super) fn find_value<'r>(&self, members: &RecordMembers<'r>) -> Option<MemberValue<'r>> {
        let mut null = None;
        for path in &self.0 {
            match members.find_value(path) {
                Some(piece) if piece.is_null() => null = Some(piece),
                Some(piece) => return Some(piece),
                None => {}
            }
        }
        null
    }

    /// As messages about a record name it.
    pub(super) fn describe_paths(&self) -> String {
        let paths: Vec<String> = self.iter().map(shorten_text).collect();
        paths.join(" or ")
    }
}
