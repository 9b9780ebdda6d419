//! The same state in another number of windows, for an engine that is started with more or fewer shards.

use std::collections::{BTreeMap, VecDeque};

use larum_event::{TenantId, Timestamp};

use crate::held::HeldEvents;
use crate::key::Keyed;
use crate::keys::{Clock, TenantKeys};
use crate::window::{Window, WindowLimits};

impl Window {
    /// What `windows`, the shards of one rule, hold, as `shards` windows. What they say from then on is what
    /// they would have said; which key goes first when there are too many may change, since that is told
    /// apart inside of each shard only.
    pub fn spread(windows: Vec<Self>, shards: usize) -> Vec<Self> {
        let Some(pattern) = windows.first() else {
            return Vec::new();
        };
        let mut spread: Vec<Self> = (0..shards.max(1))
            .map(|_| Self::new(pattern.rule(), pattern.spec.clone(), pattern.limits))
            .collect();
        if let Some(first) = spread.first_mut() {
            first.evicted_keys = windows.iter().map(|window| window.evicted_keys).sum();
            first.evicted_events = windows.iter().map(|window| window.evicted_events).sum();
        }
        let mut tenants: BTreeMap<TenantId, Vec<TenantKeys>> = BTreeMap::new();
        for (tenant, keys) in windows.into_iter().flat_map(|window| window.tenants) {
            tenants.entry(tenant).or_default().push(keys);
        }
        for (tenant, parts) in tenants {
            let mut clocks: BTreeMap<u32, Timestamp> = BTreeMap::new();
            for (number, clock) in parts.iter().flat_map(|keys| &keys.clocks) {
                let watermark = clocks.entry(*number).or_insert(clock.watermark);
                *watermark = clock.watermark.max(*watermark);
            }
            for keyed in by_age(parts) {
                let shard = keyed.key.shard(spread.len());
                if let Some(window) = spread.get_mut(shard) {
                    window.take_over(&tenant, keyed, &clocks);
                }
            }
        }
        spread
    }

    /// The same window, from now on within `limits`.
    pub fn with_limits(mut self, limits: WindowLimits) -> Self {
        self.limits = limits;
        self
    }

    fn take_over(&mut self, tenant: &TenantId, keyed: Keyed, clocks: &BTreeMap<u32, Timestamp>) {
        let Some(rule) = self.counting() else { return };
        let keys = self.tenants.entry(tenant.clone()).or_default();
        let watermark = clocks.get(&keyed.clock).copied();
        keys.clocks
            .entry(keyed.clock)
            .or_insert_with(|| Clock::at(watermark.unwrap_or(Timestamp::MIN)));
        let mut moved = Keyed::new(keyed.key, keyed.clock);
        (moved.events, moved.standing) = (keyed.events, keyed.standing);
        keys.restore(moved, &rule);
    }
}

/// The keys of all `parts`, the one that was added to longest ago first as far as their events tell; those of
/// one part in the order they have there.
fn by_age(parts: Vec<TenantKeys>) -> Vec<Keyed> {
    let mut queues: Vec<VecDeque<Keyed>> = parts
        .into_iter()
        .map(|keys| keys.into_keys().into())
        .collect();
    let mut all = Vec::new();
    loop {
        let heads = queues.iter().enumerate();
        let oldest = heads
            .filter_map(|(index, queue)| {
                let events: &HeldEvents = &queue.front()?.events;
                Some((events.newest().map(|held| held.order), index))
            })
            .min();
        let next = oldest.and_then(|(_, index)| queues.get_mut(index)?.pop_front());
        match next {
            Some(keyed) => all.push(keyed),
            None => return all,
        }
    }
}
