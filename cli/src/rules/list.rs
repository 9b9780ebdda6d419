//! `larum rules list`: what rules a folder holds.

use std::io::{self, Write};
use std::path::Path;

use larum_event::WindowSpec;
use larum_rule::{Exception, Rule};
use serde_json::{Value, json};

use super::links;
use super::why::{WIDTH, fitted};
use crate::error::{CliError, Exit};
use crate::table::{self, Cell};
use crate::terminal::{self, stdout};

/// Columns between two cells.
const GAP: usize = 2;
/// A title is never cut shorter.
const LEAST_TITLE: usize = 16;
/// What a rule asks is cut here; `explain` tells all of it.
const MOST_FIRES: usize = 26;

/// Runs the verb.
pub fn list(folder: &Path, json: bool) -> Result<Exit, CliError> {
    let set = super::load(folder)?;
    let mut out = stdout();
    if json {
        for rule in set.rules() {
            writeln!(out, "{}", object(rule))?;
        }
        for link in &set.links().links {
            writeln!(out, "{}", links::link(link))?;
        }
        for entity in &set.links().entities {
            writeln!(out, "{}", links::entity(entity))?;
        }
    } else {
        write_table(&mut out, set.rules())?;
        links::write_tables(&mut out, set.links())?;
    }
    out.flush()?;
    Ok(Exit::Done)
}

/// What an analyst looks for first; `--json` and `explain` tell the rest.
fn write_table(out: &mut impl Write, rules: &[Rule]) -> io::Result<()> {
    let mut heading = vec!["id", "severity", "fires"];
    if rules.iter().any(|rule| !rule.exceptions.is_empty()) {
        heading.push("except");
    }
    let shown: Vec<Vec<Cell>> = rules.iter().map(|rule| row(rule, heading.len())).collect();
    let taken: usize = (0..heading.len())
        .map(|column| {
            let cells = shown.iter().filter_map(|row| row.get(column));
            let widest = cells.map(Cell::width).max().unwrap_or(0);
            let name = heading.get(column).map_or(0, |name| name.len());
            widest.max(name) + GAP
        })
        .sum();
    let room = WIDTH.saturating_sub(taken).max(LEAST_TITLE);
    let rows = shown.into_iter().zip(rules).map(|(mut row, rule)| {
        let title = rule.title.as_deref().unwrap_or_default();
        row.push(Cell::new(fitted(title, room)));
        row
    });
    let rows: Vec<Vec<Cell>> = rows.collect();
    heading.push("title");
    table::write(out, &heading, &rows)
}

/// The first cells of a row, everything before the title.
fn row(rule: &Rule, columns: usize) -> Vec<Cell> {
    let exceptions = match rule.exceptions.len() {
        0 => String::new(),
        count => count.to_string(),
    };
    let mut row = vec![
        Cell::new(&rule.id),
        Cell::styled(rule.severity.as_str(), terminal::severity(rule.severity)),
        Cell::new(fitted(&window(rule), MOST_FIRES)),
        Cell::new(exceptions),
    ];
    row.truncate(columns);
    row
}

fn kind(rule: &Rule) -> &'static str {
    rule.window.kind()
}

fn window(rule: &Rule) -> String {
    match &rule.window {
        WindowSpec::Single => "at each".to_owned(),
        WindowSpec::Aggregate(_) | WindowSpec::Sequence(_) | WindowSpec::Scripted(_) => {
            rule.window.to_string()
        }
    }
}

/// A rule as one object of JSON.
pub fn object(rule: &Rule) -> Value {
    let (within, count, policy) = match &rule.window {
        WindowSpec::Aggregate(aggregate) => (
            rule.window.within(),
            Some(aggregate.bounds.to_string()),
            Some(aggregate.policy.to_string()),
        ),
        WindowSpec::Single | WindowSpec::Sequence(_) | WindowSpec::Scripted(_) => {
            (rule.window.within(), None, None)
        }
    };
    json!({
        "id": rule.id,
        "title": rule.title,
        "description": rule.description,
        "severity": rule.severity,
        "attack": rule.attack,
        "references": rule.references,
        "false_positives": rule.false_positives,
        "language": rule.language,
        "kind": kind(rule),
        "within": within,
        "count": count,
        "policy": policy,
        "on": rule.on.iter().map(|topic| topic.as_str()).collect::<Vec<_>>(),
        "group_by": rule.group_by.iter().map(|part| &part.path).collect::<Vec<_>>(),
        "layer": rule.layer,
        "native": rule.is_native(),
        "exceptions": rule.exceptions.iter().map(exception).collect::<Vec<_>>(),
        "file": rule.file,
        "line": rule.line,
    })
}

/// An exception as one object of JSON.
pub fn exception(exception: &Exception) -> Value {
    json!({
        "is": exception.to_string(),
        "reason": exception.reason,
        "owner": exception.owner,
        "expires": exception.expires,
        "file": exception.file,
        "line": exception.line,
    })
}
