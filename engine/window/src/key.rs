//! One group key: what is settled, what is still open to late events, and what was said.
//!
//! Events at or before the watermark are *settled*: taken into the state for good. Those beyond it are *pending*;
//! rules that fire at once have a second state, *ahead*, which has taken the pending events too. An event that comes
//! between pending ones makes the ahead state anew from the settled one, and what it then says is compared with
//! what was said before. So whatever the order of arrival, what stands in the end is what order would have given.

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
    /// [`larum_event::GroupKey::to_bytes`].
    pub(crate) key: Box<[u8]>,
    pub(crate) clock: u32,
    /// Every event up to the watermark.
    pub(crate) settled: ConditionState,
    /// What is not settled, and alerts that may still change; most keys have nothing of the kind.
    pub(crate) unsettled: Option<Box<UnsettledState>>,
}

/// What is open to change.
#[derive(Debug, Default)]
pub(crate) struct UnsettledState {
    /// Events beyond the watermark, in order.
    pub(crate) pending: VecDeque<WindowEvent>,
    /// The settled state with the pending events; `None` when there are none, or when the rule fires at the watermark.
    pub(crate) ahead: Option<ConditionState>,
    /// A copy of a large settled state, kept while nothing is pending so that the next event that is need not make one.
    pub(crate) spare: Option<SpareState>,
    /// Alerts that are open or not final: first the open one of the settled state, then those of the ahead state.
    pub(crate) open_alerts: VecDeque<OpenAlert>,
    /// Settled up to here before its time, because too many were pending.
    pub(crate) forced_until: Option<EventOrder>,
}

/// See [`UnsettledState::spare`].
#[derive(Debug)]
pub(crate) struct SpareState {
    state: ConditionState,
    /// Events it has taken beside the settled state. It goes when they are as many as a new copy would cost.
    event_count: usize,
}

/// States with fewer events are copied when it is needed.
const SPARE_FROM_EVENTS: usize = 8;

impl UnsettledState {
    fn is_empty(&self) -> bool {
        self.pending.is_empty() && self.open_alerts.is_empty() && self.spare.is_none()
    }

    /// The ahead state, which is the settled one where nothing is pending yet.
    fn ensure_ahead(&mut self, settled: &ConditionState) -> &mut ConditionState {
        let spare = self.spare.take();
        self.ahead
            .get_or_insert_with(|| spare.map_or_else(|| settled.clone(), |spare| spare.state))
    }

    /// Nothing is pending: the ahead state is the settled one.
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

    /// What the settled state has taken; what the spare one says of it was said already.
    fn update_spare(
        &mut self,
        event: &WindowEvent,
        settled: &ConditionState,
        condition: &mut WindowCondition,
    ) {
        let Some(spare) = &mut self.spare else { return };
        let mut told = StateOutput::default();
        spare
            .state
            .advance_to(event.time(), &mut condition.kind, &mut told);
        spare
            .state
            .apply_event(event, &mut condition.kind, &mut told);
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

    /// Whether an event of this order comes too late here, though the watermark would have it.
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
        emit: &mut DetectionSink<'_>,
    ) {
        let is_pending = self
            .unsettled
            .as_ref()
            .is_some_and(|it| !it.pending.is_empty());
        if !is_pending && event.held.order.watermark() <= watermark {
            self.settle_event(&event, condition, emit);
            if let Some(unsettled) = &mut self.unsettled {
                unsettled.update_spare(&event, &self.settled, condition);
            }
            self.release_unneeded(emit);
            return;
        }
        let unsettled = self.unsettled.get_or_insert_default();
        let order = event.held.order;
        let index = unsettled
            .pending
            .iter()
            .rposition(|other| other.held.order <= order)
            .map_or(0, |before| before + 1);
        let is_last = index == unsettled.pending.len();
        unsettled.pending.insert(index, event);
        if condition.fires_early() {
            if is_last {
                self.extend_ahead(condition, emit);
            } else {
                self.rebuild_ahead(condition, emit);
            }
        }
        let excess = self.pending_count() > emit.pending_most;
        if excess {
            emit.dropped += 1;
            self.settle_oldest(condition, emit);
        }
    }

    /// Time has come to `watermark`: what lies before it is settled.
    pub(crate) fn settle_until(
        &mut self,
        watermark: Watermark,
        condition: &mut WindowCondition,
        emit: &mut DetectionSink<'_>,
    ) {
        while let Some(event) = self.pop_settled(watermark) {
            self.settle_event(&event, condition, emit);
        }
        let mut told = StateOutput::default();
        self.settled
            .advance_to(watermark.time, &mut condition.kind, &mut told);
        self.report_settled(told, emit);
        let unsettled = self.unsettled.as_mut();
        if let Some(spare) = unsettled.and_then(|it| it.spare.as_mut()) {
            let mut told = StateOutput::default();
            spare
                .state
                .advance_to(watermark.time, &mut condition.kind, &mut told);
        }
        self.release_unneeded(emit);
    }

    /// Time has ended: everything is settled, and what waits is decided.
    pub(crate) fn close(&mut self, condition: &mut WindowCondition, emit: &mut DetectionSink<'_>) {
        self.settle_until(Watermark::MAX, condition, emit);
        let mut told = StateOutput::default();
        self.settled.close(&mut condition.kind, &mut told);
        self.report_settled(told, emit);
        self.discard_unsettled(emit);
    }

    /// The key goes before its time: nothing more is decided, and what was said stands.
    pub(crate) fn discard(
        &mut self,
        condition: &mut WindowCondition,
        emit: &mut DetectionSink<'_>,
    ) {
        let mut told = StateOutput::default();
        self.settled.discard(&mut condition.kind, &mut told);
        self.report_settled(told, emit);
        self.discard_unsettled(emit);
    }

    fn discard_unsettled(&mut self, emit: &mut DetectionSink<'_>) {
        let Some(unsettled) = self.unsettled.take() else {
            return;
        };
        emit.dropped += unsettled.pending.len() as u64;
        for mut standing in unsettled.open_alerts {
            standing.finalize(&self.key, self.clock, emit);
        }
    }

    /// The state after every event that came.
    pub(crate) fn newest_state(&self) -> &ConditionState {
        let ahead = self.unsettled.as_ref().and_then(|it| it.ahead.as_ref());
        ahead.unwrap_or(&self.settled)
    }

    pub(crate) fn has_open_alert(&self) -> bool {
        let said = self.unsettled.as_ref().map(|it| &it.open_alerts);
        said.is_some_and(|said| !said.is_empty())
    }

    /// Events that are not settled.
    pub(crate) fn pending_count(&self) -> usize {
        self.unsettled.as_ref().map_or(0, |it| it.pending.len())
    }

    /// Events held.
    pub(crate) fn event_count(&self) -> usize {
        self.settled.event_count() + self.pending_count()
    }

    /// The last moment before there is something to do; `None` when nothing is left of the key.
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
        let first = pending.front()?.held.order.watermark();
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
        emit: &mut DetectionSink<'_>,
    ) {
        let mut told = StateOutput::default();
        self.settled
            .advance_to(event.time(), &mut condition.kind, &mut told);
        self.settled
            .apply_event(event, &mut condition.kind, &mut told);
        self.report_settled(told, emit);
    }

    /// The ahead state takes the last of the pending events.
    fn extend_ahead(&mut self, condition: &mut WindowCondition, emit: &mut DetectionSink<'_>) {
        let Some(unsettled) = &mut self.unsettled else {
            return;
        };
        let Some(event) = unsettled.pending.back() else {
            return;
        };
        let (time, event) = (event.time(), event.clone());
        let mut told = StateOutput::default();
        let ahead = unsettled.ensure_ahead(&self.settled);
        ahead.advance_to(time, &mut condition.kind, &mut told);
        ahead.apply_event(&event, &mut condition.kind, &mut told);
        let mut stands = OpenAlerts::new(&self.key, self.clock, &mut unsettled.open_alerts);
        for report in told.reports {
            stands.apply_ahead(report, emit);
        }
    }

    /// The ahead state is made anew, with an event that came between others.
    fn rebuild_ahead(&mut self, condition: &mut WindowCondition, emit: &mut DetectionSink<'_>) {
        let Some(unsettled) = &mut self.unsettled else {
            return;
        };
        let mut ahead = self.settled.clone();
        let mut told = StateOutput::default();
        for event in &unsettled.pending {
            ahead.advance_to(event.time(), &mut condition.kind, &mut told);
            ahead.apply_event(event, &mut condition.kind, &mut told);
        }
        unsettled.ahead = Some(ahead);
        OpenAlerts::new(&self.key, self.clock, &mut unsettled.open_alerts)
            .reconcile_ahead(told.reports, emit);
    }

    /// Settles the oldest pending event, whatever may still come before it.
    fn settle_oldest(&mut self, condition: &mut WindowCondition, emit: &mut DetectionSink<'_>) {
        let first = self
            .unsettled
            .as_mut()
            .and_then(|it| it.pending.pop_front());
        if let Some(event) = first {
            self.settle_event(&event, condition, emit);
            if let Some(unsettled) = &mut self.unsettled {
                unsettled.forced_until = Some(event.held.order);
            }
        }
    }

    fn report_settled(&mut self, told: StateOutput, emit: &mut DetectionSink<'_>) {
        emit.dropped += told.dropped;
        if told.reports.is_empty() {
            return;
        }
        let mut reports = told.reports;
        // Alerts that are final at once and never change need no memory.
        if self.unsettled.is_none() {
            reports.retain(|report| match report {
                AlertReport::Fired(fired) if !fired.open => {
                    OpenAlert::from_settled(fired).emit_revision(&self.key, self.clock, emit);
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
        let mut stands = OpenAlerts::new(&self.key, self.clock, &mut unsettled.open_alerts);
        for report in reports {
            stands.apply_settled(report, is_ahead, emit);
        }
    }

    /// Lets go of what is not needed when nothing is pending.
    fn release_unneeded(&mut self, emit: &mut DetectionSink<'_>) {
        let Some(unsettled) = &mut self.unsettled else {
            return;
        };
        let first = unsettled.pending.front().map(|event| event.held.order);
        if first.is_none() {
            unsettled.retire_ahead(&self.settled);
        }
        OpenAlerts::new(&self.key, self.clock, &mut unsettled.open_alerts)
            .retract_unconfirmed(first, emit);
        if unsettled.is_empty() {
            self.unsettled = None;
        }
    }
}
