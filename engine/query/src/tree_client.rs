//! The trees, as those who ask see them.
//!
//! Owns the way of a question to the trees in memory and of its answer; holding the trees is left
//! to the receiver of the requests.
//! Invariant: a question is answered or fails with [`TreeError::Rebuilding`]; it never waits for
//! trees that are gone, because the receiver drops a question together with the channel for its
//! answer.

use std::sync::Arc;

use larum_log::{LogError, LogReader};
use larum_tree::GraphLimits;
use tokio::sync::{Semaphore, oneshot};

use crate::readers::ReaderFactory;
use crate::spilled_trees::{SpilledTreeFinder, SpilledTrees};
use crate::tree_answers::TreeError;
use crate::tree_memory::{TreeMemory, TreeRequest};
use crate::watchers::TreeWatchers;

/// Trees that are rebuilt at the same time.
const REBUILDS_MOST: usize = 4;

/// What a client is made of.
#[derive(Clone)]
pub struct TreeClientSetup {
    /// Readers of the log.
    pub readers: ReaderFactory,
    /// The trees evicted from memory.
    pub spilled: SpilledTrees,
    /// How large trees may be.
    pub limits: GraphLimits,
    /// Who watches trees.
    pub watchers: TreeWatchers,
}

/// Where trees are asked for. Clones are the same place.
#[derive(Clone)]
pub struct TreeClient {
    send: Arc<dyn Fn(TreeRequest) -> bool + Send + Sync>,
    setup: TreeClientSetup,
    rebuild_slots: Arc<Semaphore>,
}

impl TreeClient {
    /// A client that hands requests to `send`, which returns whether they were taken. It must not
    /// block.
    pub fn new(
        setup: TreeClientSetup,
        send: impl Fn(TreeRequest) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self {
            send: Arc::new(send),
            setup,
            rebuild_slots: Arc::new(Semaphore::new(REBUILDS_MOST)),
        }
    }

    /// Who watches trees.
    pub fn watchers(&self) -> &TreeWatchers {
        &self.setup.watchers
    }

    /// The trees evicted from memory.
    pub(crate) fn spilled_trees(&self) -> &SpilledTrees {
        &self.setup.spilled
    }

    /// How much of a tree there may be.
    pub(crate) fn limits(&self) -> GraphLimits {
        self.setup.limits
    }

    /// A finder of evicted trees.
    pub(crate) fn spilled_finder(&self) -> SpilledTreeFinder {
        self.setup.spilled.finder()
    }

    /// Reads the log.
    pub(crate) fn open_reader(&self) -> LogReader {
        self.setup.readers.open_reader()
    }

    /// Asks the trees, from a thread that may block.
    pub(crate) fn ask_blocking<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut TreeMemory) -> T + Send + 'static,
    ) -> Result<T, TreeError> {
        self.send_question(ask)?
            .blocking_recv()
            .map_err(|_| TreeError::Rebuilding)
    }

    /// Asks the trees.
    pub(crate) async fn ask_async<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut TreeMemory) -> T + Send + 'static,
    ) -> Result<T, TreeError> {
        self.send_question(ask)?
            .await
            .map_err(|_| TreeError::Rebuilding)
    }

    fn send_question<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut TreeMemory) -> T + Send + 'static,
    ) -> Result<oneshot::Receiver<T>, TreeError> {
        let (reply, answer) = oneshot::channel();
        let question = move |memory: &mut TreeMemory| {
            // The caller may have gone away.
            drop(reply.send(ask(memory)));
        };
        let is_taken = (self.send)(TreeRequest::Ask(Box::new(question)));
        is_taken.then_some(answer).ok_or(TreeError::Rebuilding)
    }

    /// Does work that takes a while, a few pieces at a time.
    pub(crate) async fn run_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, TreeError> + Send + 'static,
    ) -> Result<T, TreeError> {
        let slot = Arc::clone(&self.rebuild_slots).acquire_owned().await;
        let done = tokio::task::spawn_blocking(move || {
            let _slot = slot;
            work()
        });
        done.await.map_err(|_| TreeError::Rebuilding)?
    }

    /// What the store answered. A damaged one is replaced, and until then there is no answer.
    pub(crate) fn check_damage<T>(
        &self,
        generation: u64,
        answer: Result<T, LogError>,
    ) -> Result<T, TreeError> {
        answer.map_err(|error| {
            if !error.is_damage() {
                return error.into();
            }
            // A holder that is gone builds the trees again when it is back.
            (self.send)(TreeRequest::ReplaceStore {
                error: Arc::new(error),
                generation,
            });
            TreeError::Rebuilding
        })
    }
}
