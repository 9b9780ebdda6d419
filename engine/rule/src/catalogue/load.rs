//! From `fields.toml` to a catalogue.
//!
//! Owns the keys of the file and their forms. What a rule may ask of the fields is decided in
//! `check`.
//! Invariant: a catalogue is complete or refused: with one mistake in any file none of them is
//! used, so a rule is never checked against half a description.

use std::collections::BTreeMap;
use std::sync::Arc;

use larum_event::toml_file::{TomlFile, TomlTable, TomlText, TomlValue};
use larum_event::{RuleFile, TopicPattern};
use larum_predicate::Diagnostic;
use toml::de::DeValue;

use super::{CatalogueField, CatalogueTopic, FILE, FieldCatalogue, FieldType};
use crate::diagnostic::{RuleProblem, did_you_mean};
use crate::side_file::{has_file_name, into_diagnostics, open_side_file};
use crate::view::{EnvelopeMember, FieldRef};

const TOPIC: &str = "[[topic]]";
const TYPES: &str = "a type is string, integer, number, boolean, list, object or any";

impl FieldCatalogue {
    /// Reads those of `files` that are called `fields.toml`; what they say holds for the whole set.
    ///
    /// # Errors
    /// Everything that is wrong with them, each with its place.
    pub fn load(files: &[RuleFile]) -> Result<Self, Vec<Diagnostic>> {
        let mut problems = Vec::new();
        let mut catalogue = Self::default();
        for file in files.iter().filter(|file| has_file_name(&file.path, FILE)) {
            let mut toml = open_side_file(file, "bad-catalogue");
            if let Some(document) = toml.parse_document() {
                catalogue.read_file(&TomlTable::from_document(&document), file, &mut toml);
            }
            problems.extend(into_diagnostics(toml, file));
        }
        if problems.is_empty() {
            Ok(catalogue)
        } else {
            Err(problems)
        }
    }

    fn read_file(&mut self, top: &TomlTable<'_>, file: &RuleFile, toml: &mut TomlFile<'_>) {
        top.check_keys(&["fields", "topic"], toml);
        if let Some(section) = top.get_table("fields", toml) {
            for (path, field) in read_fields(&section, toml) {
                if self.common.contains_key(path.value) {
                    toml.report(path.at, format!("`{}` is described twice", path.value));
                } else {
                    self.common.insert(Arc::from(path.value), field);
                }
            }
        }
        for section in top.get_tables("topic", TOPIC, toml) {
            if let Some(topic) = self.read_topic(&section, file, toml) {
                self.topics.push(topic);
            }
        }
    }

    fn read_topic(
        &self,
        section: &TomlTable<'_>,
        file: &RuleFile,
        toml: &mut TomlFile<'_>,
    ) -> Option<CatalogueTopic> {
        section.check_keys(&["pattern", "meaning", "open", "fields"], toml);
        // Read every key before giving up: one mistake must not hide the others.
        let help = "name the topics: `pattern = \"a.b\"`";
        let pattern_text = section.require_string("pattern", help, toml);
        let pattern = pattern_text.and_then(|text| match TopicPattern::new(text.value) {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                toml.push_problem(text.at, "bad-pattern", error.to_string(), None);
                None
            }
        });
        let help = "say in a line what its events tell: `meaning = \"..\"`";
        let meaning = section.require_string("meaning", help, toml);
        let written = section.get("open").map(|value| (value, value.get_ref()));
        let open = match written {
            None => false,
            Some((_, DeValue::Boolean(open))) => *open,
            Some((value, _)) => {
                toml.report(value.span().start, "`open` is true or false");
                false
            }
        };
        let mut known = BTreeMap::new();
        if let Some(value) = section.get("fields")
            && let Some(section) = toml.read_table("[topic.fields]", value)
        {
            for (path, field) in read_fields(&section, toml) {
                if let Some(pattern) = &pattern
                    && let Some(before) = self.describing_file(pattern, path.value)
                {
                    let problem = format!("`{}` of {pattern} is described twice", path.value);
                    let help = format!("also in {before}");
                    toml.report_with_help(path.at, problem, help);
                }
                known.insert(Arc::from(path.value), field);
            }
        }
        Some(CatalogueTopic {
            pattern: pattern?,
            meaning: Arc::from(meaning?.value),
            open,
            fields: known,
            file: Arc::from(file.path.as_str()),
        })
    }

    /// The file that describes the field already, of exactly this pattern.
    fn describing_file(&self, pattern: &TopicPattern, path: &str) -> Option<&str> {
        let mut same = self
            .topics
            .iter()
            .filter(|topic| topic.pattern == *pattern)
            .filter(|topic| topic.fields.contains_key(path));
        same.next().map(|topic| topic.file.as_ref())
    }
}

/// The fields of a table of them.
fn read_fields<'t>(
    section: &TomlTable<'t>,
    toml: &mut TomlFile<'_>,
) -> Vec<(TomlText<'t>, CatalogueField)> {
    let mut found = Vec::new();
    for (path, value) in section.entries() {
        if let Some(problem) = check_path(path.value) {
            problem.report_in(toml, path.at);
        } else if let Some(field) = read_field(path.at, value, toml) {
            found.push((path, field));
        }
    }
    found
}

/// What is wrong with a path, if anything: a file can describe what is below `data` and
/// `metadata`, the rest is the engine's.
fn check_path(path: &str) -> Option<RuleProblem> {
    match FieldRef::parse(path) {
        Ok(FieldRef::Path(path)) if !path.starts_with("correlation.") => None,
        Ok(FieldRef::Member(EnvelopeMember::Data | EnvelopeMember::Metadata)) => {
            let problem = format!("`{path}` holds the fields and is none");
            let help = format!("quote the whole path: `\"{path}.NAME\" = {{ type = \"..\" }}`");
            Some(RuleProblem::new("bad-catalogue", problem).with_help(help))
        }
        Ok(_) => {
            let problem = format!("the engine itself says what `{path}` is");
            Some(RuleProblem::new("bad-catalogue", problem))
        }
        Err(unknown) => Some(crate::script::unknown_field_problem(&unknown)),
    }
}

/// The field whose path begins at byte `at`.
fn read_field(at: usize, value: &TomlValue<'_>, toml: &mut TomlFile<'_>) -> Option<CatalogueField> {
    let mut section = toml.read_table("a field", value)?;
    // What a field lacks is reported at its path, where readers look for it.
    section.at = at;
    section.check_keys(&["type", "meaning", "values"], toml);
    let word = section.require_string("type", TYPES, toml);
    let field_type = word.and_then(|word| {
        let known = FieldType::from_word(word.value);
        if known.is_none() {
            let near = did_you_mean(word.value, FieldType::ALL.map(FieldType::as_str));
            let problem = format!("there is no type {:?}", word.value);
            toml.report_with_help(word.at, problem, near.unwrap_or_else(|| TYPES.into()));
        }
        known
    });
    let help = "say in a line what it tells: `meaning = \"..\"`";
    let meaning = section.require_string("meaning", help, toml);
    let values = section.get_values("values", toml).into_iter();
    let values: Vec<TomlText<'_>> = values
        .filter_map(|value| toml.read_string("values", value))
        .collect();
    if let (Some(first), Some(field_type)) = (values.first(), field_type)
        && field_type != FieldType::String
    {
        let problem = format!("only texts have `values`, and its type is {field_type}");
        toml.report(first.at, problem);
    }
    Some(CatalogueField {
        field_type: field_type?,
        meaning: Arc::from(meaning?.value),
        values: values.iter().map(|text| Arc::from(text.value)).collect(),
    })
}
