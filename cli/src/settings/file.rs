//! The configuration file: every value with its place, every mistake at once.
//!
//! Owns which keys a file may hold where; reading TOML is the job of `larum_event::toml_file`,
//! which keys there are that of `keys`, and what a value may be that of `value`.
//! Limits: a channel's buffer holds at most a million events.
//! Invariant: a file with a mistake gives no values at all, and the error lists all mistakes in
//! the order of the file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use larum_event::find_nearest;
use larum_event::toml_file::{TomlFile, TomlPlace, TomlTable, TomlValue, TomlWording};
use toml::de::DeValue;

use super::SettingValue;
use super::keys::{KEYS, RawSetting, SettingKind};
use super::problem::{SettingOrigin, SettingsError};

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
            toml: TomlFile::new(text, "bad-setting", TomlWording::Strings),
            file: Self {
                path: path.to_owned(),
                values: BTreeMap::new(),
                channel_buffers: Vec::new(),
            },
        };
        if let Some(document) = reading.toml.parse_document() {
            reading.read_table("", &TomlTable::from_document(&document));
        }
        if reading.toml.is_faultless() {
            return Ok(reading.file);
        }
        Err(SettingsError::File {
            path: path.to_owned(),
            problems: reading.toml.into_problems(),
        })
    }
}

struct SettingsReader<'a> {
    toml: TomlFile<'a>,
    file: FileValues,
}

impl SettingsReader<'_> {
    /// Reads the members of the table called `prefix`, which ends in a dot unless it is the file.
    fn read_table(&mut self, prefix: &str, table: &TomlTable<'_>) {
        for (member, value) in table.entries() {
            let name = format!("{prefix}{}", member.value);
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
                if let Some(group) = self.expect_table(&name, value) {
                    self.read_table(&format!("{name}."), &group);
                }
                continue;
            }
            match KEYS.iter().find(|key| key.name == name) {
                Some(key) => self.read_value(key.name, key.kind, value),
                None => {
                    let keys = KEYS.iter().map(|key| key.name);
                    let near = find_nearest(&name, keys.chain(["channels", "tenants", "log"]));
                    self.report_unknown_key(member.at, &name, near);
                }
            }
        }
    }

    fn read_value(&mut self, name: &'static str, kind: SettingKind, value: &TomlValue<'_>) {
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
                let setting = self.place_setting(raw, value);
                self.file.values.insert(name, setting);
            }
            None => self.report_wrong_type(name, value, kind.type_name()),
        }
    }

    fn read_channels(&mut self, value: &TomlValue<'_>) {
        let Some(channels) = self.expect_table("channels", value) else {
            return;
        };
        for (channel, value) in channels.entries() {
            let full = format!("channels.{}", channel.value);
            let Some(settings) = self.expect_table(&full, value) else {
                continue;
            };
            for (member, value) in settings.entries() {
                let full = format!("{full}.{}", member.value);
                if member.value == "buffer" {
                    self.read_buffer(channel.value, &full, value);
                } else {
                    let near = find_nearest(member.value, ["buffer"]);
                    self.report_unknown_key(member.at, &full, near);
                }
            }
        }
    }

    fn read_buffer(&mut self, channel: &str, full: &str, value: &TomlValue<'_>) {
        let DeValue::Integer(number) = value.get_ref() else {
            return self.report_wrong_type(full, value, "a whole number");
        };
        match usize::from_str_radix(number.as_str(), number.radix()) {
            Ok(buffer) if (1..=BUFFER_MOST).contains(&buffer) => {
                let setting = self.place_setting(buffer, value);
                self.file
                    .channel_buffers
                    .push((channel.to_owned(), setting));
            }
            _ => {
                let message = format!("{full} cannot be {number}: use 1 to {BUFFER_MOST} events");
                self.toml.report(value.span().start, message);
            }
        }
    }

    fn expect_table<'v>(&mut self, name: &str, value: &'v TomlValue<'v>) -> Option<TomlTable<'v>> {
        if value.get_ref().is_table() {
            return self.toml.read_table(name, value);
        }
        self.report_wrong_type(name, value, "a table");
        None
    }

    /// Reports a wrong type; the key is written as in `larum config show`, dotted and unquoted.
    fn report_wrong_type(&mut self, name: &str, value: &TomlValue<'_>, expected: &str) {
        let found = value.get_ref().type_str();
        let message = format!("{name} must be {expected}, not {found}");
        self.toml.report(value.span().start, message);
    }

    fn report_unknown_key(&mut self, at: usize, name: &str, near: Option<&str>) {
        let hint = near.map(|near| format!("; did you mean {near:?}?"));
        let message = format!("unknown key {name:?}{}", hint.unwrap_or_default());
        self.toml.report(at, message);
    }

    /// A value as a setting that comes from the place of `value`.
    fn place_setting<T>(&self, setting: T, value: &TomlValue<'_>) -> SettingValue<T> {
        let TomlPlace { line, column } = self.toml.place(value.span().start);
        let path = self.file.path.clone();
        SettingValue {
            value: setting,
            origin: SettingOrigin::File { path, line, column },
        }
    }
}
