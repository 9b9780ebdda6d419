//! The keys there are: their names, and how the environment and the command line call them.

/// What a key's value looks like in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingKind {
    /// A string.
    Text,
    /// A whole number.
    Number,
    /// An array of strings; separated by commas in the environment.
    List,
}

impl SettingKind {
    /// A value as the environment gives it.
    pub(super) fn parse_environment(self, text: String) -> RawSetting {
        match self {
            Self::Text | Self::Number => RawSetting::Text(text),
            Self::List => RawSetting::List(
                text.split(',')
                    .map(str::trim)
                    .filter(|part| !part.is_empty())
                    .map(str::to_owned)
                    .collect(),
            ),
        }
    }

    /// What a person calls it.
    pub(super) const fn type_name(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Number => "a whole number",
            Self::List => "an array of strings",
        }
    }
}

/// A value before anybody looked at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RawSetting {
    /// One.
    Text(String),
    /// Several.
    List(Vec<String>),
}

impl RawSetting {
    pub(super) fn as_text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::List(texts) => texts.join(","),
        }
    }

    pub(super) fn into_list(self) -> Vec<String> {
        match self {
            Self::Text(text) => vec![text],
            Self::List(texts) => texts,
        }
    }
}

/// One key of the configuration.
#[derive(Debug)]
pub struct SettingKey {
    /// Its name, with the table it stands in.
    pub name: &'static str,
    /// The variable that overrides the file.
    pub env: &'static str,
    /// The flag of `larum serve` that overrides both.
    pub flag: Option<&'static str>,
    /// What its value looks like.
    pub kind: SettingKind,
}

const fn define_key(
    name: &'static str,
    env: &'static str,
    flag: Option<&'static str>,
    kind: SettingKind,
) -> SettingKey {
    SettingKey {
        name,
        env,
        flag,
        kind,
    }
}

/// Every key but those of channels, which have names of their own.
pub const KEYS: [SettingKey; 14] = [
    define_key("store", "LARUM_STORE", Some("--store"), SettingKind::Text),
    define_key("rules", "LARUM_RULES", Some("--rules"), SettingKind::Text),
    define_key(
        "listen",
        "LARUM_LISTEN",
        Some("--listen"),
        SettingKind::Text,
    ),
    define_key(
        "decoders",
        "LARUM_DECODERS",
        Some("--decoder"),
        SettingKind::List,
    ),
    define_key(
        "severities",
        "LARUM_SEVERITIES",
        Some("--severities"),
        SettingKind::Text,
    ),
    define_key(
        "matchers",
        "LARUM_MATCHERS",
        Some("--matchers"),
        SettingKind::Number,
    ),
    define_key(
        "window_shards",
        "LARUM_WINDOW_SHARDS",
        Some("--window-shards"),
        SettingKind::Number,
    ),
    define_key(
        "max_lag",
        "LARUM_MAX_LAG",
        Some("--max-lag"),
        SettingKind::Text,
    ),
    define_key(
        "lateness",
        "LARUM_LATENESS",
        Some("--lateness"),
        SettingKind::Text,
    ),
    define_key(
        "checkpoint_events",
        "LARUM_CHECKPOINT_EVENTS",
        Some("--checkpoint-events"),
        SettingKind::Number,
    ),
    define_key(
        "tenants.default",
        "LARUM_TENANTS_DEFAULT",
        None,
        SettingKind::Text,
    ),
    define_key(
        "tenants.known",
        "LARUM_TENANTS_KNOWN",
        None,
        SettingKind::List,
    ),
    define_key(
        "log.level",
        "LARUM_LOG_LEVEL",
        Some("--log-level"),
        SettingKind::Text,
    ),
    define_key(
        "log.format",
        "LARUM_LOG_FORMAT",
        Some("--log-format"),
        SettingKind::Text,
    ),
];

/// The key called `name`, which stands in [`KEYS`].
pub(super) fn find_key(name: &'static str) -> &'static SettingKey {
    KEYS.iter()
        .find(|key| key.name == name)
        .expect("settings are asked for by the names of the table")
}
