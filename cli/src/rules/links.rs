//! `larum rules list`: the links and entities of a folder.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::Arc;

use larum_event::{EntitySpec, Link, LinkPart, LinkSet, PartForm};
use serde_json::{Value, json};

use super::why::fitted;
use crate::table::{self, Cell};

/// A cell is cut here; `--json` tells all of it.
const MOST: usize = 36;

/// Writes what stands below the rules; nothing where nothing is declared.
pub fn write_tables(out: &mut impl Write, set: &LinkSet) -> io::Result<()> {
    if !set.links.is_empty() {
        let rows: Vec<Vec<Cell>> = set.links.iter().map(link_row).collect();
        writeln!(out)?;
        table::write(out, &["link", "on", "id", "parent"], &rows)?;
    }
    if !set.entities.is_empty() {
        let rows: Vec<Vec<Cell>> = set.entities.iter().map(entity_row).collect();
        writeln!(out)?;
        table::write(out, &["entity", "on", "from"], &rows)?;
    }
    Ok(())
}

fn link_row(link: &Link) -> Vec<Cell> {
    let mut parents = ways(&link.scope, &link.parent);
    if !link.parent_alias.is_empty() {
        let alias = format!("alias {}", path(&link.scope, &link.parent_alias));
        parents.push(alias);
    }
    vec![
        Cell::new(&*link.name),
        Cell::new(topics(&link.on)),
        Cell::new(fitted(&ways(&link.scope, &link.id).join(", "), MOST)),
        Cell::new(fitted(&parents.join(", "), MOST)),
    ]
}

fn entity_row(entity: &EntitySpec) -> Vec<Cell> {
    let from: Vec<String> = entity.from.iter().map(part).collect();
    vec![
        Cell::new(&*entity.name),
        Cell::new(topics(&entity.on)),
        Cell::new(fitted(&from.join(", "), 2 * MOST)),
    ]
}

/// The first topic and how many there are beside it.
fn topics(on: &[Arc<str>]) -> String {
    match on {
        [] => "every topic".to_owned(),
        [only] => only.to_string(),
        [first, rest @ ..] => format!("{first} +{}", rest.len()),
    }
}

fn ways(scope: &[LinkPart], ways: &[Vec<LinkPart>]) -> Vec<String> {
    ways.iter().map(|parts| path(scope, parts)).collect()
}

/// Fields as they stand in an id.
fn path(scope: &[LinkPart], parts: &[LinkPart]) -> String {
    let mut text = String::new();
    for (number, one) in scope.iter().chain(parts).enumerate() {
        let slash = if number == 0 { "" } else { "/" };
        // Writing to a text cannot fail.
        let _ = write!(text, "{slash}{}", part(one));
    }
    text
}

/// A field as rule files write it.
fn part(part: &LinkPart) -> String {
    let path = &part.path;
    match part.form {
        PartForm::AsIs => path.to_string(),
        PartForm::Lower => format!("lower({path})"),
        PartForm::ShortHost => format!("short_host({path})"),
        PartForm::Number => format!("number({path})"),
    }
}

/// A link as one object of JSON.
pub fn link(link: &Link) -> Value {
    let parts = |parts: &[LinkPart]| parts.iter().map(part).collect::<Vec<_>>();
    let ways = |ways: &[Vec<LinkPart>]| ways.iter().map(|way| parts(way)).collect::<Vec<_>>();
    json!({
        "link": link.name,
        "version": format!("{:016x}", link.version),
        "on": link.on,
        "scope": parts(&link.scope),
        "ids": ways(&link.id),
        "parents": ways(&link.parent),
        "alias": parts(&link.alias),
        "parent_alias": parts(&link.parent_alias),
        "begins": link.begins,
        "label": link.label.as_ref().map(part),
        "keep": link.keep,
        "joins": link.joins.map(|joins| json!({ "within": joins.within, "most": joins.most })),
    })
}

/// An entity as one object of JSON.
pub fn entity(entity: &EntitySpec) -> Value {
    json!({
        "entity": entity.name,
        "on": entity.on,
        "from": entity.from.iter().map(part).collect::<Vec<_>>(),
    })
}
