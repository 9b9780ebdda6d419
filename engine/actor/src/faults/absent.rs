//! No faults: what builds without the feature have.

use larum_event::Span;

use super::{FaultAction, InvalidFaults};
use crate::clock::RuntimeClock;

/// The faults to inject: none in this build.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults;

impl Faults {
    /// No faults.
    pub const fn none() -> Self {
        Self
    }

    /// No faults, whatever the environment says.
    pub const fn from_environment() -> Result<Self, InvalidFaults> {
        Ok(Self)
    }

    /// What is to go wrong with the next unit of work at `point`: nothing.
    #[inline]
    pub const fn next_action(&self, _point: &str) -> FaultAction {
        FaultAction::Proceed
    }

    /// How late the next answer from `point` is to be: not at all.
    #[inline]
    pub const fn answer_delay(&self, _point: &str) -> Span {
        Span::ZERO
    }

    /// Does what [`Faults::next_action`] says: nothing.
    #[inline]
    pub const fn inject_fault(&self, _point: &str, _clock: &RuntimeClock) -> Span {
        Span::ZERO
    }

    /// Does what [`Faults::next_action`] says: nothing.
    #[inline]
    pub async fn inject_fault_async(&self, _point: &str, _clock: &RuntimeClock) {}
}
