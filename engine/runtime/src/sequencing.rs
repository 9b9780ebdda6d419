//! How epochs are run over the actors.
//!
//! The pure [`larum_pipeline::Sequencer`] says what comes next; what is here asks matchers and windows
//! for it, waits, restarts what failed, and writes the outcome. `Core` is owned by the sequencer
//! actor and lent to one epoch at a time.

mod attach;
mod base;
mod checkpoint;
mod commit;
mod core;
mod detach;
mod kinship;
mod lost;
mod pool;
mod recover;
mod replay;
mod tail;
mod tally;
mod threads;
mod trees;

pub(crate) use base::FOREST_PART;
pub(crate) use core::{Core, EpochError, Parts, most_records};
pub use kinship::activate as activate_in_replay;
pub(crate) use tail::{Next, Tail};
pub(crate) use threads::Threads;
