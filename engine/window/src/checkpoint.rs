//! A window as bytes and back: all of it, or what has changed.
//!
//! Keys keep their slots and timers, so a window that was restored goes on exactly as the one that was written.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use larum_event::{Event, TenantId, Timestamp, Values, Watermark, WindowSpec};
use serde::{Deserialize, Serialize};

use crate::condition::{Condition, State};
use crate::error::RestoreError;
use crate::held::{Held, Order};
use crate::key::{Keyed, Standing, Unsettled};
use crate::keys::{Clock, TenantKeys};
use crate::slots::{Slot, Slots};
use crate::state::{Taken, Told};
use crate::window::{Window, WindowLimits};

/// Goes up whenever what follows changes.
const FORMAT: u8 = 3;

/// Most slots that lie free between keys: more than any window ever has.
const SLOTS_MOST: usize = 1 << 28;

#[derive(Debug, Serialize, Deserialize)]
struct Written {
    spec: WindowSpec,
    /// Evicted keys and events, late matches.
    counts: (u64, u64, u64),
    /// Whether what is not here is as it was before.
    is_change: bool,
    tenants: BTreeMap<TenantId, WrittenTenant>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct WrittenTenant {
    /// Whether keys that are not here are gone.
    is_whole: bool,
    clocks: BTreeMap<u32, Watermark>,
    /// `None` for a key that is gone.
    keys: BTreeMap<Slot, Option<WrittenKey>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct WrittenKey {
    clock: u32,
    key: Box<[u8]>,
    timer: Timestamp,
    settled: State,
    unsettled: Option<WrittenUnsettled>,
}

#[derive(Debug, Serialize, Deserialize)]
struct WrittenUnsettled {
    pending: Vec<WrittenTaken>,
    said: VecDeque<Standing>,
    forced: Option<Order>,
}

#[derive(Debug, Serialize, Deserialize)]
struct WrittenTaken {
    held: Held,
    steps: u32,
    values: Values,
    event: Option<String>,
}

impl Window {
    /// The whole state as bytes, for [`Window::restore`].
    pub fn checkpoint(&self) -> Vec<u8> {
        let tenants = self.tenants.iter().map(|(tenant, keys)| {
            let slots = keys.slots().all().map(|(slot, _)| slot);
            (tenant.clone(), written_tenant(keys, slots, true))
        });
        self.written(false, tenants.collect())
    }

    /// The whole state as bytes; [`Window::take_changes`] goes on from here.
    pub fn take_checkpoint(&mut self) -> Vec<u8> {
        for keys in self.tenants.values_mut() {
            drop(keys.take_changed());
        }
        self.gone = Some(BTreeSet::new());
        self.checkpoint()
    }

    /// What has changed since the last [`Window::take_checkpoint`] or [`Window::take_changes`]. Its size follows
    /// the keys that did, not those that there are.
    pub fn take_changes(&mut self) -> Vec<u8> {
        let gone = self.gone.replace(BTreeSet::new()).unwrap_or_default();
        let gone = gone.into_iter();
        let none = || WrittenTenant {
            is_whole: true,
            ..WrittenTenant::default()
        };
        let mut tenants: BTreeMap<TenantId, WrittenTenant> =
            gone.map(|tenant| (tenant, none())).collect();
        for (tenant, keys) in &mut self.tenants {
            let changed = keys.take_changed();
            // A tenant that went and came back begins anew: all it has is new, and an old key may be gone.
            let whole = tenants.contains_key(tenant);
            if changed.is_empty() && !whole {
                continue;
            }
            let slots: Vec<Slot> = if whole {
                keys.slots().all().map(|(slot, _)| slot).collect()
            } else {
                changed
            };
            let written = written_tenant(keys, slots.into_iter(), whole);
            tenants.insert(tenant.clone(), written);
        }
        self.written(true, tenants)
    }

    fn written(&self, is_change: bool, tenants: BTreeMap<TenantId, WrittenTenant>) -> Vec<u8> {
        let written = Written {
            spec: self.spec.clone(),
            counts: (self.evicted_keys, self.evicted_events, self.late),
            is_change,
            tenants,
        };
        postcard::to_extend(&written, vec![FORMAT])
            .expect("a vector takes any number of bytes and the state has no unserialisable part")
    }

    /// The window that [`Window::checkpoint`] wrote, with all `changes` since, in order; now of the rule with number
    /// `rule` and within `limits`.
    ///
    /// # Errors
    /// The bytes are of another format, do not decode, or fit no window.
    pub fn restore(
        bytes: &[u8],
        changes: &[&[u8]],
        rule: u32,
        limits: WindowLimits,
    ) -> Result<Self, RestoreError> {
        let mut state = read(bytes)?;
        if state.is_change {
            return Err(damaged("a change comes without what was changed"));
        }
        for change in changes {
            apply(&mut state, read(change)?)?;
        }
        let mut window = Self::new(rule, state.spec, limits);
        window.gone = Some(BTreeSet::new());
        (window.evicted_keys, window.evicted_events, window.late) = state.counts;
        let Some(condition) = &mut window.condition else {
            return Ok(window);
        };
        for (tenant, written) in state.tenants {
            let keys = restored_keys(written, condition)?;
            if keys.len() > 0 {
                window.tenants.insert(tenant, keys);
            }
        }
        Ok(window)
    }
}

fn damaged(what: &'static str) -> RestoreError {
    RestoreError::Damaged { what }
}

fn read(bytes: &[u8]) -> Result<Written, RestoreError> {
    let (found, body) = bytes.split_first().ok_or(damaged("it is empty"))?;
    if *found != FORMAT {
        return Err(RestoreError::Format {
            found: *found,
            known: FORMAT,
        });
    }
    let (read, rest) = postcard::take_from_bytes::<Written>(body)?;
    if !rest.is_empty() {
        return Err(damaged("bytes are left over"));
    }
    Ok(read)
}

fn apply(state: &mut Written, change: Written) -> Result<(), RestoreError> {
    if !change.is_change || change.spec != state.spec {
        return Err(damaged("a change is of another window"));
    }
    state.counts = change.counts;
    for (tenant, changed) in change.tenants {
        let held = state.tenants.entry(tenant).or_default();
        if changed.is_whole {
            held.keys.clear();
        }
        held.clocks = changed.clocks;
        held.keys.extend(changed.keys);
        held.keys.retain(|_, key| key.is_some());
    }
    Ok(())
}

fn written_tenant(
    keys: &TenantKeys,
    slots: impl Iterator<Item = Slot>,
    is_whole: bool,
) -> WrittenTenant {
    let clocks = keys.clocks.iter();
    WrittenTenant {
        is_whole,
        clocks: clocks
            .map(|(number, clock)| (*number, clock.watermark))
            .collect(),
        keys: slots
            .map(|slot| {
                let keyed = keys.slots().get(slot);
                (
                    slot,
                    keyed.map(|keyed| written_key(keyed, keys.timer(slot))),
                )
            })
            .collect(),
    }
}

fn written_key(keyed: &Keyed, timer: Timestamp) -> WrittenKey {
    let unsettled = keyed.unsettled.as_ref().map(|unsettled| WrittenUnsettled {
        pending: unsettled.pending.iter().map(written_taken).collect(),
        said: unsettled.said.clone(),
        forced: unsettled.forced,
    });
    WrittenKey {
        clock: keyed.clock,
        key: keyed.key.clone(),
        timer,
        settled: keyed.settled.clone(),
        unsettled,
    }
}

fn written_taken(taken: &Taken) -> WrittenTaken {
    WrittenTaken {
        held: taken.held.clone(),
        steps: taken.steps,
        values: taken.values.clone(),
        event: taken.event.as_ref().map(|event| event.json().to_owned()),
    }
}

fn restored_keys(
    written: WrittenTenant,
    condition: &mut Condition,
) -> Result<TenantKeys, RestoreError> {
    let clocks = written.clocks.into_iter();
    let clocks: BTreeMap<u32, Clock> = clocks
        .map(|(number, watermark)| (number, Clock::at(watermark)))
        .collect();
    let mut keys = BTreeMap::new();
    let mut timers = Vec::new();
    for (slot, key) in written.keys {
        let Some(key) = key else { continue };
        if slot.index() >= SLOTS_MOST {
            return Err(damaged("a key has a slot beyond all limits"));
        }
        timers.push((slot, key.timer));
        keys.insert(slot, restored_key(key, condition)?);
    }
    TenantKeys::restored(Slots::restored(keys), &timers, clocks).ok_or(damaged(
        "a key occurs twice or runs on a clock that is not there",
    ))
}

fn restored_key(key: WrittenKey, condition: &mut Condition) -> Result<Keyed, RestoreError> {
    if !key.settled.is_sound(&condition.kind) {
        return Err(damaged("a key has a state that its rule cannot have"));
    }
    let unsettled = key.unsettled.map(|unsettled| {
        let pending: Option<_> = unsettled.pending.into_iter().map(taken).collect();
        let pending: VecDeque<Taken> = pending.ok_or(damaged("an event does not read back"))?;
        if !pending.iter().is_sorted_by_key(|taken| taken.held.order) {
            return Err(damaged("events are out of order"));
        }
        let mut ahead = None;
        if condition.fires_early() && !pending.is_empty() {
            let mut state = key.settled.clone();
            let mut told = Told::default();
            for event in &pending {
                state.pass(event.time(), &mut condition.kind, &mut told);
                state.take(event, &mut condition.kind, &mut told);
            }
            ahead = Some(state);
        }
        Ok(Box::new(Unsettled {
            pending,
            ahead,
            spare: None,
            said: unsettled.said,
            forced: unsettled.forced,
        }))
    });
    Ok(Keyed {
        key: key.key,
        clock: key.clock,
        settled: key.settled,
        unsettled: unsettled.transpose()?,
    })
}

fn taken(written: WrittenTaken) -> Option<Taken> {
    let event = match written.event {
        Some(text) => Some(Event::from_canonical(&text).ok()?),
        None => None,
    };
    Some(Taken {
        held: written.held,
        steps: written.steps,
        values: written.values,
        event,
    })
}
