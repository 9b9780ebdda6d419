//! A window as people see it: its keys, and how near each is to firing.

use larum_event::{Amount, GroupKey, TenantId, Timestamp};

use crate::state::PartialView;
use crate::window::RuleWindow;

/// One key of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyView {
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// The values that the rule groups by.
    pub key: GroupKey,
    /// Events that count now.
    pub events: u64,
    /// Whether matches came out of order that are not counted yet.
    pub is_dirty: bool,
    /// The measured value, unless that is the count.
    pub value: Option<Amount>,
    /// Time of the oldest event that counts.
    pub oldest: Option<Timestamp>,
    /// The last moment, in event time, before something is decided or removed.
    pub until: Timestamp,
    /// Event time of the tenant less the rule's lateness.
    pub watermark: Timestamp,
    /// Whether one of its alerts is open.
    pub is_open: bool,
    /// The open partial matches of a sequence.
    pub partials: Vec<PartialView>,
}

impl RuleWindow {
    /// The keys of all tenants or of one that may still fire, in the order of tenants and slots,
    /// with their state as of now. Keys that are kept only for matches out of order are left out.
    pub fn key_views<'a>(
        &'a self,
        tenant: Option<&'a TenantId>,
    ) -> impl Iterator<Item = KeyView> + 'a {
        let wanted = move |name: &TenantId| tenant.is_none_or(|tenant| tenant == name);
        let tenants = self.tenants.iter().filter(move |(name, _)| wanted(name));
        tenants.flat_map(move |(name, keys)| {
            keys.slots().iter().filter_map(move |(_, key_state)| {
                let condition = self.condition.as_ref()?;
                let watermark = keys.time.watermark();
                let state = key_state.state.as_of(watermark, &condition.kind);
                let deadline = state.due_time(&condition.kind);
                let is_past = deadline.is_none_or(|deadline| deadline < watermark);
                let waits_until = key_state.waits_until();
                if is_past && waits_until.is_none() && key_state.dirty_from().is_none() {
                    return None;
                }
                let view = state.view(&condition.kind);
                let until = waits_until.into_iter().chain(deadline).min();
                Some(KeyView {
                    tenant: name.clone(),
                    key: GroupKey::from_bytes(&key_state.key)?,
                    events: view.events,
                    is_dirty: key_state.dirty_from().is_some(),
                    value: view.value,
                    oldest: view.oldest,
                    until: until.unwrap_or(watermark),
                    watermark,
                    is_open: key_state.has_open_alert(),
                    partials: view.partials,
                })
            })
        })
    }
}
