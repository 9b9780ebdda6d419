//! The alerts of a run: which of them are shown, and how.
//!
//! Owns the order of alerts and their lines; whether an alert fires is decided elsewhere, by the
//! pipeline.
//! Invariant: alerts come in the order of the times that their last revisions show; those of one
//! time in the order in which they were first raised. The revisions of an alert stay together.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::sync::Arc;

use larum_event::{Alert, AlertStatus, EvaluationPlace, Severity, TenantId, Timestamp};
use larum_pipeline::{AlertRevision, RecordAlert};
use serde_json::{Map, Value, json};

use crate::table::{self, TableCell};
use crate::terminal::{self, DIM};

/// Which revisions are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevisionFilter {
    /// The last of each alert that is not retracted at the end.
    LastRevision,
    /// All of them, as they were made.
    EveryRevision,
}

/// One revision of an alert that will be shown.
struct ListedRevision {
    alert: Alert,
    tenant: TenantId,
    time: Timestamp,
}

/// All revisions of an alert that will be shown, oldest first.
struct AlertLines {
    /// The place of its first revision, shown or not.
    place: EvaluationPlace,
    /// Mostly one; none while it is retracted.
    revisions: Vec<ListedRevision>,
}

impl AlertLines {
    fn last_revision(&self) -> Option<&ListedRevision> {
        self.revisions.last()
    }
}

/// The alerts so far.
pub struct AlertList {
    shown: RevisionFilter,
    /// In the order in which they were first raised.
    listed: Vec<AlertLines>,
    /// The index of each alert.
    indexes: HashMap<Arc<str>, usize>,
}

impl AlertList {
    /// An empty list.
    pub fn new(shown: RevisionFilter) -> Self {
        Self {
            shown,
            listed: Vec::new(),
            indexes: HashMap::new(),
        }
    }

    /// Adds one revision.
    pub fn add_raised(&mut self, raised: AlertRevision) {
        self.add_alert(RecordAlert {
            time: raised.event.envelope().time,
            tenant: raised.tenant,
            alert: raised.alert,
            place: raised.place,
        });
    }

    /// Adds one revision of an alert that was made without events.
    pub fn add_alert(&mut self, raised: RecordAlert) {
        let id = Arc::clone(&raised.alert.alert_id);
        let next = self.listed.len();
        let index = *self.indexes.entry(id).or_insert(next);
        if index == next {
            self.listed.push(AlertLines {
                place: raised.place,
                revisions: Vec::new(),
            });
        }
        let Some(listed) = self.listed.get_mut(index) else {
            return;
        };
        let is_retracted = raised.alert.status == AlertStatus::Retracted;
        if self.shown == RevisionFilter::LastRevision {
            listed.revisions.clear();
            if is_retracted {
                return;
            }
        }
        let revision = ListedRevision {
            time: raised.time,
            tenant: raised.tenant,
            alert: raised.alert,
        };
        // Exactly: nearly every alert has one line, and there may be a million of them.
        listed.revisions.reserve_exact(1);
        listed.revisions.push(revision);
    }

    /// Alerts that may still change.
    pub fn count_early(&self) -> u64 {
        let last = self.last_revisions();
        last.filter(|alert| alert.status == AlertStatus::Early)
            .count() as u64
    }

    /// Each alert as it is in the end.
    fn last_revisions(&self) -> impl Iterator<Item = &Alert> {
        let last = self.listed.iter().filter_map(AlertLines::last_revision);
        last.map(|revision| &revision.alert)
    }

    /// What is shown, in order.
    fn shown_revisions(&self) -> impl Iterator<Item = &ListedRevision> {
        let mut sorted: Vec<&AlertLines> = self.listed.iter().collect();
        // Stable: alerts of one time and place keep the order in which they were raised.
        sorted.sort_by_key(|alert| {
            let time = alert.last_revision().map(|revision| revision.time);
            (time, alert.place)
        });
        sorted.into_iter().flat_map(|alert| &alert.revisions)
    }

    /// What is shown, in order.
    pub fn alerts(&self) -> impl Iterator<Item = &Alert> {
        self.shown_revisions().map(|revision| &revision.alert)
    }

    /// The same, each with its time.
    pub fn alerts_with_times(&self) -> impl Iterator<Item = (&Alert, Timestamp)> {
        let shown = self.shown_revisions();
        shown.map(|revision| (&revision.alert, revision.time))
    }

    /// Alerts that are not retracted, by the id of their rule.
    pub fn count_by_rule(&self) -> BTreeMap<&str, u64> {
        let mut counts = BTreeMap::new();
        for alert in self.last_revisions() {
            if alert.status != AlertStatus::Retracted {
                *counts.entry(alert.rule.as_str()).or_default() += 1;
            }
        }
        counts
    }

    /// One JSON object per line.
    pub fn write_ndjson(&self, out: &mut impl Write) -> io::Result<()> {
        for kept in self.shown_revisions() {
            serde_json::to_writer(&mut *out, &alert_json(kept))?;
            out.write_all(b"\n")?;
        }
        Ok(())
    }

    /// A table.
    pub fn write_table(&self, out: &mut impl Write) -> io::Result<()> {
        let mut heading = vec!["time", "severity", "rule", "key", "count", "message"];
        let mut rows: Vec<Vec<TableCell>> = self.shown_revisions().map(alert_row).collect();
        if self.shown == RevisionFilter::EveryRevision {
            heading.splice(2..2, ["status", "revision"]);
            for (row, kept) in rows.iter_mut().zip(self.shown_revisions()) {
                row.splice(2..2, revision_cells(&kept.alert));
            }
        }
        table::write_table(out, &heading, &rows)
    }
}

/// The object of one revision; what the rule's closure added comes last, and never takes the place
/// of a member that every alert has.
fn alert_json(kept: &ListedRevision) -> Map<String, Value> {
    let Alert {
        alert_id,
        revision,
        status,
        rule,
        title,
        severity,
        attack,
        key,
        count,
        value,
        error,
        window,
        first,
        last,
        trigger,
        evidence,
        message,
        fields,
        depth: _,
    } = &kept.alert;
    let mut line = Map::new();
    let mut member = |name: &str, value: Value| line.insert(name.to_owned(), value);
    member("alert_id", json!(alert_id));
    member("revision", json!(revision));
    member("status", json!(status));
    member("rule", json!(rule));
    if let Some(title) = title {
        member("title", json!(title));
    }
    member("severity", json!(severity));
    if !attack.is_empty() {
        member("attack", json!(attack));
    }
    member("time", json!(kept.time));
    member("tenant", json!(kept.tenant));
    member("key", json!(key));
    member("count", json!(count));
    if let Some(value) = value {
        member("value", value.clone());
    }
    if let Some(error) = error {
        member("error", json!(error));
    }
    if let Some(window) = window {
        member("window", json!(window));
    }
    member("first", json!(first));
    member("last", json!(last));
    let mut cause = Map::new();
    cause.insert("id".to_owned(), json!(trigger.id));
    if let Some(sequence) = trigger.sequence {
        cause.insert("seq".to_owned(), json!(sequence));
    }
    member("trigger", Value::Object(cause));
    member("evidence", json!(evidence));
    member("message", json!(message));
    // After all members of its own: a field of the rule never replaces one of them.
    for (name, value) in fields {
        if !line.contains_key(name) {
            line.insert(name.clone(), value.clone());
        }
    }
    line
}

fn alert_row(kept: &ListedRevision) -> Vec<TableCell> {
    let alert = &kept.alert;
    vec![
        TableCell::with_style(kept.time.to_string(), DIM),
        severity_cell(alert.severity),
        TableCell::new(&alert.rule),
        TableCell::new(key_text(&alert.key)),
        TableCell::new(alert.count.to_string()),
        TableCell::new(&alert.message),
    ]
}

fn revision_cells(alert: &Alert) -> [TableCell; 2] {
    let status = match alert.status {
        AlertStatus::Early => TableCell::with_style("early", DIM),
        AlertStatus::Final => TableCell::new("final"),
        AlertStatus::Retracted => TableCell::with_style("retracted", DIM),
    };
    [status, TableCell::new(alert.revision.to_string())]
}

fn severity_cell(severity: Severity) -> TableCell {
    TableCell::with_style(severity.as_str(), terminal::severity_style(severity))
}

/// `ip=203.0.113.9 host=web-1`.
pub fn key_text(key: &Map<String, Value>) -> String {
    let members: Vec<String> = key
        .iter()
        .map(|(name, value)| match value {
            Value::String(text) => format!("{name}={text}"),
            other => format!("{name}={other}"),
        })
        .collect();
    members.join(" ")
}
