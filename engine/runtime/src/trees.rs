//! Questions about trees and incidents.
//!
//! Owns what an asker says and hears. Memory holds the trees that were added to last; one that it holds no more, or
//! that is asked for as it was, is grown again from the log.

use larum_event::{Position, TenantId};
use larum_tree::{IncidentQuery, IncidentSummary, RootSummary, TreeDiff, TreeQuery, TreeView};

use crate::engine::Engine;

mod answers;

mod watch;

pub use answers::{AsOf, TimelinePage, TimelineQuery, TreeDelivery, TreeError, TreeUpdate};
pub use watch::TreeWatch;

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
        let AsOf::Now = as_of else {
            return Err(TreeError::NotNow);
        };
        let id = query.id;
        let found = self.tree(tenant, id.clone()).await;
        let found = found.map_err(|_| TreeError::NotNow)?;
        found.ok_or(TreeError::NotFound { id })
    }

    /// What changed in the tree that holds `id` between two moments.
    ///
    /// # Errors
    /// As [`Engine::tree_query`].
    pub async fn tree_difference(
        &self,
        _tenant: TenantId,
        _id: String,
        _before: AsOf,
        _after: AsOf,
    ) -> Result<TreeDiff, TreeError> {
        Err(TreeError::NotNow)
    }

    /// What happened in the tree that holds an id, or in an incident, in the order of time.
    ///
    /// # Errors
    /// As [`Engine::tree_query`].
    pub async fn timeline(
        &self,
        _tenant: TenantId,
        _query: TimelineQuery,
        _as_of: AsOf,
    ) -> Result<TimelinePage, TreeError> {
        Err(TreeError::NotNow)
    }

    /// Incidents, those changed last first, and how many there are on all pages.
    ///
    /// # Errors
    /// The trees are being rebuilt.
    pub async fn incidents(
        &self,
        _tenant: TenantId,
        _query: IncidentQuery,
    ) -> Result<(Vec<IncidentSummary>, u64), TreeError> {
        Err(TreeError::NotNow)
    }

    /// The incident with an id, one that it goes by as well included, and its alerts.
    ///
    /// # Errors
    /// There is none; the trees are being rebuilt.
    pub async fn incident(
        &self,
        _tenant: TenantId,
        _id: String,
    ) -> Result<IncidentSummary, TreeError> {
        Err(TreeError::NotNow)
    }

    /// The trees in memory whose events name an entity, such as `user` `eve`, the one that did last first.
    ///
    /// # Errors
    /// The trees are being rebuilt.
    pub async fn trees_of(
        &self,
        _tenant: TenantId,
        _kind: String,
        _value: String,
    ) -> Result<Vec<RootSummary>, TreeError> {
        Err(TreeError::NotNow)
    }

    /// Tells what comes into the tree that holds `id`, or into the trees of the incident `id`, or changes there,
    /// behind `after`: first what the log has of it, then what happens, without gap or repetition. A tree that
    /// becomes part of another goes on as that one. Dropping the watch ends it.
    ///
    /// # Errors
    /// There is no such tree; too many are watched; the trees are being rebuilt; the log fails.
    pub async fn watch_tree(
        &self,
        _tenant: TenantId,
        _id: String,
        _after: Position,
    ) -> Result<TreeWatch, TreeError> {
        Err(TreeError::NotNow)
    }
}
