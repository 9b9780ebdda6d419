//! `larum trees`: the trees that an entity is part of.

use std::io::Write;

use clap::Args;
use larum_event::{FormQuery, limits};
use larum_view::TreeListQuery;
use serde::Deserialize;
use serde_json::json;

use crate::error::{CliError, CommandExit};
use crate::query::{BackendArgs, EngineClient, EntityArgs, OfflineStore, QueryReply, TenantArg};
use crate::table::{self, TableCell};
use crate::terminal::{count_noun, print_notice, stdout};

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
pub struct TreesCommand {
    #[command(flatten)]
    entities: EntityArgs,
    #[command(flatten)]
    backend: BackendArgs,
    #[command(flatten)]
    tenant_arg: TenantArg,
    /// Show at most this many
    #[arg(long, value_name = "N", default_value_t = limits::PAGE_DEFAULT)]
    limit: usize,
    /// Write NDJSON: one object for each tree
    #[arg(long)]
    json: bool,
}

/// Trees as the door lists them.
#[derive(Deserialize)]
struct TreeListAnswer {
    items: Vec<TreeListRow>,
    total: u64,
}

#[derive(Deserialize)]
struct TreeListRow {
    root: String,
    nodes: u64,
}

impl TreesCommand {
    /// Runs the verb.
    pub fn run(self) -> Result<CommandExit, CliError> {
        let query = TreeListQuery {
            entities: self.entities.entity_pairs(),
            limit: self.limit,
        };
        let [(kind, value)] = query.entities.as_slice() else {
            let message = "name one of --user, --ip, --host, --hash or --entity KIND:VALUE";
            return Err(CliError::Usage(message.to_owned()));
        };
        let listed = match &self.backend.store {
            None => self.ask_server(&query)?,
            Some(folder) => {
                let tenant_trees =
                    OfflineStore::open(folder)?.rebuild_trees(&self.tenant_arg.tenant(), None)?;
                let found = tenant_trees.find_trees(kind, value);
                let rows = found.iter().take(self.limit).map(|tree| TreeListRow {
                    root: tree.root.to_string(),
                    nodes: tree.steps as u64,
                });
                TreeListAnswer {
                    items: rows.collect(),
                    total: found.len() as u64,
                }
            }
        };
        self.show_list(&listed)
    }

    fn ask_server(&self, query: &TreeListQuery) -> Result<TreeListAnswer, CliError> {
        let client = EngineClient::new(&self.backend.server)?;
        let mut parameters = query.to_pairs();
        parameters.extend(self.tenant_arg.parameter());
        match client.fetch_reply("/v1/trees", &parameters)? {
            QueryReply::Found(answer) => {
                serde_json::from_str(&answer.body).map_err(|error| client.bad_answer_error(&error))
            }
            QueryReply::Missing(_) => Ok(TreeListAnswer {
                items: Vec::new(),
                total: 0,
            }),
        }
    }

    fn show_list(&self, listed: &TreeListAnswer) -> Result<CommandExit, CliError> {
        let mut out = stdout();
        if self.json {
            for TreeListRow { root, nodes } in &listed.items {
                writeln!(out, "{}", json!({"root": root, "nodes": nodes}))?;
            }
        } else {
            let rows = listed.items.iter().map(|row| {
                vec![
                    TableCell::new(&row.root),
                    TableCell::new(row.nodes.to_string()),
                ]
            });
            let cells: Vec<Vec<TableCell>> = rows.collect();
            table::write_found(&mut out, &["root", "nodes"], &cells)?;
        }
        out.flush()?;
        let more = listed.total.saturating_sub(listed.items.len() as u64);
        if more > 0 {
            let more = count_noun(more, "tree");
            print_notice(&format!("and {more} more; --limit shows them"));
        }
        Ok(CommandExit::Done)
    }
}
