//! The alert of an aggregate: whether one is open, and what it reports.
//!
//! Owns the phase of a key between alerts and the content of an alert. When the condition holds is
//! decided elsewhere, by the windows in `running`, `batch` and `seen_values`.
//! Invariant: growth is reported only when the count has doubled, so an episode of n events costs
//! about log2(n) revisions.

use larum_event::{Amount, EventId, Timestamp, WindowExtent};
use serde::{Deserialize, Serialize};

use super::ends::EvidenceEnds;
use super::measure_state::MeasuredValue;
use super::rule::{AggregateRule, moment_before};
use crate::event_ref::EventRef;
use crate::packed_event_ref::PackedEventRef;
use crate::state::{AlertReport, AlertSummary, FiredAlert, StateOutput};

/// Whether a key may fire; `O` is what is known of an open alert.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) enum AlertPhase<O> {
    /// It may fire.
    #[default]
    Free,
    /// It may fire from this time on.
    Silent(Timestamp),
    /// An alert is open.
    Open(O),
}

impl<O> AlertPhase<O> {
    pub(super) fn is_silent_at(&self, time: Timestamp) -> bool {
        matches!(self, Self::Silent(until) if time < *until)
    }

    /// The last moment of its silence.
    pub(super) fn silence_end(&self) -> Option<Timestamp> {
        match self {
            Self::Silent(until) => Some(moment_before(*until)),
            Self::Free | Self::Open(_) => None,
        }
    }

    /// Ends a silence that is over at `before`.
    pub(super) fn end_silence(&mut self, before: Timestamp) {
        if matches!(self, Self::Silent(until) if before >= *until) {
            *self = Self::Free;
        }
    }
}

/// The open alert of an episode, which lasts as long as the condition holds.
///
/// It counts the matches that were in the window when it began, and every match that comes while it
/// lasts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct AlertEpisode {
    pub(super) count: u64,
    /// The `count` that was last reported.
    reported_count: u64,
    pub(super) ends: EvidenceEnds,
    /// The last value for which the condition held.
    pub(super) measured: MeasuredValue,
}

impl AlertEpisode {
    pub(super) fn new(measured: MeasuredValue) -> Self {
        Self {
            count: 0,
            reported_count: 0,
            ends: EvidenceEnds::default(),
            measured,
        }
    }

    pub(super) fn add_event(&mut self, event: PackedEventRef) {
        self.count = self.count.saturating_add(1);
        self.ends.push_event(event);
    }

    pub(super) fn content(&self, rule: &AggregateRule) -> AlertSummary {
        alert_summary(self.count, &self.ends, self.measured, rule)
    }

    /// Reports that it has begun.
    pub(super) fn report_begin(
        &mut self,
        trigger: &EventRef,
        time: Timestamp,
        rule: &AggregateRule,
        output: &mut StateOutput,
    ) {
        self.reported_count = self.count;
        let fired = AlertDraft {
            anchor: alert_anchor(trigger, time, rule),
            trigger: trigger.clone(),
            time,
            content: self.content(rule),
        };
        fired.report_open(output);
    }

    /// Reports growth if the count has doubled since the last report.
    pub(super) fn report_growth(&mut self, rule: &AggregateRule, output: &mut StateOutput) {
        if self.count >= self.reported_count.saturating_mul(2) {
            self.reported_count = self.count;
            let content = Box::new(self.content(rule));
            output.push(AlertReport::Grew(content));
        }
    }

    pub(super) fn is_sound(&self) -> bool {
        self.reported_count > 0
            && self.reported_count <= self.count
            && self.ends.is_sound(self.count)
    }
}

/// An alert about to be reported.
pub(super) struct AlertDraft {
    pub(super) anchor: EventId,
    pub(super) trigger: EventRef,
    pub(super) time: Timestamp,
    pub(super) content: AlertSummary,
}

impl AlertDraft {
    /// Reports an alert to which nothing will be added.
    pub(super) fn report_closed(self, output: &mut StateOutput) {
        output.push(self.into_report(false));
    }

    /// Reports an alert that may grow.
    pub(super) fn report_open(self, output: &mut StateOutput) {
        output.push(self.into_report(true));
    }

    fn into_report(self, open: bool) -> AlertReport {
        AlertReport::Fired(Box::new(FiredAlert {
            anchor: self.anchor,
            trigger: self.trigger,
            time: self.time,
            content: self.content,
            open,
        }))
    }
}

/// The event id from which the alert's id is computed. One event may be the last of several hopping
/// windows, each with an alert of its own.
pub(super) fn alert_anchor(trigger: &EventRef, time: Timestamp, rule: &AggregateRule) -> EventId {
    match rule.extent {
        WindowExtent::Hopping { .. } => trigger.id_with_time(time),
        WindowExtent::Sliding { .. }
        | WindowExtent::Tumbling { .. }
        | WindowExtent::Session { .. }
        | WindowExtent::Last { .. } => trigger.id(),
    }
}

/// The content of an alert over `count` events.
pub(super) fn alert_summary(
    count: u64,
    ends: &EvidenceEnds,
    measured: MeasuredValue,
    rule: &AggregateRule,
) -> AlertSummary {
    let time = |event: Option<&PackedEventRef>| event.map_or(Timestamp::MIN, PackedEventRef::time);
    let (value, error) = shown_value(measured, rule);
    AlertSummary {
        count,
        value,
        error,
        script_json: None,
        first: time(ends.first()),
        last: time(ends.last()),
        evidence: ends.event_ids(),
    }
}

/// The part of a measurement that is shown beside the count.
pub(super) fn shown_value(
    measured: MeasuredValue,
    rule: &AggregateRule,
) -> (Option<Amount>, Option<u16>) {
    let value = rule.shows_value().then_some(measured.value);
    (value, measured.error)
}
