//! What may be asked about incidents.
//!
//! Owns summaries and the paging of lists; it does not change anything. Roots and counts of trees
//! that memory holds are looked up by the caller.
//! Invariant: a summary is put together from the incident alone and from its trees in the order of
//! their ids, so equal states give equal answers.

use std::sync::Arc;

use larum_event::{Position, Severity, limits};

use super::case::{IncidentCase, ListedAlert};
use super::slots::CaseSlot;
use super::tenant_incidents::TenantIncidents;
use super::tree_table::{TreeFacts, TreeState};
use super::{IncidentAlert, IncidentId, IncidentQuery, IncidentStatus, IncidentSummary};
use crate::tree_members::TreeId;

/// What the caller knows of a tree in memory.
type TreeFactsFn<'a> = &'a dyn Fn(TreeId) -> Option<TreeFacts>;

impl TenantIncidents {
    /// The incident of this name or alias, with its alerts.
    pub(crate) fn find_summary(
        &self,
        name: &str,
        look: TreeFactsFn<'_>,
    ) -> Option<IncidentSummary> {
        let case = self.cases.get(self.cases.find_by_name(name)?)?;
        let mut summary = self.summarise_case(case, look);
        let alerts = case.alerts.iter();
        summary.listed = alerts
            .map(|(key, alert)| self.summarise_alert(&key.1, alert, look))
            .collect();
        summary.ties.clone_from(&case.ties);
        summary.crowded = case.crowded.iter().cloned().collect();
        Some(summary)
    }

    /// The name by which an incident goes now.
    pub(crate) fn current_name(&self, name: &str) -> Option<&IncidentId> {
        self.case_name(self.cases.find_by_name(name)?)
    }

    /// The incident of a tree. Also of one that left memory, while the incident lists an alert of
    /// it.
    pub(crate) fn incident_of_tree(&self, tree: TreeId) -> Option<&IncidentId> {
        self.case_name(self.trees.get(self.trees.find_slot(tree)?)?.case?)
    }

    /// The incident that lists an alert. Alerts that are only counted are found by their tree.
    pub(crate) fn incident_of_alert(&self, alert: &str) -> Option<&IncidentId> {
        self.case_name(self.cases.find_by_alert(alert)?.0)
    }

    /// Incidents that list an entity, those opened first; at most [`limits::PAGE_MOST`].
    pub(crate) fn incidents_of_entity(&self, kind: &str, value: &str) -> Vec<&IncidentId> {
        let slots = self.cases.find_by_entity(kind, value);
        let mut names: Vec<_> = slots
            .filter_map(|slot| Some(&self.cases.get(slot)?.name))
            .collect();
        names.sort_unstable();
        names.truncate(limits::PAGE_MOST);
        names.into_iter().map(|(_, name)| name).collect()
    }

    /// Incidents that changed after a position, in the order of their last changes; at most `most`.
    pub(crate) fn incidents_changed_after(&self, after: Position, most: usize) -> Vec<&IncidentId> {
        let changed = self.cases.iter_changed_after(after).take(most);
        changed.map(|case| &case.name.1).collect()
    }

    /// A page of the incidents that a query wants, those changed last first, and how many there are
    /// in all.
    pub(crate) fn list_page(
        &self,
        query: &IncidentQuery,
        look: TreeFactsFn<'_>,
    ) -> (Vec<IncidentSummary>, u64) {
        let mut page = Vec::new();
        let mut total = 0_u64;
        let limit = query.limit.min(limits::PAGE_MOST);
        for case in self.find_candidates(query) {
            if !matches_query(case, query) {
                continue;
            }
            if total >= query.offset as u64 && page.len() < limit {
                page.push(self.summarise_case(case, look));
            }
            total += 1;
        }
        (page, total)
    }

    /// A superset of what a query wants, those changed last first.
    fn find_candidates(&self, query: &IncidentQuery) -> Vec<&IncidentCase> {
        let Some((kind, value)) = query.entities.first() else {
            return self.cases.iter_by_change().map(|(_, case)| case).collect();
        };
        let slots = self.cases.find_by_entity(kind, value);
        let mut cases: Vec<_> = slots
            .filter_map(|slot| Some((self.cases.get(slot)?, slot)))
            .collect();
        cases.sort_by_key(|(case, slot)| std::cmp::Reverse((case.changed, *slot)));
        cases.into_iter().map(|(case, _)| case).collect()
    }

    fn case_name(&self, slot: CaseSlot) -> Option<&IncidentId> {
        Some(&self.cases.get(slot)?.name.1)
    }

    fn summarise_case(&self, case: &IncidentCase, look: TreeFactsFn<'_>) -> IncidentSummary {
        let slots = case.trees.iter();
        let mut trees: Vec<&TreeState> = slots.filter_map(|slot| self.trees.get(*slot)).collect();
        // Sort before cutting: which roots are listed must not depend on the numbers of trees here.
        trees.sort_unstable_by_key(|tree| tree.name);
        let mut roots = Vec::new();
        let mut events = case.events_left_out;
        for facts in trees.iter().filter_map(|tree| find_tree_facts(tree, look)) {
            events += facts.events;
            if roots.len() < limits::PAGE_MOST {
                roots.push(facts.root);
            }
        }
        let kinds = case.entities.iter();
        let more = kinds.clone().filter(|(_, values)| values.more > 0);
        let aliases = case.aliases.iter().take(limits::PAGE_MOST);
        let severity = case.tally.worst_severity();
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
            alerts: case.tally.standing_count(),
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

    fn summarise_alert(
        &self,
        id: &Arc<str>,
        alert: &ListedAlert,
        look: TreeFactsFn<'_>,
    ) -> IncidentAlert {
        let slot = alert.trees.first();
        let tree = slot.and_then(|slot| self.trees.get(self.trees.current_slot(*slot)));
        let root = tree.and_then(|tree| find_tree_facts(tree, look));
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

fn find_tree_facts(tree: &TreeState, look: TreeFactsFn<'_>) -> Option<TreeFacts> {
    tree.gone.clone().or_else(|| look(tree.name))
}

fn matches_query(case: &IncidentCase, query: &IncidentQuery) -> bool {
    let has_entity = |(kind, value): &(String, String)| {
        let values = case.entities.get(kind.as_str());
        values.is_some_and(|values| values.listed.contains(value.as_str()))
    };
    let has_rule = |rule: &String| case.rules.keys().any(|known| known.as_str() == rule);
    let is_severe = |least: Severity| {
        case.tally
            .worst_severity()
            .is_some_and(|worst| worst >= least)
    };
    query.severity.is_none_or(is_severe)
        && query.from.is_none_or(|from| case.last >= from)
        && query.to.is_none_or(|to| case.first <= to)
        && query.entities.iter().all(has_entity)
        && query.rule.as_ref().is_none_or(has_rule)
}
