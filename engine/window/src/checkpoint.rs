//! A window as bytes and back: all of it, or what has changed.
//!
//! Keys keep their slots and timers, so a window that was restored goes on exactly as the one that was written.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use larum_event::{Event, MatchValues, TenantId, Timestamp, Watermark, WindowSpec};
use serde::{Deserialize, Serialize};

use crate::condition::{ConditionState, WindowCondition};
use crate::error::WindowRestoreError;
use crate::event_ref::{EventOrder, EventRef};
use crate::key::{KeyState, OpenAlert, UnsettledState};
use crate::slots::{KeySlot, KeySlots};
use crate::state::{StateOutput, WindowEvent};
use crate::tenant_keys::{KeyClock, TenantKeys};
use crate::window::{RuleWindow, WindowLimits};

/// Goes up whenever what follows changes.
const FORMAT: u8 = 3;

/// Most slots that lie free between keys: more than any window ever has.
const SLOTS_MOST: usize = 1 << 28;

#[derive(Debug, Serialize, Deserialize)]
struct WindowCheckpoint {
    spec: WindowSpec,
    /// Evicted keys and events, late matches.
    counts: (u64, u64, u64),
    /// Whether what is not here is as it was before.
    is_change: bool,
    tenants: BTreeMap<TenantId, TenantKeysCheckpoint>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct TenantKeysCheckpoint {
    /// Whether keys that are not here are gone.
    is_complete: bool,
    clocks: BTreeMap<u32, Watermark>,
    /// `None` for a key that is gone.
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
    held: EventRef,
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

    /// The whole state as bytes; [`RuleWindow::take_changes`] goes on from here.
    pub fn take_checkpoint(&mut self) -> Vec<u8> {
        for keys in self.tenants.values_mut() {
            drop(keys.take_changed_slots());
        }
        self.removed_tenants = Some(BTreeSet::new());
        self.checkpoint()
    }

    /// What has changed since the last [`RuleWindow::take_checkpoint`] or [`RuleWindow::take_changes`]. Its size follows
    /// the keys that did, not those that there are.
    pub fn take_changes(&mut self) -> Vec<u8> {
        let gone = self
            .removed_tenants
            .replace(BTreeSet::new())
            .unwrap_or_default();
        let gone = gone.into_iter();
        let none = || TenantKeysCheckpoint {
            is_complete: true,
            ..TenantKeysCheckpoint::default()
        };
        let mut tenants: BTreeMap<TenantId, TenantKeysCheckpoint> =
            gone.map(|tenant| (tenant, none())).collect();
        for (tenant, keys) in &mut self.tenants {
            let changed = keys.take_changed_slots();
            // A tenant that went and came back begins anew: all it has is new, and an old key may be gone.
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

    /// The window that [`RuleWindow::checkpoint`] wrote, with all `changes` since, in order; now of the rule with number
    /// `rule` and within `limits`.
    ///
    /// # Errors
    /// The bytes are of another format, do not decode, or fit no window.
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
    let (found, body) = bytes.split_first().ok_or(damaged_error("it is empty"))?;
    if *found != FORMAT {
        return Err(WindowRestoreError::Format {
            found: *found,
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
        let held = state.tenants.entry(tenant).or_default();
        if changed.is_complete {
            held.keys.clear();
        }
        held.clocks = changed.clocks;
        held.keys.extend(changed.keys);
        held.keys.retain(|_, key| key.is_some());
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
                let keyed = keys.slots().get(slot);
                (
                    slot,
                    keyed.map(|keyed| key_checkpoint(keyed, keys.timer_due_time(slot))),
                )
            })
            .collect(),
    }
}

fn key_checkpoint(keyed: &KeyState, timer: Timestamp) -> KeyCheckpoint {
    let unsettled = keyed
        .unsettled
        .as_ref()
        .map(|unsettled| UnsettledCheckpoint {
            pending: unsettled.pending.iter().map(event_checkpoint).collect(),
            open_alerts: unsettled.open_alerts.clone(),
            forced_until: unsettled.forced_until,
        });
    KeyCheckpoint {
        clock: keyed.clock,
        key: keyed.key.clone(),
        timer,
        settled: keyed.settled.clone(),
        unsettled,
    }
}

fn event_checkpoint(taken: &WindowEvent) -> EventCheckpoint {
    EventCheckpoint {
        held: taken.held.clone(),
        steps: taken.steps,
        values: taken.values.clone(),
        event: taken.event.as_ref().map(|event| event.json().to_owned()),
    }
}

fn restore_keys(
    written: TenantKeysCheckpoint,
    condition: &mut WindowCondition,
) -> Result<TenantKeys, WindowRestoreError> {
    let clocks = written.clocks.into_iter();
    let clocks: BTreeMap<u32, KeyClock> = clocks
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
        let pending: Option<_> = unsettled.pending.into_iter().map(restore_event).collect();
        let pending: VecDeque<WindowEvent> =
            pending.ok_or(damaged_error("an event does not read back"))?;
        if !pending.iter().is_sorted_by_key(|taken| taken.held.order) {
            return Err(damaged_error("events are out of order"));
        }
        let mut ahead = None;
        if condition.fires_early() && !pending.is_empty() {
            let mut state = key.settled.clone();
            let mut told = StateOutput::default();
            for event in &pending {
                state.advance_to(event.time(), &mut condition.kind, &mut told);
                state.apply_event(event, &mut condition.kind, &mut told);
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
        held: written.held,
        steps: written.steps,
        values: written.values,
        event,
    })
}
