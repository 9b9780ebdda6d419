//! What a rule asks against what is known of its topics.

use std::collections::BTreeSet;

use larum_event::TopicPattern;
use rhai::Position;

use super::field_type::TextTest;
use super::pattern::{Overlap, overlap};
use super::{Catalogue, CatalogueField, CatalogueTopic, FieldType};
use crate::diagnostic::{Diagnostic, Level, Refusal, did_you_mean, nearest};
use crate::draft::Asks;
use crate::rule::Rule;
use crate::script::{Asked, FieldUse, Literal};
use crate::view::is_value_property;

/// Fields that a message lists.
const LISTED: usize = 6;

/// Something wrong with what a rule asks.
struct Mismatch {
    place: Position,
    level: Level,
    problem: Refusal,
}

/// What is known of the topics that one rule reads.
struct Readable<'c> {
    catalogue: &'c Catalogue,
    on: &'c [TopicPattern],
    /// Those that share topics with it.
    topics: Vec<&'c CatalogueTopic>,
    /// Whether every topic it reads is closed.
    closed: bool,
}

impl Catalogue {
    /// Whether it knows anything but what the engine knows itself.
    fn is_written(&self) -> bool {
        self.topics.iter().any(|topic| !topic.file.is_empty())
    }

    /// What is wrong with what a rule asks, each with its place.
    pub(crate) fn check(&self, rule: &Rule, asks: &Asks) -> Vec<(Position, Diagnostic)> {
        let id = rule.id.as_str();
        let uses = asks.uses.iter();
        let uses = uses.flat_map(|(on, uses)| self.told(rule, on, uses));
        let topics = self.unknown_topics(&rule.on).into_iter();
        let topics = topics.map(|it| (asks.on_place, it.of_rule(id).warning()));
        uses.chain(topics).collect()
    }

    /// What is wrong with fields that something else than a rule reads on the topics `on`.
    pub(crate) fn check_reads(
        &self,
        on: &[TopicPattern],
        on_place: Position,
        uses: &[FieldUse],
    ) -> Vec<(Level, Position, Refusal)> {
        let uses = self.uses(on, uses).into_iter();
        let uses = uses.map(|it| (it.level, it.place, it.problem));
        let topics = self.unknown_topics(on).into_iter();
        let topics = topics.map(|it| (Level::Warning, on_place, it));
        uses.chain(topics).collect()
    }

    fn unknown_topics(&self, on: &[TopicPattern]) -> Vec<Refusal> {
        let unknown = on.iter().filter_map(|on| {
            let help = self.topic_near(on)?;
            let problem = format!("no known event has the topic {:?}", on.as_str());
            Some(Refusal::new("unknown-topic", problem).help(help))
        });
        unknown.collect()
    }

    /// The same of `uses`, in whatever file they stand.
    pub(crate) fn check_uses(&self, rule: &Rule, uses: &[FieldUse]) -> Vec<(Position, Diagnostic)> {
        self.told(rule, &rule.on, uses)
    }

    fn told(
        &self,
        rule: &Rule,
        on: &[TopicPattern],
        uses: &[FieldUse],
    ) -> Vec<(Position, Diagnostic)> {
        let id = rule.id.as_str();
        let uses = self.uses(on, uses).into_iter();
        uses.map(|it| (it.place, it.problem.of_rule(id).leveled(it.level)))
            .collect()
    }

    fn uses(&self, on: &[TopicPattern], uses: &[FieldUse]) -> Vec<Mismatch> {
        let readable = Readable::new(self, on);
        let mut found: Vec<Mismatch> = Vec::new();
        for one in uses {
            let mismatch = match &one.asked {
                Asked::Value => readable.existence(one),
                Asked::Equal(literal) => readable
                    .comparison(one, literal)
                    .or_else(|| readable.value(one, literal)),
                Asked::Ordered(literal) => readable.comparison(one, literal),
                Asked::Text(function) => readable.text(one, function),
                Asked::Key => readable.key(one),
                Asked::Kept => None,
            };
            let Some(mismatch) = mismatch else {
                continue;
            };
            let same = |known: &Mismatch| {
                known.place == mismatch.place && known.problem == mismatch.problem
            };
            if !found.iter().any(same) {
                found.push(mismatch);
            }
        }
        found
    }

    /// The topic that was probably meant by one that nothing is known of.
    fn topic_near(&self, on: &TopicPattern) -> Option<String> {
        let is_known = |topic: &CatalogueTopic| overlap(on, &topic.pattern) != Overlap::Apart;
        if !on.is_literal() || !self.is_written() || self.topics.iter().any(is_known) {
            return None;
        }
        let known = self.topics.iter().map(|topic| topic.pattern.as_str());
        let near = known.filter(|known| is_near(on.as_str(), known)).min()?;
        Some(format!("did you mean `{near}`?"))
    }
}

impl<'c> Readable<'c> {
    fn new(catalogue: &'c Catalogue, on: &'c [TopicPattern]) -> Self {
        let topics = catalogue.topics.iter().filter(|topic| {
            on.iter()
                .any(|on| overlap(on, &topic.pattern) != Overlap::Apart)
        });
        let topics: Vec<&CatalogueTopic> = topics.collect();
        let is_closed = |on: &TopicPattern| {
            let all = |topic: &&CatalogueTopic| overlap(on, &topic.pattern) == Overlap::All;
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
    fn known(&self, path: &str) -> Vec<&'c CatalogueField> {
        let topics = self.topics.iter();
        let topics = topics.filter_map(|topic| topic.fields.get(path));
        self.catalogue
            .common
            .get(path)
            .into_iter()
            .chain(topics)
            .collect()
    }

    /// Whether `path` leads to something that is described, or into something whose inside is not.
    fn leads_somewhere(&self, path: &str) -> bool {
        if !path.starts_with("data.") && !path.starts_with("metadata.") {
            // The engine's own, checked where the rule is read.
            return true;
        }
        let below = format!("{path}.");
        self.paths().any(|(known, field)| {
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

    fn paths(&self) -> impl Iterator<Item = (&'c str, &'c CatalogueField)> + '_ {
        let topics = self.topics.iter().flat_map(|topic| &topic.fields);
        let all = self.catalogue.common.iter().chain(topics);
        all.map(|(path, field)| (path.as_ref(), field))
    }

    fn existence(&self, one: &FieldUse) -> Option<Mismatch> {
        let path = one.path.as_str();
        if self.topics.is_empty() || self.leads_somewhere(path) {
            return None;
        }
        if let Some((above, property)) = path.rsplit_once('.')
            && is_value_property(property)
            && self.leads_somewhere(above)
        {
            return None;
        }
        let near = self.near(path);
        let problem = format!("{} have no `{path}`", self.topic_words());
        let level = match (self.closed, &near) {
            (true, _) => Level::Error,
            // Where anything may stand, only what looks misspelt is worth a word.
            (false, Some(_)) if !self.topics.iter().any(|topic| topic.open) => Level::Warning,
            (false, _) => return None,
        };
        let help = near.unwrap_or_else(|| self.listed());
        Some(one.mismatch(level, Refusal::new("unknown-field", problem).help(help)))
    }

    fn topic_words(&self) -> String {
        match self.on {
            [only] if only.is_literal() => format!("events of {only}"),
            [only] => format!("known events of {only}"),
            _ => "events of the topics it reads".to_owned(),
        }
    }

    /// "did you mean" another field of these topics.
    fn near(&self, path: &str) -> Option<String> {
        let tail = |path: &str| path.split_once('.').map_or("", |(_, tail)| tail).to_owned();
        let wanted = tail(path);
        let below = |(known, _): &(&str, &CatalogueField)| {
            known.starts_with("data.") || known.starts_with("metadata.")
        };
        let tails: Vec<(String, &str)> = self
            .paths()
            .filter(below)
            .map(|(known, _)| (tail(known), known))
            .collect();
        let meant = nearest(&wanted, tails.iter().map(|(tail, _)| tail.as_str()))?;
        let (_, known) = tails.iter().find(|(tail, _)| tail == meant)?;
        Some(format!("did you mean `{known}`?"))
    }

    fn listed(&self) -> String {
        let topics = self.topics.iter();
        let fields: BTreeSet<&str> = topics
            .flat_map(|topic| topic.fields.keys().map(AsRef::as_ref))
            .collect();
        let mut names: Vec<&str> = fields.iter().copied().take(LISTED).collect();
        if fields.len() > LISTED {
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
    fn level(&self, path: &str) -> Level {
        let is_common = self.catalogue.common.contains_key(path) && self.catalogue.is_written();
        let is_covered = |on: &TopicPattern| {
            self.topics.iter().any(|topic| {
                topic.fields.contains_key(path) && overlap(on, &topic.pattern) == Overlap::All
            })
        };
        if is_common || self.on.iter().all(is_covered) {
            Level::Error
        } else {
            Level::Warning
        }
    }

    fn comparison(&self, one: &FieldUse, literal: &Literal) -> Option<Mismatch> {
        let known = self.known(&one.path);
        let fits = |field: &&CatalogueField| field.field_type.compares_with(literal);
        if known.iter().any(fits) {
            return None;
        }
        let field_type = known.first()?.field_type;
        let problem = format!(
            "`{}` is {} and never compares with {}",
            one.path,
            field_type.words(),
            literal_words(literal)
        );
        let help = match (field_type, literal) {
            (FieldType::Integer | FieldType::Number, Literal::Str(text))
                if text.parse::<f64>().is_ok() =>
            {
                Some(format!("numbers have no quotes: `{text}`"))
            }
            (FieldType::Boolean, Literal::Str(text)) if ["true", "false"].contains(&&**text) => {
                Some(format!("truths have no quotes: `{text}`"))
            }
            (FieldType::String, Literal::Int(value)) => {
                Some(format!("texts have quotes: `\"{value}\"`"))
            }
            (FieldType::String, Literal::Bool(value)) => {
                Some(format!("texts have quotes: `\"{value}\"`"))
            }
            _ => None,
        };
        let problem = Refusal::new("type-mismatch", problem).maybe_help(help);
        Some(one.mismatch(self.level(&one.path), problem))
    }

    fn value(&self, one: &FieldUse, literal: &Literal) -> Option<Mismatch> {
        let Literal::Str(text) = literal else {
            return None;
        };
        let known = self.known(&one.path);
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
        let problem = Refusal::new("unknown-value", problem).help(help);
        Some(one.mismatch(Level::Warning, problem))
    }

    fn text(&self, one: &FieldUse, function: &str) -> Option<Mismatch> {
        let test = match function {
            "contains" => TextTest::Contains,
            "matches" | "cidr" => TextTest::Other,
            name if crate::text::TextTest::named(name).is_some() => TextTest::Other,
            _ => return None,
        };
        let known = self.known(&one.path);
        let field_type = known.first()?.field_type;
        if known
            .iter()
            .any(|field| field.field_type.is_searched_by(test))
        {
            return None;
        }
        let problem = format!(
            "`{}` is {}, and `{function}` asks of texts",
            one.path,
            field_type.words()
        );
        let problem = Refusal::new("type-mismatch", problem);
        Some(one.mismatch(self.level(&one.path), problem))
    }

    fn key(&self, one: &FieldUse) -> Option<Mismatch> {
        let known = self.known(&one.path);
        let groups = |field: &&CatalogueField| {
            !matches!(field.field_type, FieldType::List | FieldType::Object)
        };
        let field_type = known.first()?.field_type;
        if known.iter().any(groups) {
            return None;
        }
        let problem = format!(
            "`{}` is {}, and events are grouped by single values",
            one.path,
            field_type.words()
        );
        let problem = Refusal::new("bad-key", problem);
        Some(one.mismatch(self.level(&one.path), problem))
    }
}

impl FieldUse {
    fn mismatch(&self, level: Level, problem: Refusal) -> Mismatch {
        Mismatch {
            place: self.place,
            level,
            problem,
        }
    }
}

/// Whether one topic may have been meant by another: each segment is the same, or misspelt.
fn is_near(topic: &str, known: &str) -> bool {
    let same_length = topic.split('.').count() == known.split('.').count();
    let mut segments = topic.split('.').zip(known.split('.'));
    same_length && segments.all(|(one, other)| nearest(one, [other]).is_some())
}

fn literal_words(literal: &Literal) -> String {
    match literal {
        Literal::Unit => "()".to_owned(),
        Literal::Bool(value) => value.to_string(),
        Literal::Int(value) => format!("the number {value}"),
        Literal::Float(value) => format!("the number {value}"),
        Literal::Char(value) => format!("the text {:?}", value.to_string()),
        Literal::Str(text) => format!("the text {:?}", &**text),
        Literal::Array(_) => "a list".to_owned(),
        Literal::Map(_) => "a map".to_owned(),
    }
}
