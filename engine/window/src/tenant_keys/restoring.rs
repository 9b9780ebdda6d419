//! Keys that come from a checkpoint, or from another shard.
//!
//! Owns how the indexes over the keys are built again. What the keys hold belongs to `key`.
//! Invariant: a restored tenant has the slots, timers and blocked keys that were written, so it
//! continues exactly like the one that was.

use std::hash::BuildHasher;

use larum_event::Timestamp;

use super::{TenantKeys, WindowContext};
use crate::key::{KeyMarks, KeyState};
use crate::slots::{KeySlot, KeySlots};
use crate::sources::TenantTime;

impl TenantKeys {
    /// Restores the keys of a checkpoint in the slots and with the timers they had; `None` if they
    /// do not fit together.
    pub(crate) fn restore(
        slots: KeySlots,
        timers: &[(KeySlot, Timestamp)],
        time: TenantTime,
    ) -> Option<Self> {
        let mut keys = Self::new(time);
        for (slot, key_state) in slots.iter() {
            let hash = keys.hasher.hash_one(&*key_state.key);
            let same = |other: &KeySlot| {
                let other = slots.get(*other);
                other.is_some_and(|other| other.key == key_state.key)
            };
            if keys.index.find(hash, same).is_some() {
                return None;
            }
            let hasher = &keys.hasher;
            keys.index.insert_unique(hash, slot, |slot| {
                hasher.hash_one(slots.get(*slot).map_or(&[][..], |key_state| &key_state.key))
            });
            keys.index_rows(slot, key_state);
        }
        for (slot, due) in timers {
            slots.get(*slot)?;
            // A timer that is set twice would leave a dangling link in the wheel.
            if keys.links.due_time(*slot) != Timestamp::MAX {
                return None;
            }
            keys.wheel.set_timer(&mut keys.links, *slot, *due);
        }
        keys.slots = slots;
        Some(keys)
    }

    fn index_rows(&mut self, slot: KeySlot, key_state: &KeyState) {
        self.update_indexes(slot, KeyMarks::default(), key_state.marks());
        self.index_alert_rows(key_state);
    }

    fn index_alert_rows(&mut self, key_state: &KeyState) {
        let places = key_state
            .alert_rows()
            .map(|(alert, order)| (alert, (key_state.key.clone(), order)));
        self.alert_rows.extend(places);
    }

    /// Adds a key with its state, as taken from another shard.
    pub(crate) fn adopt_key(&mut self, key_state: KeyState, context: &WindowContext<'_>) {
        let marks = key_state.marks();
        self.index_alert_rows(&key_state);
        let slot = self.insert(key_state);
        self.update_indexes(slot, KeyMarks::default(), marks);
        self.move_timer_forward(slot, context);
    }

    /// Takes all keys out, in the order of slots.
    pub(crate) fn into_keys(mut self) -> Vec<KeyState> {
        let slots: Vec<KeySlot> = self.slots.iter().map(|(slot, _)| slot).collect();
        slots
            .into_iter()
            .filter_map(|slot| self.slots.remove(slot))
            .collect()
    }
}
