//! When which key is looked at again: a hierarchical timer wheel over event time.
//!
//! Owns the timers of one clock; where they are linked is kept beside, in [`Links`], so that all clocks of a tenant
//! share it. Setting and taking back a timer cost the same however many there are. Within a [`TICK_BITS`]-wide tick
//! timers are sorted, so they go off exactly, in the order of (time, slot).

use std::collections::BTreeSet;

use larum_event::Timestamp;

use crate::slots::Slot;

/// A tick is 2^20 ns, about a millisecond.
const TICK_BITS: u32 = 20;
/// Each level has 64 times longer buckets than the one below; eight of them span all of time.
const LEVEL_BITS: u32 = 6;
const BUCKETS: usize = 1 << LEVEL_BITS;
const LEVELS: usize = 8;

/// The lists that timers stand in, by slot.
#[derive(Debug, Default)]
pub(crate) struct Links(Vec<Link>);

#[derive(Debug, Clone, Copy)]
struct Link {
    due: Timestamp,
    next: Option<Slot>,
    previous: Option<Slot>,
    place: Linked,
}

/// Where a timer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Linked {
    Nowhere,
    Near,
    Bucket { level: u8, bucket: u8 },
}

/// The timers of one clock.
#[derive(Debug, Default)]
pub(crate) struct Wheel {
    /// The tick up to which timers are in `near`.
    now: u64,
    near: BTreeSet<(Timestamp, Slot)>,
    levels: [Level; LEVELS],
}

/// Buckets of one length; without any as long as none is needed.
#[derive(Debug, Default)]
struct Level {
    occupied: u64,
    heads: Option<Box<[Option<Slot>; BUCKETS]>>,
}

impl Links {
    /// When the timer of `slot` is set for; never, where none is set.
    pub(crate) fn due(&self, slot: Slot) -> Timestamp {
        self.0
            .get(slot.index())
            .filter(|link| link.place != Linked::Nowhere)
            .map_or(Timestamp::MAX, |link| link.due)
    }

    /// When the timer of `slot` was set for that was taken last.
    pub(crate) fn due_of_popped(&self, slot: Slot) -> Timestamp {
        self.0
            .get(slot.index())
            .map_or(Timestamp::MIN, |link| link.due)
    }

    fn get(&mut self, slot: Slot) -> Option<&mut Link> {
        self.0.get_mut(slot.index())
    }

    fn make_room(&mut self, slot: Slot) {
        if self.0.len() <= slot.index() {
            let none = Link {
                due: Timestamp::MAX,
                next: None,
                previous: None,
                place: Linked::Nowhere,
            };
            self.0.resize(slot.index() + 1, none);
        }
    }
}

impl Wheel {
    /// Sets the timer of `slot`, which has none.
    pub(crate) fn set(&mut self, links: &mut Links, slot: Slot, due: Timestamp) {
        links.make_room(slot);
        self.link(links, slot, due);
    }

    /// Takes the timer of `slot` back.
    pub(crate) fn unset(&mut self, links: &mut Links, slot: Slot) {
        let Some(link) = links.get(slot) else { return };
        let was = *link;
        link.place = Linked::Nowhere;
        match was.place {
            Linked::Nowhere => {}
            Linked::Near => {
                self.near.remove(&(was.due, slot));
            }
            Linked::Bucket { level, bucket } => {
                match was.previous.and_then(|previous| links.get(previous)) {
                    Some(previous) => previous.next = was.next,
                    None => self.put_head(level, bucket, was.next),
                }
                if let Some(next) = was.next.and_then(|next| links.get(next)) {
                    next.previous = was.previous;
                }
            }
        }
    }

    /// Takes the first timer that is set for a time before `time`, if there is one.
    pub(crate) fn pop_before(&mut self, links: &mut Links, time: Timestamp) -> Option<Slot> {
        self.turn(links, tick(time));
        let (due, _) = *self.near.first()?;
        if due >= time {
            return None;
        }
        self.pop_near(links)
    }

    /// Takes the first timer of all.
    pub(crate) fn pop_first(&mut self, links: &mut Links) -> Option<Slot> {
        while self.near.is_empty() {
            let next = self.next_occupied()?;
            self.turn(links, next);
        }
        self.pop_near(links)
    }

    fn pop_near(&mut self, links: &mut Links) -> Option<Slot> {
        let (_, slot) = self.near.pop_first()?;
        if let Some(link) = links.get(slot) {
            link.place = Linked::Nowhere;
        }
        Some(slot)
    }

    fn link(&mut self, links: &mut Links, slot: Slot, due: Timestamp) {
        let at = tick(due);
        if at <= self.now {
            self.near.insert((due, slot));
            if let Some(link) = links.get(slot) {
                *link = Link {
                    due,
                    next: None,
                    previous: None,
                    place: Linked::Near,
                };
            }
            return;
        }
        // The highest digit in which it differs from now: below it, the bucket says nothing yet.
        let highest = u64::BITS - 1 - (at ^ self.now).leading_zeros();
        let level = (highest / LEVEL_BITS) as u8;
        let bucket = digit(at, u32::from(level)) as u8;
        let head = self.head(level, bucket);
        self.put_head(level, bucket, Some(slot));
        if let Some(link) = links.get(slot) {
            *link = Link {
                due,
                next: head,
                previous: None,
                place: Linked::Bucket { level, bucket },
            };
        }
        if let Some(head) = head.and_then(|head| links.get(head)) {
            head.previous = Some(slot);
        }
    }

    /// Brings every timer of a tick up to `target` near.
    fn turn(&mut self, links: &mut Links, target: u64) {
        while let Some(next) = self.next_occupied().filter(|next| *next <= target) {
            self.now = next;
            // Higher buckets that begin here come down first.
            for level in (0..LEVELS as u8).rev() {
                let bucket = digit(next, u32::from(level)) as u8;
                let begins_here = next & ((1_u64 << (u32::from(level) * LEVEL_BITS)) - 1) == 0;
                if begins_here {
                    self.empty(links, level, bucket);
                }
            }
        }
        self.now = self.now.max(target);
    }

    fn empty(&mut self, links: &mut Links, level: u8, bucket: u8) {
        let occupied = self.levels.get(usize::from(level)).map(|it| it.occupied);
        if occupied.unwrap_or(0) & (1 << bucket) == 0 {
            return;
        }
        let mut next = self.head(level, bucket);
        self.put_head(level, bucket, None);
        while let Some(slot) = next {
            let Some(link) = links.get(slot) else { return };
            next = link.next;
            let due = link.due;
            self.link(links, slot, due);
        }
    }

    /// The first tick of the next bucket that holds a timer.
    fn next_occupied(&self) -> Option<u64> {
        for (level, buckets) in self.levels.iter().enumerate() {
            let shift = level as u32 * LEVEL_BITS;
            // Buckets behind now hold nothing: their timers have come down.
            let ahead = buckets.occupied & (u64::MAX << digit(self.now, level as u32));
            if ahead != 0 {
                let bucket = u64::from(ahead.trailing_zeros());
                let above = self.now & (u64::MAX.checked_shl(shift + LEVEL_BITS).unwrap_or(0));
                return Some(above | (bucket << shift));
            }
        }
        None
    }

    fn head(&self, level: u8, bucket: u8) -> Option<Slot> {
        let level = self.levels.get(usize::from(level))?;
        *level.heads.as_ref()?.get(usize::from(bucket))?
    }

    fn put_head(&mut self, level: u8, bucket: u8, slot: Option<Slot>) {
        let Some(level) = self.levels.get_mut(usize::from(level)) else {
            return;
        };
        let bit = 1_u64 << bucket;
        if slot.is_none() {
            level.occupied &= !bit;
        } else {
            level.occupied |= bit;
        }
        let heads = level.heads.get_or_insert_with(|| Box::new([None; BUCKETS]));
        if let Some(head) = heads.get_mut(usize::from(bucket)) {
            *head = slot;
        }
    }
}

/// The tick of a time; times before 1970 too have one.
fn tick(time: Timestamp) -> u64 {
    (time.as_nanos() as u64 ^ (1 << 63)) >> TICK_BITS
}

fn digit(tick: u64, level: u32) -> u64 {
    (tick >> (level * LEVEL_BITS)) & (BUCKETS as u64 - 1)
}

#[cfg(test)]
mod tests;
