//! The timeline of a tree or an incident, for `larum tree` and `larum incident`.
//!
//! Owns paging and writing; building a timeline is the tree crate's job.
//! Invariant: all pages are of one moment, that of the first, so that an event added meanwhile
//! shifts no line.

use std::io::Write;

use larum_event::{QueryPair, limits};
use larum_tree::TreeView;
use larum_view::{TimelineEntry, build_timeline, fold_repeats, timeline_to_text};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::CliError;
use crate::query::{
    BackendArgs, EngineClient, MissingTarget, MomentArg, OfflineStore, OfflineTrees, OutputStyle,
    QueryReply, TenantArg, encode_segment,
};
use crate::terminal::{BufferedStdout, count_noun, print_notice, stdout};

/// A timeline to be written.
pub struct TimelineRequest<'a> {
    /// Where to look.
    pub backend: &'a BackendArgs,
    /// The tenant.
    pub tenant_arg: &'a TenantArg,
    /// As of when.
    pub as_of: Option<MomentArg>,
    /// Most lines.
    pub most: usize,
    /// Whether repeats that follow each other are one line.
    pub fold: bool,
    /// How it is written.
    pub output: OutputStyle,
}

/// A page as the door writes it.
#[derive(Deserialize)]
struct TimelineAnswer {
    entries: Vec<Box<RawValue>>,
    total: u64,
}

impl TimelineRequest<'_> {
    /// Writes that of a tree, or says what is missing.
    pub fn write_tree(&self, id: &str) -> Result<Option<MissingTarget>, CliError> {
        self.write_timeline("trees", id, |tenant_trees| {
            Ok(vec![tenant_trees.find_tree(id)?])
        })
    }

    /// Writes that of an incident, or says what is missing.
    pub fn write_incident(&self, id: &str) -> Result<Option<MissingTarget>, CliError> {
        self.write_timeline("incidents", id, |tenant_trees| {
            let trees = tenant_trees.find_incident(id)?.trees;
            let views = trees.iter().map(|root| tenant_trees.find_tree(root));
            // A tree that no longer exists does not hide the others.
            Ok(views.flatten().collect())
        })
    }

    fn write_timeline(
        &self,
        kind: &str,
        id: &str,
        views: impl FnOnce(&OfflineTrees) -> Result<Vec<TreeView>, MissingTarget>,
    ) -> Result<Option<MissingTarget>, CliError> {
        let mut out = stdout();
        let (shown, total) = match &self.backend.store {
            None => match self.ask_server(kind, id, &mut out)? {
                Ok(written) => written,
                Err(missing) => return Ok(Some(missing)),
            },
            Some(folder) => {
                let mut store = OfflineStore::open(folder)?;
                let tenant_trees = store.rebuild_trees(&self.tenant_arg.tenant(), self.as_of)?;
                match views(&tenant_trees) {
                    Ok(views) => self.write_views(&views, &mut out)?,
                    Err(missing) => return Ok(Some(missing)),
                }
            }
        };
        out.flush()?;
        if shown < total {
            let more = count_noun(total - shown, "line");
            print_notice(&format!("and {more} more; --all shows them"));
        }
        Ok(None)
    }

    fn write_views(
        &self,
        views: &[TreeView],
        out: &mut BufferedStdout,
    ) -> Result<(u64, u64), CliError> {
        let mut entries = build_timeline(views);
        if self.fold {
            entries = fold_repeats(entries);
        }
        let total = entries.len() as u64;
        entries.truncate(self.most);
        self.write_entries(&entries, out)?;
        Ok((entries.len() as u64, total))
    }

    fn write_entries(
        &self,
        entries: &[TimelineEntry],
        out: &mut BufferedStdout,
    ) -> Result<(), CliError> {
        match self.output {
            OutputStyle::Text(style) => write!(out, "{}", timeline_to_text(entries, style))?,
            OutputStyle::Json => {
                for entry in entries {
                    let json = serde_json::to_string(entry).map_err(std::io::Error::from)?;
                    writeln!(out, "{json}")?;
                }
            }
        }
        Ok(())
    }

    /// Writes page after page; the lines that were written and those that there are.
    fn ask_server(
        &self,
        kind: &str,
        id: &str,
        out: &mut BufferedStdout,
    ) -> Result<Result<(u64, u64), MissingTarget>, CliError> {
        let client = EngineClient::new(&self.backend.server)?;
        let path = format!("/v1/{kind}/{}/timeline", encode_segment(id));
        let mut shown = 0;
        let mut as_of = self.as_of;
        loop {
            let limit = (self.most - shown).min(limits::TREE_PAGE_MOST);
            let answer =
                match client.fetch_reply(&path, &self.page_parameters(as_of, limit, shown))? {
                    QueryReply::Found(answer) => answer,
                    QueryReply::Missing(missing) => return Ok(Err(missing)),
                };
            // All pages are of one moment.
            as_of = as_of.or(answer.as_of.map(MomentArg::Position));
            let total = match self.output {
                OutputStyle::Text(_) => {
                    writeln!(out, "{}", answer.body)?;
                    answer.total.unwrap_or_default()
                }
                OutputStyle::Json => {
                    let page: TimelineAnswer = serde_json::from_str(&answer.body)
                        .map_err(|error| client.bad_answer_error(&error))?;
                    for entry in &page.entries {
                        writeln!(out, "{entry}")?;
                    }
                    page.total
                }
            };
            shown += limit;
            let reached = u64::try_from(shown).unwrap_or(u64::MAX);
            if reached >= total || shown >= self.most {
                return Ok(Ok((reached.min(total), total)));
            }
        }
    }

    fn page_parameters(
        &self,
        as_of: Option<MomentArg>,
        limit: usize,
        offset: usize,
    ) -> Vec<QueryPair> {
        let mut parameters = self.output.to_parameters();
        parameters.push(("limit", limit.to_string()));
        parameters.push(("offset", offset.to_string()));
        if self.fold {
            parameters.push(("fold", "true".to_owned()));
        }
        parameters.extend(as_of.map(|when| ("asOf", when.to_string())));
        parameters.extend(self.tenant_arg.parameter());
        parameters
    }
}
