//! Matches over event time to detections.
//!
//! A [`Window`] counts one rule's matches per group key over `[t - W, t]`, both ends included, and
//! says when the rule's condition comes to hold. It never reads a clock: time is what matches carry
//! and what [`Window::advance`] is told, so a replay gives the same answer. Raising an alert out of a
//! [`larum_event::Detection`] is the pipeline's job, deciding what is late the sequencer's.

mod held;

mod state;

mod aggregate;

mod sequence;

mod script;

mod condition;

mod key;

mod slots;

mod wheel;

mod keys;

mod window;

mod checkpoint;

mod spread;

mod view;

mod error;

pub use error::RestoreError;
pub use script::{Script, ScriptAnswer, ScriptFault};
pub use view::{KeyView, PartialView};
pub use window::{Added, ClockMoved, Window, WindowLimits, WindowStats};
