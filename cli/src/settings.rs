//! What a server runs with, and where each value comes from.
//!
//! Flags override the environment (`LARUM_..`), which overrides the configuration file, which
//! overrides the defaults. Owns that order and nothing else: `keys` declares the settings, `value`
//! checks their values, and `file` reads the file. It does not know what a setting is for.
//! Invariant: every value keeps its [`SettingOrigin`], so that a wrong one is reported where it was
//! written and `larum config show` can say where it comes from.

mod file;
mod flags;
mod keys;
mod log_output;
mod problem;
mod template;
mod value;

use std::collections::BTreeMap;
use std::path::PathBuf;

use larum_event::Channel;

pub use flags::FlagValues;
pub use keys::{LISTEN, ServerSettings, SettingEntry};
pub use log_output::LogFormat;
pub use problem::{SettingOrigin, SettingsError};
pub use value::SettingValue;

use file::FileValues;
use keys::{DefaultContext, RawSetting, ReadSetting, SettingKey};
use value::{SettingType, WrongValue};

/// The configuration file that is read when none is named.
pub const FILE: &str = "larum.toml";
/// Names the configuration file.
pub const FILE_ENV: &str = "LARUM_CONFIG";

/// Buffers of the channels that every engine has, in events (1-06 to 1-08).
const CHANNEL_BUFFERS: [(&str, usize); 4] = [
    ("security", 1_000),
    ("rbac", 500),
    ("audit", 2_000),
    ("alerts", 1_000),
];

/// What the settings are made of.
pub struct SettingsLayers<'a> {
    /// What the command line says.
    pub flags: FlagValues,
    /// Looks a variable of the environment up.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
    /// The file that `--config` names.
    pub file: Option<PathBuf>,
    /// The folder in which [`FILE`] and `rules` are looked for, and which paths of flags and the
    /// environment are relative to.
    pub folder: PathBuf,
    /// Cores of this machine.
    pub cores: usize,
}

impl SettingsLayers<'_> {
    /// Puts the layers together.
    ///
    /// # Errors
    /// A file that cannot be read or holds unknown keys, or a value that its key cannot have.
    pub fn resolve(&self) -> Result<ServerSettings, SettingsError> {
        let file = match self.file_path() {
            Some(path) => Some(FileValues::read_file(&path)?),
            None => None,
        };
        let settings = ServerSettings::read(&LayeredValues {
            layers: self,
            file: file.as_ref(),
            defaults: DefaultContext {
                cores: self.cores,
                has_rules: self.folder.join("rules").is_dir(),
            },
        })?;
        Ok(ServerSettings {
            channels: channel_buffers(file.as_ref())?,
            file: file.map(|file| file.path),
            ..settings
        })
    }

    /// The file that will be read: the one named, or [`FILE`] where it exists.
    pub fn file_path(&self) -> Option<PathBuf> {
        if let Some(path) = &self.file {
            return Some(path.clone());
        }
        if let Some(path) = (self.environment)(FILE_ENV) {
            return Some(path.into());
        }
        let path = self.folder.join(FILE);
        path.exists().then(|| PathBuf::from(FILE))
    }

    /// A configuration file in which every key is explained and shows its default.
    ///
    /// # Errors
    /// None: defaults are values that their keys can have.
    pub fn write_template(&self) -> Result<String, SettingsError> {
        let defaults = ServerSettings::read(&OnlyDefaults(DefaultContext {
            cores: self.cores,
            has_rules: true,
        }))?;
        Ok(template::write_template(&defaults))
    }
}

/// The layers with the file read.
struct LayeredValues<'a> {
    layers: &'a SettingsLayers<'a>,
    file: Option<&'a FileValues>,
    defaults: DefaultContext,
}

impl LayeredValues<'_> {
    /// The value of the uppermost layer that has one, as it is written there.
    fn raw_value(&self, key: &SettingKey) -> Option<SettingValue<RawSetting>> {
        if let Some((raw, flag)) = self.layers.flags.value(key).zip(key.flag) {
            return Some(SettingValue {
                value: raw.clone(),
                origin: SettingOrigin::Flag(flag.long),
            });
        }
        let variable = key.variable();
        if let Some(text) = (self.layers.environment)(&variable) {
            return Some(SettingValue {
                value: key.kind.parse_environment(text),
                origin: SettingOrigin::Environment(variable),
            });
        }
        self.file
            .and_then(|file| file.values.get(key.name).cloned())
    }
}

impl ReadSetting for LayeredValues<'_> {
    fn read_setting<T: SettingType>(
        &self,
        key: &SettingKey,
        default: fn(&DefaultContext) -> T,
    ) -> Result<SettingValue<T>, SettingsError> {
        let Some(raw) = self.raw_value(key) else {
            return Ok(default_setting(default(&self.defaults)));
        };
        let value = T::read(raw.value, &raw.origin);
        Ok(SettingValue {
            value: value.map_err(|wrong| wrong_value_error(key.name, &raw.origin, wrong))?,
            origin: raw.origin,
        })
    }
}

/// No layer at all.
struct OnlyDefaults(DefaultContext);

impl ReadSetting for OnlyDefaults {
    fn read_setting<T: SettingType>(
        &self,
        _: &SettingKey,
        default: fn(&DefaultContext) -> T,
    ) -> Result<SettingValue<T>, SettingsError> {
        Ok(default_setting(default(&self.0)))
    }
}

/// The buffers every engine has, and those of the file.
fn channel_buffers(
    file: Option<&FileValues>,
) -> Result<Vec<(Channel, SettingValue<usize>)>, SettingsError> {
    let mut buffers: BTreeMap<&str, SettingValue<usize>> = BTreeMap::new();
    for (name, buffer) in CHANNEL_BUFFERS {
        buffers.insert(name, default_setting(buffer));
    }
    for (name, buffer) in file.map_or(&[][..], |file| &file.channel_buffers) {
        buffers.insert(name, buffer.clone());
    }
    buffers
        .into_iter()
        .map(|(name, buffer)| {
            let channel = Channel::new(name).map_err(|cause| {
                let text = name.to_owned();
                let cause = cause.to_string();
                wrong_value_error("channels", &buffer.origin, WrongValue { text, cause })
            })?;
            Ok((channel, buffer))
        })
        .collect()
}

fn default_setting<T>(value: T) -> SettingValue<T> {
    SettingValue {
        value,
        origin: SettingOrigin::Default,
    }
}

fn wrong_value_error(key: &str, origin: &SettingOrigin, wrong: WrongValue) -> SettingsError {
    SettingsError::Value {
        origin: origin.clone(),
        key: key.to_owned(),
        text: wrong.text.chars().take(64).collect(),
        cause: wrong.cause,
    }
}

#[cfg(test)]
mod tests;
