//! Matches over event time to detections.
//!
//! A [`RuleWindow`] counts one rule's matches per group key over `[t - W, t]`, both ends included, and
//! says when the rule's condition comes to hold. It never reads a clock: time is what matches carry
//! and what [`RuleWindow::advance_clock`] is told, so a replay gives the same answer. Raising an alert out of a
//! [`larum_event::Detection`] is the pipeline's job, deciding what is late the sequencer's.

mod event_ref;

mod state;

mod aggregate;

mod sequence;

mod script;

mod condition;

mod key;

mod slots;

mod wheel;

mod tenant_keys;

mod window;

mod checkpoint;

mod resharding;

mod view;

mod error;

pub use error::WindowRestoreError;
pub use script::{ScriptFault, ScriptReply, ScriptRunner};
pub use view::{AwaitedStep, KeyView, PartialView};
pub use window::{ClockMove, MatchOutcome, RuleWindow, WindowLimits, WindowStats};
