//! How epochs are run over the actors.
//!
//! The pure [`larum_pipeline::Sequencer`] says what comes next; what is here asks matchers and windows
//! for it, waits, restarts what failed, and writes the outcome. `EvaluationCore` is owned by the sequencer
//! actor and lent to one epoch at a time.

mod actor_pool;
mod attach;
mod base_state;
mod checkpoint;
mod commit;
mod detach;
mod detached_unit;
mod evaluation_core;
mod recover;
mod replay;
mod rule_trees;
mod tail;
mod tally;
mod threads;
mod trees;

pub(crate) use base_state::GRAPH_PART;
pub(crate) use evaluation_core::{CoreParts, EpochError, EvaluationCore, max_records};
pub use rule_trees::activate_pipeline as activate_in_replay;
pub(crate) use tail::{NextStretch, RecordTail};
pub(crate) use threads::EngineThreads;
