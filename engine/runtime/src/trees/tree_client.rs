//! The trees in memory, as those who ask see them.

use std::sync::Arc;

use larum_actor::{ActorSlot, send_control};
use larum_event::TenantId;
use larum_log::{LogError, LogReader};
use larum_tree::GraphLimits;
use tokio::sync::oneshot;

use crate::actors::TreeActor;
use crate::actors::tree::{AskTrees, StoreDamage};
use crate::readers::ReaderFactory;
use crate::trees::TreeError;
use crate::trees::live_graph::{LiveGraph, TreeContext};
use crate::trees::store_writer::{SpilledTreeFinder, TreeStoreWriter};
use crate::trees::watchers::TreeWatchers;

/// Where trees are asked for. Clones are the same place.
#[derive(Clone)]
pub(crate) struct TreeClient {
    slot: ActorSlot<TreeActor>,
    readers: ReaderFactory,
    store_writer: TreeStoreWriter,
    limits: GraphLimits,
    watchers: TreeWatchers,
}

impl TreeClient {
    /// Those that sit in `seat`.
    pub(crate) fn new(seat: ActorSlot<TreeActor>, soil: &TreeContext) -> Self {
        Self {
            slot: seat,
            readers: soil.readers.clone(),
            store_writer: soil.store_writer.clone(),
            limits: soil.limits,
            watchers: soil.watchers.clone(),
        }
    }

    /// Who watches.
    pub(super) fn watchers(&self) -> &TreeWatchers {
        &self.watchers
    }

    /// Whether memory may have let a tree with one of these keys go; a "no" is always right.
    pub(super) fn may_be_spilled(&self, tenant: &TenantId, keys: &[u64]) -> bool {
        self.store_writer.may_hold_any(tenant, keys)
    }

    /// How much of a tree there may be.
    pub(super) fn limits(&self) -> GraphLimits {
        self.limits
    }

    /// How many trees memory has let go so far.
    pub(super) fn spilled_count(&self) -> u64 {
        self.store_writer.spilled_count()
    }

    /// Finds what memory let go.
    pub(super) fn spilled_finder(&self) -> SpilledTreeFinder {
        self.store_writer.spilled_finder()
    }

    /// Reads the log.
    pub(super) fn open_reader(&self) -> LogReader {
        self.readers.open_reader()
    }

    /// Asks the trees, from a thread that may block.
    pub(super) fn ask_blocking<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut LiveGraph) -> T + Send + 'static,
    ) -> Result<T, TreeError> {
        self.send_question(ask)?
            .blocking_recv()
            .map_err(|_| TreeError::Rebuilding)
    }

    /// Asks the trees.
    pub(super) async fn ask_async<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut LiveGraph) -> T + Send + 'static,
    ) -> Result<T, TreeError> {
        self.send_question(ask)?
            .await
            .map_err(|_| TreeError::Rebuilding)
    }

    fn send_question<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut LiveGraph) -> T + Send + 'static,
    ) -> Result<oneshot::Receiver<T>, TreeError> {
        let (reply, answer) = oneshot::channel();
        let address = self.slot.address().ok_or(TreeError::Rebuilding)?;
        let ask = AskTrees(Box::new(move |grown| {
            // Whoever asked may have gone.
            drop(reply.send(ask(grown)));
        }));
        send_control(&address.recipient(), ask).map_err(|_| TreeError::Rebuilding)?;
        Ok(answer)
    }

    /// What the store answered. A damaged one is made anew, and until then there is no answer.
    pub(super) fn check_damage<T>(
        &self,
        generation: u64,
        answer: Result<T, LogError>,
    ) -> Result<T, TreeError> {
        answer.map_err(|error| {
            if !error.is_damage() {
                return error.into();
            }
            if let Some(address) = self.slot.address() {
                let error = Arc::new(error);
                let damaged = StoreDamage { error, generation };
                // An actor that is gone builds the trees anew when it is back.
                drop(send_control(&address.recipient(), damaged));
            }
            TreeError::Rebuilding
        })
    }
}
