//! The keys of one tenant: where they are stored, when each is looked at again, which goes first.
//!
//! Owns the slots and, for each of the tenant's clocks, the index of its keys and a wheel with one timer per key.
//! Invariant: every stored key is in its clock's index and has exactly one timer, set no later than the key is due.
//! A timer may be early: it is then set anew, so that adding to a busy key does not touch the timers.

use std::collections::BTreeMap;
use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use larum_event::limits::PENDING_PER_KEY;
use larum_event::{EvaluationPlace, GroupKey, TenantId, Timestamp, Watermark};

use crate::condition::WindowCondition;
use crate::key::{DetectionSink, KeyState};
use crate::slots::{KeySlot, KeySlots};
use crate::state::WindowEvent;
use crate::wheel::{TimerLinks, TimerWheel};
use crate::window::{MatchOutcome, WindowLimits};

/// One clock and the keys that run on it.
#[derive(Debug)]
pub(crate) struct KeyClock {
    /// How far it has come, the rule's lateness taken off.
    pub(crate) watermark: Watermark,
    wheel: TimerWheel,
    /// Only ever looked up by key, never walked.
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
    /// The bytes of the key that is looked up.
    lookup_bytes: Vec<u8>,
}

/// A match on its way to its key.
pub(crate) struct MatchArrival<'a> {
    pub(crate) key: &'a GroupKey,
    pub(crate) clock: u32,
    /// Of its clock as of the match, the rule's lateness taken off.
    pub(crate) watermark: Watermark,
    /// What is settled with it.
    pub(crate) settled: Watermark,
    /// Whether it counts at the watermark rather than not at all.
    pub(crate) joins: bool,
    pub(crate) event: WindowEvent,
}

/// What all keys of a window have in common.
pub(crate) struct WindowContext<'a> {
    pub(crate) rule: u32,
    pub(crate) tenant: &'a TenantId,
    pub(crate) condition: &'a mut WindowCondition,
    pub(crate) limits: &'a WindowLimits,
}

/// Where detections go, and what went before its time.
pub(crate) struct WindowOutput<'a> {
    pub(crate) place: EvaluationPlace,
    pub(crate) out: &'a mut Vec<larum_event::Detection>,
    pub(crate) evicted_keys: u64,
    pub(crate) evicted_events: u64,
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

    /// The slots whose keys have changed since this was last asked.
    pub(crate) fn take_changed_slots(&mut self) -> Vec<KeySlot> {
        self.slots.take_changed_slots()
    }

    /// When the timer of a key is set for.
    pub(crate) fn timer_due_time(&self, slot: KeySlot) -> Timestamp {
        self.links.due_time(slot)
    }

    /// Adds a match to its key. When that needs a new key and there is no room, the one that would end first
    /// makes room, those of lagging sources before others.
    pub(crate) fn add_match(
        &mut self,
        mut arrival: MatchArrival<'_>,
        common: &mut WindowContext<'_>,
        output: &mut WindowOutput<'_>,
    ) -> MatchOutcome {
        let clock = self.clocks.get(&arrival.clock);
        let known = clock.map_or(Watermark::MIN, |clock| clock.watermark);
        let watermark = known.max(arrival.watermark);
        if arrival.joins {
            arrival.event.held.order.clamp_to_watermark(watermark);
        }
        let order = arrival.event.held.order;
        if order.watermark() < watermark {
            return MatchOutcome::Late;
        }
        self.lookup_bytes.clear();
        arrival.key.write_bytes(&mut self.lookup_bytes);
        let found = self.find_slot(arrival.clock, &self.lookup_bytes);
        let slot = match found {
            Some(slot) => slot,
            None => {
                while self.slots.len() >= common.limits.keys.max(1)
                    && self.evict_key(common, output)
                {
                    output.evicted_keys += 1;
                }
                let keyed = KeyState::new(&self.lookup_bytes, arrival.clock, common.condition);
                self.insert(keyed, watermark)
            }
        };
        let Some(keyed) = self.slots.get_mut(slot) else {
            return MatchOutcome::Counted;
        };
        if keyed.is_too_late(order) {
            return MatchOutcome::Late;
        }
        let before = keyed.event_count();
        let mut emit = detection_sink(common, output);
        let settled = watermark.max(arrival.settled);
        keyed.add_event(arrival.event, settled, common.condition, &mut emit);
        let dropped = emit.dropped;
        output.evicted_events += dropped;
        self.events = self.events + keyed.event_count() - before;
        self.update_timer(slot, common.condition);
        MatchOutcome::Counted
    }

    /// Moves a clock: keys that are due are looked at, those of which nothing is left go.
    pub(crate) fn advance_clock(
        &mut self,
        number: u32,
        watermark: Watermark,
        common: &mut WindowContext<'_>,
        output: &mut WindowOutput<'_>,
    ) {
        let Some(clock) = self.clocks.get_mut(&number) else {
            return;
        };
        clock.watermark = clock.watermark.max(watermark);
        let watermark = clock.watermark;
        while let Some(slot) = self.pop_due(number, watermark.time) {
            let Some(keyed) = self.slots.get_mut(slot) else {
                continue;
            };
            let before = keyed.event_count();
            let mut emit = detection_sink(common, output);
            keyed.settle_until(watermark, common.condition, &mut emit);
            output.evicted_events += emit.dropped;
            self.events = self.events + keyed.event_count() - before;
            match keyed.due_time(common.condition) {
                Some(due) => self.set_timer(number, slot, due),
                None => drop(self.remove(slot)),
            }
        }
    }

    /// A clock is given up: open alerts end, and nothing that its keys wait for is decided.
    pub(crate) fn give_up_clock(
        &mut self,
        number: u32,
        common: &mut WindowContext<'_>,
        output: &mut WindowOutput<'_>,
    ) {
        while let Some(slot) = self.pop_first(number) {
            if let Some(mut keyed) = self.remove(slot) {
                discard_key(&mut keyed, common, output);
            }
        }
        self.clocks.remove(&number);
    }

    /// Time has ended for all keys, in the order of their clocks and of what they wait for.
    pub(crate) fn close(&mut self, common: &mut WindowContext<'_>, output: &mut WindowOutput<'_>) {
        let numbers: Vec<u32> = self.clocks.keys().copied().collect();
        for number in numbers {
            while let Some(slot) = self.pop_first(number) {
                if let Some(mut keyed) = self.remove(slot) {
                    keyed.close(common.condition, &mut detection_sink(common, output));
                }
            }
        }
        *self = Self::default();
    }

    /// Keys of a checkpoint with the slots and timers that they had.
    pub(crate) fn restore(
        slots: KeySlots,
        timers: &[(KeySlot, Timestamp)],
        clocks: BTreeMap<u32, KeyClock>,
    ) -> Option<Self> {
        let mut keys = Self {
            clocks,
            events: slots.iter().map(|(_, keyed)| keyed.event_count()).sum(),
            ..Self::default()
        };
        for (slot, keyed) in slots.iter() {
            let clock = keys.clocks.get_mut(&keyed.clock)?;
            let hash = keys.hasher.hash_one(&*keyed.key);
            let same = |other: &KeySlot| {
                let other = slots.get(*other);
                other.is_some_and(|other| other.key == keyed.key)
            };
            if clock.index.find(hash, same).is_some() {
                return None;
            }
            let hasher = &keys.hasher;
            clock.index.insert_unique(hash, slot, |slot| {
                hasher.hash_one(slots.get(*slot).map_or(&[][..], |keyed| &keyed.key))
            });
        }
        for (slot, due) in timers {
            let clock = keys.clocks.get_mut(&slots.get(*slot)?.clock)?;
            if keys.links.due_time(*slot) != Timestamp::MAX {
                return None;
            }
            clock.wheel.set_timer(&mut keys.links, *slot, *due);
        }
        keys.slots = slots;
        Some(keys)
    }

    /// Puts a key in whose state is there already, as from another shard.
    pub(crate) fn adopt_key(
        &mut self,
        keyed: KeyState,
        watermark: Watermark,
        condition: &WindowCondition,
    ) {
        self.events += keyed.event_count();
        let slot = self.insert(keyed, watermark);
        self.update_timer(slot, condition);
    }

    /// Takes the keys out, in the order of slots.
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
            let keyed = self.slots.get(*slot);
            keyed.is_some_and(|keyed| *keyed.key == *bytes)
        };
        clock.index.find(hash, is_same).copied()
    }

    /// Stores a key, with a timer that is set for never.
    fn insert(&mut self, keyed: KeyState, watermark: Watermark) -> KeySlot {
        let hash = self.hasher.hash_one(&*keyed.key);
        let number = keyed.clock;
        let slot = self.slots.insert(keyed);
        let clock = self.clocks.entry(number);
        let clock = clock.or_insert_with(|| KeyClock::new(watermark));
        let (slots, hasher) = (&self.slots, &self.hasher);
        clock.index.insert_unique(hash, slot, |slot| {
            hasher.hash_one(slots.get(*slot).map_or(&[][..], |keyed| &keyed.key))
        });
        clock.wheel.set_timer(&mut self.links, slot, Timestamp::MAX);
        slot
    }

    fn remove(&mut self, slot: KeySlot) -> Option<KeyState> {
        let keyed = self.slots.remove(slot)?;
        self.events -= keyed.event_count();
        if let Some(clock) = self.clocks.get_mut(&keyed.clock) {
            clock.wheel.cancel_timer(&mut self.links, slot);
            let hash = self.hasher.hash_one(&*keyed.key);
            if let Ok(entry) = clock.index.find_entry(hash, |other| *other == slot) {
                entry.remove();
            }
            if clock.index.is_empty() {
                self.clocks.remove(&keyed.clock);
            }
        }
        Some(keyed)
    }

    /// After a key has changed: it goes if nothing is left of it, else its timer is right.
    fn update_timer(&mut self, slot: KeySlot, condition: &WindowCondition) {
        let Some(keyed) = self.slots.get(slot) else {
            return;
        };
        let clock = keyed.clock;
        match keyed.due_time(condition) {
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

    /// Lets the key go that would end first; false when there is none.
    fn evict_key(&mut self, common: &mut WindowContext<'_>, output: &mut WindowOutput<'_>) -> bool {
        let Some(number) = self.clocks.keys().next_back().copied() else {
            return false;
        };
        while let Some(slot) = self.pop_first(number) {
            let due = self
                .slots
                .get(slot)
                .map(|keyed| keyed.due_time(common.condition));
            // A timer may be early; the key is as good as its true end.
            if let Some(Some(due)) = due
                && due > self.links.popped_due_time(slot)
            {
                self.set_timer(number, slot, due);
                continue;
            }
            if let Some(mut keyed) = self.remove(slot) {
                discard_key(&mut keyed, common, output);
            }
            return true;
        }
        false
    }
}

/// What a key had pending goes with it, and is counted.
fn discard_key(
    keyed: &mut KeyState,
    common: &mut WindowContext<'_>,
    output: &mut WindowOutput<'_>,
) {
    let mut emit = detection_sink(common, output);
    keyed.discard(common.condition, &mut emit);
    let dropped = emit.dropped;
    output.evicted_events += dropped;
}

fn detection_sink<'a>(
    common: &WindowContext<'a>,
    output: &'a mut WindowOutput<'_>,
) -> DetectionSink<'a> {
    DetectionSink {
        rule: common.rule,
        tenant: common.tenant,
        place: output.place,
        pending_most: PENDING_PER_KEY.min(common.limits.events_per_key),
        dropped: 0,
        out: output.out,
    }
}
