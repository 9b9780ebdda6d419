//! What happened in a tree or an incident, in the order of time: for `larum tree` and `larum incident`.

use std::io::Write;

use larum_event::limits;
use larum_tree::{TimelineEntry, TreeView, fold_repeats, timeline, timeline_to_text};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::CliError;
use crate::query::{
    Client, Grown, Looks, Missing, Parameter, Place, Reply, Store, When, Whose, in_path,
};
use crate::terminal::{Out, counted, say, stdout};

/// What of a timeline is asked for.
pub struct Timeline<'a> {
    /// Where to look.
    pub place: &'a Place,
    /// Whose it is.
    pub whose: &'a Whose,
    /// As of when.
    pub as_of: Option<When>,
    /// Most lines.
    pub most: usize,
    /// Whether repeats that follow each other are one line.
    pub fold: bool,
    /// For whom it is written.
    pub looks: Looks,
}

/// A page as the door writes it.
#[derive(Deserialize)]
struct PageAnswer {
    entries: Vec<Box<RawValue>>,
    total: u64,
}

impl Timeline<'_> {
    /// Writes that of a tree, or says what is missing.
    pub fn of_tree(&self, id: &str) -> Result<Option<Missing>, CliError> {
        self.write("trees", id, |grown| Ok(vec![grown.tree(id)?]))
    }

    /// Writes that of an incident, or says what is missing.
    pub fn of_incident(&self, id: &str) -> Result<Option<Missing>, CliError> {
        self.write("incidents", id, |grown| {
            let trees = grown.incident(id)?.trees;
            let views = trees.iter().map(|root| grown.tree(root));
            // A tree that is gone is no reason to tell nothing of the others.
            Ok(views.flatten().collect())
        })
    }

    fn write(
        &self,
        kind: &str,
        id: &str,
        views: impl FnOnce(&Grown) -> Result<Vec<TreeView>, Missing>,
    ) -> Result<Option<Missing>, CliError> {
        let mut out = stdout();
        let (shown, total) = match &self.place.store {
            None => match self.ask_server(kind, id, &mut out)? {
                Ok(written) => written,
                Err(missing) => return Ok(Some(missing)),
            },
            Some(folder) => {
                let mut store = Store::open(folder)?;
                let grown = store.grow(&self.whose.tenant(), self.as_of)?;
                match views(&grown) {
                    Ok(views) => self.write_views(&views, &mut out)?,
                    Err(missing) => return Ok(Some(missing)),
                }
            }
        };
        out.flush()?;
        if shown < total {
            let more = counted(total - shown, "line");
            say(&format!("and {more} more; --all shows them"));
        }
        Ok(None)
    }

    fn write_views(&self, views: &[TreeView], out: &mut Out) -> Result<(u64, u64), CliError> {
        let mut entries = timeline(views);
        if self.fold {
            entries = fold_repeats(entries);
        }
        let total = entries.len() as u64;
        entries.truncate(self.most);
        self.write_entries(&entries, out)?;
        Ok((entries.len() as u64, total))
    }

    fn write_entries(&self, entries: &[TimelineEntry], out: &mut Out) -> Result<(), CliError> {
        match self.looks {
            Looks::Text(style) => write!(out, "{}", timeline_to_text(entries, style))?,
            Looks::Json => {
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
        out: &mut Out,
    ) -> Result<Result<(u64, u64), Missing>, CliError> {
        let client = Client::new(&self.place.server)?;
        let path = format!("/v1/{kind}/{}/timeline", in_path(id));
        let mut shown = 0;
        let mut as_of = self.as_of;
        loop {
            let limit = (self.most - shown).min(limits::TREE_PAGE_MOST);
            let answer = match client.ask(&path, &self.parameters(as_of, limit, shown))? {
                Reply::Found(answer) => answer,
                Reply::Missing(missing) => return Ok(Err(missing)),
            };
            // All pages are of one moment.
            as_of = as_of.or(answer.as_of.map(When::Position));
            let total = match self.looks {
                Looks::Text(_) => {
                    writeln!(out, "{}", answer.body)?;
                    answer.total.unwrap_or_default()
                }
                Looks::Json => {
                    let page: PageAnswer = serde_json::from_str(&answer.body)
                        .map_err(|error| client.no_sense(&error))?;
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

    fn parameters(&self, as_of: Option<When>, limit: usize, offset: usize) -> Vec<Parameter> {
        let mut parameters = self.looks.parameters();
        parameters.push(("limit", limit.to_string()));
        parameters.push(("offset", offset.to_string()));
        if self.fold {
            parameters.push(("fold", "true".to_owned()));
        }
        parameters.extend(as_of.map(|when| ("asOf", when.to_string())));
        parameters.extend(self.whose.parameter());
        parameters
    }
}
