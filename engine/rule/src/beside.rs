//! Files of the rules folder that are no rules: TOML whose every value knows its place.
//!
//! Read by hand and not by serde, so that all mistakes of a file are told at once, each in a sentence of
//! ours with a caret under it.

use larum_event::RuleFile;
use rhai::Position;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::catalogue;
use crate::diagnostic::{Diagnostic, Refusal, did_you_mean};
use crate::exception;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placed<T> {
    pub(crate) value: T,
    pub(crate) place: Position,
}

/// A file that is being read, and what was found wrong in it.
pub(crate) struct Beside<'f> {
    file: &'f RuleFile,
    /// The code of its findings.
    code: &'static str,
    problems: &'f mut Vec<Diagnostic>,
}

/// One table of the file.
#[derive(Clone, Copy)]
pub(crate) struct Section<'t> {
    /// How messages call it: `[[except]]`, or `the file` at the top.
    pub(crate) name: &'t str,
    pub(crate) place: Position,
    table: &'t DeTable<'t>,
}

/// Files that say something about rules and are none, by name, in whatever folder.
const NAMES: [&str; 2] = [catalogue::FILE, exception::FILE];

/// Whether a path names a file that stands beside rules.
pub(crate) fn is_beside(path: &str) -> bool {
    NAMES.iter().any(|name| is_called(path, name))
}

/// Whether a path names the file `name` in some folder.
pub(crate) fn is_called(path: &str, name: &str) -> bool {
    path.rsplit('/').next() == Some(name)
}

impl<'f> Beside<'f> {
    pub(crate) fn new(
        file: &'f RuleFile,
        code: &'static str,
        problems: &'f mut Vec<Diagnostic>,
    ) -> Self {
        Self {
            file,
            code,
            problems,
        }
    }

    /// The document, if it is one.
    pub(crate) fn parse(&mut self) -> Option<Spanned<DeTable<'f>>> {
        match DeTable::parse(&self.file.text) {
            Ok(table) => Some(table),
            Err(error) => {
                let place = self.place(error.span().map_or(0, |span| span.start));
                self.refuse(place, Refusal::new("syntax", error.message()));
                None
            }
        }
    }

    pub(crate) fn problem(&mut self, place: Position, message: impl Into<String>) {
        self.refuse(place, Refusal::new(self.code, message));
    }

    pub(crate) fn problem_with_help(
        &mut self,
        place: Position,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.refuse(place, Refusal::new(self.code, message).help(help));
    }

    pub(crate) fn refuse(&mut self, place: Position, problem: Refusal) {
        self.problems.push(problem.at(self.file, place));
    }

    /// The place of the byte `offset`.
    pub(crate) fn place(&self, offset: usize) -> Position {
        let text = self.file.text.as_str();
        let before = text.get(..offset.min(text.len())).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let head = before.rsplit('\n').next().unwrap_or_default();
        let short = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
        Position::new(short(line), short(head.chars().count() + 1))
    }

    pub(crate) fn place_of(&self, value: &Spanned<DeValue<'_>>) -> Position {
        self.place(value.span().start)
    }

    /// `value` as a table that messages call `name`.
    pub(crate) fn section<'t>(
        &mut self,
        name: &'t str,
        value: &'t Spanned<DeValue<'t>>,
    ) -> Option<Section<'t>> {
        let place = self.place_of(value);
        match value.get_ref() {
            DeValue::Table(table) => Some(Section { name, place, table }),
            other => {
                self.problem(place, format!("{name} is a table, not {}", kind(other)));
                None
            }
        }
    }

    /// The tables of the list `key`, `[[key]]`.
    pub(crate) fn sections<'t>(
        &mut self,
        top: Section<'t>,
        key: &str,
        name: &'t str,
    ) -> Vec<Section<'t>> {
        let Some(value) = top.get(key) else {
            return Vec::new();
        };
        match value.get_ref() {
            DeValue::Array(items) => items
                .iter()
                .filter_map(|item| self.section(name, item))
                .collect(),
            other => {
                let found = kind(other);
                let place = self.place_of(value);
                self.problem_with_help(
                    place,
                    format!("`{key}` is a list of tables, not {found}"),
                    format!("begin each with a line `{name}`"),
                );
                Vec::new()
            }
        }
    }

    /// Says of every key that is not one of `known` that it means nothing.
    pub(crate) fn only(&mut self, section: Section<'_>, known: &[&str]) {
        for (key, _) in section.entries() {
            let name = key.get_ref().as_ref();
            if known.contains(&name) {
                continue;
            }
            let place = self.place(key.span().start);
            let problem = Refusal::new(
                "unknown-key",
                format!("{} has no key `{name}`", section.name),
            );
            let help = did_you_mean(name, known.iter().copied())
                .unwrap_or_else(|| format!("it has {}", known.join(", ")));
            self.refuse(place, problem.help(help));
        }
    }

    /// The text under `key`, which must be there and say something.
    pub(crate) fn said<'t>(
        &mut self,
        section: Section<'t>,
        key: &str,
        help: &str,
    ) -> Option<Placed<&'t str>> {
        match section.get(key) {
            None => {
                let problem = format!("{} has no `{key}`", section.name);
                self.problem_with_help(section.place, problem, help);
                None
            }
            Some(value) => {
                let text = self.text_of(key, value)?;
                if text.value.trim().is_empty() {
                    self.problem_with_help(text.place, format!("`{key}` is empty"), help);
                    return None;
                }
                Some(text)
            }
        }
    }

    /// One text or a list of them; empty where `key` is not there.
    pub(crate) fn texts<'t>(&mut self, section: Section<'t>, key: &str) -> Vec<Placed<&'t str>> {
        self.values(section, key)
            .into_iter()
            .filter_map(|value| self.text_of(key, value))
            .collect()
    }

    /// One value or the values of a list; empty where `key` is not there.
    pub(crate) fn values<'t>(
        &mut self,
        section: Section<'t>,
        key: &str,
    ) -> Vec<&'t Spanned<DeValue<'t>>> {
        let Some(value) = section.get(key) else {
            return Vec::new();
        };
        match value.get_ref() {
            DeValue::Array(items) if items.is_empty() => {
                let place = self.place_of(value);
                self.problem(place, format!("the list `{key}` is empty"));
                Vec::new()
            }
            DeValue::Array(items) => items.iter().collect(),
            _ => vec![value],
        }
    }

    pub(crate) fn text_of<'t>(
        &mut self,
        key: &str,
        value: &'t Spanned<DeValue<'t>>,
    ) -> Option<Placed<&'t str>> {
        let place = self.place_of(value);
        match value.get_ref() {
            DeValue::String(text) => Some(Placed {
                value: text.as_ref(),
                place,
            }),
            other => {
                self.problem(place, format!("`{key}` is a text, not {}", kind(other)));
                None
            }
        }
    }
}

impl<'t> Section<'t> {
    /// The whole document.
    pub(crate) fn top(table: &'t Spanned<DeTable<'t>>) -> Self {
        Self {
            name: "the file",
            place: Position::new(1, 1),
            table: table.get_ref(),
        }
    }

    /// The same, but what it lacks is told at `place`.
    pub(crate) fn at(self, place: Position) -> Self {
        Self { place, ..self }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.entries()
            .find(|(known, _)| known.get_ref() == key)
            .map(|(_, value)| value)
    }

    /// Keys and values, in the order of the file.
    pub(crate) fn entries(
        &self,
    ) -> impl Iterator<
        Item = (
            &'t Spanned<toml::de::DeString<'t>>,
            &'t Spanned<DeValue<'t>>,
        ),
    > + use<'t> {
        let mut entries: Vec<_> = self.table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        entries.into_iter()
    }
}

/// What a value is, for messages.
pub(crate) fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
