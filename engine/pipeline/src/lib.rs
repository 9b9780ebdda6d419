//! Rules, windows and the trees that rules ask, put together: events in order become alerts.
//!
//! This crate is pure: it knows no actor, disk or clock. [`EpochDriver`] says step by step what an
//! epoch needs next. [`Pipeline`] answers its steps on one thread (for `larum detect`, tests and
//! replay), the runtime answers them with actors, and both must give the same bytes. What an epoch
//! puts out depends on the log and on the rules alone, never on where the log was cut into epochs.

pub mod breaker;

mod breakers;
mod causes;
mod clocks;
mod dropped_state;
mod epoch;
mod epoch_driver;
mod epoch_item;
mod epoch_outcome;
mod error;
mod late_events;
mod lateness;
mod matching;
mod pipeline;
mod plan;
mod raise;
mod records;
mod script;
mod sequencer;
mod settings;
mod shards;
mod system;
mod trees;

pub use breakers::{BreakerChange, BreakerEvent, RuleOutage};
pub use clocks::{ClockStamp, ClockStep, EventClocks, EventSighting};
pub use dropped_state::DroppedState;
pub use epoch_driver::{
    EpochDriver, EpochStep, MatchStep, RuleSetChange, SEQUENCER_PART, WindowStep,
};
pub use epoch_item::{EpochItem, EventInput, split_inputs};
pub use epoch_outcome::{AlertRevision, EpochOutcome, hash_epoch};
pub use error::{CheckpointError, RaiseError};
pub use larum_event::MonotonicTime;
pub use late_events::{LateEvent, LateMatch};
pub use matching::{MatchOutput, PlacedFault, ScriptRun, SkippedRules, match_items};
pub use pipeline::Pipeline;
pub use plan::WindowPlan;
pub use records::{JsonRecord, RecordAlert, RecordError, RecordMatches, RecordPipeline};
pub use sequencer::{SEMANTICS_VERSION, Sequencer};
pub use settings::{InputOrder, PipelineSettings};
pub use shards::{
    AlertRetraction, AmendPass, EpochMoves, StoredMatchRequest, WindowAnswer, WindowShard,
    WindowWork, run_window, split_by_shard,
};
pub use system::unit_detached_alert;
pub use trees::{KINSHIP_PART, RuleTrees, StandaloneTrees};
