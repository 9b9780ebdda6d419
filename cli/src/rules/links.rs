//! `larum rules list`: the links and entities of a folder.

use std::io::{self, Write};
use std::sync::Arc;

use larum_event::{EntitySpec, LinkPart, LinkSet, LinkSpec, PartForm};
use serde_json::{Value, json};

use super::condition_text::fit_text;
use crate::table::{self, TableCell};

/// Cells are cut here; `--json` has all of them. A row takes a hundred columns.
const MOST_NAME: usize = 14;
const MOST_TOPICS: usize = 26;
const MOST_FIELDS: usize = 27;
const MOST_FROM: usize = 58;

/// Writes the links below the rules; nothing where none are declared.
pub fn write_tables(out: &mut impl Write, set: &LinkSet) -> io::Result<()> {
    if !set.links.is_empty() {
        let rows: Vec<Vec<TableCell>> = set.links.iter().map(link_row).collect();
        writeln!(out)?;
        table::write_table(out, &["link", "on", "id", "parent"], &rows)?;
    }
    if !set.entities.is_empty() {
        let rows: Vec<Vec<TableCell>> = set.entities.iter().map(entity_row).collect();
        writeln!(out)?;
        table::write_table(out, &["entity", "on", "from"], &rows)?;
    }
    Ok(())
}

fn link_row(link: &LinkSpec) -> Vec<TableCell> {
    let mut parents = alternative_texts(&link.parent);
    if !link.parent_alias.is_empty() {
        parents.push(format!("alias {}", path_text(&link.parent_alias)));
    }
    let mut row = vec![
        TableCell::new(fit_text(&link.name, MOST_NAME)),
        TableCell::new(topics_text(&link.on)),
        TableCell::new(fit_text(
            &alternative_texts(&link.id).join(", "),
            MOST_FIELDS,
        )),
    ];
    if !parents.is_empty() {
        row.push(TableCell::new(fit_text(&parents.join(", "), MOST_FIELDS)));
    }
    row
}

fn entity_row(entity: &EntitySpec) -> Vec<TableCell> {
    let from: Vec<String> = entity.from.iter().map(part_text).collect();
    vec![
        TableCell::new(fit_text(&entity.name, MOST_NAME)),
        TableCell::new(topics_text(&entity.on)),
        TableCell::new(fit_text(&from.join(", "), MOST_FROM)),
    ]
}

/// The first topic and how many there are beside it.
fn topics_text(on: &[Arc<str>]) -> String {
    match on {
        [] => "every topic".to_owned(),
        [only] => fit_text(only, MOST_TOPICS),
        [first, rest @ ..] => format!("{} +{}", fit_text(first, MOST_TOPICS - 4), rest.len()),
    }
}

fn alternative_texts(ways: &[Vec<LinkPart>]) -> Vec<String> {
    ways.iter().map(|parts| path_text(parts)).collect()
}

/// Fields as they follow the scope in an id.
fn path_text(parts: &[LinkPart]) -> String {
    let parts: Vec<String> = parts.iter().map(part_text).collect();
    parts.join("/")
}

/// A field as rule files write it.
fn part_text(part: &LinkPart) -> String {
    let path = &part.path;
    match part.form {
        PartForm::AsIs => path.to_string(),
        PartForm::Lower => format!("lower({path})"),
        PartForm::ShortHost => format!("short_host({path})"),
        PartForm::Number => format!("number({path})"),
        PartForm::Account => format!("account({path})"),
        PartForm::Sha256 => format!("sha256({path})"),
    }
}

/// A link as one object of JSON.
pub fn link_json(link: &LinkSpec) -> Value {
    let parts = |parts: &[LinkPart]| parts.iter().map(part_text).collect::<Vec<_>>();
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
        "label": link.label.as_ref().map(part_text),
        "keep": link.keep,
        "joins": link.joins.map(|joins| json!({ "within": joins.within, "most": joins.most })),
    })
}

/// An entity as one object of JSON.
pub fn entity_json(entity: &EntitySpec) -> Value {
    json!({
        "entity": entity.name,
        "on": entity.on,
        "from": entity.from.iter().map(part_text).collect::<Vec<_>>(),
    })
}
