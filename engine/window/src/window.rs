//! One rule's window: what is public of it.

use std::collections::{BTreeMap, BTreeSet};

use larum_event::{
    AlertStatus, Detection, DetectionTrigger, EvaluationPlace, Match, Span, TenantId, Watermark,
    WindowSpec, limits,
};

use crate::condition::{WindowCondition, WindowKind};
use crate::script::{ScriptFault, ScriptRunner};
use crate::state::WindowEvent;
use crate::tenant_keys::{MatchArrival, TenantKeys, WindowContext, WindowOutput};

/// How much state a window may hold, and how long it waits for late events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowLimits {
    /// Most keys per tenant (of this shard); beyond it the one that would end first goes.
    pub keys: usize,
    /// Most events of one key; beyond it the oldest goes. Never less than what the rule asks for.
    pub events_per_key: usize,
    /// Most open partial matches of one key of a sequence; beyond it the oldest goes.
    pub partials_per_key: usize,
    /// How far behind its clock a match may come and still count.
    pub lateness: Span,
}

impl Default for WindowLimits {
    fn default() -> Self {
        Self {
            keys: limits::KEYS_PER_RULE,
            events_per_key: limits::EVENTS_PER_KEY,
            partials_per_key: limits::PARTIALS_PER_KEY,
            lateness: Span::ZERO,
        }
    }
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
    /// Events and partial matches that went before their time because their key held too many.
    pub evicted_events: u64,
    /// Matches that came too late to count.
    pub late: u64,
}

/// Event time has moved on.
#[derive(Debug, Clone, Copy)]
pub struct ClockMove<'a> {
    /// Whose clock it is.
    pub tenant: &'a TenantId,
    /// Which of the tenant's clocks, as in [`Match::clock`].
    pub clock: u32,
    /// What it shows now; [`Watermark::MAX`] for a clock that is given up.
    pub watermark: Watermark,
    /// Where the event stands that moved it.
    pub place: EvaluationPlace,
}

/// What became of a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum MatchOutcome {
    /// It counts.
    Counted,
    /// It lies before the watermark, the lateness taken off, and was left out.
    Late,
}

/// All keyed instances of one rule's window, for the keys of one shard.
///
/// The order of calls is the order of places; that of the matches' times is any. What is said depends on the
/// matches and on how their clocks move, never on where the input is cut or how many windows share the keys:
///
/// - A rule whose condition can only become truer fires with the match ([`AlertStatus::Early`]) and is
///   [`AlertStatus::Final`] when the watermark has passed it, which with a single source and without lateness is
///   at once. Others fire when the watermark decides.
/// - A match that comes late but not too late gives what it would have given in time: alerts that no longer stand
///   are [`AlertStatus::Retracted`], others come.
/// - An alert's revisions are written when its count has doubled, when its status changes and when its episode ends.
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
    /// Tenants that went since the last checkpoint, where there was one.
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

    /// The same window, with what runs its rule's script.
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

    /// The most bytes that the state of one key takes, beside the key itself and events that are pending; 0 for
    /// rules whose matches leave nothing behind.
    pub fn key_bytes_most(&self) -> u64 {
        match self.condition.as_ref().map(|condition| &condition.kind) {
            None => 0,
            Some(WindowKind::Aggregate(rule)) => rule.bytes_most(),
            Some(WindowKind::Sequence(rule)) => rule.bytes_most(),
            Some(WindowKind::Scripted(_)) => limits::SCRIPT_STATE_BYTES as u64,
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

    /// Adds one match and pushes what it makes, in order.
    pub fn add_match(&mut self, matched: Match, out: &mut Vec<Detection>) -> MatchOutcome {
        let settled = matched.watermark;
        self.add_settled_match(matched, settled, out)
    }

    /// The same for a match whose clock comes to `settled` together with it: matches of one such move are added in
    /// their order in time, and the move itself follows.
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
        let mut output = WindowOutput {
            place: matched.place,
            out,
            evicted_keys: 0,
            evicted_events: 0,
        };
        let (name, key) = (matched.tenant.clone(), matched.key.clone());
        let mut common = WindowContext {
            rule: self.rule,
            tenant: &name,
            condition,
            limits: &self.limits,
        };
        let arrival = MatchArrival {
            key: &key,
            clock: matched.clock,
            watermark: matched.watermark.shift_back(self.limits.lateness),
            settled: settled.shift_back(self.limits.lateness),
            joins: matched.joins,
            event: WindowEvent::from_match(matched),
        };
        let added = tenant.add_match(arrival, &mut common, &mut output);
        self.evicted_keys += output.evicted_keys;
        self.evicted_events += output.evicted_events;
        self.late += u64::from(added == MatchOutcome::Late);
        added
    }

    /// A clock has moved: what lies before it is settled and decided, and what can never count again goes. A clock
    /// never moves back. One that is given up decides nothing more: its open alerts end and its keys go.
    pub fn advance_clock(&mut self, moved: &ClockMove<'_>, out: &mut Vec<Detection>) {
        let Some(condition) = &mut self.condition else {
            return;
        };
        let Some(keys) = self.tenants.get_mut(moved.tenant) else {
            return;
        };
        let mut common = WindowContext {
            rule: self.rule,
            tenant: moved.tenant,
            condition,
            limits: &self.limits,
        };
        let mut output = WindowOutput {
            place: moved.place,
            out,
            evicted_keys: 0,
            evicted_events: 0,
        };
        if moved.watermark == Watermark::MAX {
            keys.give_up_clock(moved.clock, &mut common, &mut output);
        } else {
            let watermark = moved.watermark.shift_back(self.limits.lateness);
            keys.advance_clock(moved.clock, watermark, &mut common, &mut output);
        }
        self.evicted_events += output.evicted_events;
        if keys.len() == 0 {
            self.tenants.remove(moved.tenant);
            if let Some(gone) = &mut self.removed_tenants {
                gone.insert(moved.tenant.clone());
            }
        }
    }

    /// The input has ended, and time with it: everything is decided, and all state goes.
    pub fn close(&mut self, place: EvaluationPlace, out: &mut Vec<Detection>) {
        let Some(condition) = &mut self.condition else {
            return;
        };
        for (tenant, keys) in &mut self.tenants {
            let mut common = WindowContext {
                rule: self.rule,
                tenant,
                condition,
                limits: &self.limits,
            };
            let mut output = WindowOutput {
                place,
                out,
                evicted_keys: 0,
                evicted_events: 0,
            };
            keys.close(&mut common, &mut output);
        }
        let tenants = std::mem::take(&mut self.tenants).into_keys();
        if let Some(gone) = &mut self.removed_tenants {
            gone.extend(tenants);
        }
    }

    /// Failures of its script since this was last asked.
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

    /// What it holds and what it had to let go.
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
