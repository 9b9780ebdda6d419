//! What can go wrong in the pipeline.

use larum_event::{Rejection, RuleId};

/// Why a checkpoint cannot be restored. The caller falls back to an older one, or to the start of
/// the log.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// A part's bytes are not what this version writes.
    #[error("checkpoint part {part:?} cannot be read: {cause}")]
    Unreadable {
        /// Which part.
        part: String,
        /// What is wrong with it.
        cause: String,
    },
    /// A part is missing.
    #[error("the checkpoint has no part {part:?}")]
    Missing {
        /// Which part.
        part: String,
    },
}

/// Why an alert could not be made into an event. It is a fault of the rule (its fields are too
/// large), never of the events.
#[derive(Debug, thiserror::Error)]
#[error("the alert of rule {rule} is no valid event")]
pub struct RaiseError {
    /// The rule.
    pub rule: RuleId,
    /// What is wrong.
    #[source]
    pub cause: Rejection,
}
