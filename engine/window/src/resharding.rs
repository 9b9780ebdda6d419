//! Spreads a rule's keys over another number of windows, for an engine that starts with more or
//! fewer shards.

use std::collections::BTreeMap;

use larum_event::{GroupKey, TenantId, Watermark};

use crate::key::KeyState;
use crate::tenant_keys::TenantKeys;
use crate::window::RuleWindow;

impl RuleWindow {
    /// Spreads the keys of `windows`, the shards of one rule, over `shards` windows. Their later
    /// output is the same, except that another key may be evicted when there are too many, since
    /// each shard evicts on its own.
    pub fn reshard(windows: Vec<Self>, shards: usize) -> Vec<Self> {
        let Some(pattern) = windows.first() else {
            return Vec::new();
        };
        let mut spread: Vec<Self> = (0..shards.max(1))
            .map(|_| Self::new(pattern.rule(), pattern.spec.clone(), pattern.limits))
            .collect();
        if let Some(first) = spread.first_mut() {
            first.evicted_keys = windows.iter().map(|window| window.evicted_keys).sum();
            first.evicted_events = windows.iter().map(|window| window.evicted_events).sum();
            first.late = windows.iter().map(|window| window.late).sum();
        }
        let mut tenants: BTreeMap<TenantId, Vec<TenantKeys>> = BTreeMap::new();
        for (tenant, keys) in windows.into_iter().flat_map(|window| window.tenants) {
            tenants.entry(tenant).or_default().push(keys);
        }
        for (tenant, parts) in tenants {
            // Take the latest time of each clock over all shards before moving keys: a key must not
            // end up on a clock that is behind what was already decided.
            let mut clocks: BTreeMap<u32, Watermark> = BTreeMap::new();
            for (number, clock) in parts.iter().flat_map(|keys| &keys.clocks) {
                let watermark = clocks.entry(*number).or_insert(clock.watermark);
                *watermark = clock.watermark.max(*watermark);
            }
            for key_state in parts.into_iter().flat_map(TenantKeys::into_keys) {
                let key = GroupKey::from_bytes(&key_state.key);
                let shard = key.map_or(0, |key| key.shard_index(spread.len()));
                if let Some(window) = spread.get_mut(shard) {
                    window.adopt_key(&tenant, key_state, &clocks);
                }
            }
        }
        spread
    }

    fn adopt_key(
        &mut self,
        tenant: &TenantId,
        key_state: KeyState,
        clocks: &BTreeMap<u32, Watermark>,
    ) {
        let Some(condition) = &self.condition else {
            return;
        };
        let watermark = clocks.get(&key_state.clock).copied();
        let keys = self.tenants.entry(tenant.clone()).or_default();
        keys.adopt_key(key_state, watermark.unwrap_or(Watermark::MIN), condition);
    }
}
