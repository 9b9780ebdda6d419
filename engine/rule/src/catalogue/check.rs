//! What a rule asks, against what is known of its topics.
//!
//! Owns the findings about fields, values and types. It checks rules, never events, and knows
//! nothing of the paths that the engine itself refuses.
//! Invariant: only what no described event could satisfy is an error; where the descriptions leave
//! room for other events, it is a warning at most.

use std::collections::BTreeSet;

use larum_event::TopicPattern;
use larum_predicate::{Diagnostic, DiagnosticLevel};
use rhai::Position;

use super::field_type::CatalogueTextTest;
use super::pattern::{TopicOverlap, topic_overlap};
use super::{CatalogueField, CatalogueTopic, FieldCatalogue, FieldType};
use crate::diagnostic::{RuleProblem, did_you_mean, find_nearest};
use crate::draft::RuleFieldUsages;
use crate::rule::Rule;
use crate::script::{FieldUsage, FieldUsageKind, RuleLiteral};
use crate::view::is_value_property;

/// Fields that a message lists.
const LISTED_FIELDS: usize = 6;

/// Something wrong with what a rule asks.
struct CatalogueMismatch {
    place: Position,
    level: DiagnosticLevel,
    problem: RuleProblem,
}

/// What is known of the topics that one rule reads.
struct ReadableTopics<'c> {
    catalogue: &'c FieldCatalogue,
    on: &'c [TopicPattern],
    /// Those that share topics with it.
    topics: Vec<&'c CatalogueTopic>,
    /// Whether every topic it reads is closed.
    closed: bool,
}

impl FieldCatalogue {
    /// Whether it knows anything but what the engine knows itself.
    fn has_files(&self) -> bool {
        self.topics.iter().any(|topic| !topic.file.is_empty())
    }

    /// What is wrong with what a rule asks, each with its place.
    pub(crate) fn check_rule(
        &self,
        rule: &Rule,
        asks: &RuleFieldUsages,
    ) -> Vec<(Position, Diagnostic)> {
        let id = rule.id.as_str();
        let by_topics = asks.by_topics.iter();
        let uses = by_topics.flat_map(|(on, uses)| self.diagnose_usages(rule, on, uses));
        let topics = self
            .find_unknown_topics(&rule.on)
            .into_iter()
            .map(|it| (asks.on_place, it.about_rule(id).into_warning()));
        uses.chain(topics).collect()
    }

    /// What is wrong with fields that something else than a rule reads on the topics `on`.
    pub(crate) fn check_field_reads(
        &self,
        on: &[TopicPattern],
        on_place: Position,
        uses: &[FieldUsage],
    ) -> Vec<(DiagnosticLevel, Position, RuleProblem)> {
        let uses = self
            .find_mismatches(on, uses)
            .into_iter()
            .map(|it| (it.level, it.place, it.problem));
        let topics = self
            .find_unknown_topics(on)
            .into_iter()
            .map(|it| (DiagnosticLevel::Warning, on_place, it));
        uses.chain(topics).collect()
    }

    fn find_unknown_topics(&self, on: &[TopicPattern]) -> Vec<RuleProblem> {
        let unknown = on.iter().filter_map(|on| {
            let help = self.suggest_topic(on)?;
            let problem = format!("no known event has the topic {:?}", on.as_str());
            Some(RuleProblem::new("unknown-topic", problem).with_help(help))
        });
        unknown.collect()
    }

    /// The same for `uses`, which may be written in any file.
    pub(crate) fn check_usages(
        &self,
        rule: &Rule,
        uses: &[FieldUsage],
    ) -> Vec<(Position, Diagnostic)> {
        self.diagnose_usages(rule, &rule.on, uses)
    }

    fn diagnose_usages(
        &self,
        rule: &Rule,
        on: &[TopicPattern],
        uses: &[FieldUsage],
    ) -> Vec<(Position, Diagnostic)> {
        let id = rule.id.as_str();
        let uses = self.find_mismatches(on, uses).into_iter();
        uses.map(|it| {
            (
                it.place,
                it.problem.about_rule(id).into_diagnostic(it.level),
            )
        })
        .collect()
    }

    fn find_mismatches(&self, on: &[TopicPattern], uses: &[FieldUsage]) -> Vec<CatalogueMismatch> {
        let readable = ReadableTopics::new(self, on);
        let mut found: Vec<CatalogueMismatch> = Vec::new();
        for one in uses {
            let mismatch = match &one.kind {
                FieldUsageKind::Value => readable.check_existence(one),
                FieldUsageKind::Equal(literal) => readable
                    .check_comparison(one, literal)
                    .or_else(|| readable.check_value(one, literal)),
                FieldUsageKind::Ordered(literal) => readable.check_comparison(one, literal),
                FieldUsageKind::Text(function) => readable.check_text_test(one, function),
                FieldUsageKind::Key => readable.check_key(one),
                FieldUsageKind::Kept => None,
            };
            let Some(mismatch) = mismatch else {
                continue;
            };
            let same = |known: &CatalogueMismatch| {
                known.place == mismatch.place && known.problem == mismatch.problem
            };
            if !found.iter().any(same) {
                found.push(mismatch);
            }
        }
        found
    }

    /// The topic that was probably meant by one that nothing is known of.
    fn suggest_topic(&self, on: &TopicPattern) -> Option<String> {
        let is_known =
            |topic: &CatalogueTopic| topic_overlap(on, &topic.pattern) != TopicOverlap::Disjoint;
        if !on.is_literal() || !self.has_files() || self.topics.iter().any(is_known) {
            return None;
        }
        let known = self.topics.iter().map(|topic| topic.pattern.as_str());
        let near = known
            .filter(|known| is_near_topic(on.as_str(), known))
            .min()?;
        Some(format!("did you mean `{near}`?"))
    }
}

impl<'c> ReadableTopics<'c> {
    fn new(catalogue: &'c FieldCatalogue, on: &'c [TopicPattern]) -> Self {
        let topics: Vec<&CatalogueTopic> = catalogue
            .topics
            .iter()
            .filter(|topic| {
                on.iter()
                    .any(|on| topic_overlap(on, &topic.pattern) != TopicOverlap::Disjoint)
            })
            .collect();
        let is_closed = |on: &TopicPattern| {
            let all = |topic: &&CatalogueTopic| {
                topic_overlap(on, &topic.pattern) == TopicOverlap::Contained
            };
            topics.iter().any(|topic| !topic.open && all(topic))
        };
        let closed = !topics.iter().any(|topic| topic.open) && on.iter().all(is_closed);
        Self {
            catalogue,
            on,
            closed,
            topics,
        }
    }

    /// What is known of a path: the same path of several topics may differ.
    fn fields_at_path(&self, path: &str) -> Vec<&'c CatalogueField> {
        let topics = self
            .topics
            .iter()
            .filter_map(|topic| topic.fields.get(path));
        self.catalogue
            .common
            .get(path)
            .into_iter()
            .chain(topics)
            .collect()
    }

    /// Whether `path` leads to something that is described, or into something whose inside is not.
    fn is_known_path(&self, path: &str) -> bool {
        if !path.starts_with("data.") && !path.starts_with("metadata.") {
            // The engine's own, checked where the rule is read.
            return true;
        }
        let below = format!("{path}.");
        self.described_paths().any(|(known, field)| {
            let holds_anything = matches!(
                field.field_type,
                FieldType::Object | FieldType::Any | FieldType::List
            );
            let is_above = || {
                let rest = path.strip_prefix(known);
                holds_anything && rest.is_some_and(|rest| rest.starts_with('.'))
            };
            known == path || known.starts_with(&below) || is_above()
        })
    }

    fn described_paths(&self) -> impl Iterator<Item = (&'c str, &'c CatalogueField)> + '_ {
        let topics = self.topics.iter().flat_map(|topic| &topic.fields);
        let all = self.catalogue.common.iter().chain(topics);
        all.map(|(path, field)| (path.as_ref(), field))
    }

    fn check_existence(&self, one: &FieldUsage) -> Option<CatalogueMismatch> {
        let path = one.path.as_str();
        if self.topics.is_empty() || self.is_known_path(path) {
            return None;
        }
        if let Some((above, property)) = path.rsplit_once('.')
            && is_value_property(property)
            && self.is_known_path(above)
        {
            return None;
        }
        let near = self.suggest_field(path);
        let problem = format!("{} have no `{path}`", self.describe_topics());
        let level = match (self.closed, &near) {
            (true, _) => DiagnosticLevel::Error,
            // Where other fields may exist, only names that look misspelt are reported.
            (false, Some(_)) if !self.topics.iter().any(|topic| topic.open) => {
                DiagnosticLevel::Warning
            }
            (false, _) => return None,
        };
        let help = near.unwrap_or_else(|| self.list_fields());
        Some(one.to_mismatch(
            level,
            RuleProblem::new("unknown-field", problem).with_help(help),
        ))
    }

    fn describe_topics(&self) -> String {
        match self.on {
            [only] if only.is_literal() => format!("events of {only}"),
            [only] => format!("known events of {only}"),
            _ => "events of the topics it reads".to_owned(),
        }
    }

    /// "did you mean" another field of these topics.
    fn suggest_field(&self, path: &str) -> Option<String> {
        let tail = |path: &str| path.split_once('.').map_or("", |(_, tail)| tail).to_owned();
        let wanted = tail(path);
        let below = |(known, _): &(&str, &CatalogueField)| {
            known.starts_with("data.") || known.starts_with("metadata.")
        };
        let tails: Vec<(String, &str)> = self
            .described_paths()
            .filter(below)
            .map(|(known, _)| (tail(known), known))
            .collect();
        let meant = find_nearest(&wanted, tails.iter().map(|(tail, _)| tail.as_str()))?;
        let (_, known) = tails.iter().find(|(tail, _)| tail == meant)?;
        Some(format!("did you mean `{known}`?"))
    }

    fn list_fields(&self) -> String {
        let topics = self.topics.iter();
        let fields: BTreeSet<&str> = topics
            .flat_map(|topic| topic.fields.keys().map(AsRef::as_ref))
            .collect();
        let mut names: Vec<&str> = fields.iter().copied().take(LISTED_FIELDS).collect();
        if fields.len() > LISTED_FIELDS {
            names.push("..");
        }
        let mut files = self.topics.iter().map(|topic| topic.file.as_ref());
        let file = files.rfind(|file| !file.is_empty());
        let names = names.join(", ");
        match file {
            Some(file) => format!("they have {names}; a new field belongs into {file}"),
            None => format!("they have {names}"),
        }
    }

    /// An error where everything that is known says so, else a warning. Who describes no fields
    /// gets no more than warnings for what the engine knows itself.
    fn mismatch_level(&self, path: &str) -> DiagnosticLevel {
        let is_common = self.catalogue.common.contains_key(path) && self.catalogue.has_files();
        let is_covered = |on: &TopicPattern| {
            self.topics.iter().any(|topic| {
                topic.fields.contains_key(path)
                    && topic_overlap(on, &topic.pattern) == TopicOverlap::Contained
            })
        };
        if is_common || self.on.iter().all(is_covered) {
            DiagnosticLevel::Error
        } else {
            DiagnosticLevel::Warning
        }
    }

    fn check_comparison(
        &self,
        one: &FieldUsage,
        literal: &RuleLiteral,
    ) -> Option<CatalogueMismatch> {
        let known = self.fields_at_path(&one.path);
        let fits = |field: &&CatalogueField| field.field_type.compares_with(literal);
        if known.iter().any(fits) {
            return None;
        }
        // No topic fits, so the first stands for all of them in the message.
        let field_type = known.first()?.field_type;
        let problem = format!(
            "`{}` is {} and never compares with {}",
            one.path,
            field_type.describe_value(),
            describe_literal(literal)
        );
        let help = match (field_type, literal) {
            (FieldType::Integer | FieldType::Number, RuleLiteral::Str(text))
                if text.parse::<f64>().is_ok() =>
            {
                Some(format!("numbers have no quotes: `{text}`"))
            }
            (FieldType::Boolean, RuleLiteral::Str(text))
                if ["true", "false"].contains(&&**text) =>
            {
                Some(format!("truths have no quotes: `{text}`"))
            }
            (FieldType::String, RuleLiteral::Int(value)) => {
                Some(format!("texts have quotes: `\"{value}\"`"))
            }
            (FieldType::String, RuleLiteral::Bool(value)) => {
                Some(format!("texts have quotes: `\"{value}\"`"))
            }
            _ => None,
        };
        let problem = RuleProblem::new("type-mismatch", problem).with_optional_help(help);
        Some(one.to_mismatch(self.mismatch_level(&one.path), problem))
    }

    fn check_value(&self, one: &FieldUsage, literal: &RuleLiteral) -> Option<CatalogueMismatch> {
        let RuleLiteral::Str(text) = literal else {
            return None;
        };
        let known = self.fields_at_path(&one.path);
        let can_be = |field: &&CatalogueField| {
            field.values.is_empty() || field.values.iter().any(|value| value == text)
        };
        if known.is_empty() || known.iter().any(can_be) {
            return None;
        }
        let values: BTreeSet<&str> = known
            .iter()
            .flat_map(|field| field.values.iter().map(AsRef::as_ref))
            .collect();
        let problem = format!("`{}` is never {text:?}", one.path);
        let help = did_you_mean(text, values.iter().copied()).unwrap_or_else(|| {
            let values: Vec<&str> = values.iter().copied().collect();
            format!("it is one of {}", values.join(", "))
        });
        let problem = RuleProblem::new("unknown-value", problem).with_help(help);
        Some(one.to_mismatch(DiagnosticLevel::Warning, problem))
    }

    fn check_text_test(&self, one: &FieldUsage, function: &str) -> Option<CatalogueMismatch> {
        let test = match function {
            "contains" => CatalogueTextTest::Contains,
            "matches" | "cidr" => CatalogueTextTest::Other,
            name if crate::text::TextOperator::from_name(name).is_some() => {
                CatalogueTextTest::Other
            }
            _ => return None,
        };
        let known = self.fields_at_path(&one.path);
        let field_type = known.first()?.field_type;
        if known
            .iter()
            .any(|field| field.field_type.supports_text_test(test))
        {
            return None;
        }
        let message = format!(
            "`{}` is {}, and `{function}` asks of texts",
            one.path,
            field_type.describe_value()
        );
        let problem = RuleProblem::new("type-mismatch", message);
        Some(one.to_mismatch(self.mismatch_level(&one.path), problem))
    }

    fn check_key(&self, one: &FieldUsage) -> Option<CatalogueMismatch> {
        let known = self.fields_at_path(&one.path);
        let groups = |field: &&CatalogueField| {
            !matches!(field.field_type, FieldType::List | FieldType::Object)
        };
        let field_type = known.first()?.field_type;
        if known.iter().any(groups) {
            return None;
        }
        let message = format!(
            "`{}` is {}, and events are grouped by single values",
            one.path,
            field_type.describe_value()
        );
        let problem = RuleProblem::new("bad-key", message);
        Some(one.to_mismatch(self.mismatch_level(&one.path), problem))
    }
}

impl FieldUsage {
    fn to_mismatch(&self, level: DiagnosticLevel, problem: RuleProblem) -> CatalogueMismatch {
        CatalogueMismatch {
            place: self.place,
            level,
            problem,
        }
    }
}

/// Whether one topic may have been meant by another: each segment is the same, or misspelt.
fn is_near_topic(topic: &str, known: &str) -> bool {
    let same_length = topic.split('.').count() == known.split('.').count();
    let mut segments = topic.split('.').zip(known.split('.'));
    same_length && segments.all(|(one, other)| find_nearest(one, [other]).is_some())
}

fn describe_literal(literal: &RuleLiteral) -> String {
    match literal {
        RuleLiteral::Unit => "()".to_owned(),
        RuleLiteral::Bool(value) => value.to_string(),
        RuleLiteral::Int(value) => format!("the number {value}"),
        RuleLiteral::Float(value) => format!("the number {value}"),
        RuleLiteral::Char(value) => format!("the text {:?}", value.to_string()),
        RuleLiteral::Str(text) => format!("the text {:?}", &**text),
        RuleLiteral::Array(_) => "a list".to_owned(),
        RuleLiteral::Map(_) => "a map".to_owned(),
    }
}
