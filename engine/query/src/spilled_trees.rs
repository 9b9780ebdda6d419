//! Trees evicted from memory, and how they are found again.
//!
//! Owns the trees that wait to be written, and the index of those in the store. Writing them
//! belongs to the owner of the store.
//! Invariant: a tree is found at every moment, in memory, here or in the store. It is taken off the
//! queue only after it is in the store, so a search meets it twice rather than never.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use larum_event::TenantId;
use larum_log::{LogError, SpilledTree, TreeFinder};
use larum_tree::TreeMembers;
use tracing::error;

/// Trees that wait before they are written.
const BATCH: usize = 4_096;
/// Most trees that wait; beyond it the oldest are dropped, and the next start builds a new store.
const WAITING_MOST: usize = 200_000;

/// The trees evicted from memory. Clones share them.
#[derive(Debug, Clone)]
pub struct SpilledTrees(Arc<Mutex<SpillQueue>>);

#[derive(Debug)]
struct SpillQueue {
    trees: Vec<Arc<SpilledTree>>,
    /// Their keys.
    keys: HashSet<u64>,
    finder: TreeFinder,
    /// How often the store was replaced.
    generation: u64,
    /// How many trees were evicted from memory.
    spilled_count: u64,
    /// Some were dropped without having been written.
    is_short: bool,
}

/// Finds evicted trees; for one thread.
#[derive(Debug)]
pub struct SpilledTreeFinder {
    trees: SpilledTrees,
    /// The generation of the store that it finds them in.
    pub(crate) generation: u64,
    finder: TreeFinder,
}

impl SpilledTrees {
    /// None yet, besides those that `finder` finds in the store.
    pub fn new(finder: TreeFinder) -> Self {
        Self(Arc::new(Mutex::new(SpillQueue {
            trees: Vec::new(),
            keys: HashSet::new(),
            finder,
            generation: 0,
            spilled_count: 0,
            is_short: false,
        })))
    }

    fn lock_queue(&self) -> MutexGuard<'_, SpillQueue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues trees evicted from memory. Returns whether it is time to write them.
    pub fn queue_trees(&self, trees: Vec<TreeMembers>) -> bool {
        if trees.is_empty() {
            return false;
        }
        let mut queue = self.lock_queue();
        queue.spilled_count += trees.len() as u64;
        for tree in trees {
            queue.keys.extend(&tree.keys);
            queue.trees.push(Arc::new(to_spilled_tree(tree)));
        }
        if queue.trees.len() > WAITING_MOST {
            queue.remove_first(WAITING_MOST / 2);
            queue.is_short = true;
            drop(queue);
            error!("evicted trees cannot be written, some are not found before the next start");
            return true;
        }
        queue.trees.len() >= BATCH
    }

    /// The trees that wait to be written, and whether some were dropped before they were.
    pub fn waiting_trees(&self) -> (Vec<Arc<SpilledTree>>, bool) {
        let queue = self.lock_queue();
        (queue.trees.clone(), queue.is_short)
    }

    /// Those of `written` that still wait are in the store.
    pub fn remove_written(&self, written: &[Arc<SpilledTree>]) {
        let last = written.last();
        let mut queue = self.lock_queue();
        // Some may have been dropped meanwhile, and others come: what counts is where the last one
        // is.
        let done = queue
            .trees
            .iter()
            .rposition(|tree| last.is_some_and(|last| Arc::ptr_eq(tree, last)));
        queue.remove_first(done.map_or(0, |done| done + 1));
    }

    /// An empty store took the place of a damaged one.
    pub fn replace_store(&self, finder: TreeFinder) {
        let mut queue = self.lock_queue();
        queue.finder = finder;
        let all = queue.trees.len();
        queue.remove_first(all);
        queue.is_short = false;
        queue.generation += 1;
    }

    /// How often the store was replaced.
    pub fn generation(&self) -> u64 {
        self.lock_queue().generation
    }

    /// How many trees have been evicted from memory so far.
    pub(crate) fn spilled_count(&self) -> u64 {
        self.lock_queue().spilled_count
    }

    /// Whether no tree was ever evicted from memory.
    pub(crate) fn is_empty(&self) -> bool {
        let queue = self.lock_queue();
        queue.trees.is_empty() && queue.finder.is_empty()
    }

    /// Whether one of these keys may belong to an evicted tree; a "no" is always right.
    pub(crate) fn may_hold_any(&self, tenant: &TenantId, keys: &[u64]) -> bool {
        let queue = self.lock_queue();
        keys.iter()
            .any(|key| queue.keys.contains(key) || queue.finder.may_contain(tenant, *key))
    }

    /// A finder of evicted trees.
    pub(crate) fn finder(&self) -> SpilledTreeFinder {
        let queue = self.lock_queue();
        SpilledTreeFinder {
            finder: queue.finder.duplicate(),
            generation: queue.generation,
            trees: self.clone(),
        }
    }
}

impl SpillQueue {
    /// Drops the first `count`.
    fn remove_first(&mut self, count: usize) {
        self.trees.drain(..count);
        self.keys.clear();
        for tree in &self.trees {
            self.keys.extend(&tree.keys);
        }
    }
}

impl SpilledTreeFinder {
    /// The trees of `tenant` with a node of this key.
    pub(crate) fn find_trees(
        &mut self,
        tenant: &TenantId,
        key: u64,
    ) -> Result<Vec<Arc<SpilledTree>>, LogError> {
        // The queue before the store: a tree that is written meanwhile is found twice and not
        // never.
        let mut trees: Vec<_> = {
            let queue = self.trees.lock_queue();
            let waiting = queue.trees.iter();
            waiting
                .filter(|tree| tree.tenant == *tenant && tree.keys.binary_search(&key).is_ok())
                .cloned()
                .collect()
        };
        let stored = self.finder.find_trees(tenant, key)?;
        trees.extend(stored.into_iter().map(Arc::new));
        Ok(trees)
    }
}

fn to_spilled_tree(tree: TreeMembers) -> SpilledTree {
    SpilledTree {
        tenant: tree.tenant,
        tree: tree.tree.0,
        root: tree.root,
        keys: tree.keys,
        events: tree.events,
        first: tree.first,
        last: tree.last,
    }
}
