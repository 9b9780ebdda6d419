//! Windows whose events enter and leave one by one: sliding windows, the last n events, and hopping
//! windows, which hold each event once and are decided when one ends.
//!
//! Owns the events of the window, and when the condition comes to hold and ceases to. The value is
//! updated by `measure_state`; the ends of hopping windows belong to `hops`.
//! Invariant: `measure` covers exactly `events`. Events leave before the condition is looked at, so
//! an event outside of the window never completes it.

use std::collections::VecDeque;

use larum_event::{FiringPolicy, Span, Timestamp, WindowExtent};
use serde::{Deserialize, Serialize};

use super::alert::{AlertDraft, AlertEpisode, AlertPhase, alert_anchor, shown_value};
use super::ends::evidence_ids;
use super::measure_state::{MeasureState, MeasuredValue};
use super::reading::EventReading;
use super::rule::{AggregateRule, moment_before};
use crate::event_ref::EventRef;
use crate::packed_event_ref::PackedEventRef;
use crate::state::{AlertReport, AlertSummary, StateOutput, WindowEvent};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunningWindow {
    pub(super) events: VecDeque<PackedEventRef>,
    /// The reading of each event, if the rule needs them.
    readings: VecDeque<EventReading>,
    pub(super) measure: MeasureState,
    pub(super) phase: AlertPhase<Box<AlertEpisode>>,
    /// For hopping windows: the next end at which something may be decided.
    pub(super) next_end: Option<Timestamp>,
    /// For hopping windows: how many of the newest events came since the last end.
    pub(super) new_events: usize,
}

/// A moment at which the condition holds.
pub(super) struct ConditionHit {
    /// The newest event.
    pub(super) trigger: EventRef,
    /// The moment.
    pub(super) time: Timestamp,
    pub(super) measured: MeasuredValue,
}

impl RunningWindow {
    pub(super) fn new(rule: &AggregateRule) -> Self {
        Self {
            events: VecDeque::new(),
            readings: VecDeque::new(),
            measure: MeasureState::new(&rule.measure),
            phase: AlertPhase::Free,
            next_end: None,
            new_events: 0,
        }
    }

    pub(super) fn with_event(event: PackedEventRef, rule: &AggregateRule) -> Self {
        let mut running = Self::new(rule);
        running.events.push_back(event);
        running
    }

    /// Whether it holds nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty() && self.phase == AlertPhase::Free && !self.measure.has_history()
    }

    pub(super) fn apply_event(
        &mut self,
        event: &WindowEvent,
        reading: EventReading,
        rule: &AggregateRule,
        output: &mut StateOutput,
    ) {
        self.push_event(
            PackedEventRef::pack(&event.event_ref),
            reading,
            rule,
            output,
        );
        if let WindowExtent::Hopping { hop, .. } = rule.extent {
            self.schedule_end(event.time(), hop);
            return;
        }
        // Move the baseline before measuring: a window is compared with what was before it.
        self.move_baseline(event.time(), rule);
        let satisfied = self.satisfying_value(rule);
        match satisfied {
            Some(measured) => {
                let hit = ConditionHit {
                    trigger: event.event_ref.clone(),
                    time: event.time(),
                    measured,
                };
                self.apply_policy(&hit, 1, rule, output);
            }
            None => self.end_episode(rule, output),
        }
    }

    fn push_event(
        &mut self,
        event: PackedEventRef,
        reading: EventReading,
        rule: &AggregateRule,
        output: &mut StateOutput,
    ) {
        self.measure.add_reading(reading, event.time(), rule);
        self.events.push_back(event);
        if rule.keeps_readings() {
            self.readings.push_back(reading);
        }
        let most = match rule.extent {
            WindowExtent::Last { matches, .. } => (matches as usize).max(1),
            _ => usize::MAX,
        };
        let before = self.events.len();
        while self.events.len() > most {
            self.pop_oldest(rule);
        }
        while self.events.len() > rule.events_most {
            output.dropped += 1;
            self.pop_oldest(rule);
        }
        if self.events.len() < before {
            self.recount_distinct();
        }
    }

    pub(super) fn recount_distinct(&mut self) {
        self.measure.recount_distinct(&self.readings);
    }

    pub(super) fn pop_oldest(&mut self, rule: &AggregateRule) {
        self.events.pop_front();
        if let Some(reading) = self.readings.pop_front() {
            let next = self.readings.front().copied();
            self.measure.remove_reading(reading, next, rule);
        }
        self.new_events = self.new_events.min(self.events.len());
    }

    /// The measured value, if the condition holds with it.
    pub(super) fn satisfying_value(&self, rule: &AggregateRule) -> Option<MeasuredValue> {
        self.measured_value(rule)
            .filter(|measured| rule.is_satisfied_by(measured.value))
    }

    pub(super) fn measured_value(&self, rule: &AggregateRule) -> Option<MeasuredValue> {
        self.measure.measured_value(self.events.len() as u64, rule)
    }

    /// The condition holds, and `fresh` of the newest events are new.
    pub(super) fn apply_policy(
        &mut self,
        hit: &ConditionHit,
        new_count: usize,
        rule: &AggregateRule,
        output: &mut StateOutput,
    ) {
        match (rule.policy, &mut self.phase) {
            (FiringPolicy::Edge, AlertPhase::Open(episode)) => {
                episode.measured = hit.measured;
                let old = self.events.len().saturating_sub(new_count);
                for event in self.events.range(old..) {
                    episode.add_event(event.clone());
                }
                episode.report_growth(rule, output);
            }
            (FiringPolicy::Edge, AlertPhase::Free | AlertPhase::Silent(_)) => {
                self.begin_episode(hit, rule, output);
            }
            (FiringPolicy::Every, _) => self.report_alert(hit, rule, output),
            (FiringPolicy::Reset, _) => {
                // Report before clearing: the alert's evidence is what is cleared.
                self.report_alert(hit, rule, output);
                self.clear_events(rule);
            }
            (FiringPolicy::Suppress(span), phase) => {
                if !phase.is_silent_at(hit.time) {
                    self.report_alert(hit, rule, output);
                    self.phase = AlertPhase::Silent(hit.time.saturating_add(span));
                }
            }
        }
    }

    fn begin_episode(
        &mut self,
        hit: &ConditionHit,
        rule: &AggregateRule,
        output: &mut StateOutput,
    ) {
        let mut episode = Box::new(AlertEpisode::new(hit.measured));
        for event in &self.events {
            episode.add_event(event.clone());
        }
        episode.report_begin(&hit.trigger, hit.time, rule, output);
        self.phase = AlertPhase::Open(episode);
    }

    pub(super) fn end_episode(&mut self, rule: &AggregateRule, output: &mut StateOutput) {
        if let AlertPhase::Open(episode) = &self.phase {
            let content = Box::new(episode.content(rule));
            output.push(AlertReport::Ended(content));
            self.phase = AlertPhase::Free;
        }
    }

    /// Reports an alert over the events in the window, to which nothing will be added.
    fn report_alert(&self, hit: &ConditionHit, rule: &AggregateRule, output: &mut StateOutput) {
        let (value, error) = shown_value(hit.measured, rule);
        let trigger = &hit.trigger;
        let content = AlertSummary {
            count: self.events.len() as u64,
            value,
            error,
            script_json: None,
            first: self
                .events
                .front()
                .map_or(trigger.time(), PackedEventRef::time),
            last: trigger.time(),
            evidence: evidence_ids(&self.events),
        };
        let draft = AlertDraft {
            anchor: alert_anchor(trigger, hit.time, rule),
            trigger: trigger.clone(),
            time: hit.time,
            content,
        };
        draft.report_closed(output);
    }

    pub(super) fn clear_events(&mut self, rule: &AggregateRule) {
        self.events.clear();
        self.readings.clear();
        self.measure.clear(rule);
        self.new_events = 0;
    }

    /// Moves the baseline to what was before a window that ends at `time`.
    pub(super) fn move_baseline(&mut self, time: Timestamp, rule: &AggregateRule) {
        if let (
            MeasureState::Rate(baseline),
            WindowExtent::Sliding { within: size } | WindowExtent::Hopping { size, .. },
        ) = (&mut self.measure, rule.extent)
        {
            let pane = rule.baseline_layout.pane_number(time.saturating_sub(size));
            baseline.move_window(pane, &rule.baseline_layout);
        }
    }

    /// The last moment at which the window is unchanged if no event comes.
    fn unchanged_until(&self, rule: &AggregateRule) -> Option<Timestamp> {
        match rule.extent {
            WindowExtent::Last { keep, .. } => self
                .events
                .back()
                .map(|last| last.time().saturating_add(keep)),
            WindowExtent::Sliding { within } => {
                let oldest = self.events.front()?.time().saturating_add(within);
                match (&self.measure, &self.phase) {
                    (MeasureState::Rate(baseline), AlertPhase::Open(_)) => {
                        Some(oldest.min(baseline.unchanged_until(within, &rule.baseline_layout)))
                    }
                    _ => Some(oldest),
                }
            }
            WindowExtent::Tumbling { .. }
            | WindowExtent::Session { .. }
            | WindowExtent::Hopping { .. } => None,
        }
    }

    pub(super) fn advance_to(
        &mut self,
        before: Timestamp,
        rule: &AggregateRule,
        output: &mut StateOutput,
    ) {
        self.decide_hops(before, rule, output);
        while let Some(until) = self.unchanged_until(rule).filter(|until| *until < before) {
            // One step per moment at which something leaves: the episode ends at the first of them
            // that fails the condition, not at `before`.
            output.moment = until;
            self.remove_expired(until, rule);
            if matches!(self.phase, AlertPhase::Open(_)) {
                self.move_baseline(until.saturating_add(Span::from_nanos(1)), rule);
                if self.satisfying_value(rule).is_none() {
                    self.end_episode(rule, output);
                }
            }
        }
        self.phase.end_silence(before);
        if self.baseline_expiry(rule).is_some_and(|end| end < before) {
            self.move_baseline(before, rule);
        }
    }

    /// Removes the events that were in the window at `until` for the last time.
    fn remove_expired(&mut self, until: Timestamp, rule: &AggregateRule) {
        match rule.extent {
            WindowExtent::Last { .. } => self.clear_events(rule),
            WindowExtent::Sliding { within } => {
                let is_out = |event: &PackedEventRef| event.time().saturating_add(within) <= until;
                while self.events.front().is_some_and(is_out) {
                    self.pop_oldest(rule);
                }
                self.recount_distinct();
            }
            WindowExtent::Tumbling { .. }
            | WindowExtent::Session { .. }
            | WindowExtent::Hopping { .. } => {}
        }
    }

    fn baseline_expiry(&self, rule: &AggregateRule) -> Option<Timestamp> {
        match (&self.measure, rule.extent) {
            (
                MeasureState::Rate(baseline),
                WindowExtent::Sliding { within: size } | WindowExtent::Hopping { size, .. },
            ) => baseline.expiry(size, &rule.baseline_layout),
            _ => None,
        }
    }

    pub(super) fn due_time(&self, rule: &AggregateRule) -> Option<Timestamp> {
        if matches!(self.phase, AlertPhase::Open(_)) && self.next_end.is_none() {
            return self.episode_due_time(rule);
        }
        let newest = self.events.back().map(PackedEventRef::time);
        let counts = match rule.extent {
            WindowExtent::Sliding { within } => newest.map(|time| time.saturating_add(within)),
            WindowExtent::Last { keep, .. } => newest.map(|time| time.saturating_add(keep)),
            WindowExtent::Hopping { .. } => self.next_end.map(moment_before),
            WindowExtent::Tumbling { .. } | WindowExtent::Session { .. } => None,
        };
        if self.next_end.is_some() {
            return counts;
        }
        counts
            .max(self.phase.silence_end())
            .max(self.baseline_expiry(rule))
    }

    /// The last moment up to which the condition of the open alert holds for certain.
    fn episode_due_time(&self, rule: &AggregateRule) -> Option<Timestamp> {
        if let (Some(threshold), WindowExtent::Sliding { within }) = (rule.threshold, rule.extent) {
            let index = self.events.len().checked_sub(threshold)?;
            return self
                .events
                .get(index)
                .map(|event| event.time().saturating_add(within));
        }
        self.unchanged_until(rule)
    }

    pub(super) fn close(&mut self, rule: &AggregateRule, output: &mut StateOutput) {
        self.advance_to(Timestamp::MAX, rule, output);
        self.end_episode(rule, output);
    }

    pub(super) fn is_sound(&self, rule: &AggregateRule) -> bool {
        // Events that were moved up to the same time keep their order of arrival, so places are not
        // compared.
        let is_sorted = self.events.iter().is_sorted_by_key(PackedEventRef::time);
        let readings = if rule.keeps_readings() {
            self.events.len()
        } else {
            0
        };
        let is_bounded = self.events.len() <= rule.events_most;
        let hops = match rule.extent {
            WindowExtent::Hopping { .. } => self.next_end.is_some() != self.events.is_empty(),
            _ => self.next_end.is_none() && self.new_events == 0,
        };
        let is_phase_sound = match &self.phase {
            AlertPhase::Free => true,
            AlertPhase::Silent(_) => matches!(rule.policy, FiringPolicy::Suppress(_)),
            AlertPhase::Open(episode) => {
                let enough = rule.threshold.unwrap_or(1);
                rule.policy == FiringPolicy::Edge
                    && episode.is_sound()
                    && self.events.len() >= enough
            }
        };
        is_sorted
            && self.readings.len() == readings
            && is_bounded
            && hops
            && is_phase_sound
            && self.new_events <= self.events.len()
            && self.measure.is_sound(rule)
    }
}
