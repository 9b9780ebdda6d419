//! `larum rules list --server`: the rules in force in a running engine, and how each fares.

use std::io::Write;

use larum_event::{RuleId, Severity};
use serde::Deserialize;
use serde_json::Value;

use crate::error::{CliError, CommandExit};
use crate::query::EngineClient;
use crate::table::{self, TableCell};
use crate::terminal::{self, BAD, stdout};

/// What of an answer is shown.
#[derive(Deserialize)]
struct RulesAnswer {
    rules: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LiveRuleRow {
    id: RuleId,
    severity: Severity,
    condition: String,
    matches: u64,
    excepted: u64,
    alerts: u64,
    faults: u64,
    broken_out: bool,
    title: Option<String>,
}

const HEADING: [&str; 9] = [
    "id",
    "severity",
    "condition",
    "matches",
    "excepted",
    "alerts",
    "faults",
    "state",
    "title",
];

/// Runs the verb.
pub fn list_live_rules(server: &str, json: bool) -> Result<CommandExit, CliError> {
    let client = EngineClient::new(server)?;
    let body = client.fetch_rules()?;
    let answer: RulesAnswer =
        serde_json::from_str(&body).map_err(|error| client.bad_answer_error(&error))?;
    let mut out = stdout();
    if json {
        for rule in &answer.rules {
            writeln!(out, "{rule}")?;
        }
    } else {
        let parsed: Result<Vec<LiveRuleRow>, serde_json::Error> = answer
            .rules
            .into_iter()
            .map(serde_json::from_value)
            .collect();
        let rows = parsed.map_err(|error| client.bad_answer_error(&error))?;
        let cells: Vec<Vec<TableCell>> = rows.iter().map(rule_cells).collect();
        table::write_table(&mut out, &HEADING, &cells)?;
    }
    out.flush()?;
    Ok(CommandExit::Done)
}

fn rule_cells(row: &LiveRuleRow) -> Vec<TableCell> {
    let state = if row.broken_out {
        TableCell::with_style("broken out", BAD)
    } else {
        TableCell::new("ok")
    };
    let mut cells = vec![
        TableCell::new(row.id.as_str()),
        TableCell::with_style(
            row.severity.as_str(),
            terminal::severity_style(row.severity),
        ),
        TableCell::new(&row.condition),
    ];
    let counts = [row.matches, row.excepted, row.alerts, row.faults];
    cells.extend(counts.map(|count| TableCell::new(count.to_string())));
    cells.push(state);
    cells.push(TableCell::new(row.title.as_deref().unwrap_or_default()));
    cells
}
