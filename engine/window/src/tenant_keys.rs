//! The keys of one tenant: where they are stored, when each is due, and which one is evicted first.
//!
//! Owns the slots and, for each of the tenant's clocks, the index of its keys and a wheel with one
//! timer per key. What a key does with its events belongs to `key`.
//! Invariant: every stored key is in its clock's index and has exactly one timer, set no later than
//! the key is due. A timer may be early and is then set again, so adding to a busy key does not
//! touch the timers.

use std::collections::BTreeMap;
use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use larum_event::limits::PENDING_PER_KEY;
use larum_event::{EvaluationPlace, GroupKey, TenantId, Timestamp, Watermark};

use crate::condition::WindowCondition;
use crate::key::{DetectionSink, KeyState};
use crate::limits::WindowLimits;
use crate::slots::{KeySlot, KeySlots};
use crate::state::WindowEvent;
use crate::wheel::{TimerLinks, TimerWheel};

/// One clock and the keys that run on it.
#[derive(Debug)]
pub(crate) struct KeyClock {
    /// Its time less the rule's lateness.
    pub(crate) watermark: Watermark,
    wheel: TimerWheel,
    /// Only looked up by key and never iterated: its order is random.
    index: HashTable<KeySlot>,
}

impl KeyClock {
    pub(crate) fn new(watermark: Watermark) -> Self {
        Self {
            watermark,
            wheel: TimerWheel::default(),
            index: HashTable::new(),
        }
    }
}

/// All keys of one tenant.
#[derive(Debug, Default)]
pub(crate) struct TenantKeys {
    slots: KeySlots,
    links: TimerLinks,
    pub(crate) clocks: BTreeMap<u32, KeyClock>,
    events: usize,
    hasher: RandomState,
    /// Reused buffer for the bytes of the key that is looked up.
    lookup_bytes: Vec<u8>,
}

/// A match on its way to its key.
pub(crate) struct MatchArrival<'a> {
    pub(crate) key: &'a GroupKey,
    pub(crate) clock: u32,
    /// Its clock's time at the match, less the rule's lateness.
    pub(crate) watermark: Watermark,
    /// Up to where events are settled together with this match.
    pub(crate) settled: Watermark,
    /// Whether a match before the watermark is moved up to it instead of being ignored.
    pub(crate) joins: bool,
    pub(crate) event: WindowEvent,
}

/// Whether a match counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum MatchOutcome {
    /// It counts.
    Counted,
    /// It lies before the watermark less the lateness, and was ignored.
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
    pub(crate) out: &'a mut Vec<larum_event::Detection>,
    pub(crate) evicted_keys: u64,
    pub(crate) evicted_events: u64,
}

impl<'a> WindowOutput<'a> {
    pub(crate) fn new(place: EvaluationPlace, out: &'a mut Vec<larum_event::Detection>) -> Self {
        Self {
            place,
            out,
            evicted_keys: 0,
            evicted_events: 0,
        }
    }
}

impl TenantKeys {
    /// Live keys.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Events held by all keys.
    pub(crate) fn event_count(&self) -> usize {
        self.events
    }

    pub(crate) fn slots(&self) -> &KeySlots {
        &self.slots
    }

    /// Takes the slots whose keys have changed since the last call.
    pub(crate) fn take_changed_slots(&mut self) -> Vec<KeySlot> {
        self.slots.take_changed_slots()
    }

    /// The time that a key's timer is set for.
    pub(crate) fn timer_due_time(&self, slot: KeySlot) -> Timestamp {
        self.links.due_time(slot)
    }

    /// Adds a match to its key. If that needs a new key and there is no room, the key that would
    /// end first is evicted, keys of lagging sources before others.
    pub(crate) fn add_match(
        &mut self,
        mut arrival: MatchArrival<'_>,
        context: &mut WindowContext<'_>,
        output: &mut WindowOutput<'_>,
    ) -> MatchOutcome {
        let clock = self.clocks.get(&arrival.clock);
        let known = clock.map_or(Watermark::MIN, |clock| clock.watermark);
        let watermark = known.max(arrival.watermark);
        // Clamp before the lateness check: an event that joins is never late.
        if arrival.joins {
            arrival.event.event_ref.order.clamp_to_watermark(watermark);
        }
        let order = arrival.event.event_ref.order;
        if order.watermark() < watermark {
            return MatchOutcome::Late;
        }
        self.lookup_bytes.clear();
        arrival.key.write_bytes(&mut self.lookup_bytes);
        let slot = match self.find_slot(arrival.clock, &self.lookup_bytes) {
            Some(slot) => slot,
            None => {
                // Evict before inserting, or the new key itself could be the one that ends first.
                while self.slots.len() >= context.limits.keys.max(1)
                    && self.evict_key(context, output)
                {
                    output.evicted_keys += 1;
                }
                let key_state = KeyState::new(&self.lookup_bytes, arrival.clock, context.condition);
                self.insert(key_state, watermark)
            }
        };
        let Some(key_state) = self.slots.get_mut(slot) else {
            return MatchOutcome::Counted;
        };
        if key_state.is_too_late(order) {
            return MatchOutcome::Late;
        }
        let before = key_state.event_count();
        let mut sink = detection_sink(context, output);
        let settled = watermark.max(arrival.settled);
        key_state.add_event(arrival.event, settled, context.condition, &mut sink);
        let dropped = sink.dropped;
        output.evicted_events += dropped;
        self.events = self.events + key_state.event_count() - before;
        self.update_timer(slot, context.condition);
        MatchOutcome::Counted
    }

    /// Moves a clock: keys that are due are settled, and empty ones are removed.
    pub(crate) fn advance_clock(
        &mut self,
        number: u32,
        watermark: Watermark,
        context: &mut WindowContext<'_>,
        output: &mut WindowOutput<'_>,
    ) {
        let Some(clock) = self.clocks.get_mut(&number) else {
            return;
        };
        clock.watermark = clock.watermark.max(watermark);
        let watermark = clock.watermark;
        while let Some(slot) = self.pop_due(number, watermark.time) {
            let Some(key_state) = self.slots.get_mut(slot) else {
                continue;
            };
            let before = key_state.event_count();
            let mut sink = detection_sink(context, output);
            key_state.settle_until(watermark, context.condition, &mut sink);
            output.evicted_events += sink.dropped;
            self.events = self.events + key_state.event_count() - before;
            match key_state.due_time(context.condition) {
                Some(due) => self.set_timer(number, slot, due),
                None => drop(self.remove(slot)),
            }
        }
    }

    /// Gives a clock up: open alerts end, and nothing that its keys wait for is decided.
    pub(crate) fn give_up_clock(
        &mut self,
        number: u32,
        context: &mut WindowContext<'_>,
        output: &mut WindowOutput<'_>,
    ) {
        while let Some(slot) = self.pop_first(number) {
            if let Some(mut key_state) = self.remove(slot) {
                discard_key(&mut key_state, context, output);
            }
        }
        self.clocks.remove(&number);
    }

    /// Ends time for all keys, in the order of their clocks and due times.
    pub(crate) fn close(&mut self, context: &mut WindowContext<'_>, output: &mut WindowOutput<'_>) {
        let numbers: Vec<u32> = self.clocks.keys().copied().collect();
        for number in numbers {
            while let Some(slot) = self.pop_first(number) {
                if let Some(mut key_state) = self.remove(slot) {
                    key_state.close(context.condition, &mut detection_sink(context, output));
                }
            }
        }
        *self = Self::default();
    }

    /// Restores the keys of a checkpoint in the slots and with the timers they had; `None` if they
    /// do not fit together.
    pub(crate) fn restore(
        slots: KeySlots,
        timers: &[(KeySlot, Timestamp)],
        clocks: BTreeMap<u32, KeyClock>,
    ) -> Option<Self> {
        let mut keys = Self {
            clocks,
            events: slots
                .iter()
                .map(|(_, key_state)| key_state.event_count())
                .sum(),
            ..Self::default()
        };
        for (slot, key_state) in slots.iter() {
            let clock = keys.clocks.get_mut(&key_state.clock)?;
            let hash = keys.hasher.hash_one(&*key_state.key);
            let same = |other: &KeySlot| {
                let other = slots.get(*other);
                other.is_some_and(|other| other.key == key_state.key)
            };
            if clock.index.find(hash, same).is_some() {
                return None;
            }
            let hasher = &keys.hasher;
            clock.index.insert_unique(hash, slot, |slot| {
                hasher.hash_one(slots.get(*slot).map_or(&[][..], |key_state| &key_state.key))
            });
        }
        for (slot, due) in timers {
            // A timer that is set twice would leave a dangling link in the wheel.
            let clock = keys.clocks.get_mut(&slots.get(*slot)?.clock)?;
            if keys.links.due_time(*slot) != Timestamp::MAX {
                return None;
            }
            clock.wheel.set_timer(&mut keys.links, *slot, *due);
        }
        keys.slots = slots;
        Some(keys)
    }

    /// Adds a key with its state, as taken from another shard.
    pub(crate) fn adopt_key(
        &mut self,
        key_state: KeyState,
        watermark: Watermark,
        condition: &WindowCondition,
    ) {
        self.events += key_state.event_count();
        let slot = self.insert(key_state, watermark);
        self.update_timer(slot, condition);
    }

    /// Takes all keys out, in the order of slots.
    pub(crate) fn into_keys(mut self) -> Vec<KeyState> {
        let slots: Vec<KeySlot> = self.slots.iter().map(|(slot, _)| slot).collect();
        slots
            .into_iter()
            .filter_map(|slot| self.slots.remove(slot))
            .collect()
    }

    fn find_slot(&self, clock: u32, bytes: &[u8]) -> Option<KeySlot> {
        let clock = self.clocks.get(&clock)?;
        let hash = self.hasher.hash_one(bytes);
        let is_same = |slot: &KeySlot| {
            let key_state = self.slots.get(*slot);
            key_state.is_some_and(|key_state| *key_state.key == *bytes)
        };
        clock.index.find(hash, is_same).copied()
    }

    /// Stores a key, with a timer set to never.
    fn insert(&mut self, key_state: KeyState, watermark: Watermark) -> KeySlot {
        let hash = self.hasher.hash_one(&*key_state.key);
        let number = key_state.clock;
        let slot = self.slots.insert(key_state);
        let clock = self
            .clocks
            .entry(number)
            .or_insert_with(|| KeyClock::new(watermark));
        let (slots, hasher) = (&self.slots, &self.hasher);
        clock.index.insert_unique(hash, slot, |slot| {
            hasher.hash_one(slots.get(*slot).map_or(&[][..], |key_state| &key_state.key))
        });
        clock.wheel.set_timer(&mut self.links, slot, Timestamp::MAX);
        slot
    }

    fn remove(&mut self, slot: KeySlot) -> Option<KeyState> {
        let key_state = self.slots.remove(slot)?;
        self.events -= key_state.event_count();
        if let Some(clock) = self.clocks.get_mut(&key_state.clock) {
            clock.wheel.cancel_timer(&mut self.links, slot);
            let hash = self.hasher.hash_one(&*key_state.key);
            if let Ok(entry) = clock.index.find_entry(hash, |other| *other == slot) {
                entry.remove();
            }
            if clock.index.is_empty() {
                self.clocks.remove(&key_state.clock);
            }
        }
        Some(key_state)
    }

    /// After a key has changed: removes it if it is empty, else moves its timer forward if needed.
    fn update_timer(&mut self, slot: KeySlot, condition: &WindowCondition) {
        let Some(key_state) = self.slots.get(slot) else {
            return;
        };
        let clock = key_state.clock;
        match key_state.due_time(condition) {
            Some(due) if due < self.links.due_time(slot) => self.set_timer(clock, slot, due),
            Some(_) => {}
            None => drop(self.remove(slot)),
        }
    }

    fn set_timer(&mut self, clock: u32, slot: KeySlot, due: Timestamp) {
        if let Some(clock) = self.clocks.get_mut(&clock) {
            clock.wheel.cancel_timer(&mut self.links, slot);
            clock.wheel.set_timer(&mut self.links, slot, due);
        }
    }

    fn pop_due(&mut self, clock: u32, time: Timestamp) -> Option<KeySlot> {
        let clock = self.clocks.get_mut(&clock)?;
        clock.wheel.pop_before(&mut self.links, time)
    }

    fn pop_first(&mut self, clock: u32) -> Option<KeySlot> {
        let clock = self.clocks.get_mut(&clock)?;
        clock.wheel.pop_first(&mut self.links)
    }

    /// Evicts the key that would end first; false without any key.
    fn evict_key(
        &mut self,
        context: &mut WindowContext<'_>,
        output: &mut WindowOutput<'_>,
    ) -> bool {
        let Some(number) = self.clocks.keys().next_back().copied() else {
            return false;
        };
        while let Some(slot) = self.pop_first(number) {
            let due = self
                .slots
                .get(slot)
                .map(|key_state| key_state.due_time(context.condition));
            // The timer may be early: compare the key by when it really ends.
            if let Some(Some(due)) = due
                && due > self.links.popped_due_time(slot)
            {
                self.set_timer(number, slot, due);
                continue;
            }
            if let Some(mut key_state) = self.remove(slot) {
                discard_key(&mut key_state, context, output);
            }
            return true;
        }
        false
    }
}

/// Discards a key, and counts its pending events as dropped.
fn discard_key(
    key_state: &mut KeyState,
    context: &mut WindowContext<'_>,
    output: &mut WindowOutput<'_>,
) {
    let mut sink = detection_sink(context, output);
    key_state.discard(context.condition, &mut sink);
    let dropped = sink.dropped;
    output.evicted_events += dropped;
}

fn detection_sink<'a>(
    context: &WindowContext<'a>,
    output: &'a mut WindowOutput<'_>,
) -> DetectionSink<'a> {
    DetectionSink {
        rule: context.rule,
        tenant: context.tenant,
        place: output.place,
        pending_most: PENDING_PER_KEY.min(context.limits.events_per_key),
        dropped: 0,
        out: output.out,
    }
}
