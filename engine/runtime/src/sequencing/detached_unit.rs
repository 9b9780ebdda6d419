//! What is known of units that are left out, and which rules that concerns.
//!
//! Owns the facts. Leaving a unit out is `detach`'s, bringing it back `attach`'s job.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use larum_actor::MonotonicTime;
use larum_event::{Event, Position, RecordBody, RuleId};
use larum_pipeline::unit_detached_alert;
use larum_rule::RuleSet;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::sequencing::base_state::{BaseState, DETACHED_PART};
use crate::sequencing::replay::UnitReplayOutcome;

/// A unit that is left out.
#[derive(Debug)]
pub(crate) struct DetachedUnit {
    /// Its name.
    pub(super) name: Arc<str>,
    /// The rules that say nothing because of it, each with the last position up to which what it said is in
    /// the log.
    pub(super) rules: BTreeMap<RuleId, Position>,
    /// State to run the gap from.
    pub(super) base: BaseState,
    /// What comes next for it.
    pub(super) retry: RetryState,
}

/// What comes next for a unit that is left out.
#[derive(Debug)]
pub(super) enum RetryState {
    /// It is tried at this time.
    Due(MonotonicTime),
    /// Its gap is being run again, on another thread; these alerts were found so far.
    Running(oneshot::Receiver<UnitReplayResult>, Vec<(Position, Event)>),
    /// That is done.
    Done(UnitReplayResult),
    /// It is quarantined.
    Never,
}

/// How running a gap again went.
pub(super) type UnitReplayResult = Result<UnitReplayOutcome, String>;

/// What a checkpoint holds of a lost unit.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct DetachedUnitPart {
    /// See [`DetachedUnit::name`].
    pub(super) name: String,
    /// See [`DetachedUnit::rules`].
    pub(super) rules: Vec<(RuleId, Position)>,
    /// See [`DetachedUnit::base_state`].
    pub(super) base: BaseState,
}

impl DetachedUnitPart {
    /// As [`DetachedUnitPart::to_bytes`] wrote it.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes(bytes).ok()
    }

    /// As bytes.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("plain data is always writable to memory")
    }
}

impl DetachedUnit {
    /// Its part of a checkpoint.
    pub(super) fn checkpoint_part(&self) -> (String, Vec<u8>) {
        let rules = self.rules.iter();
        let kept = DetachedUnitPart {
            name: self.name.to_string(),
            rules: rules.map(|(rule, from)| (rule.clone(), *from)).collect(),
            base: self.base.clone(),
        };
        (format!("{DETACHED_PART}{}", self.name), kept.to_bytes())
    }

    /// Where its gap begins: from here on something is missing.
    pub(super) fn gap_start(&self) -> Position {
        self.rules.values().min().copied().unwrap_or_default()
    }

    /// Looks whether running its gap again is done.
    pub(super) fn poll_replay(&mut self) {
        let RetryState::Running(receiver, found) = &mut self.retry else {
            return;
        };
        let answer = match receiver.try_recv() {
            Ok(answer) => answer,
            Err(oneshot::error::TryRecvError::Empty) => return,
            Err(oneshot::error::TryRecvError::Closed) => Err("its thread died".to_owned()),
        };
        let mut alerts = std::mem::take(found);
        self.retry = RetryState::Done(answer.map(|replayed| {
            alerts.extend(replayed.alerts);
            UnitReplayOutcome { alerts, ..replayed }
        }));
    }

    /// Whether there is something to do for it.
    pub(super) fn is_due(&self, now: MonotonicTime) -> bool {
        match &self.retry {
            RetryState::Due(at) => *at <= now,
            RetryState::Running(..) | RetryState::Never => false,
            RetryState::Done(_) => true,
        }
    }
}

/// The alert that a unit was left out; others make none.
pub(super) fn detached_alert(body: &RecordBody) -> Option<Event> {
    match body {
        RecordBody::UnitDetached(change) => unit_detached_alert(change),
        RecordBody::Event { .. }
        | RecordBody::Derived { .. }
        | RecordBody::RuleSetActivated(_)
        | RecordBody::EpochCommit(_)
        | RecordBody::UnitAttached(_)
        | RecordBody::CursorMoved(_)
        | RecordBody::Tick { .. } => None,
    }
}

/// The rules that read the alerts of `rules`, and those that read theirs, themselves included.
pub(super) fn dependent_rules(set: &RuleSet, rules: &BTreeSet<u32>) -> BTreeSet<u32> {
    rule_closure(set, rules, |set, other, known| {
        set.may_read_alerts(other, known)
    })
}

/// The rules whose alerts `rules` read, and those they read, themselves included.
pub(super) fn required_rules(set: &RuleSet, rules: &BTreeSet<u32>) -> BTreeSet<u32> {
    rule_closure(set, rules, |set, other, known| {
        set.may_read_alerts(known, other)
    })
}

fn rule_closure(
    set: &RuleSet,
    rules: &BTreeSet<u32>,
    next: fn(&RuleSet, u32, u32) -> bool,
) -> BTreeSet<u32> {
    let mut known = rules.clone();
    let mut open: Vec<u32> = rules.iter().copied().collect();
    while let Some(rule) = open.pop() {
        for other in 0..set.rules().len() as u32 {
            if !known.contains(&other) && next(set, other, rule) {
                known.insert(other);
                open.push(other);
            }
        }
    }
    known
}

/// The ids of rules.
pub(super) fn rule_ids(set: &RuleSet, rules: &BTreeSet<u32>) -> BTreeSet<RuleId> {
    rules
        .iter()
        .filter_map(|rule| set.rule(*rule))
        .map(|rule| rule.id.clone())
        .collect()
}

/// The numbers of rules; those that are not in the set have none.
pub(super) fn rule_numbers(set: &RuleSet, rules: &BTreeSet<RuleId>) -> BTreeSet<u32> {
    let numbered = set.rules().iter().zip(0..);
    numbered
        .filter(|(rule, _)| rules.contains(&rule.id))
        .map(|(_, number)| number)
        .collect()
}

/// The alerts of `rules` that each raised behind what of it is in the log.
pub(super) fn gap_alerts(
    rules: &BTreeMap<RuleId, Position>,
    alerts: Vec<(Position, Event)>,
) -> Vec<Event> {
    alerts
        .into_iter()
        .filter(|(position, event)| {
            let raised_by = event.envelope().event_type.as_str();
            let rule = rules.iter().find(|(rule, _)| rule.as_str() == raised_by);
            rule.is_some_and(|(_, from)| position > from)
        })
        .map(|(_, event)| event)
        .collect()
}
