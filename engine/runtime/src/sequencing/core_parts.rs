//! What evaluation works with, besides its own state.

use std::sync::{Arc, Mutex};

use actix::Addr;
use larum_actor::{ActorSlot, Supervision};
use larum_log::CheckpointStore;
use larum_query::ReaderFactory;
use tokio::sync::Notify;

use crate::actors::{LogActor, TreeActor};
use crate::config::EngineConfig;
use crate::gauges::EngineGauges;
use crate::rulebook::Rulebook;
use crate::sequencing::threads::EngineThreads;

/// What an evaluation core is made of besides its state.
#[derive(Clone)]
pub(crate) struct CoreParts {
    /// Everything the engine was started with.
    pub(crate) config: Arc<EngineConfig>,
    /// The one writer of the log.
    pub(crate) log: Addr<LogActor>,
    /// The trees that people look at.
    pub(crate) trees: ActorSlot<TreeActor>,
    /// Counters and problems.
    pub(crate) gauges: Arc<EngineGauges>,
    /// What supervised actors share.
    pub(crate) supervision: Supervision,
    /// Threads of matchers and windows.
    pub(crate) threads: Arc<EngineThreads>,
    /// Makes readers of the log.
    pub(crate) readers: ReaderFactory,
    /// The rules in force, and where rules are loaded.
    pub(crate) rulebook: Arc<Rulebook>,
    /// The files of checkpoints.
    pub(crate) checkpoints: Arc<Mutex<CheckpointStore>>,
    /// Notified when there may be work that no new record announces.
    pub(crate) wake: Arc<Notify>,
}
