//! What people see of a window: its keys, and how near each is to firing.

use std::fmt;
use std::sync::Arc;

use larum_event::{Amount, GroupKey, TenantId, Timestamp};

use crate::window::RuleWindow;

/// One key of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyView {
    /// Whose it is.
    pub tenant: TenantId,
    /// The clock it runs on; 0 is the tenant's.
    pub clock: u32,
    /// The group.
    pub key: GroupKey,
    /// Events that count now.
    pub events: u64,
    /// Events beyond the watermark, which events that come late may still precede.
    pub pending: u64,
    /// What is measured, where that is something else than a count.
    pub value: Option<Amount>,
    /// Time of the oldest event that counts.
    pub oldest: Option<Timestamp>,
    /// The last moment before something is decided or forgotten, in event time.
    pub until: Timestamp,
    /// How far its clock has come, the rule's lateness taken off.
    pub watermark: Timestamp,
    /// Whether an alert of it is open.
    pub is_open: bool,
    /// Of a sequence: its open partial matches.
    pub partials: Vec<PartialView>,
}

/// An open partial match of a sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartialView {
    /// The step it waits for, where there is one.
    pub waits_for: Option<AwaitedStep>,
    /// Events it has.
    pub events: u64,
    /// Those of the step it waits for.
    pub step_events: u64,
    /// When it ends if nothing comes.
    pub until: Timestamp,
}

/// The step of a sequence that a partial match waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwaitedStep {
    /// Its index among the steps of the sequence.
    pub index: usize,
    /// Its name.
    pub name: Arc<str>,
    /// Whether the match is complete once the step has not come in time.
    pub is_absent: bool,
}

/// `login`, or `no logout` for a step that must not come.
impl fmt::Display for AwaitedStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let absence = if self.is_absent { "no " } else { "" };
        write!(f, "{absence}{}", self.name)
    }
}

impl RuleWindow {
    /// Its keys, of all tenants or one, in the order of tenants and slots. What is shown is up to
    /// the newest event, pending ones included.
    pub fn key_views<'a>(
        &'a self,
        tenant: Option<&'a TenantId>,
    ) -> impl Iterator<Item = KeyView> + 'a {
        let wanted = move |name: &TenantId| tenant.is_none_or(|tenant| tenant == name);
        let tenants = self.tenants.iter().filter(move |(name, _)| wanted(name));
        tenants.flat_map(move |(name, keys)| {
            keys.slots().iter().filter_map(move |(slot, keyed)| {
                let condition = self.condition.as_ref()?;
                let view = keyed.newest_state().view(&condition.kind);
                let clock = keys.clocks.get(&keyed.clock)?;
                Some(KeyView {
                    tenant: name.clone(),
                    clock: keyed.clock,
                    key: GroupKey::from_bytes(&keyed.key)?,
                    events: view.events,
                    pending: keyed.pending_count() as u64,
                    value: view.value,
                    oldest: view.oldest,
                    until: keyed
                        .due_time(condition)
                        .unwrap_or(keys.timer_due_time(slot)),
                    watermark: clock.watermark.time,
                    is_open: keyed.has_open_alert(),
                    partials: view.partials,
                })
            })
        })
    }
}
