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
mod epoch;
mod error;
mod late;
mod lateness;
mod monotonic;
mod pipeline;
mod plan;
mod raise;
mod records;
mod script;
mod sequencer;
mod settings;
mod standing;
mod system;
mod trees;
mod units;

pub use breakers::{BreakerChange, LeftOut, Missed, RuleBreak};
pub use clocks::{Clocks, Sighting, Stamp, TENANT_CLOCK, WatermarkStep};
pub use epoch::{Epoch, Input, Item, Outcome, Raised, RuleFaultAt, epoch_hash, pieces};
pub use error::{CheckpointError, RaiseError};
pub use late::{Late, LateMatch};
pub use monotonic::Monotonic;
pub use pipeline::Pipeline;
pub use plan::WindowPlan;
pub use records::{RawRecord, RecordAlert, RecordError, RecordPipeline};
pub use sequencer::{SEMANTICS_VERSION, Sequencer};
pub use settings::Settings;
pub use system::unit_detached_alert;
pub use trees::{KINSHIP_PART, RuleTrees, TreesBeside};
pub use units::{
    Matched, ScriptRun, Unit, WindowAnswer, WindowWork, by_unit, match_items, run_window,
};
