//! Rhai files: each is parsed, checked, executed once, and what it declares is finished.
//!
//! Owns the engine that executes rule files, and the order of these steps. What a method accepts is
//! the drafts' job; what rules of several files must have in common is the set builder's.
//! Invariant: a file with a problem still runs to its end, so its author sees all problems at once,
//! in the order of the lines.

use larum_predicate::Diagnostic;
use std::cell::RefCell;
use std::collections::{BTreeSet, HashSet};
use std::rc::Rc;

use larum_event::{FieldSet, RuleFile, limits};
use rhai::{Engine, Position};

use super::link_file::check_link_file;
use super::pending_rule::PendingRule;
use super::rhai_problems::{runtime_problem, syntax_problem};
use crate::builder::{self, DraftCollection, MethodSignature};
use crate::catalogue::FieldCatalogue;
use crate::diagnostic::{RuleProblem, place_diagnostic};
use crate::draft::{DeclaredEntity, DeclaredLink, LinkFinisher, RuleFinisher};
use crate::sandbox;
use crate::script::{RuleSource, ScriptChecker, function_names, move_to_arguments};

/// Loads Rhai files, one after the other.
pub(super) struct RhaiFileLoader {
    engine: Engine,
    /// The functions that files may call.
    functions: BTreeSet<String>,
    /// The names of fields that the engine knows.
    known_properties: HashSet<String>,
    /// What the file that is being executed declares.
    declared: Rc<RefCell<DraftCollection>>,
}

/// What one file declares, and what is wrong with it.
#[derive(Default)]
pub(super) struct RhaiFileContents {
    pub(super) rules: Vec<PendingRule>,
    pub(super) links: Vec<DeclaredLink>,
    pub(super) entities: Vec<DeclaredEntity>,
    pub(super) problems: Vec<Diagnostic>,
}

impl RhaiFileLoader {
    pub(super) fn new() -> Self {
        let mut engine = sandbox::loading_engine();
        let declared = Rc::default();
        builder::register_builders(&mut engine, &declared);
        Self {
            functions: function_names(&engine),
            known_properties: HashSet::new(),
            engine,
            declared,
        }
    }

    /// Loads the file with the number `number`; the fields that its rules read are added to
    /// `paths`.
    pub(super) fn load_file(
        &mut self,
        number: usize,
        file: &RuleFile,
        catalogue: &FieldCatalogue,
        paths: &mut FieldSet,
    ) -> RhaiFileContents {
        let mut contents = RhaiFileContents::default();
        let source = match self.parse_file(file) {
            Ok(source) => source,
            Err((place, problem)) => {
                contents.problems.push(problem.into_error_at(file, place));
                return contents;
            }
        };
        // Check before executing: a check knows the place of a misspelt method, the execution does
        // not, and reports only those that no check found.
        self.check_calls(file, &source, &mut contents.problems);
        let declared = self.execute_file(file, &source, &mut contents.problems);
        let is_empty = declared.is_empty();
        let mut finish = LinkFinisher {
            file,
            number,
            catalogue,
            problems: &mut contents.problems,
        };
        let links = declared.links.into_iter();
        contents.links = links
            .filter_map(|draft| finish.finish_link(draft))
            .collect();
        let entities = declared.entities.into_iter();
        contents.entities = entities
            .filter_map(|draft| finish.finish_entity(draft))
            .collect();
        let problem = check_link_file(file, &declared.drafts);
        contents.problems.extend(problem);
        if is_empty && contents.problems.is_empty() {
            let problem = RuleProblem::new("no-rule", "the file defines no rule").into_warning();
            contents
                .problems
                .push(place_diagnostic(problem, file, Position::NONE));
        }
        for draft in declared.drafts {
            let mut finish = RuleFinisher {
                file,
                number,
                source: &source,
                paths,
                problems: &mut contents.problems,
            };
            let finished = finish.finish_rule(draft);
            let rule = finished.map(|finished| PendingRule::from_rhai(finished, number));
            contents.rules.extend(rule);
        }
        contents.check_usages(file, catalogue);
        // Sort last: moving a problem to the argument that it is about changes its place.
        move_to_arguments(&mut contents.problems, &source.tree, file);
        let by_place = |problem: &Diagnostic| (problem.line, problem.column);
        contents.problems.sort_by_key(by_place);
        contents
    }

    fn parse_file(&mut self, file: &RuleFile) -> Result<RuleSource, (Position, RuleProblem)> {
        if file.text.len() > limits::RULE_FILE_BYTES {
            let message = format!(
                "the file has {} bytes, at most {} are allowed",
                file.text.len(),
                limits::RULE_FILE_BYTES
            );
            return Err((Position::NONE, RuleProblem::new("file-too-large", message)));
        }
        RuleSource::parse_file(&mut self.engine, &mut self.known_properties, file)
            .map_err(|error| (error.position(), syntax_problem(&file.text, &error)))
    }

    /// What is called in the file must exist, with as many arguments.
    fn check_calls(&self, file: &RuleFile, source: &RuleSource, problems: &mut Vec<Diagnostic>) {
        let built = [
            ("rule", MethodSignature::rule_methods()),
            ("step", MethodSignature::step_methods()),
            ("link", MethodSignature::link_methods()),
            ("entity", MethodSignature::entity_methods()),
        ];
        let methods: Vec<&str> = built
            .iter()
            .flat_map(|(_, methods)| methods)
            .map(|method| method.name)
            .collect();
        let mut checker = ScriptChecker {
            file,
            source,
            problems,
        };
        checker.check_builder_calls(&built);
        checker.check_calls(&self.functions, &methods, &MethodSignature::link_words());
    }

    fn execute_file(
        &mut self,
        file: &RuleFile,
        source: &RuleSource,
        problems: &mut Vec<Diagnostic>,
    ) -> DraftCollection {
        self.declared.borrow_mut().file = Some(file.clone());
        let outcome = self.engine.run_ast(&source.tree);
        let mut declared = std::mem::take(&mut *self.declared.borrow_mut());
        problems.append(&mut declared.problems);
        for missed in &declared.unknown_calls {
            if !problems.iter().any(|known| missed.is_covered_by(known)) {
                let problem = missed.to_problem();
                problems.push(problem.into_error_at(file, Position::NONE));
            }
        }
        if let Err(error) = outcome {
            let place = error.unwrap_inner().position();
            let problem = runtime_problem(&error).into_error_at(file, place);
            // A call that cannot work was reported before it was made.
            let is_known = problems.iter().any(|known| {
                known.line == problem.line && known.column == problem.column && problem.line > 0
            });
            if !is_known {
                problems.push(problem);
            }
        }
        declared
    }
}

impl RhaiFileContents {
    /// Reports what its rules ask of fields that do not exist.
    fn check_usages(&mut self, file: &RuleFile, catalogue: &FieldCatalogue) {
        for pending in &self.rules {
            let problems = catalogue
                .check_rule(&pending.rule, &pending.field_usages)
                .into_iter();
            self.problems
                .extend(problems.map(|(place, problem)| place_diagnostic(problem, file, place)));
        }
    }
}
