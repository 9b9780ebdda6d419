//! Searching the trees that were spilled.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use larum_event::TenantId;
use rusqlite::{Connection, OpenFlags};

use crate::error::LogError;
use crate::formats;
use crate::partition::lock_read;
use crate::schema;
use crate::trees::runs::{KeyRuns, TreeReadError};
use crate::trees::spilled_tree::SpilledTree;
use crate::trees::{SharedTrees, fetch_tree, mix_key, tree_read_error};

/// Searches the store of trees; for one thread at a time. It sees what was spilled by the time it
/// is asked.
#[derive(Debug)]
pub struct TreeFinder {
    shared: Arc<SharedTrees>,
    connection: Option<Connection>,
}

impl TreeFinder {
    pub(super) fn new(shared: Arc<SharedTrees>) -> Self {
        Self {
            shared,
            connection: None,
        }
    }

    /// Another one for the same store.
    pub fn duplicate(&self) -> Self {
        Self::new(Arc::clone(&self.shared))
    }

    /// Whether no tree was ever spilled, so that nobody need be asked for.
    pub fn is_empty(&self) -> bool {
        self.runs().is_empty()
    }

    /// Whether a tree with this key may be there; a "no" is always right. Looks into memory alone.
    pub fn may_contain(&self, tenant: &TenantId, key: u64) -> bool {
        let key = mix_key(tenant, key);
        self.runs().iter().any(|run| run.may_contain(key))
    }

    /// The trees of `tenant` with a node of this key, oldest first.
    ///
    /// # Errors
    /// The file is damaged, or the disk fails.
    pub fn find_trees(
        &mut self,
        tenant: &TenantId,
        key: u64,
    ) -> Result<Vec<SpilledTree>, LogError> {
        if !self.may_contain(tenant, key) {
            return Ok(Vec::new());
        }
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => schema::open_file(
                &self.shared.path,
                OpenFlags::SQLITE_OPEN_READ_ONLY,
                formats::TREES,
            )?,
        };
        let found = self.find_consistent(&connection, tenant, key);
        self.connection = Some(connection);
        found.map_err(tree_read_error(&self.shared.path))
    }

    /// Whether this very tree is kept.
    pub(super) fn contains_tree(
        &self,
        connection: &Connection,
        tree: &SpilledTree,
    ) -> Result<bool, LogError> {
        let Some(key) = tree.keys.first() else {
            return Ok(false);
        };
        let known = self.find_consistent(connection, &tree.tenant, *key);
        Ok(known
            .map_err(tree_read_error(&self.shared.path))?
            .contains(tree))
    }

    fn runs(&self) -> KeyRuns {
        Arc::clone(&lock_read(&self.shared.runs))
    }

    fn find_consistent(
        &self,
        connection: &Connection,
        tenant: &TenantId,
        key: u64,
    ) -> Result<Vec<SpilledTree>, TreeReadError> {
        loop {
            let (runs, oldest) = (self.runs(), self.shared.oldest.load(Ordering::Acquire));
            let found = find_in_runs(connection, &runs, tenant, key, oldest);
            // Runs may have been merged and trees dropped meanwhile: then it is looked for again.
            let is_settled = Arc::ptr_eq(&runs, &self.runs());
            match found {
                Err(TreeReadError::Corrupt(_)) if !is_settled => {}
                found => return found,
            }
        }
    }
}

fn find_in_runs(
    connection: &Connection,
    runs: &KeyRuns,
    tenant: &TenantId,
    key: u64,
    oldest: u64,
) -> Result<Vec<SpilledTree>, TreeReadError> {
    let sought = mix_key(tenant, key);
    let mut numbers = Vec::new();
    for run in runs.iter().filter(|run| run.may_contain(sought)) {
        run.find_trees(connection, sought, &mut numbers)?;
    }
    numbers.sort_unstable();
    numbers.dedup();
    let mut trees = Vec::new();
    for number in numbers.into_iter().filter(|number| *number >= oldest) {
        let tree = fetch_tree(connection, number)?
            .ok_or(TreeReadError::Corrupt("a tree does not read back"))?;
        // Another tenant's key may come to the same number.
        if tree.tenant == *tenant && tree.keys.binary_search(&key).is_ok() {
            trees.push(tree);
        }
    }
    Ok(trees)
}
