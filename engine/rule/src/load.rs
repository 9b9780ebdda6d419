//! From files to a set: scripts are executed, front ends compile theirs, and the whole is checked.

mod foreign;

mod kept;

mod links;

mod programs;

mod readings;

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use larum_event::{FieldSet, LinkSet, RuleFile, TopicPattern, limits};
use rhai::{Engine, Position};

use self::foreign::foreign;
pub use self::links::is_link_file;
pub(crate) use self::programs::Programs;
use crate::beside::is_beside;
use crate::builder::{self, Building, Signature};
use crate::catalogue::Catalogue;
use crate::diagnostic::{Diagnostic, Level, Refusal};
use crate::draft::{Asks, DeclaredEntity, DeclaredLink, Finish, alert_topic};
use crate::exception::{self, Written};
use crate::front_end::FrontEnd;
use crate::layers;
use crate::predicate::{
    BuildError, Expression, PathMap, PredicateSet, PredicateSetBuilder, Slot, ViewId,
};
use crate::reading::CompiledCorrelation;
use crate::rule::Rule;
use crate::sandbox;
use crate::script::{Checker, Source, functions_of, to_arguments};
use crate::set::{Premises, RuleSet};
use crate::trouble::{keys_not_carried, no_order, runtime_problem, syntax_problem, unknown_alerts};

/// Loads sets of rules: those in Rhai, and those of the languages it has front ends for.
#[derive(Debug, Clone, Default)]
pub struct RuleLoader {
    front_ends: Vec<Arc<dyn FrontEnd>>,
    interprets: bool,
}

impl RuleLoader {
    /// The same loader, which also reads the language of `front_end`.
    #[must_use]
    pub fn with(mut self, front_end: impl FrontEnd + 'static) -> Self {
        self.front_ends.push(Arc::new(front_end));
        self
    }

    /// The same loader, but every closure of a rule runs as the script that it is, for every event of its
    /// topics. The answers are the same; it is what a set is compared with.
    #[must_use]
    pub fn interpreting(mut self) -> Self {
        self.interprets = true;
        self
    }

    /// Whether a file, by its path relative to the rules folder, is part of a set.
    pub fn reads(&self, path: &str) -> bool {
        is_script(path) || is_beside(path) || self.front_ends.iter().any(|one| one.reads(path))
    }

    /// Loads a set: executes each Rhai file once, lets the front ends compile theirs, and checks
    /// the whole.
    ///
    /// # Errors
    /// Everything that is wrong with the files, at once, in the order of the files. Nothing of a
    /// set with an error is usable. Documents of a front end that only stay out are among the warnings of
    /// the set, as [`Level::Refused`].
    pub fn load(&self, files: &[RuleFile]) -> Result<RuleSet, Vec<Diagnostic>> {
        let mut loader = Loader::new();
        loader.interprets = self.interprets;
        loader.beside(files);
        for (number, file) in files.iter().enumerate() {
            let is_foreign = self.front_ends.iter().any(|one| one.reads(&file.path));
            if !is_foreign && !is_beside(&file.path) {
                loader.file(number, file);
            }
        }
        for front_end in &self.front_ends {
            loader.front_end(front_end.as_ref(), files);
        }
        loader.finish(files)
    }
}

/// The language of rules without a front end.
pub(crate) const RHAI: &str = "rhai";

fn is_script(path: &str) -> bool {
    path.ends_with(".rhai")
}

/// A rule, where it begins, and what it asks of an event beside its topic.
struct Loaded {
    rule: Rule,
    file: Option<usize>,
    place: Position,
    /// What it asks of fields, where that is known.
    asks: Asks,
    /// Of a rule that a front end compiled.
    programs: Option<Vec<(ViewId, Expression)>>,
    /// Of one over what other rules find.
    correlation: Option<CompiledCorrelation>,
}

/// Collects what the files say.
struct Loader {
    engine: Engine,
    /// The functions that files may call.
    functions: BTreeSet<String>,
    /// The names of fields that the engine knows.
    met: HashSet<String>,
    building: Rc<RefCell<Building>>,
    loaded: Vec<Loaded>,
    links: Vec<DeclaredLink>,
    entities: Vec<DeclaredEntity>,
    paths: FieldSet,
    predicates: PredicateSetBuilder,
    premises: Premises,
    layout: PathMap,
    times: Vec<Slot>,
    interprets: bool,
    catalogue: Catalogue,
    /// Exceptions by the number of their file.
    exceptions: Vec<(usize, Vec<Written>)>,
    /// What exceptions ask of fields that only other languages know.
    excepted: Option<PredicateSet>,
    problems: Vec<Diagnostic>,
}

impl Loader {
    fn new() -> Self {
        let mut engine = sandbox::loading_engine();
        let building = Rc::default();
        builder::register(&mut engine, &building);
        Self {
            functions: functions_of(&engine),
            met: HashSet::new(),
            engine,
            building,
            loaded: Vec::new(),
            links: Vec::new(),
            entities: Vec::new(),
            paths: FieldSet::default(),
            predicates: PredicateSetBuilder::default(),
            premises: Premises::default(),
            layout: PathMap::default(),
            times: Vec::new(),
            interprets: false,
            catalogue: Catalogue::default(),
            exceptions: Vec::new(),
            excepted: None,
            problems: Vec::new(),
        }
    }

    /// Reads what stands beside rules.
    fn beside(&mut self, files: &[RuleFile]) {
        match Catalogue::load(files) {
            Ok(catalogue) => self.catalogue = catalogue,
            Err(problems) => self.problems.extend(problems),
        }
        for (number, file) in files.iter().enumerate() {
            if exception::is_file(&file.path) {
                let found = exception::read(file, &mut self.problems);
                self.exceptions.push((number, found));
            }
        }
    }

    fn file(&mut self, number: usize, file: &RuleFile) {
        if file.text.len() > limits::RULE_FILE_BYTES {
            let problem = format!(
                "the file has {} bytes, at most {} are allowed",
                file.text.len(),
                limits::RULE_FILE_BYTES
            );
            self.problems
                .push(Refusal::new("file-too-large", problem).at(file, rhai::Position::NONE));
            return;
        }
        let source = match Source::parse(&mut self.engine, &mut self.met, file) {
            Ok(source) => source,
            Err(error) => {
                self.problems
                    .push(syntax_problem(&file.text, &error).at(file, error.position()));
                return;
            }
        };
        let first = self.problems.len();
        let built = [
            ("rule", Signature::of_rules()),
            ("step", Signature::of_steps()),
            ("link", Signature::of_links()),
            ("entity", Signature::of_entities()),
        ];
        let methods = built.iter().flat_map(|(_, methods)| methods);
        let methods: Vec<&str> = methods.map(|method| method.name).collect();
        let mut checker = Checker {
            file,
            source: &source,
            problems: &mut self.problems,
        };
        checker.builder(&built);
        checker.calls(&self.functions, &methods, &Signature::words_of_links());
        self.execute(file, &source, first);
        let drafts = std::mem::take(&mut self.building.borrow_mut().drafts);
        let declares = self.links(number, file);
        self.rules_among_links(file, &drafts);
        if drafts.is_empty() && !declares && self.problems.len() == first {
            let problem = Refusal::new("no-rule", "the file defines no rule").warning();
            self.problems.push(problem.at(file, rhai::Position::NONE));
        }
        let known = self.loaded.len();
        for draft in drafts {
            let mut finish = Finish {
                file,
                number,
                source: &source,
                paths: &mut self.paths,
                problems: &mut self.problems,
            };
            self.loaded
                .extend(finish.rule(draft).map(|finished| Loaded {
                    rule: finished.rule,
                    file: Some(number),
                    place: finished.place,
                    asks: finished.asks,
                    programs: None,
                    correlation: None,
                }));
        }
        self.mismatches(known, file);
        if let Some(problems) = self.problems.get_mut(first..) {
            to_arguments(problems, &source.tree, file);
        }
        self.sort_problems(first);
    }

    /// What rules of a file, those after the first `known`, ask of fields that do not exist.
    fn mismatches(&mut self, known: usize, file: &RuleFile) {
        for loaded in self.loaded.iter().skip(known) {
            let found = self.catalogue.check(&loaded.rule, &loaded.asks);
            self.problems
                .extend(found.into_iter().map(|(place, it)| it.at(file, place)));
        }
    }

    /// What was found in one file, in the order in which it stands there.
    fn sort_problems(&mut self, first: usize) {
        if let Some(problems) = self.problems.get_mut(first..) {
            problems.sort_by_key(|problem| (problem.line, problem.column));
        }
    }

    fn execute(&mut self, file: &RuleFile, source: &Source, first: usize) {
        self.building.borrow_mut().file = Some(file.clone());
        let outcome = self.engine.run_ast(&source.tree);
        let mut building = self.building.borrow_mut();
        self.problems.append(&mut building.problems);
        for missed in std::mem::take(&mut building.missed) {
            let mut known = self.problems.iter().skip(first);
            if !known.any(|known| missed.is_told_by(known)) {
                let refusal = missed.refusal();
                self.problems.push(refusal.at(file, Position::NONE));
            }
        }
        if let Err(error) = outcome {
            let problem = runtime_problem(&error).at(file, error.unwrap_inner().position());
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
    fn front_end(&mut self, front_end: &dyn FrontEnd, files: &[RuleFile]) {
        let own: Vec<&RuleFile> = files
            .iter()
            .filter(|file| front_end.reads(&file.path))
            .collect();
        if own.is_empty() {
            return;
        }
        let everything = [TopicPattern::everything()];
        let premise = match self.premises.of(0, &everything, &mut self.predicates) {
            Ok((holds, _)) => Expression::Is(holds),
            Err(error) => return self.problems.push(too_much(&error)),
        };
        let compiled = front_end.compile(&own, &premise, &mut self.predicates);
        self.layout.join(front_end.layout());
        self.problems.extend(compiled.findings);
        self.times.extend(compiled.times);
        let numbers: HashMap<&str, usize> = files
            .iter()
            .enumerate()
            .map(|(number, file)| (file.path.as_str(), number))
            .collect();
        for rule in compiled.rules {
            let file = numbers.get(&*rule.file).copied();
            self.loaded.push(foreign(rule, front_end.language(), file));
        }
    }

    fn finish(mut self, files: &[RuleFile]) -> Result<RuleSet, Vec<Diagnostic>> {
        self.duplicates(files);
        self.loaded
            .sort_by(|one, other| one.rule.id.cmp(&other.rule.id));
        if self.loaded.len() > limits::RULES {
            let problem = format!(
                "the set has {} rules, at most {} are allowed",
                self.loaded.len(),
                limits::RULES
            );
            self.problems
                .push(Refusal::new("too-many-rules", problem).of_set());
        }
        let mut links = LinkSet::default();
        // A set with an error may miss rules, so what is said of the whole could be wrong.
        if !has_error(&self.problems) {
            self.order(files);
            links = self.links_of_set(files);
            self.kept(&links, files);
            self.except(files);
            self.seal_correlations();
        }
        let (mut programs, mut readings) = Default::default();
        if !has_error(&self.problems) {
            match self.programs() {
                Ok(found) => (programs, readings) = found,
                Err(error) => self.problems.push(too_much(&error)),
            }
        }
        if has_error(&self.problems) {
            return Err(self.problems);
        }
        let predicates = self
            .predicates
            .build()
            .map_err(|error| vec![too_much(&error)])?;
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
            readings,
            times: self.times,
            catalogue: self.catalogue,
            excepted: self.excepted.map(Arc::new),
            links: Arc::new(links),
        })
    }

    /// Gives the exceptions to the rules beside them.
    fn except(&mut self, files: &[RuleFile]) {
        let written = std::mem::take(&mut self.exceptions);
        let rules = self.loaded.iter_mut().map(|loaded| &mut loaded.rule);
        let fields = self.predicates.fields();
        match exception::assign(files, written, rules, &self.catalogue, &fields) {
            Ok(assigned) => {
                self.excepted = assigned.predicates;
                self.problems.extend(assigned.problems);
            }
            Err(error) => self.problems.push(too_much(&error)),
        }
    }

    /// Puts the rules into layers, and warns of alerts that nobody raises.
    fn order(&mut self, files: &[RuleFile]) {
        let mut rules: Vec<Rule> = self.loaded.iter().map(|one| one.rule.clone()).collect();
        let mut found = Vec::new();
        match layers::layers(&rules) {
            Ok(layers) => {
                for (rule, layer) in rules.iter_mut().zip(layers) {
                    rule.layer = layer;
                }
            }
            Err(reasons) => {
                found.extend(reasons.into_iter().map(|reason| no_order(&rules, reason)));
            }
        }
        found.extend(unknown_alerts(&rules));
        let of_keys = keys_not_carried(&rules).into_iter();
        let found = found.into_iter().map(|found| (found, false));
        for ((rule, problem), is_of_key) in found.chain(of_keys.map(|found| (found, true))) {
            let place = self.loaded.get(rule).and_then(|loaded| {
                let file = loaded.file.and_then(|file| files.get(file))?;
                let place = loaded.asks.key_place.filter(|_| is_of_key);
                Some((file, place.unwrap_or(loaded.place)))
            });
            self.problems.push(match place {
                Some((file, place)) => problem.at(file, place),
                None => problem,
            });
        }
        for (loaded, rule) in self.loaded.iter_mut().zip(rules) {
            loaded.rule = rule;
        }
    }

    /// Two rules may not share an id, nor the topic of their alerts.
    fn duplicates(&mut self, files: &[RuleFile]) {
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
            let problem = Refusal::new("duplicate-rule", problem)
                .help(format!("the other one is at {place}"));
            if let Some(file) = loaded.file.and_then(|file| files.get(file)) {
                self.problems.push(problem.at(file, loaded.place));
            }
        }
    }
}

/// The rules are more than the matcher can hold.
fn too_much(error: &BuildError) -> Diagnostic {
    Refusal::new("too-large-set", error.to_string()).of_set()
}

fn has_error(problems: &[Diagnostic]) -> bool {
    problems.iter().any(|problem| problem.level == Level::Error)
}
