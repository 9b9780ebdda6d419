//! What a setting's value can be: how it is read from text, checked, and written again.
//!
//! Owns one implementation of [`SettingType`] per type of value; which setting has which type is
//! `keys`' job. Invariant: what [`SettingType::to_json`] writes is read again as the same value.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use larum_event::{Span, TenantId};
use serde_json::{Value, json};

use super::log_output::{LogFilter, LogFormat};
use super::problem::SettingOrigin;

/// Most matcher threads and window shards; a greater number is a typing mistake.
const THREADS_MOST: usize = 256;

/// A value and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingValue<T> {
    /// The value.
    pub value: T,
    /// Where it comes from.
    pub origin: SettingOrigin,
}

/// What a key's value looks like in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SettingKind {
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

    /// What an error text calls it.
    pub(super) const fn type_name(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Number => "a whole number",
            Self::List => "an array of strings",
        }
    }
}

/// A value as it was written, before its check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RawSetting {
    /// A text or a number.
    Text(String),
    /// The texts of a list.
    List(Vec<String>),
}

impl RawSetting {
    fn as_text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::List(texts) => texts.join(","),
        }
    }

    fn into_list(self) -> Vec<String> {
        match self {
            Self::Text(text) => vec![text],
            Self::List(texts) => texts,
        }
    }
}

/// A text that a setting cannot have as its value, and why.
#[derive(Debug)]
pub(super) struct WrongValue {
    pub text: String,
    pub cause: String,
}

impl WrongValue {
    fn new(text: &str, cause: impl fmt::Display) -> Self {
        Self {
            text: text.to_owned(),
            cause: cause.to_string(),
        }
    }
}

/// A type that settings have.
pub(super) trait SettingType: Sized {
    /// What it looks like in the file.
    const KIND: SettingKind = SettingKind::Text;

    /// Reads and checks a value. Paths are resolved against the place that gives them.
    fn read(raw: RawSetting, origin: &SettingOrigin) -> Result<Self, WrongValue>;

    /// The value as it may be written in a file.
    fn to_json(&self) -> Value;
}

impl SettingType for PathBuf {
    fn read(raw: RawSetting, origin: &SettingOrigin) -> Result<Self, WrongValue> {
        Ok(resolve_relative(origin, raw.as_text().into()))
    }

    fn to_json(&self) -> Value {
        json!(self.to_string_lossy())
    }
}

/// A path that may be left out; `""` leaves it out where a lower layer has one.
impl SettingType for Option<PathBuf> {
    fn read(raw: RawSetting, origin: &SettingOrigin) -> Result<Self, WrongValue> {
        let text = raw.as_text();
        Ok((!text.is_empty()).then(|| resolve_relative(origin, text.into())))
    }

    fn to_json(&self) -> Value {
        self.as_ref().map_or(json!(""), SettingType::to_json)
    }
}

impl SettingType for Vec<PathBuf> {
    const KIND: SettingKind = SettingKind::List;

    fn read(raw: RawSetting, origin: &SettingOrigin) -> Result<Self, WrongValue> {
        let paths = raw.into_list().into_iter();
        Ok(paths
            .map(|path| resolve_relative(origin, path.into()))
            .collect())
    }

    fn to_json(&self) -> Value {
        self.iter().map(SettingType::to_json).collect()
    }
}

impl SettingType for SocketAddr {
    fn read(raw: RawSetting, _: &SettingOrigin) -> Result<Self, WrongValue> {
        let text = raw.as_text();
        // Only addresses: a name could mean another address tomorrow.
        let address = text.replace("localhost:", "127.0.0.1:");
        let hint = "use an address and a port such as 127.0.0.1:7423";
        address.parse().map_err(|_| WrongValue::new(&text, hint))
    }

    fn to_json(&self) -> Value {
        json!(self.to_string())
    }
}

/// A tenant, or `""` for none.
impl SettingType for Option<TenantId> {
    fn read(raw: RawSetting, _: &SettingOrigin) -> Result<Self, WrongValue> {
        match raw.as_text().as_str() {
            "" => Ok(None),
            text => read_tenant(text).map(Some),
        }
    }

    fn to_json(&self) -> Value {
        self.as_ref()
            .map_or(json!(""), |tenant| json!(tenant.as_str()))
    }
}

impl SettingType for Vec<TenantId> {
    const KIND: SettingKind = SettingKind::List;

    fn read(raw: RawSetting, _: &SettingOrigin) -> Result<Self, WrongValue> {
        let names = raw.into_list();
        names.iter().map(|name| read_tenant(name)).collect()
    }

    fn to_json(&self) -> Value {
        self.iter().map(|tenant| json!(tenant.as_str())).collect()
    }
}

fn read_tenant(text: &str) -> Result<TenantId, WrongValue> {
    TenantId::new(text).map_err(|cause| WrongValue::new(text, cause))
}

/// A number of threads or shards, 1 to 256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThreadCount(usize);

impl ThreadCount {
    pub(super) const ONE: Self = Self(1);

    /// The number nearest to `threads` that is allowed.
    pub(super) fn nearest_to(threads: usize) -> Self {
        Self(threads.clamp(1, THREADS_MOST))
    }

    /// The number.
    pub fn get(self) -> usize {
        self.0
    }
}

impl SettingType for ThreadCount {
    const KIND: SettingKind = SettingKind::Number;

    fn read(raw: RawSetting, _: &SettingOrigin) -> Result<Self, WrongValue> {
        let threads = parse_text(&raw)?;
        if (1..=THREADS_MOST).contains(&threads) {
            return Ok(Self(threads));
        }
        let hint = format!("use 1 to {THREADS_MOST}");
        Err(WrongValue::new(&threads.to_string(), hint))
    }

    fn to_json(&self) -> Value {
        json!(self.0)
    }
}

impl SettingType for NonZeroU64 {
    const KIND: SettingKind = SettingKind::Number;

    fn read(raw: RawSetting, _: &SettingOrigin) -> Result<Self, WrongValue> {
        parse_text(&raw)
    }

    fn to_json(&self) -> Value {
        json!(self)
    }
}

/// Types whose own text is the one of the file.
macro_rules! read_as_text {
    ($($type:ty),+) => {$(
        impl SettingType for $type {
            fn read(raw: RawSetting, _: &SettingOrigin) -> Result<Self, WrongValue> {
                parse_text(&raw)
            }

            fn to_json(&self) -> Value {
                json!(self.to_string())
            }
        }
    )+};
}

read_as_text!(Span, LogFilter, LogFormat);

fn parse_text<T: FromStr<Err: fmt::Display>>(raw: &RawSetting) -> Result<T, WrongValue> {
    let text = raw.as_text();
    text.parse()
        .map_err(|cause: T::Err| WrongValue::new(&text, cause))
}

/// Paths of a file are relative to it, others to where the command runs.
fn resolve_relative(origin: &SettingOrigin, path: PathBuf) -> PathBuf {
    let SettingOrigin::File { path: file, .. } = origin else {
        return path;
    };
    match file.parent().filter(|folder| *folder != Path::new("")) {
        Some(folder) => folder.join(path),
        None => path,
    }
}
