//! Plain text lines: regexes tried in order, their named groups the members of the record.
//!
//! Owns the patterns of a decoder and the record that a line becomes. What is made of the record's
//! members is left to `mapping` and `decoder`.
//! Invariant: the first pattern that matches decides, and only it: a line is never made of the
//! groups of two patterns.

use std::borrow::Cow;

use regex::Regex;
use toml::de::DeValue;

use super::mapping::FieldMapping;
use super::members::{MemberValue, RecordMembers, shorten_text, write_string};
use crate::json::check;
use crate::names::EventType;
use crate::nearest::did_you_mean;
use crate::rejection::{Rejection, RejectionReason};
use crate::severity::Severity;
use crate::toml_file::{TomlFile, TomlTable};

/// The kinds of line a decoder knows.
#[derive(Debug, Clone)]
pub(super) struct LinePatterns {
    pub(super) patterns: Vec<LinePattern>,
    invalid_utf8: Utf8Policy,
}

/// What becomes of a line that is not UTF-8.
#[derive(Debug, Clone, Copy)]
enum Utf8Policy {
    Reject,
    Replace,
}

/// One kind of line, and what is known of all its events.
#[derive(Debug, Clone)]
pub(super) struct LinePattern {
    regex: Regex,
    /// The names of its groups, by number, and whether the group catches an integer.
    groups: Vec<Option<(String, bool)>>,
    /// Where its text begins in the decoder file.
    pub(super) at: usize,
    /// The type of its events, instead of `fields.type`.
    pub(super) event_type: Option<String>,
    /// The severity of its events, instead of `fields.severity`.
    pub(super) severity: Option<Severity>,
    /// Members of `data` that are the same for all its events, the values as JSON.
    pub(super) data: Vec<(String, String)>,
}

impl LinePatterns {
    pub(super) fn load(section: &TomlTable<'_>, file: &mut TomlFile<'_>) -> Self {
        let known = ["head", "integer", "invalid_utf8", "pattern"];
        section.check_keys(&known, file);
        let invalid_utf8 = match section.get_string("invalid_utf8", file) {
            None => Utf8Policy::Reject,
            Some(word) if word.value == "reject" => Utf8Policy::Reject,
            Some(word) if word.value == "replace" => Utf8Policy::Replace,
            Some(word) => {
                file.report(word.at, "`invalid_utf8` must be \"reject\" or \"replace\"");
                Utf8Policy::Reject
            }
        };
        // Checked by itself: else each pattern that it begins would tell its mistake.
        let head = section.get_string("head", file);
        if let Some(head) = &head
            && let Err(error) = Regex::new(head.value)
        {
            file.report(
                head.at,
                format!("`head` does not compile: {}", regex_message(&error)),
            );
            return Self {
                patterns: Vec::new(),
                invalid_utf8,
            };
        }
        let integers = section.get_strings("integer", file);
        let head = head.map_or("", |head| head.value);
        let mut patterns = Vec::new();
        if section.get("pattern").is_none() {
            let help = "add a [[text.pattern]] with a regex";
            file.report_with_help(section.at, "[text] has no patterns", help);
        }
        for pattern in section.get_tables("pattern", "[[text.pattern]]", file) {
            patterns.extend(LinePattern::load(head, &pattern, file));
        }
        // A pattern that did not load may have had the group, so that is told only without others.
        for integer in integers {
            let mut found = false;
            for pattern in &mut patterns {
                found |= pattern.mark_integer(integer.value);
            }
            if !found && file.is_faultless() {
                let message = format!("no pattern has a group `{}`", integer.value);
                file.report(integer.at, message);
            }
        }
        Self {
            patterns,
            invalid_utf8,
        }
    }

    /// The line as text.
    pub(super) fn decode_line<'r>(&self, line: &'r [u8]) -> Result<Cow<'r, str>, Rejection> {
        match self.invalid_utf8 {
            Utf8Policy::Replace => Ok(String::from_utf8_lossy(line)),
            Utf8Policy::Reject => check::check_utf8(line).map(Cow::Borrowed),
        }
    }

    /// The first pattern that matches, and what it caught.
    pub(super) fn match_line<'r>(
        &'r self,
        line: &'r str,
    ) -> Result<(&'r LinePattern, RecordMembers<'r>), Rejection> {
        for pattern in &self.patterns {
            if let Some(members) = pattern.capture_members(line) {
                return Ok((pattern, members?));
            }
        }
        Err(Rejection::new(
            RejectionReason::NotDecoded,
            format!("no pattern matches {:?}", shorten_text(line)),
        ))
    }

    /// Notes that `path`, read for `wanted`, is a group of no pattern.
    pub(super) fn check_path(&self, path: &str, at: usize, wanted: &str, file: &mut TomlFile<'_>) {
        if self.patterns.iter().any(|pattern| pattern.has_group(path)) {
            return;
        }
        let message = format!("`{wanted}` reads the group `{path}`, which no pattern has");
        let names: Vec<&str> = self
            .patterns
            .iter()
            .flat_map(|pattern| pattern.groups.iter().flatten())
            .map(|(name, _)| name.as_str())
            .collect();
        let help =
            did_you_mean(path, names).unwrap_or_else(|| format!("write (?P<{path}>..) in a regex"));
        file.report_with_help(at, message, help);
    }
}

impl LinePattern {
    fn load(head: &str, section: &TomlTable<'_>, file: &mut TomlFile<'_>) -> Option<Self> {
        section.check_keys(&["regex", "type", "severity", "data"], file);
        let event_type = section.get_string("type", file);
        if let Some(event_type) = &event_type
            && let Err(error) = EventType::new(event_type.value)
        {
            file.report(
                event_type.at,
                format!("`type` is not an event type: {error}"),
            );
        }
        let severity = section.get_string("severity", file).and_then(|word| {
            let severity = word.value.parse();
            severity
                .map_err(|error: crate::InvalidSeverity| file.report(word.at, error.to_string()))
                .ok()
        });
        let data = load_data(section, file);
        let Some(regex) = section.get_string("regex", file) else {
            if section.get("regex").is_none() {
                file.report(section.at, "a pattern needs a `regex`");
            }
            return None;
        };
        if let Err(error) = Regex::new(regex.value) {
            file.report(
                regex.at,
                format!("the regex does not compile: {}", regex_message(&error)),
            );
            return None;
        }
        // In groups, so that a `|` in one of them does not cut the other in two.
        let whole = match head {
            "" => regex.value.to_owned(),
            head => format!("(?:{head})(?:{})", regex.value),
        };
        let compiled = Regex::new(&whole)
            .map_err(|error| {
                let message = format!(
                    "`head` and this regex do not compile: {}",
                    regex_message(&error)
                );
                file.report(regex.at, message);
            })
            .ok()?;
        let groups = compiled
            .capture_names()
            .map(|name| name.map(|name| (name.to_owned(), false)))
            .collect();
        Some(Self {
            regex: compiled,
            groups,
            at: regex.at,
            event_type: event_type.map(|event_type| event_type.value.to_owned()),
            severity,
            data,
        })
    }

    pub(super) fn has_group(&self, wanted: &str) -> bool {
        self.groups.iter().flatten().any(|(name, _)| name == wanted)
    }

    /// Notes that `mapping`, which every event needs, reads a group that this pattern lacks.
    pub(super) fn check_mapping(
        &self,
        mapping: &FieldMapping,
        wanted: &str,
        file: &mut TomlFile<'_>,
    ) {
        if !mapping.has_default() {
            self.check_groups(mapping.paths(), wanted, file);
        }
    }

    /// Notes that the pattern has none of the groups that `wanted` may be read from.
    pub(super) fn check_groups<'p>(
        &self,
        groups: impl Iterator<Item = &'p str>,
        wanted: &str,
        file: &mut TomlFile<'_>,
    ) {
        let groups: Vec<&str> = groups.collect();
        if !groups.is_empty() && !groups.iter().any(|group| self.has_group(group)) {
            let names = groups.join("` or `");
            let message =
                format!("this pattern has no group `{names}`, from which `{wanted}` is read");
            file.report(self.at, message);
        }
    }

    fn mark_integer(&mut self, wanted: &str) -> bool {
        let mut found = false;
        for (name, integer) in self.groups.iter_mut().flatten() {
            if name == wanted {
                *integer = true;
                found = true;
            }
        }
        found
    }

    /// What the groups caught, or `None` when the line is not of this kind.
    fn capture_members<'r>(
        &'r self,
        line: &'r str,
    ) -> Option<Result<RecordMembers<'r>, Rejection>> {
        let captures = self.regex.captures(line)?;
        let mut list = Vec::with_capacity(self.groups.len());
        for (group, caught) in self.groups.iter().zip(captures.iter()) {
            let (Some((name, integer)), Some(caught)) = (group, caught) else {
                continue;
            };
            let text = caught.as_str();
            let piece = if !integer {
                MemberValue::Text(text)
            } else if let Ok(number) = text.parse() {
                MemberValue::Integer(number)
            } else {
                let detail = format!("{:?} is not an integer of 64 bits", shorten_text(text));
                return Some(Err(Rejection::for_member(
                    RejectionReason::WrongType,
                    name.as_str(),
                    detail,
                )));
            };
            list.push((Cow::Borrowed(name.as_str()), piece));
        }
        Some(Ok(RecordMembers { list }))
    }
}

fn load_data(section: &TomlTable<'_>, file: &mut TomlFile<'_>) -> Vec<(String, String)> {
    let mut data = Vec::new();
    let Some(table) = section.get_table("data", file) else {
        return data;
    };
    for (key, value) in table.entries() {
        let json = match value.get_ref() {
            DeValue::String(text) => {
                let mut json = Vec::new();
                write_string(&mut json, text);
                String::from_utf8(json).ok()
            }
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .ok()
                .map(|number| number.to_string()),
            DeValue::Boolean(truth) => Some(truth.to_string()),
            // TOML writes these in ways that JSON does not have.
            DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
                None
            }
        };
        match json {
            Some(json) => data.push((key.value.to_owned(), json)),
            None => {
                let name = format!("`{}`", key.value);
                file.report_wrong_type(&name, value, "a string, an integer or a boolean");
            }
        }
    }
    data
}

/// A regex error in one line: its last line says what is wrong.
fn regex_message(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
}
