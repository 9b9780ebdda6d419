//! Numbered storage for keys.
//!
//! Owns the numbering. A key keeps its slot for as long as it lives, also across a checkpoint, and
//! the lowest free slot is given out first, so a restored window continues exactly like the one
//! that was written.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::key::KeyState;

/// The number of a key's place in [`KeySlots`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct KeySlot(NonZeroU32);

impl KeySlot {
    /// The slot with the least number.
    pub(crate) const FIRST: Self = Self(NonZeroU32::MIN);

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
    /// Every free slot.
    free: BinaryHeap<Reverse<KeySlot>>,
    live_count: usize,
    changed: ChangedSlots,
}

/// Slots whose keys have changed since they were last written.
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

    /// The key, which counts as changed from now on.
    pub(crate) fn get_mut(&mut self, slot: KeySlot) -> Option<&mut KeyState> {
        self.changed.mark_changed(slot);
        self.keys.get_mut(slot.index())?.as_mut()
    }

    /// Stores a key in the lowest free slot.
    pub(crate) fn insert(&mut self, key_state: KeyState) -> KeySlot {
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
            *place = Some(key_state);
        }
        slot
    }

    pub(crate) fn remove(&mut self, slot: KeySlot) -> Option<KeyState> {
        let key_state = self.keys.get_mut(slot.index())?.take()?;
        self.live_count -= 1;
        self.free.push(Reverse(slot));
        self.changed.mark_changed(slot);
        Some(key_state)
    }

    /// All keys with their slots, in the order of slots.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (KeySlot, &KeyState)> {
        let slots = self.keys.iter().enumerate();
        slots.filter_map(|(index, key_state)| {
            Some((KeySlot::from_index(index), key_state.as_ref()?))
        })
    }

    /// Takes the slots that have changed since the last call, in order.
    pub(crate) fn take_changed_slots(&mut self) -> Vec<KeySlot> {
        let mut slots = std::mem::take(&mut self.changed).slots;
        slots.sort_unstable();
        slots
    }

    /// Stores keys in the slots they had.
    pub(crate) fn restore(keys: BTreeMap<KeySlot, KeyState>) -> Self {
        let live = keys.len();
        let mut slots = Self {
            live_count: live,
            ..Self::default()
        };
        for (slot, key_state) in keys {
            while slots.keys.len() < slot.index() {
                slots.keys.push(None);
                let free = KeySlot::from_index(slots.keys.len() - 1);
                slots.free.push(Reverse(free));
            }
            slots.keys.push(Some(key_state));
        }
        slots
    }
}
