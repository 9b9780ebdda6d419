//! The window of one rule: the crate's public entry points.
//!
//! Owns the tenants of one rule and its counters. What happens to a key belongs to `tenant_keys`,
//! and what a condition means to `condition`; whether a tenant's clock may move is decided
//! elsewhere, by the sequencer.
//! Invariant: a tenant without keys has no entry, so memory follows the live keys and not the
//! tenants ever seen.

use std::collections::{BTreeMap, BTreeSet};

use larum_event::{
    AlertStatus, Detection, DetectionTrigger, EvaluationPlace, Match, TenantId, Watermark,
    WindowSpec, limits,
};

use crate::condition::{WindowCondition, WindowKind};
use crate::limits::WindowLimits;
use crate::script::{ScriptFault, ScriptRunner};
use crate::sequence::SequenceState;
use crate::state::WindowEvent;
use crate::tenant_keys::{MatchArrival, MatchOutcome, TenantKeys, WindowContext, WindowOutput};

/// How much a window holds, and how much it had to drop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WindowStats {
    /// Live keys.
    pub keys: u64,
    /// Events they hold.
    pub events: u64,
    /// Keys evicted early because there were too many.
    pub evicted_keys: u64,
    /// Events and partial matches dropped early because their key held too many.
    pub evicted_events: u64,
    /// Matches that were too late to count.
    pub late: u64,
}

/// A clock that moves forward in event time.
#[derive(Debug, Clone, Copy)]
pub struct ClockMove<'a> {
    /// The tenant whose clock it is.
    pub tenant: &'a TenantId,
    /// Which of the tenant's clocks, as in [`Match::clock`].
    pub clock: u32,
    /// Its new time; [`Watermark::MAX`] for a clock that is given up.
    pub watermark: Watermark,
    /// The place of the event that moved it.
    pub place: EvaluationPlace,
}

/// All keyed instances of one rule's window, for the keys of one shard.
///
/// Calls come in the order of places; the matches' times may be in any order. The output depends on
/// the matches and on how their clocks move, never on batch boundaries or on how many windows share
/// the keys:
///
/// - A condition that can only become truer fires with the match ([`AlertStatus::Early`]). The
///   alert is [`AlertStatus::Final`] once the watermark has passed it; with one source and no
///   lateness that is at once. Other conditions fire when the watermark decides them.
/// - A match that arrives late but within the lateness has the same effect as in order: alerts that
///   no longer hold are [`AlertStatus::Retracted`], and new ones are raised.
/// - A revision is written when the alert's count has doubled, when its status changes and when its
///   episode ends.
#[derive(Debug)]
pub struct RuleWindow {
    rule: u32,
    pub(crate) spec: WindowSpec,
    pub(crate) limits: WindowLimits,
    pub(crate) condition: Option<WindowCondition>,
    pub(crate) tenants: BTreeMap<TenantId, TenantKeys>,
    pub(crate) evicted_keys: u64,
    pub(crate) evicted_events: u64,
    pub(crate) late: u64,
    /// Tenants removed since the last checkpoint; `None` before the first.
    pub(crate) removed_tenants: Option<BTreeSet<TenantId>>,
}

impl RuleWindow {
    /// An empty window of the rule with number `rule`.
    pub fn new(rule: u32, spec: WindowSpec, limits: WindowLimits) -> Self {
        Self {
            rule,
            condition: WindowCondition::compile(&spec, &limits),
            spec,
            limits,
            tenants: BTreeMap::new(),
            evicted_keys: 0,
            evicted_events: 0,
            late: 0,
            removed_tenants: None,
        }
    }

    /// Sets what runs the rule's script.
    #[must_use]
    pub fn with_script(mut self, script: Box<dyn ScriptRunner>) -> Self {
        if let Some(WindowCondition {
            kind: WindowKind::Scripted(scripting),
            ..
        }) = &mut self.condition
        {
            scripting.set_script(script);
        }
        self
    }

    /// Upper bound of the bytes of one key's state, without the key itself and pending events. 0
    /// for rules that keep no state.
    pub fn key_bytes_most(&self) -> u64 {
        match self.condition.as_ref().map(|condition| &condition.kind) {
            None => 0,
            Some(WindowKind::Aggregate(rule)) => rule.bytes_most(),
            Some(WindowKind::Sequence(rule)) => SequenceState::bytes_most(rule),
            Some(WindowKind::Scripted(_)) => limits::SCRIPT_STATE_BYTES as u64,
        }
    }

    /// The number of its rule.
    pub fn rule(&self) -> u32 {
        self.rule
    }

    /// The rule's specification.
    pub fn spec(&self) -> &WindowSpec {
        &self.spec
    }

    /// Adds one match and pushes the detections it causes, in order.
    pub fn add_match(&mut self, matched: Match, out: &mut Vec<Detection>) -> MatchOutcome {
        let settled = matched.watermark;
        self.add_settled_match(matched, settled, out)
    }

    /// Adds a match whose clock is about to move to `settled`. The matches of one such move are
    /// added in the order of their times, and the move itself follows.
    pub fn add_settled_match(
        &mut self,
        matched: Match,
        settled: Watermark,
        out: &mut Vec<Detection>,
    ) -> MatchOutcome {
        let Some(condition) = &mut self.condition else {
            out.push(single_detection(matched));
            return MatchOutcome::Counted;
        };
        let tenant = match self.tenants.get_mut(&matched.tenant) {
            Some(tenant) => tenant,
            None => self.tenants.entry(matched.tenant.clone()).or_default(),
        };
        let mut output = WindowOutput::new(matched.place, out);
        let (name, key) = (matched.tenant.clone(), matched.key.clone());
        let mut context = WindowContext {
            rule: self.rule,
            tenant: &name,
            condition,
            limits: &self.limits,
        };
        let arrival = MatchArrival {
            key: &key,
            clock: matched.clock,
            // Subtract the lateness here and in `advance_clock`: nothing below knows of it.
            watermark: matched.watermark.shift_back(self.limits.lateness),
            settled: settled.shift_back(self.limits.lateness),
            joins: matched.joins,
            event: WindowEvent::from_match(matched),
        };
        let added = tenant.add_match(arrival, &mut context, &mut output);
        self.evicted_keys += output.evicted_keys;
        self.evicted_events += output.evicted_events;
        self.late += u64::from(added == MatchOutcome::Late);
        added
    }

    /// Moves a clock: everything before it is settled and decided, and what can no longer count is
    /// removed. A clock never moves back. A clock that is given up decides nothing more: its open
    /// alerts end and its keys are removed.
    pub fn advance_clock(&mut self, moved: &ClockMove<'_>, out: &mut Vec<Detection>) {
        let Some(condition) = &mut self.condition else {
            return;
        };
        let Some(keys) = self.tenants.get_mut(moved.tenant) else {
            return;
        };
        let mut context = WindowContext {
            rule: self.rule,
            tenant: moved.tenant,
            condition,
            limits: &self.limits,
        };
        let mut output = WindowOutput::new(moved.place, out);
        if moved.watermark == Watermark::MAX {
            keys.give_up_clock(moved.clock, &mut context, &mut output);
        } else {
            let watermark = moved.watermark.shift_back(self.limits.lateness);
            keys.advance_clock(moved.clock, watermark, &mut context, &mut output);
        }
        self.evicted_events += output.evicted_events;
        // Only after the move: its detections are complete, and a tenant without keys has nothing
        // left to decide.
        if keys.len() == 0 {
            self.tenants.remove(moved.tenant);
            if let Some(removed) = &mut self.removed_tenants {
                removed.insert(moved.tenant.clone());
            }
        }
    }

    /// Ends the input: everything is decided and all state is removed.
    pub fn close(&mut self, place: EvaluationPlace, out: &mut Vec<Detection>) {
        let Some(condition) = &mut self.condition else {
            return;
        };
        for (tenant, keys) in &mut self.tenants {
            let mut context = WindowContext {
                rule: self.rule,
                tenant,
                condition,
                limits: &self.limits,
            };
            let mut output = WindowOutput::new(place, out);
            keys.close(&mut context, &mut output);
        }
        let tenants = std::mem::take(&mut self.tenants).into_keys();
        if let Some(removed) = &mut self.removed_tenants {
            removed.extend(tenants);
        }
    }

    /// Takes the script's failures since the last call.
    pub fn take_script_faults(&mut self) -> Vec<ScriptFault> {
        let Some(WindowCondition {
            kind: WindowKind::Scripted(scripting),
            ..
        }) = &mut self.condition
        else {
            return Vec::new();
        };
        let faults = std::mem::take(&mut scripting.faults).into_iter();
        faults
            .map(|(event, message)| ScriptFault {
                rule: self.rule,
                event,
                message,
            })
            .collect()
    }

    /// How much it holds, and how much it had to drop.
    pub fn stats(&self) -> WindowStats {
        WindowStats {
            keys: self.tenants.values().map(|keys| keys.len() as u64).sum(),
            events: self
                .tenants
                .values()
                .map(|keys| keys.event_count() as u64)
                .sum(),
            evicted_keys: self.evicted_keys,
            evicted_events: self.evicted_events,
            late: self.late,
        }
    }
}

fn single_detection(matched: Match) -> Detection {
    Detection {
        rule: matched.rule,
        tenant: matched.tenant,
        clock: matched.clock,
        key: matched.key,
        place: matched.place,
        revision: 1,
        status: AlertStatus::Final,
        count: 1,
        value: None,
        error: None,
        first: matched.time,
        last: matched.time,
        evidence: vec![matched.event_id.clone()],
        script_json: None,
        anchor: matched.event_id.clone(),
        time: matched.time,
        trigger: DetectionTrigger {
            event_id: matched.event_id,
            time: matched.time,
            sequence: matched.sequence,
            place: matched.place,
        },
    }
}
