//! What is known of units that are left out, and which rules that concerns.
//!
//! Owns the facts. Leaving a unit out is `detach`'s, bringing it back `attach`'s job.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use larum_event::{Event, Position, RecordBody, RuleId};
use larum_pipeline::unit_detached_alert;
use larum_rule::RuleSet;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::clock::Monotonic;
use crate::sequencing::base::{Base, LOST_PART};
use crate::sequencing::replay::Replayed;

/// A unit that is left out.
#[derive(Debug)]
pub(crate) struct Lost {
    /// Its name.
    pub(super) name: Arc<str>,
    /// The rules that say nothing because of it, each with the last position up to which what it said is in
    /// the log.
    pub(super) rules: BTreeMap<RuleId, Position>,
    /// State to run the gap from.
    pub(super) base: Base,
    /// What comes next for it.
    pub(super) turn: Turn,
}

/// What comes next for a unit that is left out.
#[derive(Debug)]
pub(super) enum Turn {
    /// It is tried at this time.
    Due(Monotonic),
    /// Its gap is being run again, on another thread; these alerts were found so far.
    Running(oneshot::Receiver<Answer>, Vec<(Position, Event)>),
    /// That is done.
    Done(Answer),
    /// It is quarantined.
    Never,
}

/// How running a gap again went.
pub(super) type Answer = Result<Replayed, String>;

/// What a checkpoint holds of a lost unit.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    /// See [`Lost::name`].
    pub(super) name: String,
    /// See [`Lost::rules`].
    pub(super) rules: Vec<(RuleId, Position)>,
    /// See [`Lost::base`].
    pub(super) base: Base,
}

impl Kept {
    /// As [`Kept::to_bytes`] wrote it.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes(bytes).ok()
    }

    /// As bytes.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("plain data is always writable to memory")
    }
}

impl Lost {
    /// Its part of a checkpoint.
    pub(super) fn part(&self) -> (String, Vec<u8>) {
        let rules = self.rules.iter();
        let kept = Kept {
            name: self.name.to_string(),
            rules: rules.map(|(rule, from)| (rule.clone(), *from)).collect(),
            base: self.base.clone(),
        };
        (format!("{LOST_PART}{}", self.name), kept.to_bytes())
    }

    /// Where its gap begins: from here on something is missing.
    pub(super) fn from(&self) -> Position {
        self.rules.values().min().copied().unwrap_or_default()
    }

    /// Looks whether running its gap again is done.
    pub(super) fn look(&mut self) {
        let Turn::Running(receiver, found) = &mut self.turn else {
            return;
        };
        let answer = match receiver.try_recv() {
            Ok(answer) => answer,
            Err(oneshot::error::TryRecvError::Empty) => return,
            Err(oneshot::error::TryRecvError::Closed) => Err("its thread died".to_owned()),
        };
        let mut alerts = std::mem::take(found);
        self.turn = Turn::Done(answer.map(|replayed| {
            alerts.extend(replayed.alerts);
            Replayed { alerts, ..replayed }
        }));
    }

    /// Whether there is something to do for it.
    pub(super) fn is_due(&self, now: Monotonic) -> bool {
        match &self.turn {
            Turn::Due(at) => *at <= now,
            Turn::Running(..) | Turn::Never => false,
            Turn::Done(_) => true,
        }
    }
}

/// The alert that a unit was left out; others make none.
pub(super) fn alert_of(body: &RecordBody) -> Option<Event> {
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
pub(super) fn readers(set: &RuleSet, rules: &BTreeSet<u32>) -> BTreeSet<u32> {
    closure(set, rules, |set, other, known| set.sees(other, known))
}

/// The rules whose alerts `rules` read, and those they read, themselves included.
pub(super) fn needed(set: &RuleSet, rules: &BTreeSet<u32>) -> BTreeSet<u32> {
    closure(set, rules, |set, other, known| set.sees(known, other))
}

fn closure(
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
pub(super) fn ids(set: &RuleSet, rules: &BTreeSet<u32>) -> BTreeSet<RuleId> {
    rules
        .iter()
        .filter_map(|rule| set.rule(*rule))
        .map(|rule| rule.id.clone())
        .collect()
}

/// The numbers of rules; those that are not in the set have none.
pub(super) fn numbers(set: &RuleSet, rules: &BTreeSet<RuleId>) -> BTreeSet<u32> {
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
