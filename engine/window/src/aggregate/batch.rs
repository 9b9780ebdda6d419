//! Windows that follow each other: tumbling ones, sessions, and those that a first match opens.
//!
//! Owns one window at a time and decides it when it ends. It does not keep the events, only the
//! first and last of them for the evidence.
//! Invariant: at most one window lasts, and all its events are within its last moment, so `count`
//! and `measure` cover exactly that window.

use larum_event::{DecisionTime, EventId, FiringPolicy, Span, Timestamp, WindowExtent};
use serde::{Deserialize, Serialize};

use super::alert::{AlertDraft, AlertPhase, alert_summary};
use super::ends::EvidenceEnds;
use super::measure_state::{MeasureState, MeasuredValue};
use super::reading::EventReading;
use super::rule::{AggregateRule, moment_before, next_stretch_start, stretch_number};
use crate::event_ref::EventRef;
use crate::packed_event_ref::PackedEventRef;
use crate::state::{AlertReport, AlertSummary, StateOutput, WindowEvent};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct BatchWindow {
    /// Events of the current window; 0 without one.
    pub(super) count: u64,
    pub(super) ends: EvidenceEnds,
    pub(super) measure: MeasureState,
    /// Holds the last reported count of an open alert.
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

    pub(super) fn with_event(event: PackedEventRef, rule: &AggregateRule) -> Self {
        let mut batch = Self::new(rule);
        batch.count = 1;
        batch.ends.push_event(event);
        batch
    }

    /// Whether it holds nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0 && self.phase == AlertPhase::Free && !self.measure.has_history()
    }

    pub(super) fn apply_event(
        &mut self,
        event: &WindowEvent,
        reading: EventReading,
        rule: &AggregateRule,
        output: &mut StateOutput,
    ) {
        if !self.measure.absorb_reading(reading, event.time(), rule) {
            output.dropped += 1;
            return;
        }
        self.count = self.count.saturating_add(1);
        self.ends.push_event(PackedEventRef::pack(&event.event_ref));
        if rule.decided == DecisionTime::AtClose {
            return;
        }
        let satisfied = self.satisfying_value(rule);
        if let Some(measured) = satisfied {
            self.apply_policy(&event.event_ref, measured, rule, output);
        }
    }

    /// A session is identified by its first event, so a late event revises its alert instead of
    /// raising another.
    fn anchor_id(&self, event: &EventRef, rule: &AggregateRule) -> EventId {
        let is_one = rule.policy == FiringPolicy::Edge;
        match (rule.extent, self.ends.first()) {
            (WindowExtent::Session { .. }, Some(first)) if is_one => first.unpack().id(),
            (_, _) => event.id(),
        }
    }

    /// The measured value, if the condition holds with it.
    fn satisfying_value(&self, rule: &AggregateRule) -> Option<MeasuredValue> {
        self.measured_value(rule)
            .filter(|measured| rule.is_satisfied_by(measured.value))
    }

    pub(super) fn measured_value(&self, rule: &AggregateRule) -> Option<MeasuredValue> {
        self.measure.measured_value(self.count, rule)
    }

    /// Fires as the policy asks: the condition holds with `event`, and will until the window ends.
    fn apply_policy(
        &mut self,
        event: &EventRef,
        measured: MeasuredValue,
        rule: &AggregateRule,
        output: &mut StateOutput,
    ) {
        let silent = self.phase.is_silent_at(event.time());
        let draft = |batch: &Self| AlertDraft {
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
                    output.push(AlertReport::Grew(content));
                }
            }
            (FiringPolicy::Edge, AlertPhase::Free | AlertPhase::Silent(_)) => {
                draft(self).report_open(output);
                self.phase = AlertPhase::Open(self.count);
            }
            (FiringPolicy::Every, _) => draft(self).report_closed(output),
            (FiringPolicy::Reset, _) => {
                // Report before clearing: the alert's evidence is what is cleared.
                draft(self).report_closed(output);
                self.clear_events(rule);
            }
            (FiringPolicy::Suppress(span), _) => {
                if !silent {
                    draft(self).report_closed(output);
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

    /// The last moment of the current window.
    fn last_moment(&self, rule: &AggregateRule) -> Option<Timestamp> {
        last_moment(self.ends.first()?.time(), self.ends.last()?.time(), rule)
    }

    pub(super) fn advance_to(
        &mut self,
        before: Timestamp,
        rule: &AggregateRule,
        output: &mut StateOutput,
    ) {
        if let Some(until) = self.last_moment(rule).filter(|until| *until < before) {
            output.moment = until;
            self.end_window(until, rule, output);
        }
        // Only between windows: a session that lasts may turn out to have ended during the silence.
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

    /// Ends the window whose last moment was `until`.
    fn end_window(&mut self, until: Timestamp, rule: &AggregateRule, output: &mut StateOutput) {
        // Move the baseline before measuring: a window is compared with the stretches before it.
        if let (MeasureState::Rate(baseline), WindowExtent::Tumbling { size }) =
            (&mut self.measure, rule.extent)
        {
            baseline.move_window(stretch_number(until, size), &rule.baseline_layout);
        }
        self.end_alert(rule, output);
        if rule.decided == DecisionTime::AtClose
            && let Some(measured) = self.satisfying_value(rule)
        {
            self.fire_at_end(until, measured, rule, output);
        }
        self.clear_events(rule);
    }

    /// Ends the open alert, if there is one.
    pub(super) fn end_alert(&mut self, rule: &AggregateRule, output: &mut StateOutput) {
        if let (AlertPhase::Open(_), Some(measured)) = (&self.phase, self.measured_value(rule)) {
            let content = Box::new(self.content(measured, rule));
            output.push(AlertReport::Ended(content));
            self.phase = AlertPhase::Free;
        }
    }

    fn fire_at_end(
        &mut self,
        until: Timestamp,
        measured: MeasuredValue,
        rule: &AggregateRule,
        output: &mut StateOutput,
    ) {
        let (Some(first), Some(last)) = (self.ends.first(), self.ends.last()) else {
            return;
        };
        // A tumbling window fires at its end, which is the next one's first moment; a session with
        // its last event.
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
        let draft = AlertDraft {
            anchor: first.unpack().id(),
            trigger: last.unpack(),
            time,
            content: self.content(measured, rule),
        };
        draft.report_closed(output);
        if let FiringPolicy::Suppress(span) = rule.policy {
            self.phase = AlertPhase::Silent(time.saturating_add(span));
        }
    }

    pub(super) fn due_time(&self, rule: &AggregateRule) -> Option<Timestamp> {
        if let Some(until) = self.last_moment(rule) {
            return Some(until);
        }
        let usual = match &self.measure {
            MeasureState::Rate(baseline) => baseline.expiry(Span::ZERO, &rule.baseline_layout),
            _ => None,
        };
        self.phase.silence_end().max(usual)
    }

    pub(super) fn close(&mut self, rule: &AggregateRule, output: &mut StateOutput) {
        if let Some(until) = self.last_moment(rule) {
            output.moment = until;
            self.end_window(until, rule, output);
        }
    }

    pub(super) fn is_sound(&self, rule: &AggregateRule) -> bool {
        let is_phase_sound = match self.phase {
            AlertPhase::Free => true,
            AlertPhase::Silent(_) => matches!(rule.policy, FiringPolicy::Suppress(_)),
            AlertPhase::Open(reported) => {
                let may_be =
                    rule.policy == FiringPolicy::Edge && rule.decided == DecisionTime::AtOnce;
                may_be && reported > 0 && reported <= self.count
            }
        };
        let is_one_window = match self.ends.last().map(PackedEventRef::time) {
            Some(last) => self.last_moment(rule).is_some_and(|until| last <= until),
            None => true,
        };
        is_phase_sound
            && is_one_window
            && self.ends.is_sound(self.count)
            && self.measure.is_sound(rule)
    }
}

/// The last moment of a window whose first and last event so far have these times; `None` for
/// extents of another shape.
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
