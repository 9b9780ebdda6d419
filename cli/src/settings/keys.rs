//! The keys there are: their names, and how the environment and the command line call them.

/// What a key's value looks like in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    Text,
    /// A whole number.
    Number,
    /// An array of strings; separated by commas in the environment.
    List,
}

impl Kind {
    /// A value as the environment gives it.
    pub(super) fn of_environment(self, text: String) -> Raw {
        match self {
            Self::Text | Self::Number => Raw::Text(text),
            Self::List => Raw::List(
                text.split(',')
                    .map(str::trim)
                    .filter(|part| !part.is_empty())
                    .map(str::to_owned)
                    .collect(),
            ),
        }
    }

    /// What a person calls it.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Number => "a whole number",
            Self::List => "an array of strings",
        }
    }
}

/// A value before anybody looked at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Raw {
    /// One.
    Text(String),
    /// Several.
    List(Vec<String>),
}

impl Raw {
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
pub struct Key {
    /// Its name, with the table it stands in.
    pub name: &'static str,
    /// The variable that overrides the file.
    pub env: &'static str,
    /// The flag of `larum serve` that overrides both.
    pub flag: Option<&'static str>,
    /// What its value looks like.
    pub kind: Kind,
}

const fn key(name: &'static str, env: &'static str, flag: Option<&'static str>, kind: Kind) -> Key {
    Key {
        name,
        env,
        flag,
        kind,
    }
}

/// Every key but those of channels, which have names of their own.
pub const KEYS: [Key; 14] = [
    key("store", "LARUM_STORE", Some("--store"), Kind::Text),
    key("rules", "LARUM_RULES", Some("--rules"), Kind::Text),
    key("listen", "LARUM_LISTEN", Some("--listen"), Kind::Text),
    key("decoders", "LARUM_DECODERS", Some("--decoder"), Kind::List),
    key(
        "severities",
        "LARUM_SEVERITIES",
        Some("--severities"),
        Kind::Text,
    ),
    key(
        "matchers",
        "LARUM_MATCHERS",
        Some("--matchers"),
        Kind::Number,
    ),
    key(
        "window_shards",
        "LARUM_WINDOW_SHARDS",
        Some("--window-shards"),
        Kind::Number,
    ),
    key("max_lag", "LARUM_MAX_LAG", Some("--max-lag"), Kind::Text),
    key("lateness", "LARUM_LATENESS", Some("--lateness"), Kind::Text),
    key(
        "checkpoint_events",
        "LARUM_CHECKPOINT_EVENTS",
        Some("--checkpoint-events"),
        Kind::Number,
    ),
    key("tenants.default", "LARUM_TENANTS_DEFAULT", None, Kind::Text),
    key("tenants.known", "LARUM_TENANTS_KNOWN", None, Kind::List),
    key(
        "log.level",
        "LARUM_LOG_LEVEL",
        Some("--log-level"),
        Kind::Text,
    ),
    key(
        "log.format",
        "LARUM_LOG_FORMAT",
        Some("--log-format"),
        Kind::Text,
    ),
];

/// The key called `name`, which stands in [`KEYS`].
pub(super) fn named(name: &'static str) -> &'static Key {
    KEYS.iter()
        .find(|key| key.name == name)
        .expect("settings are asked for by the names of the table")
}
