//! Files to a set: documents are collected, then compiled together, so their order does not matter.

use std::collections::HashSet;
use std::sync::Arc;

use larum_event::Severity;
use larum_rule::predicate::{
    BuildError, Expression, PathMap, PredicateSet, PredicateSetBuilder, RecordReader, ViewId,
};

use crate::correlation::{ATTRIBUTE, Correlation, resolve};
use crate::error::{Checked, Problem, Refusal};
use crate::filter::Filter;
use crate::item::{QUESTIONS, Scope};
use crate::log_source::{FieldMap, LogSource, LogSourceTable, Part};
use crate::meaning::Meaning;
use crate::rule::{Header, Metadata, log_source};
use crate::yaml::{self, Node};

/// Whether a rule sees only events of its log source.
#[derive(Debug, Clone)]
pub enum LogSources {
    /// It does, as the table says.
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
    /// What it says for people.
    pub metadata: Metadata,
    /// The file it came from.
    pub file: String,
    /// The line at which its document begins, from 1.
    pub line: usize,
    /// Fields, and what they are called in some of its events.
    pub synonyms: Vec<(String, String)>,
    /// A hash of what decides whether it matches.
    pub semantic_hash: [u8; 32],
}

/// What became of the files.
#[derive(Debug)]
pub struct SigmaRules {
    /// The predicates and programs.
    pub set: Arc<PredicateSet>,
    /// The rules, by number.
    pub rules: Vec<LoadedRule>,
    /// Correlations that can run, each behind those that it is about.
    pub correlations: Vec<Correlation>,
    /// What was not loaded, each with the reason.
    pub refused: Vec<Refusal>,
}

impl SigmaRules {
    /// A reader for the fields of these rules.
    pub fn reader(&self, layout: &PathMap) -> RecordReader {
        RecordReader::new(&self.set, layout)
    }
}

/// A document and where it stands.
struct Document {
    file: String,
    node: Node,
}

/// Collects files.
pub struct SigmaLoader {
    log_sources: LogSources,
    documents: Vec<Document>,
    refused: Vec<Refusal>,
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
    pub fn add(&mut self, file: &str, text: &str) {
        match yaml::documents(text) {
            Ok(nodes) => self
                .documents
                .extend(nodes.into_iter().map(|node| Document {
                    file: file.to_owned(),
                    node,
                })),
            Err(problem) => self.refused.push(refusal(file, file.to_owned(), problem)),
        }
    }

    /// Compiles what was added. What cannot be honoured exactly is refused; the rest is loaded.
    ///
    /// # Errors
    /// The texts of all rules together are too many.
    pub fn finish(self) -> Result<SigmaRules, BuildError> {
        let mut builder = PredicateSetBuilder::default();
        let mut compiled = self.compile(&Expression::Always, &mut builder);
        let mut rules = Vec::with_capacity(compiled.rules.len());
        for (rule, programs) in compiled.rules {
            builder.rule(programs);
            rules.push(rule);
        }
        let (resolved, refused) = resolve(&rules, compiled.correlations);
        let refused = refused.into_iter();
        compiled
            .refused
            .extend(refused.map(|(one, problem)| refusal(&one.file, one.title, problem)));
        Ok(SigmaRules {
            set: Arc::new(builder.build()?),
            rules,
            correlations: resolved.into_iter().map(|one| one.correlation).collect(),
            refused: compiled.refused,
        })
    }

    /// Compiles what was added onto predicates that others share, for events of which `premise` holds.
    pub(crate) fn compile(
        self,
        premise: &Expression,
        builder: &mut PredicateSetBuilder,
    ) -> Compiled {
        let mut compiler = Compiler {
            log_sources: self.log_sources,
            builder,
            premise,
            filters: Vec::new(),
            ids: HashSet::new(),
            rules: Vec::new(),
            correlations: Vec::new(),
            refused: self.refused,
        };
        let is = |key: &'static str| move |document: &&Document| document.node.get(key).is_some();
        for document in self.documents.iter().filter(is("filter")) {
            compiler.filter(document, &self.documents);
        }
        for document in &self.documents {
            if document.node.get("filter").is_none() {
                compiler.document(document);
            }
        }
        Compiled {
            rules: compiler.rules,
            correlations: compiler.correlations,
            refused: compiler.refused,
        }
    }
}

/// A rule's programs, each for the events of its view.
type Programs = Vec<(ViewId, Expression)>;

/// What became of the documents.
pub(crate) struct Compiled {
    pub(crate) rules: Vec<(LoadedRule, Programs)>,
    /// Not yet resolved.
    pub(crate) correlations: Vec<Correlation>,
    pub(crate) refused: Vec<Refusal>,
}

struct Compiler<'b> {
    log_sources: LogSources,
    builder: &'b mut PredicateSetBuilder,
    premise: &'b Expression,
    filters: Vec<Filter>,
    ids: HashSet<String>,
    rules: Vec<(LoadedRule, Programs)>,
    correlations: Vec<Correlation>,
    refused: Vec<Refusal>,
}

impl Compiler<'_> {
    /// A filter must name documents that are there, even if they are refused.
    fn filter(&mut self, document: &Document, documents: &[Document]) {
        let is_called = |name: &str, one: &Document| {
            let text = |key| one.node.optional_text(key).ok().flatten();
            text("id") == Some(name) || text("name") == Some(name)
        };
        let read = Filter::read(&document.node).and_then(|filter| {
            for name in filter.names() {
                let mut called = documents
                    .iter()
                    .filter(|one| is_called(name, one))
                    .peekable();
                let reason = if called.peek().is_none() {
                    format!("it is about {name:?}, which is not there")
                } else if called.any(|one| filter.fits(&one.node)) {
                    continue;
                } else {
                    format!("it is about {name:?}, whose log source is another")
                };
                return Err(Problem::new(document.node.line, reason));
            }
            // What is wrong with it is its own fault and not that of the rules it is about.
            let mut scope = Scope {
                predicates: &mut PredicateSetBuilder::default(),
                fields: &FieldMap::new(),
                left: QUESTIONS,
            };
            filter.expression(&mut scope)?;
            Ok(filter)
        });
        match read {
            Ok(filter) => self.filters.push(filter),
            Err(problem) => self.refuse(document, problem),
        }
    }

    fn document(&mut self, document: &Document) {
        let outcome = if document.node.get("action").is_some() {
            let reason = "collections with action are replaced by documents of their own";
            Err(Problem::new(document.node.line, reason))
        } else if document.node.get("correlation").is_some() {
            let header = Header::read(&document.node);
            let read =
                header.and_then(|header| Correlation::read(&document.node, &document.file, header));
            read.map(|one| self.correlations.push(one))
        } else {
            self.rule(document)
        };
        if let Err(problem) = outcome {
            self.refuse(document, problem);
        }
    }

    fn rule(&mut self, document: &Document) -> Checked<()> {
        let node = &document.node;
        let header = Header::read(node)?;
        if let Some(node) = node.get(ATTRIBUTE) {
            let reason = format!("only correlations have the attribute {ATTRIBUTE}");
            return Err(Problem::new(node.line, reason));
        }
        let source = log_source(node)?;
        let detection = node.get("detection");
        let detection = detection.ok_or_else(|| Problem::new(node.line, "it has no detection"))?;
        if let Some(id) = &header.id
            && self.ids.contains(id)
        {
            return Err(Problem::new(
                node.line,
                format!("its id {id} is another rule's too"),
            ));
        }
        let metadata = Metadata::read(node);
        let applied: Vec<&Filter> = self
            .filters
            .iter()
            .filter(|filter| filter.applies(&header, &source))
            .collect();
        let table = match &self.log_sources {
            LogSources::Routed(table) => table.meaning(&source),
            LogSources::Ignored => String::new(),
        };
        let mut meaning = Meaning::of(&source, &table, detection);
        for filter in &applied {
            meaning.add(filter.detection());
        }
        let mut programs = Programs::new();
        let parts = match &self.log_sources {
            LogSources::Routed(table) => table.parts(&source, self.premise, self.builder),
            LogSources::Ignored => {
                let view = self.builder.view("any source", self.premise.clone());
                view.map(|view| {
                    let fields = FieldMap::new();
                    vec![Part { view, fields }]
                })
            }
        };
        let parts = parts.map_err(|error| Problem::new(node.line, error.to_string()))?;
        let mut synonyms = Vec::new();
        for Part { view, fields } in parts {
            synonyms.extend(fields.clone());
            let mut scope = Scope {
                predicates: self.builder,
                fields: &fields,
                left: QUESTIONS,
            };
            let mut all = vec![scope.conditions(detection)?];
            for filter in &applied {
                all.push(filter.expression(&mut scope)?);
            }
            programs.push((view, Expression::All(all)));
        }
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

    fn refuse(&mut self, document: &Document, problem: Problem) {
        let text = |key| document.node.optional_text(key).ok().flatten();
        let name = text("title")
            .or_else(|| text("id"))
            .unwrap_or(&document.file);
        self.refused
            .push(refusal(&document.file, name.to_owned(), problem));
    }
}

pub(crate) fn refusal(file: &str, name: String, problem: Problem) -> Refusal {
    Refusal {
        file: file.to_owned(),
        line: problem.line,
        name,
        reason: problem.reason,
    }
}
