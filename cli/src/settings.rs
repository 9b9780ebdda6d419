//! What a server runs with, and where each value comes from.
//!
//! Flags override the environment (`LARUM_..`), which overrides the configuration file, which
//! overrides the defaults. Every value keeps its [`SettingOrigin`], so that a wrong one is reported where it
//! was written and `larum config show` can tell. Reading the file is `file`'s job.

mod file;
mod keys;
mod log_format;
mod problem;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use larum_event::{Channel, Span, TenantId};

pub use keys::KEYS;
pub use log_format::LogFormat;
pub use problem::{SettingOrigin, SettingsError};

use file::FileValues;
use keys::RawSetting;

/// The configuration file that is read when none is named.
pub const FILE: &str = "larum.toml";
/// Names the configuration file.
pub const FILE_ENV: &str = "LARUM_CONFIG";
/// Where a server listens when nobody says otherwise.
pub const LISTEN: &str = "127.0.0.1:7423";

/// What is logged when nobody says otherwise: the workings of the HTTP library are nobody's business.
const LOG_LEVEL: &str = "info,actix_server=warn";

/// Events after which the state of evaluation is kept, where nothing else is said.
const CHECKPOINT_EVENTS: NonZeroU64 = NonZeroU64::new(50_000).expect("it is not zero");

/// Buffers of the channels that every engine has, in events (1-06 to 1-08).
const CHANNEL_BUFFERS: [(&str, usize); 4] = [
    ("security", 1_000),
    ("rbac", 500),
    ("audit", 2_000),
    ("alerts", 1_000),
];
/// Most matcher threads and window shards; more than this is a slip of the finger.
const THREADS_MOST: usize = 256;

/// A value and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingValue<T> {
    /// The value.
    pub value: T,
    /// Where it comes from.
    pub origin: SettingOrigin,
}

/// Everything a server runs with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerSettings {
    /// The configuration file, where there is one.
    pub file: Option<PathBuf>,
    /// Folder of the store.
    pub store: SettingValue<PathBuf>,
    /// Folder of the rules; without one events are stored and nothing is raised.
    pub rules: SettingValue<Option<PathBuf>>,
    /// Where the HTTP door listens.
    pub listen: SettingValue<SocketAddr>,
    /// Decoder files that a POST may name.
    pub decoders: SettingValue<Vec<PathBuf>>,
    /// The file of the severity policy; `None` is the one that is built in.
    pub severities: SettingValue<Option<PathBuf>>,
    /// The tenant of events that name none; `None` makes them name one.
    pub default_tenant: SettingValue<Option<TenantId>>,
    /// The tenants there are; empty lets any name pass.
    pub known_tenants: SettingValue<Vec<TenantId>>,
    /// Matcher threads.
    pub matchers: SettingValue<usize>,
    /// Shards of each correlation window.
    pub window_shards: SettingValue<usize>,
    /// A source further than this behind its tenant runs on a clock of its own.
    pub max_lag: SettingValue<Span>,
    /// How far behind its clock an event may come and still count, for rules that do not say.
    pub lateness: SettingValue<Span>,
    /// Events after which the state of evaluation is kept.
    pub checkpoint_events: SettingValue<NonZeroU64>,
    /// What is logged, in the words of `tracing`: `info`, `info,larum_engine=debug`.
    pub log_level: SettingValue<String>,
    /// How it is logged.
    pub log_format: SettingValue<LogFormat>,
    /// Events buffered per channel, sorted by name.
    pub channels: Vec<(Channel, SettingValue<usize>)>,
}

/// Values given as flags, by the name of their key.
#[derive(Debug, Default)]
pub struct FlagValues(BTreeMap<&'static str, RawSetting>);

impl FlagValues {
    /// Adds the text of a flag that was given.
    pub fn with_text(mut self, key: &'static str, text: Option<impl ToString>) -> Self {
        if let Some(text) = text {
            self.0.insert(key, RawSetting::Text(text.to_string()));
        }
        self
    }

    /// Adds the texts of a flag that may be given several times.
    pub fn with_list(mut self, key: &'static str, texts: Vec<String>) -> Self {
        if !texts.is_empty() {
            self.0.insert(key, RawSetting::List(texts));
        }
        self
    }
}

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
    /// Matcher threads when nobody says otherwise.
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
        let found = LayeredValues {
            layers: self,
            file: file.as_ref(),
        };
        let default_rules = Some(PathBuf::from("rules")).filter(|it| self.folder.join(it).is_dir());
        let settings = ServerSettings {
            store: found.path_value("store", || PathBuf::from("larum-data"))?,
            rules: found.optional_path("rules", default_rules)?,
            listen: found.listen_address()?,
            decoders: found.path_list("decoders")?,
            severities: found.optional_path("severities", None)?,
            default_tenant: found.default_tenant()?,
            known_tenants: found.known_tenants()?,
            matchers: found.thread_count("matchers", self.cores)?,
            window_shards: found.thread_count("window_shards", 1)?,
            max_lag: found.parse_value("max_lag", || Span::from_seconds(60))?,
            lateness: found.parse_value("lateness", || Span::ZERO)?,
            checkpoint_events: found.parse_value("checkpoint_events", || CHECKPOINT_EVENTS)?,
            log_level: found.parse_value("log.level", || LOG_LEVEL.to_owned())?,
            log_format: found.parse_value("log.format", || LogFormat::Text)?,
            channels: channel_buffers(file.as_ref())?,
            file: None,
        };
        Ok(ServerSettings {
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
}

/// The layers with the file read.
struct LayeredValues<'a> {
    layers: &'a SettingsLayers<'a>,
    file: Option<&'a FileValues>,
}

impl LayeredValues<'_> {
    /// The raw value of the uppermost layer that has one.
    fn raw_value(&self, name: &'static str) -> Option<SettingValue<RawSetting>> {
        let key = keys::find_key(name);
        if let Some(raw) = self.layers.flags.0.get(name) {
            return Some(SettingValue {
                value: raw.clone(),
                origin: SettingOrigin::Flag(key.flag.unwrap_or(name)),
            });
        }
        if let Some(text) = (self.layers.environment)(key.env) {
            return Some(SettingValue {
                value: key.kind.parse_environment(text),
                origin: SettingOrigin::Environment(key.env),
            });
        }
        self.file.and_then(|file| file.values.get(name).cloned())
    }

    fn parse_value<T>(
        &self,
        name: &'static str,
        default: impl FnOnce() -> T,
    ) -> Result<SettingValue<T>, SettingsError>
    where
        T: FromStr<Err: fmt::Display>,
    {
        let Some(raw) = self.raw_value(name) else {
            return Ok(default_setting(default()));
        };
        let text = raw.value.as_text();
        let value = text
            .parse()
            .map_err(|cause: T::Err| wrong_value_error(name, &raw.origin, &text, cause))?;
        Ok(SettingValue {
            value,
            origin: raw.origin,
        })
    }

    fn path_value(
        &self,
        name: &'static str,
        default: impl FnOnce() -> PathBuf,
    ) -> Result<SettingValue<PathBuf>, SettingsError> {
        let path: SettingValue<PathBuf> = self.parse_value(name, default)?;
        Ok(SettingValue {
            value: resolve_relative(&path.origin, path.value),
            origin: path.origin,
        })
    }

    fn path_list(&self, name: &'static str) -> Result<SettingValue<Vec<PathBuf>>, SettingsError> {
        let Some(raw) = self.raw_value(name) else {
            return Ok(default_setting(Vec::new()));
        };
        let texts = raw.value.into_list();
        Ok(SettingValue {
            value: texts
                .into_iter()
                .map(|text| resolve_relative(&raw.origin, text.into()))
                .collect(),
            origin: raw.origin,
        })
    }

    /// A path that may be left out; `""` leaves it out where a lower layer has one.
    fn optional_path(
        &self,
        name: &'static str,
        default: Option<PathBuf>,
    ) -> Result<SettingValue<Option<PathBuf>>, SettingsError> {
        let Some(raw) = self.raw_value(name) else {
            return Ok(default_setting(default));
        };
        let text = raw.value.as_text();
        let path = (!text.is_empty()).then(|| resolve_relative(&raw.origin, text.into()));
        Ok(SettingValue {
            value: path,
            origin: raw.origin,
        })
    }

    fn listen_address(&self) -> Result<SettingValue<SocketAddr>, SettingsError> {
        let text: SettingValue<String> = self.parse_value("listen", || LISTEN.to_owned())?;
        // Only addresses: a name could mean another address tomorrow.
        let value = text.value.replace("localhost:", "127.0.0.1:");
        let value = value.parse().map_err(|_| {
            let hint = "use an address and a port such as 127.0.0.1:7423";
            wrong_value_error("listen", &text.origin, &text.value, hint)
        })?;
        Ok(SettingValue {
            value,
            origin: text.origin,
        })
    }

    fn default_tenant(&self) -> Result<SettingValue<Option<TenantId>>, SettingsError> {
        let Some(raw) = self.raw_value("tenants.default") else {
            return Ok(default_setting(Some(TenantId::default_tenant())));
        };
        let text = raw.value.as_text();
        let value = match text.as_str() {
            "" => None,
            _ => Some(parse_tenant("tenants.default", &raw.origin, &text)?),
        };
        Ok(SettingValue {
            value,
            origin: raw.origin,
        })
    }

    fn known_tenants(&self) -> Result<SettingValue<Vec<TenantId>>, SettingsError> {
        let Some(raw) = self.raw_value("tenants.known") else {
            return Ok(default_setting(Vec::new()));
        };
        let origin = raw.origin;
        let texts = raw.value.into_list();
        let value: Result<Vec<TenantId>, SettingsError> = texts
            .iter()
            .map(|text| parse_tenant("tenants.known", &origin, text))
            .collect();
        Ok(SettingValue {
            value: value?,
            origin,
        })
    }

    fn thread_count(
        &self,
        name: &'static str,
        default: usize,
    ) -> Result<SettingValue<usize>, SettingsError> {
        let threads = self.parse_value(name, || default)?;
        if (1..=THREADS_MOST).contains(&threads.value) {
            return Ok(threads);
        }
        let hint = format!("use 1 to {THREADS_MOST}");
        Err(wrong_value_error(
            name,
            &threads.origin,
            &threads.value.to_string(),
            hint,
        ))
    }
}

fn parse_tenant(key: &str, origin: &SettingOrigin, text: &str) -> Result<TenantId, SettingsError> {
    TenantId::new(text).map_err(|cause| wrong_value_error(key, origin, text, cause))
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
            let channel = Channel::new(name)
                .map_err(|cause| wrong_value_error("channels", &buffer.origin, name, cause))?;
            Ok((channel, buffer))
        })
        .collect()
}

/// Paths of a file are relative to it, others to where the command runs.
fn resolve_relative(origin: &SettingOrigin, path: PathBuf) -> PathBuf {
    match origin {
        SettingOrigin::File { path: file, .. } => {
            match file.parent().filter(|it| *it != Path::new("")) {
                Some(folder) => folder.join(path),
                None => path,
            }
        }
        SettingOrigin::Default | SettingOrigin::Environment(_) | SettingOrigin::Flag(_) => path,
    }
}

fn default_setting<T>(value: T) -> SettingValue<T> {
    SettingValue {
        value,
        origin: SettingOrigin::Default,
    }
}

fn wrong_value_error(
    key: &str,
    origin: &SettingOrigin,
    text: &str,
    cause: impl fmt::Display,
) -> SettingsError {
    SettingsError::Value {
        origin: origin.clone(),
        key: key.to_owned(),
        text: text.chars().take(64).collect(),
        cause: cause.to_string(),
    }
}

#[cfg(test)]
mod tests;
