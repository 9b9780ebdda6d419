//! Questions about trees and incidents.
//!
//! Owns what an asker says and hears. Memory holds the trees that were added to last; one that it holds no more, or
//! that is asked for as it was, is grown again from the log.

use larum_event::{Position, TenantId};
use larum_tree::{IncidentQuery, IncidentSummary, RootSummary, TreeDiff, TreeQuery, TreeView};

use crate::engine::Engine;

mod answers;

mod history;

mod spill;

mod grown;

mod refused;

mod live;

mod gather;

mod ask;

mod watchers;

mod follow;

mod watch;

pub use answers::{AsOf, TimelinePage, TimelineQuery, TreeDelivery, TreeError, TreeUpdate};
pub(crate) use ask::turns;
pub(crate) use grown::{Grown, Soil};
pub(crate) use live::LiveTrees;
pub(crate) use refused::Refusals;
pub(crate) use spill::Spiller;
pub use watch::TreeWatch;
pub(crate) use watchers::Watchers;

impl Engine {
    /// What is asked of the tree that holds [`TreeQuery::id`]; [`TreeQuery::as_of`] is not looked at.
    ///
    /// # Errors
    /// There is no such tree; the cursor is another question's; the trees are being rebuilt; the log fails.
    pub async fn tree_query(
        &self,
        tenant: TenantId,
        query: TreeQuery,
        as_of: AsOf,
    ) -> Result<TreeView, TreeError> {
        self.asker(tenant).page(query, as_of).await
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
        self.asker(tenant).difference(&id, before, after).await
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
        self.asker(tenant).timeline(query, as_of).await
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
        let live = self.live_trees();
        live.ask_later(move |grown| grown.forest.incidents(&tenant, &query))
            .await
    }

    /// The incident with an id, one that it goes by as well included, or the one that holds an alert, a tree or an
    /// entity; with its alerts.
    ///
    /// # Errors
    /// There is none; the trees are being rebuilt.
    pub async fn incident(
        &self,
        tenant: TenantId,
        id: String,
    ) -> Result<IncidentSummary, TreeError> {
        let asked = id.clone();
        let live = self.live_trees();
        live.ask_later(move |grown| grown.forest.incident(&tenant, &asked))
            .await?
            .ok_or(TreeError::NotFound { id })
    }

    /// The trees in memory whose events name an entity, such as `user` `eve`, the one that did last first.
    ///
    /// # Errors
    /// The trees are being rebuilt.
    pub async fn trees_of(
        &self,
        tenant: TenantId,
        kind: String,
        value: String,
    ) -> Result<Vec<RootSummary>, TreeError> {
        let live = self.live_trees();
        live.ask_later(move |grown| grown.forest.trees_of(&tenant, &kind, &value))
            .await
    }

    /// Tells what comes into the tree that holds `id`, or into the trees of the incident `id`, or changes there,
    /// behind `after`: first what the log has of it, then what happens, without gap or repetition. A tree that
    /// becomes part of another goes on as that one. Dropping the watch ends it.
    ///
    /// # Errors
    /// There is no such tree; too many are watched; the trees are being rebuilt; the log fails.
    pub async fn watch_tree(
        &self,
        tenant: TenantId,
        id: String,
        after: Position,
    ) -> Result<TreeWatch, TreeError> {
        self.watch(self.asker(tenant), id, after).await
    }
}
