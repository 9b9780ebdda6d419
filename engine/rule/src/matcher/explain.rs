//! Why a rule did or did not match an event.

use std::sync::Arc;

use larum_event::Event;

use super::{Decides, Matcher, any_held};
use crate::explain::{ConditionKind, ConditionPart, Explained, FieldSeen};
use crate::predicate::ValueKind;

/// Longest value shown, in characters.
const SHOWN_CHARACTERS: usize = 200;

impl Matcher {
    /// How the rule with a number is decided for an event, whatever the event's topic; `None` for a number
    /// that no rule has.
    pub fn explain(&mut self, number: u32, event: &Event) -> Option<Explained> {
        let set = Arc::clone(&self.set);
        let rule = set.rule(number)?;
        let given = self.given(&event.envelope().topic);
        let layer = given.get(usize::from(rule.layer));
        let reads = rule.steps.iter().map(|step| {
            let premise = set.premises.find(rule.layer, &step.on);
            let layer = premise.zip(layer);
            layer.is_some_and(|(one, given)| given.contains(&one))
        });
        let reads: Vec<bool> = reads.collect();
        let reads_topic = reads.contains(&true);
        let programs = set.programs_of(number).into_iter().zip(&reads);
        let unread: Vec<u32> = programs
            .filter(|(_, reads)| reads_topic && !**reads)
            .map(|(program, _)| program)
            .collect();
        let mut held = self.steps_held(number, rule, event);
        held.retain(|(program, ..)| !unread.contains(program));
        let steps = set.programs_of(number).into_iter().enumerate();
        let steps = steps.filter(|(_, program)| {
            let mut held = held.iter();
            held.any(|(known, _, answer)| known == program && matches!(answer, Ok(true)))
        });
        let steps: Vec<usize> = steps.map(|(step, _)| step).collect();
        let asked_script = held.iter().any(|(_, how, _)| *how == Decides::Script);
        let outcome = any_held(held);
        let (predicates, record) = (&mut self.predicates, &self.record);
        let mut condition = set.condition_part(number, rule, &mut |predicate| {
            Some(predicates.held(record, predicate))
        });
        if let Some(condition) = &mut condition {
            self.see(condition);
            let named = |part: &ConditionPart| part.kind == ConditionKind::Step;
            let parts = condition.parts.iter_mut().filter(|part| named(part));
            for (part, _) in parts.zip(&reads).filter(|(_, reads)| !**reads) {
                part.held = Some(false);
            }
            // Only that of a rule with steps is made of them.
            if condition.parts.iter().any(named) {
                let held = condition.parts.iter().map(|part| part.held);
                let is = |wanted| held.clone().any(|held| held == wanted);
                condition.held = match (is(Some(true)), is(None)) {
                    (true, _) => Some(true),
                    (false, true) => None,
                    (false, false) => Some(false),
                };
            }
        }
        if let Some(condition) = &mut condition
            && asked_script
            && condition.kind != ConditionKind::Step
            && rule.steps.len() == 1
        {
            // The script is the truth of the whole.
            condition.held = outcome.as_ref().ok().copied();
        }
        Some(Explained {
            condition,
            asked_script,
            outcome,
            steps,
            reads_topic,
        })
    }

    /// Fills in what the fields of a condition hold.
    fn see(&self, part: &mut ConditionPart) {
        if part.kind == ConditionKind::Test {
            for field in &mut part.fields {
                field.value = self.value_of(field);
            }
        }
        part.parts.iter_mut().for_each(|part| self.see(part));
    }

    fn value_of(&self, field: &FieldSeen) -> Option<String> {
        let set = &self.set.predicates;
        let named = |(name, slot): (&str, _)| (name == field.name).then_some(slot);
        let slot = set
            .paths()
            .find_map(named)
            .or_else(|| set.pushed().find_map(named))
            .or_else(|| set.fields().find_map(named))?;
        let values = self.record.values().filter(|one| one.slot == Some(slot));
        let shown: Vec<String> = values.map(|one| written(one.kind, one.text)).collect();
        (!shown.is_empty()).then(|| shown.join(", "))
    }
}

fn written(kind: ValueKind, text: &str) -> String {
    match kind {
        ValueKind::Null => "null".to_owned(),
        ValueKind::Hollow => "{..}".to_owned(),
        ValueKind::List => "[..]".to_owned(),
        ValueKind::Number | ValueKind::Truth => text.to_owned(),
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
