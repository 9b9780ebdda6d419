//! `larum events`: what is stored.

use std::io::Write;

use clap::Args;
use larum_engine::Kinds;
use larum_event::Severity;
use serde_json::Value;

use crate::error::{CliError, Exit};
use crate::query::{Extent, Filters, Found, Place, Search, Wanted};
use crate::table::{self, Cell};
use crate::terminal::{self, DIM, say, stdout};

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
pub struct Events {
    #[command(flatten)]
    place: Place,
    /// The member type, such as auth.login
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    #[command(flatten)]
    filters: Filters,
    #[command(flatten)]
    extent: Extent,
    /// Write NDJSON: each event as it is stored
    #[arg(long)]
    json: bool,
}

impl Events {
    /// Runs the verb.
    pub fn run(self) -> Result<Exit, CliError> {
        let wanted = Wanted {
            kinds: Kinds::Events,
            event_type: self.event_type,
            rule: None,
            search: self.filters.search()?,
            filters: self.filters,
        };
        let mut search = Search::begin(&self.place, wanted)?;
        let mut out = stdout();
        let mut rows = Vec::new();
        let mut left = self.extent.most();
        while let Some(page) = search.next_page(left)? {
            left = left.saturating_sub(page.len() as u64);
            for found in page {
                if self.json {
                    writeln!(out, "{}", found.json)?;
                } else {
                    rows.push(row(&found));
                }
            }
        }
        if rows.is_empty() && !self.json {
            say("nothing found");
        } else if !self.json {
            let heading = [
                "time",
                "severity",
                "type",
                "source",
                "user",
                "correlation",
                "id",
            ];
            table::write(&mut out, &heading, &rows)?;
        }
        out.flush()?;
        Ok(Exit::Done)
    }
}

fn row(found: &Found) -> Vec<Cell> {
    let event = &found.event;
    vec![
        Cell::styled(text(event, "/time"), DIM),
        severity(text(event, "/severity")),
        Cell::new(text(event, "/type")),
        Cell::new(text(event, "/source")),
        Cell::new(text(event, "/metadata/user")),
        Cell::new(text(event, "/correlationId")),
        Cell::styled(text(event, "/id"), DIM),
    ]
}

/// The text at a JSON pointer; empty where there is none.
pub fn text<'e>(event: &'e Value, pointer: &str) -> &'e str {
    event
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// A severity in its colour.
pub fn severity(word: &str) -> Cell {
    let level = word.parse().unwrap_or(Severity::Info);
    Cell::styled(word, terminal::severity(level))
}
