//! How a rule is decided, told without an event.

use larum_event::WindowSpec;

use super::RuleSet;
use crate::condition::{Part, PartKind};
use crate::explain::{ConditionKind, ConditionPart, FieldSeen, Gate, Outline};
use crate::predicate::{Expression, PredicateId, PredicateSet};
use crate::rule::{Rule, RuleStep};

impl RuleSet {
    /// How the rule with a number is decided.
    pub fn outline(&self, number: u32) -> Option<Outline> {
        let rule = self.rule(number)?;
        let (mut gate, mut script) = (Gate::Never, Gate::Never);
        for program in self.programs_of(number) {
            gate = gate.or(self.gate(program));
            let asked = self.programs.scripted.binary_search(&program).ok();
            let asked = asked.and_then(|at| u32::try_from(self.programs.asked.len() + at).ok());
            script = script.or(asked.map_or(Gate::Never, |program| self.gate(program)));
        }
        Some(Outline {
            condition: self.condition_part(number, rule, &mut |_| None),
            gate,
            script,
        })
    }

    /// The programs of a rule's steps, in their order.
    pub(crate) fn programs_of(&self, number: u32) -> Vec<u32> {
        let own = self.programs.of(number);
        own.chain(self.readings.steps_of(number)).collect()
    }

    fn gate(&self, program: u32) -> Gate {
        match self.predicates.gate(program) {
            None => Gate::EveryEvent,
            Some(gate) if gate.is_empty() => Gate::Never,
            Some(gate) => {
                let gate = gate.into_iter();
                Gate::AnyOf(gate.map(|one| self.predicates.describe(one)).collect())
            }
        }
    }

    /// The condition of a rule; `held` tells of predicates, as far as they are known.
    pub(crate) fn condition_part(
        &self,
        number: u32,
        rule: &Rule,
        held: &mut dyn FnMut(PredicateId) -> Option<bool>,
    ) -> Option<ConditionPart> {
        let steps = self.programs_of(number).into_iter().zip(&rule.steps);
        let mut parts: Vec<ConditionPart> = steps
            .filter_map(|(program, step)| {
                let condition = self.step_part(program, step, held);
                if step.name.is_empty() {
                    return condition;
                }
                let mut named = joint(ConditionKind::Step, condition.into_iter().collect());
                named.text = step_text(rule, step);
                Some(named)
            })
            .collect();
        if let [only] = parts.as_mut_slice()
            && only.kind != ConditionKind::Step
        {
            return parts.pop();
        }
        (!parts.is_empty()).then(|| joint(ConditionKind::Any, parts))
    }

    fn step_part(
        &self,
        program: u32,
        step: &RuleStep,
        held: &mut dyn FnMut(PredicateId) -> Option<bool>,
    ) -> Option<ConditionPart> {
        if let Some(plan) = &step.plan {
            return Some(shown(&plan.root, held));
        }
        let mut programs = Vec::new();
        for (view, program) in self.predicates.programs_of(program) {
            let both = [view, program];
            let both = both.into_iter();
            let both = both.filter_map(|one| of_expression(&self.predicates, one, held));
            programs.extend(one_or(ConditionKind::All, both.collect()));
        }
        one_or(ConditionKind::Any, programs)
    }
}

/// A step's name, and what it compares with steps before.
fn step_text(rule: &Rule, step: &RuleStep) -> String {
    let WindowSpec::Sequence(sequence) = &rule.window else {
        return step.name.to_string();
    };
    let field = |index: u16| rule.measured.get(usize::from(index)).map_or("?", |it| it);
    let own = sequence.steps.iter().find(|one| one.name == step.name);
    let joins = own.map(|own| own.joins.as_slice()).unwrap_or_default();
    let joins = joins.iter().map(|join| {
        let other = sequence.steps.get(usize::from(join.step));
        let other = other.map_or("?", |other| &other.name);
        let (value, sign) = (field(join.value), join.comparison.sign());
        format!("event.{value} {sign} {other}.{}", field(join.other))
    });
    let joins: Vec<String> = joins.collect();
    match joins.as_slice() {
        [] => step.name.to_string(),
        joins => format!("{}, {}", step.name, joins.join(", ")),
    }
}

/// Whether an expression holds; `None` if that hangs on what is not known.
pub(crate) fn value_of(
    expression: &Expression,
    held: &mut dyn FnMut(PredicateId) -> Option<bool>,
) -> Option<bool> {
    match expression {
        Expression::Always => Some(true),
        Expression::Never => Some(false),
        Expression::Is(predicate) => held(*predicate),
        Expression::Not(inner) => value_of(inner, held).map(|holds| !holds),
        Expression::All(parts) => all(parts.iter().map(|part| value_of(part, held))),
        Expression::Any(parts) => any(parts.iter().map(|part| value_of(part, held))),
    }
}

fn all(parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut holds = Some(true);
    for part in parts {
        match part {
            Some(false) => return Some(false),
            Some(true) => {}
            None => holds = None,
        }
    }
    holds
}

fn any(parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    all(parts.map(|part| part.map(|holds| !holds))).map(|holds| !holds)
}

/// Whether a list of parts holds.
fn joined(kind: ConditionKind, parts: &[ConditionPart]) -> Option<bool> {
    let mut held = parts.iter().map(|part| part.held);
    match kind {
        ConditionKind::All => all(held),
        ConditionKind::Any => any(held),
        ConditionKind::Not => held.next().flatten().map(|holds| !holds),
        ConditionKind::After => held.next_back().flatten(),
        // A step without a condition is every event that it reads.
        ConditionKind::Step => held.next().unwrap_or(Some(true)),
        ConditionKind::Choice => match held.next().flatten()? {
            true => held.next().flatten(),
            false => held.nth(1).flatten(),
        },
        ConditionKind::Constant | ConditionKind::Test | ConditionKind::Script => None,
    }
}

fn joint(kind: ConditionKind, parts: Vec<ConditionPart>) -> ConditionPart {
    let first = parts.first();
    ConditionPart {
        kind,
        text: String::new(),
        line: first.map_or(0, |part| part.line),
        column: first.map_or(0, |part| part.column),
        fields: Vec::new(),
        held: joined(kind, &parts),
        parts,
    }
}

fn leaf(kind: ConditionKind, text: String, held: Option<bool>) -> ConditionPart {
    ConditionPart {
        kind,
        text,
        line: 0,
        column: 0,
        fields: Vec::new(),
        held,
        parts: Vec::new(),
    }
}

/// A condition that was read from a closure.
fn shown(part: &Part, held: &mut dyn FnMut(PredicateId) -> Option<bool>) -> ConditionPart {
    let list = |kind, held: &mut dyn FnMut(PredicateId) -> Option<bool>| {
        joint(
            kind,
            part.parts.iter().map(|one| shown(one, held)).collect(),
        )
    };
    let mut shown = match &part.kind {
        PartKind::Constant(holds) => leaf(ConditionKind::Constant, holds.to_string(), Some(*holds)),
        PartKind::All => list(ConditionKind::All, held),
        PartKind::Any => list(ConditionKind::Any, held),
        PartKind::Not => list(ConditionKind::Not, held),
        PartKind::Choice => list(ConditionKind::Choice, held),
        PartKind::After => list(ConditionKind::After, held),
        PartKind::Script => leaf(ConditionKind::Script, "script".to_owned(), None),
        PartKind::Ask {
            text,
            fields,
            lowered,
        } => {
            let holds = match value_of(&lowered.script, held) {
                Some(false) => value_of(&lowered.holds, held),
                Some(true) | None => None,
            };
            let mut test = leaf(ConditionKind::Test, text.clone(), holds);
            let fields = fields.iter();
            test.fields = fields.map(|name| unseen(name)).collect();
            test
        }
    };
    shown.line = part.place.line().unwrap_or(shown.line);
    shown.column = part.place.position().unwrap_or(shown.column);
    shown
}

fn unseen(name: &str) -> FieldSeen {
    FieldSeen {
        name: name.to_owned(),
        value: None,
    }
}

/// A list of parts, or the only one.
fn one_or(kind: ConditionKind, mut parts: Vec<ConditionPart>) -> Option<ConditionPart> {
    if parts.len() < 2 {
        return parts.pop();
    }
    Some(joint(kind, parts))
}

/// A program of another language; `None` for what only tells which events it reads.
fn of_expression(
    set: &PredicateSet,
    expression: &Expression,
    held: &mut dyn FnMut(PredicateId) -> Option<bool>,
) -> Option<ConditionPart> {
    let mut list = |kind, parts: &[Expression]| {
        let parts = parts.iter();
        let parts: Vec<ConditionPart> = parts
            .filter_map(|part| of_expression(set, part, held))
            .collect();
        match kind {
            ConditionKind::Not if parts.is_empty() => None,
            ConditionKind::Not => Some(joint(kind, parts)),
            kind => one_or(kind, parts),
        }
    };
    match expression {
        Expression::Always => None,
        Expression::Never => {
            let never = leaf(ConditionKind::Constant, "false".to_owned(), Some(false));
            Some(never)
        }
        Expression::All(parts) => list(ConditionKind::All, parts),
        Expression::Any(parts) => list(ConditionKind::Any, parts),
        Expression::Not(inner) => list(ConditionKind::Not, std::slice::from_ref(inner)),
        Expression::Is(predicate) if set.is_given(*predicate) => None,
        Expression::Is(predicate) => {
            let holds = held(*predicate);
            let mut test = leaf(ConditionKind::Test, set.describe(*predicate), holds);
            let slot = set.slot_asked(*predicate);
            test.fields = slot
                .iter()
                .map(|slot| unseen(&set.name_of(*slot)))
                .collect();
            Some(test)
        }
    }
}
