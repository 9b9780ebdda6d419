//! The keys of one tenant: where they are stored, when each is looked at again, which goes first.
//!
//! Owns the slots, one timer per key in its clock's event time, and the order in which keys were last
//! added to. Invariant: every stored key is in its clock's index, has exactly one timer, set no later
//! than the key is due, and stands once in the order. A timer may be early: it is then set anew, so
//! that adding to a busy key does not touch the timers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::num::NonZeroU32;

use larum_event::{Detection, GroupKey, Match, Place, Timestamp};

use crate::key::{Counting, Keyed, Slot};
use crate::window::ClockMoved;

/// One clock and the keys that run on it.
#[derive(Debug)]
pub(crate) struct Clock {
    pub(crate) watermark: Timestamp,
    timers: BTreeSet<(Timestamp, Slot)>,
    /// Only ever looked up by key, never walked.
    index: HashMap<GroupKey, Slot>,
}

impl Clock {
    pub(crate) fn at(watermark: Timestamp) -> Self {
        Self {
            watermark,
            timers: BTreeSet::new(),
            index: HashMap::new(),
        }
    }
}

/// What adding a match pushed out.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Evicted {
    pub(crate) keys: u64,
    pub(crate) events: u64,
}

/// All keys of one tenant.
#[derive(Debug, Default)]
pub(crate) struct TenantKeys {
    slots: Vec<Option<Keyed>>,
    free: Vec<Slot>,
    pub(crate) clocks: BTreeMap<u32, Clock>,
    oldest: Option<Slot>,
    newest: Option<Slot>,
    live: usize,
    events: usize,
}

impl TenantKeys {
    /// Live keys.
    pub(crate) fn len(&self) -> usize {
        self.live
    }

    /// Events held by all keys.
    pub(crate) fn events(&self) -> usize {
        self.events
    }

    /// The keys, the one that was added to longest ago first.
    pub(crate) fn by_age(&self) -> impl Iterator<Item = &Keyed> {
        let mut next = self.oldest;
        std::iter::from_fn(move || {
            let keyed = self.get(next?)?;
            next = keyed.newer;
            Some(keyed)
        })
    }

    /// Takes the keys out, the one that was added to longest ago first.
    pub(crate) fn into_keys(mut self) -> Vec<Keyed> {
        let mut keys = Vec::with_capacity(self.live);
        while let Some(keyed) = self.oldest.and_then(|oldest| self.remove(oldest)) {
            keys.push(keyed);
        }
        keys
    }

    /// Adds a match to its key; when that needs a new key and `keys_most` are there, the key that
    /// was added to longest ago makes room.
    pub(crate) fn add(
        &mut self,
        matched: Match,
        rule: &Counting,
        keys_most: usize,
        out: &mut Vec<Detection>,
    ) -> Evicted {
        let mut evicted = Evicted::default();
        let clock = self.clocks.get(&matched.clock);
        let watermark = clock.map_or(Timestamp::MIN, |clock| clock.watermark);
        let slot = match clock.and_then(|clock| clock.index.get(&matched.key)) {
            Some(slot) => *slot,
            None => {
                while self.live >= keys_most.max(1) {
                    let Some(oldest) = self.oldest else { break };
                    evicted.keys += 1;
                    self.evict(oldest, rule, matched.place, out);
                }
                self.insert(Keyed::new(matched.key.clone(), matched.clock), watermark)
            }
        };
        self.make_newest(slot);
        let Some(keyed) = self.get_mut(slot) else {
            return evicted;
        };
        let before = keyed.events.len();
        keyed
            .events
            .drop_before(watermark.saturating_sub(rule.within));
        evicted.events += u64::from(keyed.add(matched, rule, out));
        let after = keyed.events.len();
        self.events = self.events + after - before;
        self.settle(slot, rule);
        evicted
    }

    /// Puts a key of a checkpoint in, as the newest.
    pub(crate) fn restore(&mut self, keyed: Keyed, rule: &Counting) {
        self.events += keyed.events.len();
        let slot = self.insert(keyed, Timestamp::MIN);
        self.make_newest(slot);
        self.settle(slot, rule);
    }

    pub(crate) fn has(&self, clock: u32, key: &GroupKey) -> bool {
        let clock = self.clocks.get(&clock);
        clock.is_some_and(|clock| clock.index.contains_key(key))
    }

    /// Moves a clock: keys that are due are looked at, those that cannot count any more go.
    pub(crate) fn advance(
        &mut self,
        moved: &ClockMoved<'_>,
        rule: &Counting,
        out: &mut Vec<Detection>,
    ) {
        let Some(clock) = self.clocks.get_mut(&moved.clock) else {
            return;
        };
        clock.watermark = clock.watermark.max(moved.watermark.time);
        let watermark = clock.watermark;
        let mut ended = Vec::new();
        while let Some(slot) = self.next_due(moved.clock) {
            let Some(keyed) = self.get_mut(slot) else {
                break;
            };
            if let Some(end) = keyed.episode_end(rule).filter(|end| *end < watermark) {
                let mut last = Vec::new();
                keyed.end_episode(rule, moved.place, &mut last);
                ended.extend(last.into_iter().map(|detection| (end, detection)));
            }
            match keyed.due(rule) {
                Some(due) if due >= watermark => self.arm(slot, due),
                Some(_) | None => drop(self.remove(slot)),
            }
        }
        // Timers may be early and slots are any; what is put out has an order of its own.
        ended.sort_by(|(a_end, a), (b_end, b)| (a_end, &a.key).cmp(&(b_end, &b.key)));
        out.extend(ended.into_iter().map(|(_, detection)| detection));
    }

    /// Ends every episode, clock by clock, in the order of their ends.
    pub(crate) fn close(&mut self, rule: &Counting, place: Place, out: &mut Vec<Detection>) {
        let mut ended = Vec::new();
        for keyed in self.slots.iter_mut().flatten() {
            let mut last = Vec::new();
            let end = keyed.episode_end(rule);
            keyed.end_episode(rule, place, &mut last);
            ended.extend(last.into_iter().map(|detection| (end, detection)));
        }
        ended.sort_by(|(a_end, a), (b_end, b)| {
            (a.clock, a_end, &a.key).cmp(&(b.clock, b_end, &b.key))
        });
        out.extend(ended.into_iter().map(|(_, detection)| detection));
        *self = Self::default();
    }

    /// The next key of a clock whose timer has come, taken off the timers.
    fn next_due(&mut self, number: u32) -> Option<Slot> {
        let clock = self.clocks.get_mut(&number)?;
        let (armed, slot) = *clock.timers.first()?;
        if armed >= clock.watermark {
            return None;
        }
        clock.timers.pop_first();
        Some(slot)
    }

    /// After a key has changed: it goes if it does not matter any more, else its timer is right.
    fn settle(&mut self, slot: Slot, rule: &Counting) {
        let Some(keyed) = self.get(slot) else { return };
        match keyed.due(rule) {
            Some(due) if due < keyed.armed => self.arm(slot, due),
            Some(_) => {}
            None => drop(self.remove(slot)),
        }
    }

    fn arm(&mut self, slot: Slot, due: Timestamp) {
        let Some(keyed) = self.get_mut(slot) else {
            return;
        };
        let (number, armed) = (keyed.clock, std::mem::replace(&mut keyed.armed, due));
        if let Some(clock) = self.clocks.get_mut(&number) {
            clock.timers.remove(&(armed, slot));
            clock.timers.insert((due, slot));
        }
    }

    fn evict(&mut self, slot: Slot, rule: &Counting, place: Place, out: &mut Vec<Detection>) {
        if let Some(keyed) = self.get_mut(slot) {
            keyed.end_episode(rule, place, out);
        }
        self.remove(slot);
    }

    /// Stores a key that is in no order yet, with a timer that is set for never.
    fn insert(&mut self, keyed: Keyed, watermark: Timestamp) -> Slot {
        let (number, key, armed) = (keyed.clock, keyed.key.clone(), keyed.armed);
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                self.slots.push(None);
                Slot::last_of(self.slots.len())
            }
        };
        if let Some(place) = self.slots.get_mut(slot.index()) {
            *place = Some(keyed);
        }
        self.live += 1;
        let clock = self.clocks.entry(number);
        let clock = clock.or_insert_with(|| Clock::at(watermark));
        clock.index.insert(key, slot);
        clock.timers.insert((armed, slot));
        slot
    }

    fn remove(&mut self, slot: Slot) -> Option<Keyed> {
        self.unlink(slot);
        let keyed = self.slots.get_mut(slot.index())?.take()?;
        self.free.push(slot);
        self.live -= 1;
        self.events -= keyed.events.len();
        if let Some(clock) = self.clocks.get_mut(&keyed.clock) {
            clock.index.remove(&keyed.key);
            clock.timers.remove(&(keyed.armed, slot));
            if clock.index.is_empty() {
                self.clocks.remove(&keyed.clock);
            }
        }
        Some(keyed)
    }

    fn make_newest(&mut self, slot: Slot) {
        if self.newest == Some(slot) {
            return;
        }
        self.unlink(slot);
        let before = self.newest.replace(slot);
        match before {
            Some(before) => {
                if let Some(before) = self.get_mut(before) {
                    before.newer = Some(slot);
                }
            }
            None => self.oldest = Some(slot),
        }
        if let Some(keyed) = self.get_mut(slot) {
            keyed.older = before;
        }
    }

    fn unlink(&mut self, slot: Slot) {
        let Some(keyed) = self.get_mut(slot) else {
            return;
        };
        let (older, newer) = (keyed.older.take(), keyed.newer.take());
        if self.oldest == Some(slot) {
            self.oldest = newer;
        }
        if self.newest == Some(slot) {
            self.newest = older;
        }
        if let Some(older) = older.and_then(|older| self.get_mut(older)) {
            older.newer = newer;
        }
        if let Some(newer) = newer.and_then(|newer| self.get_mut(newer)) {
            newer.older = older;
        }
    }

    fn get(&self, slot: Slot) -> Option<&Keyed> {
        self.slots.get(slot.index())?.as_ref()
    }

    fn get_mut(&mut self, slot: Slot) -> Option<&mut Keyed> {
        self.slots.get_mut(slot.index())?.as_mut()
    }
}

impl Slot {
    /// The slot of the last of `count` places.
    fn last_of(count: usize) -> Self {
        let number = u32::try_from(count).unwrap_or(u32::MAX);
        Self(NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN))
    }

    fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quiet_key_is_small() {
        // Its one event is inside; its shares of the index and the timers, about 60 bytes, are not.
        assert_eq!(size_of::<Option<Keyed>>(), 104);
    }
}
