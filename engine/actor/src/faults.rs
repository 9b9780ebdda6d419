//! Faults that tests inject at named points.
//!
//! Units ask at each unit of work whether something is to go wrong there. Only builds with the
//! feature `fault-injection` know any faults; in others [`Faults`] has no size and every question
//! is answered by a constant, so that nothing is left of the calls.
//!
//! Faults are written as text, also in the environment variable `LARUM_FAULTS` (only of builds with
//! the feature), separated by `;`:
//!
//! | fault | what happens |
//! |---|---|
//! | `panic:window/r1/0@100*2` | the 100th unit of work there and the next panic; default `@1*1` |
//! | `slow:rule/r2=5ms` | every unit of work there takes 5 ms longer |
//! | `hang:handler/x@3` | the third unit of work there, and every later one, waits for release |
//! | `delay:window/*=seed7:0..20ms` | every answer is up to 20 ms late, drawn from seed 7 |
//!
//! A point is the name of an actor or rule; a `*` at its end stands for any rest. Work is counted
//! per point and fault, and delays are drawn from seed, point and count, so that threads do not
//! change what happens to whom.

use larum_event::Span;

#[cfg(feature = "fault-injection")]
mod injection;
#[cfg(feature = "fault-injection")]
mod spec;

#[cfg(feature = "fault-injection")]
pub use injection::Faults;

#[cfg(not(feature = "fault-injection"))]
mod absent;

#[cfg(not(feature = "fault-injection"))]
pub use absent::Faults;

/// What is to go wrong with a unit of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultAction {
    /// It goes on as usual.
    Proceed,
    /// It panics.
    Panic,
    /// It takes this much longer.
    Slow(Span),
    /// It does not go on until it is released.
    Hang,
}

/// A text that is no list of faults.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a fault such as panic:window/r1/0@100*1, slow:rule/r2=5ms, hang:handler/x \
     or delay:window/*=seed7:0..20ms"
)]
pub struct InvalidFaults {
    /// What was found.
    pub text: String,
}
