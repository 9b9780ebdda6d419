//! Rules over what other rules find: over their events, without alerts in between, or over their alerts.
//!
//! The program of a rule is decided once for an event, whoever reads it. What a reader groups by and measures
//! stands in the slots of the record that was matched.

use std::sync::Arc;

use larum_event::{MatchValues, RuleId, ScalarValue, WindowSpec};

use crate::predicate::{ExactNumber, FlatRecord, SlotId, ValueKind};
use crate::rule_match::RuleMatch;

/// A rule over what others find, as a front end says it.
#[derive(Debug)]
pub struct CompiledCorrelation {
    /// What it asks of the events and alerts of one group.
    pub window: WindowSpec,
    /// The names of the group's members in its alerts.
    pub group_by: Vec<Arc<str>>,
    /// The names of what its window measures.
    pub measured: Vec<Arc<str>>,
    /// What it reads.
    pub steps: Vec<CompiledStep>,
}

/// What a rule reads of another one.
#[derive(Debug)]
pub struct CompiledStep {
    /// What the reader calls it.
    pub name: Arc<str>,
    /// What an event of it sets in [`RuleMatch::steps`].
    pub bits: u32,
    /// Where the events come from.
    pub source: StepSource,
    /// What the members of the group are called there.
    pub group_by: Vec<Arc<str>>,
    /// Where the members of the group stand; an event that misses one is not grouped.
    pub key: Vec<SlotCapture>,
    /// Where the values stand that the window measures.
    pub values: Vec<SlotCapture>,
}

/// Where the events of a step come from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum StepSource {
    /// They are those that satisfy this rule, which has programs.
    Events(RuleId),
    /// They are the alerts of this rule.
    Alerts(RuleId),
}

/// A value of a record: of the first of these slots that has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotCapture {
    slots: Box<[SlotId]>,
    is_number: bool,
}

impl SlotCapture {
    /// A value as the text that it was written as.
    pub fn for_text(slots: impl IntoIterator<Item = SlotId>) -> Self {
        Self {
            slots: slots.into_iter().collect(),
            is_number: false,
        }
    }

    /// A number, be it written as a number or as a text.
    pub fn for_number(slots: impl IntoIterator<Item = SlotId>) -> Self {
        Self {
            slots: slots.into_iter().collect(),
            is_number: true,
        }
    }

    /// The value in `record`. `None` where there is none, where it is null or an object, and where there are
    /// several that differ.
    pub(crate) fn read_value(&self, record: &FlatRecord) -> Option<ScalarValue> {
        let found = self
            .slots
            .iter()
            .map(|slot| single_slot_text(record, *slot));
        let text = found.into_iter().flatten().next()?;
        if !self.is_number {
            return Some(ScalarValue::Str(text?.into()));
        }
        match ExactNumber::parse(text?.trim())? {
            ExactNumber::Whole(whole) => Some(match i64::try_from(whole) {
                Ok(whole) => ScalarValue::Int(whole),
                Err(_) => ScalarValue::Float((whole as f64).to_bits()),
            }),
            ExactNumber::Float(bits) => Some(ScalarValue::Float(bits)),
        }
    }
}

/// The text of the only value of a slot: `None` if it has none, `Some(None)` if it has several.
fn single_slot_text(record: &FlatRecord, slot: SlotId) -> Option<Option<&str>> {
    let mut only: Option<&str> = None;
    for entry in record.entries().iter().filter(|it| it.slot == Some(slot)) {
        match entry.kind {
            ValueKind::Text | ValueKind::Number | ValueKind::Bool => {}
            ValueKind::Null | ValueKind::Container | ValueKind::List => continue,
        }
        let text = record.entry_text(entry);
        if only.is_some_and(|known| known != text) {
            return Some(None);
        }
        only = Some(text);
    }
    only.map(Some)
}

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
        let key: Option<Vec<ScalarValue>> =
            self.key.iter().map(|one| one.read_value(record)).collect();
        let Some(key) = key else { return };
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
