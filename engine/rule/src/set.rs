//! A loaded set of rules: what the files say, checked as a whole.

mod trouble;

pub(crate) use trouble::said;

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use larum_event::{FieldSet, RuleFile, Topic, limits};
use rhai::Engine;

use self::trouble::{no_order, runtime_problem, syntax_problem, unknown_alerts};
use crate::builder::{self, Building};
use crate::diagnostic::{Diagnostic, Level, Refusal};
use crate::draft::{Finish, Finished, METHODS, alert_topic};
use crate::layers::{self, reads_alerts};
use crate::rule::Rule;
use crate::sandbox;
use crate::script::{Checker, Source, functions_of};

/// The rules of some files, as plain data: cheap to share between threads in an `Arc`.
#[derive(Debug, Clone)]
pub struct RuleSet {
    files: Vec<RuleFile>,
    rules: Vec<Rule>,
    warnings: Vec<Diagnostic>,
    layers: u8,
    /// The rule that raises the alerts of a topic.
    raisers: HashMap<Arc<str>, u32>,
    /// The paths that conditions and keys of the set read.
    pub(crate) paths: FieldSet,
}

impl RuleSet {
    /// A set without rules.
    pub fn empty() -> Self {
        Self {
            files: Vec::new(),
            rules: Vec::new(),
            warnings: Vec::new(),
            layers: 1,
            raisers: HashMap::new(),
            paths: FieldSet::default(),
        }
    }

    /// Executes each file once and checks what it says.
    ///
    /// # Errors
    /// Everything that is wrong with the files, at once, in the order of the files. Nothing of a
    /// set with an error is usable.
    pub fn load(files: &[RuleFile]) -> Result<Self, Vec<Diagnostic>> {
        let mut loader = Loader::new();
        for (number, file) in files.iter().enumerate() {
            loader.file(number, file);
        }
        loader.finish(files)
    }

    /// The files, as given.
    pub fn files(&self) -> &[RuleFile] {
        &self.files
    }

    /// The rules, by id. A rule's number in matches and faults is its index here.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rule with a number.
    pub fn rule(&self, number: u32) -> Option<&Rule> {
        self.rules.get(usize::try_from(number).ok()?)
    }

    /// The rule here that means the same as the rule `number` of `before`, so that it may take over its
    /// state.
    pub fn successor(&self, before: &Self, number: u32) -> Option<u32> {
        let old = before.rule(number)?;
        let same = |rule: &Rule| rule.id == old.id && rule.semantic_hash == old.semantic_hash;
        self.rules
            .iter()
            .position(same)
            .and_then(|index| u32::try_from(index).ok())
    }

    /// How many layers the rules have; at least 1.
    pub fn layers(&self) -> u8 {
        self.layers
    }

    /// What loads and is probably not meant.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// The rule that raises alerts on `topic`.
    pub fn raiser(&self, topic: &Topic) -> Option<u32> {
        self.raisers.get(topic.as_str()).copied()
    }

    /// Whether the rule `reader` may read alerts of the rule `raiser`: it names them, or it has a
    /// wildcard for them and stands above.
    pub fn sees(&self, reader: u32, raiser: u32) -> bool {
        let (Some(reader), Some(raiser)) = (self.rule(reader), self.rule(raiser)) else {
            return false;
        };
        let Ok(topic) = Topic::new(&alert_topic(&raiser.id)) else {
            return false;
        };
        raiser.layer < reader.layer
            && reader
                .on
                .iter()
                .any(|pattern| reads_alerts(pattern) && pattern.matches(&topic))
    }
}

/// Collects what the files say.
struct Loader {
    engine: Engine,
    /// The functions that files may call.
    functions: BTreeSet<String>,
    /// The names of fields that the engine knows.
    met: HashSet<String>,
    building: Rc<RefCell<Building>>,
    finished: Vec<(usize, Finished)>,
    paths: FieldSet,
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
            finished: Vec::new(),
            paths: FieldSet::default(),
            problems: Vec::new(),
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
                    .push(syntax_problem(&error).at(file, error.position()));
                return;
            }
        };
        let first = self.problems.len();
        let methods = METHODS.map(|(name, _)| name);
        let mut checker = Checker {
            file,
            source: &source,
            problems: &mut self.problems,
        };
        checker.builder(&methods);
        checker.calls(&self.functions, &methods);
        self.execute(file, &source, first);
        let drafts = std::mem::take(&mut self.building.borrow_mut().drafts);
        if drafts.is_empty() && self.problems.len() == first {
            let problem = Refusal::new("no-rule", "the file defines no rule").warning();
            self.problems.push(problem.at(file, rhai::Position::NONE));
        }
        for draft in drafts {
            let mut finish = Finish {
                file,
                number,
                source: &source,
                paths: &mut self.paths,
                problems: &mut self.problems,
            };
            self.finished
                .extend(finish.rule(draft).map(|rule| (number, rule)));
        }
        self.sort_problems(first);
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

    fn finish(mut self, files: &[RuleFile]) -> Result<RuleSet, Vec<Diagnostic>> {
        self.duplicates(files);
        self.finished
            .sort_by(|(_, one), (_, other)| one.rule.id.cmp(&other.rule.id));
        if self.finished.len() > limits::RULES {
            let problem = format!(
                "the set has {} rules, at most {} are allowed",
                self.finished.len(),
                limits::RULES
            );
            self.problems
                .push(Refusal::new("too-many-rules", problem).of_set());
        }
        let places: Vec<(usize, rhai::Position)> = self
            .finished
            .iter()
            .map(|(file, finished)| (*file, finished.place))
            .collect();
        let mut rules: Vec<Rule> = self
            .finished
            .into_iter()
            .map(|(_, finished)| finished.rule)
            .collect();
        let at = |rule: usize, problem: Diagnostic| {
            let place = places
                .get(rule)
                .and_then(|(file, place)| files.get(*file).map(|file| (file, *place)));
            match place {
                Some((file, place)) => problem.at(file, place),
                None => problem,
            }
        };
        // A set with an error may miss rules, so what is said of the whole could be wrong.
        if !has_error(&self.problems) {
            match layers::layers(&rules) {
                Ok(layers) => {
                    for (rule, layer) in rules.iter_mut().zip(layers) {
                        rule.layer = layer;
                    }
                }
                Err(reasons) => self.problems.extend(reasons.into_iter().map(|reason| {
                    let (rule, problem) = no_order(&rules, reason);
                    at(rule, problem)
                })),
            }
            let silent = unknown_alerts(&rules).into_iter();
            self.problems
                .extend(silent.map(|(rule, problem)| at(rule, problem)));
        }
        if has_error(&self.problems) {
            return Err(self.problems);
        }
        let raisers = rules.iter().zip(0..).map(|(rule, number)| {
            let topic = alert_topic(&rule.id);
            (Arc::from(topic), number)
        });
        Ok(RuleSet {
            files: files.to_vec(),
            layers: rules.iter().map(|rule| rule.layer + 1).max().unwrap_or(1),
            raisers: raisers.collect(),
            rules,
            warnings: self.problems,
            paths: self.paths,
        })
    }

    /// Two rules may not share an id, nor the topic of their alerts.
    fn duplicates(&mut self, files: &[RuleFile]) {
        let mut first: HashMap<String, &(usize, Finished)> = HashMap::new();
        for entry in &self.finished {
            let (file, finished) = entry;
            let topic = alert_topic(&finished.rule.id);
            let Some((_, before)) = first.get(&topic) else {
                first.insert(topic, entry);
                continue;
            };
            let place = format!("{}:{}", before.rule.file, before.rule.line);
            let problem = if before.rule.id == finished.rule.id {
                format!("rule {} is defined twice", finished.rule.id)
            } else {
                format!(
                    "rules {} and {} differ in case only, and topics have none",
                    before.rule.id, finished.rule.id
                )
            };
            let problem = Refusal::new("duplicate-rule", problem)
                .help(format!("the other one is at {place}"));
            if let Some(file) = files.get(*file) {
                self.problems.push(problem.at(file, finished.place));
            }
        }
    }
}

fn has_error(problems: &[Diagnostic]) -> bool {
    problems.iter().any(|problem| problem.level == Level::Error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_can_be_shared_between_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<RuleSet>();
        shared::<Diagnostic>();
    }
}
