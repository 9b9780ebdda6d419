//! How long a key keeps its rows, and when it is next due.
//!
//! Owns what is dropped and when. What is evaluated again from the rest belongs to `amend`.
//! Invariant: what is dropped can no longer change, because no row can come where it could count.

use larum_event::{EventOrder, Span, Timestamp};

use super::alert::KeyAlert;
use super::history::Snapshot;
use super::{KeyContext, KeyState};
use crate::condition::WindowCondition;
use crate::state::StateOutput;

/// How many rows a key may add before it looks whether old ones can be dropped.
const ROWS_PER_TRIM: usize = 64;

/// How many alerts a key without rows may have before it looks which are over.
const ALERTS_PER_TRIM: usize = 16;

impl KeyState {
    /// Whether it has grown enough to be worth trimming.
    pub(crate) fn is_trim_due(&self) -> bool {
        match self.history.len() {
            0 => self.alerts.len() >= ALERTS_PER_TRIM,
            rows => rows.is_multiple_of(ROWS_PER_TRIM),
        }
    }

    /// Forgets what no row within the horizon can change any more. False if the whole key is to be
    /// removed.
    pub(crate) fn trim(&mut self, horizon: Timestamp, condition: &mut WindowCondition) -> bool {
        if !self.dirty.is_empty() {
            return true;
        }
        if self.history.is_unused() {
            // Without rows nothing is evaluated again.
            self.alerts.drop_until(self.reached, |_| false);
        }
        // Not the newest row: a state that has passed a deadline behind the horizon has forgotten
        // what a row before that deadline would still be counted with.
        if self.reached.time >= horizon {
            let before = horizon.saturating_sub(Span::from_nanos(1));
            self.drop_rows_before(EventOrder::end_of(before), condition);
            return true;
        }
        if self.alerts.active_alerts().any(KeyAlert::is_undecided) {
            return true;
        }
        // Nothing can come before the horizon any more, so what ends there has ended.
        let mut output = StateOutput::default();
        self.state
            .advance_to(horizon, &mut condition.kind, &mut output);
        debug_assert!(
            output.reports.is_empty(),
            "deadlines pass before rows are dropped"
        );
        if self.state.due_time(&condition.kind).is_none() {
            return false;
        }
        if self.history.is_unused() {
            return true;
        }
        let base = Snapshot {
            upto: self.reached,
            state: self.state.clone(),
            open: self.open_content(),
            rows_before: 0,
        };
        self.history.replace_all(base);
        self.drop_old_alerts(condition);
        true
    }

    fn drop_rows_before(&mut self, order: EventOrder, condition: &WindowCondition) -> usize {
        let Some(index) = self.history.snapshot_before(order) else {
            return 0;
        };
        let dropped = self.history.drop_before(index);
        if dropped > 0 {
            self.drop_old_alerts(condition);
        }
        dropped
    }

    fn drop_old_alerts(&mut self, condition: &WindowCondition) {
        let floor = self.history.floor();
        let base = self.history.snapshots().first();
        let open = base.and_then(|base| base.open.as_ref());
        // One that is open at the floor may still change, also if it is over by now.
        self.alerts.drop_until(floor, |alert| {
            open.is_some_and(|open| open.anchor == alert.anchor)
        });
        if self.retracted.is_empty() {
            return;
        }
        // One whose first match is still held may come back at a later place.
        let oldest = base.and_then(|base| base.state.view(&condition.kind).oldest);
        self.retracted.retain(|alert| {
            alert.reported_at > floor || oldest.is_some_and(|oldest| oldest <= alert.first)
        });
    }

    /// Keeps the number of rows bounded: drops the older half of too many.
    pub(super) fn drop_excess_rows(&mut self, context: &mut KeyContext<'_>) {
        if self.history.len() <= context.rows_most || !self.dirty.is_empty() {
            return;
        }
        if let Some(order) = self.history.middle_order() {
            context.dropped += self.drop_rows_before(order, context.condition) as u64;
        }
    }

    /// The next moment after which the state does something on its own, if that can matter: it may
    /// fire then, or end an open alert.
    pub(super) fn next_deadline(&self, condition: &WindowCondition) -> Option<Timestamp> {
        let matters = !condition.fires_at_once() || self.alerts.open_alert().is_some();
        matters.then(|| self.state.due_time(&condition.kind))?
    }

    /// The front beyond which there is something to do; [`Timestamp::MAX`] while it is dirty or
    /// waits for a source alone. What was due before `after` is left out: it could not be done.
    pub(crate) fn due_front(
        &self,
        condition: &WindowCondition,
        lateness: Span,
        horizon: Span,
        after: Timestamp,
    ) -> Timestamp {
        if !self.dirty.is_empty() {
            return Timestamp::MAX;
        }
        // Without rows it is kept for what its state remembers.
        let last = match self.history.len() {
            0 => {
                let remembered = self.state.due_time(&condition.kind);
                remembered.map_or(self.reached.time, |time| time.max(self.reached.time))
            }
            _ => self.reached.time,
        };
        let trim = last.saturating_add(horizon);
        let waiting = self
            .alerts
            .active_alerts()
            .filter_map(|alert| alert.waits_until);
        let early = self.alerts.active_alerts().filter(|alert| alert.is_early());
        let decided = waiting
            .chain(early.map(|alert| alert.time))
            .chain(self.next_deadline(condition))
            .map(|due| due.saturating_add(lateness));
        let dues = decided.chain([trim]).filter(|due| *due >= after);
        dues.min().unwrap_or(Timestamp::MAX)
    }
}
