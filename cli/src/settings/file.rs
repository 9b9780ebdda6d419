//! The configuration file: every value with its place, every mistake at once.
//!
//! Owns reading TOML; which keys there are is the job of `keys`, and what a value may be that of
//! `value`.
//! Invariant: a file with a mistake gives no values at all, and the error lists all mistakes in
//! the order of the file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::SettingValue;
use super::keys::{KEYS, RawSetting, SettingKind};
use super::problem::{SettingOrigin, SettingsError, SettingsProblem};

/// Largest buffer of a channel, in events.
const BUFFER_MOST: usize = 1_000_000;

/// What a configuration file says.
#[derive(Debug)]
pub(super) struct FileValues {
    /// The file.
    pub path: PathBuf,
    /// Values by key.
    pub values: BTreeMap<&'static str, SettingValue<RawSetting>>,
    /// Buffers by channel.
    pub channel_buffers: Vec<(String, SettingValue<usize>)>,
}

impl FileValues {
    /// Reads a file.
    pub fn read_file(path: &Path) -> Result<Self, SettingsError> {
        let text = fs::read_to_string(path).map_err(|source| SettingsError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(path, &text)
    }

    /// Reads the text of a file.
    pub fn parse(path: &Path, text: &str) -> Result<Self, SettingsError> {
        let mut reading = SettingsReader {
            text,
            file: Self {
                path: path.to_owned(),
                values: BTreeMap::new(),
                channel_buffers: Vec::new(),
            },
            problems: Vec::new(),
        };
        match DeTable::parse(text) {
            Ok(table) => reading.read_table("", table.get_ref()),
            Err(error) => {
                let start = error.span().map_or(0, |span| span.start);
                // The parser's text may run over several lines; a problem is one.
                let message = error.message().lines().collect::<Vec<_>>().join(", ");
                reading.add_problem(start, message);
            }
        }
        if reading.problems.is_empty() {
            return Ok(reading.file);
        }
        reading.problems.sort_by_key(|it| (it.line, it.column));
        Err(SettingsError::File {
            path: path.to_owned(),
            problems: reading.problems,
        })
    }
}

struct SettingsReader<'a> {
    text: &'a str,
    file: FileValues,
    problems: Vec<SettingsProblem>,
}

impl SettingsReader<'_> {
    /// Reads the members of the table called `prefix`, which ends in a dot unless it is the file.
    fn read_table(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (member, value) in table.iter() {
            let name = format!("{prefix}{}", member.get_ref());
            if name == "channels" {
                self.read_channels(value);
                continue;
            }
            // A table is recognised before a key is looked up: "log" is no key, and not an unknown
            // one either.
            let is_group = KEYS.iter().any(|key| {
                key.name
                    .strip_prefix(&name)
                    .is_some_and(|it| it.starts_with('.'))
            });
            if is_group {
                match value.get_ref() {
                    DeValue::Table(table) => self.read_table(&format!("{name}."), table),
                    other => self.report_wrong_type(&name, value, other, "a table"),
                }
                continue;
            }
            match KEYS.iter().find(|key| key.name == name) {
                Some(key) => self.read_value(key.name, key.kind, value),
                None => {
                    let known = KEYS
                        .iter()
                        .map(|key| key.name)
                        .chain(["channels", "tenants", "log"]);
                    let hint = did_you_mean(&name, known);
                    self.add_problem(member.span().start, format!("unknown key {name:?}{hint}"));
                }
            }
        }
    }

    fn read_value(&mut self, name: &'static str, kind: SettingKind, value: &Spanned<DeValue<'_>>) {
        let raw = match (kind, value.get_ref()) {
            (SettingKind::Text, DeValue::String(text)) => {
                Some(RawSetting::Text(text.as_ref().to_owned()))
            }
            (SettingKind::Number, DeValue::Integer(number)) => {
                Some(RawSetting::Text(number.to_string()))
            }
            (SettingKind::List, DeValue::Array(items)) => items
                .iter()
                .map(|item| item.get_ref().as_str().map(str::to_owned))
                .collect::<Option<Vec<_>>>()
                .map(RawSetting::List),
            _ => None,
        };
        match raw {
            Some(raw) => {
                let origin = self.origin_at(value.span().start);
                self.file
                    .values
                    .insert(name, SettingValue { value: raw, origin });
            }
            None => self.report_wrong_type(name, value, value.get_ref(), kind.type_name()),
        }
    }

    fn read_channels(&mut self, value: &Spanned<DeValue<'_>>) {
        let DeValue::Table(channels) = value.get_ref() else {
            return self.report_wrong_type("channels", value, value.get_ref(), "a table");
        };
        for (channel, value) in channels.iter() {
            let name = channel.get_ref().as_ref();
            let DeValue::Table(settings) = value.get_ref() else {
                self.report_wrong_type(
                    &format!("channels.{name}"),
                    value,
                    value.get_ref(),
                    "a table",
                );
                continue;
            };
            for (member, value) in settings.iter() {
                let full = format!("channels.{name}.{}", member.get_ref());
                if member.get_ref() != "buffer" {
                    let hint = did_you_mean(member.get_ref(), ["buffer"].into_iter());
                    self.add_problem(member.span().start, format!("unknown key {full:?}{hint}"));
                    continue;
                }
                self.read_buffer(name, &full, value);
            }
        }
    }

    fn read_buffer(&mut self, channel: &str, full: &str, value: &Spanned<DeValue<'_>>) {
        let DeValue::Integer(number) = value.get_ref() else {
            return self.report_wrong_type(full, value, value.get_ref(), "a whole number");
        };
        match usize::from_str_radix(number.as_str(), number.radix()) {
            Ok(buffer) if (1..=BUFFER_MOST).contains(&buffer) => {
                let origin = self.origin_at(value.span().start);
                let buffer = SettingValue {
                    value: buffer,
                    origin,
                };
                self.file.channel_buffers.push((channel.to_owned(), buffer));
            }
            _ => {
                let message = format!("{full} cannot be {number}: use 1 to {BUFFER_MOST} events");
                self.add_problem(value.span().start, message);
            }
        }
    }

    fn report_wrong_type(
        &mut self,
        name: &str,
        place: &Spanned<DeValue<'_>>,
        found: &DeValue<'_>,
        expected: &str,
    ) {
        let message = format!("{name} must be {expected}, not {}", found.type_str());
        self.add_problem(place.span().start, message);
    }

    fn add_problem(&mut self, offset: usize, message: String) {
        let (line, column) = line_and_column(self.text, offset);
        self.problems.push(SettingsProblem {
            line,
            column,
            message,
        });
    }

    fn origin_at(&self, offset: usize) -> SettingOrigin {
        let (line, column) = line_and_column(self.text, offset);
        SettingOrigin::File {
            path: self.file.path.clone(),
            line,
            column,
        }
    }
}

/// Line and column of a byte, both from 1.
fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .map_or(0, |line| line.chars().count())
        + 1;
    (line, column)
}

/// `; did you mean "store"?` when a known name is near.
fn did_you_mean<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> String {
    let nearest = known
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .min();
    match nearest {
        Some((distance, candidate)) if distance <= name.len() / 3 + 1 => {
            format!("; did you mean {candidate:?}?")
        }
        _ => String::new(),
    }
}
