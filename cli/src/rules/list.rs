//! `larum rules list`: what rules a folder holds.

use std::io::Write;
use std::path::Path;

use larum_event::WindowSpec;
use larum_rule::Rule;
use serde_json::{Value, json};

use crate::error::{CliError, Exit};
use crate::table::{self, Cell};
use crate::terminal::{self, DIM, stdout};

/// Runs the verb.
pub fn list(folder: &Path, json: bool) -> Result<Exit, CliError> {
    let set = super::load(folder)?;
    let mut out = stdout();
    if json {
        for rule in set.rules() {
            writeln!(out, "{}", object(rule))?;
        }
    } else {
        let heading = [
            "id", "severity", "attack", "kind", "window", "title", "file",
        ];
        let rows: Vec<Vec<Cell>> = set.rules().iter().map(row).collect();
        table::write(&mut out, &heading, &rows)?;
    }
    out.flush()?;
    Ok(Exit::Done)
}

fn row(rule: &Rule) -> Vec<Cell> {
    vec![
        Cell::new(&rule.id),
        Cell::styled(rule.severity.as_str(), terminal::severity(rule.severity)),
        Cell::new(rule.attack.join(" ")),
        Cell::new(kind(rule)),
        Cell::new(window(rule)),
        Cell::new(rule.title.as_deref().unwrap_or_default()),
        Cell::styled(format!("{}:{}", rule.file, rule.line), DIM),
    ]
}

fn kind(rule: &Rule) -> &'static str {
    match rule.window {
        WindowSpec::Single => "single",
        WindowSpec::Count { .. } => "count",
    }
}

fn window(rule: &Rule) -> String {
    match &rule.window {
        WindowSpec::Single => String::new(),
        WindowSpec::Count {
            within, threshold, ..
        } => format!("{threshold} in {within}"),
    }
}

/// A rule as one object of JSON.
pub fn object(rule: &Rule) -> Value {
    let (within, count, policy) = match &rule.window {
        WindowSpec::Single => (None, None, None),
        WindowSpec::Count {
            within,
            threshold,
            policy,
        } => (Some(within), Some(threshold), Some(policy.to_string())),
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
        "file": rule.file,
        "line": rule.line,
    })
}
