//! What a key said last, and what that means for what comes next.

use larum_event::{Amount, EventId, Timestamp, WindowExtent};
use serde::{Deserialize, Serialize};

use super::ends::EvidenceEnds;
use super::measure_state::MeasuredValue;
use super::packed_event_ref::PackedEventRef;
use super::rule::AggregateRule;
use crate::event_ref::EventRef;
use crate::state::{AlertReport, AlertSummary, FiredAlert, StateOutput};

/// `O` is what is known of an open alert.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) enum AlertPhase<O> {
    /// It may fire.
    #[default]
    Free,
    /// It may fire from then on.
    Silent(Timestamp),
    /// An alert is open.
    Open(O),
}

impl<O> AlertPhase<O> {
    pub(super) fn is_silent_at(&self, time: Timestamp) -> bool {
        matches!(self, Self::Silent(until) if time < *until)
    }

    /// Silence that is over is no more.
    pub(super) fn end_silence(&mut self, before: Timestamp) {
        if matches!(self, Self::Silent(until) if before >= *until) {
            *self = Self::Free;
        }
    }
}

/// The open alert of an episode: from the match at which the condition comes to hold to the last moment at which it does.
///
/// To it belong the matches that were in the window when it began, and every match that comes while it lasts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct AlertEpisode {
    pub(super) count: u64,
    /// What was last told of `count`.
    reported_count: u64,
    pub(super) ends: EvidenceEnds,
    /// What was measured when it held last.
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

    pub(super) fn add_event(&mut self, kept: PackedEventRef) {
        self.count = self.count.saturating_add(1);
        self.ends.push_event(kept);
    }

    pub(super) fn content(&self, rule: &AggregateRule) -> AlertSummary {
        alert_summary(self.count, &self.ends, self.measured, rule)
    }

    /// Says that it has begun.
    pub(super) fn report_begin(
        &mut self,
        trigger: &EventRef,
        time: Timestamp,
        rule: &AggregateRule,
        told: &mut StateOutput,
    ) {
        self.reported_count = self.count;
        let fired = AlertDraft {
            anchor: alert_anchor(trigger, time, rule),
            trigger: trigger.clone(),
            time,
            content: self.content(rule),
        };
        fired.report_open(told);
    }

    /// Says so if it counts twice as many as it was last said to.
    pub(super) fn report_growth(&mut self, rule: &AggregateRule, told: &mut StateOutput) {
        if self.count >= self.reported_count.saturating_mul(2) {
            self.reported_count = self.count;
            let content = Box::new(self.content(rule));
            told.reports.push(AlertReport::Grew(content));
        }
    }

    pub(super) fn is_sound(&self) -> bool {
        self.reported_count > 0
            && self.reported_count <= self.count
            && self.ends.is_sound(self.count)
    }
}

/// An alert about to be told.
pub(super) struct AlertDraft {
    pub(super) anchor: EventId,
    pub(super) trigger: EventRef,
    pub(super) time: Timestamp,
    pub(super) content: AlertSummary,
}

impl AlertDraft {
    /// Nothing will be added.
    pub(super) fn report_closed(self, told: &mut StateOutput) {
        told.reports.push(self.into_report(false));
    }

    /// More may come.
    pub(super) fn report_open(self, told: &mut StateOutput) {
        told.reports.push(self.into_report(true));
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

/// What an alert's id is made of. One event may be the last of several windows that hop, and each is an alert.
pub(super) fn alert_anchor(trigger: &EventRef, time: Timestamp, rule: &AggregateRule) -> EventId {
    match rule.extent {
        WindowExtent::Hopping { .. } => trigger.id_with_time(time),
        WindowExtent::Sliding { .. }
        | WindowExtent::Tumbling { .. }
        | WindowExtent::Session { .. }
        | WindowExtent::Last { .. } => trigger.id(),
    }
}

/// What an alert over `count` events says.
pub(super) fn alert_summary(
    count: u64,
    ends: &EvidenceEnds,
    measured: MeasuredValue,
    rule: &AggregateRule,
) -> AlertSummary {
    let time = |kept: Option<&PackedEventRef>| kept.map_or(Timestamp::MIN, PackedEventRef::time);
    let (value, error) = shown_value(measured, rule);
    AlertSummary {
        count,
        value,
        error,
        words: None,
        first: time(ends.first()),
        last: time(ends.last()),
        evidence: ends.event_ids(),
    }
}

/// What of a measurement is shown beside the count.
pub(super) fn shown_value(
    measured: MeasuredValue,
    rule: &AggregateRule,
) -> (Option<Amount>, Option<u16>) {
    let value = rule.shows_value().then_some(measured.value);
    (value, measured.error)
}
