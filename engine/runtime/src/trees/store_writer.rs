//! Trees on their way from memory to the store.
//!
//! Owns the one writer of the store and what waits for it: a tree is found at every moment, in memory, here or in
//! the store. What is written is durable before a checkpoint of the trees says that they are gone.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use larum_event::{Position, TenantId};
use larum_log::{LogError, SpilledTree, TreeFinder, TreeStore};
use larum_tree::TreeMembers;
use tracing::error;

use crate::gauges::EngineGauges;

/// Trees that wait before they are written.
const BATCH: usize = 4_096;
/// Most trees that wait; beyond it the oldest are let go, and the next start makes the store anew.
const WAITING_MOST: usize = 200_000;
/// What a problem with the store is about.
const ABOUT: &str = "trees";

/// See the module's words. Clones are the same one.
#[derive(Debug, Clone)]
pub(crate) struct TreeStoreWriter(Arc<StoreWriterInner>);

#[derive(Debug)]
struct StoreWriterInner {
    /// Taken first when both are.
    store: Mutex<Option<TreeStore>>,
    queue: Mutex<SpillQueue>,
    gauges: Arc<EngineGauges>,
}

#[derive(Debug)]
struct SpillQueue {
    trees: Vec<Arc<SpilledTree>>,
    /// Their keys.
    keys: HashSet<u64>,
    finder: TreeFinder,
    /// How often the store was begun again.
    generation: u64,
    /// How many trees memory let go.
    spilled_count: u64,
    /// Some were let go without having been written.
    is_short: bool,
}

/// Finds trees that memory let go; for one thread.
#[derive(Debug)]
pub(crate) struct SpilledTreeFinder {
    writer: TreeStoreWriter,
    /// Of which store.
    pub(crate) generation: u64,
    finder: TreeFinder,
}

impl TreeStoreWriter {
    /// Writes to `store`.
    pub(crate) fn new(store: TreeStore, gauges: Arc<EngineGauges>) -> Self {
        let waiting = SpillQueue {
            trees: Vec::new(),
            keys: HashSet::new(),
            finder: store.finder(),
            generation: 0,
            spilled_count: 0,
            is_short: false,
        };
        Self(Arc::new(StoreWriterInner {
            store: Mutex::new(Some(store)),
            queue: Mutex::new(waiting),
            gauges,
        }))
    }

    fn lock_store(&self) -> MutexGuard<'_, Option<TreeStore>> {
        self.0.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_queue(&self) -> MutexGuard<'_, SpillQueue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every tree that memory let go up to here is in the store.
    pub(crate) fn spilled_upto(&self) -> Position {
        self.lock_store()
            .as_ref()
            .map_or(Position::START, TreeStore::spilled_upto)
    }

    /// What the store knows of links; nothing when it is damaged, which whoever reads the log makes good.
    pub(crate) fn saved_links(&self) -> Result<Vec<(Position, Vec<u8>)>, LogError> {
        self.lock_store()
            .as_ref()
            .map_or(Ok(Vec::new()), TreeStore::load_links)
    }

    /// Keeps links that came into force.
    pub(crate) fn save_links(&self, at: Position, links: Vec<u8>) {
        let kept = self
            .lock_store()
            .as_mut()
            .map(|store| store.save_links(at, links));
        // Told; the log has them, and the next start reads it when they are not here.
        drop(self.report_outcome(kept.unwrap_or(Ok(()))));
    }

    /// Takes trees in that memory let go. Returns whether it is time to write them.
    pub(crate) fn queue_trees(&self, trees: Vec<TreeMembers>) -> bool {
        if trees.is_empty() {
            return false;
        }
        let mut waiting = self.lock_queue();
        waiting.spilled_count += trees.len() as u64;
        for tree in trees {
            waiting.keys.extend(&tree.keys);
            waiting.trees.push(Arc::new(to_spilled_tree(tree)));
        }
        if waiting.trees.len() > WAITING_MOST {
            waiting.remove_first(WAITING_MOST / 2);
            waiting.is_short = true;
            drop(waiting);
            error!(
                "trees that memory let go cannot be written, some are not found before the next start"
            );
            return true;
        }
        waiting.trees.len() >= BATCH
    }

    /// Writes what waits: memory let it go with events up to `upto`. Blocks.
    pub(crate) fn flush_queue(&self, upto: Position) -> Result<(), Arc<LogError>> {
        let mut store = self.lock_store();
        let Some(store) = store.as_mut() else {
            return Ok(());
        };
        let (trees, upto) = {
            let waiting = self.lock_queue();
            let upto = if waiting.is_short {
                store.spilled_upto()
            } else {
                upto
            };
            (waiting.trees.clone(), upto)
        };
        if trees.is_empty() && upto <= store.spilled_upto() {
            return Ok(());
        }
        let written = store.spill_trees(trees.iter().map(|tree| &**tree), upto);
        if written.is_ok() {
            let last = trees.last();
            let mut waiting = self.lock_queue();
            // Some may have been let go meanwhile, and others come.
            let done = waiting
                .trees
                .iter()
                .rposition(|tree| last.is_some_and(|last| Arc::ptr_eq(tree, last)));
            waiting.remove_first(done.map_or(0, |done| done + 1));
        }
        self.report_outcome(written)
    }

    /// Says whether the store works.
    fn report_outcome(&self, outcome: Result<(), LogError>) -> Result<(), Arc<LogError>> {
        match outcome {
            Ok(()) => {
                self.0.gauges.clear_problem(ABOUT);
                Ok(())
            }
            Err(failure) => {
                let words = format!("trees that memory let go cannot be kept: {failure}");
                self.0.gauges.report_problem(ABOUT, words);
                Err(Arc::new(failure))
            }
        }
    }

    /// Lets go of trees whose events are all gone from the log, which begins at `first`.
    pub(crate) fn drop_before(&self, first: Position) -> Result<(), Arc<LogError>> {
        let dropped = self
            .lock_store()
            .as_mut()
            .map(|store| store.drop_before(first).map(drop));
        self.report_outcome(dropped.unwrap_or(Ok(())))
    }

    /// How often the store was begun again.
    pub(crate) fn generation(&self) -> u64 {
        self.lock_queue().generation
    }

    /// The store is damaged: an empty one takes its place, to be filled by reading the log again.
    pub(crate) fn recreate_store(&self, found: &LogError) -> Result<(), Arc<LogError>> {
        let mut place = self.lock_store();
        let Some(store) = place.take() else {
            return Ok(());
        };
        error!(%found, "the store of trees is damaged and made anew from the log");
        let begun = store.recreate(found).map(|store| {
            let mut waiting = self.lock_queue();
            waiting.finder = store.finder();
            let all = waiting.trees.len();
            waiting.remove_first(all);
            waiting.is_short = false;
            waiting.generation += 1;
            drop(waiting);
            *place = Some(store);
        });
        self.report_outcome(begun)
    }

    /// How many trees memory has let go so far.
    pub(crate) fn spilled_count(&self) -> u64 {
        self.lock_queue().spilled_count
    }

    /// Whether no tree was ever let go.
    pub(crate) fn is_empty(&self) -> bool {
        let waiting = self.lock_queue();
        waiting.trees.is_empty() && waiting.finder.is_empty()
    }

    /// Whether one of these keys may be of a tree that memory let go; a "no" is always right.
    pub(crate) fn may_hold_any(&self, tenant: &TenantId, keys: &[u64]) -> bool {
        let waiting = self.lock_queue();
        keys.iter()
            .any(|key| waiting.keys.contains(key) || waiting.finder.may_contain(tenant, *key))
    }

    /// Finds what memory let go.
    pub(crate) fn spilled_finder(&self) -> SpilledTreeFinder {
        let waiting = self.lock_queue();
        SpilledTreeFinder {
            finder: waiting.finder.duplicate(),
            generation: waiting.generation,
            writer: self.clone(),
        }
    }
}

impl SpillQueue {
    /// Lets go of the first `count`.
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
        // Those that wait come first: one that is written meanwhile is found twice and not never.
        let mut found: Vec<_> = {
            let waiting = self.writer.lock_queue();
            let trees = waiting.trees.iter();
            trees
                .filter(|tree| tree.tenant == *tenant && tree.keys.binary_search(&key).is_ok())
                .cloned()
                .collect()
        };
        found.extend(
            self.finder
                .find_trees(tenant, key)?
                .into_iter()
                .map(Arc::new),
        );
        Ok(found)
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
