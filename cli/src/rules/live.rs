//! `larum rules list --server`: the rules in force in a running engine, and how each fares.

use std::io::Write;

use larum_event::{RuleId, Severity};
use serde::Deserialize;
use serde_json::Value;

use crate::error::{CliError, Exit};
use crate::query::Client;
use crate::table::{self, Cell};
use crate::terminal::{self, BAD, stdout};

/// What of an answer is shown.
#[derive(Deserialize)]
struct Answer {
    rules: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
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
pub fn list(server: &str, json: bool) -> Result<Exit, CliError> {
    let client = Client::new(server)?;
    let body = client.rules()?;
    let answer: Answer = serde_json::from_str(&body).map_err(|error| client.no_sense(&error))?;
    let mut out = stdout();
    if json {
        for rule in &answer.rules {
            writeln!(out, "{rule}")?;
        }
    } else {
        let rows: Result<Vec<Row>, serde_json::Error> = answer
            .rules
            .into_iter()
            .map(serde_json::from_value)
            .collect();
        let rows = rows.map_err(|error| client.no_sense(&error))?;
        let cells: Vec<Vec<Cell>> = rows.iter().map(cells).collect();
        table::write(&mut out, &HEADING, &cells)?;
    }
    out.flush()?;
    Ok(Exit::Done)
}

fn cells(row: &Row) -> Vec<Cell> {
    let state = if row.broken_out {
        Cell::styled("broken out", BAD)
    } else {
        Cell::new("ok")
    };
    let mut cells = vec![
        Cell::new(row.id.as_str()),
        Cell::styled(row.severity.as_str(), terminal::severity(row.severity)),
        Cell::new(&row.condition),
    ];
    let counts = [row.matches, row.excepted, row.alerts, row.faults];
    cells.extend(counts.map(|count| Cell::new(count.to_string())));
    cells.push(state);
    cells.push(Cell::new(row.title.as_deref().unwrap_or_default()));
    cells
}
