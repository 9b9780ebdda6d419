//! Why a rule did or did not match an event.

use std::sync::Arc;

use larum_event::Event;
use larum_predicate::ValueKind;

use super::{DecisionSource, RuleMatcher, any_step_holds};
use crate::explain::{ConditionField, ConditionPart, ConditionPartKind, RuleExplanation};

/// Longest value shown, in characters.
const SHOWN_CHARACTERS: usize = 200;

impl RuleMatcher {
    /// How the rule with a number is decided for an event, whatever the event's topic; `None` for a
    /// number that no rule has.
    pub fn explain_rule(&mut self, number: u32, event: &Event) -> Option<RuleExplanation> {
        let set = Arc::clone(&self.set);
        let rule = set.rule(number)?;
        let given = self.given_predicates(&event.envelope().topic);
        let layer = given.get(usize::from(rule.layer));
        let reads: Vec<bool> = rule
            .steps
            .iter()
            .map(|step| {
                let premise = set.premises.find_premise(rule.layer, &step.on);
                let layer = premise.zip(layer);
                layer.is_some_and(|(one, given)| given.contains(&one))
            })
            .collect();
        let reads_topic = reads.contains(&true);
        let programs = set.rule_programs(number).into_iter().zip(&reads);
        let unread: Vec<u32> = programs
            .filter(|(_, reads)| reads_topic && !**reads)
            .map(|(program, _)| program)
            .collect();
        // Evaluate before the condition is shown: the record of the event is filled by it.
        let mut held = self.evaluate_steps(number, event);
        held.retain(|(program, ..)| !unread.contains(program));
        let steps: Vec<usize> = set
            .rule_programs(number)
            .into_iter()
            .enumerate()
            .filter(|(_, program)| {
                let mut held = held.iter();
                held.any(|(known, _, answer)| known == program && matches!(answer, Ok(true)))
            })
            .map(|(step, _)| step)
            .collect();
        let asked_script = held
            .iter()
            .any(|(_, how, _)| *how == DecisionSource::Script);
        let outcome = any_step_holds(held);
        let (predicates, record) = (&mut self.predicates, &self.record);
        let mut condition = set.build_condition_part(number, rule, &mut |predicate| {
            Some(predicates.predicate_holds(record, predicate))
        });
        if let Some(condition) = &mut condition {
            self.fill_values(condition);
            exclude_unread_steps(condition, &reads);
        }
        if let Some(condition) = &mut condition
            && asked_script
            && condition.kind != ConditionPartKind::Step
            && rule.steps.len() == 1
        {
            // The script is the truth of the whole.
            condition.holds = outcome.as_ref().ok().copied();
        }
        Some(RuleExplanation {
            condition,
            ran_script: asked_script,
            outcome,
            steps,
            reads_topic,
        })
    }

    /// Fills in what the fields of a condition hold.
    fn fill_values(&self, part: &mut ConditionPart) {
        if part.kind == ConditionPartKind::Test {
            for field in &mut part.fields {
                field.value = self.field_text(field);
            }
        }
        part.parts
            .iter_mut()
            .for_each(|part| self.fill_values(part));
    }

    fn field_text(&self, field: &ConditionField) -> Option<String> {
        let set = &self.set.predicates;
        let named = |(name, slot): (&str, _)| (name == field.name).then_some(slot);
        let slot = set
            .paths()
            .find_map(named)
            .or_else(|| set.pushed_slots().find_map(named))
            .or_else(|| set.fields().find_map(named))?;
        let values = self.record.values().filter(|one| one.slot == Some(slot));
        let shown: Vec<String> = values.map(|one| value_text(one.kind, one.text)).collect();
        (!shown.is_empty()).then(|| shown.join(", "))
    }
}

/// Makes steps that do not read the event's topic false, and combines the steps again.
fn exclude_unread_steps(condition: &mut ConditionPart, reads: &[bool]) {
    let named = |part: &ConditionPart| part.kind == ConditionPartKind::Step;
    let parts = condition.parts.iter_mut().filter(|part| named(part));
    for (part, _) in parts.zip(reads).filter(|(_, reads)| !**reads) {
        part.holds = Some(false);
    }
    // Only the condition of a rule with steps is made of them.
    if condition.parts.iter().any(named) {
        let held = condition.parts.iter().map(|part| part.holds);
        let is = |wanted| held.clone().any(|held| held == wanted);
        condition.holds = match (is(Some(true)), is(None)) {
            (true, _) => Some(true),
            (false, true) => None,
            (false, false) => Some(false),
        };
    }
}

fn value_text(kind: ValueKind, text: &str) -> String {
    match kind {
        ValueKind::Null => "null".to_owned(),
        ValueKind::Container => "{..}".to_owned(),
        ValueKind::List => "[..]".to_owned(),
        ValueKind::Number | ValueKind::Bool => text.to_owned(),
        ValueKind::Text => {
            let mut characters = text.chars();
            let start: String = characters.by_ref().take(SHOWN_CHARACTERS).collect();
            let more = if characters.next().is_some() {
                ".."
            } else {
                ""
            };
            format!("{start:?}{more}")
        }
    }
}
