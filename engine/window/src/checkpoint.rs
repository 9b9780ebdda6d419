//! A window as bytes and back: all of it, or only what has changed.
//!
//! Owns the format. Where the bytes are stored, and how often they are written, is left to the
//! runtime.
//! Invariant: keys keep their slots and timers, so a restored window continues exactly like the one
//! that was written; states are checked against the rule, so damaged bytes are refused and never
//! panic later.

use std::collections::{BTreeMap, BTreeSet};

use larum_event::{TenantId, Timestamp, WindowSpec};
use serde::{Deserialize, Serialize};

use crate::condition::WindowCondition;
use crate::error::WindowRestoreError;
use crate::key::KeyState;
use crate::limits::WindowLimits;
use crate::single::WrittenAnswers;
use crate::slots::{KeySlot, KeySlots};
use crate::sources::TenantTime;
use crate::tenant_keys::TenantKeys;
use crate::window::RuleWindow;

/// Goes up whenever one of the types below changes.
const FORMAT: u8 = 6;

/// Upper bound of slot numbers, more than any window has: damaged bytes must not allocate without
/// limit.
const SLOTS_MOST: usize = 1 << 28;

#[derive(Debug, Serialize, Deserialize)]
struct WindowCheckpoint {
    spec: WindowSpec,
    /// Evicted keys, evicted events and late matches.
    counts: (u64, u64, u64),
    /// Whether tenants that are not listed are unchanged.
    is_change: bool,
    tenants: BTreeMap<TenantId, TenantKeysCheckpoint>,
    /// What a rule without a window has said of alerts.
    answered: WrittenAnswers,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct TenantKeysCheckpoint {
    /// Whether keys that are not listed were removed.
    is_complete: bool,
    time: TenantTime,
    /// `None` for a key that was removed. A key is bytes of its own, so that a change of one need
    /// not read the others.
    keys: BTreeMap<KeySlot, Option<KeyCheckpoint>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct KeyCheckpoint {
    timer: Timestamp,
    /// A [`KeyState`].
    state: Vec<u8>,
}

impl RuleWindow {
    /// The whole state as bytes, for [`RuleWindow::restore`].
    pub fn checkpoint(&self) -> Vec<u8> {
        let tenants = self.tenants.iter().map(|(tenant, keys)| {
            let slots = keys.slots().iter().map(|(slot, _)| slot);
            (tenant.clone(), tenant_checkpoint(keys, slots, true))
        });
        self.encode_checkpoint(false, tenants.collect(), self.answered.write_all())
    }

    /// The whole state as bytes; [`RuleWindow::take_changes`] continues from here.
    pub fn take_checkpoint(&mut self) -> Vec<u8> {
        for keys in self.tenants.values_mut() {
            drop(keys.take_changed_slots());
            keys.take_time_changed();
        }
        self.answered.take_changes();
        self.removed_tenants = Some(BTreeSet::new());
        self.checkpoint()
    }

    /// What has changed since the last [`RuleWindow::take_checkpoint`] or
    /// [`RuleWindow::take_changes`]. Its size depends on the number of changed keys, not of all
    /// keys.
    pub fn take_changes(&mut self) -> Vec<u8> {
        let removed = self
            .removed_tenants
            .replace(BTreeSet::new())
            .unwrap_or_default();
        let none = || TenantKeysCheckpoint {
            is_complete: true,
            ..TenantKeysCheckpoint::default()
        };
        let mut tenants: BTreeMap<TenantId, TenantKeysCheckpoint> =
            removed.into_iter().map(|tenant| (tenant, none())).collect();
        for (tenant, keys) in &mut self.tenants {
            let changed = keys.take_changed_slots();
            // A tenant that was removed and came back is written in full: its old keys must not
            // survive.
            let whole = tenants.contains_key(tenant);
            let is_time_changed = keys.take_time_changed();
            if changed.is_empty() && !is_time_changed && !whole {
                continue;
            }
            let slots: Vec<KeySlot> = if whole {
                keys.slots().iter().map(|(slot, _)| slot).collect()
            } else {
                changed
            };
            let written = tenant_checkpoint(keys, slots.into_iter(), whole);
            tenants.insert(tenant.clone(), written);
        }
        let answered = self.answered.take_changes();
        self.encode_checkpoint(true, tenants, answered)
    }

    fn encode_checkpoint(
        &self,
        is_change: bool,
        tenants: BTreeMap<TenantId, TenantKeysCheckpoint>,
        answered: WrittenAnswers,
    ) -> Vec<u8> {
        let written = WindowCheckpoint {
            spec: self.spec.clone(),
            counts: (self.evicted_keys, self.evicted_events, self.late),
            is_change,
            tenants,
            answered,
        };
        postcard::to_extend(&written, vec![FORMAT])
            .expect("a vector takes any number of bytes and the state has no unserialisable part")
    }

    /// Restores the window that [`RuleWindow::checkpoint`] wrote and applies all `changes` since,
    /// in order. It becomes the window of the rule with number `rule`, within `limits`.
    ///
    /// # Errors
    /// The bytes have another format, do not decode, or describe an impossible window.
    pub fn restore(
        bytes: &[u8],
        changes: &[&[u8]],
        rule: u32,
        limits: WindowLimits,
    ) -> Result<Self, WindowRestoreError> {
        let mut state = decode_checkpoint(bytes)?;
        if state.is_change {
            return Err(damaged_error("a change comes without what was changed"));
        }
        for change in changes {
            apply_changes(&mut state, decode_checkpoint(change)?)?;
        }
        let mut window = Self::new(rule, state.spec, limits);
        window.removed_tenants = Some(BTreeSet::new());
        (window.evicted_keys, window.evicted_events, window.late) = state.counts;
        // Drops what says that it has changed: only what changes from here on is written again.
        window.answered.restore(state.answered);
        window.answered.take_changes();
        let Some(condition) = &mut window.condition else {
            return Ok(window);
        };
        for (tenant, written) in state.tenants {
            let keys = restore_keys(written, condition)?;
            if keys.len() > 0 {
                window.tenants.insert(tenant, keys);
            }
        }
        Ok(window)
    }
}

fn damaged_error(what: &'static str) -> WindowRestoreError {
    WindowRestoreError::Damaged { what }
}

fn decode_checkpoint(bytes: &[u8]) -> Result<WindowCheckpoint, WindowRestoreError> {
    let (format, body) = bytes.split_first().ok_or(damaged_error("it is empty"))?;
    if *format != FORMAT {
        return Err(WindowRestoreError::Format {
            found: *format,
            known: FORMAT,
        });
    }
    let (read, rest) = postcard::take_from_bytes::<WindowCheckpoint>(body)?;
    if !rest.is_empty() {
        return Err(damaged_error("bytes are left over"));
    }
    Ok(read)
}

fn apply_changes(
    state: &mut WindowCheckpoint,
    change: WindowCheckpoint,
) -> Result<(), WindowRestoreError> {
    if !change.is_change || change.spec != state.spec {
        return Err(damaged_error("a change is of another window"));
    }
    state.counts = change.counts;
    state.answered.extend(change.answered);
    state.answered.retain(|_, answered| answered.is_some());
    for (tenant, changed) in change.tenants {
        let tenant_state = state.tenants.entry(tenant).or_default();
        if changed.is_complete {
            tenant_state.keys.clear();
        }
        tenant_state.time = changed.time;
        tenant_state.keys.extend(changed.keys);
        tenant_state.keys.retain(|_, key| key.is_some());
    }
    Ok(())
}

fn tenant_checkpoint(
    keys: &TenantKeys,
    slots: impl Iterator<Item = KeySlot>,
    is_whole: bool,
) -> TenantKeysCheckpoint {
    TenantKeysCheckpoint {
        is_complete: is_whole,
        time: keys.time.clone(),
        keys: slots
            .map(|slot| {
                let key_state = keys.slots().get(slot);
                let written = key_state.map(|key_state| KeyCheckpoint {
                    timer: keys.timer_due_time(slot),
                    state: postcard::to_stdvec(key_state)
                        .expect("a vector takes any number of bytes"),
                });
                (slot, written)
            })
            .collect(),
    }
}

fn restore_keys(
    written: TenantKeysCheckpoint,
    condition: &WindowCondition,
) -> Result<TenantKeys, WindowRestoreError> {
    let mut keys = BTreeMap::new();
    let mut timers = Vec::new();
    for (slot, key) in written.keys {
        let Some(key) = key else { continue };
        if slot.index() >= SLOTS_MOST {
            return Err(damaged_error("a key has a slot beyond all limits"));
        }
        let state: KeyState = postcard::from_bytes(&key.state)?;
        if !state.is_sound(condition) {
            return Err(damaged_error("a key has a state that its rule cannot have"));
        }
        timers.push((slot, key.timer));
        keys.insert(slot, state);
    }
    TenantKeys::restore(KeySlots::restore(keys), &timers, written.time)
        .ok_or(damaged_error("a key occurs twice"))
}
