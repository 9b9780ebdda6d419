//! Why an epoch could not be run.

use std::sync::Arc;

use larum_event::Position;
use larum_log::LogError;

use crate::messages::UnitFailure;

/// Why an epoch could not be run. The sequencer starts over from disk.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EpochError {
    /// The log did not take or give records.
    #[error("the log failed")]
    Log(#[source] Arc<LogError>),
    /// The log's actor is gone.
    #[error("the log's actor is gone")]
    LogGone,
    /// A part of the engine died outside of its guard.
    #[error(transparent)]
    Unit(#[from] UnitFailure),
    /// The rules that the log says were active do not load any more.
    #[error("the rules active at position {at} do not load: {first}")]
    Rules {
        /// Where they were activated.
        at: Position,
        /// The first diagnostic.
        first: String,
    },
}

impl From<LogError> for EpochError {
    fn from(error: LogError) -> Self {
        Self::Log(Arc::new(error))
    }
}
