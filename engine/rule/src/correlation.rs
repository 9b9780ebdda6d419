//! Rules over what other rules find: over their events, without alerts in between, or over their
//! alerts.
//!
//! The program of a rule is decided once for an event, however many rules read it. What a reader
//! groups by and measures is in the slots of the record that was matched.

use larum_event::{MatchValues, ScalarValue};
use larum_predicate::{CompiledStep, FlatRecord, SlotCapture};

use crate::rule_match::RuleMatch;

/// What rules read, by the number of the program that finds it.
#[derive(Debug, Clone, Default)]
pub(crate) struct CorrelationInputs {
    /// In the order of programs.
    all: Vec<(u32, CorrelationInput)>,
}

/// What one rule reads of what one program finds.
#[derive(Debug, Clone)]
pub(crate) struct CorrelationInput {
    /// The number of the rule that reads.
    pub(crate) rule: u32,
    /// The number of the step among its own.
    step: u16,
    /// The number of the rule whose events these are; `None` for alerts.
    pub(crate) source_rule: Option<u32>,
    /// The steps that they are.
    pub(crate) bits: u32,
    key: Vec<SlotCapture>,
    values: Vec<SlotCapture>,
}

impl CorrelationInput {
    /// What the step `number` of a rule reads.
    pub(crate) fn new(rule: u32, number: u16, of: Option<u32>, step: CompiledStep) -> Self {
        Self {
            rule,
            step: number,
            source_rule: of,
            bits: step.bits,
            key: step.key,
            values: step.values,
        }
    }

    /// Adds what it makes of the record to `out`; those from `first` on are of the same event.
    pub(crate) fn add_match(&self, record: &FlatRecord, out: &mut Vec<RuleMatch>, first: usize) {
        let Some(key) = self.read_key(record) else {
            return;
        };
        let values: Vec<Option<ScalarValue>> = self
            .values
            .iter()
            .map(|one| one.read_value(record))
            .collect();
        let same = |known: &&mut RuleMatch| known.rule == self.rule && known.key.members() == key;
        let known = out
            .get_mut(first..)
            .unwrap_or_default()
            .iter_mut()
            .find(same);
        match known {
            // One event is one match of a group, whatever the number of rules that it satisfies.
            Some(known) => {
                known.steps |= self.bits;
                if known.values.as_slice().iter().any(Option::is_none) {
                    known.values = MatchValues::new(values);
                }
            }
            None => out.push(RuleMatch {
                rule: self.rule,
                key: larum_event::GroupKey::new(key),
                steps: self.bits,
                values: MatchValues::new(values),
                wants_event: false,
            }),
        }
    }

    /// The values it groups by, if the record has all of them.
    fn read_key(&self, record: &FlatRecord) -> Option<Vec<ScalarValue>> {
        // In one allocation: it is made for every match.
        let mut key = Vec::with_capacity(self.key.len());
        for one in &self.key {
            key.push(one.read_value(record)?);
        }
        Some(key)
    }
}

impl CorrelationInputs {
    pub(crate) fn new(mut all: Vec<(u32, CorrelationInput)>) -> Self {
        all.sort_by_key(|(program, reading)| (*program, reading.rule, reading.step));
        Self { all }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// What is read of what `program` finds.
    pub(crate) fn inputs_of_program(
        &self,
        program: u32,
    ) -> impl Iterator<Item = &CorrelationInput> + '_ {
        let first = self.all.partition_point(|(known, _)| *known < program);
        let rest = self.all.get(first..).unwrap_or_default();
        let of = rest.iter().take_while(move |(known, _)| *known == program);
        of.map(|(_, reading)| reading)
    }

    /// The rules whose events a rule reads; `None` for one whose alerts it reads.
    pub(crate) fn source_rules(&self, rule: u32) -> impl Iterator<Item = Option<u32>> + '_ {
        let of = self.all.iter().map(|(_, reading)| reading);
        of.filter(move |reading| reading.rule == rule)
            .map(|reading| reading.source_rule)
    }

    /// The programs that the steps of a rule read, in the order of the steps.
    pub(crate) fn step_programs(&self, rule: u32) -> impl Iterator<Item = u32> {
        let of = self.all.iter().filter(|(_, reading)| reading.rule == rule);
        let mut steps: Vec<(u16, u32)> = of
            .map(|(program, reading)| (reading.step, *program))
            .collect();
        steps.sort_unstable();
        steps.into_iter().map(|(_, program)| program)
    }
}
