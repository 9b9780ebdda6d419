//! Files to a set: documents are collected, then compiled together, so their order does not matter.
//!
//! Owns which documents of a file are rules, filters and correlations, and why one is refused; what
//! each asks is left to the modules of the same names.
//! Invariant: a document is compiled exactly as it is written, or refused with a reason; never in
//! part.

use std::collections::HashSet;
use std::sync::Arc;

use larum_event::Severity;
use larum_predicate::{
    BoolExpression, BuildError, FlatRecordReader, PathMap, PredicateSet, PredicateSetBuilder,
    ViewId,
};

use crate::correlation::{ATTRIBUTE, SigmaCorrelation, resolve_correlations};
use crate::error::{DocumentProblem, DocumentRefusal, SigmaResult};
use crate::filter::SigmaFilter;
use crate::item::{ExpressionScope, QUESTIONS};
use crate::log_source::{FieldMap, LogSource, LogSourcePart, LogSourceTable};
use crate::meaning::MeaningHasher;
use crate::rule::{DocumentHeader, RuleMetadata, read_log_source};
use crate::yaml::{self, YamlNode};

/// Whether a rule sees only events of its log source.
#[derive(Debug, Clone)]
pub enum LogSources {
    /// It sees those that the table names.
    Routed(LogSourceTable),
    /// It sees every event. For trying rules on events that do not say where they come from.
    Ignored,
}

/// A rule that was loaded; its number is its place in [`SigmaRules::rules`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedRule {
    /// Its title.
    pub title: String,
    /// Its id.
    pub id: Option<String>,
    /// Its name, by which correlations and filters may call it.
    pub name: Option<String>,
    /// Its level.
    pub severity: Option<Severity>,
    /// Which events it is about.
    pub log_source: LogSource,
    /// What people read of it.
    pub metadata: RuleMetadata,
    /// The file it came from.
    pub file: String,
    /// The line at which its document begins, from 1.
    pub line: usize,
    /// Fields, and what they are called in some of its events.
    pub synonyms: Vec<(String, String)>,
    /// A hash of what decides whether it matches.
    pub semantic_hash: [u8; 32],
}

/// The outcome for all files.
#[derive(Debug)]
pub struct SigmaRules {
    /// The predicates and programs.
    pub set: Arc<PredicateSet>,
    /// The rules, by number.
    pub rules: Vec<LoadedRule>,
    /// Correlations that can run, each behind those that it is about.
    pub correlations: Vec<SigmaCorrelation>,
    /// What was not loaded, each with the reason.
    pub refused: Vec<DocumentRefusal>,
}

impl SigmaRules {
    /// A reader for the fields of these rules.
    pub fn record_reader(&self, layout: &PathMap) -> FlatRecordReader {
        FlatRecordReader::new(&self.set, layout)
    }
}

/// A document and its file.
struct SigmaDocument {
    file: String,
    node: YamlNode,
}

/// Collects files.
pub struct SigmaLoader {
    log_sources: LogSources,
    documents: Vec<SigmaDocument>,
    refused: Vec<DocumentRefusal>,
}

impl SigmaLoader {
    /// A loader without files.
    pub fn new(log_sources: LogSources) -> Self {
        Self {
            log_sources,
            documents: Vec::new(),
            refused: Vec::new(),
        }
    }

    /// Adds the documents of a file.
    pub fn add_file(&mut self, file: &str, text: &str) {
        match yaml::parse_documents(text) {
            Ok(nodes) => self
                .documents
                .extend(nodes.into_iter().map(|node| SigmaDocument {
                    file: file.to_owned(),
                    node,
                })),
            Err(problem) => self
                .refused
                .push(to_refusal(file, file.to_owned(), problem)),
        }
    }

    /// Compiles what was added. What cannot be honoured exactly is refused; the rest is loaded.
    ///
    /// # Errors
    /// The texts of all rules together are too many.
    pub fn finish(self) -> Result<SigmaRules, BuildError> {
        let mut builder = PredicateSetBuilder::default();
        let mut compiled = self.compile(&BoolExpression::Always, &mut builder);
        let mut rules = Vec::with_capacity(compiled.rules.len());
        for (rule, programs) in compiled.rules {
            builder.add_rule(programs);
            rules.push(rule);
        }
        let (resolved, refused) = resolve_correlations(&rules, compiled.correlations);
        let refused = refused.into_iter();
        compiled
            .refused
            .extend(refused.map(|(one, problem)| to_refusal(&one.file, one.title, problem)));
        Ok(SigmaRules {
            set: Arc::new(builder.build()?),
            rules,
            correlations: resolved.into_iter().map(|one| one.correlation).collect(),
            refused: compiled.refused,
        })
    }

    /// Compiles what was added onto predicates that others share, for events of which `premise`
    /// holds.
    pub(crate) fn compile(
        self,
        premise: &BoolExpression,
        builder: &mut PredicateSetBuilder,
    ) -> CompiledDocuments {
        let mut compiler = DocumentCompiler {
            log_sources: self.log_sources,
            builder,
            premise,
            filters: Vec::new(),
            ids: HashSet::new(),
            rules: Vec::new(),
            correlations: Vec::new(),
            refused: self.refused,
        };
        let is =
            |key: &'static str| move |document: &&SigmaDocument| document.node.get(key).is_some();
        // Filters before rules, wherever they stand: each rule is compiled with its filters.
        for document in self.documents.iter().filter(is("filter")) {
            compiler.compile_filter(document, &self.documents);
        }
        for document in &self.documents {
            if document.node.get("filter").is_none() {
                compiler.compile_document(document);
            }
        }
        CompiledDocuments {
            rules: compiler.rules,
            correlations: compiler.correlations,
            refused: compiler.refused,
        }
    }
}

/// A rule's programs, each for the events of its view.
type ViewPrograms = Vec<(ViewId, BoolExpression)>;

/// What became of the documents.
pub(crate) struct CompiledDocuments {
    pub(crate) rules: Vec<(LoadedRule, ViewPrograms)>,
    /// Not yet resolved.
    pub(crate) correlations: Vec<SigmaCorrelation>,
    pub(crate) refused: Vec<DocumentRefusal>,
}

struct DocumentCompiler<'b> {
    log_sources: LogSources,
    builder: &'b mut PredicateSetBuilder,
    premise: &'b BoolExpression,
    filters: Vec<SigmaFilter>,
    ids: HashSet<String>,
    rules: Vec<(LoadedRule, ViewPrograms)>,
    correlations: Vec<SigmaCorrelation>,
    refused: Vec<DocumentRefusal>,
}

impl DocumentCompiler<'_> {
    /// A filter must name documents that are there, even if they are refused.
    fn compile_filter(&mut self, document: &SigmaDocument, documents: &[SigmaDocument]) {
        let is_called = |name: &str, one: &SigmaDocument| {
            let text = |key| one.node.optional_text(key).ok().flatten();
            text("id") == Some(name) || text("name") == Some(name)
        };
        let read = SigmaFilter::read_document(&document.node).and_then(|filter| {
            for name in filter.rule_names() {
                let mut called = documents
                    .iter()
                    .filter(|one| is_called(name, one))
                    .peekable();
                let reason = if called.peek().is_none() {
                    format!("it is about {name:?}, which is not there")
                } else if called.any(|one| filter.may_fit(&one.node)) {
                    continue;
                } else {
                    format!("it is about {name:?}, whose log source is another")
                };
                return Err(DocumentProblem::new(document.node.line, reason));
            }
            // What is wrong with it is its own fault and not that of the rules it is about.
            let mut scope = ExpressionScope {
                predicates: &mut PredicateSetBuilder::default(),
                fields: &FieldMap::new(),
                left: QUESTIONS,
            };
            filter.build_expression(&mut scope)?;
            Ok(filter)
        });
        match read {
            Ok(filter) => self.filters.push(filter),
            Err(problem) => self.refuse_document(document, problem),
        }
    }

    fn compile_document(&mut self, document: &SigmaDocument) {
        let outcome = if document.node.get("action").is_some() {
            let reason = "collections with action are replaced by documents of their own";
            Err(DocumentProblem::new(document.node.line, reason))
        } else if document.node.get("correlation").is_some() {
            let header = DocumentHeader::read_document(&document.node);
            let read = header.and_then(|header| {
                SigmaCorrelation::read_document(&document.node, &document.file, header)
            });
            read.map(|one| self.correlations.push(one))
        } else {
            self.compile_rule(document)
        };
        if let Err(problem) = outcome {
            self.refuse_document(document, problem);
        }
    }

    fn compile_rule(&mut self, document: &SigmaDocument) -> SigmaResult<()> {
        let node = &document.node;
        let header = DocumentHeader::read_document(node)?;
        if let Some(node) = node.get(ATTRIBUTE) {
            let reason = format!("only correlations have the attribute {ATTRIBUTE}");
            return Err(DocumentProblem::new(node.line, reason));
        }
        let source = read_log_source(node)?;
        let member = node.get("detection");
        let detection =
            member.ok_or_else(|| DocumentProblem::new(node.line, "it has no detection"))?;
        if let Some(id) = &header.id
            && self.ids.contains(id)
        {
            return Err(DocumentProblem::new(
                node.line,
                format!("its id {id} is another rule's too"),
            ));
        }
        let metadata = RuleMetadata::read_document(node);
        let applied: Vec<&SigmaFilter> = self
            .filters
            .iter()
            .filter(|filter| filter.applies_to(&header, &source))
            .collect();
        let table = match &self.log_sources {
            LogSources::Routed(table) => table.describe_source(&source),
            LogSources::Ignored => String::new(),
        };
        // Filters are part of what the rule means: with another filter its windows start over.
        let mut meaning = MeaningHasher::for_rule(&source, &table, detection);
        for filter in &applied {
            meaning.add_node(filter.detection());
        }
        let mut programs = ViewPrograms::new();
        let built = match &self.log_sources {
            LogSources::Routed(table) => table.build_parts(&source, self.premise, self.builder),
            LogSources::Ignored => {
                let view = self.builder.add_view("any source", self.premise.clone());
                view.map(|view| {
                    let fields = FieldMap::new();
                    vec![LogSourcePart { view, fields }]
                })
            }
        };
        let parts = built.map_err(|error| DocumentProblem::new(node.line, error.to_string()))?;
        let mut synonyms = Vec::new();
        for LogSourcePart { view, fields } in parts {
            synonyms.extend(fields.clone());
            // Once for each part, since a field may have another name in each. Filters after the
            // rule: they share its allowance of questions.
            let mut scope = ExpressionScope {
                predicates: self.builder,
                fields: &fields,
                left: QUESTIONS,
            };
            let mut all = vec![scope.build_conditions(detection)?];
            for filter in &applied {
                all.push(filter.build_expression(&mut scope)?);
            }
            programs.push((view, BoolExpression::All(all)));
        }
        // Only now that nothing can refuse it: a refused rule leaves its id to another.
        self.ids.extend(header.id.clone());
        let rule = LoadedRule {
            title: header.title,
            id: header.id,
            name: header.name,
            severity: header.severity,
            log_source: source,
            metadata,
            file: document.file.clone(),
            line: node.line,
            synonyms,
            semantic_hash: meaning.hash(),
        };
        self.rules.push((rule, programs));
        Ok(())
    }

    fn refuse_document(&mut self, document: &SigmaDocument, problem: DocumentProblem) {
        let text = |key| document.node.optional_text(key).ok().flatten();
        let name = text("title")
            .or_else(|| text("id"))
            .unwrap_or(&document.file);
        self.refused
            .push(to_refusal(&document.file, name.to_owned(), problem));
    }
}

pub(crate) fn to_refusal(file: &str, name: String, problem: DocumentProblem) -> DocumentRefusal {
    DocumentRefusal {
        file: file.to_owned(),
        line: problem.line,
        name,
        reason: problem.reason,
    }
}
