//! Where keys are stored.
//!
//! Owns the numbering: a key keeps its slot for as long as it lives, also over a checkpoint, so that a window that was restored goes on exactly as the one that was written: the lowest free slot is given out first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::key::KeyState;

/// Where a key is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct KeySlot(NonZeroU32);

impl KeySlot {
    /// The slot at an index; there are fewer than 2^32 of them.
    pub(crate) fn from_index(index: usize) -> Self {
        let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
        Self(NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN))
    }

    pub(crate) fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// Keys by slot.
#[derive(Debug, Default)]
pub(crate) struct KeySlots {
    keys: Vec<Option<KeyState>>,
    /// Every free slot among them.
    free: BinaryHeap<Reverse<KeySlot>>,
    live_count: usize,
    changed: ChangedSlots,
}

/// Slots whose keys are not as they were when they were last written.
#[derive(Debug, Default)]
struct ChangedSlots {
    bits: Vec<u64>,
    slots: Vec<KeySlot>,
}

impl ChangedSlots {
    fn mark_changed(&mut self, slot: KeySlot) {
        let (word, bit) = (slot.index() / 64, 1_u64 << (slot.index() % 64));
        if self.bits.len() <= word {
            self.bits.resize(word + 1, 0);
        }
        if let Some(word) = self.bits.get_mut(word)
            && *word & bit == 0
        {
            *word |= bit;
            self.slots.push(slot);
        }
    }
}

impl KeySlots {
    /// Live keys.
    pub(crate) fn len(&self) -> usize {
        self.live_count
    }

    pub(crate) fn get(&self, slot: KeySlot) -> Option<&KeyState> {
        self.keys.get(slot.index())?.as_ref()
    }

    /// The key, about to be changed.
    pub(crate) fn get_mut(&mut self, slot: KeySlot) -> Option<&mut KeyState> {
        self.changed.mark_changed(slot);
        self.keys.get_mut(slot.index())?.as_mut()
    }

    /// Stores a key.
    pub(crate) fn insert(&mut self, keyed: KeyState) -> KeySlot {
        let slot = match self.free.pop() {
            Some(Reverse(slot)) => slot,
            None => {
                self.keys.push(None);
                KeySlot::from_index(self.keys.len() - 1)
            }
        };
        self.live_count += 1;
        self.changed.mark_changed(slot);
        if let Some(place) = self.keys.get_mut(slot.index()) {
            *place = Some(keyed);
        }
        slot
    }

    pub(crate) fn remove(&mut self, slot: KeySlot) -> Option<KeyState> {
        let keyed = self.keys.get_mut(slot.index())?.take()?;
        self.live_count -= 1;
        self.free.push(Reverse(slot));
        self.changed.mark_changed(slot);
        Some(keyed)
    }

    /// All keys with their slots, in the order of slots.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (KeySlot, &KeyState)> {
        let slots = self.keys.iter().enumerate();
        slots.filter_map(|(index, keyed)| Some((KeySlot::from_index(index), keyed.as_ref()?)))
    }

    /// The slots that were changed since this was last asked, in order.
    pub(crate) fn take_changed_slots(&mut self) -> Vec<KeySlot> {
        let mut slots = std::mem::take(&mut self.changed).slots;
        slots.sort_unstable();
        slots
    }

    /// Keys in the slots that they had.
    pub(crate) fn restore(keys: BTreeMap<KeySlot, KeyState>) -> Self {
        let live = keys.len();
        let mut slots = Self {
            live_count: live,
            ..Self::default()
        };
        for (slot, keyed) in keys {
            while slots.keys.len() < slot.index() {
                slots.keys.push(None);
                let free = KeySlot::from_index(slots.keys.len() - 1);
                slots.free.push(Reverse(free));
            }
            slots.keys.push(Some(keyed));
        }
        slots
    }
}
