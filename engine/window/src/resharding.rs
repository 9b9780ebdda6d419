//! Spreads a rule's keys over another number of windows, for an engine that starts with more or
//! fewer shards.

use std::collections::BTreeMap;

use larum_event::{GroupKey, TenantId};

use crate::key::KeyState;
use crate::sources::TenantTime;
use crate::tenant_keys::{TenantKeys, WindowContext};
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
        let pattern_lateness = pattern.limits.lateness;
        let mut tenants: BTreeMap<TenantId, Vec<TenantKeys>> = BTreeMap::new();
        for window in windows {
            for ((tenant, name), answered) in window.answered.write_all() {
                if let Some(target) = spread.get_mut(name.shard_index(shards)) {
                    let one = [((tenant, name), answered)];
                    target.answered.restore(one.into());
                }
            }
            for (tenant, keys) in window.tenants {
                tenants.entry(tenant).or_default().push(keys);
            }
        }
        for (tenant, parts) in tenants {
            // The furthest front of all shards before moving keys: none may go back to a time that
            // was passed already.
            let mut time = TenantTime::new(pattern_lateness);
            for keys in &parts {
                time.merge(&keys.time);
            }
            for key_state in parts.into_iter().flat_map(TenantKeys::into_keys) {
                let key = GroupKey::from_bytes(&key_state.key);
                let shard = key.map_or(0, |key| key.shard_index(spread.len()));
                if let Some(window) = spread.get_mut(shard) {
                    window.adopt_key(&tenant, key_state, &time);
                }
            }
        }
        spread
    }

    fn adopt_key(&mut self, tenant: &TenantId, key_state: KeyState, time: &TenantTime) {
        let Some(condition) = &mut self.condition else {
            return;
        };
        let context = WindowContext {
            rule: self.rule,
            tenant,
            condition,
            limits: &self.limits,
        };
        let keys = self.tenants.entry(tenant.clone());
        keys.or_insert_with(|| TenantKeys::new(time.clone()))
            .adopt_key(key_state, &context);
    }
}
