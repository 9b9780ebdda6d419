//! What may be asked about incidents.

use std::sync::Arc;

use larum_event::{Position, Severity, limits};

use super::case::{AlertKey, Case, Listed};
use super::cases::CaseSlot;
use super::state::Incidents;
use super::trees::{Tree, TreeFacts};
use super::{IncidentAlert, IncidentId, IncidentQuery, IncidentStatus, IncidentSummary};
use crate::members::TreeId;

/// What the caller knows of a tree in memory.
type Look<'a> = &'a dyn Fn(TreeId) -> Option<TreeFacts>;

impl Incidents {
    /// The incident of this name or alias, with its alerts.
    pub(crate) fn summary(&self, name: &str, look: Look<'_>) -> Option<IncidentSummary> {
        let case = self.cases.get(self.cases.named(name)?)?;
        let mut summary = self.summary_of(case, look);
        let alerts = case.alerts.iter();
        summary.listed = alerts
            .map(|(key, alert)| self.alert(key, alert, look))
            .collect();
        summary.ties.clone_from(&case.ties);
        summary.crowded = case.crowded.iter().cloned().collect();
        Some(summary)
    }

    /// The name by which an incident goes now.
    pub(crate) fn name(&self, name: &str) -> Option<&IncidentId> {
        self.name_of(self.cases.named(name)?)
    }

    /// The incident of a tree. Also of one that left memory, while the incident lists an alert of it.
    pub(crate) fn of_tree(&self, tree: TreeId) -> Option<&IncidentId> {
        self.name_of(self.trees.get(self.trees.known(tree)?)?.case?)
    }

    /// The incident that lists an alert. Alerts that are only counted are found by their tree.
    pub(crate) fn of_alert(&self, alert: &str) -> Option<&IncidentId> {
        self.name_of(self.cases.of_alert(alert)?.0)
    }

    /// Incidents that list an entity, those opened first; at most [`limits::PAGE_MOST`].
    pub(crate) fn of_entity(&self, kind: &str, value: &str) -> Vec<&IncidentId> {
        let slots = self.cases.of_entity(kind, value);
        let mut names: Vec<_> = slots
            .filter_map(|slot| Some(&self.cases.get(slot)?.name))
            .collect();
        names.sort_unstable();
        names.truncate(limits::PAGE_MOST);
        names.into_iter().map(|(_, name)| name).collect()
    }

    /// Incidents that changed after a position, in the order of their last changes; at most `most`.
    pub(crate) fn changed_after(&self, after: Position, most: usize) -> Vec<&IncidentId> {
        let changed = self.cases.changed_after(after).take(most);
        changed.map(|case| &case.name.1).collect()
    }

    /// A page of the incidents that a query wants, those changed last first, and how many there are in all.
    pub(crate) fn list(
        &self,
        query: &IncidentQuery,
        look: Look<'_>,
    ) -> (Vec<IncidentSummary>, u64) {
        let mut page = Vec::new();
        let mut total = 0_u64;
        let limit = query.limit.min(limits::PAGE_MOST);
        for case in self.candidates(query) {
            if !is_wanted(case, query) {
                continue;
            }
            if total >= query.offset as u64 && page.len() < limit {
                page.push(self.summary_of(case, look));
            }
            total += 1;
        }
        (page, total)
    }

    /// A superset of what a query wants, those changed last first.
    fn candidates(&self, query: &IncidentQuery) -> Vec<&Case> {
        let Some((kind, value)) = query.entities.first() else {
            return self.cases.by_change().map(|(_, case)| case).collect();
        };
        let slots = self.cases.of_entity(kind, value);
        let mut cases: Vec<_> = slots
            .filter_map(|slot| Some((self.cases.get(slot)?, slot)))
            .collect();
        cases.sort_by_key(|(case, slot)| std::cmp::Reverse((case.changed, *slot)));
        cases.into_iter().map(|(case, _)| case).collect()
    }

    fn name_of(&self, slot: CaseSlot) -> Option<&IncidentId> {
        Some(&self.cases.get(slot)?.name.1)
    }

    fn summary_of(&self, case: &Case, look: Look<'_>) -> IncidentSummary {
        let trees = case.trees.iter().filter_map(|slot| self.trees.get(*slot));
        let mut trees: Vec<&Tree> = trees.collect();
        trees.sort_unstable_by_key(|tree| tree.name);
        let mut roots = Vec::new();
        let mut events = case.events_left_out;
        for facts in trees.iter().filter_map(|tree| facts(tree, look)) {
            events += facts.events;
            if roots.len() < limits::PAGE_MOST {
                roots.push(facts.root);
            }
        }
        let kinds = case.entities.iter();
        let more = kinds.clone().filter(|(_, values)| values.more > 0);
        let aliases = case.aliases.iter().take(limits::PAGE_MOST);
        let severity = case.tally.worst();
        IncidentSummary {
            id: case.name.1.clone(),
            aliases: aliases.map(|(_, name)| name.clone()).collect(),
            status: match severity {
                Some(_) => IncidentStatus::Open,
                None => IncidentStatus::Retracted,
            },
            first: case.first,
            last: case.last,
            severity: severity.unwrap_or(Severity::Info),
            alerts: case.tally.standing(),
            retracted: case.tally.retracted,
            events,
            trees: roots,
            tree_count: trees.len() as u64 + case.trees_left_out,
            entities: kinds
                .map(|(kind, values)| (kind.clone(), values.listed.iter().cloned().collect()))
                .collect(),
            more_entities: more
                .map(|(kind, values)| (kind.clone(), values.more))
                .collect(),
            attack: case.attack.iter().cloned().collect(),
            rules: case.rules.clone(),
            listed: Vec::new(),
            ties: Vec::new(),
            crowded: Vec::new(),
            opened: case.name.0,
            changed: case.changed,
        }
    }

    fn alert(&self, (_, id): &AlertKey, alert: &Listed, look: Look<'_>) -> IncidentAlert {
        let tree = alert.trees.first();
        let tree = tree.and_then(|tree| self.trees.get(self.trees.now(*tree)));
        let root = tree.and_then(|tree| facts(tree, look));
        IncidentAlert {
            id: id.clone(),
            rule: alert.rule.clone(),
            title: alert.title.clone(),
            status: alert.status,
            severity: alert.severity,
            time: alert.time,
            message: alert.message.to_string(),
            tree: root.map_or_else(|| Arc::clone(id), |facts| facts.root),
            position: alert.position,
        }
    }
}

fn facts(tree: &Tree, look: Look<'_>) -> Option<TreeFacts> {
    tree.gone.clone().or_else(|| look(tree.name))
}

fn is_wanted(case: &Case, query: &IncidentQuery) -> bool {
    let has_entity = |(kind, value): &(String, String)| {
        let values = case.entities.get(kind.as_str());
        values.is_some_and(|values| values.listed.contains(value.as_str()))
    };
    let has_rule = |rule: &String| case.rules.keys().any(|known| known.as_str() == rule);
    let is_severe = |least: Severity| case.tally.worst().is_some_and(|worst| worst >= least);
    query.severity.is_none_or(is_severe)
        && query.from.is_none_or(|from| case.last >= from)
        && query.to.is_none_or(|to| case.first <= to)
        && query.entities.iter().all(has_entity)
        && query.rule.as_ref().is_none_or(has_rule)
}
