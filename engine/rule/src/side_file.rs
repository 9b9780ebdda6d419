//! Files that stand beside rules and hold none: TOML whose every value knows its place.
//!
//! Owns reading such files by hand: serde would stop at the first mistake. What the keys mean
//! belongs to the catalogue and to exceptions.
//! Invariant: reading never stops at a mistake within a document, so all mistakes of a file are
//! reported at once, each with a caret under it.

use larum_event::RuleFile;
use larum_predicate::Diagnostic;
use rhai::Position;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::catalogue;
use crate::diagnostic::{RuleProblem, did_you_mean};
use crate::exception;

/// A value and its place in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SideFileValue<T> {
    pub(crate) value: T,
    pub(crate) place: Position,
}

/// A file that is being read, and what was found wrong in it.
pub(crate) struct SideFile<'f> {
    file: &'f RuleFile,
    /// The code of its findings.
    code: &'static str,
    problems: &'f mut Vec<Diagnostic>,
}

/// One table of the file.
#[derive(Clone, Copy)]
pub(crate) struct TomlSection<'t> {
    /// How messages call it: `[[except]]`, or `the file` at the top.
    pub(crate) name: &'t str,
    pub(crate) place: Position,
    table: &'t DeTable<'t>,
}

/// Files about rules that are not rules, by name, in any folder.
const SIDE_FILES: [&str; 2] = [catalogue::FILE, exception::FILE];

/// Whether a path names a side file.
pub(crate) fn is_side_file(path: &str) -> bool {
    SIDE_FILES.iter().any(|name| has_file_name(path, name))
}

/// Whether a path names the file `name` in some folder.
pub(crate) fn has_file_name(path: &str, name: &str) -> bool {
    path.rsplit('/').next() == Some(name)
}

impl<'f> SideFile<'f> {
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
    pub(crate) fn parse_document(&mut self) -> Option<Spanned<DeTable<'f>>> {
        match DeTable::parse(&self.file.text) {
            Ok(table) => Some(table),
            Err(error) => {
                let place = self.place_at_offset(error.span().map_or(0, |span| span.start));
                self.push_problem(place, RuleProblem::new("syntax", error.message()));
                None
            }
        }
    }

    pub(crate) fn report_problem(&mut self, place: Position, message: impl Into<String>) {
        self.push_problem(place, RuleProblem::new(self.code, message));
    }

    pub(crate) fn report_with_help(
        &mut self,
        place: Position,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push_problem(place, RuleProblem::new(self.code, message).with_help(help));
    }

    pub(crate) fn push_problem(&mut self, place: Position, problem: RuleProblem) {
        self.problems.push(problem.into_error_at(self.file, place));
    }

    /// The place of the byte `offset`.
    pub(crate) fn place_at_offset(&self, offset: usize) -> Position {
        let text = self.file.text.as_str();
        let before = text.get(..offset.min(text.len())).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let head = before.rsplit('\n').next().unwrap_or_default();
        let short = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
        Position::new(short(line), short(head.chars().count() + 1))
    }

    pub(crate) fn place_of_value(&self, value: &Spanned<DeValue<'_>>) -> Position {
        self.place_at_offset(value.span().start)
    }

    /// `value` as a table that messages call `name`.
    pub(crate) fn read_section<'t>(
        &mut self,
        name: &'t str,
        value: &'t Spanned<DeValue<'t>>,
    ) -> Option<TomlSection<'t>> {
        let place = self.place_of_value(value);
        match value.get_ref() {
            DeValue::Table(table) => Some(TomlSection { name, place, table }),
            other => {
                self.report_problem(
                    place,
                    format!("{name} is a table, not {}", describe_toml_value(other)),
                );
                None
            }
        }
    }

    /// The tables of the list `key`, `[[key]]`.
    pub(crate) fn read_sections<'t>(
        &mut self,
        top: TomlSection<'t>,
        key: &str,
        name: &'t str,
    ) -> Vec<TomlSection<'t>> {
        let Some(value) = top.get(key) else {
            return Vec::new();
        };
        match value.get_ref() {
            DeValue::Array(items) => items
                .iter()
                .filter_map(|item| self.read_section(name, item))
                .collect(),
            other => {
                let found = describe_toml_value(other);
                let place = self.place_of_value(value);
                self.report_with_help(
                    place,
                    format!("`{key}` is a list of tables, not {found}"),
                    format!("begin each with a line `{name}`"),
                );
                Vec::new()
            }
        }
    }

    /// Says of every key that is not one of `known` that it means nothing.
    pub(crate) fn check_keys(&mut self, section: TomlSection<'_>, known: &[&str]) {
        for (key, _) in section.entries() {
            let name = key.get_ref().as_ref();
            if known.contains(&name) {
                continue;
            }
            let place = self.place_at_offset(key.span().start);
            let problem = RuleProblem::new(
                "unknown-key",
                format!("{} has no key `{name}`", section.name),
            );
            let help = did_you_mean(name, known.iter().copied())
                .unwrap_or_else(|| format!("it has {}", known.join(", ")));
            self.push_problem(place, problem.with_help(help));
        }
    }

    /// The text under `key`, which must be there and say something.
    pub(crate) fn required_text<'t>(
        &mut self,
        section: TomlSection<'t>,
        key: &str,
        help: &str,
    ) -> Option<SideFileValue<&'t str>> {
        match section.get(key) {
            None => {
                let problem = format!("{} has no `{key}`", section.name);
                self.report_with_help(section.place, problem, help);
                None
            }
            Some(value) => {
                let text = self.read_text(key, value)?;
                if text.value.trim().is_empty() {
                    self.report_with_help(text.place, format!("`{key}` is empty"), help);
                    return None;
                }
                Some(text)
            }
        }
    }

    /// One text or a list of them; empty where `key` is not there.
    pub(crate) fn read_texts<'t>(
        &mut self,
        section: TomlSection<'t>,
        key: &str,
    ) -> Vec<SideFileValue<&'t str>> {
        self.read_values(section, key)
            .into_iter()
            .filter_map(|value| self.read_text(key, value))
            .collect()
    }

    /// One value or the values of a list; empty where `key` is not there.
    pub(crate) fn read_values<'t>(
        &mut self,
        section: TomlSection<'t>,
        key: &str,
    ) -> Vec<&'t Spanned<DeValue<'t>>> {
        let Some(value) = section.get(key) else {
            return Vec::new();
        };
        match value.get_ref() {
            DeValue::Array(items) if items.is_empty() => {
                let place = self.place_of_value(value);
                self.report_problem(place, format!("the list `{key}` is empty"));
                Vec::new()
            }
            DeValue::Array(items) => items.iter().collect(),
            _ => vec![value],
        }
    }

    pub(crate) fn read_text<'t>(
        &mut self,
        key: &str,
        value: &'t Spanned<DeValue<'t>>,
    ) -> Option<SideFileValue<&'t str>> {
        let place = self.place_of_value(value);
        match value.get_ref() {
            DeValue::String(text) => Some(SideFileValue {
                value: text.as_ref(),
                place,
            }),
            other => {
                self.report_problem(
                    place,
                    format!("`{key}` is a text, not {}", describe_toml_value(other)),
                );
                None
            }
        }
    }
}

impl<'t> TomlSection<'t> {
    /// The whole document.
    pub(crate) fn of_document(table: &'t Spanned<DeTable<'t>>) -> Self {
        Self {
            name: "the file",
            place: Position::new(1, 1),
            table: table.get_ref(),
        }
    }

    /// The same, but what it lacks is reported at `place`.
    pub(crate) fn with_place(self, place: Position) -> Self {
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
pub(crate) fn describe_toml_value(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
