//! `larum alerts`: what was raised.

use std::collections::HashSet;
use std::io::Write;

use clap::Args;
use larum_engine::Kinds;
use serde_json::Value;

use crate::detect::key_text;
use crate::error::{CliError, Exit};
use crate::events::{severity, text};
use crate::query::{Extent, Filters, Found, Place, Search, Wanted};
use crate::table::{self, Cell};
use crate::terminal::{DIM, say, stdout};

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
pub struct Alerts {
    #[command(flatten)]
    place: Place,
    /// The rule that raised them
    #[arg(long)]
    rule: Option<String>,
    #[command(flatten)]
    filters: Filters,
    #[command(flatten)]
    extent: Extent,
    /// Show every revision of each alert
    #[arg(long)]
    revisions: bool,
    /// Write NDJSON: each alert as it is stored
    #[arg(long)]
    json: bool,
}

impl Alerts {
    /// Runs the verb.
    pub fn run(self) -> Result<Exit, CliError> {
        if self.filters.oldest_first() && !self.revisions {
            // From the oldest on, the first revision would come before the last one is known.
            let message = "--oldest-first shows alerts as they changed; add --revisions";
            return Err(CliError::Usage(message.to_owned()));
        }
        let wanted = Wanted {
            kinds: Kinds::Alerts,
            event_type: None,
            rule: self.rule,
            search: self.filters.search()?,
            filters: self.filters,
        };
        let mut search = Search::begin(&self.place, wanted)?;
        let mut out = stdout();
        let mut rows = Vec::new();
        let mut seen = HashSet::new();
        let mut left = self.extent.most();
        while let Some(page) = search.next_page(left)? {
            for found in page {
                let id = text(&found.event, "/data/alertId").to_owned();
                if left == 0 || (!self.revisions && !seen.insert(id)) {
                    continue;
                }
                left -= 1;
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
                "time", "severity", "status", "rule", "key", "count", "message", "id",
            ];
            table::write(&mut out, &heading, &rows)?;
        }
        out.flush()?;
        Ok(Exit::Done)
    }
}

fn row(found: &Found) -> Vec<Cell> {
    let event = &found.event;
    let key = event.pointer("/data/key").and_then(Value::as_object);
    let count = event.pointer("/data/count").and_then(Value::as_u64);
    vec![
        Cell::styled(text(event, "/time"), DIM),
        severity(text(event, "/severity")),
        Cell::new(text(event, "/data/status")),
        Cell::new(text(event, "/type")),
        Cell::new(key.map(key_text).unwrap_or_default()),
        Cell::new(count.map(|count| count.to_string()).unwrap_or_default()),
        Cell::new(text(event, "/data/message")),
        Cell::styled(text(event, "/data/alertId"), DIM),
    ]
}
