//! Alerts that a case must raise, as `cases/<name>.alerts.ndjson` lists them.
//!
//! A line has the members that `larum detect` writes, so that its output can be kept as it is. Only
//! `rule`, `key`, `count` and `trigger.seq` are compared, and of those only what the line says.

use std::fmt;
use std::path::Path;

use larum_event::Alert;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::detect::key_text;
use crate::error::CliError;

/// One alert that must come.
#[derive(Debug, Clone, Deserialize)]
pub struct Expected {
    rule: String,
    key: Option<Map<String, Value>>,
    count: Option<u64>,
    trigger: Option<ExpectedTrigger>,
}

#[derive(Debug, Clone, Deserialize)]
struct ExpectedTrigger {
    seq: Option<u64>,
}

impl Expected {
    /// Reads a file of them.
    pub fn read(path: &Path, bytes: &[u8]) -> Result<Vec<Self>, CliError> {
        let text = String::from_utf8_lossy(bytes);
        let lines = text.lines().zip(1..);
        let lines = lines.filter(|(line, _)| !line.trim().is_empty());
        lines
            .map(|(line, number)| {
                serde_json::from_str(line).map_err(|error| {
                    let column = error.column();
                    CliError::Usage(format!(
                        "{}:{number}:{column}: no expected alert: {error}",
                        path.display()
                    ))
                })
            })
            .collect()
    }

    /// Whether `alert` is the one.
    pub fn is(&self, alert: &Alert) -> bool {
        let sequence = self.trigger.as_ref().and_then(|trigger| trigger.seq);
        self.rule == alert.rule.as_str()
            && self.key.as_ref().is_none_or(|key| *key == alert.key)
            && self.count.is_none_or(|count| count == alert.count)
            && sequence.is_none_or(|sequence| alert.trigger.sequence == Some(sequence))
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rule)?;
        if let Some(key) = &self.key {
            write!(f, " {}", key_text(key))?;
        }
        if let Some(count) = self.count {
            write!(f, ", count {count}")?;
        }
        match self.trigger.as_ref().and_then(|trigger| trigger.seq) {
            Some(sequence) => write!(f, ", at seq {sequence}"),
            None => Ok(()),
        }
    }
}

/// An alert in the words of [`Expected`].
pub fn shown(alert: &Alert) -> String {
    let expected = Expected {
        rule: alert.rule.to_string(),
        key: Some(alert.key.clone()).filter(|key| !key.is_empty()),
        count: Some(alert.count),
        trigger: alert.trigger.sequence.map(|sequence| ExpectedTrigger {
            seq: Some(sequence),
        }),
    };
    expected.to_string()
}
