//! The settings of a server, each declared once.
//!
//! Owns the declarations: from one come the key of the file, the variable, the flag of
//! `larum serve` with its help, the default, the check of a value, what it sets in an engine, the
//! line of `larum config show` and the paragraph that `larum config init` writes. A new setting is
//! one more declaration and a row in docs/cli.md. Finding the layer that gives a value is the
//! parent module's job. Invariant: a key's table comes before its dot, and keys without a table are
//! declared first, because TOML cannot return to the root after a table.

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::PathBuf;

use larum_engine::EngineConfig;
use larum_event::{Channel, Span, TenantId, limits};

use super::log_output::{LogFilter, LogFormat};
use super::problem::{SettingOrigin, SettingsError};
use super::value::{SettingType, SettingValue, ThreadCount};

pub(super) use super::value::{RawSetting, SettingKind};

/// Where a server listens by default.
pub const LISTEN: &str = "127.0.0.1:7423";

/// Events between two checkpoints by default.
const CHECKPOINT_EVENTS: NonZeroU64 = NonZeroU64::new(50_000).expect("it is not zero");

/// One key of the configuration.
#[derive(Debug)]
pub struct SettingKey {
    /// Its name, with the table before the dot.
    pub name: &'static str,
    /// The flag of `larum serve` that overrides variable and file.
    pub(super) flag: Option<SettingFlag>,
    /// What its value looks like.
    pub(super) kind: SettingKind,
    /// What it means: a line for `--help`, and paragraphs that the written file has besides.
    text: &'static str,
}

/// A flag of `larum serve`.
#[derive(Debug, Clone, Copy)]
pub(super) struct SettingFlag {
    /// Its name, without the dashes.
    pub long: &'static str,
    /// What `--help` calls its value.
    pub value_name: &'static str,
}

impl SettingKey {
    /// The variable of the environment that overrides the file.
    pub(super) fn variable(&self) -> String {
        format!("LARUM_{}", self.name.to_uppercase().replace('.', "_"))
    }

    /// The line that `--help` shows.
    pub(super) fn help(&self) -> String {
        let (help, _) = self.text.split_once("\n\n").unwrap_or((self.text, ""));
        let mut help = join_lines(help);
        if self.kind == SettingKind::List {
            help.push_str("; may be given several times");
        }
        help
    }

    /// Everything about it, in sentences.
    pub(super) fn explanation(&self) -> String {
        let paragraphs = self.text.split("\n\n").map(join_lines);
        let sentences = paragraphs.map(|text| match text.ends_with('.') {
            true => text,
            false => format!("{text}."),
        });
        sentences.collect::<Vec<_>>().join(" ")
    }
}

fn join_lines(paragraph: &str) -> String {
    let lines = paragraph.lines().map(str::trim);
    lines.collect::<Vec<_>>().join(" ").trim().to_owned()
}

/// What defaults depend on.
#[derive(Debug)]
pub(super) struct DefaultContext {
    /// Cores of this machine.
    pub cores: usize,
    /// Whether there is a folder `rules` where the command runs.
    pub has_rules: bool,
}

/// A setting as `larum config show` shows it.
#[derive(Debug)]
pub struct SettingEntry<'a> {
    /// The key.
    pub name: String,
    /// Its value; written as JSON it is TOML too.
    pub value: serde_json::Value,
    /// Where the value comes from.
    pub origin: &'a SettingOrigin,
}

/// Looks values up by key.
pub(super) trait ReadSetting {
    /// The value of the uppermost layer that has one, else the default.
    fn read_setting<T: SettingType>(
        &self,
        key: &SettingKey,
        default: fn(&DefaultContext) -> T,
    ) -> Result<SettingValue<T>, SettingsError>;
}

macro_rules! define_settings {
    ($(
        $(#[doc = $text:literal])+
        $field:ident: $type:ty = $default:expr,
        key $name:literal $(, flag $long:literal $value_name:literal)? $(, engine $apply:expr)?;
    )+) => {
        /// Everything a server runs with.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct ServerSettings {
            /// The configuration file, where there is one.
            pub file: Option<PathBuf>,
            $($(#[doc = $text])+ pub $field: SettingValue<$type>,)+
            /// Events buffered per channel, sorted by name.
            pub channels: Vec<(Channel, SettingValue<usize>)>,
        }

        /// Every key but those of channels, which have names of their own.
        pub const KEYS: &[SettingKey] = &[$(SettingKey {
            name: $name,
            flag: define_settings!(@flag $($long $value_name)?),
            kind: <$type as SettingType>::KIND,
            text: concat!($($text, "\n"),+),
        }),+];

        impl ServerSettings {
            /// The values of all keys, without file and channels.
            pub(super) fn read(values: &impl ReadSetting) -> Result<Self, SettingsError> {
                let mut keys = KEYS.iter();
                let mut next_key = || keys.next().expect("there is a key for each field");
                Ok(Self {
                    file: None,
                    // Fields are read in the order of the keys, which are made from the same list.
                    $($field: values.read_setting(next_key(), $default)?,)+
                    channels: Vec::new(),
                })
            }

            /// Writes every setting that an engine has too into its configuration.
            pub fn apply_to_engine(&self, config: &mut EngineConfig) {
                $($(
                    let apply: fn(&mut EngineConfig, &$type) = $apply;
                    apply(config, &self.$field.value);
                )?)+
                let channels = self.channels.iter();
                config.channel_buffers = channels
                    .map(|(channel, buffer)| (channel.clone(), buffer.value))
                    .collect();
            }

            /// Each key with its value and origin, in the order of the declarations.
            pub fn entries(&self) -> Vec<SettingEntry<'_>> {
                let mut entries = vec![$(SettingEntry {
                    name: $name.to_owned(),
                    value: self.$field.value.to_json(),
                    origin: &self.$field.origin,
                }),+];
                entries.extend(self.channels.iter().map(|(channel, buffer)| SettingEntry {
                    name: format!("channels.{channel}.buffer"),
                    value: buffer.value.into(),
                    origin: &buffer.origin,
                }));
                entries
            }
        }
    };
    (@flag) => { None };
    (@flag $long:literal $value_name:literal) => {
        Some(SettingFlag { long: $long, value_name: $value_name })
    };
}

define_settings! {
    /// Folder of the store, made if missing
    ///
    /// One process at a time.
    store: PathBuf = |_| PathBuf::from("larum-data"),
    key "store", flag "store" "DIR",
    engine |config, folder| config.store = folder.clone();

    /// Folder of the rules
    ///
    /// Every **/*.rhai and **/*.yml in it is read. Left out: the folder `rules` where it exists;
    /// without rules, events are stored and no alert is raised.
    rules: Option<PathBuf> = |defaults| defaults.has_rules.then(|| PathBuf::from("rules")),
    key "rules", flag "rules" "DIR";

    /// Where to listen, such as 127.0.0.1:7423; port 0 takes any that is free
    ///
    /// Loopback only until there is authentication.
    listen: SocketAddr = |_| LISTEN.parse().expect("the default is an address"),
    key "listen", flag "listen" "ADDRESS";

    /// A decoder file that a POST may name
    decoders: Vec<PathBuf> = |_| Vec::new(),
    key "decoders", flag "decoder" "FILE";

    /// The severity policy, for events that do not give their severity
    ///
    /// Left out: the built-in one.
    severities: Option<PathBuf> = |_| None,
    key "severities", flag "severities" "FILE";

    /// Threads that match events against rules
    ///
    /// Left out: one per core.
    matchers: ThreadCount = |defaults| ThreadCount::nearest_to(defaults.cores),
    key "matchers", flag "matchers" "N",
    engine |config, threads| config.matchers = threads.get();

    /// Shards that the groups of each window are split into
    window_shards: ThreadCount = |_| ThreadCount::ONE,
    key "window_shards", flag "window-shards" "N",
    engine |config, shards| config.window_shards = shards.get();

    /// How far behind the newest event one may arrive and still count in windows
    ///
    /// Matches are kept in memory for as long. Events that come later still are stored and counted
    /// as late; windows leave them out.
    amend_horizon: Span = |_| limits::AMEND_HORIZON,
    key "amend_horizon", flag "amend-horizon" "DURATION",
    engine |config, horizon| config.amend_horizon = *horizon;

    /// How far behind the newest event alerts become final, for rules that do not say
    ///
    /// Events that come later than that still count: an alert is then amended or retracted.
    lateness: Span = |_| Span::ZERO,
    key "lateness", flag "lateness" "DURATION",
    engine |config, lateness| config.lateness = *lateness;

    /// How long after a start, or after the process was stopped, nothing is decided that waits for
    /// time
    ///
    /// Sources may still send what they kept meanwhile. Rules that fire with an event, as those
    /// that count, do not wait. 0s decides at once.
    resume_hold: Span = |_| limits::RESUME_HOLD,
    key "resume_hold", flag "resume-hold" "DURATION",
    engine |config, hold| config.resume_hold = *hold;

    /// Events between two checkpoints; the fewer, the less of the log a restart reads
    checkpoint_events: NonZeroU64 = |_| CHECKPOINT_EVENTS,
    key "checkpoint_events", flag "checkpoint-events" "N",
    engine |config, events| config.checkpoint_events = events.get();

    /// How long evaluation may stand still before the process exits, to be restarted; 0s never does
    ///
    /// Counted only while there is work, and not while the process is suspended. The exit code is
    /// 4. Nothing is lost: the next start goes on from the log.
    stall_exit: Span = |_| Span::from_seconds(limits::STALL_SECONDS as u32),
    key "stall_exit", flag "stall-exit" "DURATION",
    engine |config, after| config.stall_after = *after;

    /// The tenant of events that name none
    ///
    /// "" makes every event name one.
    default_tenant: Option<TenantId> = |_| Some(TenantId::default_tenant()),
    key "tenants.default",
    engine |config, tenant| config.tenants.default = tenant.clone();

    /// The tenants there are
    ///
    /// Empty lets events name any.
    known_tenants: Vec<TenantId> = |_| Vec::new(),
    key "tenants.known",
    engine |config, tenants| config.tenants.known = tenants.clone();

    /// What is logged: error, warn, info, debug, trace, or by crate
    ///
    /// Such as "info,larum_engine=debug". The log goes to standard error.
    log_level: LogFilter = |_| LogFilter::default(),
    key "log.level", flag "log-level" "LEVEL";

    /// How it is logged: text or json
    log_format: LogFormat = |_| LogFormat::Text,
    key "log.format", flag "log-format" "FORMAT";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_without_a_table_come_first_and_tables_are_not_interrupted() {
        let tables: Vec<&str> = KEYS
            .iter()
            .map(|key| key.name.split_once('.').map_or("", |(table, _)| table))
            .collect();
        let mut runs = tables.clone();
        runs.dedup();
        let mut distinct = runs.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(runs.len(), distinct.len(), "{tables:?}");
        assert_eq!(runs.first(), Some(&""));
    }
}
