//! One group key: its settled events, those still open to late ones, and its alerts.
//!
//! Events at or before the watermark are *settled*: applied to the state for good. Those beyond it
//! are *pending*; for rules that fire at once a second state, *ahead*, has applied the pending
//! events too. An event that arrives between pending ones rebuilds the ahead state from the settled
//! one, and its alerts are compared with those already emitted.
//!
//! Owns that order of settling. Which events are late is decided by `tenant_keys`, and what a state
//! reports by `condition`.
//! Invariant: `ahead` is always `settled` with all of `pending` applied in order, so the final
//! alerts do not depend on the order of arrival.

mod detection_sink;

mod open_alert;

use std::collections::VecDeque;

use larum_event::{Timestamp, Watermark};

use crate::condition::{ConditionState, WindowCondition};
use crate::event_ref::EventOrder;
use crate::state::{AlertReport, StateOutput, WindowEvent};

pub(crate) use detection_sink::DetectionSink;
pub(crate) use open_alert::{OpenAlert, OpenAlerts};

/// The state of one key.
#[derive(Debug)]
pub(crate) struct KeyState {
    /// The group, as [`larum_event::GroupKey::to_bytes`] writes it.
    pub(crate) key: Box<[u8]>,
    pub(crate) clock: u32,
    /// The state after every event up to the watermark.
    pub(crate) settled: ConditionState,
    /// Pending events and alerts that may still change; most keys have neither.
    pub(crate) unsettled: Option<Box<UnsettledState>>,
}

/// The part of a key that late events may still change.
#[derive(Debug, Default)]
pub(crate) struct UnsettledState {
    /// Events beyond the watermark, in order.
    pub(crate) pending: VecDeque<WindowEvent>,
    /// The settled state with the pending events applied; `None` without any, or if the rule fires
    /// at the watermark.
    pub(crate) ahead: Option<ConditionState>,
    /// A spare copy of a large settled state, so that the next pending event need not clone it.
    pub(crate) spare: Option<SpareState>,
    /// Alerts that are open or not final: first the open one of the settled state, then those of
    /// the ahead state, last the retracted ones.
    pub(crate) open_alerts: VecDeque<OpenAlert>,
    /// Settled early up to here, because too many events were pending.
    pub(crate) forced_until: Option<EventOrder>,
}

/// A copy of the settled state that follows it.
#[derive(Debug)]
pub(crate) struct SpareState {
    state: ConditionState,
    /// Events it has applied along with the settled state. It is dropped once they cost as much as
    /// a new copy.
    event_count: usize,
}

/// Smaller states are cloned when needed; a spare copy would cost more than it saves.
const SPARE_FROM_EVENTS: usize = 8;

impl UnsettledState {
    fn is_empty(&self) -> bool {
        self.pending.is_empty() && self.open_alerts.is_empty() && self.spare.is_none()
    }

    /// The ahead state; a copy of the settled one if nothing was pending yet.
    fn ensure_ahead(&mut self, settled: &ConditionState) -> &mut ConditionState {
        let spare = self.spare.take();
        self.ahead
            .get_or_insert_with(|| spare.map_or_else(|| settled.clone(), |spare| spare.state))
    }

    /// Drops the ahead state, which equals the settled one once nothing is pending; a large one
    /// becomes the spare.
    fn retire_ahead(&mut self, settled: &ConditionState) {
        self.forced_until = None;
        if let Some(state) = self.ahead.take()
            && settled.event_count() >= SPARE_FROM_EVENTS
        {
            self.spare = Some(SpareState {
                state,
                event_count: 0,
            });
        }
    }

    /// Applies to the spare copy what was applied to the settled state, whose reports are the ones
    /// that count.
    fn update_spare(
        &mut self,
        event: &WindowEvent,
        settled: &ConditionState,
        condition: &mut WindowCondition,
    ) {
        let Some(spare) = &mut self.spare else { return };
        let mut output = StateOutput::default();
        spare
            .state
            .take_event(event, &mut condition.kind, &mut output);
        spare.event_count += 1;
        if spare.event_count > settled.event_count() {
            self.spare = None;
        }
    }
}

impl KeyState {
    pub(crate) fn new(key: &[u8], clock: u32, condition: &WindowCondition) -> Self {
        Self {
            key: key.into(),
            clock,
            settled: condition.new_state(),
            unsettled: None,
        }
    }

    /// Whether an event comes too late for this key although the watermark would still allow it.
    pub(crate) fn is_too_late(&self, order: EventOrder) -> bool {
        let forced = self.unsettled.as_ref().and_then(|it| it.forced_until);
        forced.is_some_and(|forced| order < forced)
    }

    /// Adds an event that is not late.
    pub(crate) fn add_event(
        &mut self,
        event: WindowEvent,
        watermark: Watermark,
        condition: &mut WindowCondition,
        sink: &mut DetectionSink<'_>,
    ) {
        let is_pending = self
            .unsettled
            .as_ref()
            .is_some_and(|it| !it.pending.is_empty());
        // Settle at once only if nothing is pending: an event must not overtake one that comes
        // before it.
        if !is_pending && event.event_ref.order.watermark() <= watermark {
            self.settle_event(&event, condition, sink);
            if let Some(unsettled) = &mut self.unsettled {
                unsettled.update_spare(&event, &self.settled, condition);
            }
            self.release_unneeded(sink);
            return;
        }
        let unsettled = self.unsettled.get_or_insert_default();
        let order = event.event_ref.order;
        let index = unsettled
            .pending
            .iter()
            .rposition(|other| other.event_ref.order <= order)
            .map_or(0, |before| before + 1);
        let is_last = index == unsettled.pending.len();
        unsettled.pending.insert(index, event);
        // Update the ahead state before making room: the oldest event is settled out of a complete
        // queue.
        if condition.fires_early() {
            if is_last {
                self.extend_ahead(condition, sink);
            } else {
                self.rebuild_ahead(condition, sink);
            }
        }
        let excess = self.pending_count() > sink.pending_most;
        if excess {
            sink.dropped += 1;
            self.settle_oldest(condition, sink);
        }
    }

    /// Settles everything before `watermark`.
    pub(crate) fn settle_until(
        &mut self,
        watermark: Watermark,
        condition: &mut WindowCondition,
        sink: &mut DetectionSink<'_>,
    ) {
        // Settle the events first, each at its own time, and only then let the rest of the time
        // pass: what expires at the watermark must still be there for an event before it.
        while let Some(event) = self.pop_settled(watermark) {
            self.settle_event(&event, condition, sink);
        }
        let mut output = StateOutput::default();
        self.settled
            .advance_to(watermark.time, &mut condition.kind, &mut output);
        self.report_settled(output, sink);
        let unsettled = self.unsettled.as_mut();
        if let Some(spare) = unsettled.and_then(|it| it.spare.as_mut()) {
            let mut output = StateOutput::default();
            spare
                .state
                .advance_to(watermark.time, &mut condition.kind, &mut output);
        }
        self.release_unneeded(sink);
    }

    /// Ends time: everything is settled, and what waits is decided.
    pub(crate) fn close(&mut self, condition: &mut WindowCondition, sink: &mut DetectionSink<'_>) {
        self.settle_until(Watermark::MAX, condition, sink);
        let mut output = StateOutput::default();
        self.settled.close(&mut condition.kind, &mut output);
        self.report_settled(output, sink);
        self.discard_unsettled(sink);
    }

    /// Removes the key early: nothing more is decided, and its alerts become final as they are.
    pub(crate) fn discard(
        &mut self,
        condition: &mut WindowCondition,
        sink: &mut DetectionSink<'_>,
    ) {
        let mut output = StateOutput::default();
        self.settled.discard(&mut condition.kind, &mut output);
        self.report_settled(output, sink);
        self.discard_unsettled(sink);
    }

    fn discard_unsettled(&mut self, sink: &mut DetectionSink<'_>) {
        let Some(unsettled) = self.unsettled.take() else {
            return;
        };
        sink.dropped += unsettled.pending.len() as u64;
        for mut alert in unsettled.open_alerts {
            alert.finalize(&self.key, self.clock, sink);
        }
    }

    /// The state after every event so far, pending ones included.
    pub(crate) fn newest_state(&self) -> &ConditionState {
        let ahead = self.unsettled.as_ref().and_then(|it| it.ahead.as_ref());
        ahead.unwrap_or(&self.settled)
    }

    pub(crate) fn has_open_alert(&self) -> bool {
        let open_alerts = self.unsettled.as_ref().map(|it| &it.open_alerts);
        open_alerts.is_some_and(|open_alerts| !open_alerts.is_empty())
    }

    /// Events that are not settled yet.
    pub(crate) fn pending_count(&self) -> usize {
        self.unsettled.as_ref().map_or(0, |it| it.pending.len())
    }

    /// Events held.
    pub(crate) fn event_count(&self) -> usize {
        self.settled.event_count() + self.pending_count()
    }

    /// The last moment before there is something to do; `None` if the key is empty.
    pub(crate) fn due_time(&self, condition: &WindowCondition) -> Option<Timestamp> {
        let pending = self
            .unsettled
            .as_ref()
            .and_then(|it| it.pending.front())
            .map(WindowEvent::time);
        let settled = self.settled.due_time(&condition.kind);
        match (pending, settled) {
            (Some(pending), Some(settled)) => Some(pending.min(settled)),
            (one, other) => one.or(other),
        }
    }

    fn pop_settled(&mut self, watermark: Watermark) -> Option<WindowEvent> {
        let pending = &mut self.unsettled.as_mut()?.pending;
        let first = pending.front()?.event_ref.order.watermark();
        if first < watermark {
            pending.pop_front()
        } else {
            None
        }
    }

    fn settle_event(
        &mut self,
        event: &WindowEvent,
        condition: &mut WindowCondition,
        sink: &mut DetectionSink<'_>,
    ) {
        let mut output = StateOutput::default();
        self.settled
            .take_event(event, &mut condition.kind, &mut output);
        self.report_settled(output, sink);
    }

    /// Applies the last of the pending events to the ahead state.
    fn extend_ahead(&mut self, condition: &mut WindowCondition, sink: &mut DetectionSink<'_>) {
        let Some(unsettled) = &mut self.unsettled else {
            return;
        };
        let Some(event) = unsettled.pending.back() else {
            return;
        };
        let event = event.clone();
        let mut output = StateOutput::default();
        unsettled
            .ensure_ahead(&self.settled)
            .take_event(&event, &mut condition.kind, &mut output);
        let mut open_alerts = OpenAlerts::new(&self.key, self.clock, &mut unsettled.open_alerts);
        for report in output.reports {
            open_alerts.apply_ahead(report, sink);
        }
    }

    /// Rebuilds the ahead state after an event arrived between pending ones.
    fn rebuild_ahead(&mut self, condition: &mut WindowCondition, sink: &mut DetectionSink<'_>) {
        let Some(unsettled) = &mut self.unsettled else {
            return;
        };
        let mut ahead = self.settled.clone();
        let mut output = StateOutput::default();
        for event in &unsettled.pending {
            ahead.take_event(event, &mut condition.kind, &mut output);
        }
        unsettled.ahead = Some(ahead);
        OpenAlerts::new(&self.key, self.clock, &mut unsettled.open_alerts)
            .reconcile_ahead(output.reports, sink);
    }

    /// Settles the oldest pending event early; an event that comes before it will be too late.
    fn settle_oldest(&mut self, condition: &mut WindowCondition, sink: &mut DetectionSink<'_>) {
        let first = self
            .unsettled
            .as_mut()
            .and_then(|it| it.pending.pop_front());
        if let Some(event) = first {
            self.settle_event(&event, condition, sink);
            if let Some(unsettled) = &mut self.unsettled {
                unsettled.forced_until = Some(event.event_ref.order);
            }
        }
    }

    fn report_settled(&mut self, output: StateOutput, sink: &mut DetectionSink<'_>) {
        sink.dropped += output.dropped;
        if output.reports.is_empty() {
            return;
        }
        let mut reports = output.reports;
        // Alerts that are final at once and never change need not be kept.
        if self.unsettled.is_none() {
            reports.retain(|report| match report {
                AlertReport::Fired(fired) if !fired.open => {
                    OpenAlert::from_settled(fired).emit_revision(&self.key, self.clock, sink);
                    false
                }
                AlertReport::Fired(_) | AlertReport::Grew(_) | AlertReport::Ended(_) => true,
            });
            if reports.is_empty() {
                return;
            }
        }
        let unsettled = self.unsettled.get_or_insert_default();
        let is_ahead = unsettled.ahead.is_some();
        let mut open_alerts = OpenAlerts::new(&self.key, self.clock, &mut unsettled.open_alerts);
        for report in reports {
            open_alerts.apply_settled(report, is_ahead, sink);
        }
    }

    /// Drops what is no longer needed after settling.
    fn release_unneeded(&mut self, sink: &mut DetectionSink<'_>) {
        let Some(unsettled) = &mut self.unsettled else {
            return;
        };
        let first = unsettled.pending.front().map(|event| event.event_ref.order);
        if first.is_none() {
            unsettled.retire_ahead(&self.settled);
        }
        OpenAlerts::new(&self.key, self.clock, &mut unsettled.open_alerts)
            .retract_unconfirmed(first, sink);
        if unsettled.is_empty() {
            self.unsettled = None;
        }
    }
}
