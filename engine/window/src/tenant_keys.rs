//! The keys of one tenant: where they are stored, when each is due, and which of them are dirty.
//!
//! Owns the slots, the index by key, and a wheel with one timer per key. What a key does with its
//! rows belongs to `key`.
//! Invariant: every stored key is in the index and has exactly one timer, set no later than the key
//! is due. A timer may be early and is then set again, so adding to a busy key does not touch the
//! timers.

mod restoring;

use std::collections::{BTreeSet, HashMap};
use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use larum_event::{
    Detection, EvaluationPlace, EventId, EventOrder, GroupKey, KEY_BUCKETS, Span, TenantId,
    Timestamp,
};

use crate::blocked::BlockedKeys;
use crate::condition::WindowCondition;
use crate::key::{DirtyMark, KeyContext, KeyMarks, KeyState, RowOutcome};
use crate::limits::WindowLimits;
use crate::slots::{KeySlot, KeySlots};
use crate::sources::{HOLD, TenantTime};
use crate::state::WindowEvent;
use crate::wheel::{TimerLinks, TimerWheel};
use crate::window::ClockMove;

/// All keys of one tenant.
#[derive(Debug)]
pub(crate) struct TenantKeys {
    slots: KeySlots,
    links: TimerLinks,
    wheel: TimerWheel,
    /// Only looked up by key and never iterated: its order is random.
    index: HashTable<KeySlot>,
    pub(crate) time: TenantTime,
    rows: usize,
    /// Keys to amend.
    dirty: BTreeSet<(DirtyMark, KeySlot)>,
    blocked: BlockedKeys,
    /// Where the rows of alerts are, to find them when an alert is retracted. Never iterated.
    alert_rows: HashMap<EventId, (Box<[u8]>, EventOrder)>,
    hasher: RandomState,
    /// Reused buffer for the bytes of the key that is looked up.
    lookup_bytes: Vec<u8>,
    /// Whether `time` has changed since it was last written.
    is_time_changed: bool,
}

/// Whether a match counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum MatchOutcome {
    /// It counts.
    Counted,
    /// It lies beyond the horizon, and was ignored.
    Late,
}

/// What every key of a window needs from its rule.
pub(crate) struct WindowContext<'a> {
    pub(crate) rule: u32,
    pub(crate) tenant: &'a TenantId,
    pub(crate) condition: &'a mut WindowCondition,
    pub(crate) limits: &'a WindowLimits,
}

/// Where detections go, and how much was dropped early.
pub(crate) struct WindowOutput<'a> {
    pub(crate) place: EvaluationPlace,
    pub(crate) out: &'a mut Vec<Detection>,
    pub(crate) evicted_keys: u64,
    pub(crate) evicted_events: u64,
}

impl<'a> WindowOutput<'a> {
    pub(crate) fn new(place: EvaluationPlace, out: &'a mut Vec<Detection>) -> Self {
        Self {
            place,
            out,
            evicted_keys: 0,
            evicted_events: 0,
        }
    }
}

impl TenantKeys {
    pub(crate) fn new(time: TenantTime) -> Self {
        Self {
            slots: KeySlots::default(),
            links: TimerLinks::default(),
            wheel: TimerWheel::default(),
            index: HashTable::new(),
            time,
            rows: 0,
            dirty: BTreeSet::new(),
            blocked: BlockedKeys::default(),
            alert_rows: HashMap::new(),
            hasher: RandomState::default(),
            lookup_bytes: Vec::new(),
            is_time_changed: true,
        }
    }

    /// Live keys.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Rows held by all keys.
    pub(crate) fn row_count(&self) -> usize {
        self.rows
    }

    /// Keys that wait to be amended.
    pub(crate) fn dirty_count(&self) -> usize {
        self.dirty.len()
    }

    pub(crate) fn slots(&self) -> &KeySlots {
        &self.slots
    }

    /// Takes the slots whose keys have changed since the last call.
    pub(crate) fn take_changed_slots(&mut self) -> Vec<KeySlot> {
        self.slots.take_changed_slots()
    }

    /// Whether time has changed since the last call.
    pub(crate) fn take_time_changed(&mut self) -> bool {
        std::mem::take(&mut self.is_time_changed)
    }

    /// The front that a key's timer is set for.
    pub(crate) fn timer_due_time(&self, slot: KeySlot) -> Timestamp {
        self.links.due_time(slot)
    }

    /// Takes note of how far time had come before a match: the keys know it only while there are
    /// any.
    pub(crate) fn note_front(&mut self, front: Timestamp) {
        // It may have gone back: the engine's clock may have been set back just before this match.
        self.time.front = front;
        self.is_time_changed = true;
    }

    /// Adds a match to its key. If that needs a new key and there is no room, the key that would
    /// end first is evicted.
    pub(crate) fn add_match(
        &mut self,
        key: &GroupKey,
        row: WindowEvent,
        context: &mut WindowContext<'_>,
        output: &mut WindowOutput<'_>,
    ) -> MatchOutcome {
        let (order, source) = (row.order(), row.source);
        let alert = row.is_alert().then(|| row.event_ref.id());
        if order.time < self.horizon(context) {
            return MatchOutcome::Late;
        }
        self.lookup_bytes.clear();
        key.write_bytes(&mut self.lookup_bytes);
        // Fewer may be allowed than when the keys were restored.
        while self.slots.len() > context.limits.keys.max(1) && self.evict_key(context, output) {
            output.evicted_keys += 1;
        }
        let slot = match self.find_slot(&self.lookup_bytes) {
            Some(slot) => slot,
            None => {
                // Evict before inserting, or the new key itself could be the one that ends first.
                while self.slots.len() >= context.limits.keys.max(1)
                    && self.evict_key(context, output)
                {
                    output.evicted_keys += 1;
                }
                self.insert(KeyState::new(&self.lookup_bytes, context.condition))
            }
        };
        let horizon = self.horizon(context);
        let added = self.call_key(slot, context, output, |key_state, call| {
            let outcome = key_state.add_row(row, call);
            if key_state.is_trim_due() {
                key_state.trim(horizon, call.condition);
            }
            outcome
        });
        let outcome = added.unwrap_or(RowOutcome::TooOld);
        if outcome == RowOutcome::TooOld {
            return MatchOutcome::Late;
        }
        if source != 0 {
            self.time.follow_source(source);
        }
        if let (Some(alert), Some(key_state)) = (alert, self.slots.get(slot)) {
            self.alert_rows
                .insert(alert, (key_state.key.clone(), order));
        }
        if outcome == RowOutcome::Taken {
            self.move_timer_forward(slot, context);
        }
        MatchOutcome::Counted
    }

    /// Takes back the row of an alert that was retracted below.
    pub(crate) fn retract_alert(&mut self, alert: &EventId) {
        let Some((key, order)) = self.alert_rows.remove(alert) else {
            return;
        };
        let Some(slot) = self.find_slot(&key) else {
            return;
        };
        if let Some(key_state) = self.slots.get_mut(slot) {
            let before = key_state.marks();
            key_state.remove_row(order);
            let after = key_state.marks();
            self.update_indexes(slot, before, after);
        }
    }

    /// Moves the front: keys that are due decide what they can, and empty ones are removed.
    pub(crate) fn advance_front(
        &mut self,
        moved: &ClockMove<'_>,
        context: &mut WindowContext<'_>,
        output: &mut WindowOutput<'_>,
    ) {
        let &ClockMove { front, source, .. } = moved;
        self.time.front = front;
        let was_held = std::mem::replace(&mut self.time.is_held, moved.is_held);
        self.is_time_changed = true;
        if let Some((source, progress)) = source {
            self.time.update_source(source, progress);
            self.blocked.update_release(source, &self.time);
        }
        while let Some(slot) = self.wheel.pop_before(&mut self.links, front) {
            self.run_due_key(slot, context, output);
        }
        if let Some((source, _)) = source {
            while let Some(slot) = self.blocked.released_by(source, &self.time) {
                self.run_due_key(slot, context, output);
            }
        }
        while let Some(slot) = self.blocked.released_by_front(front) {
            self.run_due_key(slot, context, output);
        }
        if was_held && !moved.is_held {
            while let Some(slot) = self.blocked.released_by(HOLD, &self.time) {
                self.run_due_key(slot, context, output);
            }
        }
    }

    fn run_due_key(
        &mut self,
        slot: KeySlot,
        context: &mut WindowContext<'_>,
        output: &mut WindowOutput<'_>,
    ) {
        let horizon = self.horizon(context);
        let is_kept = self.call_key(slot, context, output, |key_state, call| {
            key_state.advance(call);
            key_state.trim(horizon, call.condition)
        });
        if is_kept == Some(true) {
            self.set_timer_again(slot, context);
        } else {
            self.remove(slot);
        }
    }

    /// Amends dirty keys; returns how many rows that read. Each bucket may read its share of
    /// `most_rows`, or one key if that is more, so that which keys are amended does not depend on
    /// how many shards there are. Within a bucket those with the earliest place come first.
    pub(crate) fn amend(
        &mut self,
        most_rows: usize,
        context: &mut WindowContext<'_>,
        output: &mut WindowOutput<'_>,
    ) -> usize {
        let share = (most_rows / KEY_BUCKETS).max(1);
        let mut rows_read: usize = 0;
        for bucket in 0..KEY_BUCKETS {
            let mut left = share;
            while left > 0
                && let Some(slot) = self.first_dirty_slot(bucket)
            {
                let amended = self.call_key(slot, context, output, KeyState::amend);
                // A key counts as one row at least, so that many small ones take several passes.
                let read = amended.unwrap_or(0).max(1);
                rows_read = rows_read.saturating_add(read);
                left = left.saturating_sub(read);
                // Now that it is clean it may decide what it could not before.
                self.run_due_key(slot, context, output);
            }
        }
        rows_read
    }

    fn first_dirty_slot(&self, bucket: usize) -> Option<KeySlot> {
        let least = (DirtyMark::first_of(bucket), KeySlot::FIRST);
        let (first, slot) = self.dirty.range(least..).next()?;
        (first.bucket == bucket).then_some(*slot)
    }

    /// Lets a key act, and brings the indexes up to date with what it has become.
    fn call_key<T>(
        &mut self,
        slot: KeySlot,
        context: &mut WindowContext<'_>,
        output: &mut WindowOutput<'_>,
        act: impl FnOnce(&mut KeyState, &mut KeyContext<'_>) -> T,
    ) -> Option<T> {
        let key_state = self.slots.get_mut(slot)?;
        let before = key_state.marks();
        let mut call = key_context(context, &self.time, output);
        let answer = act(key_state, &mut call);
        let dropped = call.dropped;
        output.evicted_events += dropped;
        let after = key_state.marks();
        for (alert, order) in key_state.take_dropped_alerts() {
            // It may have come again at another place.
            if self.alert_rows.get(&alert).is_some_and(|it| it.1 == order) {
                self.alert_rows.remove(&alert);
            }
        }
        self.update_indexes(slot, before, after);
        Some(answer)
    }

    fn update_indexes(&mut self, slot: KeySlot, before: KeyMarks, after: KeyMarks) {
        self.rows = self.rows + after.rows - before.rows;
        if before.dirty != after.dirty {
            if let Some(from) = before.dirty {
                self.dirty.remove(&(from, slot));
            }
            self.dirty.extend(after.dirty.map(|from| (from, slot)));
        }
        if before.blocked_by != after.blocked_by {
            if let Some(blocker) = before.blocked_by {
                self.blocked.remove(slot, blocker, &self.time);
            }
            if let Some(blocker) = after.blocked_by {
                self.blocked.insert(slot, blocker, &self.time);
            }
        }
    }

    /// Ends time for all keys, in the order in which they are due.
    pub(crate) fn close(&mut self, context: &mut WindowContext<'_>, output: &mut WindowOutput<'_>) {
        self.amend(usize::MAX, context, output);
        // Nothing comes any more, so every alert is final.
        self.time.front = Timestamp::MAX;
        while let Some(slot) = self.wheel.pop_first(&mut self.links) {
            if let Some(mut key_state) = self.remove(slot) {
                let mut call = key_context(context, &self.time, output);
                key_state.close(&mut call);
            }
        }
        *self = Self::new(TenantTime::new(self.time.lateness));
    }

    fn find_slot(&self, bytes: &[u8]) -> Option<KeySlot> {
        let hash = self.hasher.hash_one(bytes);
        let is_same = |slot: &KeySlot| {
            let key_state = self.slots.get(*slot);
            key_state.is_some_and(|key_state| *key_state.key == *bytes)
        };
        self.index.find(hash, is_same).copied()
    }

    /// Stores a key, with a timer set to never.
    fn insert(&mut self, key_state: KeyState) -> KeySlot {
        let hash = self.hasher.hash_one(&*key_state.key);
        let slot = self.slots.insert(key_state);
        let (slots, hasher) = (&self.slots, &self.hasher);
        self.index.insert_unique(hash, slot, |slot| {
            hasher.hash_one(slots.get(*slot).map_or(&[][..], |key_state| &key_state.key))
        });
        self.wheel.set_timer(&mut self.links, slot, Timestamp::MAX);
        slot
    }

    fn remove(&mut self, slot: KeySlot) -> Option<KeyState> {
        let key_state = self.slots.remove(slot)?;
        for (alert, _) in key_state.alert_rows() {
            self.alert_rows.remove(&alert);
        }
        self.update_indexes(slot, key_state.marks(), KeyMarks::default());
        self.wheel.cancel_timer(&mut self.links, slot);
        let hash = self.hasher.hash_one(&*key_state.key);
        if let Ok(entry) = self.index.find_entry(hash, |other| *other == slot) {
            entry.remove();
        }
        Some(key_state)
    }

    /// How far back matches count. What is not final yet must be kept, whatever the horizon.
    fn horizon_span(&self, context: &WindowContext<'_>) -> Span {
        context.limits.horizon.max(self.time.lateness)
    }

    /// No match counts before this.
    fn horizon(&self, context: &WindowContext<'_>) -> Timestamp {
        self.time.front.saturating_sub(self.horizon_span(context))
    }

    fn due_front(&self, slot: KeySlot, after: Timestamp, context: &WindowContext<'_>) -> Timestamp {
        let (lateness, horizon) = (self.time.lateness, self.horizon_span(context));
        let key_state = self.slots.get(slot);
        key_state.map_or(Timestamp::MAX, |key_state| {
            key_state.due_front(context.condition, lateness, horizon, after)
        })
    }

    /// Moves a key's timer forward if it is due sooner.
    fn move_timer_forward(&mut self, slot: KeySlot, context: &WindowContext<'_>) {
        let due = self.due_front(slot, Timestamp::MIN, context);
        if due < self.links.due_time(slot) {
            self.wheel.cancel_timer(&mut self.links, slot);
            self.wheel.set_timer(&mut self.links, slot, due);
        }
    }

    /// Sets the timer of a key that has just run. What it could not decide at this front is decided
    /// when its source has passed, or when it is amended.
    fn set_timer_again(&mut self, slot: KeySlot, context: &WindowContext<'_>) {
        let due = self.due_front(slot, self.time.front, context);
        self.wheel.cancel_timer(&mut self.links, slot);
        self.wheel.set_timer(&mut self.links, slot, due);
    }

    /// Evicts the key that would end first; false without any key.
    fn evict_key(
        &mut self,
        context: &mut WindowContext<'_>,
        output: &mut WindowOutput<'_>,
    ) -> bool {
        while let Some(slot) = self.wheel.pop_first(&mut self.links) {
            // The timer may be early: compare the key by when it really ends.
            let due = self.due_front(slot, Timestamp::MIN, context);
            if due > self.links.popped_due_time(slot) && due > self.time.front {
                self.wheel.set_timer(&mut self.links, slot, due);
                continue;
            }
            if let Some(mut key_state) = self.remove(slot) {
                let mut call = key_context(context, &self.time, output);
                key_state.discard(&mut call);
                output.evicted_events += call.dropped;
            }
            return true;
        }
        false
    }
}

fn key_context<'a>(
    context: &'a mut WindowContext<'_>,
    time: &'a TenantTime,
    output: &'a mut WindowOutput<'_>,
) -> KeyContext<'a> {
    KeyContext {
        rule: context.rule,
        tenant: context.tenant,
        condition: &mut *context.condition,
        time,
        place: output.place,
        rows_most: match context.limits.horizon.max(time.lateness).is_zero() {
            true => 0,
            false => context.limits.rows_per_key.max(1),
        },
        dropped: 0,
        out: &mut *output.out,
    }
}
