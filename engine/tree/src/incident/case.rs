//! One incident: what its alerts come to.
//!
//! Owns the totals and lists of one incident. Which of two incidents survives a merge, and what
//! finds them, is the job of [`super::case_table`].
//! Invariant: every list is bounded, and what is beyond the bound is counted, so totals are exact
//! however large an incident grows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use larum_event::{AlertStatus, Position, RuleId, Severity, Timestamp, limits};
use serde::{Deserialize, Serialize};

use super::alert_update::AlertUpdate;
use super::incident_limits::IncidentLimits;
use super::slots::TreeSlot;
use super::{IncidentId, IncidentTie};

/// The order of alerts in an incident: the position of the first revision that was seen, and the
/// id.
pub(super) type AlertKey = (Position, Arc<str>);

/// An alert that is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ListedAlert {
    pub(super) rule: RuleId,
    pub(super) title: Option<Arc<str>>,
    pub(super) status: AlertStatus,
    pub(super) severity: Severity,
    pub(super) time: Timestamp,
    pub(super) message: Box<str>,
    pub(super) revision: u32,
    pub(super) position: Position,
    /// Its own tree, then those that hold its evidence.
    pub(super) trees: Vec<TreeSlot>,
}

/// Alerts that stand and do not, listed or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct AlertTally {
    /// Those that stand, mildest severity first.
    standing: [u64; Severity::ALL.len()],
    pub(super) retracted: u64,
}

/// Values of one kind of entity.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct EntityValues {
    pub(super) listed: BTreeSet<Arc<str>>,
    /// How often others were named.
    pub(super) more: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct IncidentCase {
    /// By age: where it was opened and the id.
    pub(super) name: (Position, IncidentId),
    /// What it was called too, by age.
    pub(super) aliases: BTreeSet<(Position, IncidentId)>,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) changed: Position,
    pub(super) tally: AlertTally,
    /// Those of them that are not listed.
    pub(super) counted: AlertTally,
    pub(super) entities: BTreeMap<Arc<str>, EntityValues>,
    pub(super) attack: BTreeSet<Arc<str>>,
    pub(super) rules: BTreeMap<RuleId, u64>,
    pub(super) alerts: BTreeMap<AlertKey, ListedAlert>,
    pub(super) ties: Vec<IncidentTie>,
    pub(super) crowded: BTreeSet<Arc<str>>,
    /// Trees that nothing is known of any more, and their events.
    pub(super) trees_left_out: u64,
    pub(super) events_left_out: u64,
    #[serde(skip)]
    pub(super) trees: BTreeSet<TreeSlot>,
    /// Values of all kinds.
    #[serde(skip)]
    pub(super) values: usize,
}

/// What two incidents have too much of together.
#[derive(Debug, Default)]
pub(super) struct MergeOverflow {
    pub(super) names: Vec<IncidentId>,
    pub(super) alerts: BTreeMap<AlertKey, ListedAlert>,
}

impl AlertTally {
    pub(super) fn count_alert(&mut self, status: AlertStatus, severity: Severity) {
        *self.counter_mut(status, severity) += 1;
    }

    /// Whether there was one to remove.
    pub(super) fn uncount_alert(&mut self, status: AlertStatus, severity: Severity) -> bool {
        let slot = self.counter_mut(status, severity);
        let is_there = *slot > 0;
        *slot -= u64::from(is_there);
        is_there
    }

    pub(super) fn standing_count(&self) -> u64 {
        self.standing.iter().sum()
    }

    /// `None` when no alert is in force.
    pub(super) fn worst_severity(&self) -> Option<Severity> {
        let levels = Severity::ALL.into_iter().zip(self.standing);
        levels
            .filter(|(_, count)| *count > 0)
            .map(|(level, _)| level)
            .next_back()
    }

    fn counter_mut(&mut self, status: AlertStatus, severity: Severity) -> &mut u64 {
        match status {
            AlertStatus::Retracted => &mut self.retracted,
            AlertStatus::Early | AlertStatus::Final => {
                let slot = self.standing.get_mut(usize::from(severity.number()));
                slot.expect("the numbers of all levels are below their count")
            }
        }
    }

    fn merge_counts(&mut self, other: Self) {
        for (own, more) in self.standing.iter_mut().zip(other.standing) {
            *own += more;
        }
        self.retracted += other.retracted;
    }
}

impl ListedAlert {
    pub(super) fn from_revision(alert: &AlertUpdate<'_>, trees: Vec<TreeSlot>) -> Self {
        let most = limits::MESSAGE_BYTES.min(alert.message.len());
        let mut ends = (0..=most).rev();
        let end = ends.find(|end| alert.message.is_char_boundary(*end));
        Self {
            rule: alert.rule.clone(),
            title: alert.title.cloned(),
            status: alert.status,
            severity: alert.severity,
            time: alert.time,
            message: alert
                .message
                .get(..end.unwrap_or(0))
                .unwrap_or_default()
                .into(),
            revision: alert.revision,
            position: alert.position,
            trees,
        }
    }

    pub(super) fn is_standing(&self) -> bool {
        self.status != AlertStatus::Retracted
    }
}

impl IncidentCase {
    pub(super) fn new(name: (Position, IncidentId), alert: &AlertUpdate<'_>) -> Self {
        Self {
            changed: name.0,
            name,
            aliases: BTreeSet::new(),
            first: alert.first,
            last: alert.last,
            tally: AlertTally::default(),
            counted: AlertTally::default(),
            entities: BTreeMap::new(),
            attack: BTreeSet::new(),
            rules: BTreeMap::new(),
            alerts: BTreeMap::new(),
            ties: Vec::new(),
            crowded: BTreeSet::new(),
            trees_left_out: 0,
            events_left_out: 0,
            trees: BTreeSet::new(),
            values: 0,
        }
    }

    /// How much there is of it, for the bound over all incidents.
    pub(super) fn entry_count(&self) -> usize {
        1 + self.aliases.len()
            + self.alerts.len()
            + self.attack.len()
            + self.rules.len()
            + self.ties.len()
            + self.crowded.len()
            + self.trees.len()
            + self.values
    }

    /// What a revision adds that later ones do not take back. Gives the entities that were not
    /// listed before.
    pub(super) fn add_revision(
        &mut self,
        alert: &AlertUpdate<'_>,
        limits: &IncidentLimits,
    ) -> Vec<(Arc<str>, Arc<str>)> {
        self.first = self.first.min(alert.first);
        self.last = self.last.max(alert.last);
        self.changed = self.changed.max(alert.position);
        add_techniques(&mut self.attack, alert.attack.iter().cloned());
        let entities = alert.entities.iter();
        entities
            .filter(|(kind, value)| self.list_entity(kind, value, limits))
            .cloned()
            .collect()
    }

    /// Whether the value is listed now and was not before.
    fn list_entity(&mut self, kind: &Arc<str>, value: &Arc<str>, most: &IncidentLimits) -> bool {
        if !self.entities.contains_key(kind) && self.entities.len() >= limits::LINKS {
            return false;
        }
        let values = self.entities.entry(kind.clone()).or_default();
        if values.listed.contains(value) {
            return false;
        }
        if values.listed.len() >= most.values_per_kind || value.len() > limits::ID_BYTES {
            values.more += 1;
            return false;
        }
        self.values += 1;
        values.listed.insert(value.clone())
    }

    /// Takes in the first revision of an alert that is not listed.
    pub(super) fn count_unlisted(&mut self, alert: &AlertUpdate<'_>) {
        self.tally.count_alert(alert.status, alert.severity);
        self.counted.count_alert(alert.status, alert.severity);
        *self.rules.entry(alert.rule.clone()).or_default() += 1;
    }

    /// Takes in a retraction of one: of one that was counted, or else of one that was never seen to
    /// stand.
    pub(super) fn retract_unlisted(&mut self, severity: Severity) {
        if self.counted.uncount_alert(AlertStatus::Final, severity) {
            self.tally.uncount_alert(AlertStatus::Final, severity);
        }
        self.tally.count_alert(AlertStatus::Retracted, severity);
        self.counted.count_alert(AlertStatus::Retracted, severity);
    }

    pub(super) fn add_tie(&mut self, tie: IncidentTie) {
        if self.ties.len() < limits::PAGE_MOST {
            self.ties.push(tie);
        }
    }

    pub(super) fn add_crowded_node(&mut self, name: &Arc<str>) {
        if self.crowded.len() < limits::PAGE_DEFAULT {
            self.crowded.insert(name.clone());
        }
    }

    /// Its id and its aliases.
    pub(super) fn names(&self) -> impl Iterator<Item = &IncidentId> {
        let names = std::iter::once(&self.name).chain(&self.aliases);
        names.map(|(_, id)| id)
    }

    /// The older name lives on, the other becomes an alias.
    pub(super) fn merge_names_and_alerts(
        &mut self,
        other: &mut Self,
        limits: &IncidentLimits,
    ) -> MergeOverflow {
        let (older, younger) = if self.name <= other.name {
            (self.name.clone(), other.name.clone())
        } else {
            (other.name.clone(), self.name.clone())
        };
        self.name = older;
        self.aliases.extend(std::mem::take(&mut other.aliases));
        self.aliases.insert(younger);
        // Not `append`: that walks all of both.
        self.alerts.extend(std::mem::take(&mut other.alerts));
        let mut left = MergeOverflow::default();
        while self.aliases.len() > limits.aliases_per_incident {
            left.names
                .extend(self.aliases.pop_last().map(|(_, name)| name));
        }
        while self.alerts.len() > limits.alerts_per_incident {
            let Some((key, alert)) = self.alerts.pop_last() else {
                break;
            };
            self.counted.count_alert(alert.status, alert.severity);
            left.alerts.insert(key, alert);
        }
        left
    }

    /// Takes over what another incident was, but for its alerts, trees and names. Gives the
    /// entities that were not listed before.
    pub(super) fn merge_totals(
        &mut self,
        other: &mut Self,
        limits: &IncidentLimits,
    ) -> Vec<(Arc<str>, Arc<str>)> {
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.changed = self.changed.max(other.changed);
        self.tally.merge_counts(other.tally);
        self.counted.merge_counts(other.counted);
        self.trees_left_out += other.trees_left_out;
        self.events_left_out += other.events_left_out;
        add_techniques(&mut self.attack, std::mem::take(&mut other.attack));
        for (rule, count) in std::mem::take(&mut other.rules) {
            *self.rules.entry(rule).or_default() += count;
        }
        // Sort before cutting: the oldest ties stay, whichever of the two they came from.
        if !other.ties.is_empty() {
            self.ties.append(&mut other.ties);
            self.ties.sort_by_key(|tie| tie.position);
            self.ties.truncate(limits::PAGE_MOST);
        }
        for name in std::mem::take(&mut other.crowded) {
            self.add_crowded_node(&name);
        }
        let mut added = Vec::new();
        for (kind, values) in std::mem::take(&mut other.entities) {
            for value in values.listed {
                if self.list_entity(&kind, &value, limits) {
                    added.push((kind.clone(), value));
                }
            }
            if let Some(own) = self.entities.get_mut(&kind) {
                own.more += values.more;
            }
        }
        added
    }
}

fn add_techniques(attack: &mut BTreeSet<Arc<str>>, more: impl IntoIterator<Item = Arc<str>>) {
    for technique in more {
        if attack.len() < limits::PAGE_MOST && technique.len() <= limits::ID_BYTES {
            attack.insert(technique);
        }
    }
}
