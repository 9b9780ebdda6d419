//! The rows of a key, and the states it can be evaluated again from.
//!
//! Owns which rows are kept and which snapshot comes before a place. What a row does to a state
//! belongs to `condition`.
//! Invariant: each snapshot is the state after every row up to its place that had been taken when
//! it was made; a row that arrived later and lies before it makes the key dirty from there on.

use std::collections::VecDeque;
use std::ops::Range;

use larum_event::{EventId, EventOrder};
use serde::{Deserialize, Serialize};

use super::row::StoredRow;
use crate::condition::ConditionState;
use crate::state::{AlertSummary, WindowEvent};

/// Fewest rows between two snapshots. States that hold more events have them further apart, so that
/// copying costs no more than the rows themselves.
const ROWS_PER_SNAPSHOT: usize = 32;

/// The state of a key at one place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    /// The last row that it has taken, or the deadline it has passed.
    pub(super) upto: EventOrder,
    pub(super) state: ConditionState,
    pub(super) open: Option<OpenContent>,
    /// Rows since the snapshot before, if it was made for the next amendment alone; else 0.
    pub(super) rows_before: u32,
}

/// The alert that is open at a place, with its content there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OpenContent {
    pub(super) anchor: EventId,
    pub(super) content: AlertSummary,
}

/// The rows of a key in order, and snapshots between them.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct KeyHistory {
    rows: VecDeque<StoredRow>,
    /// Rows behind the last snapshot.
    rows_since_snapshot: u32,
    /// Most keys have few rows, and then none of this.
    past: Option<Box<KeyPast>>,
}

/// What is known of a key besides its rows.
#[derive(Debug, Serialize, Deserialize)]
struct KeyPast {
    /// In order. Once rows were dropped, the first is the state after them.
    snapshots: Vec<Snapshot>,
    /// Rows up to here are no longer kept, so none can be inserted there.
    floor: EventOrder,
    /// Rows of alerts that were dropped, until the index of them was told.
    #[serde(skip)]
    dropped_alerts: Vec<(EventId, EventOrder)>,
}

impl Default for KeyPast {
    fn default() -> Self {
        Self {
            snapshots: Vec::new(),
            floor: EventOrder::MIN,
            dropped_alerts: Vec::new(),
        }
    }
}

/// Whether amending reads so many rows before the first that is new that the next amendment, which
/// often begins near this one, had better begin here: copying an event takes a fraction of what
/// reading a row does.
pub(super) fn is_shortcut_due(rows: usize, state: &ConditionState) -> bool {
    rows >= ROWS_PER_SNAPSHOT && rows >= state.event_count() / 64
}

/// Whether a snapshot is due `rows` rows behind the last one.
pub(super) fn is_snapshot_due(rows: usize, state: &ConditionState) -> bool {
    rows >= ROWS_PER_SNAPSHOT && rows >= state.event_count()
}

impl KeyHistory {
    /// How many rows are kept.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it holds nothing to evaluate again from, as with rules that keep no rows.
    pub(super) fn is_unused(&self) -> bool {
        self.rows.is_empty() && self.past.is_none()
    }

    /// The place of the last row.
    pub(super) fn last_order(&self) -> Option<EventOrder> {
        self.rows.back().map(StoredRow::order)
    }

    /// The place of the row in the middle.
    pub(super) fn middle_order(&self) -> Option<EventOrder> {
        self.rows.get(self.rows.len() / 2).map(StoredRow::order)
    }

    /// The rows behind `order`.
    pub(super) fn rows_behind(&self, order: EventOrder) -> impl Iterator<Item = &StoredRow> {
        let begin = self.rows.partition_point(|row| row.order() <= order);
        self.rows.range(begin..)
    }

    /// The rows of alerts.
    pub(super) fn alert_rows(&self) -> impl Iterator<Item = (EventId, EventOrder)> {
        let alerts = self.rows.iter().filter(|row| row.is_alert());
        alerts.map(|row| (row.id(), row.order()))
    }

    pub(super) fn snapshots(&self) -> &[Snapshot] {
        self.past.as_ref().map_or(&[], |past| &past.snapshots)
    }

    pub(super) fn floor(&self) -> EventOrder {
        self.past
            .as_ref()
            .map_or(EventOrder::MIN, |past| past.floor)
    }

    fn past_mut(&mut self) -> &mut KeyPast {
        self.past.get_or_insert_default()
    }

    /// Inserts a row at its place; false if it is there already.
    pub(super) fn insert_row(&mut self, row: WindowEvent) -> bool {
        let order = row.order();
        let index = self.rows.partition_point(|other| other.order() < order);
        let next = self.rows.get(index);
        if next.is_some_and(|next| next.order() == order) {
            return false;
        }
        self.reserve_row();
        self.rows.insert(index, StoredRow::pack(row));
        true
    }

    /// Removes the row of an alert; true if it was there.
    pub(super) fn remove_row(&mut self, order: EventOrder) -> bool {
        let index = self.rows.partition_point(|other| other.order() < order);
        let is_there = self.rows.get(index).is_some_and(|row| row.order() == order);
        if is_there {
            self.rows.remove(index);
        }
        is_there
    }

    /// Adds a row behind all others; returns whether a snapshot is due.
    pub(super) fn push_row(&mut self, row: WindowEvent, state: &ConditionState) -> bool {
        self.reserve_row();
        self.rows.push_back(StoredRow::pack(row));
        self.rows_since_snapshot = self.rows_since_snapshot.saturating_add(1);
        is_snapshot_due(self.rows_since_snapshot as usize, state)
    }

    /// Makes room for one row. The first rows get no spare room: most keys have few.
    fn reserve_row(&mut self) {
        let len = self.rows.len();
        if len == self.rows.capacity() && len < 4 {
            self.rows.reserve_exact(len.max(1));
        }
    }

    pub(super) fn push_snapshot(&mut self, snapshot: Snapshot) {
        self.past_mut().snapshots.push(snapshot);
        self.rows_since_snapshot = 0;
    }

    /// Puts `fresh` in the place of the snapshots of `stretch`.
    pub(super) fn replace_snapshots(&mut self, stretch: Range<usize>, fresh: Vec<Snapshot>) {
        if stretch.is_empty() && fresh.is_empty() {
            return;
        }
        let past = self.past_mut();
        // One for the next amendment is enough; but rows may have been dropped up to the first.
        if let Some(newest) = fresh.iter().find(|fresh| fresh.rows_before > 0) {
            let (newest, floor) = (newest.upto, past.floor);
            past.snapshots.splice(stretch, fresh);
            past.snapshots
                .retain(|old| old.rows_before == 0 || old.upto == newest || old.upto == floor);
        } else {
            past.snapshots.splice(stretch, fresh);
        }
    }

    /// Puts `fresh` in the place of all snapshots from `first` on; `rows` rows come behind them.
    pub(super) fn replace_last_snapshots(
        &mut self,
        first: usize,
        fresh: Vec<Snapshot>,
        rows: usize,
    ) {
        self.replace_snapshots(first..self.snapshots().len(), fresh);
        self.rows_since_snapshot = u32::try_from(rows).unwrap_or(u32::MAX);
    }

    /// The index of the last snapshot before `order`.
    pub(super) fn snapshot_before(&self, order: EventOrder) -> Option<usize> {
        let after = self
            .snapshots()
            .partition_point(|snapshot| snapshot.upto < order);
        after.checked_sub(1)
    }

    /// Drops all rows up to the snapshot at `index`, which becomes the first; returns how many.
    pub(super) fn drop_before(&mut self, index: usize) -> usize {
        let past = self.past_mut();
        past.snapshots.drain(..index);
        let Some(first) = past.snapshots.first() else {
            return 0;
        };
        let upto = first.upto;
        past.floor = upto;
        let dropped = self.rows.partition_point(|row| row.order() <= upto);
        self.drop_rows(dropped);
        dropped
    }

    /// Drops all rows; what comes later is evaluated from `base` on.
    pub(super) fn replace_all(&mut self, base: Snapshot) {
        self.drop_rows(self.rows.len());
        self.rows.shrink_to_fit();
        let past = self.past_mut();
        past.floor = base.upto;
        past.snapshots = vec![base];
        self.rows_since_snapshot = 0;
    }

    fn drop_rows(&mut self, count: usize) {
        let dropped = self.rows.drain(..count).filter(StoredRow::is_alert);
        let places: Vec<(EventId, EventOrder)> =
            dropped.map(|row| (row.id(), row.order())).collect();
        if !places.is_empty() {
            self.past_mut().dropped_alerts.extend(places);
        }
    }

    /// Takes the rows of alerts that were dropped since the last call.
    pub(super) fn take_dropped_alerts(&mut self) -> Vec<(EventId, EventOrder)> {
        let past = self.past.as_mut();
        past.map_or_else(Vec::new, |past| std::mem::take(&mut past.dropped_alerts))
    }

    /// Whether rows and snapshots are in order, as a damaged checkpoint need not have them.
    pub(super) fn is_in_order(&self) -> bool {
        self.rows.iter().is_sorted_by_key(StoredRow::order)
            && self
                .snapshots()
                .iter()
                .is_sorted_by_key(|snapshot| snapshot.upto)
    }
}
