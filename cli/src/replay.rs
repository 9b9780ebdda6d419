//! `larum replay`: what the stored log says when it is read again, by the same rules or others.
//!
//! Owns the comparison with the alerts that were recorded. The run itself is the pure pipeline, on one thread, over a
//! log that is only read: nothing is written, nobody is told, and an engine may have the store open.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use larum_event::{Alert, Timestamp, limits};
use serde_json::{Value, json};

use crate::detect::key_text;
use crate::error::{CliError, Exit};
use crate::rules;
use crate::table::{self, Cell};
use crate::terminal::{BAD, DIM, GOOD, counted, grouped, say, stdout};

use run::{Replayed, Standing};

mod run;

/// Run the stored log again and compare the alerts with those recorded
#[derive(Debug, Args)]
#[command(after_help = "\
Reads the log of a store, which a running engine may have open, from the oldest event that is kept, by the rules and \
settings that were in force then, or by --rules. Writes nothing into it. Prints the alerts that differ from those \
recorded: added, removed, and changed in what they count or measure. Each alert is taken as it stands in the end, up to \
where the engine had evaluated the log. The same rules give none.

Exits with 1 when the rules that were in force give other alerts than they did.

Examples:
  larum replay --store larum-data
  larum replay --store larum-data --rules new-rules --from 2026-11-20T00:00:00Z --to 2026-11-21T00:00:00Z
  larum replay --store larum-data --rules new-rules --json | jq 'select(.change == \"removed\")'")]
pub struct Replay {
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
    #[arg(long, value_enum, default_value_t = Against::Recorded)]
    against: Against,
    /// Write NDJSON: one object for each difference
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Against {
    /// With the alerts in the log
    Recorded,
    /// With nothing: all alerts are told as added
    Nothing,
}

/// One alert that differs.
#[derive(Debug, PartialEq)]
enum Difference<'a> {
    Added(&'a Standing),
    Removed(&'a Standing),
    Changed {
        recorded: &'a Standing,
        replayed: &'a Standing,
    },
}

/// What makes two alerts the same: tenant, time, rule, key and trigger.
type Identity<'a> = (&'a str, Timestamp, &'a str, String, &'a str);

impl Replay {
    /// Runs the verb.
    pub fn run(self) -> Result<Exit, CliError> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from > to
        {
            let message = format!("--from {from} is later than --to {to}");
            return Err(CliError::Usage(message));
        }
        let rules = self.rules.as_deref().map(rules::load).transpose()?;
        let is_same = rules.is_none();
        let Replayed {
            mut recorded,
            mut replayed,
            events,
        } = run::run(&self.store, rules)?;
        if self.against == Against::Nothing {
            recorded.clear();
        }
        for alerts in [&mut recorded, &mut replayed] {
            alerts.retain(|_, alert| self.is_asked_for(alert.time));
        }
        let (found, same) = differences(&recorded, &replayed);
        let mut out = stdout();
        if self.json {
            for difference in &found {
                writeln!(out, "{}", difference.to_json())?;
            }
        } else if !found.is_empty() {
            let rows: Vec<Vec<Cell>> = found.iter().map(Difference::row).collect();
            let heading = ["change", "time", "rule", "key", "count", "trigger"];
            table::write(&mut out, &heading, &rows)?;
        }
        out.flush()?;
        tell(&found, same, events);
        let differs = is_same && self.against == Against::Recorded && !found.is_empty();
        Ok(if differs { Exit::Problems } else { Exit::Done })
    }

    fn is_asked_for(&self, time: Timestamp) -> bool {
        self.from.is_none_or(|from| time >= from) && self.to.is_none_or(|to| time <= to)
    }
}

fn tell(found: &[Difference<'_>], same: u64, events: u64) {
    let count = |is: fn(&Difference<'_>) -> bool| found.iter().filter(|one| is(one)).count() as u64;
    let added = count(|one| matches!(one, Difference::Added(_)));
    let removed = count(|one| matches!(one, Difference::Removed(_)));
    let changed = count(|one| matches!(one, Difference::Changed { .. }));
    say(&format!(
        "{} run again: {} the same, {} added, {} removed, {} changed",
        counted(events, "event"),
        counted(same, "alert"),
        grouped(added),
        grouped(removed),
        grouped(changed)
    ));
}

/// The differences, by tenant, time and rule, and how many alerts are the same.
fn differences<'a>(
    recorded: &'a BTreeMap<String, Standing>,
    replayed: &'a BTreeMap<String, Standing>,
) -> (Vec<Difference<'a>>, u64) {
    let by_identity = |alerts: &'a BTreeMap<String, Standing>| -> BTreeMap<_, &'a Standing> {
        let all = alerts;
        let alerts = alerts.values().filter(|alert| alert.stands());
        let identified = alerts.map(|alert| (identity(alert, all), alert));
        identified.collect()
    };
    let (recorded, mut replayed) = (by_identity(recorded), by_identity(replayed));
    let mut found = Vec::new();
    let mut same = 0;
    for (identity, recorded) in recorded {
        let difference = match replayed.remove(&identity) {
            None => Difference::Removed(recorded),
            Some(replayed) if says(&recorded.alert) != says(&replayed.alert) => {
                Difference::Changed { recorded, replayed }
            }
            Some(_) => {
                same += 1;
                continue;
            }
        };
        found.push((identity, difference));
    }
    let added = replayed.into_iter();
    found.extend(added.map(|(identity, alert)| (identity, Difference::Added(alert))));
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    let found = found.into_iter().map(|(_, difference)| difference);
    (found.collect(), same)
}

fn identity<'a>(standing: &'a Standing, all: &'a BTreeMap<String, Standing>) -> Identity<'a> {
    let Standing {
        alert,
        tenant,
        time,
    } = standing;
    let key = Value::Object(alert.key.clone()).to_string();
    let cause = first_cause(alert, all);
    (tenant.as_str(), *time, alert.rule.as_str(), key, cause)
}

/// The event that set it off, through all alerts between: their ids change with the rules that raise them.
fn first_cause<'a>(alert: &'a Alert, all: &'a BTreeMap<String, Standing>) -> &'a str {
    let mut cause = trigger(alert);
    for _ in 0..limits::DERIVED_DEPTH {
        match all.get(cause) {
            Some(between) => cause = trigger(&between.alert),
            None => break,
        }
    }
    cause
}

/// The id of what set it off; of an alert that is its own, whichever revision was final.
fn trigger(alert: &Alert) -> &str {
    let id = alert.trigger.id.as_str();
    match id.split_once('.') {
        Some((alert, revision)) if alert.len() == 32 && revision.parse::<u32>().is_ok() => alert,
        _ => id,
    }
}

fn says(alert: &Alert) -> (u64, &Option<Value>) {
    (alert.count, &alert.value)
}

impl Difference<'_> {
    fn name(&self) -> &'static str {
        match self {
            Self::Added(_) => "added",
            Self::Removed(_) => "removed",
            Self::Changed { .. } => "changed",
        }
    }

    /// The alert as it is now, or was.
    fn alert(&self) -> &Standing {
        match self {
            Self::Added(alert) | Self::Removed(alert) => alert,
            Self::Changed { replayed, .. } => replayed,
        }
    }

    fn to_json(&self) -> Value {
        let Standing {
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

    fn row(&self) -> Vec<Cell> {
        let style = match self {
            Self::Added(_) => GOOD,
            Self::Removed(_) => BAD,
            Self::Changed { .. } => DIM,
        };
        let Standing { alert, time, .. } = self.alert();
        let count = match self {
            Self::Added(_) | Self::Removed(_) => measured(alert),
            Self::Changed { recorded, .. } => {
                format!("{} → {}", measured(&recorded.alert), measured(alert))
            }
        };
        vec![
            Cell::styled(self.name(), style),
            Cell::new(time.to_string()),
            Cell::new(alert.rule.as_str()),
            Cell::new(key_text(&alert.key)),
            Cell::new(count),
            Cell::styled(trigger(alert), DIM),
        ]
    }
}

/// `5`, or `7 (12.5)` where something else is measured.
fn measured(alert: &Alert) -> String {
    match &alert.value {
        None => alert.count.to_string(),
        Some(value) => format!("{} ({value})", alert.count),
    }
}
