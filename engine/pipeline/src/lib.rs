//! Rules, windows and the trees that rules ask put together: events in order become alerts.
//!
//! This crate is pure: it knows no actor, disk or clock. [`Pipeline`] runs everything on one thread (for
//! `larum detect`, tests and replay); the runtime's actors run the same parts, taken apart along
//! [`Sequencer`], and must give the same bytes. What an epoch puts out depends on the log and on the
//! rules alone, never on where the epoch was cut.

pub mod breaker;

mod breakers;
mod causes;
mod clocks;
mod early_alerts;
mod epoch;
mod error;
mod late_events;
mod lateness;
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

pub use breakers::{BreakerChange, BreakerEvent, RuleOutage, SkippedRules};
pub use clocks::{ClockStamp, EventClocks, EventSighting, TENANT_CLOCK, WatermarkStep};
pub use epoch::{
    AlertRevision, Epoch, EpochItem, EpochOutcome, EventInput, PlacedFault, hash_epoch,
    split_inputs,
};
pub use error::{CheckpointError, RaiseError};
pub use larum_event::MonotonicTime;
pub use late_events::{LateEvent, LateMatch};
pub use pipeline::Pipeline;
pub use plan::WindowPlan;
pub use records::{JsonRecord, RecordAlert, RecordError, RecordPipeline};
pub use sequencer::{SEMANTICS_VERSION, Sequencer};
pub use settings::PipelineSettings;
pub use shards::{
    MatchOutput, ScriptRun, WindowAnswer, WindowShard, WindowWork, match_items, run_window,
    split_by_shard,
};
pub use system::unit_detached_alert;
pub use trees::{KINSHIP_PART, RuleTrees, StandaloneTrees};
