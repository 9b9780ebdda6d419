//! A hierarchical timer wheel over event time: which key is due next.
//!
//! Owns the timers of one tenant. Their links are kept outside, in [`TimerLinks`], by slot; what
//! happens when a timer fires is the caller's job. Setting and cancelling cost the same however
//! many timers there are.
//! Invariant: every timer up to the tick `now` is in `near`, sorted by time and slot, so timers
//! fire in that exact order although a tick is 2^[`TICK_BITS`] ns long.

use std::collections::BTreeSet;

use larum_event::Timestamp;

use crate::slots::KeySlot;

/// A tick is 2^20 ns, about a millisecond.
const TICK_BITS: u32 = 20;
/// The buckets of each level are 64 times as long as those of the level below; eight levels span
/// all of time.
const LEVEL_BITS: u32 = 6;
const BUCKETS: usize = 1 << LEVEL_BITS;
const LEVELS: usize = 8;

/// The links of the lists of timers, by slot.
#[derive(Debug, Default)]
pub(crate) struct TimerLinks(Vec<TimerLink>);

#[derive(Debug, Clone, Copy)]
struct TimerLink {
    due: Timestamp,
    next: Option<KeySlot>,
    previous: Option<KeySlot>,
    place: TimerPlace,
}

/// Which list a timer is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TimerPlace {
    Nowhere,
    Near,
    Bucket { level: u8, bucket: u8 },
}

/// The timers of one tenant.
#[derive(Debug, Default)]
pub(crate) struct TimerWheel {
    /// The tick up to which all timers are in `near`.
    now: u64,
    near: BTreeSet<(Timestamp, KeySlot)>,
    levels: [WheelLevel; LEVELS],
}

/// The buckets of one length; allocated when first needed.
#[derive(Debug, Default)]
struct WheelLevel {
    occupied: u64,
    heads: Option<Box<[Option<KeySlot>; BUCKETS]>>,
}

impl TimerLinks {
    /// The time that the timer of `slot` is set for; never if it has none.
    pub(crate) fn due_time(&self, slot: KeySlot) -> Timestamp {
        self.0
            .get(slot.index())
            .filter(|link| link.place != TimerPlace::Nowhere)
            .map_or(Timestamp::MAX, |link| link.due)
    }

    /// The time that the timer of `slot` was set for when it was last taken.
    pub(crate) fn popped_due_time(&self, slot: KeySlot) -> Timestamp {
        self.0
            .get(slot.index())
            .map_or(Timestamp::MIN, |link| link.due)
    }

    fn get(&mut self, slot: KeySlot) -> Option<&mut TimerLink> {
        self.0.get_mut(slot.index())
    }

    fn reserve_slot(&mut self, slot: KeySlot) {
        if self.0.len() <= slot.index() {
            let none = TimerLink {
                due: Timestamp::MAX,
                next: None,
                previous: None,
                place: TimerPlace::Nowhere,
            };
            self.0.resize(slot.index() + 1, none);
        }
    }
}

impl TimerWheel {
    /// Sets the timer of `slot`, which has none.
    pub(crate) fn set_timer(&mut self, links: &mut TimerLinks, slot: KeySlot, due: Timestamp) {
        links.reserve_slot(slot);
        self.link_timer(links, slot, due);
    }

    /// Cancels the timer of `slot`.
    pub(crate) fn cancel_timer(&mut self, links: &mut TimerLinks, slot: KeySlot) {
        let Some(link) = links.get(slot) else { return };
        let was = *link;
        link.place = TimerPlace::Nowhere;
        match was.place {
            TimerPlace::Nowhere => {}
            TimerPlace::Near => {
                self.near.remove(&(was.due, slot));
            }
            TimerPlace::Bucket { level, bucket } => {
                match was.previous.and_then(|previous| links.get(previous)) {
                    Some(previous) => previous.next = was.next,
                    None => self.set_bucket_head(level, bucket, was.next),
                }
                if let Some(next) = was.next.and_then(|next| links.get(next)) {
                    next.previous = was.previous;
                }
            }
        }
    }

    /// Takes the first timer, if it is set for a time before `time`.
    pub(crate) fn pop_before(
        &mut self,
        links: &mut TimerLinks,
        time: Timestamp,
    ) -> Option<KeySlot> {
        self.turn_to(links, time_to_tick(time));
        let (due, _) = *self.near.first()?;
        if due >= time {
            return None;
        }
        self.pop_near(links)
    }

    /// Takes the first timer of all.
    pub(crate) fn pop_first(&mut self, links: &mut TimerLinks) -> Option<KeySlot> {
        while self.near.is_empty() {
            let next = self.next_occupied_tick()?;
            self.turn_to(links, next);
        }
        self.pop_near(links)
    }

    fn pop_near(&mut self, links: &mut TimerLinks) -> Option<KeySlot> {
        let (_, slot) = self.near.pop_first()?;
        if let Some(link) = links.get(slot) {
            link.place = TimerPlace::Nowhere;
        }
        Some(slot)
    }

    fn link_timer(&mut self, links: &mut TimerLinks, slot: KeySlot, due: Timestamp) {
        let at = time_to_tick(due);
        if at <= self.now {
            self.near.insert((due, slot));
            if let Some(link) = links.get(slot) {
                *link = TimerLink {
                    due,
                    next: None,
                    previous: None,
                    place: TimerPlace::Near,
                };
            }
            return;
        }
        // The highest digit that differs from now chooses the level; lower digits matter only once
        // that bucket opens.
        let highest = u64::BITS - 1 - (at ^ self.now).leading_zeros();
        let level = (highest / LEVEL_BITS) as u8;
        let bucket = tick_digit(at, u32::from(level)) as u8;
        let head = self.bucket_head(level, bucket);
        self.set_bucket_head(level, bucket, Some(slot));
        if let Some(link) = links.get(slot) {
            *link = TimerLink {
                due,
                next: head,
                previous: None,
                place: TimerPlace::Bucket { level, bucket },
            };
        }
        if let Some(head) = head.and_then(|head| links.get(head)) {
            head.previous = Some(slot);
        }
    }

    /// Moves every timer of a tick up to `target` into `near`.
    fn turn_to(&mut self, links: &mut TimerLinks, target: u64) {
        while let Some(next) = self.next_occupied_tick().filter(|next| *next <= target) {
            self.now = next;
            // Empty higher levels first: their timers may belong into lower buckets that begin at
            // the same tick.
            for level in (0..LEVELS as u8).rev() {
                let bucket = tick_digit(next, u32::from(level)) as u8;
                let begins_here = next & ((1_u64 << (u32::from(level) * LEVEL_BITS)) - 1) == 0;
                if begins_here {
                    self.empty_bucket(links, level, bucket);
                }
            }
        }
        self.now = self.now.max(target);
    }

    fn empty_bucket(&mut self, links: &mut TimerLinks, level: u8, bucket: u8) {
        let occupied = self.levels.get(usize::from(level)).map(|it| it.occupied);
        if occupied.unwrap_or(0) & (1 << bucket) == 0 {
            return;
        }
        let mut next = self.bucket_head(level, bucket);
        self.set_bucket_head(level, bucket, None);
        while let Some(slot) = next {
            let Some(link) = links.get(slot) else { return };
            next = link.next;
            let due = link.due;
            self.link_timer(links, slot, due);
        }
    }

    /// The first tick of the next bucket that holds a timer.
    fn next_occupied_tick(&self) -> Option<u64> {
        for (level, buckets) in self.levels.iter().enumerate() {
            let shift = level as u32 * LEVEL_BITS;
            // Buckets before now are empty: their timers have moved down.
            let ahead = buckets.occupied & (u64::MAX << tick_digit(self.now, level as u32));
            if ahead != 0 {
                let bucket = u64::from(ahead.trailing_zeros());
                let above = self.now & (u64::MAX.checked_shl(shift + LEVEL_BITS).unwrap_or(0));
                return Some(above | (bucket << shift));
            }
        }
        None
    }

    fn bucket_head(&self, level: u8, bucket: u8) -> Option<KeySlot> {
        let level = self.levels.get(usize::from(level))?;
        *level.heads.as_ref()?.get(usize::from(bucket))?
    }

    fn set_bucket_head(&mut self, level: u8, bucket: u8, slot: Option<KeySlot>) {
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

/// The tick of a time, also before 1970.
fn time_to_tick(time: Timestamp) -> u64 {
    (time.as_nanos() as u64 ^ (1 << 63)) >> TICK_BITS
}

fn tick_digit(tick: u64, level: u32) -> u64 {
    (tick >> (level * LEVEL_BITS)) & (BUCKETS as u64 - 1)
}

#[cfg(test)]
mod tests;
