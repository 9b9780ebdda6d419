//! Values seen so far, to tell whether a value is new.
//!
//! Owns which values are remembered and for how long. What a value is (a digest of fields) belongs
//! to `reading`.
//! Invariant: `numbers` and `values` are inverse to each other, so the value seen longest ago is
//! found without a scan.

use std::collections::BTreeMap;

use larum_event::{FiringPolicy, Timestamp, WindowExtent};
use serde::{Deserialize, Serialize};

use super::alert::{AlertDraft, AlertPhase};
use super::batch::last_moment;
use super::measure_state::MeasuredValue;
use super::reading::EventReading;
use super::rule::AggregateRule;
use crate::event_ref::EventRef;
use crate::state::{AlertSummary, StateOutput, WindowEvent};

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct SeenValues {
    /// The number of the event in which each value was last seen.
    numbers: BTreeMap<EventReading, u64>,
    /// By that number, the value and its time.
    values: BTreeMap<u64, (EventReading, Timestamp)>,
    /// Events applied.
    event_count: u64,
    /// For windows that follow each other: the time of the current window's first event.
    window_start: Timestamp,
    newest: Timestamp,
    phase: AlertPhase<()>,
}

/// Equal if they have the same future: numbers count only by how long ago they were given.
impl PartialEq for SeenValues {
    fn eq(&self, other: &Self) -> bool {
        let ages = |seen: &Self| {
            let newest = seen.event_count;
            let values = seen.values.iter();
            values
                .map(|(number, value)| (newest - number, *value))
                .collect::<Vec<_>>()
        };
        self.window_start == other.window_start
            && self.newest == other.newest
            && self.phase == other.phase
            && self.values.len() == other.values.len()
            && ages(self) == ages(other)
    }
}

impl SeenValues {
    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty() && self.phase == AlertPhase::Free
    }

    /// Values remembered.
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.values.first_key_value().map(|(_, (_, time))| *time)
    }

    pub(super) fn apply_event(
        &mut self,
        event: &WindowEvent,
        reading: EventReading,
        rule: &AggregateRule,
        output: &mut StateOutput,
    ) {
        if self.values.is_empty() {
            self.window_start = event.time();
        }
        self.newest = event.time();
        self.event_count = self.event_count.saturating_add(1);
        // Forget before looking the value up: a value outside of the last n events counts as new.
        if let WindowExtent::Last { matches, .. } = rule.extent {
            let oldest = self.event_count.saturating_sub(matches.into());
            self.forget_while(|number, _| number < oldest);
        }
        let before = self.numbers.insert(reading, self.event_count);
        if let Some(before) = before {
            self.values.remove(&before);
        }
        self.values
            .insert(self.event_count, (reading, event.time()));
        if self.values.len() > rule.events_most {
            // The new value was inserted last, so it is never the one that is dropped.
            output.dropped += 1;
            self.forget_oldest();
        }
        let measured = MeasuredValue::from_count(before.is_none().into(), None);
        let asks_for_new = rule.bounds.as_slice().is_empty();
        if rule.is_satisfied_by(measured.value) && (before.is_none() || !asks_for_new) {
            self.report_alert(&event.event_ref, measured, rule, output);
        }
    }

    fn report_alert(
        &mut self,
        event: &EventRef,
        measured: MeasuredValue,
        rule: &AggregateRule,
        output: &mut StateOutput,
    ) {
        let time = event.time();
        if self.phase.is_silent_at(time) {
            return;
        }
        let content = AlertSummary {
            count: 1,
            value: Some(measured.value),
            error: None,
            script_json: None,
            first: time,
            last: time,
            evidence: vec![event.id.clone()],
        };
        let draft = AlertDraft {
            anchor: event.id(),
            trigger: event.clone(),
            time,
            content,
        };
        draft.report_closed(output);
        // After the report: `reset` forgets the value that fired, too.
        match rule.policy {
            FiringPolicy::Edge | FiringPolicy::Every => {}
            FiringPolicy::Reset => self.forget_while(|_, _| true),
            FiringPolicy::Suppress(span) => {
                self.phase = AlertPhase::Silent(time.saturating_add(span));
            }
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, (reading, _))) = self.values.pop_first() {
            self.numbers.remove(&reading);
        }
    }

    fn forget_while(&mut self, is_out: impl Fn(u64, Timestamp) -> bool) {
        while let Some((number, (_, time))) = self.values.first_key_value() {
            if !is_out(*number, *time) {
                return;
            }
            self.forget_oldest();
        }
    }

    pub(super) fn advance_to(&mut self, before: Timestamp, rule: &AggregateRule) {
        match rule.extent {
            WindowExtent::Sliding { within: size } | WindowExtent::Hopping { size, .. } => {
                self.forget_while(|_, time| time.saturating_add(size) < before);
            }
            WindowExtent::Last { .. }
            | WindowExtent::Tumbling { .. }
            | WindowExtent::Session { .. } => {
                if self.expiry(rule).is_some_and(|until| until < before) {
                    self.forget_while(|_, _| true);
                }
            }
        }
        self.phase.end_silence(before);
    }

    /// The last moment at which a value is still remembered.
    fn expiry(&self, rule: &AggregateRule) -> Option<Timestamp> {
        if self.values.is_empty() {
            return None;
        }
        match rule.extent {
            WindowExtent::Sliding { within: size } | WindowExtent::Hopping { size, .. } => {
                Some(self.newest.saturating_add(size))
            }
            WindowExtent::Last { keep, .. } => Some(self.newest.saturating_add(keep)),
            WindowExtent::Tumbling { .. } | WindowExtent::Session { .. } => {
                last_moment(self.window_start, self.newest, rule)
            }
        }
    }

    pub(super) fn due_time(&self, rule: &AggregateRule) -> Option<Timestamp> {
        self.expiry(rule).max(self.phase.silence_end())
    }

    pub(super) fn is_sound(&self, rule: &AggregateRule) -> bool {
        let is_indexed = self.numbers.len() == self.values.len()
            && self
                .values
                .iter()
                .all(|(number, (reading, _))| self.numbers.get(reading) == Some(number));
        let numbers = self.values.last_key_value();
        let times = self.values.values().map(|(_, time)| time);
        is_indexed
            && numbers.is_none_or(|(number, _)| *number <= self.event_count)
            && times.chain([&self.newest]).is_sorted()
            && self.values.len() <= rule.events_most
            && !matches!(self.phase, AlertPhase::Open(()))
    }
}
