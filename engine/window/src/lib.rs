//! Turns matches into detections over event time.
//!
//! A [`RuleWindow`] holds the state of one rule: per group key, the matches of the last `W` (both
//! ends included) or the open chains of a sequence. It reports a [`larum_event::Detection`] when
//! the rule's condition comes to hold.
//!
//! Owns counting, sequences and scripts, and evaluating a key again when a match arrives out of
//! order. Turning a detection into an alert is the pipeline's job. It never reads a clock: time is
//! what matches carry and what [`RuleWindow::advance_clock`] is given.
//! Invariant: the output depends only on the order of the calls, so a replay gives the same
//! detections; which alerts hold in the end depends only on the matches.

mod limits;
mod packed_event_ref;

mod event_ref;

mod state;

mod aggregate;

mod sequence;

mod script;

mod condition;

mod key;

mod single;

mod slots;

mod sources;

mod blocked;

mod wheel;

mod tenant_keys;

mod window;

mod checkpoint;

mod resharding;

mod view;

mod error;

pub use error::WindowRestoreError;
pub use limits::WindowLimits;
pub use script::{ScriptFault, ScriptReply, ScriptRunner};
pub use sources::SourceProgress;
pub use state::{AwaitedStep, PartialView};
pub use tenant_keys::MatchOutcome;
pub use view::KeyView;
pub use window::{ClockMove, RuleWindow, WindowStats};
