//! `larum tree`: what belongs together.

mod asked;

use std::io::Write;

use clap::Args;
use larum_tree::{Format, TextStyle, TreeDiff, TreeView, diff_to_text, export, to_text};

use self::asked::{Asked, parameters};
use crate::error::{CliError, Exit};
use crate::follow::{self, Followed};
use crate::query::{
    self, Answer, Client, Looks, Missing, Parameter, Place, Reply, Store, What, When, Whose,
    in_path, style_parameters,
};
use crate::terminal::{plain, say, stdout};
use crate::timeline::Timeline;

/// What chooses nodes of a tree. Elsewhere it would be passed over, and everything shown.
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
pub struct Tree {
    /// What stands in the tree
    id: String,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    asked: Asked,
    /// What changed since then: a position of the log, or a time
    #[arg(long, value_name = "WHEN", conflicts_with_all = OF_TREES, conflicts_with_all = ["limit", "all"])]
    changes_since: Option<When>,
    /// What happened, in the order of time
    #[arg(long, conflicts_with_all = OF_TREES, conflicts_with = "changes_since")]
    timeline: bool,
    /// Show the tree, and then what comes into it as it comes
    #[arg(long, conflicts_with_all = OF_TREES, conflicts_with_all = ["store", "changes_since", "timeline", "as_of", "all"])]
    follow: bool,
    /// Fold repeats; text does without being told
    #[arg(long)]
    fold: bool,
    /// Do not fold repeats
    #[arg(long, conflicts_with = "fold")]
    no_fold: bool,
    /// Tell of every node why it hangs where it does
    #[arg(long)]
    why: bool,
    /// json, text, dot, mermaid, otlp, csv (nodes) or csv-events
    #[arg(long, value_name = "FORMAT", default_value_t = Format::Text, hide_default_value = true)]
    format: Format,
    /// Write JSON
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

/// What answers.
enum Side {
    Server(Client),
    Store(Box<Store>),
}

impl Tree {
    /// Runs the verb.
    pub fn run(mut self) -> Result<Exit, CliError> {
        if self.json {
            self.format = Format::Json;
        }
        if self.timeline {
            return self.tell_timeline();
        }
        if let Some(since) = self.changes_since {
            let reply = self.changes(since)?;
            return self.show_once(reply);
        }
        if self.follow {
            return self.follow();
        }
        self.show_pages()
    }

    fn side(&self) -> Result<Side, CliError> {
        Ok(match &self.place.store {
            Some(folder) => Side::Store(Box::new(Store::open(folder)?)),
            None => Side::Server(Client::new(&self.place.server)?),
        })
    }

    /// How text looks.
    fn style(&self) -> TextStyle {
        TextStyle {
            why: self.why,
            every_event: !self.folds(),
            ..query::text()
        }
    }

    fn folds(&self) -> bool {
        self.fold || (self.format == Format::Text && !self.no_fold)
    }

    fn show_pages(&self) -> Result<Exit, CliError> {
        let mut pages = Pages {
            side: self.side()?,
            whole: None,
        };
        let mut out = stdout();
        let mut cursor = None;
        loop {
            let is_first = cursor.is_none();
            let answer = match pages.next(self, cursor)? {
                Reply::Found(answer) => answer,
                Reply::Missing(missing) => return Ok(self.miss(&missing)),
            };
            cursor = answer.next;
            let goes_on = self.asked.all && cursor.is_some();
            writeln!(out, "{}", self.part_of_all(&answer.body, is_first, goes_on))?;
            if !goes_on {
                break;
            }
        }
        out.flush()?;
        if let Some(cursor) = cursor.filter(|_| self.format != Format::Text) {
            say(&format!(
                "there is more; --all shows it, and --cursor {cursor} goes on here"
            ));
        }
        Ok(Exit::Done)
    }

    /// A page as it stands among others: tables have one heading, and a hint at the next page is for a last one.
    fn part_of_all<'a>(&self, body: &'a str, is_first: bool, goes_on: bool) -> &'a str {
        let rest = |text: &'a str| text.split_once('\n').map_or("", |(_, rest)| rest);
        match self.format {
            Format::Csv | Format::CsvEvents if !is_first => rest(body),
            Format::Text if goes_on => body.rsplit_once('\n').map_or(body, |(head, _)| head),
            Format::Json
            | Format::Text
            | Format::Dot
            | Format::Mermaid
            | Format::Otlp
            | Format::Csv
            | Format::CsvEvents => body,
        }
    }

    fn changes(&self, since: When) -> Result<Reply, CliError> {
        let looks = self.looks("changes")?;
        match self.side()? {
            Side::Server(client) => {
                let mut parameters = looks.parameters();
                parameters.push(("from", since.to_string()));
                parameters.extend(self.asked.as_of.map(|when| ("to", when.to_string())));
                parameters.extend(self.whose.parameter());
                client.ask(
                    &format!("/v1/trees/{}/difference", in_path(&self.id)),
                    &parameters,
                )
            }
            Side::Store(mut store) => {
                let tenant = self.whose.tenant();
                let before = store.grow(&tenant, Some(since))?.tree(&self.id);
                let after = store.grow(&tenant, self.asked.as_of)?.tree(&self.id);
                let difference = match (before, after) {
                    (Err(missing), Err(_)) => return Ok(Reply::Missing(missing)),
                    // It need not have been there at both moments.
                    (Err(_), Ok(after)) => TreeDiff::between(&nothing_of(&after), &after),
                    (Ok(before), Err(_)) => TreeDiff::between(&before, &nothing_of(&before)),
                    (Ok(before), Ok(after)) => TreeDiff::between(&before, &after),
                };
                let body = match looks {
                    Looks::Json => json(&difference)?,
                    Looks::Text(style) => diff_to_text(&difference, style),
                };
                Ok(Reply::Found(Answer::of(&body)))
            }
        }
    }

    fn tell_timeline(&self) -> Result<Exit, CliError> {
        let timeline = Timeline {
            place: &self.place,
            whose: &self.whose,
            as_of: self.asked.as_of,
            most: self.asked.most(),
            fold: self.folds(),
            looks: self.looks("a timeline")?,
        };
        match timeline.of_tree(&self.id)? {
            None => Ok(Exit::Done),
            Some(missing) => Ok(self.miss(&missing)),
        }
    }

    fn follow(&self) -> Result<Exit, CliError> {
        let looks = self.looks("what is followed")?;
        let client = Client::new(&self.place.server)?;
        let reply = self.ask_server(&client, None)?;
        let answer = match reply {
            Reply::Found(answer) => answer,
            Reply::Missing(missing) => return Ok(self.miss(&missing)),
        };
        let mut out = stdout();
        writeln!(out, "{}", answer.body)?;
        out.flush()?;
        let followed = Followed {
            server: client.server(),
            path: format!("/v1/trees/{}/watch", in_path(&self.id)),
            tenant: self.whose.parameter(),
            after: answer.as_of.unwrap_or_default(),
        };
        follow::follow(&followed, looks, &mut out)
    }

    fn ask_server(&self, client: &Client, cursor: Option<String>) -> Result<Reply, CliError> {
        let query = self.asked.query(&self.id, self.folds(), cursor);
        let mut parameters: Vec<Parameter> = parameters(&query);
        parameters.push(("format", self.format.to_string()));
        if self.format == Format::Text {
            parameters.extend(style_parameters(self.style()));
        }
        parameters.extend(self.asked.as_of.map(|when| ("asOf", when.to_string())));
        parameters.extend(self.whose.parameter());
        client.ask(&format!("/v1/trees/{}", in_path(&self.id)), &parameters)
    }

    /// Of answers that come as JSON and as text only.
    fn looks(&self, what: &str) -> Result<Looks, CliError> {
        match self.format {
            Format::Json => Ok(Looks::Json),
            Format::Text => Ok(Looks::Text(self.style())),
            Format::Dot | Format::Mermaid | Format::Otlp | Format::Csv | Format::CsvEvents => {
                Err(CliError::Usage(format!(
                    "{what} can be written as text and as json, not as {}",
                    self.format
                )))
            }
        }
    }

    fn show_once(&self, reply: Reply) -> Result<Exit, CliError> {
        match reply {
            Reply::Missing(missing) => Ok(self.miss(&missing)),
            Reply::Found(answer) => {
                let mut out = stdout();
                writeln!(out, "{}", answer.body)?;
                out.flush()?;
                Ok(Exit::Done)
            }
        }
    }

    fn miss(&self, missing: &Missing) -> Exit {
        match missing.what {
            What::Everything => {
                let id = plain(&self.id);
                let then = self.asked.as_of.map_or("", |_| ", or held it then");
                say(&format!(
                    "no tree holds {id}{then}; give a root, a node, an event, an alert or an entity such as user:eve, \
                     and --tenant if it is not the default one"
                ));
            }
            What::OtherEnd => say(&plain(&missing.message)),
        }
        Exit::Problems
    }
}

/// Asks for page after page.
struct Pages {
    side: Side,
    /// The whole tree, where it is grown here.
    whole: Option<TreeView>,
}

impl Pages {
    fn next(&mut self, tree: &Tree, cursor: Option<String>) -> Result<Reply, CliError> {
        let store = match &mut self.side {
            Side::Server(client) => return tree.ask_server(client, cursor),
            Side::Store(store) => store,
        };
        let whole = match self.whole.take() {
            Some(whole) => whole,
            None => {
                let tenant = tree.whose.tenant();
                match store.grow(&tenant, tree.asked.as_of)?.tree(&tree.id) {
                    Ok(whole) => whole,
                    Err(missing) => return Ok(Reply::Missing(missing)),
                }
            }
        };
        let query = tree.asked.query(&tree.id, tree.folds(), cursor);
        let whole = self.whole.insert(whole);
        let mut view = match query::page(whole, &query)? {
            Ok(view) => view,
            Err(missing) => return Ok(Reply::Missing(missing)),
        };
        store.describe(&tree.whose.tenant(), &mut view)?;
        let body = match tree.format {
            Format::Text => to_text(&view, tree.style()),
            Format::Json
            | Format::Dot
            | Format::Mermaid
            | Format::Otlp
            | Format::Csv
            | Format::CsvEvents => export(&view, tree.format),
        };
        Ok(Reply::Found(Answer {
            next: view.next,
            as_of: Some(view.as_of),
            ..Answer::of(&body)
        }))
    }
}

/// The same tree before anything of it was there.
fn nothing_of(view: &TreeView) -> TreeView {
    TreeView {
        nodes: Vec::new(),
        edges: Vec::new(),
        ..view.clone()
    }
}

fn json(value: &impl serde::Serialize) -> Result<String, CliError> {
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
        tree: Tree,
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
