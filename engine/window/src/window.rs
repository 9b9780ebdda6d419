//! One rule's window: what is public of it.

use std::collections::BTreeMap;

use larum_event::{
    Aggregate, AlertStatus, Detection, Extent, Match, Measure, Place, TenantId, Watermark,
    WindowSpec,
};

use crate::episode::cause;
use crate::key::Counting;
use crate::keys::TenantKeys;

/// How much state a window may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowLimits {
    /// Most keys per tenant (of this shard); beyond it the one that was added to longest ago goes.
    pub keys: usize,
    /// Most events of one key; beyond it the oldest goes. Never less than the rule's threshold.
    pub events_per_key: usize,
}

/// What a window holds and what it had to let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WindowStats {
    /// Live keys.
    pub keys: u64,
    /// Events they hold.
    pub events: u64,
    /// Keys that went before their time because there were too many.
    pub evicted_keys: u64,
    /// Events that went before their time because their key held too many.
    pub evicted_events: u64,
}

/// Event time has moved on.
#[derive(Debug, Clone, Copy)]
pub struct ClockMoved<'a> {
    /// Whose clock it is.
    pub tenant: &'a TenantId,
    /// Which of the tenant's clocks, as in [`Match::clock`].
    pub clock: u32,
    /// What it shows now.
    pub watermark: Watermark,
    /// Where the event stands that moved it.
    pub place: Place,
}

/// All keyed instances of one rule's window, for the keys of one shard.
///
/// The order of calls is the order of places. A match's time must not lie before the watermark of
/// its clock as of the last [`Window::advance`]: the caller leaves out what is late. Then:
///
/// - **Fires** ([`Detection::revision`] 1) depend on the matches and their order alone: not on how
///   often `advance` is called, nor on where input is cut.
/// - **Later revisions** of an episode are made by its matches, and the last one by whatever shows
///   first that the episode is over: the key's next match or the watermark. Their counts and
///   evidence do not depend on how often `advance` is called either, but the `place` of a last
///   revision does, so the caller passes on every movement of a watermark, in order. A call with
///   nothing due costs two look-ups.
///
/// Every revision is [`AlertStatus::Final`]: without lateness nothing is taken back.
#[derive(Debug)]
pub struct Window {
    rule: u32,
    pub(crate) spec: WindowSpec,
    pub(crate) limits: WindowLimits,
    pub(crate) tenants: BTreeMap<TenantId, TenantKeys>,
    pub(crate) evicted_keys: u64,
    pub(crate) evicted_events: u64,
}

impl Window {
    /// An empty window of the rule with number `rule`.
    pub fn new(rule: u32, spec: WindowSpec, limits: WindowLimits) -> Self {
        Self {
            rule,
            spec,
            limits,
            tenants: BTreeMap::new(),
            evicted_keys: 0,
            evicted_events: 0,
        }
    }

    /// The number of its rule.
    pub fn rule(&self) -> u32 {
        self.rule
    }

    /// What the rule asks.
    pub fn spec(&self) -> &WindowSpec {
        &self.spec
    }

    /// Adds one match and pushes what it makes, in order: the last revision of an episode that it
    /// shows to be over, then its own detection or a revision of the episode it belongs to.
    pub fn add(&mut self, matched: Match, out: &mut Vec<Detection>) {
        let Some(rule) = self.counting() else {
            out.push(single(matched));
            return;
        };
        let tenant = match self.tenants.get_mut(&matched.tenant) {
            Some(tenant) => tenant,
            None => self.tenants.entry(matched.tenant.clone()).or_default(),
        };
        let evicted = tenant.add(matched, &rule, self.limits.keys, out);
        self.evicted_keys += evicted.keys;
        self.evicted_events += evicted.events;
    }

    /// A clock has moved: what can never count again goes, and episodes that are over get their last
    /// revision, in the order of their ends. A clock never moves back.
    pub fn advance(&mut self, moved: &ClockMoved<'_>, out: &mut Vec<Detection>) {
        let Some(rule) = self.counting() else { return };
        let Some(keys) = self.tenants.get_mut(moved.tenant) else {
            return;
        };
        keys.advance(moved, &rule, out);
        if keys.len() == 0 {
            self.tenants.remove(moved.tenant);
        }
    }

    /// The input has ended: every episode ends, and all state goes.
    pub fn close(&mut self, place: Place, out: &mut Vec<Detection>) {
        let Some(rule) = self.counting() else { return };
        for keys in self.tenants.values_mut() {
            keys.close(&rule, place, out);
        }
        self.tenants.clear();
    }

    /// What it holds and what it had to let go.
    pub fn stats(&self) -> WindowStats {
        WindowStats {
            keys: self.tenants.values().map(|keys| keys.len() as u64).sum(),
            events: self.tenants.values().map(|keys| keys.events() as u64).sum(),
            evicted_keys: self.evicted_keys,
            evicted_events: self.evicted_events,
        }
    }

    /// The condition; `None` for a rule of single events, which has no state.
    pub(crate) fn counting(&self) -> Option<Counting> {
        let WindowSpec::Aggregate(Aggregate {
            extent: Extent::Sliding { within },
            measure: Measure::Count,
            bounds,
            policy,
            ..
        }) = &self.spec
        else {
            return None;
        };
        let threshold = usize::try_from(bounds.threshold()).unwrap_or(usize::MAX);
        Some(Counting {
            within: *within,
            threshold,
            policy: *policy,
            events_most: self.limits.events_per_key.max(threshold),
        })
    }
}

fn single(matched: Match) -> Detection {
    Detection {
        rule: matched.rule,
        tenant: matched.tenant.clone(),
        clock: matched.clock,
        key: matched.key.clone(),
        place: matched.place,
        revision: 1,
        status: AlertStatus::Final,
        count: 1,
        first: matched.time,
        last: matched.time,
        evidence: vec![matched.event_id.clone()],
        words: None,
        anchor: matched.event_id.clone(),
        time: matched.time,
        value: None,
        error: None,
        trigger: cause(&matched),
    }
}
