//! The window of one rule: the crate's public entry points.
//!
//! Owns the tenants of one rule and its counters. What happens to a key belongs to `tenant_keys`,
//! and what a condition means to `condition`; whether a tenant's clock may move is decided
//! elsewhere, by the sequencer.
//! Invariant: a tenant without keys has no entry, so memory follows the live keys and not the
//! tenants ever seen.

use std::collections::{BTreeMap, BTreeSet};

use larum_event::{
    Detection, EvaluationPlace, EventId, Match, TenantId, Timestamp, WindowSpec, limits,
};

use crate::condition::{WindowCondition, WindowKind};
use crate::limits::WindowLimits;
use crate::script::{ScriptFault, ScriptRunner};
use crate::sequence::SequenceState;
use crate::single::{AnsweredAlerts, detect_single};
use crate::sources::{SourceProgress, TenantTime};
use crate::state::WindowEvent;
use crate::tenant_keys::{MatchOutcome, TenantKeys, WindowContext, WindowOutput};

/// How much a window holds, and how much it had to drop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WindowStats {
    /// Live keys; of a rule without a window, alerts below that it has answered and that may still
    /// be taken back.
    pub keys: u64,
    /// Matches they hold.
    pub events: u64,
    /// Keys evicted early because there were too many.
    pub evicted_keys: u64,
    /// Matches and partial matches dropped early because their key held too many.
    pub evicted_events: u64,
    /// Matches that were too late to count.
    pub late: u64,
}

/// Event time of a tenant moves on.
#[derive(Debug, Clone, Copy)]
pub struct ClockMove<'a> {
    /// The tenant whose clock it is.
    pub tenant: &'a TenantId,
    /// The greatest event time so far; stamps from the future count as of their arrival.
    pub front: Timestamp,
    /// The source whose event moved it, and how far that source has come.
    pub source: Option<(u32, SourceProgress)>,
    /// Whether nothing is decided that waits for time: the engine has not run long enough to know
    /// what has not arrived.
    pub is_held: bool,
    /// The place of the event that moved it.
    pub place: EvaluationPlace,
}

/// All keyed instances of one rule's window, for the keys of one shard.
///
/// Calls come in the order of places; the matches' times may be in any order. What finally holds
/// is what the matches give in order, whatever order they came in, and what is emitted on the way
/// depends only on the order of the calls, never on how they are batched:
///
/// - A condition that can only become truer fires with the match. Other conditions fire when time
///   has passed what they wait for, and so have the sources that usually match in the same key.
/// - A match that comes out of order waits for [`RuleWindow::amend`]. Alerts that no longer follow
///   are then [retracted](larum_event::AlertStatus::Retracted), new ones are raised, and others are
///   revised.
/// - An alert is [final](larum_event::AlertStatus::Final) once the front has passed it by the
///   lateness; it may still be retracted if a match arrives later than that.
/// - A revision is written when the alert's count has doubled, when its status or its content as it
///   fired changes, and when its episode ends.
#[derive(Debug)]
pub struct RuleWindow {
    pub(crate) rule: u32,
    pub(crate) spec: WindowSpec,
    pub(crate) limits: WindowLimits,
    pub(crate) condition: Option<WindowCondition>,
    pub(crate) tenants: BTreeMap<TenantId, TenantKeys>,
    /// What a rule without a window has said of alerts.
    pub(crate) answered: AnsweredAlerts,
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
            answered: AnsweredAlerts::new(rule),
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
        let Some(condition) = &mut self.condition else {
            // Raw events are never taken back.
            if matched.order.place.layer == 0 {
                out.push(detect_single(&matched));
            } else {
                let most = self.limits.keys;
                self.evicted_keys += self.answered.answer_match(&matched, most, out);
            }
            return MatchOutcome::Counted;
        };
        let lateness = self.limits.lateness;
        let tenant = match self.tenants.get_mut(&matched.tenant) {
            Some(tenant) => tenant,
            None => self
                .tenants
                .entry(matched.tenant.clone())
                .or_insert_with(|| TenantKeys::new(TenantTime::new(lateness))),
        };
        let mut output = WindowOutput::new(matched.place, out);
        let (name, key) = (matched.tenant.clone(), matched.key.clone());
        let mut context = WindowContext {
            rule: self.rule,
            tenant: &name,
            condition,
            limits: &self.limits,
        };
        tenant.note_front(matched.front);
        let row = WindowEvent::from_match(matched);
        let added = tenant.add_match(&key, row, &mut context, &mut output);
        self.evicted_keys += output.evicted_keys;
        self.evicted_events += output.evicted_events;
        self.late += u64::from(added == MatchOutcome::Late);
        added
    }

    /// Takes back the match of an alert that was retracted below, at `place`; its key waits to be
    /// amended. A rule without a window takes its own alert back at once.
    pub fn retract_alert(
        &mut self,
        tenant: &TenantId,
        alert: &EventId,
        place: EvaluationPlace,
        out: &mut Vec<Detection>,
    ) {
        if self.condition.is_none() {
            self.answered.retract_alert(tenant, alert, place, out);
        }
        if let Some(keys) = self.tenants.get_mut(tenant) {
            keys.retract_alert(alert);
        }
    }

    /// Moves event time: what waited for it is decided, and what can no longer count is removed.
    pub fn advance_clock(&mut self, moved: &ClockMove<'_>, out: &mut Vec<Detection>) {
        let Some(condition) = &mut self.condition else {
            let kept = self.limits.horizon.max(self.limits.lateness);
            let horizon = moved.front.saturating_sub(kept);
            self.answered.forget_before(moved.tenant, horizon);
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
        keys.advance_front(moved, &mut context, &mut output);
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

    /// Evaluates again what arrived out of order, and emits the difference. Tenants come in turn,
    /// and within each the [`KEY_BUCKETS`](larum_event::KEY_BUCKETS). A bucket begins no further
    /// key once it has read its share of `most_rows`, and leaves the rest for the next call. A key
    /// is always read whole. Returns how many rows were read.
    pub fn amend(
        &mut self,
        most_rows: usize,
        place: EvaluationPlace,
        out: &mut Vec<Detection>,
    ) -> usize {
        let Some(condition) = &mut self.condition else {
            return 0;
        };
        let mut rows_read = 0;
        for (tenant, keys) in &mut self.tenants {
            if keys.dirty_count() == 0 {
                continue;
            }
            let mut context = WindowContext {
                rule: self.rule,
                tenant,
                condition,
                limits: &self.limits,
            };
            let mut output = WindowOutput::new(place, out);
            rows_read += keys.amend(most_rows, &mut context, &mut output);
            self.evicted_events += output.evicted_events;
        }
        self.remove_empty_tenants();
        rows_read
    }

    /// A tenant without keys has nothing left to decide.
    fn remove_empty_tenants(&mut self) {
        let removed = &mut self.removed_tenants;
        self.tenants.retain(|tenant, keys| {
            let is_empty = keys.len() == 0;
            if let Some(removed) = removed.as_mut().filter(|_| is_empty) {
                removed.insert(tenant.clone());
            }
            !is_empty
        });
    }

    /// Keys with matches that came out of order and wait for [`RuleWindow::amend`].
    pub fn dirty_keys(&self) -> usize {
        self.tenants.values().map(TenantKeys::dirty_count).sum()
    }

    /// Ends the input: everything is amended and decided, and all state is removed.
    pub fn close(&mut self, place: EvaluationPlace, out: &mut Vec<Detection>) {
        let Some(condition) = &mut self.condition else {
            self.answered.clear();
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
            keys: self
                .tenants
                .values()
                .map(|keys| keys.len() as u64)
                .chain([self.answered.len() as u64])
                .sum(),
            events: self
                .tenants
                .values()
                .map(|keys| keys.row_count() as u64)
                .sum(),
            evicted_keys: self.evicted_keys,
            evicted_events: self.evicted_events,
            late: self.late,
        }
    }
}
