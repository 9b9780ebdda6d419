//! Units that are detached, and what comes next for each.
//!
//! Owns the facts: which rules are silent because of a unit, where their gaps begin, and when the
//! unit is tried again. Detaching a unit and closing its gap is the core's job.
//! Invariant: each unit is listed once, and a rule that several units keep silent has the same gap
//! start in all of them, so that its alerts are made up for exactly once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use larum_actor::MonotonicTime;
use larum_event::{Event, Position, RecordBody, RuleId};
use larum_pipeline::unit_detached_alert;

use crate::sequencing::base_state::{BaseState, DETACHED_PART, DetachedUnitPart};

/// A unit that is detached.
#[derive(Debug)]
pub(crate) struct DetachedUnit {
    /// Its name.
    pub(super) name: Arc<str>,
    /// The rules that are silent because of it. Each has the position up to which its alerts are in
    /// the log.
    pub(super) rules: BTreeMap<RuleId, Position>,
    /// State to run the gap from.
    pub(super) base: BaseState,
    /// What comes next for it.
    pub(super) retry: RetryState,
}

/// What comes next for a unit that is detached.
#[derive(Debug)]
pub(super) enum RetryState {
    /// Its gap may be filled from this time on.
    Due(MonotonicTime),
    /// Its gap is being filled.
    Filling,
    /// It is quarantined.
    Never,
}

impl DetachedUnit {
    /// Where its gap begins: from here on something is missing.
    pub(super) fn gap_start(&self) -> Position {
        self.rules.values().min().copied().unwrap_or_default()
    }

    /// The ids of the rules that are silent because of it.
    pub(super) fn rule_ids(&self) -> BTreeSet<RuleId> {
        self.rules.keys().cloned().collect()
    }

    fn checkpoint_part(&self) -> (String, Vec<u8>) {
        let rules = self.rules.iter();
        let part = DetachedUnitPart {
            name: self.name.to_string(),
            rules: rules.map(|(rule, from)| (rule.clone(), *from)).collect(),
            base: self.base.clone(),
        };
        (format!("{DETACHED_PART}{}", self.name), part.to_bytes())
    }

    fn is_due(&self, now: MonotonicTime) -> bool {
        match &self.retry {
            RetryState::Due(at) => *at <= now,
            RetryState::Filling | RetryState::Never => false,
        }
    }
}

/// All units that are detached.
#[derive(Debug, Default)]
pub(super) struct DetachedUnits {
    units: Vec<DetachedUnit>,
}

impl DetachedUnits {
    /// Adds `unit`, in place of what was known of it.
    pub(super) fn insert(&mut self, unit: DetachedUnit) {
        self.units.retain(|known| known.name != unit.name);
        self.units.push(unit);
    }

    /// Whether the unit named `name` is detached.
    pub(super) fn contains(&self, name: &str) -> bool {
        self.units.iter().any(|unit| *unit.name == *name)
    }

    /// Takes the unit named `name` out.
    pub(super) fn remove(&mut self, name: &str) -> Option<DetachedUnit> {
        let index = self.units.iter().position(|unit| *unit.name == *name)?;
        Some(self.units.swap_remove(index))
    }

    /// Takes all of them out.
    pub(super) fn take_all(&mut self) -> Vec<DetachedUnit> {
        std::mem::take(&mut self.units)
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &DetachedUnit> + Clone {
        self.units.iter()
    }

    /// Whether the gap of one of them may be filled now.
    pub(super) fn has_due(&self, now: MonotonicTime) -> bool {
        self.units.iter().any(|unit| unit.is_due(now))
    }

    /// The one whose gap is to be filled next: the oldest gap first, by name where several are as
    /// old.
    pub(super) fn next_to_fill(&mut self, now: MonotonicTime) -> Option<&mut DetachedUnit> {
        let due = self.units.iter_mut().filter(|unit| unit.is_due(now));
        due.min_by_key(|unit| (unit.gap_start(), Arc::clone(&unit.name)))
    }

    /// The unit named `name`.
    pub(super) fn get(&self, name: &str) -> Option<&DetachedUnit> {
        self.units.iter().find(|unit| *unit.name == *name)
    }

    /// The unit named `name`, to change it.
    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut DetachedUnit> {
        self.units.iter_mut().find(|unit| *unit.name == *name)
    }

    /// When the next one is to be tried.
    pub(super) fn next_due(&self) -> Option<MonotonicTime> {
        let due = self.units.iter().filter_map(|unit| match unit.retry {
            RetryState::Due(at) => Some(at),
            RetryState::Filling | RetryState::Never => None,
        });
        due.min()
    }

    /// Where the gap of `rule` begins, if a unit keeps it silent.
    pub(super) fn rule_gap(&self, rule: &RuleId) -> Option<Position> {
        let known = self.units.iter().filter_map(|unit| unit.rules.get(rule));
        known.copied().min()
    }

    /// The rules of `unit`, which is taken out, that no other unit keeps silent.
    pub(super) fn rules_only_in(&self, unit: &DetachedUnit) -> BTreeMap<RuleId, Position> {
        let rules = unit.rules.iter();
        rules
            .filter(|(rule, _)| self.rule_gap(rule).is_none())
            .map(|(rule, from)| (rule.clone(), *from))
            .collect()
    }

    /// The alerts up to `upto` of those rules are in the log for which `is_logged` holds, given
    /// unit, rule and gap start: their gaps begin no earlier.
    pub(super) fn advance_gaps(
        &mut self,
        upto: Position,
        is_logged: impl Fn(&str, &RuleId, Position) -> bool,
    ) {
        for unit in &mut self.units {
            for (rule, from) in &mut unit.rules {
                if is_logged(&unit.name, rule, *from) {
                    *from = upto.max(*from);
                }
            }
        }
    }

    /// Their parts of a checkpoint.
    pub(super) fn checkpoint_parts(&self) -> impl Iterator<Item = (String, Vec<u8>)> {
        self.units.iter().map(DetachedUnit::checkpoint_part)
    }
}

/// The alert that a unit is detached; other records make none.
pub(super) fn detached_alert(body: &RecordBody) -> Option<Event> {
    match body {
        RecordBody::UnitDetached(change) => unit_detached_alert(change),
        RecordBody::Event { .. }
        | RecordBody::Derived { .. }
        | RecordBody::RuleSetActivated(_)
        | RecordBody::EpochCommit(_)
        | RecordBody::UnitAttached(_)
        | RecordBody::GapFilled(_)
        | RecordBody::CursorMoved(_)
        | RecordBody::Tick(_)
        | RecordBody::Amend { .. } => None,
    }
}

/// Of `alerts`, those that are not in the log yet: `rules` says up to where it holds each rule's.
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
