//! Questions about trees and incidents.
//!
//! Owns what an asker says and hears. Memory holds the trees that were added to last; one that it holds no more, or
//! that is asked for as it was, is grown again from the log.

use larum_event::{Position, TenantId};
use larum_tree::{IncidentQuery, IncidentSummary, RootSummary, TreeView};
use larum_view::{TreeDiff, TreeQuery};

use crate::engine::Engine;

mod answers;

mod history;

mod store_writer;

mod live_graph;

mod refusal_reporter;

mod tree_client;

mod tree_rebuilder;

mod query_runner;

mod watchers;

mod tree_follower;

mod watch;

pub use answers::{AsOf, TimelinePage, TimelineQuery, TreeDelivery, TreeError, TreeUpdate};
pub(crate) use live_graph::{LiveGraph, TreeContext};
pub(crate) use query_runner::new_rebuild_slots;
pub(crate) use refusal_reporter::RefusalReporter;
pub(crate) use store_writer::TreeStoreWriter;
pub(crate) use tree_client::TreeClient;
pub use watch::TreeWatch;
pub(crate) use watchers::TreeWatchers;

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
        self.query_runner(tenant).tree_page(query, as_of).await
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
        self.query_runner(tenant)
            .compare_trees(&id, before, after)
            .await
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
        self.query_runner(tenant).timeline_page(query, as_of).await
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
        let live = self.tree_client();
        live.ask_async(move |grown| grown.graph.list_incidents(&tenant, &query))
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
        let live = self.tree_client();
        live.ask_async(move |grown| grown.graph.find_incident(&tenant, &asked))
            .await?
            .ok_or(TreeError::NotFound { id })
    }

    /// The trees in memory whose events name an entity, such as `user` `eve`, the one that did last first.
    ///
    /// # Errors
    /// The trees are being rebuilt.
    pub async fn trees_with_entity(
        &self,
        tenant: TenantId,
        kind: String,
        value: String,
    ) -> Result<Vec<RootSummary>, TreeError> {
        let live = self.tree_client();
        live.ask_async(move |grown| grown.graph.trees_of_entity(&tenant, &kind, &value))
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
        self.start_watch(self.query_runner(tenant), id, after).await
    }
}
