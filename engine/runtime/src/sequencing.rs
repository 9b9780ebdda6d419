//! How epochs are run over the actors.
//!
//! The pure [`larum_pipeline::EpochDriver`] says what comes next; what is here asks matchers and
//! windows for it, waits, restarts what failed, and writes the outcome. The `EvaluationCore` is
//! owned by the sequencer actor and lent to one epoch at a time.

mod actor_pool;
mod base_state;
mod checkpoint;
mod commit;
mod core_parts;
mod detached_units;
mod epoch_error;
mod evaluation_core;
mod gap_fill;
mod logged_rules;
mod replay;
mod rule_relations;
mod rule_trees;
mod tail;
mod tally;
mod threads;
mod tree_feed;

pub(crate) use base_state::GRAPH_PART;
pub(crate) use core_parts::CoreParts;
pub(crate) use epoch_error::EpochError;
pub(crate) use evaluation_core::{EvaluationCore, max_records};
pub use rule_trees::{ReplayActivation, activate_in_replay};
pub(crate) use tail::{NextStretch, RecordTail};
pub(crate) use threads::EngineThreads;
