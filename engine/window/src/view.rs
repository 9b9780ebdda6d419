//! A window as people see it: its keys, and how near each is to firing.

use larum_event::{Amount, GroupKey, TenantId, Timestamp};

use crate::state::PartialView;
use crate::window::RuleWindow;

/// One key of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyView {
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// The clock it runs on; 0 is the tenant's own.
    pub clock: u32,
    /// The values that the rule groups by.
    pub key: GroupKey,
    /// Events that count now.
    pub events: u64,
    /// Events beyond the watermark: late events may still come before them.
    pub pending: u64,
    /// The measured value, unless that is the count.
    pub value: Option<Amount>,
    /// Time of the oldest event that counts.
    pub oldest: Option<Timestamp>,
    /// The last moment, in event time, before something is decided or removed.
    pub until: Timestamp,
    /// Its clock's time less the rule's lateness.
    pub watermark: Timestamp,
    /// Whether one of its alerts is open.
    pub is_open: bool,
    /// The open partial matches of a sequence.
    pub partials: Vec<PartialView>,
}

impl RuleWindow {
    /// The keys of all tenants or of one, in the order of tenants and slots, with their state as of
    /// the newest event, pending ones included.
    pub fn key_views<'a>(
        &'a self,
        tenant: Option<&'a TenantId>,
    ) -> impl Iterator<Item = KeyView> + 'a {
        let wanted = move |name: &TenantId| tenant.is_none_or(|tenant| tenant == name);
        let tenants = self.tenants.iter().filter(move |(name, _)| wanted(name));
        tenants.flat_map(move |(name, keys)| {
            keys.slots().iter().filter_map(move |(slot, key_state)| {
                let condition = self.condition.as_ref()?;
                let view = key_state.newest_state().view(&condition.kind);
                let clock = keys.clocks.get(&key_state.clock)?;
                Some(KeyView {
                    tenant: name.clone(),
                    clock: key_state.clock,
                    key: GroupKey::from_bytes(&key_state.key)?,
                    events: view.events,
                    pending: key_state.pending_count() as u64,
                    value: view.value,
                    oldest: view.oldest,
                    until: key_state
                        .due_time(condition)
                        .unwrap_or(keys.timer_due_time(slot)),
                    watermark: clock.watermark.time,
                    is_open: key_state.has_open_alert(),
                    partials: view.partials,
                })
            })
        })
    }
}
