//! Other rule languages. A front end turns their documents into programs over the predicates that
//! all rules share; loading them, numbering them and running them is the same for all.

use std::fmt;
use std::sync::Arc;

use larum_event::{RuleFile, RuleId, Severity};

use crate::builder::PredicateSetBuilder;
use crate::correlation::CompiledCorrelation;
use crate::diagnostic::Diagnostic;
use crate::expression::BoolExpression;
use crate::ids::{SlotId, ViewId};
use crate::paths::PathMap;

/// Reads the documents of one rule language.
pub trait FrontEnd: fmt::Debug + Send + Sync {
    /// The language, as lists of rules name it: `sigma`.
    fn language(&self) -> &'static str;

    /// Whether this front end reads a file, by its path relative to the rules folder.
    fn reads_file(&self, path: &str) -> bool;

    /// What the files say, compiled together so that their order does not matter.
    ///
    /// Views must require `premise`: it holds for events that rules of this language may read.
    fn compile(
        &self,
        files: &[&RuleFile],
        premise: &BoolExpression,
        predicates: &mut PredicateSetBuilder,
    ) -> FrontEndOutput;

    /// Where events keep the fields that the language names; see [`PathMap::nest_under`] for
    /// records that are kept under `data`.
    fn layout(&self) -> PathMap;
}

/// What became of a front end's files.
#[derive(Debug, Default)]
pub struct FrontEndOutput {
    /// Rules, in any order.
    pub rules: Vec<CompiledRule>,
    /// Fields that hold the time of a record, first those that go before; none where no rule is
    /// over time.
    pub times: Vec<SlotId>,
    /// What is wrong. A [`DiagnosticLevel::Refused`](crate::DiagnosticLevel::Refused) document
    /// stays out and the others load.
    pub findings: Vec<Diagnostic>,
}

/// A rule of another language: one that a single event satisfies, or one over what such rules find.
#[derive(Debug)]
pub struct CompiledRule {
    /// Its id among all rules; also the topic of its alerts.
    pub id: RuleId,
    /// A short name for people.
    pub title: Arc<str>,
    /// What it detects, for people.
    pub description: Option<Arc<str>>,
    /// How bad what it detects is.
    pub severity: Severity,
    /// ATT&CK technique ids.
    pub attack: Vec<Arc<str>>,
    /// Where to read more.
    pub references: Vec<Arc<str>>,
    /// What else may look like it.
    pub false_positives: Vec<Arc<str>>,
    /// Its file.
    pub file: Arc<str>,
    /// The line of its document, from 1.
    pub line: usize,
    /// One of these must hold, each for events of its view. None for a correlation.
    pub programs: Vec<(ViewId, BoolExpression)>,
    /// Of a rule over what other rules find.
    pub correlation: Option<CompiledCorrelation>,
    /// Who hears of its alerts.
    pub audience: AlertAudience,
    /// Fields that it names, and what they are called in some of the events that it reads.
    pub synonyms: Vec<(Arc<str>, Arc<str>)>,
    /// Changes when, and only when, something changes that decides a match. Of a correlation,
    /// without the rules that it is over.
    pub semantic_hash: [u8; 32],
}

/// Who receives a rule's alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AlertAudience {
    /// Every subscriber, and rules that read them.
    #[default]
    Everyone,
    /// Only rules that read them.
    RulesAbove,
    /// It raises none: other rules read the events that it finds.
    Nobody,
}
