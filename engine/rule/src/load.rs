//! From files to a set: scripts are executed, front ends compile theirs, and the whole is checked.

mod foreign;

mod kept_fields;

mod links;

mod programs;

mod correlation_inputs;

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use larum_event::{FieldSet, LinkSet, RuleFile, TopicPattern, limits};
use rhai::{Engine, Position};

use self::foreign::load_foreign_rule;
pub use self::links::is_link_file;
use crate::builder::{self, DraftCollection, MethodSignature};
use crate::catalogue::FieldCatalogue;
use crate::correlation::CompiledCorrelation;
use crate::diagnostic::{Diagnostic, DiagnosticLevel, RuleProblem};
use crate::draft::{DeclaredEntity, DeclaredLink, RuleFieldUsages, RuleFinisher};
use crate::exception::{self, ExceptionDraft};
use crate::front_end::FrontEnd;
use crate::layers;
use crate::predicate::{
    BoolExpression, BuildError, PathMap, PredicateSet, PredicateSetBuilder, SlotId, ViewId,
};
use crate::rule::{Rule, alert_topic};
use crate::sandbox;
use crate::script::{RuleSource, ScriptChecker, function_names, move_to_arguments};
use crate::set::{RuleSet, TopicPremises};
use crate::set_problems::{
    find_missing_keys, find_unknown_alerts, layer_problem, runtime_problem, syntax_problem,
};
use crate::side_file::is_side_file;

/// Loads sets of rules: those in Rhai, and those of the languages it has front ends for.
#[derive(Debug, Clone, Default)]
pub struct RuleLoader {
    front_ends: Vec<Arc<dyn FrontEnd>>,
    interprets: bool,
}

impl RuleLoader {
    /// The same loader, which also reads the language of `front_end`.
    #[must_use]
    pub fn with_front_end(mut self, front_end: impl FrontEnd + 'static) -> Self {
        self.front_ends.push(Arc::new(front_end));
        self
    }

    /// The same loader, but every closure of a rule runs as the script that it is, for every event of its
    /// topics. The answers are the same; it is what a set is compared with.
    #[must_use]
    pub fn with_interpretation(mut self) -> Self {
        self.interprets = true;
        self
    }

    /// Whether a file, by its path relative to the rules folder, is part of a set.
    pub fn reads_file(&self, path: &str) -> bool {
        is_rhai_file(path)
            || is_side_file(path)
            || self.front_ends.iter().any(|one| one.reads_file(path))
    }

    /// Loads a set: executes each Rhai file once, lets the front ends compile theirs, and checks
    /// the whole.
    ///
    /// # Errors
    /// Everything that is wrong with the files, at once, in the order of the files. Nothing of a
    /// set with an error is usable. Documents of a front end that only stay out are among the warnings of
    /// the set, as [`DiagnosticLevel::Refused`].
    pub fn load(&self, files: &[RuleFile]) -> Result<RuleSet, Vec<Diagnostic>> {
        let mut loader = RuleSetBuilder::new();
        loader.interprets = self.interprets;
        loader.load_side_files(files);
        for (number, file) in files.iter().enumerate() {
            let is_foreign = self.front_ends.iter().any(|one| one.reads_file(&file.path));
            if !is_foreign && !is_side_file(&file.path) {
                loader.load_file(number, file);
            }
        }
        for front_end in &self.front_ends {
            loader.compile_front_end(front_end.as_ref(), files);
        }
        loader.build_set(files)
    }
}

impl RuleSet {
    /// Loads rules written in Rhai; see [`RuleLoader::load`], which also takes other languages.
    ///
    /// # Errors
    /// Everything that is wrong with the files.
    pub fn load(files: &[RuleFile]) -> Result<Self, Vec<Diagnostic>> {
        RuleLoader::default().load(files)
    }
}

fn is_rhai_file(path: &str) -> bool {
    path.ends_with(".rhai")
}

/// A rule, where it begins, and what it asks of an event beside its topic.
struct PendingRule {
    rule: Rule,
    file: Option<usize>,
    place: Position,
    /// What it asks of fields, where that is known.
    field_usages: RuleFieldUsages,
    /// Of a rule that a front end compiled.
    programs: Option<Vec<(ViewId, BoolExpression)>>,
    /// Of one over what other rules find.
    correlation: Option<CompiledCorrelation>,
}

/// Collects what the files say.
struct RuleSetBuilder {
    engine: Engine,
    /// The functions that files may call.
    functions: BTreeSet<String>,
    /// The names of fields that the engine knows.
    known_properties: HashSet<String>,
    draft_collection: Rc<RefCell<DraftCollection>>,
    loaded: Vec<PendingRule>,
    links: Vec<DeclaredLink>,
    entities: Vec<DeclaredEntity>,
    paths: FieldSet,
    predicates: PredicateSetBuilder,
    premises: TopicPremises,
    layout: PathMap,
    times: Vec<SlotId>,
    interprets: bool,
    catalogue: FieldCatalogue,
    /// Exceptions by the number of their file.
    exceptions: Vec<(usize, Vec<ExceptionDraft>)>,
    /// What exceptions ask of fields that only other languages know.
    exception_predicates: Option<PredicateSet>,
    problems: Vec<Diagnostic>,
}

impl RuleSetBuilder {
    fn new() -> Self {
        let mut engine = sandbox::loading_engine();
        let building = Rc::default();
        builder::register_builders(&mut engine, &building);
        Self {
            functions: function_names(&engine),
            known_properties: HashSet::new(),
            engine,
            draft_collection: building,
            loaded: Vec::new(),
            links: Vec::new(),
            entities: Vec::new(),
            paths: FieldSet::default(),
            predicates: PredicateSetBuilder::default(),
            premises: TopicPremises::default(),
            layout: PathMap::default(),
            times: Vec::new(),
            interprets: false,
            catalogue: FieldCatalogue::default(),
            exceptions: Vec::new(),
            exception_predicates: None,
            problems: Vec::new(),
        }
    }

    /// Reads what stands beside rules.
    fn load_side_files(&mut self, files: &[RuleFile]) {
        match FieldCatalogue::load(files) {
            Ok(catalogue) => self.catalogue = catalogue,
            Err(problems) => self.problems.extend(problems),
        }
        for (number, file) in files.iter().enumerate() {
            if exception::is_exception_file(&file.path) {
                let found = exception::read_exceptions(file, &mut self.problems);
                self.exceptions.push((number, found));
            }
        }
    }

    fn load_file(&mut self, number: usize, file: &RuleFile) {
        if file.text.len() > limits::RULE_FILE_BYTES {
            let problem = format!(
                "the file has {} bytes, at most {} are allowed",
                file.text.len(),
                limits::RULE_FILE_BYTES
            );
            self.problems.push(
                RuleProblem::new("file-too-large", problem)
                    .into_error_at(file, rhai::Position::NONE),
            );
            return;
        }
        let source =
            match RuleSource::parse_file(&mut self.engine, &mut self.known_properties, file) {
                Ok(source) => source,
                Err(error) => {
                    self.problems.push(
                        syntax_problem(&file.text, &error).into_error_at(file, error.position()),
                    );
                    return;
                }
            };
        let first = self.problems.len();
        let built = [
            ("rule", MethodSignature::rule_methods()),
            ("step", MethodSignature::step_methods()),
            ("link", MethodSignature::link_methods()),
            ("entity", MethodSignature::entity_methods()),
        ];
        let methods = built.iter().flat_map(|(_, methods)| methods);
        let methods: Vec<&str> = methods.map(|method| method.name).collect();
        let mut checker = ScriptChecker {
            file,
            source: &source,
            problems: &mut self.problems,
        };
        checker.check_builder_calls(&built);
        checker.check_calls(&self.functions, &methods, &MethodSignature::link_words());
        self.execute_file(file, &source, first);
        let drafts = std::mem::take(&mut self.draft_collection.borrow_mut().drafts);
        let declares = self.finish_links(number, file);
        self.check_link_file(file, &drafts);
        if drafts.is_empty() && !declares && self.problems.len() == first {
            let problem = RuleProblem::new("no-rule", "the file defines no rule").into_warning();
            self.problems
                .push(problem.with_place(file, rhai::Position::NONE));
        }
        let known = self.loaded.len();
        for draft in drafts {
            let mut finish = RuleFinisher {
                file,
                number,
                source: &source,
                paths: &mut self.paths,
                problems: &mut self.problems,
            };
            self.loaded
                .extend(finish.finish_rule(draft).map(|finished| PendingRule {
                    rule: finished.rule,
                    file: Some(number),
                    place: finished.place,
                    field_usages: finished.field_usages,
                    programs: None,
                    correlation: None,
                }));
        }
        self.check_usages(known, file);
        if let Some(problems) = self.problems.get_mut(first..) {
            move_to_arguments(problems, &source.tree, file);
        }
        self.sort_problems(first);
    }

    /// What rules of a file, those after the first `known`, ask of fields that do not exist.
    fn check_usages(&mut self, known: usize, file: &RuleFile) {
        for loaded in self.loaded.iter().skip(known) {
            let found = self
                .catalogue
                .check_rule(&loaded.rule, &loaded.field_usages);
            self.problems.extend(
                found
                    .into_iter()
                    .map(|(place, it)| it.with_place(file, place)),
            );
        }
    }

    /// What was found in one file, in the order in which it stands there.
    fn sort_problems(&mut self, first: usize) {
        if let Some(problems) = self.problems.get_mut(first..) {
            problems.sort_by_key(|problem| (problem.line, problem.column));
        }
    }

    fn execute_file(&mut self, file: &RuleFile, source: &RuleSource, first: usize) {
        self.draft_collection.borrow_mut().file = Some(file.clone());
        let outcome = self.engine.run_ast(&source.tree);
        let mut building = self.draft_collection.borrow_mut();
        self.problems.append(&mut building.problems);
        for missed in std::mem::take(&mut building.unknown_calls) {
            let mut known = self.problems.iter().skip(first);
            if !known.any(|known| missed.is_covered_by(known)) {
                let refusal = missed.to_problem();
                self.problems
                    .push(refusal.into_error_at(file, Position::NONE));
            }
        }
        if let Err(error) = outcome {
            let problem =
                runtime_problem(&error).into_error_at(file, error.unwrap_inner().position());
            // A call that cannot work was reported before it was made.
            let known = self.problems.iter().skip(first).any(|known| {
                known.line == problem.line && known.column == problem.column && problem.line > 0
            });
            if !known {
                self.problems.push(problem);
            }
        }
    }

    /// Lets a front end compile its files. Its rules read raw events of every topic.
    fn compile_front_end(&mut self, front_end: &dyn FrontEnd, files: &[RuleFile]) {
        let own: Vec<&RuleFile> = files
            .iter()
            .filter(|file| front_end.reads_file(&file.path))
            .collect();
        if own.is_empty() {
            return;
        }
        let everything = [TopicPattern::all_topics()];
        let premise = match self
            .premises
            .intern_premise(0, &everything, &mut self.predicates)
        {
            Ok((holds, _)) => BoolExpression::Is(holds),
            Err(error) => return self.problems.push(size_problem(&error)),
        };
        let compiled = front_end.compile(&own, &premise, &mut self.predicates);
        self.layout.merge(front_end.layout());
        self.problems.extend(compiled.findings);
        self.times.extend(compiled.times);
        let numbers: HashMap<&str, usize> = files
            .iter()
            .enumerate()
            .map(|(number, file)| (file.path.as_str(), number))
            .collect();
        for rule in compiled.rules {
            let file = numbers.get(&*rule.file).copied();
            self.loaded
                .push(load_foreign_rule(rule, front_end.language(), file));
        }
    }

    fn build_set(mut self, files: &[RuleFile]) -> Result<RuleSet, Vec<Diagnostic>> {
        self.check_duplicates(files);
        self.loaded
            .sort_by(|one, other| one.rule.id.cmp(&other.rule.id));
        if self.loaded.len() > limits::RULES {
            let problem = format!(
                "the set has {} rules, at most {} are allowed",
                self.loaded.len(),
                limits::RULES
            );
            self.problems
                .push(RuleProblem::new("too-many-rules", problem).into_set_error());
        }
        let mut links = LinkSet::default();
        // A set with an error may miss rules, so what is said of the whole could be wrong.
        if !has_error(&self.problems) {
            self.assign_layers(files);
            links = self.finish_link_set(files);
            self.check_kept_fields(&links, files);
            self.assign_exceptions(files);
            self.hash_correlations();
        }
        let (mut programs, mut readings) = Default::default();
        if !has_error(&self.problems) {
            match self.build_programs() {
                Ok(found) => (programs, readings) = found,
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
        let rules: Vec<Rule> = self.loaded.into_iter().map(|loaded| loaded.rule).collect();
        let raisers = rules.iter().zip(0..).map(|(rule, number)| {
            let topic = alert_topic(&rule.id);
            (Arc::from(topic), number)
        });
        Ok(RuleSet {
            files: files.to_vec(),
            layers: rules.iter().map(|rule| rule.layer + 1).max().unwrap_or(1),
            raisers: raisers.collect(),
            warnings: self.problems,
            paths: self.paths,
            asks_trees: rules.iter().any(Rule::asks_trees),
            predicates: Arc::new(predicates),
            premises: self.premises,
            layout: self.layout,
            rules,
            programs,
            correlation_inputs: readings,
            times: self.times,
            catalogue: self.catalogue,
            exception_predicates: self.exception_predicates.map(Arc::new),
            links: Arc::new(links),
        })
    }

    /// Gives the exceptions to the rules beside them.
    fn assign_exceptions(&mut self, files: &[RuleFile]) {
        let written = std::mem::take(&mut self.exceptions);
        let rules = self.loaded.iter_mut().map(|loaded| &mut loaded.rule);
        let fields = self.predicates.field_names();
        match exception::assign_exceptions(files, written, rules, &self.catalogue, &fields) {
            Ok(assigned) => {
                self.exception_predicates = assigned.predicates;
                self.problems.extend(assigned.problems);
            }
            Err(error) => self.problems.push(size_problem(&error)),
        }
    }

    /// Puts the rules into layers, and warns of alerts that nobody raises.
    fn assign_layers(&mut self, files: &[RuleFile]) {
        let mut rules: Vec<Rule> = self.loaded.iter().map(|one| one.rule.clone()).collect();
        let mut found = Vec::new();
        match layers::assign_layers(&rules) {
            Ok(layers) => {
                for (rule, layer) in rules.iter_mut().zip(layers) {
                    rule.layer = layer;
                }
            }
            Err(reasons) => {
                found.extend(
                    reasons
                        .into_iter()
                        .map(|reason| layer_problem(&rules, reason)),
                );
            }
        }
        found.extend(find_unknown_alerts(&rules));
        let of_keys = find_missing_keys(&rules).into_iter();
        let found = found.into_iter().map(|found| (found, false));
        for ((rule, problem), is_of_key) in found.chain(of_keys.map(|found| (found, true))) {
            let place = self.loaded.get(rule).and_then(|loaded| {
                let file = loaded.file.and_then(|file| files.get(file))?;
                let place = loaded.field_usages.key_place.filter(|_| is_of_key);
                Some((file, place.unwrap_or(loaded.place)))
            });
            self.problems.push(match place {
                Some((file, place)) => problem.with_place(file, place),
                None => problem,
            });
        }
        for (loaded, rule) in self.loaded.iter_mut().zip(rules) {
            loaded.rule = rule;
        }
    }

    /// Two rules may not share an id, nor the topic of their alerts.
    fn check_duplicates(&mut self, files: &[RuleFile]) {
        let mut first: HashMap<String, &Rule> = HashMap::new();
        for loaded in &self.loaded {
            let rule = &loaded.rule;
            let topic = alert_topic(&rule.id);
            let Some(before) = first.get(&topic) else {
                first.insert(topic, rule);
                continue;
            };
            let place = format!("{}:{}", before.file, before.line);
            let problem = if before.id == rule.id {
                format!("rule {} is defined twice", rule.id)
            } else {
                format!(
                    "rules {} and {} differ in case only, and topics have none",
                    before.id, rule.id
                )
            };
            let problem = RuleProblem::new("duplicate-rule", problem)
                .with_help(format!("the other one is at {place}"));
            if let Some(file) = loaded.file.and_then(|file| files.get(file)) {
                self.problems
                    .push(problem.into_error_at(file, loaded.place));
            }
        }
    }
}

/// The rules are more than the matcher can hold.
fn size_problem(error: &BuildError) -> Diagnostic {
    RuleProblem::new("too-large-set", error.to_string()).into_set_error()
}

fn has_error(problems: &[Diagnostic]) -> bool {
    problems
        .iter()
        .any(|problem| problem.level == DiagnosticLevel::Error)
}
