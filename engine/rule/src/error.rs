//! Why a rule could not answer for an event.
//!
//! What is wrong with a rule file is a [`crate::Diagnostic`] instead, found at load.

/// What kind of failure a rule had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
    /// It spent more operations, or built something larger, than a rule may.
    Budget,
    /// It threw, or asked for something that does not exist.
    Error,
}

/// One rule failed on one event. The other rules are not affected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("rule number {rule} failed: {message}")]
pub struct RuleFault {
    /// Number of the rule in its set.
    pub rule: u32,
    /// What happened, with the place in the rule's file.
    pub message: String,
    /// What kind of failure it is.
    pub kind: FaultKind,
}
