//! A TOML document whose every value knows its place.
//!
//! Owns reading values by kind and noting each that is of another; what a key means is the job of
//! `load`. It is read by hand and not by serde: a key may be a string or a table, each mistake gets
//! a sentence, and all mistakes of a file are reported at once.
//! Invariant: a value that is not used was noted as a problem, so nothing in a file is ignored.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{DecoderProblems, find_nearest};

/// A value and the byte at which it begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct LocatedValue<T> {
    pub(super) value: T,
    pub(super) at: usize,
}

/// One table of the document.
#[derive(Debug, Clone)]
pub(super) struct DecoderSection<'t> {
    /// How messages call it: `[fields]`, or `the file` at the top.
    name: String,
    /// Where it begins.
    pub(super) at: usize,
    table: &'t DeTable<'t>,
}

impl<'t> DecoderSection<'t> {
    pub(super) fn from_root(table: &'t DeTable<'t>) -> Self {
        Self {
            name: "the file".into(),
            at: 0,
            table,
        }
    }

    pub(super) fn from_value(
        name: impl Into<String>,
        value: &'t Spanned<DeValue<'t>>,
        problems: &mut DecoderProblems<'_>,
    ) -> Option<Self> {
        let name = name.into();
        let at = value.span().start;
        match value.get_ref() {
            DeValue::Table(table) => Some(Self { name, at, table }),
            other => {
                problems.report(
                    at,
                    format!("{name} must be a table, not {}", value_kind(other)),
                );
                None
            }
        }
    }

    /// Keys and values, with the place of the key.
    pub(super) fn entries(
        &self,
    ) -> impl Iterator<Item = (LocatedValue<&'t str>, &'t Spanned<DeValue<'t>>)> + use<'t> {
        self.table.iter().map(|(key, value)| {
            let key = LocatedValue {
                value: key.get_ref().as_ref(),
                at: key.span().start,
            };
            (key, value)
        })
    }

    /// Notes every key that is not one of `known`.
    pub(super) fn refuse_unknown_keys(&self, known: &[&str], problems: &mut DecoderProblems<'_>) {
        for (key, _) in self.entries() {
            if known.contains(&key.value) {
                continue;
            }
            let message = format!("unknown key `{}` in {}", key.value, self.name);
            let help = match find_nearest(key.value, known.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("the keys are {}", known.join(", ")),
            };
            problems.report_with_help(key.at, message, help);
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.entries()
            .find(|(known, _)| known.value == key)
            .map(|(_, value)| value)
    }

    pub(super) fn get_section(
        &self,
        key: &str,
        problems: &mut DecoderProblems<'_>,
    ) -> Option<Self> {
        Self::from_value(format!("[{key}]"), self.get(key)?, problems)
    }

    pub(super) fn get_string(
        &self,
        key: &str,
        problems: &mut DecoderProblems<'_>,
    ) -> Option<LocatedValue<&'t str>> {
        read_string(key, self.get(key)?, problems)
    }

    /// A list of strings; empty when the key is not there.
    pub(super) fn get_strings(
        &self,
        key: &str,
        problems: &mut DecoderProblems<'_>,
    ) -> Vec<LocatedValue<&'t str>> {
        let Some(value) = self.get(key) else {
            return Vec::new();
        };
        let DeValue::Array(items) = value.get_ref() else {
            let found = value_kind(value.get_ref());
            problems.report(
                value.span().start,
                format!("`{key}` must be a list of strings, not {found}"),
            );
            return Vec::new();
        };
        items
            .iter()
            .filter_map(|item| read_string(key, item, problems))
            .collect()
    }
}

/// `value` as a string, or a note that it is something else.
pub(super) fn read_string<'t>(
    key: &str,
    value: &'t Spanned<DeValue<'t>>,
    problems: &mut DecoderProblems<'_>,
) -> Option<LocatedValue<&'t str>> {
    let at = value.span().start;
    match value.get_ref() {
        DeValue::String(text) => Some(LocatedValue {
            value: text.as_ref(),
            at,
        }),
        other => {
            problems.report(
                at,
                format!("`{key}` must be a string, not {}", value_kind(other)),
            );
            None
        }
    }
}

/// What a value is, for messages.
pub(super) fn value_kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
