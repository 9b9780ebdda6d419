//! `larum alerts`: what was raised.

use std::collections::HashSet;
use std::io::Write;

use clap::Args;
use larum_engine::{EventKinds, EventQuery};
use serde_json::Value;

use crate::detect::key_text;
use crate::error::{CliError, CommandExit};
use crate::events::{severity_cell, text_at};
use crate::query::{BackendArgs, FilterArgs, FoundEvent, PageArgs, PagedSearch};
use crate::table::{self, TableCell};
use crate::terminal::{DIM, stdout};

/// Find alerts, newest first
#[derive(Debug, Args)]
#[command(after_help = "\
Shows each alert once, as its last revision says it. Alerts are events: the time is that of the event \
that set the alert off. Asks a running engine, or reads a store that no engine has open.

Examples:
  larum alerts
  larum alerts 'severity>=high status:final last:24h'
  larum alerts --rule auth.repeated_failed_logins --json | jq .data.message
  larum alerts --store larum-data --all")]
pub struct AlertsCommand {
    #[command(flatten)]
    backend: BackendArgs,
    /// The rule that raised them
    #[arg(long)]
    rule: Option<String>,
    #[command(flatten)]
    filters: FilterArgs,
    #[command(flatten)]
    extent: PageArgs,
    /// Show every revision of each alert
    #[arg(long)]
    revisions: bool,
    /// Write NDJSON: each alert as it is stored
    #[arg(long)]
    json: bool,
}

impl AlertsCommand {
    /// Runs the verb.
    pub fn run(self) -> Result<CommandExit, CliError> {
        if self.filters.is_oldest_first() && !self.revisions {
            // From the oldest on, the first revision would come before the last one is known.
            let message = "--oldest-first shows alerts as they changed; add --revisions";
            return Err(CliError::Usage(message.to_owned()));
        }
        let query = EventQuery {
            rule: self.rule,
            ..self.filters.into_query(EventKinds::Alerts)?
        };
        let mut search = PagedSearch::begin(&self.backend, query)?;
        let mut out = stdout();
        let mut rows = Vec::new();
        let mut seen = HashSet::new();
        let mut left = self.extent.row_limit();
        while let Some(page) = search.next_page(left)? {
            for found in page {
                let id = text_at(&found.event, "/data/alertId").to_owned();
                if left == 0 || (!self.revisions && !seen.insert(id)) {
                    continue;
                }
                left -= 1;
                if self.json {
                    writeln!(out, "{}", found.json)?;
                } else {
                    rows.push(alert_row(&found));
                }
            }
        }
        // A table needs all of its rows before the first line, to know the widths of its columns;
        // NDJSON was written row by row.
        if !self.json {
            let heading = [
                "time", "severity", "status", "rule", "key", "count", "message", "id",
            ];
            table::write_found(&mut out, &heading, &rows)?;
        }
        out.flush()?;
        Ok(CommandExit::Done)
    }
}

fn alert_row(found: &FoundEvent) -> Vec<TableCell> {
    let event = &found.event;
    let key = event.pointer("/data/key").and_then(Value::as_object);
    let count = event.pointer("/data/count").and_then(Value::as_u64);
    vec![
        TableCell::with_style(text_at(event, "/time"), DIM),
        severity_cell(text_at(event, "/severity")),
        TableCell::new(text_at(event, "/data/status")),
        TableCell::new(text_at(event, "/type")),
        TableCell::new(key.map(key_text).unwrap_or_default()),
        TableCell::new(count.map(|count| count.to_string()).unwrap_or_default()),
        TableCell::new(text_at(event, "/data/message")),
        TableCell::with_style(text_at(event, "/data/alertId"), DIM),
    ]
}
