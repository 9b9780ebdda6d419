//! `larum incident`: one case.

use std::io::Write;

use clap::Args;
use larum_event::{Position, limits};
use larum_tree::{Format, TreeQuery, export, incident_to_text, to_text};
use serde::Deserialize;

use crate::error::{CliError, Exit};
use crate::follow::{self, Followed};
use crate::query::{self, Client, Looks, Missing, Place, Reply, Store, Whose, in_path};
use crate::terminal::{plain, say, stdout};
use crate::timeline::Timeline;

/// Most trees shown with --tree.
const TREES_MOST: usize = 20;

/// Show one incident: who and what is in it, why, and its alerts
#[derive(Debug, Args)]
#[command(after_help = "\
An id is that of an incident, also one that became part of another, of an alert, or of a node of one of its trees; \
user:eve means the last one about the user eve. Asks a running engine, or reads a store that no engine has open. Exits \
with 1 when there is none.

Examples:
  larum incident inc-3f9c0a7be1d2
  larum incident user:eve --tree
  larum incident inc-3f9c0a7be1d2 --timeline
  larum incident inc-3f9c0a7be1d2 --follow
  larum incident inc-3f9c0a7be1d2 --json --store larum-data")]
pub struct Incident {
    /// The incident, or something in it
    id: String,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    whose: Whose,
    /// What happened, in the order of time
    #[arg(long, conflicts_with_all = ["tree", "follow"])]
    timeline: bool,
    /// Show its trees too
    #[arg(long)]
    tree: bool,
    /// Show the incident, and then what comes into its trees as it comes
    #[arg(long, conflicts_with = "store")]
    follow: bool,
    /// Do not fold repeats in the timeline
    #[arg(long, requires = "timeline")]
    no_fold: bool,
    /// Most lines of the timeline
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
struct Known {
    id: String,
    trees: Vec<String>,
    changed: u64,
}

impl Incident {
    /// Runs the verb.
    pub fn run(self) -> Result<Exit, CliError> {
        let looks = Looks::new(self.json);
        if self.timeline {
            let timeline = Timeline {
                place: &self.place,
                whose: &self.whose,
                as_of: None,
                most: if self.all { usize::MAX } else { self.limit },
                fold: !self.json && !self.no_fold,
                looks,
            };
            return match timeline.of_incident(&self.id)? {
                None => Ok(Exit::Done),
                Some(missing) => Ok(self.miss(&missing)),
            };
        }
        match &self.place.store {
            None => self.ask_server(looks),
            Some(folder) => self.ask_store(Store::open(folder)?, looks),
        }
    }

    fn ask_server(&self, looks: Looks) -> Result<Exit, CliError> {
        let client = Client::new(&self.place.server)?;
        let path = |id: &str| format!("/v1/incidents/{}", in_path(id));
        let tenant = self.whose.parameter();
        let parameters: Vec<_> = tenant.clone().into_iter().collect();
        let found = match client.ask(&path(&self.id), &parameters)? {
            Reply::Found(answer) => answer,
            Reply::Missing(missing) => return Ok(self.miss(&missing)),
        };
        let known: Known =
            serde_json::from_str(&found.body).map_err(|error| client.no_sense(&error))?;
        let mut out = stdout();
        match looks {
            Looks::Json => writeln!(out, "{}", found.body)?,
            Looks::Text(_) => {
                let mut parameters = parameters.clone();
                parameters.extend(looks.parameters());
                if let Reply::Found(answer) = client.ask(&path(&known.id), &parameters)? {
                    writeln!(out, "{}", answer.body)?;
                }
            }
        }
        if self.tree {
            for root in known.trees.iter().take(TREES_MOST) {
                let mut parameters = parameters.clone();
                parameters.extend(looks.parameters());
                let path = format!("/v1/trees/{}", in_path(root));
                if let Reply::Found(answer) = client.ask(&path, &parameters)? {
                    self.write_tree(&mut out, &answer.body)?;
                }
            }
            self.tell_more_trees(known.trees.len());
        }
        out.flush()?;
        if !self.follow {
            return Ok(Exit::Done);
        }
        let followed = Followed {
            server: client.server(),
            path: format!("{}/watch", path(&known.id)),
            tenant,
            after: Position(known.changed),
        };
        follow::follow(&followed, looks, &mut out)
    }

    fn ask_store(&self, mut store: Store, looks: Looks) -> Result<Exit, CliError> {
        let tenant = self.whose.tenant();
        let grown = store.grow(&tenant, None)?;
        let incident = match grown.incident(&self.id) {
            Ok(incident) => incident,
            Err(missing) => return Ok(self.miss(&missing)),
        };
        let mut out = stdout();
        match looks {
            Looks::Json => {
                let json = serde_json::to_string(&incident).map_err(std::io::Error::from)?;
                writeln!(out, "{json}")?;
            }
            Looks::Text(style) => {
                writeln!(out, "{}", incident_to_text(&incident, style).trim_end())?
            }
        }
        if self.tree {
            for root in incident.trees.iter().take(TREES_MOST) {
                let Ok(whole) = grown.tree(root) else {
                    continue;
                };
                let mut query = TreeQuery::whole(&**root);
                query.fold = !self.json;
                let Ok(mut view) = query::page(&whole, &query)? else {
                    continue;
                };
                store.describe(&tenant, &mut view)?;
                let body = match looks {
                    Looks::Json => export(&view, Format::Json),
                    Looks::Text(style) => to_text(&view, style),
                };
                self.write_tree(&mut out, body.trim_end())?;
            }
            self.tell_more_trees(incident.trees.len());
        }
        out.flush()?;
        Ok(Exit::Done)
    }

    fn write_tree(&self, out: &mut impl Write, body: &str) -> Result<(), CliError> {
        if !self.json {
            writeln!(out)?;
        }
        Ok(writeln!(out, "{body}")?)
    }

    fn tell_more_trees(&self, trees: usize) {
        if trees > TREES_MOST {
            let more = trees - TREES_MOST;
            say(&format!(
                "and {more} trees more; larum tree shows them one by one"
            ));
        }
    }

    fn miss(&self, _missing: &Missing) -> Exit {
        let id = plain(&self.id);
        say(&format!(
            "no incident has {id} in it; `larum incidents` lists them, and --tenant names another one than the default"
        ));
        Exit::Problems
    }
}
