//! Matches over event time to detections.
//!
//! A [`Window`] counts one rule's matches per group key over `[t - W, t]`, both ends included, and
//! says when the rule's condition comes to hold. It never reads a clock: time is what matches carry
//! and what [`Window::advance`] is told, so a replay gives the same answer. Raising an alert out of a
//! [`larum_event::Detection`] is the pipeline's job, deciding what is late the sequencer's.

#[expect(dead_code, reason = "the kinds of window that use it are being built")]
mod state;

mod held;

#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the engine that keeps such states is being built")
)]
mod aggregate;

mod sequence;

mod evidence;

mod episode;

mod key;

mod keys;

mod window;

mod checkpoint;

mod spread;

mod error;

pub use error::RestoreError;
pub use window::{ClockMoved, Window, WindowLimits, WindowStats};
