//! Where one member of the event comes from.
//!
//! Owns the sources of a member: a path, a constant, a table of words, a default. Which members
//! there are is left to `load`.
//! Invariant: a mapping reads only paths that it lists, so members that it uses can be left out of
//! `data`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::members::{MemberValue, RecordMembers, write_string};
use super::paths::RecordPaths;
use crate::rejection::{Rejection, RejectionReason};
use crate::toml_file::{TomlFile, TomlTable, TomlValue};

/// A constant, or a member of the record.
#[derive(Debug, Clone)]
pub(super) enum FieldMapping {
    /// Always the same.
    Constant(String),
    /// Read from the record.
    Member(MemberMapping),
}

/// How a member of the record is read.
#[derive(Debug, Clone)]
pub(super) struct MemberMapping {
    /// Where in the record.
    pub(super) from: RecordPaths,
    /// Values that become others.
    pub(super) map: BTreeMap<String, String>,
    /// What is put before the value.
    prefix: String,
    /// What stands in when the record has no value, or `map` is there and does not list it.
    default: Option<String>,
}

impl FieldMapping {
    /// Reads `key = "path"`, `key = { value = ".." }` or `key = { from = "path", .. }`.
    pub(super) fn load(key: &str, value: &TomlValue<'_>, file: &mut TomlFile<'_>) -> Option<Self> {
        if !matches!(value.get_ref(), toml::de::DeValue::Table(_)) {
            let from = RecordPaths::load(key, value, file)?;
            return Some(Self::Member(MemberMapping::from_paths(from)));
        }
        let section = file.read_table(format!("`{key}`"), value)?;
        section.check_keys(&["from", "value", "map", "prefix", "default"], file);
        let constant = section.get_string("value", file);
        let from = section
            .get("from")
            .and_then(|from| RecordPaths::load("from", from, file));
        match (constant, from) {
            (Some(constant), None) => {
                for (other, _) in section
                    .entries()
                    .filter(|(other, _)| other.value != "value")
                {
                    let message = format!("`value` is a constant and takes no `{}`", other.value);
                    file.report(other.at, message);
                }
                Some(Self::Constant(constant.value.to_owned()))
            }
            (None, Some(from)) => Some(Self::Member(MemberMapping {
                map: load_map(&section, file),
                prefix: section
                    .get_string("prefix", file)
                    .map_or_else(String::new, |prefix| prefix.value.to_owned()),
                default: section
                    .get_string("default", file)
                    .map(|default| default.value.to_owned()),
                ..MemberMapping::from_paths(from)
            })),
            _ => {
                // One of them alone was wrong by itself, and has been told.
                if section.get("value").is_some() == section.get("from").is_some() {
                    let message = format!("`{key}` needs either `from` or `value`");
                    file.report(section.at, message);
                }
                None
            }
        }
    }

    /// The paths it reads; none if it is a constant.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        let paths = match self {
            Self::Constant(_) => None,
            Self::Member(member) => Some(&member.from),
        };
        paths.into_iter().flat_map(RecordPaths::iter)
    }

    /// Whether a record without a value still gives one.
    pub(super) fn has_default(&self) -> bool {
        match self {
            Self::Constant(_) => true,
            Self::Member(member) => member.default.is_some(),
        }
    }

    /// The word it gives for a record; `None` where the record has none.
    pub(super) fn read_word<'a>(
        &'a self,
        members: &RecordMembers<'a>,
    ) -> Result<Option<Cow<'a, str>>, Rejection> {
        match self {
            Self::Constant(constant) => Ok(Some(Cow::Borrowed(constant))),
            Self::Member(member) => member.read_word(member.from.find_value(members)),
        }
    }

    /// Like [`FieldMapping::word`], but a record without a value is rejected for the lack of the
    /// event's member `wanted`.
    pub(super) fn require_word<'a>(
        &'a self,
        wanted: &str,
        members: &RecordMembers<'a>,
    ) -> Result<Cow<'a, str>, Rejection> {
        match (self.read_word(members)?, self) {
            (Some(word), _) => Ok(word),
            (None, Self::Constant(_)) => Ok(Cow::Borrowed("")),
            (None, Self::Member(member)) => Err(missing_value(&member.from, wanted)),
        }
    }

    /// Appends its value as JSON, of whatever type the record has it; whether there was one.
    pub(super) fn write_json(
        &self,
        members: &RecordMembers<'_>,
        out: &mut Vec<u8>,
    ) -> Result<bool, Rejection> {
        let member = match self {
            Self::Constant(constant) => {
                write_string(out, constant);
                return Ok(true);
            }
            Self::Member(member) => member,
        };
        let piece = member.from.find_value(members);
        if let Some(piece) = piece
            && (member.is_plain() || (piece.is_null() && member.default.is_none()))
        {
            piece.write_json(out);
            return Ok(true);
        }
        let word = member.read_word(piece)?;
        if let Some(word) = &word {
            write_string(out, word);
        }
        Ok(word.is_some())
    }
}

impl MemberMapping {
    pub(super) fn from_paths(from: RecordPaths) -> Self {
        Self {
            from,
            map: BTreeMap::new(),
            prefix: String::new(),
            default: None,
        }
    }

    fn is_plain(&self) -> bool {
        self.map.is_empty() && self.prefix.is_empty() && self.default.is_none()
    }

    fn read_word<'a>(
        &'a self,
        piece: Option<MemberValue<'a>>,
    ) -> Result<Option<Cow<'a, str>>, Rejection> {
        let word = match piece {
            None => None,
            Some(piece) => piece.to_word().map_err(|_| {
                let detail = "a single value is needed here, not an array or object";
                Rejection::for_member(
                    RejectionReason::WrongType,
                    self.from.describe_paths(),
                    detail,
                )
            })?,
        };
        let default = self.default.as_deref().map(Cow::Borrowed);
        let Some(word) = word else {
            return Ok(default);
        };
        let word = match self.map.get(word.as_ref()) {
            Some(mapped) => Cow::Borrowed(mapped.as_str()),
            None if !self.map.is_empty() && default.is_some() => return Ok(default),
            None => word,
        };
        if self.prefix.is_empty() {
            return Ok(Some(word));
        }
        Ok(Some(Cow::Owned(format!("{}{word}", self.prefix))))
    }
}

/// The rejection of a record that lacks what the event's member `wanted` is read from.
pub(super) fn missing_value(from: &RecordPaths, wanted: &str) -> Rejection {
    let detail =
        format!("the record has no value here, and the event's `{wanted}` is read from it");
    Rejection::for_member(
        RejectionReason::MissingMember,
        from.describe_paths(),
        detail,
    )
}

fn load_map(section: &TomlTable<'_>, file: &mut TomlFile<'_>) -> BTreeMap<String, String> {
    let mut map = BTreeMap::new();
    let Some(table) = section.get_table("map", file) else {
        return map;
    };
    for (key, value) in table.entries() {
        if let Some(text) = file.read_string(key.value, value) {
            map.insert(key.value.to_owned(), text.value.to_owned());
        }
    }
    map
}
