//! `larum rules list`: what rules a folder holds.
//!
//! Owns the table and the JSON of a rule, which `explain` uses too; loading rules is the parent
//! module's job.
//! Invariant: rules are listed in the order in which the set numbers them, that of their files.

use std::io::{self, Write};
use std::path::Path;

use larum_event::WindowSpec;
use larum_rule::{Rule, RuleException};
use serde_json::{Value, json};

use super::condition_text::{WIDTH, fit_text};
use super::links;
use crate::error::{CliError, CommandExit};
use crate::table::{self, TableCell};
use crate::terminal::{self, stdout};

/// Columns between two cells.
const GAP: usize = 2;
/// A title is never cut shorter.
const LEAST_TITLE: usize = 16;
/// What a rule asks is cut here; `explain` shows all of it.
const MOST_FIRES: usize = 26;

/// Runs the verb.
pub fn list_rules(folder: &Path, json: bool) -> Result<CommandExit, CliError> {
    let set = super::load_rules(folder)?;
    let mut out = stdout();
    if json {
        for rule in set.rules() {
            writeln!(out, "{}", rule_json(rule))?;
        }
        for link in &set.links().links {
            writeln!(out, "{}", links::link_json(link))?;
        }
        for entity in &set.links().entities {
            writeln!(out, "{}", links::entity_json(entity))?;
        }
    } else {
        write_table(&mut out, set.rules())?;
        links::write_tables(&mut out, set.links())?;
    }
    out.flush()?;
    Ok(CommandExit::Done)
}

/// What an analyst looks for first; `--json` and `explain` show the rest.
fn write_table(out: &mut impl Write, rules: &[Rule]) -> io::Result<()> {
    let mut heading = vec!["id", "severity", "fires"];
    if rules.iter().any(|rule| !rule.exceptions.is_empty()) {
        heading.push("except");
    }
    let shown: Vec<Vec<TableCell>> = rules
        .iter()
        .map(|rule| rule_cells(rule, heading.len()))
        .collect();
    let taken: usize = (0..heading.len())
        .map(|column| {
            let cells = shown.iter().filter_map(|row| row.get(column));
            let widest = cells.map(TableCell::width).max().unwrap_or(0);
            let name = heading.get(column).map_or(0, |name| name.len());
            widest.max(name) + GAP
        })
        .sum();
    let room = WIDTH.saturating_sub(taken).max(LEAST_TITLE);
    let with_titles = shown.into_iter().zip(rules).map(|(mut row, rule)| {
        let title = rule.title.as_deref().unwrap_or_default();
        row.push(TableCell::new(fit_text(title, room)));
        row
    });
    let rows: Vec<Vec<TableCell>> = with_titles.collect();
    heading.push("title");
    table::write_table(out, &heading, &rows)
}

/// The first cells of a row, everything before the title.
fn rule_cells(rule: &Rule, columns: usize) -> Vec<TableCell> {
    let exceptions = match rule.exceptions.len() {
        0 => String::new(),
        count => count.to_string(),
    };
    let mut row = vec![
        TableCell::new(&rule.id),
        TableCell::with_style(
            rule.severity.as_str(),
            terminal::severity_style(rule.severity),
        ),
        TableCell::new(fit_text(&window_text(rule), MOST_FIRES)),
        TableCell::new(exceptions),
    ];
    row.truncate(columns);
    row
}

fn window_kind(rule: &Rule) -> &'static str {
    rule.window.kind()
}

fn window_text(rule: &Rule) -> String {
    match &rule.window {
        WindowSpec::Single => "at each".to_owned(),
        WindowSpec::Aggregate(_) | WindowSpec::Sequence(_) | WindowSpec::Scripted(_) => {
            rule.window.to_string()
        }
    }
}

/// A rule as one object of JSON.
pub fn rule_json(rule: &Rule) -> Value {
    let (within, count, policy) = match &rule.window {
        WindowSpec::Aggregate(aggregate) => (
            rule.window.window_length(),
            Some(aggregate.bounds.to_string()),
            Some(aggregate.policy.to_string()),
        ),
        WindowSpec::Single | WindowSpec::Sequence(_) | WindowSpec::Scripted(_) => {
            (rule.window.window_length(), None, None)
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
        "kind": window_kind(rule),
        "within": within,
        "count": count,
        "policy": policy,
        "on": rule.on.iter().map(|topic| topic.as_str()).collect::<Vec<_>>(),
        "group_by": rule.group_by.iter().map(|part| &part.path).collect::<Vec<_>>(),
        "layer": rule.layer,
        "native": rule.is_native(),
        "exceptions": rule.exceptions.iter().map(exception_json).collect::<Vec<_>>(),
        "file": rule.file,
        "line": rule.line,
    })
}

/// An exception as one object of JSON.
pub fn exception_json(exception: &RuleException) -> Value {
    json!({
        "is": exception.to_string(),
        "reason": exception.reason,
        "owner": exception.owner,
        "expires": exception.expires,
        "file": exception.file,
        "line": exception.line,
    })
}
