//! `larum trees`: which trees are about somebody or something.

use std::io::Write;

use clap::Args;
use larum_event::limits;
use serde::Deserialize;
use serde_json::json;

use crate::error::{CliError, Exit};
use crate::query::{Client, Entities, Place, Reply, Store, Whose};
use crate::table::{self, Cell};
use crate::terminal::{counted, say, stdout};

/// Find the correlation trees that a user, an address, a host or a file is part of
#[derive(Debug, Args)]
#[command(after_help = "\
The tree that named it last comes first; `larum tree ROOT` shows one. Asks a running engine, or reads a store that no \
engine has open.

Examples:
  larum trees --user eve
  larum trees --ip 203.0.113.9 --limit 10
  larum trees --entity device:usb-4711 --json
  larum trees --host web-1 --store larum-data")]
pub struct Trees {
    #[command(flatten)]
    entities: Entities,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    whose: Whose,
    /// Most to show
    #[arg(long, value_name = "N", default_value_t = limits::PAGE_DEFAULT)]
    limit: usize,
    /// Write NDJSON: one object for each tree
    #[arg(long)]
    json: bool,
}

/// Trees as the door lists them.
#[derive(Deserialize)]
struct Listed {
    items: Vec<Row>,
    total: u64,
}

#[derive(Deserialize)]
struct Row {
    root: String,
    nodes: u64,
}

impl Trees {
    /// Runs the verb.
    pub fn run(self) -> Result<Exit, CliError> {
        let entities = self.entities.all();
        let [(kind, value)] = entities.as_slice() else {
            let message = "name one of --user, --ip, --host, --hash or --entity KIND:VALUE";
            return Err(CliError::Usage(message.to_owned()));
        };
        let listed = match &self.place.store {
            None => self.ask(kind, value)?,
            Some(folder) => {
                let grown = Store::open(folder)?.grow(&self.whose.tenant(), None)?;
                let found = grown.trees_of(kind, value);
                let rows = found.iter().take(self.limit).map(|tree| Row {
                    root: tree.root.to_string(),
                    nodes: tree.steps as u64,
                });
                Listed {
                    items: rows.collect(),
                    total: found.len() as u64,
                }
            }
        };
        self.show(&listed)
    }

    fn ask(&self, kind: &str, value: &str) -> Result<Listed, CliError> {
        let client = Client::new(&self.place.server)?;
        let mut parameters = vec![
            ("entity", format!("{kind}:{value}")),
            ("limit", self.limit.to_string()),
        ];
        parameters.extend(self.whose.parameter());
        match client.ask("/v1/trees", &parameters)? {
            Reply::Found(answer) => {
                serde_json::from_str(&answer.body).map_err(|error| client.no_sense(&error))
            }
            Reply::Missing(_) => Ok(Listed {
                items: Vec::new(),
                total: 0,
            }),
        }
    }

    fn show(&self, listed: &Listed) -> Result<Exit, CliError> {
        let mut out = stdout();
        if self.json {
            for Row { root, nodes } in &listed.items {
                writeln!(out, "{}", json!({"root": root, "nodes": nodes}))?;
            }
        } else if listed.items.is_empty() {
            say("nothing found");
        } else {
            let rows = listed.items.iter();
            let rows = rows.map(|row| vec![Cell::new(&row.root), Cell::new(row.nodes.to_string())]);
            let rows: Vec<Vec<Cell>> = rows.collect();
            table::write(&mut out, &["root", "nodes"], &rows)?;
        }
        out.flush()?;
        let more = listed.total.saturating_sub(listed.items.len() as u64);
        if more > 0 {
            let more = counted(more, "tree");
            say(&format!("and {more} more; --limit shows them"));
        }
        Ok(Exit::Done)
    }
}
