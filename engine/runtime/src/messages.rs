//! What actors say to each other.
//!
//! Owns the messages that more than one actor knows; those of a single actor are in its file, and
//! none of them knows an actor. Data travels as [`CreditBatch`]es that hold credit; the rest is
//! control traffic, bounded by its own nature.
//! Invariant: a message that wants an answer carries a one-shot channel. An actor that dies with
//! the message drops the channel, so the sender always hears that there will be no answer.

use std::sync::Arc;

use actix::Message;
use larum_actor::CreditBatch;
use larum_event::{EpochCommit, Event, Match, Position, Record, RecordBody, Timestamp, TreeLookup};
use larum_log::{AppendOutcome, CheckpointPart, LogError};
use larum_pipeline::{EpochItem, EpochMoves, MatchOutput, SkippedRules, WindowAnswer};
use larum_query::{WindowKeys, WindowsQuery};
use larum_window::RuleWindow;
use tokio::sync::oneshot;

use crate::api::EmitError;

/// Where an answer goes.
pub type ReplySender<T> = oneshot::Sender<T>;

/// Events for the log, each with its time of arrival.
pub type AppendBatch = CreditBatch<(Event, Timestamp), AppendHead>;

/// What is said of a batch of events for the log.
#[derive(Debug)]
pub struct AppendHead {
    /// Not stored after this.
    pub deadline: Option<Timestamp>,
    /// One answer per event, when they are durable; `None` when nobody waits.
    pub reply: Option<ReplySender<Result<Vec<AppendOutcome>, EmitError>>>,
}

/// Records of the engine's own for the log.
#[derive(Message)]
#[rtype(result = "()")]
pub struct AppendControl {
    /// The records.
    pub bodies: Vec<RecordBody>,
    /// Their positions, when they are durable.
    pub reply: ReplySender<Result<Vec<Position>, Arc<LogError>>>,
}

/// The outcome of an epoch, to be written in one transaction.
#[derive(Message)]
#[rtype(result = "()")]
pub struct CommitEpoch {
    /// Derived events, in order.
    pub derived: Vec<Event>,
    /// The commit.
    pub commit: EpochCommit,
    /// Units left out or back as of this epoch.
    pub unit_changes: Vec<RecordBody>,
    /// The positions of the derived events, when they are durable. `None`: the commit rides in
    /// whatever is written next, and an engine that stops before has to evaluate an epoch without
    /// outcome again.
    pub reply: Option<ReplySender<Result<Vec<Position>, Arc<LogError>>>>,
}

/// Records that became durable, in order, for those who follow the log.
pub type CommittedBatch = CreditBatch<Record, ()>;

/// The log has grown to `head`, and the records were not sent along because the follower is behind.
#[derive(Message)]
#[rtype(result = "()")]
pub struct LogGrowth {
    /// Its last position.
    pub head: Position,
}

/// Items for a matcher.
pub type MatchBatch = CreditBatch<EpochItem, MatchHead>;

/// What is said of items for a matcher.
pub struct MatchHead {
    /// Whose rules to match.
    pub layer: u8,
    /// Which of the items: from, and up to but without.
    pub range: std::ops::Range<usize>,
    /// Rules that need not be asked.
    pub skipped_rules: Arc<SkippedRules>,
    /// The trees that rules ask, which have taken in the items and stand still until all are
    /// matched.
    pub trees: Option<Arc<dyn TreeLookup>>,
    /// The answer.
    pub reply: ReplySender<MatchOutput>,
}

/// Matches for a window.
pub type WindowBatch = CreditBatch<Match, WindowHead>;

/// What is said of matches for a window.
#[derive(Debug)]
pub struct WindowHead {
    /// The layer of its rule.
    pub layer: u8,
    /// What happens besides.
    pub moves: Arc<EpochMoves>,
    /// The answer.
    pub reply: ReplySender<Result<WindowReport, UnitFailure>>,
}

/// What a window has to say about an epoch.
#[derive(Debug)]
pub struct WindowReport {
    /// What it detected, and what came too late for it.
    pub answer: WindowAnswer,
    /// Whether it holds no state, so that it need not be asked when nothing matched.
    pub is_empty: bool,
    /// Keys and events it let go so far because it was full.
    pub evicted: (u64, u64),
}

/// Why a unit has no answer: it panicked, or lost its state in another way. It is being restarted
/// and its failure is counted. A unit that is slow has not failed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{reason}")]
pub struct UnitFailure {
    /// What was wrong.
    pub reason: String,
}

/// A window's state, rebuilt.
#[derive(Message)]
#[rtype(result = "()")]
pub struct RestoreWindow {
    /// The state.
    pub window: RuleWindow,
}

/// Asks a window for its part of a checkpoint; nothing when it holds no state.
#[derive(Message)]
#[rtype(result = "()")]
pub struct CheckpointWindow {
    /// How much of it.
    pub wanted: CheckpointScope,
    /// The answer: the state, and then what has changed since, in order.
    pub reply: ReplySender<Result<Vec<CheckpointPart>, UnitFailure>>,
}

/// Asks a window what is open in it.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct ViewWindow {
    /// Which of its keys.
    pub(crate) query: WindowsQuery,
    /// The answer.
    pub(crate) reply: ReplySender<WindowKeys>,
}

/// How much of its state a window should write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckpointScope {
    /// All of it, whatever is saved already; nobody keeps it as a checkpoint.
    Copy,
    /// All of it, for a checkpoint.
    Whole,
    /// What has changed since the last checkpoint, unless that is more than all of it.
    Changes,
}

/// Events for the trees, each with its position.
pub type TreeEventBatch = CreditBatch<(Position, Event), ()>;

/// Asks the trees for their part of a checkpoint.
#[derive(Message)]
#[rtype(result = "()")]
pub struct CheckpointTrees {
    /// Whether the part of the checkpoint before will do while that is not long ago.
    pub wanted: CheckpointScope,
    /// Everything up to here was sent before.
    pub upto: Position,
    /// The answer.
    pub reply: ReplySender<CheckpointPart>,
}

/// Up to here the log has events of a channel that were not sent to it: consumers read them there.
#[derive(Message)]
#[rtype(result = "()")]
pub struct SkippedEvents(pub Position);
