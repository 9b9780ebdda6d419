//! The trees in memory, as those who ask see them.

use std::sync::Arc;

use larum_event::TenantId;
use larum_log::{LogError, LogReader};
use larum_tree::ForestLimits;
use tokio::sync::oneshot;

use crate::actors::TreeUnit;
use crate::actors::tree::{AskTrees, StoreDamaged};
use crate::credit::tell;
use crate::readers::Readers;
use crate::supervise::Seat;
use crate::trees::TreeError;
use crate::trees::grown::{Grown, Soil};
use crate::trees::spill::{Spilled, Spiller};
use crate::trees::watchers::Watchers;

/// Where trees are asked for. Clones are the same place.
#[derive(Clone)]
pub(crate) struct LiveTrees {
    seat: Seat<TreeUnit>,
    readers: Readers,
    spiller: Spiller,
    limits: ForestLimits,
    watchers: Watchers,
}

impl LiveTrees {
    /// Those that sit in `seat`.
    pub(crate) fn new(seat: Seat<TreeUnit>, soil: &Soil) -> Self {
        Self {
            seat,
            readers: soil.readers.clone(),
            spiller: soil.spiller.clone(),
            limits: soil.limits,
            watchers: soil.watchers.clone(),
        }
    }

    /// Who watches.
    pub(super) fn watchers(&self) -> &Watchers {
        &self.watchers
    }

    /// Whether memory may have let a tree with one of these keys go; a "no" is always right.
    pub(super) fn may_be_spilled(&self, tenant: &TenantId, keys: &[u64]) -> bool {
        self.spiller.may_hold_any(tenant, keys)
    }

    /// How much of a tree there may be.
    pub(super) fn limits(&self) -> ForestLimits {
        self.limits
    }

    /// How many trees memory has let go so far.
    pub(super) fn let_go(&self) -> u64 {
        self.spiller.taken()
    }

    /// Finds what memory let go.
    pub(super) fn spilled(&self) -> Spilled {
        self.spiller.spilled()
    }

    /// Reads the log.
    pub(super) fn reader(&self) -> LogReader {
        self.readers.open()
    }

    /// Asks the trees, from a thread that may block.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut Grown) -> T + Send + 'static,
    ) -> Result<T, TreeError> {
        self.asked(ask)?
            .blocking_recv()
            .map_err(|_| TreeError::NotNow)
    }

    /// Asks the trees.
    pub(super) async fn ask_later<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut Grown) -> T + Send + 'static,
    ) -> Result<T, TreeError> {
        self.asked(ask)?.await.map_err(|_| TreeError::NotNow)
    }

    fn asked<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut Grown) -> T + Send + 'static,
    ) -> Result<oneshot::Receiver<T>, TreeError> {
        let (reply, answer) = oneshot::channel();
        let address = self.seat.address().ok_or(TreeError::NotNow)?;
        let ask = AskTrees(Box::new(move |grown| {
            // Whoever asked may have gone.
            drop(reply.send(ask(grown)));
        }));
        tell(&address.recipient(), ask).map_err(|_| TreeError::NotNow)?;
        Ok(answer)
    }

    /// What the store answered. A damaged one is made anew, and until then there is no answer.
    pub(super) fn checked<T>(
        &self,
        generation: u64,
        answer: Result<T, LogError>,
    ) -> Result<T, TreeError> {
        answer.map_err(|error| {
            if !error.is_damage() {
                return error.into();
            }
            if let Some(address) = self.seat.address() {
                let error = Arc::new(error);
                let damaged = StoreDamaged { error, generation };
                // An actor that is gone builds the trees anew when it is back.
                drop(tell(&address.recipient(), damaged));
            }
            TreeError::NotNow
        })
    }
}
