//! Sigma as a language of rule sets.
//!
//! `**/*.yml` and `**/*.yaml` of a rules folder are Sigma documents; a `log_sources.toml` at its
//! top adds to the table of log sources. A rule's id among all rules is `sigma.` and its own id.
//!
//! Owns ids, files and findings; what a document means is left to `load`, and loading the rules
//! into a set is the rule loader's job.
//! Invariant: an id is given once. Of two documents with one id the later is refused, so an alert
//! always names one rule.

use std::collections::HashMap;

use larum_event::toml_file::TomlPlace;
use larum_event::{RuleFile, RuleId, Severity, limits};
use larum_predicate::{
    AlertAudience, BoolExpression, CompiledRule, Diagnostic, FrontEnd, FrontEndOutput, PathMap,
    PredicateSetBuilder, ViewId,
};

use crate::correlate::CorrelationSet;
use crate::correlation::{
    ReferenceTarget, ResolvedCorrelation, SigmaCorrelation, resolve_correlations,
};
use crate::layout::default_layout;
use crate::load::{CompiledDocuments as Loaded, LoadedRule, LogSources, SigmaLoader};
use crate::log_source::LogSourceTable;
use crate::rule::RuleMetadata;

const LOG_SOURCES: &str = "log_sources.toml";
/// Fields in which records that are not events keep their time.
const TIMES: [&str; 7] = [
    "@timestamp",
    "timestamp",
    "SystemTime",
    "TimeCreated",
    "EventTime",
    "time",
    "ts",
];

/// Reads Sigma rules and filters, each for events of its log source.
#[derive(Debug, Clone, Default)]
pub struct SigmaFrontEnd;

impl FrontEnd for SigmaFrontEnd {
    fn language(&self) -> &'static str {
        "sigma"
    }

    fn reads_file(&self, path: &str) -> bool {
        path == LOG_SOURCES || is_document(path)
    }

    fn compile(
        &self,
        files: &[&RuleFile],
        premise: &BoolExpression,
        predicates: &mut PredicateSetBuilder,
    ) -> FrontEndOutput {
        let mut compiled = FrontEndOutput::default();
        let mut table = LogSourceTable::builtin();
        if let Some(file) = files.iter().find(|file| file.path == LOG_SOURCES) {
            match LogSourceTable::parse(&file.text) {
                Ok(own) => table = table.merge_table(own),
                Err(error) => compiled.findings.push(log_source_error(file, &error)),
            }
        }
        // The table before the documents: each is compiled for the log sources that it names.
        let mut loader = SigmaLoader::new(LogSources::Routed(table));
        for file in files.iter().filter(|file| is_document(&file.path)) {
            loader.add_file(&file.path, &file.text);
        }
        let loaded = loader.compile(premise, predicates);
        let mut out = SigmaOutput {
            files: files
                .iter()
                .map(|file| (file.path.as_str(), *file))
                .collect(),
            known: HashMap::new(),
            compiled,
        };
        for one in &loaded.refused {
            out.refuse_document(&one.file, one.line, "sigma", (&one.name, &one.reason));
        }
        out.add_documents(loaded, predicates);
        out.compiled
    }

    fn layout(&self) -> PathMap {
        let mut map = default_layout().nest_under("data");
        // For events that do not say themselves what they are, a decoder fills these in.
        for member in ["product", "category", "service"] {
            map.add_alias(&format!("metadata.{member}"), member);
        }
        map
    }
}

fn is_document(path: &str) -> bool {
    path.ends_with(".yml") || path.ends_with(".yaml")
}

fn log_source_error(file: &RuleFile, error: &toml::de::Error) -> Diagnostic {
    let start = error.span().map_or(0, |span| span.start);
    let line = TomlPlace::at_offset(&file.text, start).line;
    let reason = error.message().trim();
    Diagnostic::new_error(
        file,
        line,
        "log-sources",
        format!("no table of log sources: {reason}"),
    )
}

fn convert_texts<T: From<String>>(texts: Vec<String>) -> Vec<T> {
    texts.into_iter().map(Into::into).collect()
}

/// Collects rules and findings.
struct SigmaOutput<'f> {
    files: HashMap<&'f str, &'f RuleFile>,
    /// Ids, each with the file of its document.
    known: HashMap<RuleId, String>,
    compiled: FrontEndOutput,
}

impl SigmaOutput<'_> {
    fn refuse_document(&mut self, path: &str, line: usize, code: &'static str, what: (&str, &str)) {
        let (name, reason) = what;
        if let Some(file) = self.files.get(path) {
            let message = format!("{name:?} is not loaded: {reason}");
            let finding = Diagnostic::new_refusal(file, line, code, message);
            self.compiled.findings.push(finding);
        }
    }

    fn add_documents(&mut self, loaded: Loaded, predicates: &mut PredicateSetBuilder) {
        // Ids before references: a rule that is refused for its id must not be what a correlation
        // is about. Rules get theirs first, so a correlation never takes one away from a rule.
        let (mut rules, mut programs, mut ids) = (Vec::new(), Vec::new(), Vec::new());
        for (rule, of_rule) in loaded.rules {
            let place = (rule.file.as_str(), rule.line);
            if let Some(id) = self.assign_id(rule.id.as_deref(), &rule.title, place) {
                ids.push(id);
                rules.push(rule);
                programs.push(of_rule);
            }
        }
        let (mut correlations, mut their_ids) = (Vec::new(), HashMap::new());
        for one in loaded.correlations {
            let place = (one.file.as_str(), one.line);
            if let Some(id) = self.assign_id(one.id.as_deref(), &one.title, place) {
                their_ids.insert(place_of(&one), id);
                correlations.push(one);
            }
        }
        let (resolved, refused) = resolve_correlations(&rules, correlations);
        for (one, problem) in &refused {
            let what = (one.title.as_str(), problem.reason.as_str());
            self.refuse_document(&one.file, problem.line, "sigma-correlation", what);
        }
        let sets = CorrelationSet {
            rules: &rules,
            rule_ids: &ids,
            correlation_ids: resolved
                .iter()
                .filter_map(|one| their_ids.get(&place_of(&one.correlation)).cloned())
                .collect(),
            correlations: &resolved,
        };
        if !resolved.is_empty() {
            let times = TIMES.iter().map(|field| predicates.field_slot(field));
            self.compiled.times = times.collect();
        }
        // Audiences only now, of correlations that can run: one that was refused silences no rule.
        let audiences = sets.collect_audiences();
        let audience = |target| audiences.get(&target).copied().unwrap_or_default();
        for number in 0..resolved.len() {
            self.warn_percentile(&resolved, number);
            let audience = audience(ReferenceTarget::Correlation(number));
            let rule = sets.compile_rule(number, audience, predicates);
            self.compiled.rules.extend(rule);
        }
        for (number, (rule, programs)) in rules.into_iter().zip(programs).enumerate() {
            let audience = audience(ReferenceTarget::Rule(number));
            if let Some(id) = ids.get(number).cloned() {
                let rule = build_rule(rule, id, programs, audience);
                self.compiled.rules.push(rule);
            }
        }
    }

    /// Warns of a condition that other engines may read in another way.
    fn warn_percentile(&mut self, resolved: &[ResolvedCorrelation], number: usize) {
        let Some(one) = resolved.get(number).map(|one| &one.correlation) else {
            return;
        };
        let file = self.files.get(one.file.as_str());
        if let (Some(percentile), Some(file)) = (one.percentile, file) {
            let message = format!(
                "{:?} compares the value at percentile {} with {}; other engines may read it otherwise",
                one.title,
                f64::from(percentile) / 1_000.0,
                one.bounds
            );
            let finding = Diagnostic::new_warning(file, one.line, "sigma-percentile", message);
            self.compiled.findings.push(finding);
        }
    }

    /// The id of a document among all rules; a second one of the same id is refused.
    fn assign_id(
        &mut self,
        own: Option<&str>,
        title: &str,
        (file, line): (&str, usize),
    ) -> Option<RuleId> {
        let reason = match make_rule_id(own, title) {
            Err(reason) => reason,
            Ok(id) => match self.known.get(&id) {
                Some(other) => format!("a document in {other} has its id, or its title and no id"),
                None => {
                    self.known.insert(id.clone(), file.to_owned());
                    return Some(id);
                }
            },
        };
        self.refuse_document(file, line, "sigma-id", (title, &reason));
        None
    }
}

fn place_of(one: &SigmaCorrelation) -> (String, usize) {
    (one.file.clone(), one.line)
}

fn build_rule(
    rule: LoadedRule,
    id: RuleId,
    programs: Vec<(ViewId, BoolExpression)>,
    audience: AlertAudience,
) -> CompiledRule {
    let synonyms = rule.synonyms.into_iter();
    CompiledRule {
        programs,
        audience,
        synonyms: synonyms
            .map(|(field, other)| (field.into(), other.into()))
            .collect(),
        semantic_hash: rule.semantic_hash,
        ..empty_rule(
            RuleDescription {
                title: rule.title,
                severity: rule.severity,
                metadata: rule.metadata,
                file: rule.file,
                line: rule.line,
            },
            id,
        )
    }
}

/// What people read of rules and correlations.
pub(crate) struct RuleDescription {
    pub(crate) title: String,
    pub(crate) severity: Option<Severity>,
    pub(crate) metadata: RuleMetadata,
    pub(crate) file: String,
    pub(crate) line: usize,
}

/// A rule that detects nothing yet.
pub(crate) fn empty_rule(one: RuleDescription, id: RuleId) -> CompiledRule {
    CompiledRule {
        id,
        title: one.title.into(),
        description: one.metadata.description.map(Into::into),
        severity: one.severity.unwrap_or(Severity::Medium),
        attack: convert_texts(one.metadata.attack),
        references: convert_texts(one.metadata.references),
        false_positives: convert_texts(one.metadata.false_positives),
        file: one.file.into(),
        line: one.line,
        programs: Vec::new(),
        correlation: None,
        audience: AlertAudience::Everyone,
        synonyms: Vec::new(),
        semantic_hash: [0; 32],
    }
}

/// `sigma.` and the rule's id; of a rule without one, its title in words joined by `_`.
fn make_rule_id(own: Option<&str>, title: &str) -> Result<RuleId, String> {
    let own = own.map_or_else(|| id_from_title(title), str::to_owned);
    let fits = own.len() <= limits::TOPIC_SEGMENT_BYTES
        && !own.is_empty()
        && own
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if !fits {
        return Err(format!(
            "its id {own:?} is not made of at most {} letters, digits, '_' and '-'",
            limits::TOPIC_SEGMENT_BYTES
        ));
    }
    RuleId::new(format!("sigma.{own}")).map_err(|error| error.to_string())
}

fn id_from_title(title: &str) -> String {
    let words: Vec<String> = title
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    let mut id = words.join("_");
    id.truncate(limits::TOPIC_SEGMENT_BYTES);
    id
}
