//! One group key: its rows, its state after them, and its alerts.
//!
//! A match is a row. A row that comes after everything its key has taken is taken at once. Any
//! other row, and any that is taken back, makes the key *dirty* from its place on. Until it is
//! amended the key goes on as if the row that came were absent; after one that was taken back it
//! takes no more rows. Amending evaluates the rows again from the last snapshot before that place,
//! until the state is that of an old snapshot again, and emits the difference.
//!
//! Owns that, and which alerts wait for time to pass. What a state reports belongs to `condition`,
//! what was said of an alert to `alert`, and how far sources have come to `sources`.
//! Invariant: once a key is amended, its state and its alerts are those that its rows give in
//! order, however they arrived.

mod alert;
mod alerts;
mod amend;
mod emitter;
mod history;
mod retention;
mod row;

use std::collections::BTreeSet;

use larum_event::{DetectionEffect, EventId, EventOrder, KeyHash, Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::condition::{ConditionState, WindowCondition};
use crate::state::{AlertReport, StateOutput, WindowEvent};

use self::alert::{KeyAlert, RetractedAlert};
use self::alerts::KeyAlerts;
use self::amend::take_retracted;
pub(crate) use self::emitter::KeyContext;
use self::history::{KeyHistory, OpenContent, Snapshot};

/// Most sources that a key waits for: those that were heard last.
const SOURCES_MOST: usize = 16;

/// The state of one key.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct KeyState {
    /// The group, as [`larum_event::GroupKey::to_bytes`] writes it.
    pub(crate) key: Box<[u8]>,
    /// After every row that was taken.
    pub(crate) state: ConditionState,
    /// The last row that was taken, or the last deadline that has passed.
    reached: EventOrder,
    history: KeyHistory,
    /// Those that the rows give, in the order in which the state reported them.
    alerts: KeyAlerts,
    /// Those that were emitted and that the rows no longer give.
    retracted: Vec<RetractedAlert>,
    /// The places at which the rows differ from what the state has taken.
    dirty: BTreeSet<EventOrder>,
    /// Whether one of them is that of a row that was taken back, which the state still counts.
    has_removed: bool,
    /// The sources of its rows, the one that was heard last at the end; engine alerts have none.
    sources: Vec<u32>,
    /// Why it could not decide when it was asked last.
    blocked_by: Option<Blocker>,
}

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowOutcome {
    /// It was taken.
    Taken,
    /// It waits for the key to be amended.
    MadeDirty,
    /// It was there already.
    Known,
    /// Nothing that old is kept any more.
    TooOld,
}

/// What the indexes over all keys hold of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct KeyMarks {
    /// If it has to be evaluated again.
    pub(crate) dirty: Option<DirtyMark>,
    pub(crate) blocked_by: Option<Blocker>,
    pub(crate) rows: usize,
}

/// When a dirty key's turn comes. Buckets are amended one after the other, and the keys of one by
/// the place from which on they differ, then by hash: slots depend on which keys share the shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DirtyMark {
    pub(crate) bucket: usize,
    from: EventOrder,
    hash: KeyHash,
}

impl DirtyMark {
    /// The least mark of a bucket.
    pub(crate) const fn first_of(bucket: usize) -> Self {
        Self {
            bucket,
            from: EventOrder::MIN,
            hash: KeyHash::MIN,
        }
    }
}

/// Why a key cannot decide yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Blocker {
    /// The source that may still send something.
    pub(crate) source: u32,
    /// What it has to pass.
    pub(crate) due: Timestamp,
}

impl KeyState {
    pub(crate) fn new(key: &[u8], condition: &WindowCondition) -> Self {
        Self {
            key: key.into(),
            state: condition.new_state(),
            reached: EventOrder::MIN,
            history: KeyHistory::default(),
            alerts: KeyAlerts::default(),
            retracted: Vec::new(),
            dirty: BTreeSet::new(),
            has_removed: false,
            sources: Vec::new(),
            blocked_by: None,
        }
    }

    /// Adds a row that is not beyond the horizon.
    pub(crate) fn add_row(&mut self, row: WindowEvent, context: &mut KeyContext<'_>) -> RowOutcome {
        let order = row.order();
        if order <= self.history.floor() {
            return RowOutcome::TooOld;
        }
        self.note_source(row.source);
        // A state that counts what was taken back is known to be wrong: it must not fire.
        if order > self.reached && !self.has_removed {
            self.take_row(row, context);
            return RowOutcome::Taken;
        }
        if context.rows_most == 0 {
            return RowOutcome::TooOld;
        }
        if !self.history.insert_row(row) {
            return RowOutcome::Known;
        }
        self.dirty.insert(order);
        RowOutcome::MadeDirty
    }

    fn note_source(&mut self, source: u32) {
        if source == 0 || self.sources.last() == Some(&source) {
            return;
        }
        self.sources.retain(|other| *other != source);
        self.sources.push(source);
        let over = self.sources.len().saturating_sub(SOURCES_MOST);
        self.sources.drain(..over);
    }

    /// Takes back the row of an alert that was retracted below, if it is kept.
    pub(crate) fn remove_row(&mut self, order: EventOrder) {
        if self.history.remove_row(order) {
            self.dirty.insert(order);
            self.has_removed = true;
        }
    }

    fn take_row(&mut self, row: WindowEvent, context: &mut KeyContext<'_>) {
        // Time first: what expires before the row must not be counted with it.
        let (time, order) = (row.time(), row.order());
        self.pass_time(time, context);
        let mut output = StateOutput {
            moment: time,
            ..StateOutput::default()
        };
        self.state
            .apply_event(&row, &mut context.condition.kind, &mut output);
        self.reached = order;
        self.apply_reports(output, Some(order), context);
        if context.rows_most == 0 {
            return;
        }
        if self.history.push_row(row, &self.state) {
            let open = self.open_content();
            self.history.push_snapshot(Snapshot {
                upto: order,
                state: self.state.clone(),
                open,
                rows_before: 0,
            });
        }
        self.drop_excess_rows(context);
    }

    /// Lets the state see that it is `before`, without any deadline of its own.
    fn pass_time(&mut self, before: Timestamp, context: &mut KeyContext<'_>) {
        let mut output = StateOutput::default();
        self.state
            .advance_to(before, &mut context.condition.kind, &mut output);
        self.apply_reports(output, None, context);
    }

    /// Applies what the state reports about the row at `order`, or about deadlines.
    fn apply_reports(
        &mut self,
        output: StateOutput,
        order: Option<EventOrder>,
        context: &mut KeyContext<'_>,
    ) {
        context.dropped += output.dropped;
        let key = &self.key;
        for (report, moment) in output.reports.into_iter().zip(output.moments) {
            let reported_at = order.unwrap_or(EventOrder::end_of(moment));
            match report {
                AlertReport::Fired(fired) => {
                    let waits_until = (!context.condition.fires_at_once()).then_some(moment);
                    let emitted = take_retracted(&mut self.retracted, &fired.anchor);
                    let mut alert = KeyAlert::new(*fired, reported_at, waits_until, emitted);
                    if waits_until.is_none() {
                        alert.emit_changes(key, context);
                    }
                    self.alerts.push(alert);
                }
                AlertReport::Grew(content) => {
                    if let Some(alert) = self.alerts.open_alert_mut() {
                        alert.set_content(*content);
                        alert.emit_growth(key, context);
                    }
                }
                AlertReport::Ended(content) => {
                    if let Some(alert) = self.alerts.open_alert_mut() {
                        alert.set_content(*content);
                        alert.is_open = false;
                        alert.emit_growth(key, context);
                    }
                }
            }
        }
    }

    /// Time has come this far: passes deadlines, and decides what waited for them.
    pub(crate) fn advance(&mut self, context: &mut KeyContext<'_>) {
        self.blocked_by = None;
        // A dirty key decides nothing: its rows may say otherwise once they are in order.
        if !self.dirty.is_empty() {
            return;
        }
        let watermark = context.time.watermark();
        while let Some(due) = self
            .next_deadline(context.condition)
            .filter(|due| *due < watermark)
        {
            self.pass_time(due.saturating_add(Span::from_nanos(1)), context);
            self.reached = self.reached.max(EventOrder::end_of(due));
            if self
                .next_deadline(context.condition)
                .is_some_and(|next| next <= due)
            {
                break;
            }
        }
        self.finish_early_alerts(context);
        self.blocked_by = self.decide_waiting(context);
        self.alerts.skip_settled();
    }

    fn decide_waiting(&mut self, context: &mut KeyContext<'_>) -> Option<Blocker> {
        let watermark = context.time.watermark();
        for alert in self.alerts.active_alerts_mut() {
            let Some(due) = alert.waits_until.filter(|due| *due < watermark) else {
                continue;
            };
            if let Some(source) = context.time.find_blocker(&self.sources, due) {
                return Some(Blocker { source, due });
            }
            alert.waits_until = None;
            alert.emit_changes(&self.key, context);
        }
        None
    }

    fn finish_early_alerts(&mut self, context: &mut KeyContext<'_>) {
        if context.time.lateness.is_zero() {
            return;
        }
        let watermark = context.time.watermark();
        for alert in self.alerts.active_alerts_mut() {
            if alert.is_early() && alert.time < watermark {
                let content = alert.content.clone();
                context.emit(&self.key, alert, &content, DetectionEffect::Revise);
            }
        }
    }

    /// Ends time: the key is amended by now; every deadline has passed, and what waits is decided.
    pub(crate) fn close(&mut self, context: &mut KeyContext<'_>) {
        let mut output = StateOutput::default();
        self.state
            .advance_to(Timestamp::MAX, &mut context.condition.kind, &mut output);
        self.state.close(&mut context.condition.kind, &mut output);
        self.apply_reports(output, None, context);
        for alert in self.alerts.active_alerts_mut() {
            if alert.waits_until.take().is_some() {
                alert.emit_changes(&self.key, context);
            } else if alert.is_early() {
                let content = alert.content.clone();
                context.emit(&self.key, alert, &content, DetectionEffect::Revise);
            }
        }
    }

    /// Removes the key early, because there are too many: its open alert ends, and nothing more is
    /// decided.
    pub(crate) fn discard(&mut self, context: &mut KeyContext<'_>) {
        let mut output = StateOutput::default();
        self.state.discard(&mut context.condition.kind, &mut output);
        self.apply_reports(output, None, context);
        context.dropped += self.history.len() as u64;
    }

    fn open_content(&self) -> Option<OpenContent> {
        let open = self.alerts.open_alert()?;
        Some(open.open_content())
    }

    pub(crate) fn has_open_alert(&self) -> bool {
        let mut alerts = self.alerts.active_alerts();
        alerts.any(|alert| alert.is_open || alert.waits_until.is_some())
    }

    /// When the first alert that waits for time to pass is decided.
    pub(crate) fn waits_until(&self) -> Option<Timestamp> {
        self.alerts
            .active_alerts()
            .filter_map(|alert| alert.waits_until)
            .min()
    }

    /// The rows of alerts, which may be taken back.
    pub(crate) fn alert_rows(&self) -> impl Iterator<Item = (EventId, EventOrder)> {
        self.history.alert_rows()
    }

    /// From where on it has to be evaluated again.
    pub(crate) fn dirty_from(&self) -> Option<EventOrder> {
        self.dirty.first().copied()
    }

    fn dirty_mark(&self, from: EventOrder) -> DirtyMark {
        let hash = KeyHash::from_key_bytes(&self.key);
        DirtyMark {
            bucket: hash.bucket(),
            from,
            hash,
        }
    }

    pub(crate) fn marks(&self) -> KeyMarks {
        KeyMarks {
            dirty: self.dirty_from().map(|from| self.dirty_mark(from)),
            blocked_by: self.blocked_by,
            rows: self.history.len(),
        }
    }

    /// Takes the rows of alerts that were dropped since the last call.
    pub(crate) fn take_dropped_alerts(&mut self) -> Vec<(EventId, EventOrder)> {
        self.history.take_dropped_alerts()
    }

    /// Whether a damaged checkpoint may hold it.
    pub(crate) fn is_sound(&self, condition: &WindowCondition) -> bool {
        let snapshots = self.history.snapshots().iter();
        let mut states = snapshots
            .map(|snapshot| &snapshot.state)
            .chain([&self.state]);
        states.all(|state| state.is_sound(&condition.kind)) && self.history.is_in_order()
    }
}
