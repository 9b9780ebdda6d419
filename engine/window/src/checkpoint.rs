//! A window as bytes and back: all of it, or only what has changed.
//!
//! Owns the format. Where the bytes are stored, and how often they are written, is left to the
//! runtime.
//! Invariant: keys keep their slots and timers, so a restored window continues exactly like the one
//! that was written; states are checked against the rule, so damaged bytes are refused and never
//! panic later.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use larum_event::{Event, MatchValues, TenantId, Timestamp, Watermark, WindowSpec};
use serde::{Deserialize, Serialize};

use crate::condition::{ConditionState, WindowCondition};
use crate::error::WindowRestoreError;
use crate::event_ref::{EventOrder, EventRef};
use crate::key::{KeyState, OpenAlert, UnsettledState};
use crate::limits::WindowLimits;
use crate::slots::{KeySlot, KeySlots};
use crate::state::{StateOutput, WindowEvent};
use crate::tenant_keys::{KeyClock, TenantKeys};
use crate::window::RuleWindow;

/// Goes up whenever one of the types below changes.
const FORMAT: u8 = 3;

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
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct TenantKeysCheckpoint {
    /// Whether keys that are not listed were removed.
    is_complete: bool,
    clocks: BTreeMap<u32, Watermark>,
    /// `None` for a key that was removed.
    keys: BTreeMap<KeySlot, Option<KeyCheckpoint>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct KeyCheckpoint {
    clock: u32,
    key: Box<[u8]>,
    timer: Timestamp,
    settled: ConditionState,
    unsettled: Option<UnsettledCheckpoint>,
}

#[derive(Debug, Serialize, Deserialize)]
struct UnsettledCheckpoint {
    pending: Vec<EventCheckpoint>,
    open_alerts: VecDeque<OpenAlert>,
    forced_until: Option<EventOrder>,
}

#[derive(Debug, Serialize, Deserialize)]
struct EventCheckpoint {
    event_ref: EventRef,
    steps: u32,
    values: MatchValues,
    event: Option<String>,
}

impl RuleWindow {
    /// The whole state as bytes, for [`RuleWindow::restore`].
    pub fn checkpoint(&self) -> Vec<u8> {
        let tenants = self.tenants.iter().map(|(tenant, keys)| {
            let slots = keys.slots().iter().map(|(slot, _)| slot);
            (tenant.clone(), tenant_checkpoint(keys, slots, true))
        });
        self.encode_checkpoint(false, tenants.collect())
    }

    /// The whole state as bytes; [`RuleWindow::take_changes`] continues from here.
    pub fn take_checkpoint(&mut self) -> Vec<u8> {
        for keys in self.tenants.values_mut() {
            drop(keys.take_changed_slots());
        }
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
            if changed.is_empty() && !whole {
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
        self.encode_checkpoint(true, tenants)
    }

    fn encode_checkpoint(
        &self,
        is_change: bool,
        tenants: BTreeMap<TenantId, TenantKeysCheckpoint>,
    ) -> Vec<u8> {
        let written = WindowCheckpoint {
            spec: self.spec.clone(),
            counts: (self.evicted_keys, self.evicted_events, self.late),
            is_change,
            tenants,
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
    for (tenant, changed) in change.tenants {
        let tenant_state = state.tenants.entry(tenant).or_default();
        if changed.is_complete {
            tenant_state.keys.clear();
        }
        tenant_state.clocks = changed.clocks;
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
    let clocks = keys.clocks.iter();
    TenantKeysCheckpoint {
        is_complete: is_whole,
        clocks: clocks
            .map(|(number, clock)| (*number, clock.watermark))
            .collect(),
        keys: slots
            .map(|slot| {
                let key_state = keys.slots().get(slot);
                (
                    slot,
                    key_state.map(|key_state| key_checkpoint(key_state, keys.timer_due_time(slot))),
                )
            })
            .collect(),
    }
}

fn key_checkpoint(key_state: &KeyState, timer: Timestamp) -> KeyCheckpoint {
    let unsettled = key_state
        .unsettled
        .as_ref()
        .map(|unsettled| UnsettledCheckpoint {
            pending: unsettled.pending.iter().map(event_checkpoint).collect(),
            open_alerts: unsettled.open_alerts.clone(),
            forced_until: unsettled.forced_until,
        });
    KeyCheckpoint {
        clock: key_state.clock,
        key: key_state.key.clone(),
        timer,
        settled: key_state.settled.clone(),
        unsettled,
    }
}

fn event_checkpoint(event: &WindowEvent) -> EventCheckpoint {
    EventCheckpoint {
        event_ref: event.event_ref.clone(),
        steps: event.steps,
        values: event.values.clone(),
        event: event.event.as_ref().map(|event| event.json().to_owned()),
    }
}

fn restore_keys(
    written: TenantKeysCheckpoint,
    condition: &mut WindowCondition,
) -> Result<TenantKeys, WindowRestoreError> {
    let clocks: BTreeMap<u32, KeyClock> = written
        .clocks
        .into_iter()
        .map(|(number, watermark)| (number, KeyClock::new(watermark)))
        .collect();
    let mut keys = BTreeMap::new();
    let mut timers = Vec::new();
    for (slot, key) in written.keys {
        let Some(key) = key else { continue };
        if slot.index() >= SLOTS_MOST {
            return Err(damaged_error("a key has a slot beyond all limits"));
        }
        timers.push((slot, key.timer));
        keys.insert(slot, restore_key(key, condition)?);
    }
    TenantKeys::restore(KeySlots::restore(keys), &timers, clocks).ok_or(damaged_error(
        "a key occurs twice or runs on a clock that is not there",
    ))
}

fn restore_key(
    key: KeyCheckpoint,
    condition: &mut WindowCondition,
) -> Result<KeyState, WindowRestoreError> {
    if !key.settled.is_sound(&condition.kind) {
        return Err(damaged_error("a key has a state that its rule cannot have"));
    }
    let unsettled = key.unsettled.map(|unsettled| {
        let restored = unsettled.pending.into_iter().map(restore_event);
        let pending: VecDeque<WindowEvent> = restored
            .collect::<Option<_>>()
            .ok_or(damaged_error("an event does not read back"))?;
        if !pending
            .iter()
            .is_sorted_by_key(|event| event.event_ref.order)
        {
            return Err(damaged_error("events are out of order"));
        }
        let mut ahead = None;
        if condition.fires_early() && !pending.is_empty() {
            // The ahead state is not written; rebuild it from the settled one. Its reports were
            // emitted before.
            let mut state = key.settled.clone();
            let mut output = StateOutput::default();
            for event in &pending {
                state.take_event(event, &mut condition.kind, &mut output);
            }
            ahead = Some(state);
        }
        Ok(Box::new(UnsettledState {
            pending,
            ahead,
            spare: None,
            open_alerts: unsettled.open_alerts,
            forced_until: unsettled.forced_until,
        }))
    });
    Ok(KeyState {
        key: key.key,
        clock: key.clock,
        settled: key.settled,
        unsettled: unsettled.transpose()?,
    })
}

fn restore_event(written: EventCheckpoint) -> Option<WindowEvent> {
    let event = match written.event {
        Some(text) => Some(Event::from_canonical(&text).ok()?),
        None => None,
    };
    Some(WindowEvent {
        event_ref: written.event_ref,
        steps: written.steps,
        values: written.values,
        event,
    })
}
