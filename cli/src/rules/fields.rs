//! `larum rules fields`: what events of a topic have.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use larum_event::TopicPattern;
use larum_rule::{CatalogueField, CatalogueTopic, FieldCatalogue};
use serde_json::{Map, Value, json};

use crate::error::{CliError, CommandExit};
use crate::terminal::{DIM, HEADING, print_notice, stdout, style_text};

/// Runs the verb.
pub fn list_fields(
    folder: &Path,
    json: bool,
    topic: Option<&str>,
) -> Result<CommandExit, CliError> {
    let pattern = topic.map(TopicPattern::new).transpose();
    let wanted = pattern.map_err(|error| CliError::Usage(error.to_string()))?;
    // The pattern is checked before the rules are loaded: a misspelt one is cheap to report.
    let set = super::load_rules(folder)?;
    let catalogue = set.catalogue();
    let topics: Vec<&CatalogueTopic> = match &wanted {
        Some(wanted) => catalogue.topics_overlapping(wanted).collect(),
        None => catalogue.topics().iter().collect(),
    };
    if let (Some(wanted), true) = (&wanted, topics.is_empty()) {
        print_notice(&format!(
            "nothing is known of {wanted}; describe it in a fields.toml"
        ));
        return Ok(CommandExit::Problems);
    }
    let mut out = stdout();
    if json {
        for topic in topics {
            writeln!(out, "{}", topic_json(topic))?;
        }
    } else {
        for topic in topics {
            write_topic(&mut out, topic)?;
        }
        if wanted.is_some() {
            write_common(&mut out, catalogue)?;
        }
    }
    out.flush()?;
    Ok(CommandExit::Done)
}

fn write_topic(out: &mut impl Write, topic: &CatalogueTopic) -> io::Result<()> {
    let pattern = style_text(HEADING, &topic.pattern);
    let open = if topic.open {
        " (and other fields)"
    } else {
        ""
    };
    writeln!(out, "{pattern}  {}{open}", topic.meaning)?;
    let by_path = topic.fields.iter();
    let fields: BTreeMap<&str, &CatalogueField> = by_path
        .map(|(path, field)| (path.as_ref(), field))
        .collect();
    write_fields(out, &fields)
}

fn write_common(out: &mut impl Write, catalogue: &FieldCatalogue) -> io::Result<()> {
    writeln!(out, "{}", style_text(HEADING, "every event"))?;
    write_fields(out, &catalogue.common_fields().collect())
}

fn write_fields(out: &mut impl Write, fields: &BTreeMap<&str, &CatalogueField>) -> io::Result<()> {
    let widest = fields.keys().map(|path| path.chars().count()).max();
    let width = widest.unwrap_or(0);
    for (path, field) in fields {
        let field_type = style_text(DIM, format_args!("{:<7}", field.field_type.as_str()));
        let mut meaning = field.meaning.to_string();
        if !field.values.is_empty() {
            meaning = format!("{meaning}: {}", field.values.join(", "));
        }
        writeln!(out, "  {path:width$}  {field_type}  {meaning}")?;
    }
    writeln!(out)
}

fn topic_json(topic: &CatalogueTopic) -> Value {
    let fields: Map<String, Value> = topic
        .fields
        .iter()
        .map(|(path, field)| {
            let field = json!({
                "type": field.field_type.as_str(),
                "meaning": field.meaning,
                "values": field.values,
            });
            (path.to_string(), field)
        })
        .collect();
    json!({
        "pattern": topic.pattern.as_str(),
        "meaning": topic.meaning,
        "open": topic.open,
        "file": topic.file,
        "fields": fields,
    })
}
