//! Where one member of the event comes from.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::document::{Section, string};
use super::error::Problems;
use super::members::{Members, Piece, write_string};
use super::paths::Paths;
use crate::rejection::{Reason, Rejection};

/// A constant, or a member of the record.
#[derive(Debug, Clone)]
pub(super) enum Mapping {
    /// Always the same.
    Constant(String),
    /// Read from the record.
    Member(FromMember),
}

/// How a member of the record is read.
#[derive(Debug, Clone)]
pub(super) struct FromMember {
    /// Where in the record.
    pub(super) from: Paths,
    /// Values that become others.
    pub(super) map: BTreeMap<String, String>,
    /// What is put before the value.
    prefix: String,
    /// What stands in when the record has no value, or `map` is there and does not list it.
    default: Option<String>,
}

impl Mapping {
    /// Reads `key = "path"`, `key = { value = ".." }` or `key = { from = "path", .. }`.
    pub(super) fn load(
        key: &str,
        value: &toml::Spanned<toml::de::DeValue<'_>>,
        problems: &mut Problems<'_>,
    ) -> Option<Self> {
        if !matches!(value.get_ref(), toml::de::DeValue::Table(_)) {
            let from = Paths::load(key, value, problems)?;
            return Some(Self::Member(FromMember::plain(from)));
        }
        let section = Section::of(format!("`{key}`"), value, problems)?;
        section.refuse_unknown(&["from", "value", "map", "prefix", "default"], problems);
        let constant = section.string("value", problems);
        let from = section
            .get("from")
            .and_then(|from| Paths::load("from", from, problems));
        match (constant, from) {
            (Some(constant), None) => {
                for (other, _) in section
                    .entries()
                    .filter(|(other, _)| other.value != "value")
                {
                    let message = format!("`value` is a constant and takes no `{}`", other.value);
                    problems.add(other.at, message);
                }
                Some(Self::Constant(constant.value.to_owned()))
            }
            (None, Some(from)) => Some(Self::Member(FromMember {
                map: load_map(&section, problems),
                prefix: section
                    .string("prefix", problems)
                    .map_or_else(String::new, |prefix| prefix.value.to_owned()),
                default: section
                    .string("default", problems)
                    .map(|default| default.value.to_owned()),
                ..FromMember::plain(from)
            })),
            _ => {
                if section.get("value").is_some() == section.get("from").is_some() {
                    let message = format!("`{key}` needs either `from` or `value`");
                    problems.add(section.at, message);
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
        paths.into_iter().flat_map(Paths::iter)
    }

    /// Whether a record without a value still gives one.
    pub(super) fn has_default(&self) -> bool {
        match self {
            Self::Constant(_) => true,
            Self::Member(member) => member.default.is_some(),
        }
    }

    /// The word it gives for a record; `None` where the record has none.
    pub(super) fn word<'a>(
        &'a self,
        members: &Members<'a>,
    ) -> Result<Option<Cow<'a, str>>, Rejection> {
        match self {
            Self::Constant(constant) => Ok(Some(Cow::Borrowed(constant))),
            Self::Member(member) => member.word(member.from.find(members)),
        }
    }

    /// Like [`Mapping::word`], but a record without a value is rejected for the lack of the event's
    /// member `wanted`.
    pub(super) fn required<'a>(
        &'a self,
        wanted: &str,
        members: &Members<'a>,
    ) -> Result<Cow<'a, str>, Rejection> {
        match (self.word(members)?, self) {
            (Some(word), _) => Ok(word),
            (None, Self::Constant(_)) => Ok(Cow::Borrowed("")),
            (None, Self::Member(member)) => Err(missing(&member.from, wanted)),
        }
    }

    /// Appends its value as JSON, of whatever type the record has it; whether there was one.
    pub(super) fn write(
        &self,
        members: &Members<'_>,
        out: &mut Vec<u8>,
    ) -> Result<bool, Rejection> {
        let member = match self {
            Self::Constant(constant) => {
                write_string(out, constant);
                return Ok(true);
            }
            Self::Member(member) => member,
        };
        let piece = member.from.find(members);
        if let Some(piece) = piece
            && (member.is_plain() || (piece.is_null() && member.default.is_none()))
        {
            piece.write(out);
            return Ok(true);
        }
        let word = member.word(piece)?;
        if let Some(word) = &word {
            write_string(out, word);
        }
        Ok(word.is_some())
    }
}

impl FromMember {
    pub(super) fn plain(from: Paths) -> Self {
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

    fn word<'a>(&'a self, piece: Option<Piece<'a>>) -> Result<Option<Cow<'a, str>>, Rejection> {
        let word = match piece {
            None => None,
            Some(piece) => piece.word().map_err(|_| {
                let detail = "a single value is needed here, not an array or object";
                Rejection::of_member(Reason::WrongType, self.from.shown(), detail)
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
pub(super) fn missing(from: &Paths, wanted: &str) -> Rejection {
    let detail =
        format!("the record has no value here, and the event's `{wanted}` is read from it");
    Rejection::of_member(Reason::MissingMember, from.shown(), detail)
}

fn load_map(section: &Section<'_>, problems: &mut Problems<'_>) -> BTreeMap<String, String> {
    let mut map = BTreeMap::new();
    let Some(table) = section.section("map", problems) else {
        return map;
    };
    for (key, value) in table.entries() {
        if let Some(text) = string(key.value, value, problems) {
            map.insert(key.value.to_owned(), text.value.to_owned());
        }
    }
    map
}
