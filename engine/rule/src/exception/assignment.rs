//! Which rules an exception belongs to: those beside its file.
//!
//! Owns assigning, and the checks that need the rule. Reading the file is done in `load`, asking
//! about an event in `matcher`.
//! Invariant: an exception is no part of its rule's semantic hash, so one that is added keeps what
//! the rule has counted. It decides about events that come after it.

use std::sync::Arc;

use larum_event::RuleFile;
use larum_predicate::{BoolExpression, BuildError, Diagnostic, PredicateSet, PredicateSetBuilder};
use rhai::Position;

use super::RuleException;
use super::load::ExceptionDraft;
use super::test::ExceptionQuestion;
use crate::catalogue::FieldCatalogue;
use crate::diagnostic::{RuleProblem, did_you_mean, find_nearest, place_diagnostic};
use crate::rule::Rule;
use crate::script::{FieldUsage, FieldUsageKind, RuleLiteral};

/// What came of assigning the exceptions of a set.
#[derive(Debug, Default)]
pub(crate) struct ExceptionAssignment {
    /// What they ask of fields that only other languages know.
    pub(crate) predicates: Option<PredicateSet>,
    pub(crate) problems: Vec<Diagnostic>,
}

/// The folder of a file.
fn parent_folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Gives each exception to its rules. `fields` are those that rules of other languages name.
pub(crate) fn assign_exceptions<'r>(
    files: &[RuleFile],
    written: Vec<(usize, Vec<ExceptionDraft>)>,
    rules: impl Iterator<Item = &'r mut Rule>,
    catalogue: &FieldCatalogue,
    fields: &[String],
) -> Result<ExceptionAssignment, BuildError> {
    let mut assigned = ExceptionAssignment::default();
    let mut predicates = PredicateSetBuilder::default();
    let mut programs = 0;
    let mut rules: Vec<&mut Rule> = rules.collect();
    for (number, exceptions) in written {
        let Some(file) = files.get(number) else {
            continue;
        };
        let mut beside: Vec<&mut Rule> = rules
            .iter_mut()
            .map(|rule| &mut **rule)
            .filter(|rule| parent_folder(&rule.file) == parent_folder(&file.path))
            .collect();
        for one in exceptions {
            let mut report = |place: Position, problem: RuleProblem| {
                assigned.problems.push(problem.into_error_at(file, place));
            };
            let Some(numbers) = find_rules(&one, &beside, &mut report) else {
                continue;
            };
            // One program for all rules of the exception, under every name that one of them uses.
            let of_rules = numbers.iter().filter_map(|number| beside.get(*number));
            let synonyms: Vec<_> = of_rules.flat_map(|rule| rule.synonyms.clone()).collect();
            let program = add_program(&one, &synonyms, &mut predicates, &mut programs)?;
            let exception = RuleException {
                reason: Arc::clone(&one.reason),
                owner: Arc::clone(&one.owner),
                expires: one.expires,
                file: Arc::from(file.path.as_str()),
                line: one.place.line().unwrap_or(0),
                tests: one.tests.iter().map(|(.., test)| test.clone()).collect(),
                program,
            };
            for number in numbers {
                let Some(rule) = beside.get_mut(number) else {
                    continue;
                };
                for (place, problem) in check_fields(&one, rule, catalogue, fields) {
                    assigned.report_once(place_diagnostic(problem, file, place));
                }
                rule.exceptions.push(exception.clone());
            }
        }
    }
    if programs > 0 {
        assigned.predicates = Some(predicates.build()?);
    }
    Ok(assigned)
}

impl ExceptionAssignment {
    /// Reports a problem, unless another rule of the exception has it too.
    fn report_once(&mut self, problem: Diagnostic) {
        let mut known = self.problems.iter();
        if !known.any(|one| is_same_finding(one, &problem)) {
            self.problems.push(problem);
        }
    }
}

/// Adds what an exception asks of fields that only other languages know as a program; the number
/// of that program, if there is one.
fn add_program(
    exception: &ExceptionDraft,
    synonyms: &[(Arc<str>, Arc<str>)],
    predicates: &mut PredicateSetBuilder,
    programs: &mut u32,
) -> Result<Option<u32>, BuildError> {
    let mut parts = Vec::new();
    for (.., test) in &exception.tests {
        parts.extend(test.to_expression(synonyms, predicates)?);
    }
    if parts.is_empty() {
        return Ok(None);
    }
    let view = predicates.add_view("any event", BoolExpression::Always)?;
    predicates.add_rule([(view, BoolExpression::All(parts))]);
    *programs += 1;
    Ok(Some(*programs - 1))
}

/// Whether two findings report the same at one place, even if for different rules.
fn is_same_finding(one: &Diagnostic, other: &Diagnostic) -> bool {
    let what = |it: &Diagnostic| (it.line, it.column, it.code, it.level);
    one.file == other.file && what(one) == what(other)
}

/// The rules that an exception is about, by their number among those beside it.
fn find_rules(
    one: &ExceptionDraft,
    beside: &[&mut Rule],
    report: &mut impl FnMut(Position, RuleProblem),
) -> Option<Vec<usize>> {
    let problem = |text: String| RuleProblem::new("bad-exception", text);
    if beside.is_empty() {
        let help = "exceptions are in the folder of the rule that they are about";
        let text = "there is no rule beside this file".to_owned();
        report(one.place, problem(text).with_help(help));
        return None;
    }
    // Without a name an exception means the only rule beside it; of several none is guessed.
    if one.rules.is_empty() {
        if beside.len() == 1 {
            return Some(vec![0]);
        }
        let first = beside.first().map_or("..", |rule| rule.id.as_str());
        let text = format!("{} rules stand beside this file", beside.len());
        let help = format!("say which are meant: `rule = {first:?}`, or a list");
        report(one.place, problem(text).with_help(help));
        return None;
    }
    let mut numbers = Vec::new();
    for wanted in &one.rules {
        let found = beside
            .iter()
            .position(|rule| rule.id.as_str() == &*wanted.id);
        match found {
            Some(number) if numbers.contains(&number) => {}
            Some(number) => numbers.push(number),
            None => {
                let ids = beside.iter().map(|rule| rule.id.as_str());
                let text = format!("no rule beside this file is called {:?}", &*wanted.id);
                let near = did_you_mean(&wanted.id, ids);
                report(wanted.place, problem(text).with_optional_help(near));
            }
        }
    }
    Some(numbers)
}

/// Fields that the rule's events do not have, and values that they never have.
fn check_fields(
    one: &ExceptionDraft,
    rule: &Rule,
    catalogue: &FieldCatalogue,
    fields: &[String],
) -> Vec<(Position, Diagnostic)> {
    let mut found = Vec::new();
    let mut uses = Vec::new();
    for (place, asked_at, test) in &one.tests {
        // A foreign name has no path, so the catalogue cannot know it.
        if test.place.is_none() {
            found.extend(check_foreign_field(rule, &test.field, fields).map(|it| (*place, it)));
            continue;
        }
        let field_use = |asked, place| FieldUsage {
            path: test.field.to_string(),
            kind: asked,
            place,
        };
        uses.push(field_use(FieldUsageKind::Value, *place));
        match &test.question {
            ExceptionQuestion::Is(wanted) => {
                uses.extend(wanted.iter().map(|wanted: &RuleLiteral| {
                    field_use(FieldUsageKind::Equal(wanted.clone()), *asked_at)
                }))
            }
            ExceptionQuestion::Has(test, _) => {
                uses.push(field_use(
                    FieldUsageKind::Text(test.name().to_owned()),
                    *asked_at,
                ));
            }
            ExceptionQuestion::Inside(_) => uses.push(field_use(
                FieldUsageKind::Text("cidr".to_owned()),
                *asked_at,
            )),
        }
    }
    if rule.is_rhai() {
        found.extend(catalogue.check_usages(rule, &uses));
    }
    found
}

/// What is wrong with a name that is not a path of an event.
fn check_foreign_field(rule: &Rule, field: &str, fields: &[String]) -> Option<Diagnostic> {
    if rule.is_rhai() {
        let unknown = crate::view::FieldRef::parse(field).err()?;
        return Some(
            crate::script::unknown_field_problem(&unknown)
                .about_rule(rule.id.as_str())
                .into_diagnostic(larum_predicate::DiagnosticLevel::Error),
        );
    }
    if fields.iter().any(|known| known == field) {
        return None;
    }
    let problem = format!("no rule of the set names a field {field:?}");
    let near = find_nearest(field, fields.iter().map(String::as_str));
    let help = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => "name it as the rules do, or as a path of the event: `data.NAME`".to_owned(),
    };
    Some(
        RuleProblem::new("unknown-field", problem)
            .with_help(help)
            .into_warning(),
    )
}
