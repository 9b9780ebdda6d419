//! How a rule is decided, shown without an event.
//!
//! Owns the tree of parts that explanations are made of. What an event answers is filled in
//! elsewhere, by the matcher.
//! Invariant: every part is shown from the program that decides it, so an explanation cannot
//! disagree with the match.

use larum_event::WindowSpec;
use larum_predicate::{BoolExpression, PredicateId, PredicateSet};

use super::RuleSet;
use crate::condition::{PlanPart, PlanPartKind};
use crate::explain::{ConditionField, ConditionPart, ConditionPartKind, EventGate, RuleOutline};
use crate::rule::{Rule, RuleStep};

impl RuleSet {
    /// How the rule with a number is decided.
    pub fn outline_rule(&self, number: u32) -> Option<RuleOutline> {
        let rule = self.rule(number)?;
        let (mut gate, mut script) = (EventGate::Never, EventGate::Never);
        for program in self.rule_programs(number) {
            gate = gate.union_with(self.program_gate(program));
            let asked = self
                .programs
                .scripted
                .binary_search(&program)
                .ok()
                .and_then(|at| u32::try_from(self.programs.steps.len() + at).ok());
            script = script
                .union_with(asked.map_or(EventGate::Never, |program| self.program_gate(program)));
        }
        Some(RuleOutline {
            condition: self.build_condition_part(number, rule, &mut |_| None),
            gate,
            script,
        })
    }

    /// The programs of a rule's steps, in their order.
    pub(crate) fn rule_programs(&self, number: u32) -> Vec<u32> {
        let own = self.programs.programs_of_rule(number);
        own.chain(self.correlation_inputs.step_programs(number))
            .collect()
    }

    fn program_gate(&self, program: u32) -> EventGate {
        match self.predicates.gate_predicates(program) {
            None => EventGate::EveryEvent,
            Some(gate) if gate.is_empty() => EventGate::Never,
            Some(gate) => {
                let gate = gate.into_iter();
                EventGate::AnyOf(
                    gate.map(|one| self.predicates.describe_predicate(one))
                        .collect(),
                )
            }
        }
    }

    /// The condition of a rule; `held` says of a predicate whether it
    /// holds, if that is known.
    pub(crate) fn build_condition_part(
        &self,
        number: u32,
        rule: &Rule,
        held: &mut dyn FnMut(PredicateId) -> Option<bool>,
    ) -> Option<ConditionPart> {
        let steps = self.rule_programs(number).into_iter().zip(&rule.steps);
        let mut parts: Vec<ConditionPart> = steps
            .filter_map(|(program, step)| {
                let condition = self.build_step_part(program, step, held);
                if step.name.is_empty() {
                    return condition;
                }
                let mut named =
                    group_parts(ConditionPartKind::Step, condition.into_iter().collect());
                named.text = describe_step(rule, step);
                Some(named)
            })
            .collect();
        if let [only] = parts.as_mut_slice()
            && only.kind != ConditionPartKind::Step
        {
            return parts.pop();
        }
        (!parts.is_empty()).then(|| group_parts(ConditionPartKind::Any, parts))
    }

    fn build_step_part(
        &self,
        program: u32,
        step: &RuleStep,
        held: &mut dyn FnMut(PredicateId) -> Option<bool>,
    ) -> Option<ConditionPart> {
        if let Some(plan) = &step.plan {
            return Some(show_plan_part(&plan.root, held));
        }
        let mut programs = Vec::new();
        for (view, program) in self.predicates.rule_programs(program) {
            let both = [view, program].into_iter();
            let shown = both.filter_map(|one| show_expression(&self.predicates, one, held));
            programs.extend(group_or_single(ConditionPartKind::All, shown.collect()));
        }
        group_or_single(ConditionPartKind::Any, programs)
    }
}

/// A step's name, and what it compares with steps before.
fn describe_step(rule: &Rule, step: &RuleStep) -> String {
    let WindowSpec::Sequence(sequence) = &rule.window else {
        return step.name.to_string();
    };
    let field = |index: u16| rule.measured.get(usize::from(index)).map_or("?", |it| it);
    let own = sequence.steps.iter().find(|one| one.name == step.name);
    let joins: Vec<String> = own
        .map(|own| own.joins.as_slice())
        .unwrap_or_default()
        .iter()
        .map(|join| {
            let before = sequence.steps.get(usize::from(join.step));
            let other = before.map_or("?", |before| &before.name);
            let (value, sign) = (field(join.value), join.comparison.sign());
            format!("event.{value} {sign} {other}.{}", field(join.other))
        })
        .collect();
    match joins.as_slice() {
        [] => step.name.to_string(),
        joins => format!("{}, {}", step.name, joins.join(", ")),
    }
}

/// Whether an expression holds; `None` if that depends on what is not known.
pub(crate) fn evaluate_expression(
    expression: &BoolExpression,
    held: &mut dyn FnMut(PredicateId) -> Option<bool>,
) -> Option<bool> {
    match expression {
        BoolExpression::Always => Some(true),
        BoolExpression::Never => Some(false),
        BoolExpression::Is(predicate) => held(*predicate),
        BoolExpression::Not(inner) => evaluate_expression(inner, held).map(|holds| !holds),
        BoolExpression::All(parts) => {
            all_hold(parts.iter().map(|part| evaluate_expression(part, held)))
        }
        BoolExpression::Any(parts) => {
            any_holds(parts.iter().map(|part| evaluate_expression(part, held)))
        }
    }
}

fn all_hold(parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
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

fn any_holds(parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    all_hold(parts.map(|part| part.map(|holds| !holds))).map(|holds| !holds)
}

/// Whether a list of parts holds.
fn combine_outcomes(kind: ConditionPartKind, parts: &[ConditionPart]) -> Option<bool> {
    let mut held = parts.iter().map(|part| part.holds);
    match kind {
        ConditionPartKind::All => all_hold(held),
        ConditionPartKind::Any => any_holds(held),
        ConditionPartKind::Not => held.next().flatten().map(|holds| !holds),
        ConditionPartKind::After => held.next_back().flatten(),
        // A step without a condition is every event that it reads.
        ConditionPartKind::Step => held.next().unwrap_or(Some(true)),
        ConditionPartKind::Choice => match held.next().flatten()? {
            true => held.next().flatten(),
            false => held.nth(1).flatten(),
        },
        ConditionPartKind::Constant | ConditionPartKind::Test | ConditionPartKind::Script => None,
    }
}

fn group_parts(kind: ConditionPartKind, parts: Vec<ConditionPart>) -> ConditionPart {
    let first = parts.first();
    ConditionPart {
        kind,
        text: String::new(),
        line: first.map_or(0, |part| part.line),
        column: first.map_or(0, |part| part.column),
        fields: Vec::new(),
        holds: combine_outcomes(kind, &parts),
        parts,
    }
}

fn leaf_part(kind: ConditionPartKind, text: String, held: Option<bool>) -> ConditionPart {
    ConditionPart {
        kind,
        text,
        line: 0,
        column: 0,
        fields: Vec::new(),
        holds: held,
        parts: Vec::new(),
    }
}

/// A condition that was read from a closure.
fn show_plan_part(
    part: &PlanPart,
    held: &mut dyn FnMut(PredicateId) -> Option<bool>,
) -> ConditionPart {
    let list = |kind, held: &mut dyn FnMut(PredicateId) -> Option<bool>| {
        group_parts(
            kind,
            part.parts
                .iter()
                .map(|one| show_plan_part(one, held))
                .collect(),
        )
    };
    // The place is set last: what a part is made of has places of its own.
    let mut shown = match &part.kind {
        PlanPartKind::Constant(holds) => {
            leaf_part(ConditionPartKind::Constant, holds.to_string(), Some(*holds))
        }
        PlanPartKind::All => list(ConditionPartKind::All, held),
        PlanPartKind::Any => list(ConditionPartKind::Any, held),
        PlanPartKind::Not => list(ConditionPartKind::Not, held),
        PlanPartKind::Choice => list(ConditionPartKind::Choice, held),
        PlanPartKind::After => list(ConditionPartKind::After, held),
        PlanPartKind::Script => leaf_part(ConditionPartKind::Script, "script".to_owned(), None),
        PlanPartKind::Question {
            text,
            fields,
            lowered,
        } => {
            // Where the script would be asked, predicates do not know the answer.
            let holds = match evaluate_expression(&lowered.script, held) {
                Some(false) => evaluate_expression(&lowered.holds, held),
                Some(true) | None => None,
            };
            let mut test = leaf_part(ConditionPartKind::Test, text.clone(), holds);
            let fields = fields.iter();
            test.fields = fields.map(|name| field_without_value(name)).collect();
            test
        }
    };
    shown.line = part.place.line().unwrap_or(shown.line);
    shown.column = part.place.position().unwrap_or(shown.column);
    shown
}

fn field_without_value(name: &str) -> ConditionField {
    ConditionField {
        name: name.to_owned(),
        value: None,
    }
}

/// A list of parts, or the only one.
fn group_or_single(
    kind: ConditionPartKind,
    mut parts: Vec<ConditionPart>,
) -> Option<ConditionPart> {
    if parts.len() < 2 {
        return parts.pop();
    }
    Some(group_parts(kind, parts))
}

/// A program of another language; `None` for parts that only say which events it reads.
fn show_expression(
    set: &PredicateSet,
    expression: &BoolExpression,
    held: &mut dyn FnMut(PredicateId) -> Option<bool>,
) -> Option<ConditionPart> {
    let mut list = |kind, parts: &[BoolExpression]| {
        let parts: Vec<ConditionPart> = parts
            .iter()
            .filter_map(|part| show_expression(set, part, held))
            .collect();
        match kind {
            ConditionPartKind::Not if parts.is_empty() => None,
            ConditionPartKind::Not => Some(group_parts(kind, parts)),
            kind => group_or_single(kind, parts),
        }
    };
    match expression {
        BoolExpression::Always => None,
        BoolExpression::Never => {
            let never = leaf_part(ConditionPartKind::Constant, "false".to_owned(), Some(false));
            Some(never)
        }
        BoolExpression::All(parts) => list(ConditionPartKind::All, parts),
        BoolExpression::Any(parts) => list(ConditionPartKind::Any, parts),
        BoolExpression::Not(inner) => list(ConditionPartKind::Not, std::slice::from_ref(inner)),
        // A premise says only which events the rule reads, which is shown with its topics.
        BoolExpression::Is(predicate) if set.is_given(*predicate) => None,
        BoolExpression::Is(predicate) => {
            let holds = held(*predicate);
            let mut test = leaf_part(
                ConditionPartKind::Test,
                set.describe_predicate(*predicate),
                holds,
            );
            let slot = set.predicate_slot(*predicate);
            test.fields = slot
                .iter()
                .map(|slot| field_without_value(&set.slot_name(*slot)))
                .collect();
            Some(test)
        }
    }
}
