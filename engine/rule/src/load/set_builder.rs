//! A set while its files are loaded, and the checks that need all of them.
//!
//! Owns what the files have said so far and the order in which the whole is checked. Rhai files are
//! loaded in `rhai_files`, programs are built in `programs`.
//! Invariant: a set is built only if no file and no check reported an error, so a rule never runs
//! beside a rule that failed to load.

use larum_predicate::{
    BoolExpression, BuildError, Diagnostic, DiagnosticLevel, FrontEnd, PathMap, PredicateSet,
    PredicateSetBuilder, SlotId,
};
use std::collections::HashMap;
use std::sync::Arc;

use larum_event::{FieldSet, LinkSet, RuleFile, TopicPattern, limits};
use rhai::Position;

use super::correlation_inputs::hash_correlations;
use super::foreign::load_foreign_rule;
use super::kept_fields::check_kept_fields;
use super::pending_rule::PendingRule;
use super::programs::ProgramBuilder;
use super::rhai_files::RhaiFileLoader;
use super::set_problems::{find_duplicates, find_missing_keys, find_unknown_alerts, layer_problem};
use crate::catalogue::FieldCatalogue;
use crate::correlation::CorrelationInputs;
use crate::diagnostic::{RuleProblem, place_diagnostic};
use crate::draft::{DeclaredEntity, DeclaredLink, build_link_set};
use crate::exception::{self, ExceptionDraft};
use crate::layers;
use crate::rule::{Rule, alert_topic};
use crate::set::{RulePrograms, RuleSet, TopicPremises};

/// Collects what the files say.
#[derive(Default)]
pub(super) struct RuleSetBuilder<'f> {
    files: &'f [RuleFile],
    /// Whether every closure is left to its script.
    interprets: bool,
    rules: Vec<PendingRule>,
    links: Vec<DeclaredLink>,
    entities: Vec<DeclaredEntity>,
    paths: FieldSet,
    predicates: PredicateSetBuilder,
    premises: TopicPremises,
    layout: PathMap,
    times: Vec<SlotId>,
    catalogue: FieldCatalogue,
    /// Exceptions by the number of their file.
    exceptions: Vec<(usize, Vec<ExceptionDraft>)>,
    /// What exceptions ask of fields that only other languages know.
    exception_predicates: Option<PredicateSet>,
    problems: Vec<Diagnostic>,
}

impl<'f> RuleSetBuilder<'f> {
    pub(super) fn new(files: &'f [RuleFile], interprets: bool) -> Self {
        Self {
            files,
            interprets,
            ..Self::default()
        }
    }

    /// Reads the field catalogue and the exceptions.
    pub(super) fn load_side_files(&mut self) {
        match FieldCatalogue::load(self.files) {
            Ok(catalogue) => self.catalogue = catalogue,
            Err(problems) => self.problems.extend(problems),
        }
        for (number, file) in self.files.iter().enumerate() {
            if exception::is_exception_file(&file.path) {
                let drafts = exception::read_exceptions(file, &mut self.problems);
                self.exceptions.push((number, drafts));
            }
        }
    }

    pub(super) fn load_rhai_file(
        &mut self,
        loader: &mut RhaiFileLoader,
        number: usize,
        file: &RuleFile,
    ) {
        let contents = loader.load_file(number, file, &self.catalogue, &mut self.paths);
        self.rules.extend(contents.rules);
        self.links.extend(contents.links);
        self.entities.extend(contents.entities);
        self.problems.extend(contents.problems);
    }

    /// Lets a front end compile its files. Its rules read raw events of every topic.
    pub(super) fn compile_front_end(&mut self, front_end: &dyn FrontEnd) {
        let files = self.files.iter();
        let own: Vec<&RuleFile> = files
            .filter(|file| front_end.reads_file(&file.path))
            .collect();
        if own.is_empty() {
            return;
        }
        let everything = [TopicPattern::all_topics()];
        let interned = self
            .premises
            .intern_premise(0, &everything, &mut self.predicates);
        let premise = match interned {
            Ok((holds, _)) => BoolExpression::Is(holds),
            Err(error) => return self.problems.push(size_problem(&error)),
        };
        let compiled = front_end.compile(&own, &premise, &mut self.predicates);
        self.layout.merge(front_end.layout());
        self.problems.extend(compiled.findings);
        self.times.extend(compiled.times);
        let paths = self.files.iter().map(|file| file.path.as_str());
        let numbers: HashMap<&str, usize> = paths.zip(0..).collect();
        for rule in compiled.rules {
            let file = numbers.get(&*rule.file).copied();
            self.rules
                .push(load_foreign_rule(rule, front_end.language(), file));
        }
    }

    /// The set, if nothing is wrong with it.
    pub(super) fn build_set(mut self) -> Result<RuleSet, Vec<Diagnostic>> {
        // Look for duplicates before sorting: the second in the order of the files is the one to
        // mend.
        self.check_duplicates();
        self.rules
            .sort_by(|one, other| one.rule.id.cmp(&other.rule.id));
        if self.rules.len() > limits::RULES {
            let message = format!(
                "the set has {} rules, at most {} are allowed",
                self.rules.len(),
                limits::RULES
            );
            let problem = RuleProblem::new("too-many-rules", message);
            self.problems.push(problem.into_set_error());
        }
        let mut links = LinkSet::default();
        // A set with an error may miss rules, so checks of the whole could report what is right.
        if !has_error(&self.problems) {
            links = self.check_whole_set();
        }
        let (mut programs, mut inputs) = Default::default();
        // Build programs after all checks: they need each rule's layer.
        if !has_error(&self.problems) {
            match self.build_programs() {
                Ok(built) => (programs, inputs) = built,
                Err(error) => self.problems.push(size_problem(&error)),
            }
        }
        if has_error(&self.problems) {
            return Err(self.problems);
        }
        let predicates = self
            .predicates
            .build()
            .map_err(|error| vec![size_problem(&error)])?;
        let rules: Vec<Rule> = self.rules.into_iter().map(|pending| pending.rule).collect();
        let topics = rules.iter().map(|rule| Arc::from(alert_topic(&rule.id)));
        Ok(RuleSet {
            files: self.files.to_vec(),
            layers: rules.iter().map(|rule| rule.layer + 1).max().unwrap_or(1),
            raisers: topics.zip(0..).collect(),
            warnings: self.problems,
            paths: self.paths,
            asks_trees: rules.iter().any(Rule::asks_trees),
            predicates: Arc::new(predicates),
            premises: self.premises,
            layout: self.layout,
            rules,
            programs,
            correlation_inputs: inputs,
            times: self.times,
            catalogue: self.catalogue,
            exception_predicates: self.exception_predicates.map(Arc::new),
            links: Arc::new(links),
        })
    }

    /// What can only be decided of all files together.
    fn check_whole_set(&mut self) -> LinkSet {
        self.assign_layers();
        let links = std::mem::take(&mut self.links);
        let entities = std::mem::take(&mut self.entities);
        let links = build_link_set(self.files, links, entities, &mut self.problems);
        check_kept_fields(&self.rules, &links, self.files, &mut self.problems);
        self.assign_exceptions();
        // Hash after the layers are known: a correlation's hash contains those of the layers below.
        hash_correlations(&mut self.rules);
        links
    }

    fn build_programs(&mut self) -> Result<(RulePrograms, CorrelationInputs), BuildError> {
        let mut builder = ProgramBuilder {
            predicates: &mut self.predicates,
            premises: &mut self.premises,
            interprets: self.interprets,
        };
        builder.build_programs(&mut self.rules)
    }

    /// Gives the exceptions to the rules beside them.
    fn assign_exceptions(&mut self) {
        let drafts = std::mem::take(&mut self.exceptions);
        let rules = self.rules.iter_mut().map(|pending| &mut pending.rule);
        let fields = self.predicates.field_names();
        match exception::assign_exceptions(self.files, drafts, rules, &self.catalogue, &fields) {
            Ok(assigned) => {
                self.exception_predicates = assigned.predicates;
                self.problems.extend(assigned.problems);
            }
            Err(error) => self.problems.push(size_problem(&error)),
        }
    }

    /// Puts the rules into layers, and checks what they read of each other's alerts.
    fn assign_layers(&mut self) {
        let mut rules: Vec<Rule> = self.rules.iter().map(|one| one.rule.clone()).collect();
        let mut problems = Vec::new();
        match layers::assign_layers(&rules) {
            Ok(layers) => {
                for (rule, layer) in rules.iter_mut().zip(layers) {
                    rule.layer = layer;
                }
            }
            Err(reasons) => {
                let reasons = reasons.into_iter();
                problems.extend(reasons.map(|reason| layer_problem(&rules, reason)));
            }
        }
        problems.extend(find_unknown_alerts(&rules));
        for (number, problem) in problems {
            self.report_problem(number, problem, |rule| rule.place);
        }
        // After the layers: a key can only be carried by alerts of a layer below.
        for (number, problem) in find_missing_keys(&rules) {
            self.report_problem(number, problem, PendingRule::key_place);
        }
        for (pending, rule) in self.rules.iter_mut().zip(rules) {
            pending.rule = rule;
        }
    }

    /// Reports a problem of the rule with a number, at a place of it.
    fn report_problem(
        &mut self,
        rule: usize,
        problem: Diagnostic,
        place: fn(&PendingRule) -> Position,
    ) {
        let rule = self.rules.get(rule);
        let found = rule.and_then(|rule| Some((rule.find_file(self.files)?, place(rule))));
        self.problems.push(match found {
            Some((file, place)) => place_diagnostic(problem, file, place),
            None => problem,
        });
    }

    fn check_duplicates(&mut self) {
        let rules = self.rules.iter();
        for (number, problem) in find_duplicates(rules.map(|pending| &pending.rule)) {
            self.report_problem(number, problem.into_set_error(), |rule| rule.place);
        }
    }
}

/// The rules are more than the matcher can hold.
fn size_problem(error: &BuildError) -> Diagnostic {
    RuleProblem::new("too-large-set", error.to_string()).into_set_error()
}

fn has_error(problems: &[Diagnostic]) -> bool {
    let mut levels = problems.iter().map(|problem| problem.level);
    levels.any(|level| level == DiagnosticLevel::Error)
}
