//! Rules that keep failing, broken out and tried again.
//!
//! Owns a [`CircuitBreaker`] for each rule and tenant that failed of late, and the ledger of what
//! they missed. Breakers are fed in the order of places and on the log's own time (arrivals), so
//! what they do is a function of the log: the same however it is cut into epochs, and the same in a
//! replay. Without arrival times (files) nothing is broken out. A rule that is broken out says
//! nothing for that tenant; matchers need not even ask it. When a breaker opens is the job of
//! [`CircuitBreaker`], and the alert about it that of `system`.
//! Invariant: one tenant's events never break a rule out for another, and a bad event alone never
//! does: half of the answers since the first failure must have failed.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use larum_event::{
    EvaluationPlace, EventId, MonotonicTime, Position, RuleId, Span, TenantId, Timestamp,
};
use larum_rule::RuleSet;
use serde::{Deserialize, Serialize};

use crate::breaker::{BreakerConfig, BreakerState, CallDecision, CallOutcome, CircuitBreaker};
use crate::epoch_item::EpochItem;
use crate::matching::{MatchOutput, PlacedFault, SkippedRules};

/// Rules and tenants with failures that are known at a time; what comes beyond is never broken out.
const WATCHED_MOST: usize = 10_000;
/// Stretches kept in the ledger; of those that are over, the oldest are dropped first.
const LEDGER_MOST: usize = 1_000;

/// When a rule is broken out, and for how long.
fn breaker_config() -> BreakerConfig {
    BreakerConfig {
        // Bad events may come in a row; only when good ones do not help is it the rule.
        consecutive_failures: None,
        failure_percent: Some(50),
        slow_percent: None,
        recent_calls: 100,
        minimum_calls: 20,
        cool_down: Span::from_seconds(5),
        cool_down_most: Span::from_seconds(300),
        ..BreakerConfig::default()
    }
}

/// A stretch of the log in which a rule was not asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleOutage {
    /// The rule.
    pub rule: RuleId,
    /// Whose events.
    pub tenant: TenantId,
    /// Behind this position: the event that broke the rule out.
    pub after: Position,
    /// Before this one: the event that it answered again. `None` while it is broken out.
    pub before: Option<Position>,
    /// What it failed on last.
    pub reason: String,
    /// How often it was tried again in vain.
    pub probes: u32,
    /// When it is tried again, by the log's time, while it is broken out.
    pub until: Option<Timestamp>,
}

/// What became of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerChange {
    /// It is broken out.
    Opened,
    /// It was tried again in vain.
    ProbeFailed,
    /// It is back.
    Closed,
}

/// A rule was broken out, tried in vain, or is back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakerEvent {
    /// What happened.
    pub change: BreakerChange,
    /// The event at which it happened.
    pub place: EvaluationPlace,
    /// Its id.
    pub event: EventId,
    /// Its time.
    pub time: Timestamp,
    /// The stretch that begins, continues or is over.
    pub missed: RuleOutage,
}

/// The breakers of rules that failed of late, and what rules missed.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct RuleBreakers {
    watched: BTreeMap<(RuleId, TenantId), WatchedRule>,
    /// In the order of beginnings.
    ledger: VecDeque<RuleOutage>,
}

/// A rule that failed of late on a tenant's events.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct WatchedRule {
    breaker: CircuitBreaker,
    /// What it failed on last.
    reason: String,
}

/// A change of a rule's breaker, and what it means for the rule.
struct RuleBreak {
    change: BreakerChange,
    /// When the rule is tried again.
    until: Option<Timestamp>,
    /// What it failed on last.
    reason: String,
}

/// One answer of a rule, or that it had none.
struct RuleCall<'a> {
    item: &'a EpochItem,
    fault: Option<&'a PlacedFault>,
}

impl RuleBreakers {
    /// The stretches that rules missed, oldest first.
    pub(crate) fn outages(&self) -> impl Iterator<Item = &RuleOutage> {
        self.ledger.iter()
    }

    /// What need not be asked about events up to `now`, besides the rules that are skipped
    /// `everywhere`.
    pub(crate) fn skipped_rules(
        &self,
        set: &RuleSet,
        everywhere: &BTreeSet<u32>,
        now: Option<MonotonicTime>,
    ) -> SkippedRules {
        let mut by_tenant: HashMap<TenantId, BTreeSet<u32>> = HashMap::new();
        for ((rule, tenant), watched) in &self.watched {
            let is_open = watched
                .breaker
                .open_until()
                .zip(now)
                .is_some_and(|(until, now)| now < until);
            if is_open && let Some(number) = rule_number(set, rule) {
                by_tenant
                    .entry(tenant.clone())
                    .or_insert_with(|| everywhere.clone())
                    .insert(number);
            }
        }
        SkippedRules::new(everywhere, by_tenant)
    }

    /// Feeds the answers of one layer's rules on `items`, each of which was admitted at `time`, and
    /// takes back those of rules that were broken out by then.
    pub(crate) fn record_calls(
        &mut self,
        set: &RuleSet,
        items: &[EpochItem],
        time: impl Fn(Position) -> Option<MonotonicTime>,
        matched: &mut MatchOutput,
    ) -> Vec<BreakerEvent> {
        let mut suspects: BTreeSet<u32> = matched.faults.iter().map(|fault| fault.number).collect();
        let watched = self.watched.keys();
        suspects.extend(watched.filter_map(|(rule, _)| rule_number(set, rule)));
        let mut breaks = Vec::new();
        let mut refused: BTreeSet<(u32, EvaluationPlace)> = BTreeSet::new();
        if suspects.is_empty() {
            return breaks;
        }
        // In the order of places for each rule: the answer before decides whether this one counts.
        for (number, calls) in collect_calls(&suspects, items, matched) {
            let Some(rule) = set.rule(number) else {
                continue;
            };
            for (place, fault) in calls {
                // Time first: there is none where keys are amended, and many items at one position.
                let Some(now) = time(place.position) else {
                    continue;
                };
                let Some(item) = find_item(items, place) else {
                    continue;
                };
                if !self.record_call(&rule.id, &RuleCall { item, fault }, now, &mut breaks) {
                    refused.insert((number, place));
                }
            }
        }
        if !refused.is_empty() {
            let is_kept = |rule: u32, place: EvaluationPlace| !refused.contains(&(rule, place));
            matched
                .matches
                .retain(|found| is_kept(found.rule, found.place));
            matched
                .faults
                .retain(|fault| is_kept(fault.number, fault.place));
        }
        breaks
    }

    /// Feeds one answer; false when the rule was broken out.
    fn record_call(
        &mut self,
        rule: &RuleId,
        call: &RuleCall<'_>,
        now: MonotonicTime,
        breaks: &mut Vec<BreakerEvent>,
    ) -> bool {
        let tenant = &call.item.event.envelope().tenant;
        let key = (rule.clone(), tenant.clone());
        if !self.watched.contains_key(&key) {
            if call.fault.is_none() || self.watched.len() >= WATCHED_MOST {
                return true;
            }
            let watched = WatchedRule {
                breaker: CircuitBreaker::new(breaker_config()),
                reason: String::new(),
            };
            self.watched.insert(key.clone(), watched);
        }
        let Some(WatchedRule { breaker, reason }) = self.watched.get_mut(&key) else {
            return true;
        };
        // Before the request, which may half-open the breaker: then the failure is a probe's.
        let before = breaker.state();
        let CallDecision::Permitted(pass) = breaker.request_call(now) else {
            return false;
        };
        let outcome = match call.fault {
            Some(fault) => {
                reason.clone_from(&fault.message);
                CallOutcome::Failure
            }
            None => CallOutcome::Success,
        };
        breaker.record_call(pass, outcome, Span::ZERO, now);
        let change = match (before, breaker.state()) {
            (BreakerState::Closed, BreakerState::Open) => Some(BreakerChange::Opened),
            (_, BreakerState::Open) => Some(BreakerChange::ProbeFailed),
            (BreakerState::Closed, _) => None,
            (_, _) => Some(BreakerChange::Closed),
        };
        let is_at_peace = breaker.is_healthy();
        if let Some(change) = change {
            let reopening = breaker.open_until();
            let happened = RuleBreak {
                change,
                until: reopening.map(|at| Timestamp::from_nanos(at.as_nanos())),
                reason: reason.clone(),
            };
            breaks.extend(self.record_change(rule, call, happened));
        }
        // Only rules that failed of late are watched, so that memory is bounded by failures.
        if is_at_peace {
            self.watched.remove(&key);
        }
        true
    }

    /// Writes a change into the ledger.
    fn record_change(
        &mut self,
        rule: &RuleId,
        call: &RuleCall<'_>,
        happened: RuleBreak,
    ) -> Option<BreakerEvent> {
        let position = call.item.place.position;
        let envelope = call.item.event.envelope();
        let tenant = &envelope.tenant;
        let RuleBreak {
            change,
            until,
            reason,
        } = happened;
        if change == BreakerChange::Opened {
            self.insert_outage(RuleOutage {
                rule: rule.clone(),
                tenant: tenant.clone(),
                after: position,
                before: None,
                reason: String::new(),
                probes: 0,
                until: None,
            });
        }
        // From the newest on: a rule has one stretch at most that is not over.
        let missed = self.ledger.iter_mut().rev().find(|missed| {
            missed.before.is_none() && missed.rule == *rule && missed.tenant == *tenant
        })?;
        missed.until = until;
        missed.reason = reason;
        match change {
            BreakerChange::Opened => {}
            BreakerChange::ProbeFailed => missed.probes = missed.probes.saturating_add(1),
            BreakerChange::Closed => missed.before = Some(position),
        }
        Some(BreakerEvent {
            change,
            place: call.item.place,
            event: envelope.id.clone(),
            time: envelope.time,
            missed: missed.clone(),
        })
    }

    /// Begins a stretch; the oldest one that is over makes room for it.
    fn insert_outage(&mut self, missed: RuleOutage) {
        if self.ledger.len() >= LEDGER_MOST {
            let over = self.ledger.iter().position(|one| one.before.is_some());
            drop(self.ledger.remove(over.unwrap_or(0)));
        }
        // Rules answer one after the other, but are listed as if at once.
        let place = |one: &RuleOutage| (one.after, one.rule.clone(), one.tenant.clone());
        let begins = place(&missed);
        let index = self.ledger.partition_point(|one| place(one) < begins);
        self.ledger.insert(index, missed);
    }

    /// Goes on with other rules, after `reached`: those that mean the same stay broken out, the
    /// others start with a closed breaker.
    pub(crate) fn activate_rules(&mut self, old: &RuleSet, new: &RuleSet, reached: Position) {
        let goes_on = |rule: &RuleId| {
            let number = rule_number(old, rule);
            number.is_some_and(|number| new.successor(old, number).is_some())
        };
        self.watched.retain(|(rule, _), _| goes_on(rule));
        for missed in &mut self.ledger {
            if missed.before.is_none() && !goes_on(&missed.rule) {
                missed.before = Some(reached.next());
                missed.until = None;
            }
        }
    }

    /// Takes over what `other` knows of `rules`, which were asked there and not here.
    pub(crate) fn adopt_rules(&mut self, other: &Self, rules: impl Fn(&RuleId) -> bool) {
        self.watched.retain(|(rule, _), _| !rules(rule));
        self.ledger.retain(|missed| !rules(&missed.rule));
        let watched = other.watched.iter().filter(|((rule, _), _)| rules(rule));
        self.watched
            .extend(watched.map(|(key, watched)| (key.clone(), watched.clone())));
        for missed in other.ledger.iter().filter(|missed| rules(&missed.rule)) {
            self.insert_outage(missed.clone());
        }
    }
}

fn rule_number(set: &RuleSet, rule: &RuleId) -> Option<u32> {
    let index = set.rules().binary_search_by(|one| one.id.cmp(rule)).ok()?;
    u32::try_from(index).ok()
}

/// The item at `place`; items of one position are in the order of their times.
fn find_item(items: &[EpochItem], place: EvaluationPlace) -> Option<&EpochItem> {
    let first = items.partition_point(|item| item.place.position < place.position);
    let mut here = items.iter().skip(first);
    here.find(|item| item.place.position > place.position || item.place == place)
        .filter(|item| item.place == place)
}

/// The answers of rules on items, by rule and in order: those of their scripts and, where none ran,
/// their matches.
fn collect_calls<'a>(
    of: &BTreeSet<u32>,
    items: &'a [EpochItem],
    matched: &'a MatchOutput,
) -> BTreeMap<u32, BTreeMap<EvaluationPlace, Option<&'a PlacedFault>>> {
    let mut calls: BTreeMap<u32, BTreeMap<EvaluationPlace, Option<&PlacedFault>>> = BTreeMap::new();
    let mut add = |rule: u32, place: EvaluationPlace, fault: Option<&'a PlacedFault>| {
        if of.contains(&rule) {
            calls.entry(rule).or_default().insert(place, fault);
        }
    };
    for run in &matched.runs {
        if let Some(item) = items.get(run.item as usize) {
            add(run.rule, item.place, None);
        }
    }
    for found in &matched.matches {
        add(found.rule, found.place, None);
    }
    for fault in &matched.faults {
        add(fault.number, fault.place, Some(fault));
    }
    calls
}

#[cfg(test)]
mod tests;
