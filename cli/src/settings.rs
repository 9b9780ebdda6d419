//! What a server runs with, and where each value comes from.
//!
//! Flags override the environment (`LARUM_..`), which overrides the configuration file, which
//! overrides the defaults. Every value keeps its [`Origin`], so that a wrong one is reported where it
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
pub use problem::{Origin, SettingsError};

use file::FileValues;
use keys::Raw;

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
pub struct Valued<T> {
    /// The value.
    pub value: T,
    /// Where it comes from.
    pub origin: Origin,
}

/// Everything a server runs with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The configuration file, where there is one.
    pub file: Option<PathBuf>,
    /// Folder of the store.
    pub store: Valued<PathBuf>,
    /// Folder of the rules; without one events are stored and nothing is raised.
    pub rules: Valued<Option<PathBuf>>,
    /// Where the HTTP door listens.
    pub listen: Valued<SocketAddr>,
    /// Decoder files that a POST may name.
    pub decoders: Valued<Vec<PathBuf>>,
    /// The file of the severity policy; `None` is the one that is built in.
    pub severities: Valued<Option<PathBuf>>,
    /// The tenant of events that name none; `None` makes them name one.
    pub default_tenant: Valued<Option<TenantId>>,
    /// The tenants there are; empty lets any name pass.
    pub known_tenants: Valued<Vec<TenantId>>,
    /// Matcher threads.
    pub matchers: Valued<usize>,
    /// Shards of each correlation window.
    pub window_shards: Valued<usize>,
    /// A source further than this behind its tenant runs on a clock of its own.
    pub max_lag: Valued<Span>,
    /// How far behind its clock an event may come and still count, for rules that do not say.
    pub lateness: Valued<Span>,
    /// Events after which the state of evaluation is kept.
    pub checkpoint_events: Valued<NonZeroU64>,
    /// What is logged, in the words of `tracing`: `info`, `info,larum_engine=debug`.
    pub log_level: Valued<String>,
    /// How it is logged.
    pub log_format: Valued<LogFormat>,
    /// Events buffered per channel, sorted by name.
    pub channels: Vec<(Channel, Valued<usize>)>,
}

/// Values given as flags, by the name of their key.
#[derive(Debug, Default)]
pub struct Flags(BTreeMap<&'static str, Raw>);

impl Flags {
    /// Adds the text of a flag that was given.
    pub fn text(mut self, key: &'static str, text: Option<impl ToString>) -> Self {
        if let Some(text) = text {
            self.0.insert(key, Raw::Text(text.to_string()));
        }
        self
    }

    /// Adds the texts of a flag that may be given several times.
    pub fn list(mut self, key: &'static str, texts: Vec<String>) -> Self {
        if !texts.is_empty() {
            self.0.insert(key, Raw::List(texts));
        }
        self
    }
}

/// What the settings are made of.
pub struct Layers<'a> {
    /// What the command line says.
    pub flags: Flags,
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

impl Layers<'_> {
    /// Puts the layers together.
    ///
    /// # Errors
    /// A file that cannot be read or holds unknown keys, or a value that its key cannot have.
    pub fn resolve(&self) -> Result<Settings, SettingsError> {
        let file = match self.file_path() {
            Some(path) => Some(FileValues::read(&path)?),
            None => None,
        };
        let found = Found {
            layers: self,
            file: file.as_ref(),
        };
        let default_rules = Some(PathBuf::from("rules")).filter(|it| self.folder.join(it).is_dir());
        let settings = Settings {
            store: found.path("store", || PathBuf::from("larum-data"))?,
            rules: found.optional_path("rules", default_rules)?,
            listen: found.listen()?,
            decoders: found.paths("decoders")?,
            severities: found.optional_path("severities", None)?,
            default_tenant: found.default_tenant()?,
            known_tenants: found.known_tenants()?,
            matchers: found.threads("matchers", self.cores)?,
            window_shards: found.threads("window_shards", 1)?,
            max_lag: found.parsed("max_lag", || Span::from_seconds(60))?,
            lateness: found.parsed("lateness", || Span::ZERO)?,
            checkpoint_events: found.parsed("checkpoint_events", || CHECKPOINT_EVENTS)?,
            log_level: found.parsed("log.level", || LOG_LEVEL.to_owned())?,
            log_format: found.parsed("log.format", || LogFormat::Text)?,
            channels: channels(file.as_ref())?,
            file: None,
        };
        Ok(Settings {
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
struct Found<'a> {
    layers: &'a Layers<'a>,
    file: Option<&'a FileValues>,
}

impl Found<'_> {
    /// The raw value of the uppermost layer that has one.
    fn raw(&self, name: &'static str) -> Option<Valued<Raw>> {
        let key = keys::named(name);
        if let Some(raw) = self.layers.flags.0.get(name) {
            return Some(Valued {
                value: raw.clone(),
                origin: Origin::Flag(key.flag.unwrap_or(name)),
            });
        }
        if let Some(text) = (self.layers.environment)(key.env) {
            return Some(Valued {
                value: key.kind.of_environment(text),
                origin: Origin::Environment(key.env),
            });
        }
        self.file.and_then(|file| file.values.get(name).cloned())
    }

    fn parsed<T>(
        &self,
        name: &'static str,
        default: impl FnOnce() -> T,
    ) -> Result<Valued<T>, SettingsError>
    where
        T: FromStr<Err: fmt::Display>,
    {
        let Some(raw) = self.raw(name) else {
            return Ok(by_default(default()));
        };
        let text = raw.value.as_text();
        let value = text
            .parse()
            .map_err(|cause: T::Err| wrong_value(name, &raw.origin, &text, cause))?;
        Ok(Valued {
            value,
            origin: raw.origin,
        })
    }

    fn path(
        &self,
        name: &'static str,
        default: impl FnOnce() -> PathBuf,
    ) -> Result<Valued<PathBuf>, SettingsError> {
        let path: Valued<PathBuf> = self.parsed(name, default)?;
        Ok(Valued {
            value: relative_to(&path.origin, path.value),
            origin: path.origin,
        })
    }

    fn paths(&self, name: &'static str) -> Result<Valued<Vec<PathBuf>>, SettingsError> {
        let Some(raw) = self.raw(name) else {
            return Ok(by_default(Vec::new()));
        };
        let texts = raw.value.into_list();
        Ok(Valued {
            value: texts
                .into_iter()
                .map(|text| relative_to(&raw.origin, text.into()))
                .collect(),
            origin: raw.origin,
        })
    }

    /// A path that may be left out; `""` leaves it out where a lower layer has one.
    fn optional_path(
        &self,
        name: &'static str,
        default: Option<PathBuf>,
    ) -> Result<Valued<Option<PathBuf>>, SettingsError> {
        let Some(raw) = self.raw(name) else {
            return Ok(by_default(default));
        };
        let text = raw.value.as_text();
        let path = (!text.is_empty()).then(|| relative_to(&raw.origin, text.into()));
        Ok(Valued {
            value: path,
            origin: raw.origin,
        })
    }

    fn listen(&self) -> Result<Valued<SocketAddr>, SettingsError> {
        let text: Valued<String> = self.parsed("listen", || LISTEN.to_owned())?;
        // Only addresses: a name could mean another address tomorrow.
        let value = text.value.replace("localhost:", "127.0.0.1:");
        let value = value.parse().map_err(|_| {
            let hint = "use an address and a port such as 127.0.0.1:7423";
            wrong_value("listen", &text.origin, &text.value, hint)
        })?;
        Ok(Valued {
            value,
            origin: text.origin,
        })
    }

    fn default_tenant(&self) -> Result<Valued<Option<TenantId>>, SettingsError> {
        let Some(raw) = self.raw("tenants.default") else {
            return Ok(by_default(Some(TenantId::default_tenant())));
        };
        let text = raw.value.as_text();
        let value = match text.as_str() {
            "" => None,
            _ => Some(tenant("tenants.default", &raw.origin, &text)?),
        };
        Ok(Valued {
            value,
            origin: raw.origin,
        })
    }

    fn known_tenants(&self) -> Result<Valued<Vec<TenantId>>, SettingsError> {
        let Some(raw) = self.raw("tenants.known") else {
            return Ok(by_default(Vec::new()));
        };
        let origin = raw.origin;
        let texts = raw.value.into_list();
        let value: Result<Vec<TenantId>, SettingsError> = texts
            .iter()
            .map(|text| tenant("tenants.known", &origin, text))
            .collect();
        Ok(Valued {
            value: value?,
            origin,
        })
    }

    fn threads(&self, name: &'static str, default: usize) -> Result<Valued<usize>, SettingsError> {
        let threads = self.parsed(name, || default)?;
        if (1..=THREADS_MOST).contains(&threads.value) {
            return Ok(threads);
        }
        let hint = format!("use 1 to {THREADS_MOST}");
        Err(wrong_value(
            name,
            &threads.origin,
            &threads.value.to_string(),
            hint,
        ))
    }
}

fn tenant(key: &str, origin: &Origin, text: &str) -> Result<TenantId, SettingsError> {
    TenantId::new(text).map_err(|cause| wrong_value(key, origin, text, cause))
}

/// The buffers every engine has, and those of the file.
fn channels(file: Option<&FileValues>) -> Result<Vec<(Channel, Valued<usize>)>, SettingsError> {
    let mut buffers: BTreeMap<&str, Valued<usize>> = BTreeMap::new();
    for (name, buffer) in CHANNEL_BUFFERS {
        buffers.insert(name, by_default(buffer));
    }
    for (name, buffer) in file.map_or(&[][..], |file| &file.channel_buffers) {
        buffers.insert(name, buffer.clone());
    }
    buffers
        .into_iter()
        .map(|(name, buffer)| {
            let channel = Channel::new(name)
                .map_err(|cause| wrong_value("channels", &buffer.origin, name, cause))?;
            Ok((channel, buffer))
        })
        .collect()
}

/// Paths of a file are relative to it, others to where the command runs.
fn relative_to(origin: &Origin, path: PathBuf) -> PathBuf {
    match origin {
        Origin::File { path: file, .. } => match file.parent().filter(|it| *it != Path::new("")) {
            Some(folder) => folder.join(path),
            None => path,
        },
        Origin::Default | Origin::Environment(_) | Origin::Flag(_) => path,
    }
}

fn by_default<T>(value: T) -> Valued<T> {
    Valued {
        value,
        origin: Origin::Default,
    }
}

fn wrong_value(key: &str, origin: &Origin, text: &str, cause: impl fmt::Display) -> SettingsError {
    SettingsError::Value {
        origin: origin.clone(),
        key: key.to_owned(),
        text: text.chars().take(64).collect(),
        cause: cause.to_string(),
    }
}

#[cfg(test)]
mod tests;
