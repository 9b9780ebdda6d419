//! Steps in their order.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::policy::FiringPolicy;
use crate::time::Span;
use crate::value::Comparison;

/// Steps in their order, the events of each not before those of the step before.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sequence {
    /// At most [`crate::limits::STEPS`]; at least one occurs.
    pub steps: Vec<Step>,
    /// From the first event to the last at most, both included. For a last step that is absent: how
    /// long it is waited for, where the step says nothing itself.
    pub within: Span,
    /// Whether a match of the bit [`Sequence::STOP`] of
    /// [`Match::compile_steps`](crate::Match::steps) ends everything open.
    pub stops: bool,
    /// Under `every` nothing is consumed; else a match consumes all up to its last event.
    pub policy: FiringPolicy,
    /// How far behind the watermark a match may come and still count; `None` for the setting.
    pub lateness: Option<Span>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Step {
    /// Its name.
    pub name: Arc<str>,
    /// How often.
    pub occurs: StepOccurrence,
    /// At most so long after the step before (its last event), included. An absent step: how long
    /// nothing may come; at the start before the first event, at the end after the last.
    pub within: Option<Span>,
    /// How its events stand to those of steps before; all must hold.
    pub joins: Vec<Join>,
}

/// How often a step occurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StepOccurrence {
    /// At least so often, from 1 on.
    Times(u32),
    /// At least so often or not at all.
    Optional(u32),
    /// Not at all.
    Never,
}

/// A value of an event compared with one of an event of an earlier step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Join {
    /// The index of the event's value in [`Match::slot_values`](crate::Match::values).
    pub value: u16,
    /// How; values of different kinds are only ever different.
    pub comparison: Comparison,
    /// The earlier step, which is not absent; of several events of it, the last.
    pub step: u16,
    /// The index of that event's value.
    pub other: u16,
}

impl Sequence {
    /// The bit of [`Match::compile_steps`](crate::Match::steps) that ends everything open.
    pub const STOP: u32 = 1 << 31;

    /// Whether an event that comes later may make a complete sequence one that is not.
    pub fn can_be_undone(&self) -> bool {
        self.stops
            || self
                .steps
                .iter()
                .any(|step| matches!(step.occurs, StepOccurrence::Never))
    }
}
