//! `larum replay`: what the stored log says when it is read again, by the same rules or others.
//!
//! Owns the comparison with the alerts that were recorded. The run itself is the pure pipeline, on
//! one thread.
//! Invariant: the store is only read: nothing is written, no consumer is notified, and an engine
//! may have it open.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use larum_event::{Alert, Timestamp, limits};
use serde_json::{Value, json};

use crate::detect::key_text;
use crate::error::{CliError, CommandExit};
use crate::rules;
use crate::table::{self, TableCell};
use crate::terminal::{BAD, DIM, GOOD, count_noun, group_digits, print_notice, stdout};

use run::{LatestAlert, ReplayResult};

mod run;

/// Run the stored log again and compare the alerts with those recorded
#[derive(Debug, Args)]
#[command(after_help = "\
Reads the log of a store, which a running engine may have open, from the oldest event that is kept, by the rules and \
settings that were in force then, or by --rules. Writes nothing into it. Prints the alerts that differ from those \
recorded: added, removed, and changed in what they count or measure. Each alert is compared as it is in the end, up to \
where the engine had evaluated the log. The same rules give none.

Exits with 1 when the rules that were in force give other alerts than they did.

Examples:
  larum replay --store larum-data
  larum replay --store larum-data --rules new-rules --from 2026-11-20T00:00:00Z --to 2026-11-21T00:00:00Z
  larum replay --store larum-data --rules new-rules --json | jq 'select(.change == \"removed\")'")]
pub struct ReplayCommand {
    /// The folder of the store
    #[arg(long, value_name = "DIR")]
    store: PathBuf,
    /// Alerts from this time on
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Alerts up to this time
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,
    /// The folder of other rules, for all of the log
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// What the alerts are compared with
    #[arg(long, value_enum, default_value_t = ReplayBaseline::Recorded)]
    against: ReplayBaseline,
    /// Write NDJSON: one object for each difference
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ReplayBaseline {
    /// With the alerts in the log
    Recorded,
    /// With nothing: all alerts are reported as added
    Nothing,
}

/// One alert that differs.
#[derive(Debug, PartialEq)]
enum AlertDifference<'a> {
    Added(&'a LatestAlert),
    Removed(&'a LatestAlert),
    Changed {
        recorded: &'a LatestAlert,
        replayed: &'a LatestAlert,
    },
}

/// What makes two alerts the same: tenant, time, rule, key and trigger.
type AlertIdentity<'a> = (&'a str, Timestamp, &'a str, String, &'a str);

impl ReplayCommand {
    /// Runs the verb.
    pub fn run(self) -> Result<CommandExit, CliError> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from > to
        {
            let message = format!("--from {from} is later than --to {to}");
            return Err(CliError::Usage(message));
        }
        let rules = self.rules.as_deref().map(rules::load_rules).transpose()?;
        let is_same = rules.is_none();
        let ReplayResult {
            mut recorded,
            mut replayed,
            events,
        } = run::replay_store(&self.store, rules)?;
        if self.against == ReplayBaseline::Nothing {
            recorded.clear();
        }
        // The range is applied after everything was run: an alert inside it may depend on events
        // before it.
        for alerts in [&mut recorded, &mut replayed] {
            alerts.retain(|_, alert| self.is_in_range(alert.time));
        }
        let (found, same) = compare_alerts(&recorded, &replayed);
        let mut out = stdout();
        if self.json {
            for difference in &found {
                writeln!(out, "{}", difference.to_json())?;
            }
        } else if !found.is_empty() {
            let rows: Vec<Vec<TableCell>> = found.iter().map(AlertDifference::to_row).collect();
            let heading = ["change", "time", "rule", "key", "count", "trigger"];
            table::write_table(&mut out, &heading, &rows)?;
        }
        out.flush()?;
        print_totals(&found, same, events);
        // Other rules are expected to differ. Only the same rules against their own alerts must
        // agree, since that is a check of determinism.
        let differs = is_same && self.against == ReplayBaseline::Recorded && !found.is_empty();
        Ok(if differs {
            CommandExit::Problems
        } else {
            CommandExit::Done
        })
    }

    fn is_in_range(&self, time: Timestamp) -> bool {
        self.from.is_none_or(|from| time >= from) && self.to.is_none_or(|to| time <= to)
    }
}

fn print_totals(found: &[AlertDifference<'_>], same: u64, events: u64) {
    let count =
        |is: fn(&AlertDifference<'_>) -> bool| found.iter().filter(|one| is(one)).count() as u64;
    let added = count(|one| matches!(one, AlertDifference::Added(_)));
    let removed = count(|one| matches!(one, AlertDifference::Removed(_)));
    let changed = count(|one| matches!(one, AlertDifference::Changed { .. }));
    print_notice(&format!(
        "{} run again: {} the same, {} added, {} removed, {} changed",
        count_noun(events, "event"),
        count_noun(same, "alert"),
        group_digits(added),
        group_digits(removed),
        group_digits(changed)
    ));
}

/// The differences, by tenant, time and rule, and how many alerts are the same.
fn compare_alerts<'a>(
    recorded: &'a BTreeMap<String, LatestAlert>,
    replayed: &'a BTreeMap<String, LatestAlert>,
) -> (Vec<AlertDifference<'a>>, u64) {
    // Ids change with the rules that raise alerts, so alerts are compared by what caused them.
    let by_identity = |alerts: &'a BTreeMap<String, LatestAlert>| -> BTreeMap<_, &'a LatestAlert> {
        let all = alerts;
        let alerts = alerts.values().filter(|alert| alert.is_valid());
        let identified = alerts.map(|alert| (alert_identity(alert, all), alert));
        identified.collect()
    };
    let (recorded, mut replayed) = (by_identity(recorded), by_identity(replayed));
    let mut found = Vec::new();
    let mut same = 0;
    for (identity, recorded) in recorded {
        let difference = match replayed.remove(&identity) {
            None => AlertDifference::Removed(recorded),
            Some(replayed) if alert_measure(&recorded.alert) != alert_measure(&replayed.alert) => {
                AlertDifference::Changed { recorded, replayed }
            }
            Some(_) => {
                same += 1;
                continue;
            }
        };
        found.push((identity, difference));
    }
    let added = replayed.into_iter();
    found.extend(added.map(|(identity, alert)| (identity, AlertDifference::Added(alert))));
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    let found = found.into_iter().map(|(_, difference)| difference);
    (found.collect(), same)
}

fn alert_identity<'a>(
    standing: &'a LatestAlert,
    all: &'a BTreeMap<String, LatestAlert>,
) -> AlertIdentity<'a> {
    let LatestAlert {
        alert,
        tenant,
        time,
    } = standing;
    let key = Value::Object(alert.key.clone()).to_string();
    let cause = first_cause(alert, all);
    (tenant.as_str(), *time, alert.rule.as_str(), key, cause)
}

/// The event that set it off, through all alerts between: their ids change with the rules that
/// raise them.
fn first_cause<'a>(alert: &'a Alert, all: &'a BTreeMap<String, LatestAlert>) -> &'a str {
    let mut cause = trigger_id(alert);
    for _ in 0..limits::DERIVED_DEPTH {
        match all.get(cause) {
            Some(between) => cause = trigger_id(&between.alert),
            None => break,
        }
    }
    cause
}

/// The id of what set it off; of an alert that is its own, whichever revision was final.
fn trigger_id(alert: &Alert) -> &str {
    let id = alert.trigger.id.as_str();
    match id.split_once('.') {
        Some((alert, revision)) if alert.len() == 32 && revision.parse::<u32>().is_ok() => alert,
        _ => id,
    }
}

fn alert_measure(alert: &Alert) -> (u64, &Option<Value>) {
    (alert.count, &alert.value)
}

impl AlertDifference<'_> {
    fn name(&self) -> &'static str {
        match self {
            Self::Added(_) => "added",
            Self::Removed(_) => "removed",
            Self::Changed { .. } => "changed",
        }
    }

    /// The alert as it is now, or was.
    fn alert(&self) -> &LatestAlert {
        match self {
            Self::Added(alert) | Self::Removed(alert) => alert,
            Self::Changed { replayed, .. } => replayed,
        }
    }

    fn to_json(&self) -> Value {
        let LatestAlert {
            alert,
            tenant,
            time,
        } = self.alert();
        let mut line = json!({
            "change": self.name(), "tenant": tenant, "time": time, "rule": alert.rule, "alert": alert,
        });
        if let (Self::Changed { recorded, .. }, Some(line)) = (self, line.as_object_mut()) {
            line.insert("recorded".to_owned(), json!(recorded.alert));
        }
        line
    }

    fn to_row(&self) -> Vec<TableCell> {
        let style = match self {
            Self::Added(_) => GOOD,
            Self::Removed(_) => BAD,
            Self::Changed { .. } => DIM,
        };
        let LatestAlert { alert, time, .. } = self.alert();
        let count = match self {
            Self::Added(_) | Self::Removed(_) => measure_text(alert),
            Self::Changed { recorded, .. } => {
                format!(
                    "{} → {}",
                    measure_text(&recorded.alert),
                    measure_text(alert)
                )
            }
        };
        vec![
            TableCell::with_style(self.name(), style),
            TableCell::new(time.to_string()),
            TableCell::new(alert.rule.as_str()),
            TableCell::new(key_text(&alert.key)),
            TableCell::new(count),
            TableCell::with_style(trigger_id(alert), DIM),
        ]
    }
}

/// `5`, or `7 (12.5)` where something else is measured.
fn measure_text(alert: &Alert) -> String {
    match &alert.value {
        None => alert.count.to_string(),
        Some(value) => format!("{} ({value})", alert.count),
    }
}
