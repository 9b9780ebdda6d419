//! Sigma as a language of rule sets.
//!
//! `**/*.yml` and `**/*.yaml` of a rules folder are Sigma documents; a `log_sources.toml` at its top adds to
//! the table of log sources. A rule's id among all rules is `sigma.` and its own id.

use std::collections::HashMap;

use larum_event::{RuleFile, RuleId, Severity, limits};
use larum_rule::predicate::{Expression, PathMap, PredicateSetBuilder};
use larum_rule::{Compiled, CompiledRule, Diagnostic, FrontEnd};

use crate::layout::default_layout;
use crate::load::{LoadedRule, LogSources, SigmaLoader};
use crate::log_source::LogSourceTable;

const LOG_SOURCES: &str = "log_sources.toml";

/// Reads Sigma rules and filters, each for events of its log source.
#[derive(Debug, Clone, Default)]
pub struct SigmaFrontEnd;

impl FrontEnd for SigmaFrontEnd {
    fn language(&self) -> &'static str {
        "sigma"
    }

    fn reads(&self, path: &str) -> bool {
        path == LOG_SOURCES || is_document(path)
    }

    fn compile(
        &self,
        files: &[&RuleFile],
        premise: &Expression,
        predicates: &mut PredicateSetBuilder,
    ) -> Compiled {
        let mut compiled = Compiled::default();
        let mut table = LogSourceTable::builtin();
        if let Some(file) = files.iter().find(|file| file.path == LOG_SOURCES) {
            match LogSourceTable::parse(&file.text) {
                Ok(own) => table = table.and(own),
                Err(error) => compiled.findings.push(not_a_table(file, &error)),
            }
        }
        let mut loader = SigmaLoader::new(LogSources::Routed(table));
        for file in files.iter().filter(|file| is_document(&file.path)) {
            loader.add(&file.path, &file.text);
        }
        let loaded = loader.compile(premise, predicates);
        let by_path: HashMap<&str, &RuleFile> = files
            .iter()
            .map(|file| (file.path.as_str(), *file))
            .collect();
        let mut refuse = |path: &str, line, code, name: &str, reason: &str| {
            if let Some(file) = by_path.get(path) {
                let message = format!("{name:?} is not loaded: {reason}");
                let finding = Diagnostic::refused(file, line, code, message);
                compiled.findings.push(finding);
            }
        };
        for one in &loaded.refused {
            refuse(&one.file, one.line, "sigma", &one.name, &one.reason);
        }
        for (file, line, one) in &loaded.correlations {
            let reason = "correlations need windows over Sigma rules, which do not run yet";
            refuse(file, *line, "sigma-correlation", &one.title, reason);
        }
        let mut known: HashMap<RuleId, String> = HashMap::new();
        for (rule, programs) in loaded.rules {
            let id = match id(&rule) {
                Ok(id) => id,
                Err(reason) => {
                    refuse(&rule.file, rule.line, "sigma-id", &rule.title, &reason);
                    continue;
                }
            };
            if let Some(other) = known.get(&id) {
                let reason = format!("it has no id, and a rule in {other} has the same title");
                refuse(&rule.file, rule.line, "sigma-id", &rule.title, &reason);
                continue;
            }
            known.insert(id.clone(), rule.file.clone());
            compiled.rules.push(CompiledRule {
                id,
                title: rule.title.into(),
                description: rule.metadata.description.map(Into::into),
                severity: rule.severity.unwrap_or(Severity::Medium),
                attack: texts(rule.metadata.attack),
                references: texts(rule.metadata.references),
                false_positives: texts(rule.metadata.false_positives),
                file: rule.file.into(),
                line: rule.line,
                programs,
                synonyms: rule
                    .synonyms
                    .into_iter()
                    .map(|(field, other)| (field.into(), other.into()))
                    .collect(),
                semantic_hash: rule.semantic_hash,
            });
        }
        compiled
    }

    fn layout(&self) -> PathMap {
        let mut map = default_layout().below("data");
        // Who sends events that do not say themselves what they are has a decoder say it.
        for member in ["product", "category", "service"] {
            map.alias(&format!("metadata.{member}"), member);
        }
        map
    }
}

fn is_document(path: &str) -> bool {
    path.ends_with(".yml") || path.ends_with(".yaml")
}

fn not_a_table(file: &RuleFile, error: &toml::de::Error) -> Diagnostic {
    let before = error.span().map_or(0, |span| span.start);
    let before = file.text.get(..before).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let reason = error.message().trim();
    Diagnostic::error(
        file,
        line,
        "log-sources",
        format!("no table of log sources: {reason}"),
    )
}

fn texts<T: From<String>>(texts: Vec<String>) -> Vec<T> {
    texts.into_iter().map(Into::into).collect()
}

/// `sigma.` and the rule's id; of a rule without one, its title in words joined by `_`.
fn id(rule: &LoadedRule) -> Result<RuleId, String> {
    let own = match &rule.id {
        Some(id) => id.clone(),
        None => title_as_id(&rule.title),
    };
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

fn title_as_id(title: &str) -> String {
    let words: Vec<String> = title
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    let mut id = words.join("_");
    id.truncate(limits::TOPIC_SEGMENT_BYTES);
    id
}
