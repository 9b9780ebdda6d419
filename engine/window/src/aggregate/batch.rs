//! Windows that follow each other: tumbling ones, sessions, and those that a first match opens. Of their events
//! only the ends are kept.

use larum_event::{DecisionTime, EventId, FiringPolicy, Span, Timestamp, WindowExtent};
use serde::{Deserialize, Serialize};

use super::alert::{AlertDraft, AlertPhase, alert_summary};
use super::ends::EvidenceEnds;
use super::measure_state::{MeasureState, MeasuredValue};
use super::packed_event_ref::PackedEventRef;
use super::reading::EventReading;
use super::rule::{AggregateRule, moment_before, next_stretch_start, stretch_number};
use crate::event_ref::EventRef;
use crate::state::{AlertReport, AlertSummary, StateOutput, WindowEvent};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct BatchWindow {
    /// Events of the window that lasts; 0 when none does.
    pub(super) count: u64,
    pub(super) ends: EvidenceEnds,
    pub(super) measure: MeasureState,
    /// Of an open alert, what was last told of the count.
    pub(super) phase: AlertPhase<u64>,
}

impl BatchWindow {
    pub(super) fn new(rule: &AggregateRule) -> Self {
        Self {
            count: 0,
            ends: EvidenceEnds::default(),
            measure: MeasureState::new(&rule.measure),
            phase: AlertPhase::Free,
        }
    }

    pub(super) fn with_event(kept: PackedEventRef, rule: &AggregateRule) -> Self {
        let mut batch = Self::new(rule);
        batch.count = 1;
        batch.ends.push_event(kept);
        batch
    }

    /// Whether it says nothing any more.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0 && self.phase == AlertPhase::Free && !self.measure.has_history()
    }

    pub(super) fn apply_event(
        &mut self,
        event: &WindowEvent,
        reading: EventReading,
        rule: &AggregateRule,
        told: &mut StateOutput,
    ) {
        if !self.measure.absorb_reading(reading, event.time(), rule) {
            told.dropped += 1;
            return;
        }
        self.count = self.count.saturating_add(1);
        self.ends.push_event(PackedEventRef::pack(&event.held));
        if rule.decided == DecisionTime::AtClose {
            return;
        }
        let held = self
            .measured_value(rule)
            .filter(|it| rule.is_satisfied_by(it.value));
        if let Some(measured) = held {
            self.apply_policy(&event.held, measured, rule, told);
        }
    }

    /// A session is known by its first event, so that one that comes late revises its alert and makes no other.
    fn anchor_id(&self, event: &EventRef, rule: &AggregateRule) -> EventId {
        let is_one = rule.policy == FiringPolicy::Edge;
        match (rule.extent, self.ends.first()) {
            (WindowExtent::Session { .. }, Some(first)) if is_one => first.unpack().id(),
            (_, _) => event.id(),
        }
    }

    pub(super) fn measured_value(&self, rule: &AggregateRule) -> Option<MeasuredValue> {
        self.measure.measured_value(self.count, rule)
    }

    /// The condition holds with `event`, and will until the window ends.
    fn apply_policy(
        &mut self,
        event: &EventRef,
        measured: MeasuredValue,
        rule: &AggregateRule,
        told: &mut StateOutput,
    ) {
        let silent = self.phase.is_silent_at(event.time());
        let firing = |batch: &Self| AlertDraft {
            anchor: batch.anchor_id(event, rule),
            trigger: event.clone(),
            time: event.time(),
            content: batch.content(measured, rule),
        };
        match (rule.policy, &mut self.phase) {
            (FiringPolicy::Edge, AlertPhase::Open(count)) => {
                if self.count >= count.saturating_mul(2) {
                    *count = self.count;
                    let content = Box::new(self.content(measured, rule));
                    told.reports.push(AlertReport::Grew(content));
                }
            }
            (FiringPolicy::Edge, AlertPhase::Free | AlertPhase::Silent(_)) => {
                firing(self).report_open(told);
                self.phase = AlertPhase::Open(self.count);
            }
            (FiringPolicy::Every, _) => firing(self).report_closed(told),
            (FiringPolicy::Reset, _) => {
                firing(self).report_closed(told);
                self.clear_events(rule);
            }
            (FiringPolicy::Suppress(span), _) => {
                if !silent {
                    firing(self).report_closed(told);
                    self.phase = AlertPhase::Silent(event.time().saturating_add(span));
                }
            }
        }
    }

    fn content(&self, measured: MeasuredValue, rule: &AggregateRule) -> AlertSummary {
        alert_summary(self.count, &self.ends, measured, rule)
    }

    fn clear_events(&mut self, rule: &AggregateRule) {
        self.count = 0;
        self.ends = EvidenceEnds::default();
        self.measure.clear(rule);
    }

    /// The last moment of the window that lasts.
    fn last_moment(&self, rule: &AggregateRule) -> Option<Timestamp> {
        last_moment(self.ends.first()?.time(), self.ends.last()?.time(), rule)
    }

    pub(super) fn advance_to(
        &mut self,
        before: Timestamp,
        rule: &AggregateRule,
        told: &mut StateOutput,
    ) {
        if let Some(until) = self.last_moment(rule).filter(|until| *until < before) {
            self.end_window(until, rule, told);
        }
        // A session that lasts may yet be found to have ended while the key was silent.
        if self.count == 0 {
            self.phase.end_silence(before);
        }
        if let (MeasureState::Rate(baseline), WindowExtent::Tumbling { size }) =
            (&mut self.measure, rule.extent)
        {
            let end = baseline.expiry(Span::ZERO, &rule.baseline_layout);
            if end.is_some_and(|end| end < before) {
                baseline.move_window(stretch_number(before, size), &rule.baseline_layout);
            }
        }
    }

    /// The window is over, of which `until` was the last moment.
    fn end_window(&mut self, until: Timestamp, rule: &AggregateRule, told: &mut StateOutput) {
        if let (MeasureState::Rate(baseline), WindowExtent::Tumbling { size }) =
            (&mut self.measure, rule.extent)
        {
            baseline.move_window(stretch_number(until, size), &rule.baseline_layout);
        }
        let measured = self.measured_value(rule);
        self.end_alert(rule, told);
        if rule.decided == DecisionTime::AtClose
            && let Some(measured) = measured.filter(|it| rule.is_satisfied_by(it.value))
        {
            self.fire_at_end(until, measured, rule, told);
        }
        self.clear_events(rule);
    }

    /// The open alert is over, if there is one.
    pub(super) fn end_alert(&mut self, rule: &AggregateRule, told: &mut StateOutput) {
        if let (AlertPhase::Open(_), Some(measured)) = (&self.phase, self.measured_value(rule)) {
            let content = Box::new(self.content(measured, rule));
            told.reports.push(AlertReport::Ended(content));
            self.phase = AlertPhase::Free;
        }
    }

    fn fire_at_end(
        &mut self,
        until: Timestamp,
        measured: MeasuredValue,
        rule: &AggregateRule,
        told: &mut StateOutput,
    ) {
        let (Some(first), Some(last)) = (self.ends.first(), self.ends.last()) else {
            return;
        };
        let time = match rule.extent {
            WindowExtent::Tumbling { .. } => until.saturating_add(Span::from_nanos(1)),
            WindowExtent::Session { .. } => last.time(),
            WindowExtent::Sliding { .. }
            | WindowExtent::Hopping { .. }
            | WindowExtent::Last { .. } => until,
        };
        if self.phase.is_silent_at(time) {
            return;
        }
        let firing = AlertDraft {
            anchor: first.unpack().id(),
            trigger: last.unpack(),
            time,
            content: self.content(measured, rule),
        };
        firing.report_closed(told);
        if let FiringPolicy::Suppress(span) = rule.policy {
            self.phase = AlertPhase::Silent(time.saturating_add(span));
        }
    }

    pub(super) fn due_time(&self, rule: &AggregateRule) -> Option<Timestamp> {
        if let Some(until) = self.last_moment(rule) {
            return Some(until);
        }
        let silent = match self.phase {
            AlertPhase::Silent(until) => Some(moment_before(until)),
            AlertPhase::Free | AlertPhase::Open(_) => None,
        };
        let usual = match &self.measure {
            MeasureState::Rate(baseline) => baseline.expiry(Span::ZERO, &rule.baseline_layout),
            _ => None,
        };
        silent.max(usual)
    }

    pub(super) fn close(&mut self, rule: &AggregateRule, told: &mut StateOutput) {
        if let Some(until) = self.last_moment(rule) {
            self.end_window(until, rule, told);
        }
    }

    pub(super) fn is_sound(&self, rule: &AggregateRule) -> bool {
        let stands = match self.phase {
            AlertPhase::Free => true,
            AlertPhase::Silent(_) => matches!(rule.policy, FiringPolicy::Suppress(_)),
            AlertPhase::Open(told) => {
                let may_be =
                    rule.policy == FiringPolicy::Edge && rule.decided == DecisionTime::AtOnce;
                may_be && told > 0 && told <= self.count
            }
        };
        let is_one_window = match self.ends.last().map(PackedEventRef::time) {
            Some(last) => self.last_moment(rule).is_some_and(|until| last <= until),
            None => true,
        };
        stands && is_one_window && self.ends.is_sound(self.count) && self.measure.is_sound(rule)
    }
}

/// The last moment of the window of which `first` and `last` are the times of the first and the last event so far;
/// `None` for extents of another shape.
pub(super) fn last_moment(
    first: Timestamp,
    last: Timestamp,
    rule: &AggregateRule,
) -> Option<Timestamp> {
    match rule.extent {
        WindowExtent::Sliding { within } => Some(first.saturating_add(within)),
        WindowExtent::Tumbling { size } => Some(moment_before(next_stretch_start(first, size))),
        WindowExtent::Session { gap, cap } => {
            let silent = last.saturating_add(gap);
            Some(cap.map_or(silent, |cap| silent.min(first.saturating_add(cap))))
        }
        WindowExtent::Hopping { .. } | WindowExtent::Last { .. } => None,
    }
}
