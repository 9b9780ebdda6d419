//! From `fields.toml` to a catalogue.
//!
//! Owns the keys of the file and their forms. What a rule may ask of the fields is decided in
//! `check`.
//! Invariant: a catalogue is complete or refused: with one mistake in any file none of them is
//! used, so a rule is never checked against half a description.

use std::collections::BTreeMap;
use std::sync::Arc;

use larum_event::{RuleFile, TopicPattern};
use larum_predicate::Diagnostic;
use rhai::Position;
use toml::Spanned;
use toml::de::DeValue;

use super::{CatalogueField, CatalogueTopic, FILE, FieldCatalogue, FieldType};
use crate::diagnostic::{RuleProblem, did_you_mean};
use crate::side_file::{SideFile, SideFileValue, TomlSection, has_file_name};
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
            catalogue.read_file(file, &mut problems);
        }
        if problems.is_empty() {
            Ok(catalogue)
        } else {
            Err(problems)
        }
    }

    fn read_file(&mut self, file: &RuleFile, problems: &mut Vec<Diagnostic>) {
        let first = problems.len();
        let mut beside = SideFile::new(file, "bad-catalogue", problems);
        let Some(document) = beside.parse_document() else {
            return;
        };
        let top = TomlSection::of_document(&document);
        beside.check_keys(top, &["fields", "topic"]);
        if let Some(value) = top.get("fields")
            && let Some(section) = beside.read_section("[fields]", value)
        {
            for (path, field) in read_fields(&mut beside, section) {
                let known = self.common.contains_key(path.value);
                self.insert_common_field(&mut beside, path, field, known);
            }
        }
        for section in beside.read_sections(top, "topic", TOPIC) {
            if let Some(topic) = self.read_topic(&mut beside, section, file) {
                self.topics.push(topic);
            }
        }
        if let Some(found) = problems.get_mut(first..) {
            found.sort_by_key(|problem| (problem.line, problem.column));
        }
    }

    fn insert_common_field(
        &mut self,
        beside: &mut SideFile<'_>,
        path: SideFileValue<&str>,
        field: CatalogueField,
        known: bool,
    ) {
        if known {
            let problem = format!("`{}` is described twice", path.value);
            beside.report_problem(path.place, problem);
        } else {
            self.common.insert(Arc::from(path.value), field);
        }
    }

    fn read_topic(
        &self,
        beside: &mut SideFile<'_>,
        section: TomlSection<'_>,
        file: &RuleFile,
    ) -> Option<CatalogueTopic> {
        beside.check_keys(section, &["pattern", "meaning", "open", "fields"]);
        // Read every key before giving up: one mistake must not hide the others.
        let pattern_text =
            beside.required_text(section, "pattern", "name the topics: `pattern = \"a.b\"`");
        let pattern = pattern_text.and_then(|text| match TopicPattern::new(text.value) {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                let problem = RuleProblem::new("bad-pattern", error.to_string());
                beside.push_problem(text.place, problem);
                None
            }
        });
        let help = "say in a line what its events tell: `meaning = \"..\"`";
        let meaning = beside.required_text(section, "meaning", help);
        let written = section.get("open").map(|value| (value, value.get_ref()));
        let open = match written {
            None => false,
            Some((_, DeValue::Boolean(open))) => *open,
            Some((value, _)) => {
                let place = beside.place_of_value(value);
                beside.report_problem(place, "`open` is true or false");
                false
            }
        };
        let mut known = BTreeMap::new();
        if let Some(value) = section.get("fields")
            && let Some(section) = beside.read_section("[topic.fields]", value)
        {
            for (path, field) in read_fields(beside, section) {
                if let Some(pattern) = &pattern
                    && let Some(before) = self.describing_file(pattern, path.value)
                {
                    let problem = format!("`{}` of {pattern} is described twice", path.value);
                    let help = format!("also in {before}");
                    beside.report_with_help(path.place, problem, help);
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
    beside: &mut SideFile<'_>,
    section: TomlSection<'t>,
) -> Vec<(SideFileValue<&'t str>, CatalogueField)> {
    let mut found = Vec::new();
    for (key, value) in section.entries() {
        let path = SideFileValue {
            value: key.get_ref().as_ref(),
            place: beside.place_at_offset(key.span().start),
        };
        if let Some(problem) = check_path(path.value) {
            beside.push_problem(path.place, problem);
            continue;
        }
        if let Some(field) = read_field(beside, path.place, value) {
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

fn read_field<'t>(
    beside: &mut SideFile<'_>,
    place: Position,
    value: &'t Spanned<DeValue<'t>>,
) -> Option<CatalogueField> {
    let section = beside.read_section("a field", value)?;
    beside.check_keys(section, &["type", "meaning", "values"]);
    let word = beside.required_text(section.with_place(place), "type", TYPES);
    let field_type = word.and_then(|word| {
        let known = FieldType::from_word(word.value);
        if known.is_none() {
            let near = did_you_mean(word.value, FieldType::ALL.map(FieldType::as_str));
            let problem = format!("there is no type {:?}", word.value);
            beside.report_with_help(word.place, problem, near.unwrap_or_else(|| TYPES.into()));
        }
        known
    });
    let help = "say in a line what it tells: `meaning = \"..\"`";
    let meaning = beside.required_text(section.with_place(place), "meaning", help);
    let values = beside.read_texts(section, "values");
    if let (Some(first), Some(field_type)) = (values.first(), field_type)
        && field_type != FieldType::String
    {
        let problem = format!("only texts have `values`, and its type is {field_type}");
        beside.report_problem(first.place, problem);
    }
    Some(CatalogueField {
        field_type: field_type?,
        meaning: Arc::from(meaning?.value),
        values: values.iter().map(|text| Arc::from(text.value)).collect(),
    })
}
