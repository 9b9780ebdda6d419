//! `larum events`: search stored events.

use std::io::Write;

use clap::Args;
use larum_engine::{EventKinds, EventQuery};
use larum_event::Severity;
use serde_json::Value;

use crate::error::{CliError, CommandExit};
use crate::query::{BackendArgs, FilterArgs, FoundEvent, PageArgs, PagedSearch};
use crate::table::{self, TableCell};
use crate::terminal::{self, DIM, stdout};

/// Find stored events, newest first
#[derive(Debug, Args)]
#[command(after_help = "\
Asks a running engine, or reads a store that no engine has open.

Examples:
  larum events --limit 10
  larum events 'type:auth.* user:eve severity>=high last:24h'
  larum events --trace 4bf92f3577b34da6a3ce929d0e0e4736 --oldest-first
  larum events --topic 'security.#' --all --json > events.ndjson
  larum events --store larum-data --correlation incident-9")]
pub struct EventsCommand {
    #[command(flatten)]
    backend: BackendArgs,
    /// The member type, such as auth.login
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    #[command(flatten)]
    filters: FilterArgs,
    #[command(flatten)]
    extent: PageArgs,
    /// Write NDJSON: each event as it is stored
    #[arg(long)]
    json: bool,
}

impl EventsCommand {
    /// Runs the verb.
    pub fn run(self) -> Result<CommandExit, CliError> {
        let query = EventQuery {
            event_type: self.event_type,
            ..self.filters.into_query(EventKinds::Events)?
        };
        let mut search = PagedSearch::begin(&self.backend, query)?;
        let mut out = stdout();
        let mut rows = Vec::new();
        let mut left = self.extent.row_limit();
        while let Some(page) = search.next_page(left)? {
            left = left.saturating_sub(page.len() as u64);
            for found in page {
                if self.json {
                    writeln!(out, "{}", found.json)?;
                } else {
                    rows.push(event_row(&found));
                }
            }
        }
        // A table needs all of its rows before the first line, to know the widths of its columns;
        // NDJSON was written row by row.
        if !self.json {
            let heading = [
                "time",
                "severity",
                "type",
                "source",
                "user",
                "correlation",
                "id",
            ];
            table::write_found(&mut out, &heading, &rows)?;
        }
        out.flush()?;
        Ok(CommandExit::Done)
    }
}

fn event_row(found: &FoundEvent) -> Vec<TableCell> {
    let event = &found.event;
    vec![
        TableCell::with_style(text_at(event, "/time"), DIM),
        severity_cell(text_at(event, "/severity")),
        TableCell::new(text_at(event, "/type")),
        TableCell::new(text_at(event, "/source")),
        TableCell::new(text_at(event, "/metadata/user")),
        TableCell::new(text_at(event, "/correlationId")),
        TableCell::with_style(text_at(event, "/id"), DIM),
    ]
}

/// The text at a JSON pointer; empty where nothing is there.
pub fn text_at<'e>(event: &'e Value, pointer: &str) -> &'e str {
    event
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// A severity in its colour.
pub fn severity_cell(word: &str) -> TableCell {
    let level = word.parse().unwrap_or(Severity::Info);
    TableCell::with_style(word, terminal::severity_style(level))
}
