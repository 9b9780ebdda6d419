//! Rules over what other rules find, as a front end describes them.

use std::sync::Arc;

use larum_event::value::Number;
use larum_event::{RuleId, ScalarValue, WindowSpec};

use crate::ids::SlotId;
use crate::record::{FlatRecord, ValueKind};

/// A rule over what others find, as a front end says it.
#[derive(Debug)]
pub struct CompiledCorrelation {
    /// The condition over the events and alerts of one group.
    pub window: WindowSpec,
    /// The names of the group's members in its alerts.
    pub group_by: Vec<Arc<str>>,
    /// The names of what its window measures.
    pub measured: Vec<Arc<str>>,
    /// The rules whose events or alerts it reads.
    pub steps: Vec<CompiledStep>,
}

/// What a rule reads from another one.
#[derive(Debug)]
pub struct CompiledStep {
    /// The name that the reader gives it.
    pub name: Arc<str>,
    /// What an event of it sets in the steps of its match.
    pub bits: u32,
    /// Where the events come from.
    pub source: StepSource,
    /// The names of the group's members there.
    pub group_by: Vec<Arc<str>>,
    /// Where to find the members of the group; an event without one of them is not grouped.
    pub key: Vec<SlotCapture>,
    /// Where to find the values that the window measures.
    pub values: Vec<SlotCapture>,
}

/// Where the events of a step come from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum StepSource {
    /// Events that satisfy this rule, which has programs.
    Events(RuleId),
    /// Alerts of this rule.
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

    /// The value in `record`. `None` where there is none, where it is null or an object, and where
    /// there are several that differ.
    pub fn read_value(&self, record: &FlatRecord) -> Option<ScalarValue> {
        let texts = self
            .slots
            .iter()
            .map(|slot| single_slot_text(record, *slot));
        let text = texts.into_iter().flatten().next()?;
        if !self.is_number {
            return Some(ScalarValue::Str(text?.into()));
        }
        match Number::parse(text?.trim())? {
            Number::Whole(whole) => Some(match i64::try_from(whole) {
                Ok(whole) => ScalarValue::Int(whole),
                Err(_) => ScalarValue::Float((whole as f64).to_bits()),
            }),
            Number::Float(float) => Some(ScalarValue::Float(float.to_bits())),
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
