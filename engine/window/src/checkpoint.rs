//! A window as bytes and back.
//!
//! Canonical: equal states write equal bytes, whatever order their slots are in and whatever expired
//! events have not been swept yet. Keys are written in the order in
//! which they were last added to, which is state too: it decides who goes first.

use larum_event::{GroupKey, TenantId, Timestamp, WindowSpec};
use serde::{Deserialize, Serialize};

use crate::error::RestoreError;
use crate::held::{Held, HeldEvents};
use crate::key::{Counting, Keyed, Standing};
use crate::keys::{Clock, TenantKeys};
use crate::window::{Window, WindowLimits};

/// Goes up whenever what follows changes.
const FORMAT: u8 = 1;

#[derive(Serialize)]
struct Written<'a> {
    spec: &'a WindowSpec,
    limits: (u64, u64),
    evicted: (u64, u64),
    tenants: Vec<WrittenTenant<'a>>,
}

#[derive(Serialize)]
struct WrittenTenant<'a> {
    tenant: &'a TenantId,
    clocks: Vec<(u32, Timestamp)>,
    keys: Vec<WrittenKey<'a>>,
}

#[derive(Serialize)]
struct WrittenKey<'a> {
    clock: u32,
    key: &'a GroupKey,
    events: Vec<&'a Held>,
    standing: &'a Standing,
}

#[derive(Deserialize)]
struct Read {
    spec: WindowSpec,
    limits: (u64, u64),
    evicted: (u64, u64),
    tenants: Vec<ReadTenant>,
}

#[derive(Deserialize)]
struct ReadTenant {
    tenant: TenantId,
    clocks: Vec<(u32, Timestamp)>,
    keys: Vec<ReadKey>,
}

#[derive(Deserialize)]
struct ReadKey {
    clock: u32,
    key: GroupKey,
    events: Vec<Held>,
    standing: Standing,
}

impl Window {
    /// The whole state as bytes, for [`Window::restore`].
    pub fn checkpoint(&self) -> Vec<u8> {
        let tenants = match self.counting() {
            Some(rule) => self
                .tenants
                .iter()
                .map(|(tenant, keys)| written_tenant(tenant, keys, &rule))
                .collect(),
            None => Vec::new(),
        };
        let written = Written {
            spec: &self.spec,
            limits: (self.limits.keys as u64, self.limits.events_per_key as u64),
            evicted: (self.evicted_keys, self.evicted_events),
            tenants,
        };
        postcard::to_extend(&written, vec![FORMAT])
            .expect("a vector takes any number of bytes and the state has no unserialisable part")
    }

    /// The window that [`Window::checkpoint`] wrote, now of the rule with number `rule`.
    ///
    /// # Errors
    /// The bytes are of another format, do not decode, or fit no window.
    pub fn restore(bytes: &[u8], rule: u32) -> Result<Self, RestoreError> {
        let (found, body) = bytes.split_first().ok_or(RestoreError::Damaged {
            what: "it is empty",
        })?;
        if *found != FORMAT {
            return Err(RestoreError::Format {
                found: *found,
                known: FORMAT,
            });
        }
        let (read, rest) = postcard::take_from_bytes::<Read>(body)?;
        if !rest.is_empty() {
            return Err(RestoreError::Damaged {
                what: "bytes are left over",
            });
        }
        let limit = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let limits = WindowLimits {
            keys: limit(read.limits.0),
            events_per_key: limit(read.limits.1),
        };
        let mut window = Self::new(rule, read.spec, limits);
        (window.evicted_keys, window.evicted_events) = read.evicted;
        let Some(counting) = window.counting() else {
            return Ok(window);
        };
        for tenant in read.tenants {
            let keys = restored_keys(tenant.clocks, tenant.keys, rule, &counting)?;
            if window.tenants.insert(tenant.tenant, keys).is_some() {
                return Err(RestoreError::Damaged {
                    what: "a tenant occurs twice",
                });
            }
        }
        Ok(window)
    }
}

fn written_tenant<'a>(
    tenant: &'a TenantId,
    keys: &'a TenantKeys,
    rule: &Counting,
) -> WrittenTenant<'a> {
    let clocks = keys.clocks.iter();
    let written = keys.by_age().map(|keyed| {
        let clock = keys.clocks.get(&keyed.clock);
        let watermark = clock.map_or(Timestamp::MIN, |clock| clock.watermark);
        let start = keyed
            .events
            .first_at_or_after(watermark.saturating_sub(rule.within));
        WrittenKey {
            clock: keyed.clock,
            key: &keyed.key,
            events: keyed.events.range(start, keyed.events.len()).collect(),
            standing: &keyed.standing,
        }
    });
    WrittenTenant {
        tenant,
        clocks: clocks
            .map(|(number, clock)| (*number, clock.watermark))
            .collect(),
        keys: written.collect(),
    }
}

fn restored_keys(
    clocks: Vec<(u32, Timestamp)>,
    read: Vec<ReadKey>,
    rule_number: u32,
    rule: &Counting,
) -> Result<TenantKeys, RestoreError> {
    let damaged = |what| RestoreError::Damaged { what };
    let mut keys = TenantKeys::default();
    for (number, watermark) in clocks {
        keys.clocks.insert(number, Clock::at(watermark));
    }
    for mut read in read {
        if !keys.clocks.contains_key(&read.clock) {
            return Err(damaged("a key runs on a clock that is not there"));
        }
        if keys.has(read.clock, &read.key) {
            return Err(damaged("a key occurs twice"));
        }
        if let Standing::Open(episode) = &mut read.standing {
            if read.events.len() < rule.threshold {
                return Err(damaged("an episode lasts without the events for it"));
            }
            episode.rule = rule_number;
        }
        let mut keyed = Keyed::new(read.key, read.clock);
        keyed.events =
            HeldEvents::from_sorted(read.events).ok_or(damaged("events are out of order"))?;
        keyed.standing = read.standing;
        keys.restore(keyed, rule);
    }
    Ok(keys)
}
