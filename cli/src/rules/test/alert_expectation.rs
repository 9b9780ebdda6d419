//! Alerts that a case must raise, as `cases/<name>.alerts.ndjson` lists them.
//!
//! Owns reading and comparing such lines; which alerts a case raises is found elsewhere, by
//! playing it. A line has the members that `larum detect` writes, so that its output can be used
//! as it is. Only `rule`, `key`, `count`, `value`, `time` and `trigger.seq` are compared, and only
//! those that the line has.
//! Invariant: a member that is not compared is a mistake in a line written by hand, for it could
//! never make a case fail; a line written by `detect` may have any member.

use std::fmt;
use std::path::Path;

use larum_event::{Alert, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::detect::key_text;
use crate::error::CliError;
use crate::rules::did_you_mean;

/// The members that are compared.
const COMPARED: [&str; 6] = ["rule", "key", "count", "value", "time", "trigger"];
/// The same of `trigger`.
const COMPARED_OF_TRIGGER: [&str; 1] = ["seq"];
/// The member that every line of `detect` has, and nobody writes by hand.
const WRITTEN_BY_DETECT: &str = "alert_id";

/// One alert that must come.
#[derive(Debug, Clone, Deserialize)]
pub struct AlertExpectation {
    rule: String,
    key: Option<Map<String, Value>>,
    count: Option<u64>,
    value: Option<Value>,
    time: Option<Timestamp>,
    trigger: Option<ExpectedTrigger>,
}

#[derive(Debug, Clone, Deserialize)]
struct ExpectedTrigger {
    seq: Option<u64>,
}

impl AlertExpectation {
    /// Reads a file of them.
    pub fn read_file(path: &Path, bytes: &[u8]) -> Result<Vec<Self>, CliError> {
        let text = String::from_utf8_lossy(bytes);
        let numbered = text.lines().zip(1..);
        numbered
            .filter(|(line, _)| !line.trim().is_empty())
            .map(|(line, number)| {
                let refused = |reason: String| {
                    let path = path.display();
                    CliError::Usage(format!("{path}:{number}:{reason}"))
                };
                let no_alert = |error: serde_json::Error| {
                    refused(format!("{}: no expected alert: {error}", error.column()))
                };
                let value: Value = serde_json::from_str(line).map_err(no_alert)?;
                if let Some(member) = find_uncompared(&value) {
                    return Err(refused(format!(" {member}")));
                }
                serde_json::from_value(value)
                    .map_err(|error| refused(format!(" no expected alert: {error}")))
            })
            .collect()
    }

    /// Whether the time of the alert is compared.
    pub fn has_time(&self) -> bool {
        self.time.is_some()
    }

    /// Whether `alert`, whose time is `time`, is the one.
    pub fn is_match(&self, alert: &Alert, time: Timestamp) -> bool {
        let sequence = self.trigger.as_ref().and_then(|trigger| trigger.seq);
        self.rule == alert.rule.as_str()
            && self.key.as_ref().is_none_or(|key| *key == alert.key)
            && self.count.is_none_or(|count| count == alert.count)
            && (self.value.is_none() || self.value == alert.value)
            && self.time.is_none_or(|expected| expected == time)
            && sequence.is_none_or(|sequence| alert.trigger.sequence == Some(sequence))
    }
}

/// What an error says about a member that no comparison looks at, if a line that was written by
/// hand has one.
fn find_uncompared(line: &Value) -> Option<String> {
    let line = line.as_object()?;
    if line.contains_key(WRITTEN_BY_DETECT) {
        return None;
    }
    let trigger = line.get("trigger").and_then(Value::as_object);
    let within = trigger.and_then(|trigger| find_stray(trigger, "trigger.", &COMPARED_OF_TRIGGER));
    find_stray(line, "", &COMPARED).or(within)
}

fn find_stray(members: &Map<String, Value>, before: &str, compared: &[&str]) -> Option<String> {
    let stray = members
        .keys()
        .find(|name| !compared.contains(&name.as_str()))?;
    let near = did_you_mean(stray, compared.iter().copied());
    let quoted = compared.iter().map(|name| format!("`{before}{name}`"));
    let names: Vec<String> = quoted.collect();
    Some(format!(
        "`{before}{stray}` of an expected alert is not compared, only {}{near}",
        names.join(", ")
    ))
}

impl fmt::Display for AlertExpectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rule)?;
        if let Some(key) = &self.key {
            write!(f, " {}", key_text(key))?;
        }
        if let Some(count) = self.count {
            write!(f, ", count {count}")?;
        }
        if let Some(value) = &self.value {
            write!(f, ", value {value}")?;
        }
        if let Some(time) = &self.time {
            write!(f, ", {time}")?;
        }
        match self.trigger.as_ref().and_then(|trigger| trigger.seq) {
            Some(sequence) => write!(f, ", at seq {sequence}"),
            None => Ok(()),
        }
    }
}

/// An alert in the words of [`AlertExpectation`].
pub fn alert_text(alert: &Alert) -> String {
    format_alert(alert, None)
}

/// The same with the time of the alert.
pub fn timed_alert_text(alert: &Alert, time: Timestamp) -> String {
    format_alert(alert, Some(time))
}

fn format_alert(alert: &Alert, time: Option<Timestamp>) -> String {
    let expected = AlertExpectation {
        rule: alert.rule.to_string(),
        key: Some(alert.key.clone()).filter(|key| !key.is_empty()),
        count: Some(alert.count),
        value: alert.value.clone(),
        time,
        trigger: alert.trigger.sequence.map(|sequence| ExpectedTrigger {
            seq: Some(sequence),
        }),
    };
    expected.to_string()
}
