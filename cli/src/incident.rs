//! `larum incident`: one incident with its alerts, trees and timeline.
//!
//! Owns the verb against a server and against a store. What an incident is, and its text, is the
//! tree crate's job.
//! Invariant: both ways write the same text and the same JSON.

use std::io::Write;

use clap::Args;
use larum_event::{Position, limits};
use larum_view::{TreeFormat, TreeQuery, export_tree, incident_to_text, tree_to_text};
use serde::Deserialize;

use crate::error::{CliError, CommandExit};
use crate::follow::{self, WatchTarget};
use crate::query::{
    self, BackendArgs, EngineClient, MissingTarget, OfflineStore, OutputStyle, QueryReply,
    TenantArg, encode_segment,
};
use crate::terminal::{escape_controls, print_notice, stdout};
use crate::timeline::TimelineRequest;

/// Most trees shown with --tree.
const TREES_MOST: usize = 20;

/// Show one incident: who and what is in it, why, and its alerts
#[derive(Debug, Args)]
#[command(after_help = "\
An id is that of an incident, also one that became part of another, of an alert, or of a node of one of its trees; \
user:eve means the last one about the user eve. Asks a running engine, or reads a store that no engine has open. Exits \
with 1 when there is no such incident.

Examples:
  larum incident inc-3f9c0a7be1d2
  larum incident user:eve --tree
  larum incident inc-3f9c0a7be1d2 --timeline
  larum incident inc-3f9c0a7be1d2 --follow
  larum incident inc-3f9c0a7be1d2 --json --store larum-data")]
pub struct IncidentCommand {
    /// The incident, or something in it
    id: String,
    #[command(flatten)]
    backend: BackendArgs,
    #[command(flatten)]
    tenant_arg: TenantArg,
    /// Show what happened, in the order of time
    #[arg(long, conflicts_with_all = ["tree", "follow"])]
    timeline: bool,
    /// Show its trees too
    #[arg(long)]
    tree: bool,
    /// Show the incident, then each change of its trees as it happens
    #[arg(long, conflicts_with = "store")]
    follow: bool,
    /// Do not fold repeats in the timeline
    #[arg(long, requires = "timeline")]
    no_fold: bool,
    /// Show at most this many lines of the timeline
    #[arg(long, value_name = "N", requires = "timeline", default_value_t = limits::TREE_PAGE_DEFAULT)]
    limit: usize,
    /// Show all of the timeline
    #[arg(long, requires = "timeline", conflicts_with = "limit")]
    all: bool,
    /// Write JSON; of a timeline NDJSON, of trees one object for each
    #[arg(long)]
    json: bool,
}

/// What is needed of an incident.
#[derive(Deserialize)]
struct IncidentHead {
    id: String,
    trees: Vec<String>,
    changed: u64,
}

impl IncidentCommand {
    /// Runs the verb.
    pub fn run(self) -> Result<CommandExit, CliError> {
        let output = OutputStyle::new(self.json);
        if self.timeline {
            let timeline = TimelineRequest {
                backend: &self.backend,
                tenant_arg: &self.tenant_arg,
                as_of: None,
                most: if self.all { usize::MAX } else { self.limit },
                fold: !self.json && !self.no_fold,
                output,
            };
            return match timeline.write_incident(&self.id)? {
                None => Ok(CommandExit::Done),
                Some(missing) => Ok(self.report_missing(&missing)),
            };
        }
        match &self.backend.store {
            None => self.ask_server(output),
            Some(folder) => self.ask_store(OfflineStore::open(folder)?, output),
        }
    }

    fn ask_server(&self, output: OutputStyle) -> Result<CommandExit, CliError> {
        let client = EngineClient::new(&self.backend.server)?;
        let path = |id: &str| format!("/v1/incidents/{}", encode_segment(id));
        let tenant = self.tenant_arg.parameter();
        let parameters: Vec<_> = tenant.clone().into_iter().collect();
        let found = match client.fetch_reply(&path(&self.id), &parameters)? {
            QueryReply::Found(answer) => answer,
            QueryReply::Missing(missing) => return Ok(self.report_missing(&missing)),
        };
        // JSON first, whatever is shown: it has the canonical id, and all requests that follow use
        // that one, so that they mean the same incident even if it is merged meanwhile.
        let known: IncidentHead =
            serde_json::from_str(&found.body).map_err(|error| client.bad_answer_error(&error))?;
        let mut out = stdout();
        match output {
            OutputStyle::Json => writeln!(out, "{}", found.body)?,
            OutputStyle::Text(_) => {
                let mut parameters = parameters.clone();
                parameters.extend(output.to_parameters());
                if let QueryReply::Found(answer) =
                    client.fetch_reply(&path(&known.id), &parameters)?
                {
                    writeln!(out, "{}", answer.body)?;
                }
            }
        }
        if self.tree {
            for root in known.trees.iter().take(TREES_MOST) {
                let mut parameters = parameters.clone();
                parameters.extend(output.to_parameters());
                let path = format!("/v1/trees/{}", encode_segment(root));
                if let QueryReply::Found(answer) = client.fetch_reply(&path, &parameters)? {
                    self.write_tree(&mut out, &answer.body)?;
                }
            }
            self.print_more_trees(known.trees.len());
        }
        // Flushed before following, which may be silent for hours.
        out.flush()?;
        if !self.follow {
            return Ok(CommandExit::Done);
        }
        let followed = WatchTarget {
            server: client.server(),
            path: format!("{}/watch", path(&known.id)),
            tenant,
            after: Position(known.changed),
        };
        follow::follow_watch(&followed, output, &mut out)
    }

    fn ask_store(
        &self,
        mut store: OfflineStore,
        output: OutputStyle,
    ) -> Result<CommandExit, CliError> {
        let tenant = self.tenant_arg.tenant();
        let tenant_trees = store.rebuild_trees(&tenant, None)?;
        let incident = match tenant_trees.find_incident(&self.id) {
            Ok(incident) => incident,
            Err(missing) => return Ok(self.report_missing(&missing)),
        };
        let mut out = stdout();
        match output {
            OutputStyle::Json => {
                let json = serde_json::to_string(&incident).map_err(std::io::Error::from)?;
                writeln!(out, "{json}")?;
            }
            OutputStyle::Text(style) => {
                writeln!(out, "{}", incident_to_text(&incident, style).trim_end())?
            }
        }
        if self.tree {
            for root in incident.trees.iter().take(TREES_MOST) {
                let Ok(whole) = tenant_trees.find_tree(root) else {
                    continue;
                };
                let mut query = TreeQuery::whole_tree(&**root);
                query.fold = !self.json;
                let Ok(mut view) = query::select_page(&whole, &query)? else {
                    continue;
                };
                // After the page was selected: only events that are shown are looked up.
                store.describe_events(&tenant, &mut view)?;
                let body = match output {
                    OutputStyle::Json => export_tree(&view, TreeFormat::Json),
                    OutputStyle::Text(style) => tree_to_text(&view, style),
                };
                self.write_tree(&mut out, body.trim_end())?;
            }
            self.print_more_trees(incident.trees.len());
        }
        out.flush()?;
        Ok(CommandExit::Done)
    }

    fn write_tree(&self, out: &mut impl Write, body: &str) -> Result<(), CliError> {
        if !self.json {
            writeln!(out)?;
        }
        Ok(writeln!(out, "{body}")?)
    }

    fn print_more_trees(&self, trees: usize) {
        if trees > TREES_MOST {
            let more = trees - TREES_MOST;
            print_notice(&format!(
                "and {more} more trees; `larum tree` shows them one by one"
            ));
        }
    }

    fn report_missing(&self, _missing: &MissingTarget) -> CommandExit {
        let id = escape_controls(&self.id);
        print_notice(&format!(
            "no incident has {id} in it; `larum incidents` lists them, and --tenant chooses a tenant other than the default"
        ));
        CommandExit::Problems
    }
}
