//! The engine's answers about trees, incidents, windows and rules.
//!
//! Owns where the questions go; how they are answered is `larum-query`'s job.
//! Invariant: no question waits for evaluation. Trees and windows answer between two pieces of
//! work, or the caller hears that they are being rebuilt.

use std::collections::BTreeMap;
use std::sync::Arc;

use larum_actor::send_control;
use larum_event::{Position, RuleId, TenantId};
use larum_log::{EventPage, EventQuery};
use larum_pipeline::RuleOutage;
use larum_query::{
    AsOf, EvaluationProgress, OpenWindows, RuleOutageView, RulesInForce, TimelinePage,
    TimelineQuery, TreeError, TreeQueries, TreeWatch, WindowsQuery, hash_rule_files, rule_state,
};
use larum_rule::Rule;
use larum_tree::{IncidentQuery, IncidentSummary, RootSummary, TreeView};
use larum_view::{TreeDiff, TreeQuery};
use tokio::sync::oneshot;

use crate::api::QueryError;
use crate::engine::Engine;
use crate::messages::ViewWindow;

impl Engine {
    fn tree_queries(&self, tenant: TenantId) -> TreeQueries {
        self.0.tree_client.for_tenant(tenant)
    }

    /// Finds stored events.
    ///
    /// # Errors
    /// The store cannot be read, or the query is not valid.
    pub async fn query_events(&self, query: EventQuery) -> Result<EventPage, QueryError> {
        let mut reader = self.0.readers.open_reader();
        let asked = tokio::task::spawn_blocking(move || reader.query(&query));
        Ok(asked
            .await
            .map_err(|_| QueryError::Unavailable)?
            .map_err(Arc::new)?)
    }

    /// The tree that holds `id` (a root, a step, an event or an alert), if there is one.
    ///
    /// # Errors
    /// The trees are being rebuilt; the log fails.
    pub async fn whole_tree(
        &self,
        tenant: TenantId,
        id: String,
    ) -> Result<Option<TreeView>, TreeError> {
        let asked = self.tree_query(tenant, TreeQuery::whole_tree(id), AsOf::Now);
        none_if_not_found(asked.await)
    }

    /// What is asked of the tree that holds [`TreeQuery::id`]; [`TreeQuery::as_of`] is ignored.
    ///
    /// # Errors
    /// There is no such tree; the cursor is another question's; the trees are being rebuilt; the
    /// log fails.
    pub async fn tree_query(
        &self,
        tenant: TenantId,
        query: TreeQuery,
        as_of: AsOf,
    ) -> Result<TreeView, TreeError> {
        self.tree_queries(tenant).tree_page(query, as_of).await
    }

    /// What changed in the tree that holds `id` between two moments.
    ///
    /// # Errors
    /// As [`Engine::tree_query`].
    pub async fn tree_difference(
        &self,
        tenant: TenantId,
        id: String,
        before: AsOf,
        after: AsOf,
    ) -> Result<TreeDiff, TreeError> {
        let queries = self.tree_queries(tenant);
        queries.compare_trees(&id, before, after).await
    }

    /// What happened in the tree that holds an id, or in an incident, in the order of time.
    ///
    /// # Errors
    /// As [`Engine::tree_query`].
    pub async fn timeline(
        &self,
        tenant: TenantId,
        query: TimelineQuery,
        as_of: AsOf,
    ) -> Result<TimelinePage, TreeError> {
        self.tree_queries(tenant).timeline_page(query, as_of).await
    }

    /// Incidents, those changed last first, and how many there are on all pages.
    ///
    /// # Errors
    /// The trees are being rebuilt.
    pub async fn incidents(
        &self,
        tenant: TenantId,
        query: IncidentQuery,
    ) -> Result<(Vec<IncidentSummary>, u64), TreeError> {
        self.tree_queries(tenant).incidents(query).await
    }

    /// The incident with an id, one that it goes by as well included, or the one that holds an
    /// alert, a tree or an entity; with its alerts.
    ///
    /// # Errors
    /// There is none; the trees are being rebuilt.
    pub async fn incident(
        &self,
        tenant: TenantId,
        id: String,
    ) -> Result<IncidentSummary, TreeError> {
        self.tree_queries(tenant).incident(id).await
    }

    /// The trees in memory whose events name an entity, such as `user` `eve`, the most recent one
    /// first.
    ///
    /// # Errors
    /// The trees are being rebuilt.
    pub async fn trees_with_entity(
        &self,
        tenant: TenantId,
        kind: String,
        value: String,
    ) -> Result<Vec<RootSummary>, TreeError> {
        let queries = self.tree_queries(tenant);
        queries.trees_with_entity(kind, value).await
    }

    /// Reports what comes into the tree that holds `id`, or into the trees of the incident `id`, or
    /// changes there, behind `after`; see [`TreeQueries::watch_tree`].
    ///
    /// # Errors
    /// There is no such tree; too many are watched; the trees are being rebuilt; the log fails.
    pub async fn watch_tree(
        &self,
        tenant: TenantId,
        id: String,
        after: Position,
    ) -> Result<TreeWatch, TreeError> {
        let progress = EvaluationProgress {
            evaluated: self.0.gauges.watch_evaluated(),
            stopped: self.0.gauges.watch_stopped(),
        };
        let queries = self.tree_queries(tenant);
        queries.watch_tree(id, after, progress).await
    }

    /// What is open in the windows of the rules in force.
    ///
    /// # Errors
    /// There is no such rule.
    pub async fn open_windows(&self, query: WindowsQuery) -> Result<OpenWindows, QueryError> {
        let in_force = self.0.rulebook.windows.current_windows();
        let mut open = OpenWindows::new();
        let Some(set) = &in_force.set else {
            return Ok(open);
        };
        let is_wanted = |rule: &Rule| query.rule.as_ref().is_none_or(|wanted| *wanted == rule.id);
        // All windows are asked before the first answer is awaited: they answer at the same time.
        let mut waiting = Vec::new();
        for (number, slot) in &in_force.slots {
            let Some(rule) = set.rule(*number).filter(|rule| is_wanted(rule)) else {
                continue;
            };
            let (reply, answer) = oneshot::channel();
            let view = ViewWindow {
                query: query.clone(),
                reply,
            };
            let address = slot.address();
            if address.is_some_and(|address| send_control(&address.recipient(), view).is_ok()) {
                waiting.push((rule, answer));
            } else {
                open.complete = false;
            }
        }
        for (rule, answer) in waiting {
            match answer.await {
                Ok(shown) => open.add_window(rule, shown),
                // Its state was lost and is not back yet.
                Err(_) => open.complete = false,
            }
        }
        open.sort_and_truncate(query.limit);
        Ok(open)
    }

    /// Whether a rule of this id is in force.
    pub fn has_rule(&self, rule: &RuleId) -> bool {
        let in_force = self.0.rulebook.windows.current_windows();
        let set = in_force.set.as_ref();
        set.is_some_and(|set| set.rules().iter().any(|one| one.id == *rule))
    }

    /// The rules in force, and how each fares.
    pub fn rules_in_force(&self) -> RulesInForce {
        let in_force = self.0.rulebook.current_rules();
        let mut missed: BTreeMap<RuleId, Vec<RuleOutageView>> = BTreeMap::new();
        for outage in self.0.rulebook.outages().iter() {
            let of_rule = missed.entry(outage.rule.clone()).or_default();
            of_rule.push(outage_view(outage));
        }
        let rules = in_force.set.rules().iter().zip(&in_force.counts);
        RulesInForce {
            hash: hash_rule_files(in_force.set.files()),
            since: in_force.since,
            reload_failed: self.0.gauges.has_reload_failed(),
            rules: rules
                .map(|(rule, counts)| {
                    let missed = missed.remove(&rule.id).unwrap_or_default();
                    rule_state(rule, counts, missed)
                })
                .collect(),
        }
    }
}

/// Every failure but "not found" stays what it is, so that the caller can tell what to do about it.
fn none_if_not_found(asked: Result<TreeView, TreeError>) -> Result<Option<TreeView>, TreeError> {
    match asked {
        Ok(view) => Ok(Some(view)),
        Err(TreeError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn outage_view(outage: &RuleOutage) -> RuleOutageView {
    RuleOutageView {
        tenant: outage.tenant.clone(),
        after: outage.after,
        before: outage.before,
        reason: outage.reason.clone(),
        probes: outage.probes,
        until: outage.until,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_tree_that_is_not_found_is_no_tree_and_other_failures_keep_their_words() {
        let not_found = TreeError::NotFound { id: "x".to_owned() };
        assert_eq!(none_if_not_found(Err(not_found)).unwrap(), None);
        for error in [
            TreeError::TooMany { most: 3 },
            TreeError::Cursor,
            TreeError::Rebuilding,
            TreeError::NotInTree {
                id: "x".to_owned(),
                root: "y".to_owned(),
            },
        ] {
            let passed = none_if_not_found(Err(error.clone())).unwrap_err();
            assert_eq!(passed.to_string(), error.to_string());
        }
    }
}
