//! `larum tree`: the correlation tree that holds an id.
//!
//! Owns the verb against a server and against a store; selection, text and exports are the tree
//! crate's job.
//! Invariant: a filter that an answer would ignore is refused, because a filter without effect
//! shows everything.

mod query_args;

use std::io::Write;

use clap::Args;
use larum_event::FormQuery;
use larum_tree::TreeView;
use larum_view::{TextStyle, TreeDiff, TreeFormat, diff_to_text, export_tree, tree_to_text};

use self::query_args::TreeQueryArgs;
use crate::error::{CliError, CommandExit};
use crate::follow::{self, WatchTarget};
use crate::query::{
    self, BackendArgs, EngineClient, MissingKind, MissingTarget, MomentArg, OfflineStore,
    OutputStyle, QueryAnswer, QueryReply, TenantArg, encode_segment, style_parameters,
};
use crate::terminal::{escape_controls, print_notice, stdout};
use crate::timeline::TimelineRequest;

/// Filters of nodes. Other answers would ignore them and show everything.
const OF_TREES: [&str; 9] = [
    "part", "depth", "stage", "tag", "severity", "source", "from", "to", "cursor",
];

/// Show the correlation tree that holds an event, an alert, a node or an entity
#[derive(Debug, Args)]
#[command(after_help = "\
An id is that of an event, an alert, a workflow step, a trace, or a node that a link names, such as \
process:ws5/{GUID}; user:eve means the tree that named the user eve last. Asks a running engine, or reads a store \
that no engine has open. Exits with 1 when no tree holds the id.

Examples:
  larum tree incident-9
  larum tree 01932c07-5a3e-7c11-b1a2-0c7d5e2f9a10 --ancestors --why
  larum tree incident-9 --severity high --depth 3
  larum tree incident-9 --as-of 2026-11-20T12:00:00Z
  larum tree incident-9 --changes-since 4711
  larum tree incident-9 --timeline --json
  larum tree incident-9 --format dot | dot -Tsvg > tree.svg
  larum tree incident-9 --follow
  larum tree incident-9 --store larum-data")]
pub struct TreeCommand {
    /// An id in the tree
    id: String,
    #[command(flatten)]
    backend: BackendArgs,
    #[command(flatten)]
    tenant_arg: TenantArg,
    #[command(flatten)]
    selection: TreeQueryArgs,
    /// Show what changed since then: a position of the log, or a time
    #[arg(long, value_name = "WHEN", conflicts_with_all = OF_TREES, conflicts_with_all = ["limit", "all"])]
    changes_since: Option<MomentArg>,
    /// Show what happened, in the order of time
    #[arg(long, conflicts_with_all = OF_TREES, conflicts_with = "changes_since")]
    timeline: bool,
    /// Show the tree, then each change as it happens
    #[arg(long, conflicts_with_all = OF_TREES, conflicts_with_all = ["store", "changes_since", "timeline", "as_of", "all"])]
    follow: bool,
    /// Fold repeats; text does by default
    #[arg(long)]
    fold: bool,
    /// Do not fold repeats
    #[arg(long, conflicts_with = "fold")]
    no_fold: bool,
    /// Explain each edge
    #[arg(long)]
    why: bool,
    /// json, text, dot, mermaid, otlp, csv (nodes) or csv-events
    #[arg(long, value_name = "FORMAT", default_value_t = TreeFormat::Text, hide_default_value = true)]
    format: TreeFormat,
    /// Write JSON
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

/// What answers.
enum TreeBackend {
    Server(EngineClient),
    Store(Box<OfflineStore>),
}

impl TreeCommand {
    /// Runs the verb.
    pub fn run(mut self) -> Result<CommandExit, CliError> {
        if self.json {
            self.format = TreeFormat::Json;
        }
        if self.timeline {
            return self.write_timeline();
        }
        if let Some(since) = self.changes_since {
            let reply = self.find_changes(since)?;
            return self.show_reply(reply);
        }
        if self.follow {
            return self.follow_tree();
        }
        self.show_pages()
    }

    fn open_backend(&self) -> Result<TreeBackend, CliError> {
        Ok(match &self.backend.store {
            Some(folder) => TreeBackend::Store(Box::new(OfflineStore::open(folder)?)),
            None => TreeBackend::Server(EngineClient::new(&self.backend.server)?),
        })
    }

    /// How text looks.
    fn text_style(&self) -> TextStyle {
        TextStyle {
            why: self.why,
            every_event: !self.is_folding(),
            ..query::terminal_style()
        }
    }

    fn is_folding(&self) -> bool {
        self.fold || (self.format == TreeFormat::Text && !self.no_fold)
    }

    fn show_pages(&self) -> Result<CommandExit, CliError> {
        let mut pages = TreePages {
            backend: self.open_backend()?,
            whole: None,
        };
        let mut out = stdout();
        let mut cursor = None;
        loop {
            let is_first = cursor.is_none();
            let answer = match pages.next_page(self, cursor)? {
                QueryReply::Found(answer) => answer,
                QueryReply::Missing(missing) => return Ok(self.report_missing(&missing)),
            };
            cursor = answer.next;
            let has_more = self.selection.all && cursor.is_some();
            writeln!(out, "{}", self.trim_page(&answer.body, is_first, has_more))?;
            if !has_more {
                break;
            }
        }
        out.flush()?;
        if let Some(cursor) = cursor.filter(|_| self.format != TreeFormat::Text) {
            print_notice(&format!(
                "there is more; --all shows it, and --cursor {cursor} continues here"
            ));
        }
        Ok(CommandExit::Done)
    }

    /// A page as one of several: tables have one heading, and a hint at the next page is
    /// for a last one.
    fn trim_page<'a>(&self, body: &'a str, is_first: bool, has_more: bool) -> &'a str {
        let rest = |text: &'a str| text.split_once('\n').map_or("", |(_, rest)| rest);
        match self.format {
            TreeFormat::Csv | TreeFormat::CsvEvents if !is_first => rest(body),
            TreeFormat::Text if has_more => body.rsplit_once('\n').map_or(body, |(head, _)| head),
            TreeFormat::Json
            | TreeFormat::Text
            | TreeFormat::Dot
            | TreeFormat::Mermaid
            | TreeFormat::Otlp
            | TreeFormat::Csv
            | TreeFormat::CsvEvents => body,
        }
    }

    fn find_changes(&self, since: MomentArg) -> Result<QueryReply, CliError> {
        let output = self.output_style("changes")?;
        match self.open_backend()? {
            TreeBackend::Server(client) => {
                let mut parameters = output.to_parameters();
                parameters.push(("from", since.to_string()));
                parameters.extend(self.selection.as_of.map(|when| ("to", when.to_string())));
                parameters.extend(self.tenant_arg.parameter());
                client.fetch_reply(
                    &format!("/v1/trees/{}/difference", encode_segment(&self.id)),
                    &parameters,
                )
            }
            TreeBackend::Store(mut store) => {
                let tenant = self.tenant_arg.tenant();
                let before = store
                    .rebuild_trees(&tenant, Some(since))?
                    .find_tree(&self.id);
                let after = store
                    .rebuild_trees(&tenant, self.selection.as_of)?
                    .find_tree(&self.id);
                let difference = match (before, after) {
                    (Err(missing), Err(_)) => return Ok(QueryReply::Missing(missing)),
                    // It need not have been there at both moments.
                    (Err(_), Ok(after)) => TreeDiff::between(&empty_view(&after), &after),
                    (Ok(before), Err(_)) => TreeDiff::between(&before, &empty_view(&before)),
                    (Ok(before), Ok(after)) => TreeDiff::between(&before, &after),
                };
                let body = match output {
                    OutputStyle::Json => to_json(&difference)?,
                    OutputStyle::Text(style) => diff_to_text(&difference, style),
                };
                Ok(QueryReply::Found(QueryAnswer::single_page(&body)))
            }
        }
    }

    fn write_timeline(&self) -> Result<CommandExit, CliError> {
        let timeline = TimelineRequest {
            backend: &self.backend,
            tenant_arg: &self.tenant_arg,
            as_of: self.selection.as_of,
            most: self.selection.row_limit(),
            fold: self.is_folding(),
            output: self.output_style("a timeline")?,
        };
        match timeline.write_tree(&self.id)? {
            None => Ok(CommandExit::Done),
            Some(missing) => Ok(self.report_missing(&missing)),
        }
    }

    fn follow_tree(&self) -> Result<CommandExit, CliError> {
        let output = self.output_style("what is followed")?;
        let client = EngineClient::new(&self.backend.server)?;
        let reply = self.ask_server(&client, None)?;
        let answer = match reply {
            QueryReply::Found(answer) => answer,
            QueryReply::Missing(missing) => return Ok(self.report_missing(&missing)),
        };
        let mut out = stdout();
        writeln!(out, "{}", answer.body)?;
        out.flush()?;
        let followed = WatchTarget {
            server: client.server(),
            path: format!("/v1/trees/{}/watch", encode_segment(&self.id)),
            tenant: self.tenant_arg.parameter(),
            after: answer.as_of.unwrap_or_default(),
        };
        follow::follow_watch(&followed, output, &mut out)
    }

    fn ask_server(
        &self,
        client: &EngineClient,
        cursor: Option<String>,
    ) -> Result<QueryReply, CliError> {
        let query = self.selection.to_query(&self.id, self.is_folding(), cursor);
        let mut parameters = query.to_pairs();
        parameters.push(("format", self.format.to_string()));
        if self.format == TreeFormat::Text {
            parameters.extend(style_parameters(self.text_style()));
        }
        parameters.extend(self.selection.as_of.map(|when| ("asOf", when.to_string())));
        parameters.extend(self.tenant_arg.parameter());
        client.fetch_reply(
            &format!("/v1/trees/{}", encode_segment(&self.id)),
            &parameters,
        )
    }

    /// Of answers that come as JSON and as text only.
    fn output_style(&self, what: &str) -> Result<OutputStyle, CliError> {
        match self.format {
            TreeFormat::Json => Ok(OutputStyle::Json),
            TreeFormat::Text => Ok(OutputStyle::Text(self.text_style())),
            TreeFormat::Dot
            | TreeFormat::Mermaid
            | TreeFormat::Otlp
            | TreeFormat::Csv
            | TreeFormat::CsvEvents => Err(CliError::Usage(format!(
                "{what} can be written as text and as json, not as {}",
                self.format
            ))),
        }
    }

    fn show_reply(&self, reply: QueryReply) -> Result<CommandExit, CliError> {
        match reply {
            QueryReply::Missing(missing) => Ok(self.report_missing(&missing)),
            QueryReply::Found(answer) => {
                let mut out = stdout();
                writeln!(out, "{}", answer.body)?;
                out.flush()?;
                Ok(CommandExit::Done)
            }
        }
    }

    fn report_missing(&self, missing: &MissingTarget) -> CommandExit {
        match missing.what {
            MissingKind::UnknownId => {
                let id = escape_controls(&self.id);
                let then = self.selection.as_of.map_or("", |_| ", or held it then");
                print_notice(&format!(
                    "no tree holds {id}{then}; give a root, a node, an event, an alert or an entity such as user:eve, \
                     and --tenant if it is not the default one"
                ));
            }
            MissingKind::PathEnd => print_notice(&escape_controls(&missing.message)),
        }
        CommandExit::Problems
    }
}

/// Asks for page after page.
struct TreePages {
    backend: TreeBackend,
    /// The whole tree, where it is rebuilt here.
    whole: Option<TreeView>,
}

impl TreePages {
    fn next_page(
        &mut self,
        tree: &TreeCommand,
        cursor: Option<String>,
    ) -> Result<QueryReply, CliError> {
        let store = match &mut self.backend {
            TreeBackend::Server(client) => return tree.ask_server(client, cursor),
            TreeBackend::Store(store) => store,
        };
        let whole = match self.whole.take() {
            Some(whole) => whole,
            None => {
                let tenant = tree.tenant_arg.tenant();
                match store
                    .rebuild_trees(&tenant, tree.selection.as_of)?
                    .find_tree(&tree.id)
                {
                    Ok(whole) => whole,
                    Err(missing) => return Ok(QueryReply::Missing(missing)),
                }
            }
        };
        let query = tree.selection.to_query(&tree.id, tree.is_folding(), cursor);
        let whole = self.whole.insert(whole);
        // The whole tree is rebuilt once and paged from memory: rebuilding reads the log from its
        // beginning.
        let mut view = match query::select_page(whole, &query)? {
            Ok(view) => view,
            Err(missing) => return Ok(QueryReply::Missing(missing)),
        };
        // Only events of this page are looked up, hence after the selection.
        store.describe_events(&tree.tenant_arg.tenant(), &mut view)?;
        let body = match tree.format {
            TreeFormat::Text => tree_to_text(&view, tree.text_style()),
            TreeFormat::Json
            | TreeFormat::Dot
            | TreeFormat::Mermaid
            | TreeFormat::Otlp
            | TreeFormat::Csv
            | TreeFormat::CsvEvents => export_tree(&view, tree.format),
        };
        Ok(QueryReply::Found(QueryAnswer {
            next: view.next,
            as_of: Some(view.as_of),
            ..QueryAnswer::single_page(&body)
        }))
    }
}

/// The same tree before anything of it was there.
fn empty_view(view: &TreeView) -> TreeView {
    TreeView {
        nodes: Vec::new(),
        edges: Vec::new(),
        ..view.clone()
    }
}

fn to_json(value: &impl serde::Serialize) -> Result<String, CliError> {
    let text = serde_json::to_string(value);
    Ok(text.map_err(std::io::Error::from)?)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        tree: TreeCommand,
    }

    #[test]
    fn a_filter_that_would_be_passed_over_is_refused() {
        let read = |line: &str| Line::try_parse_from(line.split(' '));
        for filter in [
            "--ancestors",
            "--depth 1",
            "--stage a",
            "--tag a=b",
            "--severity high",
            "--source a",
            "--from 2026-11-20T12:00:00Z",
            "--to 2026-11-20T12:00:00Z",
            "--cursor a",
        ] {
            assert!(read(&format!("tree id {filter}")).is_ok(), "{filter}");
            for what in ["--timeline", "--follow", "--changes-since 1"] {
                let refused = read(&format!("tree id {filter} {what}")).unwrap_err();
                let kind = refused.kind();
                assert_eq!(
                    kind,
                    clap::error::ErrorKind::ArgumentConflict,
                    "{filter} {what}"
                );
            }
        }
        for what in [
            "--timeline --limit 5 --fold --as-of 7",
            "--timeline --all --json",
            "--changes-since 1 --as-of 7 --json",
            "--follow --limit 5 --why",
        ] {
            assert!(read(&format!("tree id {what}")).is_ok(), "{what}");
        }
    }
}
