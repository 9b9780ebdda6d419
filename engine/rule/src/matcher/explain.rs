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
        let reads_topic = rule.steps.iter().any(|step| {
            let premise = set.premises.find(rule.layer, &step.on);
            let layer = premise.zip(layer);
            layer.is_some_and(|(one, given)| given.contains(&one))
        });
        let steps = self.steps_held(number, rule, event);
        let asked_script = steps.iter().any(|(how, _)| *how == Decides::Script);
        let outcome = any_held(steps);
        let (predicates, record) = (&mut self.predicates, &self.record);
        let mut condition = set.condition_part(number, rule, &mut |predicate| {
            Some(predicates.held(record, predicate))
        });
        if let Some(condition) = &mut condition {
            self.see(condition);
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
