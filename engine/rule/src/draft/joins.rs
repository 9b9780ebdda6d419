//! Comparisons between steps, from names to numbers.

use std::sync::Arc;

use larum_event::Join;
use rhai::Position;

use super::RuleDraft;
use super::finish::RuleFinisher;
use super::step::StepDraft;
use crate::diagnostic::{RuleProblem, did_you_mean};
use crate::script::{FieldUsage, FieldUsageKind, JoinComparison};

/// What the steps of a rule compare with each other.
#[derive(Debug, Default)]
pub(super) struct StepJoins {
    /// The fields, each once.
    pub(super) fields: Vec<Arc<str>>,
    /// By step.
    pub(super) joins: Vec<Vec<Join>>,
    /// What is asked of events of other steps: the step's index, and what.
    pub(super) usages: Vec<(usize, FieldUsage)>,
}

impl StepJoins {
    fn field_index(&mut self, name: &str) -> u16 {
        let known = self.fields.iter().position(|field| &**field == name);
        let index = known.unwrap_or_else(|| {
            self.fields.push(Arc::from(name));
            self.fields.len() - 1
        });
        // A file is too short for more fields.
        u16::try_from(index).unwrap_or(u16::MAX)
    }
}

impl RuleFinisher<'_> {
    /// Notes what the step `index` compares.
    pub(super) fn add_joins(
        &mut self,
        draft: &RuleDraft,
        index: usize,
        found: Vec<Result<JoinComparison, (Position, RuleProblem)>>,
        joined: &mut StepJoins,
    ) {
        let steps = draft.window.condition_steps();
        let mut joins = Vec::new();
        for written in found {
            let read = written.and_then(|written| {
                let other = find_earlier_step(steps, index, &written)?;
                Ok((written, other))
            });
            let (written, other) = match read {
                Ok(read) => read,
                Err((place, problem)) => {
                    self.report_problem(draft, place, problem);
                    continue;
                }
            };
            // Fields are numbered over all steps: a match carries each compared value once.
            joins.push(Join {
                value: joined.field_index(written.field.field.name()),
                comparison: written.comparison,
                step: u16::try_from(other).unwrap_or(u16::MAX),
                other: joined.field_index(written.other.field.name()),
            });
            let asked = FieldUsage {
                path: written.other.field.name().to_owned(),
                kind: FieldUsageKind::Value,
                place: written.other.place,
            };
            joined.usages.push((other, asked));
        }
        joined.joins.push(joins);
    }
}

/// The step that a comparison is with.
fn find_earlier_step(
    steps: &[StepDraft],
    index: usize,
    written: &JoinComparison,
) -> Result<usize, (Position, RuleProblem)> {
    let (name, place) = &written.step;
    let refused = |problem: String, help: Option<String>| {
        let problem = RuleProblem::new("unknown-step", problem).with_optional_help(help);
        Err((*place, problem))
    };
    let before = steps.iter().take(index).filter(|step| !step.is_absent);
    let names: Vec<&str> = before.map(|step| &*step.name).collect();
    // By position: a step that is absent, or that comes later, is known and still has no event.
    let found = steps.iter().position(|step| *step.name == **name);
    match found {
        Some(found) if found < index => {
            if steps.get(found).is_some_and(|step| step.is_absent) {
                let problem = format!("step `{name}` is absent: it has no event to compare with");
                return refused(problem, None);
            }
            Ok(found)
        }
        Some(_) => {
            let problem = format!("step `{name}` does not stand before this one");
            refused(problem, Some("`seen` has the steps before".to_owned()))
        }
        None => {
            let help = did_you_mean(name, names.iter().copied()).unwrap_or_else(|| {
                match names.as_slice() {
                    [] => "no step comes before this one".to_owned(),
                    names => format!("`seen` has {}", names.join(", ")),
                }
            });
            refused(format!("there is no step `{name}`"), Some(help))
        }
    }
}
