//! Trees on their way from memory to the store.
//!
//! Owns the one writer of the store; the queue of what waits for it is [`SpilledTrees`], which
//! queries search as well.
//! Invariant: what is written is durable before a checkpoint of the trees says that it is gone from
//! memory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use larum_event::Position;
use larum_log::{LogError, TreeStore};
use larum_query::SpilledTrees;
use tracing::error;

use crate::gauges::EngineGauges;

/// What a problem with the store is about.
const ABOUT: &str = "trees";

/// The writer of the store. Clones are the same one.
#[derive(Debug, Clone)]
pub(crate) struct TreeStoreWriter {
    spilled: SpilledTrees,
    /// Locked before the queue of `spilled` when both are. `None` once it could not be replaced.
    store: Arc<Mutex<Option<TreeStore>>>,
    gauges: Arc<EngineGauges>,
}

impl TreeStoreWriter {
    /// Writes to `store`.
    pub(crate) fn new(store: TreeStore, gauges: Arc<EngineGauges>) -> Self {
        Self {
            spilled: SpilledTrees::new(store.finder()),
            store: Arc::new(Mutex::new(Some(store))),
            gauges,
        }
    }

    /// The trees evicted from memory.
    pub(crate) fn spilled_trees(&self) -> &SpilledTrees {
        &self.spilled
    }

    fn lock_store(&self) -> MutexGuard<'_, Option<TreeStore>> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every tree evicted up to here is in the store.
    pub(crate) fn spilled_upto(&self) -> Position {
        self.lock_store()
            .as_ref()
            .map_or(Position::START, TreeStore::spilled_upto)
    }

    /// What the store knows of links; an error when it is damaged, which reading the log repairs.
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

    /// Writes what waits: memory let it go with events up to `upto`. Blocks.
    pub(crate) fn flush_queue(&self, upto: Position) -> Result<(), Arc<LogError>> {
        let mut store = self.lock_store();
        let Some(store) = store.as_mut() else {
            return Ok(());
        };
        let (trees, is_short) = self.spilled.waiting_trees();
        // What was dropped unwritten must not count as stored: the next start reads the log again
        // for it.
        let upto = if is_short { store.spilled_upto() } else { upto };
        if trees.is_empty() && upto <= store.spilled_upto() {
            return Ok(());
        }
        let written = store.spill_trees(trees.iter().map(|tree| &**tree), upto);
        // Taken off the queue only now: a search that comes between finds a tree twice and not
        // never.
        if written.is_ok() {
            self.spilled.remove_written(&trees);
        }
        self.report_outcome(written)
    }

    /// Says whether the store works.
    fn report_outcome(&self, outcome: Result<(), LogError>) -> Result<(), Arc<LogError>> {
        match outcome {
            Ok(()) => {
                self.gauges.clear_problem(ABOUT);
                Ok(())
            }
            Err(failure) => {
                let words = format!("trees that memory let go cannot be kept: {failure}");
                self.gauges.report_problem(ABOUT, words);
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

    /// The store is damaged: an empty one takes its place, to be filled by reading the log again.
    pub(crate) fn recreate_store(&self, found: &LogError) -> Result<(), Arc<LogError>> {
        let mut place = self.lock_store();
        let Some(store) = place.take() else {
            return Ok(());
        };
        error!(%found, "the store of trees is damaged, it is rebuilt from the log");
        let replaced = store.recreate(found).map(|store| {
            self.spilled.replace_store(store.finder());
            *place = Some(store);
        });
        self.report_outcome(replaced)
    }
}
