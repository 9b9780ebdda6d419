//! `larum windows`: what is open in a running engine, and how near each group is to firing.
//!
//! Owns the table; the figures come from the engine and are not computed here.
//! Invariant: time left is measured against the group's watermark, never against a clock, since
//! windows run on event time.

use std::io::Write;

use clap::Args;
use larum_event::{Span, Timestamp, limits};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::detect::key_text;
use crate::error::{CliError, CommandExit};
use crate::query::EngineClient;
use crate::table::{self, TableCell};
use crate::terminal::{BAD, DIM, count_noun, print_notice, stdout};

/// Show the open groups of windows, and how near each is to firing
#[derive(Debug, Args)]
#[command(after_help = "\
Of each group of each rule with a window: what it has against what it takes, how long until something is decided or \
forgotten (in the time of its events), the oldest event that counts, whether an alert is open, and of sequences the step \
that each open match waits for.

Examples:
  larum windows
  larum windows auth.repeated_failed_logins --key 203.0.113.9
  larum windows --tenant acme --limit 20
  larum windows --json | jq 'select(.open)'")]
pub struct WindowsCommand {
    /// The running engine
    #[arg(
        long,
        env = "LARUM_SERVER",
        value_name = "URL",
        default_value = "http://127.0.0.1:7423"
    )]
    server: String,
    /// Groups of this tenant alone
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// Groups with this text in a member of their key
    #[arg(long, value_name = "TEXT")]
    key: Option<String>,
    /// Show at most this many groups
    #[arg(long, value_name = "N", default_value_t = limits::PAGE_DEFAULT)]
    limit: usize,
    /// Write NDJSON: one object for each group
    #[arg(long)]
    json: bool,
    /// The id of a rule; all without one
    #[arg(value_name = "RULE")]
    rule: Option<String>,
}

/// What of an answer is shown.
#[derive(Deserialize)]
struct WindowsAnswer {
    windows: Vec<Value>,
    /// Groups beyond the limit.
    more: u64,
    /// Whether all groups were looked at.
    complete: bool,
}

/// One group.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OpenGroupRow {
    rule: String,
    condition: String,
    tenant: String,
    key: Map<String, Value>,
    events: u64,
    out_of_order: bool,
    value: Option<serde_json::Number>,
    threshold: Option<u64>,
    oldest: Option<Timestamp>,
    until: Timestamp,
    watermark: Timestamp,
    open: bool,
    partials: Vec<PartialRow>,
}

/// An open partial match of a sequence.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PartialRow {
    waits_for: String,
    events: u64,
    of_step: u64,
    until: Timestamp,
}

const HEADING: [&str; 7] = [
    "rule",
    "key",
    "holds",
    "left",
    "oldest",
    "alert",
    "waits for",
];

impl WindowsCommand {
    /// Runs the verb.
    pub fn run(self) -> Result<CommandExit, CliError> {
        let client = EngineClient::new(&self.server)?;
        let mut parameters = vec![("limit", self.limit.to_string())];
        let filters = [
            ("rule", self.rule),
            ("tenant", self.tenant),
            ("key", self.key),
        ];
        for (name, value) in filters {
            parameters.extend(value.map(|value| (name, value)));
        }
        let body = client.fetch_windows(&parameters)?;
        let answer: WindowsAnswer =
            serde_json::from_str(&body).map_err(|error| client.bad_answer_error(&error))?;
        let mut out = stdout();
        // JSON is passed on as the engine wrote it; only the table needs to understand it.
        if self.json {
            for window in &answer.windows {
                writeln!(out, "{window}")?;
            }
        } else if answer.windows.is_empty() {
            print_notice("nothing is open");
        } else {
            let parsed: Result<Vec<OpenGroupRow>, serde_json::Error> = answer
                .windows
                .into_iter()
                .map(serde_json::from_value)
                .collect();
            let rows = parsed.map_err(|error| client.bad_answer_error(&error))?;
            let cells: Vec<Vec<TableCell>> = rows.iter().map(group_cells).collect();
            table::write_table(&mut out, &HEADING, &cells)?;
        }
        out.flush()?;
        if answer.more > 0 {
            let more = count_noun(answer.more, "group");
            print_notice(&format!("and {more} more; --limit shows them"));
        }
        if !answer.complete {
            print_notice(
                "some groups were not looked at: there are too many, or a window gives no answer now",
            );
        }
        Ok(CommandExit::Done)
    }
}

fn group_cells(row: &OpenGroupRow) -> Vec<TableCell> {
    let mut key = key_text(&row.key);
    if row.tenant != "default" {
        key = format!("{key} (tenant {})", row.tenant);
    }
    let oldest = row.oldest.map(|time| time.to_string());
    let waits: Vec<String> = row
        .partials
        .iter()
        .map(|it| waiting_text(it, row))
        .collect();
    vec![
        TableCell::new(&row.rule),
        TableCell::new(key),
        TableCell::new(holding_text(row)),
        TableCell::new(remaining_text(row.until, row.watermark)),
        TableCell::with_style(oldest.unwrap_or_default(), DIM),
        if row.open {
            TableCell::with_style("open", BAD)
        } else {
            TableCell::new("")
        },
        TableCell::new(waits.join(", ")),
    ]
}

/// `4 of 5`, `33, sum > 100 in 5m`, `6 events`.
fn holding_text(row: &OpenGroupRow) -> String {
    let pending = match row.out_of_order {
        false => "",
        true => " (and some out of order)",
    };
    let value = row.value.as_ref().map(ToString::to_string);
    let holds = match (value, row.threshold) {
        (value, Some(threshold)) => {
            let value = value.unwrap_or_else(|| row.events.to_string());
            format!("{value} of {threshold}")
        }
        (Some(value), None) => format!("{value}, {}", row.condition),
        // Of a sequence, what each open match waits for says more.
        (None, None) if !row.partials.is_empty() => count_noun(row.events, "event"),
        (None, None) => format!("{}, {}", count_noun(row.events, "event"), row.condition),
    };
    format!("{holds}{pending}")
}

/// The span until something happens, in whole seconds where it is that long.
fn remaining_text(until: Timestamp, watermark: Timestamp) -> String {
    let left = until.duration_since(watermark);
    let second = Span::from_seconds(1).as_nanos();
    if left.as_nanos() < second {
        return left.to_string();
    }
    Span::from_nanos(left.as_nanos() / second * second).to_string()
}

fn waiting_text(partial: &PartialRow, row: &OpenGroupRow) -> String {
    let PartialRow {
        waits_for,
        events,
        of_step,
        ..
    } = partial;
    let after = match of_step {
        0 => count_noun(*events, "event"),
        of_step => format!("{of_step} so far"),
    };
    format!(
        "{waits_for} for {} after {after}",
        remaining_text(partial.until, row.watermark)
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(of: Value) -> OpenGroupRow {
        let mut row = json!({
            "rule": "r", "condition": "sum > 100 in 5m", "tenant": "default",
            "key": {"user": "eve"}, "events": 4, "outOfOrder": false, "value": null, "threshold": null,
            "oldest": "2026-11-20T12:00:00Z", "until": "2026-11-20T12:05:00Z",
            "watermark": "2026-11-20T12:01:00.5Z", "open": false, "partials": [],
        });
        for (name, value) in of.as_object().unwrap() {
            row[name] = value.clone();
        }
        serde_json::from_value(row).unwrap()
    }

    #[test]
    fn what_a_group_holds_is_told_with_what_it_takes() {
        for (of, told) in [
            (json!({"threshold": 5}), "4 of 5"),
            (json!({"threshold": 5, "value": 3}), "3 of 5"),
            (json!({"value": 33.5}), "33.5, sum > 100 in 5m"),
            (
                json!({"outOfOrder": true}),
                "4 events, sum > 100 in 5m (and some out of order)",
            ),
        ] {
            assert_eq!(holding_text(&row(of)), told);
        }
    }

    #[test]
    fn what_is_left_counts_down_in_whole_seconds_and_never_below_nothing() {
        let until = Timestamp::parse("2026-11-20T12:05:00Z").unwrap();
        for (watermark, told) in [
            ("2026-11-20T12:01:00.5Z", "3m59s"),
            ("2026-11-20T12:05:00Z", "0s"),
            ("2026-11-20T12:06:00Z", "0s"),
        ] {
            assert_eq!(
                remaining_text(until, Timestamp::parse(watermark).unwrap()),
                told
            );
        }
    }

    #[test]
    fn a_partial_match_names_the_step_it_waits_for() {
        let row = row(json!({"partials": [
            {"waitsFor": "login", "events": 5, "ofStep": 0, "until": "2026-11-20T12:05:00Z"},
            {"waitsFor": "guess", "events": 3, "ofStep": 3, "until": "2026-11-20T12:02:00Z"},
        ]}));
        let told: Vec<String> = row
            .partials
            .iter()
            .map(|it| waiting_text(it, &row))
            .collect();
        assert_eq!(
            told,
            [
                "login for 3m59s after 5 events",
                "guess for 59s after 3 so far"
            ]
        );
    }
}
