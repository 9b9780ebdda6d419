//! The records of the log.
//!
//! Owns what a record can be. How records are stored is the log's job, what follows from them the
//! engine's.
//! Invariant: the log is the only input (design §1). Everything that evaluation depends on is one
//! of these records, and what evaluation puts out goes back as others of them, so a replay gives
//! the same result.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::names::Channel;
use crate::time::{Span, Timestamp};

/// A place in the log. The first record has position 1; 0 means before everything.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Position(pub u64);

impl Position {
    /// Before the first record.
    pub const START: Self = Self(0);

    /// The position after this one.
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One record of the log.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its position.
    pub position: Position,
    /// What it is.
    pub body: RecordBody,
}

/// The kinds of record.
#[derive(Debug, Clone)]
pub enum RecordBody {
    /// An event from outside, and when it arrived.
    Event {
        /// The event.
        event: Event,
        /// The wall clock when it was admitted.
        arrived: Timestamp,
    },
    /// An event the engine made: a revision of an alert, or one of `$sys`.
    Derived {
        /// The event.
        event: Event,
    },
    /// From here on these rules and settings hold.
    RuleSetActivated(RuleSetActivation),
    /// Everything up to a position has been evaluated.
    EpochCommit(EpochCommit),
    /// The unit is detached from here on, because it kept failing.
    UnitDetached(UnitChange),
    /// A unit takes part again; its gap is what lies between.
    UnitAttached(UnitChange),
    /// The alerts of a detached unit's gap are in the log up to a position; the gap goes on there.
    GapFilled(UnitChange),
    /// A durable consumer has taken everything up to a position.
    CursorMoved(CursorMove),
    /// Time has passed while nothing arrived.
    Tick(ClockTick),
    /// Keys whose matches came out of order are evaluated again.
    Amend {
        /// Most matches that each window reads for one tenant; the rest waits for the next record.
        most_rows: u64,
    },
}

impl RecordBody {
    /// The event, if it came from outside.
    pub fn outside_event(&self) -> Option<&Event> {
        match self {
            Self::Event { event, .. } => Some(event),
            Self::Derived { .. }
            | Self::RuleSetActivated(_)
            | Self::EpochCommit(_)
            | Self::UnitDetached(_)
            | Self::UnitAttached(_)
            | Self::GapFilled(_)
            | Self::CursorMoved(_)
            | Self::Tick(_)
            | Self::Amend { .. } => None,
        }
    }
}

/// What the engine's clock says at a place of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockTick {
    /// The wall clock.
    pub at: Timestamp,
    /// How long from here on nothing is decided that waits for time, because the engine did not run
    /// just before: what its sources kept meanwhile may still come. Zero where it ran; only then
    /// does event time move by the time that has passed.
    pub hold: Span,
}

impl ClockTick {
    /// A tick of an engine that has run.
    pub const fn new(at: Timestamp) -> Self {
        Self {
            at,
            hold: Span::ZERO,
        }
    }
}

/// Rules and every setting that evaluation reads, so that a recovery or a replay never depends on
/// what the files say today.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleSetActivation {
    /// The rule files, sorted by path.
    pub files: Vec<RuleFile>,
    /// How far behind the front an event may arrive and still count in windows.
    pub amend_horizon: Span,
    /// Most live keys of one rule and tenant.
    pub keys_per_rule: u64,
    /// How far behind the front alerts become final, for rules that say nothing themselves.
    pub lateness: Span,
}

/// One rule file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleFile {
    /// Its path as shown in messages, relative to the rules folder, with `/`.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// The end of an epoch: evaluation is done and its outcome is in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochCommit {
    /// The last position of the epoch before; this one evaluated what lies behind it.
    pub from: Position,
    /// The last position evaluated.
    pub upto: Position,
    /// How far event time has come, over all tenants.
    pub watermark: Timestamp,
    /// Derived events of this epoch.
    pub derived: u64,
    /// blake3 over the canonical bytes of the derived events, in order.
    pub hash: [u8; 32],
    /// Which version of the evaluation made it; other versions may answer otherwise.
    pub semantics: u32,
}

/// A unit of the engine detached, attached, or on its way back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitChange {
    /// Its name, such as `window/auth.repeated_failed_logins/0`.
    pub unit: String,
    /// The rules whose alerts are affected, those that read its alerts included.
    pub rules: Vec<String>,
    /// The last position it has evaluated (detached), or has caught up to (attached, gap filled).
    pub from: Position,
    /// What was wrong, in a sentence.
    pub reason: String,
    /// The wall clock when it was noticed.
    pub at: Timestamp,
}

/// How far a durable consumer of a channel has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CursorMove {
    /// The channel it reads.
    pub channel: Channel,
    /// Its name.
    pub consumer: String,
    /// Everything up to here is done.
    pub position: Position,
}
