//! Evaluating a dirty key again from the places at which its rows differ.
//!
//! Owns the comparison of the alerts that the rows give now with those they gave before. Which
//! dirty key comes next, and how many rows one pass may read, is left to `tenant_keys`.
//! Invariant: from the place where the new state equals an old snapshot, everything old holds up to
//! the next place that differs, because equal states have equal futures.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use larum_event::{DetectionEffect, EventId, EventOrder, Span, Timestamp};

use super::alert::{KeyAlert, RetractedAlert};
use super::history::{OpenContent, Snapshot, is_shortcut_due, is_snapshot_due};
use super::{KeyContext, KeyState};
use crate::condition::{ConditionState, WindowKind};
use crate::state::{AlertReport, AlertSummary, StateOutput, WindowEvent};

/// A second evaluation of a stretch of rows.
struct Replay {
    /// The place of the snapshot it began with.
    from: EventOrder,
    /// The first place that differs, until the replay has come there.
    mark: Option<EventOrder>,
    /// The index of the first snapshot behind that.
    first_later: usize,
    state: ConditionState,
    /// Alerts reported in the stretch.
    alerts: Vec<KeyAlert>,
    /// The alert that was open before the stretch, with its content as of now.
    carried: Option<CarriedAlert>,
    /// Snapshots of the stretch, which take the place of the old ones.
    snapshots: Vec<Snapshot>,
    rows_since_snapshot: usize,
    rows_read: usize,
    /// The last row that was read.
    reached: EventOrder,
}

struct CarriedAlert {
    open: OpenContent,
    is_open: bool,
}

impl KeyState {
    /// Evaluates the key again where it is dirty, and emits the difference. Returns how many rows
    /// that took.
    pub(crate) fn amend(&mut self, context: &mut KeyContext<'_>) -> usize {
        let mut rows_read = 0;
        while let Some(mark) = self.dirty.first().copied() {
            rows_read += self.amend_stretch(mark, context);
        }
        self.has_removed = false;
        // Rows behind it may have waited, and are taken by now.
        let last = self.history.last_order();
        self.reached = last.map_or(self.reached, |last| last.max(self.reached));
        rows_read
    }

    /// Evaluates again from the snapshot before `mark` until the state is that of an old snapshot,
    /// or to the end.
    fn amend_stretch(&mut self, mark: EventOrder, context: &mut KeyContext<'_>) -> usize {
        let mut replay = self.begin_replay(mark, context);
        let agreed = self.replay_rows(&mut replay, context);
        let rows_read = replay.rows_read;
        match agreed {
            Some(index) => {
                let agreed = self.history.snapshots().get(index);
                let upto = agreed.map_or(replay.from, |old| old.upto);
                let stretch = replay.first_later..index;
                let fresh = std::mem::take(&mut replay.snapshots);
                self.history.replace_snapshots(stretch, fresh);
                self.dirty.retain(|mark| *mark > upto);
                self.merge_replay(replay, Some(upto), context);
            }
            None => {
                self.replay_deadlines(&mut replay, context);
                let fresh = std::mem::take(&mut replay.snapshots);
                let rows = replay.rows_since_snapshot;
                let first = replay.first_later;
                self.history.replace_last_snapshots(first, fresh, rows);
                self.dirty.clear();
                self.state = replay.state.clone();
                self.merge_replay(replay, None, context);
            }
        }
        rows_read
    }

    fn begin_replay(&self, mark: EventOrder, context: &KeyContext<'_>) -> Replay {
        let base = self.history.snapshot_before(mark);
        let before = base.and_then(|index| self.history.snapshots().get(index));
        let open = before.and_then(|it| it.open.clone());
        Replay {
            from: before.map_or(EventOrder::MIN, |snapshot| snapshot.upto),
            mark: Some(mark),
            first_later: base.map_or(0, |index| index + 1),
            state: before.map_or_else(|| context.condition.new_state(), |it| it.state.clone()),
            alerts: Vec::new(),
            carried: open.map(|open| CarriedAlert {
                open,
                is_open: true,
            }),
            snapshots: Vec::new(),
            rows_since_snapshot: before.map_or(0, |snapshot| snapshot.rows_before as usize),
            rows_read: 0,
            reached: before.map_or(EventOrder::MIN, |snapshot| snapshot.upto),
        }
    }

    /// Replays rows until the state is that of an old snapshot again; returns the index of that.
    fn replay_rows(&self, replay: &mut Replay, context: &mut KeyContext<'_>) -> Option<usize> {
        let rows = self.history.rows_behind(replay.from);
        let mut later = replay.first_later;
        for row in rows.map(Some).chain([None]) {
            // Compare before the row: a snapshot holds the state after the rows up to it.
            while let Some(old) = self.history.snapshots().get(later) {
                if row.is_some_and(|row| old.upto >= row.order()) {
                    break;
                }
                if replay.agrees_with(old) {
                    return Some(later);
                }
                later += 1;
            }
            if let Some(row) = row {
                replay.pass_mark(row.order());
                replay.take_row(&row.unpack(), &self.dirty, context);
            }
        }
        None
    }

    /// Passes the time that the key has passed behind its last row: a deadline, or up to a row that
    /// was taken back.
    fn replay_deadlines(&self, replay: &mut Replay, context: &mut KeyContext<'_>) {
        let last = self.history.last_order();
        if last.is_none_or(|last| last < self.reached) {
            // A deadline has passed, but the time of a row has only come: another row of that time
            // may still follow.
            let time = self.reached.time;
            let before = match self.reached == EventOrder::end_of(time) {
                true => time.saturating_add(Span::from_nanos(1)),
                false => time,
            };
            replay.pass_time(before, context);
        }
    }

    /// Takes over the alerts of a replay, and emits how they differ. With `upto` the replay agreed
    /// with the snapshot there, and everything behind is as it was.
    fn merge_replay(
        &mut self,
        replay: Replay,
        upto: Option<EventOrder>,
        context: &mut KeyContext<'_>,
    ) {
        let later = upto.map(|upto| self.alerts.split_behind(upto));
        let old = self.alerts.split_behind(replay.from);
        // One that is open where the replay agreed has the same future as before: nothing to do.
        let carried = replay.carried;
        if let Some(carried) = carried.filter(|carried| later.is_none() || !carried.is_open) {
            self.update_carried_alert(carried, context);
        }
        let mut alerts = replay.alerts;
        if later.is_some() {
            for alert in alerts.iter_mut().filter(|alert| alert.is_open) {
                if let Some(known) = old.iter().rfind(|known| known.anchor == alert.anchor) {
                    alert.set_content(known.content.clone());
                    alert.is_open = known.is_open;
                }
            }
        }
        self.reconcile_alerts(old, alerts, context);
        self.alerts.extend(later.into_iter().flatten());
    }

    /// Updates the alert that was open before the stretch.
    fn update_carried_alert(&mut self, carried: CarriedAlert, context: &mut KeyContext<'_>) {
        let anchor = &carried.open.anchor;
        if let Some(alert) = self.alerts.find_mut(anchor) {
            alert.set_content(carried.open.content);
            alert.is_open = carried.is_open;
            alert.emit_growth(&self.key, context);
        }
    }

    /// Emits how `alerts`, which the rows give now, differ from `old`, which they gave before, and
    /// keeps them.
    fn reconcile_alerts(
        &mut self,
        old: VecDeque<KeyAlert>,
        mut alerts: Vec<KeyAlert>,
        context: &mut KeyContext<'_>,
    ) {
        let mut known: HashMap<EventId, KeyAlert> = HashMap::new();
        let now: HashSet<&EventId> = alerts.iter().map(|alert| &alert.anchor).collect();
        // Retract before raising: people see an alert disappear before the one that replaces it.
        for mut alert in old {
            if now.contains(&alert.anchor) {
                known.insert(alert.anchor.clone(), alert);
                continue;
            }
            if alert.is_emitted() {
                let content = alert.content.clone();
                context.emit(&self.key, &mut alert, &content, DetectionEffect::Retract);
            }
            self.retracted.extend(alert.into_retracted());
        }
        for alert in &mut alerts {
            match known.remove(&alert.anchor) {
                Some(known) => {
                    let was_decided = known.waits_until.is_none() && known.is_emitted();
                    alert.emitted = known.emitted;
                    // Kept also if it is the content: rules that read alerts may know another one.
                    alert.keep_fired_content();
                    if was_decided && alert.fired_as_emitted() {
                        alert.waits_until = None;
                    }
                }
                None => alert.emitted = take_retracted(&mut self.retracted, &alert.anchor),
            }
            if alert.waits_until.is_none() {
                alert.emit_changes(&self.key, context);
            }
        }
        self.alerts.extend(alerts);
    }
}

/// Takes the last revision of an alert that comes back.
pub(super) fn take_retracted(
    retracted: &mut Vec<RetractedAlert>,
    anchor: &EventId,
) -> Option<Box<super::alert::EmittedRevision>> {
    let index = retracted.iter().rposition(|it| it.anchor == *anchor)?;
    Some(retracted.remove(index).emitted)
}

impl Replay {
    fn take_row(
        &mut self,
        row: &WindowEvent,
        new_rows: &BTreeSet<EventOrder>,
        context: &mut KeyContext<'_>,
    ) {
        self.pass_time(row.time(), context);
        let mut output = StateOutput {
            moment: row.time(),
            ..StateOutput::default()
        };
        let faults = fault_count(&context.condition.kind);
        self.state
            .apply_event(row, &mut context.condition.kind, &mut output);
        // A row that was taken before has had its faults reported then.
        if !new_rows.contains(&row.order()) {
            truncate_faults(&mut context.condition.kind, faults);
        }
        self.apply_reports(output, Some(row.order()), context);
        self.rows_read += 1;
        self.rows_since_snapshot += 1;
        self.reached = row.order();
        if is_snapshot_due(self.rows_since_snapshot, &self.state) {
            self.push_snapshot(0);
            self.rows_since_snapshot = 0;
        }
    }

    fn push_snapshot(&mut self, rows_before: usize) {
        self.snapshots.push(Snapshot {
            upto: self.reached,
            state: self.state.clone(),
            open: self.open_content(),
            rows_before: u32::try_from(rows_before).unwrap_or(u32::MAX),
        });
    }

    /// The row at `next` comes next: keeps the state before the first place that differs.
    fn pass_mark(&mut self, next: EventOrder) {
        if self.mark.take_if(|mark| *mark <= next).is_some()
            && self.rows_since_snapshot > 0
            && is_shortcut_due(self.rows_read, &self.state)
        {
            self.push_snapshot(self.rows_since_snapshot);
        }
    }

    fn pass_time(&mut self, before: Timestamp, context: &mut KeyContext<'_>) {
        let mut output = StateOutput::default();
        let faults = fault_count(&context.condition.kind);
        self.state
            .advance_to(before, &mut context.condition.kind, &mut output);
        truncate_faults(&mut context.condition.kind, faults);
        self.apply_reports(output, None, context);
    }

    fn apply_reports(
        &mut self,
        output: StateOutput,
        order: Option<EventOrder>,
        context: &KeyContext<'_>,
    ) {
        for (report, moment) in output.reports.into_iter().zip(output.moments) {
            let reported_at = order.unwrap_or(EventOrder::end_of(moment));
            match report {
                AlertReport::Fired(fired) => {
                    let waits_until = (!context.condition.fires_at_once()).then_some(moment);
                    self.alerts
                        .push(KeyAlert::new(*fired, reported_at, waits_until, None));
                }
                AlertReport::Grew(content) => self.set_open_content(*content, true),
                AlertReport::Ended(content) => self.set_open_content(*content, false),
            }
        }
    }

    fn set_open_content(&mut self, content: AlertSummary, is_open: bool) {
        if let Some(alert) = self.alerts.iter_mut().rfind(|alert| alert.is_open) {
            alert.set_content(content);
            alert.is_open = is_open;
        } else if let Some(carried) = self.carried.as_mut().filter(|carried| carried.is_open) {
            carried.open.content = content;
            carried.is_open = is_open;
        }
    }

    fn open_content(&self) -> Option<OpenContent> {
        if let Some(open) = self.alerts.iter().rfind(|alert| alert.is_open) {
            return Some(open.open_content());
        }
        let carried = self.carried.as_ref().filter(|carried| carried.is_open);
        carried.map(|carried| carried.open.clone())
    }

    fn agrees_with(&self, old: &Snapshot) -> bool {
        self.state == old.state && self.open_content() == old.open
    }
}

fn fault_count(kind: &WindowKind) -> usize {
    match kind {
        WindowKind::Scripted(rule) => rule.faults.len(),
        WindowKind::Aggregate(_) | WindowKind::Sequence(_) => 0,
    }
}

fn truncate_faults(kind: &mut WindowKind, count: usize) {
    if let WindowKind::Scripted(rule) = kind {
        rule.faults.truncate(count);
    }
}
