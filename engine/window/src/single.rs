//! Rules without a window: each match is an alert by itself.
//!
//! Owns what such a rule has said of alerts of the rules below, because those may be taken back or
//! come again. Matches of raw events are never taken back, so nothing is kept of them.
//! Invariant: the revisions of one alert follow on each other, and the last of them is a retraction
//! exactly if the alert below is retracted.

use std::collections::{BTreeMap, BTreeSet};

use larum_event::{
    AlertStatus, Detection, DetectionEffect, DetectionTrigger, EvaluationPlace, EventId,
    EventOrder, GroupKey, Match, TenantId, Timestamp,
};
use serde::{Deserialize, Serialize};

/// A match by itself, and where it was evaluated.
struct SingleMatch<'a> {
    rule: u32,
    tenant: &'a TenantId,
    key: &'a GroupKey,
    event_id: &'a EventId,
    order: EventOrder,
    place: EvaluationPlace,
}

/// The detection that a match of a raw event is.
pub(crate) fn detect_single(matched: &Match) -> Detection {
    SingleMatch::from_match(matched).revise(1, DetectionEffect::Raise)
}

/// An alert below that matched, with the group that it matched in: it may come again in another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct MatchedAlertName {
    alert: EventId,
    key: GroupKey,
}

/// What was said of an alert below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AnsweredAlert {
    /// Its order when it matched last.
    order: EventOrder,
    /// It is forgotten when this is beyond the horizon.
    seen: Timestamp,
    revision: u32,
    is_retracted: bool,
}

/// The alerts below that a rule without a window has answered.
#[derive(Debug)]
pub(crate) struct AnsweredAlerts {
    /// The number of the rule.
    rule: u32,
    tenants: BTreeMap<TenantId, TenantAnswers>,
    /// Those that have changed since they were last written; `None` if none ever was.
    changed: Option<BTreeSet<(TenantId, MatchedAlertName)>>,
}

/// The same of one tenant.
#[derive(Debug, Default)]
struct TenantAnswers {
    alerts: BTreeMap<MatchedAlertName, AnsweredAlert>,
    by_age: BTreeSet<(Timestamp, MatchedAlertName)>,
}

/// What a checkpoint holds of them; `None` for one that was forgotten.
pub(crate) type WrittenAnswers = BTreeMap<(TenantId, MatchedAlertName), Option<AnsweredAlert>>;

impl AnsweredAlerts {
    pub(crate) fn new(rule: u32) -> Self {
        Self {
            rule,
            tenants: BTreeMap::new(),
            changed: None,
        }
    }

    /// Answers a match of an alert, and remembers that. Returns how many others had to be
    /// forgotten because a tenant has more than `most`.
    pub(crate) fn answer_match(
        &mut self,
        matched: &Match,
        most: usize,
        out: &mut Vec<Detection>,
    ) -> u64 {
        let name = MatchedAlertName {
            alert: matched.event_id.clone(),
            key: matched.key.clone(),
        };
        let tenant = self.tenants.entry(matched.tenant.clone()).or_default();
        let before = tenant.remove(&name);
        let effect = match before {
            Some(before) if !before.is_retracted => DetectionEffect::Replace,
            Some(_) | None => DetectionEffect::Raise,
        };
        let revision = before.map_or(0, |before| before.revision) + 1;
        out.push(SingleMatch::from_match(matched).revise(revision, effect));
        // Forget before remembering, or the alert itself could be the one that is oldest.
        let mut forgotten = 0;
        while tenant.alerts.len() >= most.max(1)
            && let Some((_, oldest)) = tenant.by_age.first().cloned()
        {
            tenant.remove(&oldest);
            note_change(&mut self.changed, &matched.tenant, oldest);
            forgotten += 1;
        }
        let answered = AnsweredAlert {
            order: matched.order,
            // Whichever is later: the alerts of a source that is behind are retracted later, too.
            seen: matched.order.time.max(matched.front),
            revision,
            is_retracted: false,
        };
        tenant.insert(name.clone(), answered);
        note_change(&mut self.changed, &matched.tenant, name);
        forgotten
    }

    /// Takes back what the rule said of an alert that was retracted below.
    pub(crate) fn retract_alert(
        &mut self,
        tenant: &TenantId,
        alert: &EventId,
        place: EvaluationPlace,
        out: &mut Vec<Detection>,
    ) {
        let Some(answers) = self.tenants.get_mut(tenant) else {
            return;
        };
        let least = MatchedAlertName {
            alert: alert.clone(),
            key: GroupKey::empty(),
        };
        let groups = answers.alerts.range_mut(least..);
        for (name, answered) in groups.take_while(|(name, _)| name.alert == *alert) {
            if answered.is_retracted {
                continue;
            }
            answered.is_retracted = true;
            answered.revision += 1;
            let single = SingleMatch {
                rule: self.rule,
                tenant,
                key: &name.key,
                event_id: alert,
                order: answered.order,
                place,
            };
            out.push(single.revise(answered.revision, DetectionEffect::Retract));
            note_change(&mut self.changed, tenant, name.clone());
        }
    }

    /// Forgets what a tenant's rules below can no longer take back.
    pub(crate) fn forget_before(&mut self, tenant: &TenantId, horizon: Timestamp) {
        let Some(answers) = self.tenants.get_mut(tenant) else {
            return;
        };
        while let Some((seen, name)) = answers.by_age.first()
            && *seen < horizon
        {
            let name = name.clone();
            answers.remove(&name);
            note_change(&mut self.changed, tenant, name);
        }
        if answers.alerts.is_empty() {
            self.tenants.remove(tenant);
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        for (tenant, answers) in std::mem::take(&mut self.tenants) {
            for name in answers.alerts.into_keys() {
                note_change(&mut self.changed, &tenant, name);
            }
        }
    }

    /// How many alerts it remembers.
    pub(crate) fn len(&self) -> usize {
        let tenants = self.tenants.values();
        tenants.map(|answers| answers.alerts.len()).sum()
    }

    /// All of them.
    pub(crate) fn write_all(&self) -> WrittenAnswers {
        let tenants = self.tenants.iter();
        let written = tenants.flat_map(|(tenant, answers)| {
            let alerts = answers.alerts.iter();
            alerts.map(|(name, answered)| ((tenant.clone(), name.clone()), Some(*answered)))
        });
        written.collect()
    }

    /// Those that have changed since the last call; all at the first.
    pub(crate) fn take_changes(&mut self) -> WrittenAnswers {
        let Some(changed) = self.changed.replace(BTreeSet::new()) else {
            return self.write_all();
        };
        let written = changed.into_iter().map(|(tenant, name)| {
            let answers = self.tenants.get(&tenant);
            let answered = answers
                .and_then(|answers| answers.alerts.get(&name))
                .copied();
            ((tenant, name), answered)
        });
        written.collect()
    }

    /// Adds what [`AnsweredAlerts::write_all`] wrote.
    pub(crate) fn restore(&mut self, written: WrittenAnswers) {
        for ((tenant, name), answered) in written {
            if let Some(answered) = answered {
                self.tenants
                    .entry(tenant)
                    .or_default()
                    .insert(name, answered);
            }
        }
    }
}

impl TenantAnswers {
    fn insert(&mut self, name: MatchedAlertName, answered: AnsweredAlert) {
        self.by_age.insert((answered.seen, name.clone()));
        self.alerts.insert(name, answered);
    }

    fn remove(&mut self, name: &MatchedAlertName) -> Option<AnsweredAlert> {
        let answered = self.alerts.remove(name)?;
        self.by_age.remove(&(answered.seen, name.clone()));
        Some(answered)
    }
}

impl MatchedAlertName {
    /// Which of `shards` holds it.
    pub(crate) fn shard_index(&self, shards: usize) -> usize {
        self.key.shard_index(shards)
    }
}

fn note_change(
    changed: &mut Option<BTreeSet<(TenantId, MatchedAlertName)>>,
    tenant: &TenantId,
    name: MatchedAlertName,
) {
    if let Some(changed) = changed {
        changed.insert((tenant.clone(), name));
    }
}

impl<'a> SingleMatch<'a> {
    fn from_match(matched: &'a Match) -> Self {
        Self {
            rule: matched.rule,
            tenant: &matched.tenant,
            key: &matched.key,
            event_id: &matched.event_id,
            order: matched.order,
            place: matched.place,
        }
    }

    fn revise(&self, revision: u32, effect: DetectionEffect) -> Detection {
        let time = self.order.time;
        Detection {
            rule: self.rule,
            tenant: self.tenant.clone(),
            key: self.key.clone(),
            anchor: self.event_id.clone(),
            trigger: DetectionTrigger {
                event_id: self.event_id.clone(),
                order: self.order,
            },
            time,
            place: self.place,
            revision,
            status: match effect {
                DetectionEffect::Retract => AlertStatus::Retracted,
                DetectionEffect::Raise | DetectionEffect::Revise | DetectionEffect::Replace => {
                    AlertStatus::Final
                }
            },
            effect,
            count: 1,
            value: None,
            error: None,
            first: time,
            last: time,
            evidence: vec![self.event_id.clone()],
            script_json: None,
        }
    }
}
