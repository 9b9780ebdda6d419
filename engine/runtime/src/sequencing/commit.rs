//! Writes the outcome of an epoch into the log.
//!
//! Owns the one commit that may be in flight, and how far evaluation has come. Evaluating is
//! the core's job: it runs the next epoch meanwhile, whose commit waits for this one.
//! Invariant: nothing is shown as evaluated before its outcome is durable. When a commit fails, the
//! core is dropped with everything that was evaluated on top of it.

use std::sync::Arc;

use actix::Addr;
use larum_actor::{Supervision, send_control};
use larum_event::{EpochCommit, Event, Position, RecordBody, Timestamp};
use larum_log::LogError;
use larum_pipeline::{SEMANTICS_VERSION, hash_epoch};
use tokio::sync::oneshot;

use crate::actors::LogActor;
use crate::gauges::EngineGauges;
use crate::messages::CommitEpoch;
use crate::rulebook::Rulebook;
use crate::sequencing::core_parts::CoreParts;
use crate::sequencing::epoch_error::EpochError;
use crate::sequencing::tree_feed::TreeFeed;

/// What an epoch writes into the log.
pub(super) struct EpochRecords {
    /// The epoch begins behind this position.
    pub(super) from: Position,
    /// Its last position.
    pub(super) upto: Position,
    /// How far event time has come.
    pub(super) watermark: Timestamp,
    /// Alerts and events of `$sys`, in order.
    pub(super) derived: Vec<Event>,
    /// Units that were detached or attached.
    pub(super) unit_changes: Vec<RecordBody>,
}

/// Writes epochs into the log, one after the other.
pub(super) struct EpochCommitter {
    log: Addr<LogActor>,
    gauges: Arc<EngineGauges>,
    rulebook: Arc<Rulebook>,
    supervision: Supervision,
    state: CommitState,
    /// Everything up to here is evaluated, and its outcome is in the log or in flight.
    evaluated: Position,
    /// Raw events evaluated whose outcome is not in flight yet.
    uncommitted_events: u64,
    /// Raw events whose outcome is in flight.
    committing_events: u64,
}

/// The state of the last epoch's commit.
#[derive(Default)]
enum CommitState {
    /// It is in the log or will be written with the next commit, and the gauges show it.
    #[default]
    Done,
    /// The log is writing it.
    Writing(PendingCommit),
    /// It is in the log or will be written with the next commit.
    Written,
}

/// A commit that the log is writing.
struct PendingCommit {
    answer: oneshot::Receiver<Result<Vec<Position>, Arc<LogError>>>,
    derived: Vec<Event>,
}

impl EpochCommitter {
    /// A committer of a core that has evaluated nothing.
    pub(super) fn new(parts: &CoreParts) -> Self {
        Self {
            log: parts.log.clone(),
            gauges: Arc::clone(&parts.gauges),
            rulebook: Arc::clone(&parts.rulebook),
            supervision: parts.supervision.clone(),
            state: CommitState::default(),
            evaluated: Position::START,
            uncommitted_events: 0,
            committing_events: 0,
        }
    }

    /// Everything up to here is evaluated, and its outcome is in the log or in flight.
    pub(super) fn evaluated_upto(&self) -> Position {
        self.evaluated
    }

    /// Everything up to `position` is evaluated, and its outcome was committed in an earlier run.
    pub(super) fn resume_at(&mut self, position: Position) {
        self.evaluated = position;
    }

    /// Whether the last epoch's outcome is still in flight.
    pub(super) fn is_committing(&self) -> bool {
        !matches!(self.state, CommitState::Done)
    }

    /// Counts raw events that were evaluated; the next commit covers them.
    pub(super) fn count_events(&mut self, number: usize) {
        self.uncommitted_events += number as u64;
    }

    /// Starts writing an epoch's outcome. The commit before must be finished. An empty outcome
    /// needs no write of its own and is written with the next one.
    pub(super) async fn begin_commit(&mut self, records: EpochRecords) -> Result<(), EpochError> {
        let EpochRecords {
            from,
            upto,
            watermark,
            derived,
            unit_changes,
        } = records;
        let commit = EpochCommit {
            from,
            upto,
            watermark,
            derived: derived.len() as u64,
            hash: hash_epoch(derived.iter()),
            semantics: SEMANTICS_VERSION,
        };
        let rides = derived.is_empty() && unit_changes.is_empty();
        let (reply, answer) = oneshot::channel();
        if !rides {
            self.supervision.pause_at("commit").await;
        }
        let epoch = CommitEpoch {
            derived: derived.clone(),
            commit,
            unit_changes,
            reply: (!rides).then_some(reply),
        };
        send_control(&self.log.clone().recipient(), epoch).map_err(|_| EpochError::LogGone)?;
        self.state = if rides {
            CommitState::Written
        } else {
            CommitState::Writing(PendingCommit { answer, derived })
        };
        // Advance only once the log has the commit: a failed send must not skip these events.
        self.evaluated = upto;
        self.committing_events += std::mem::take(&mut self.uncommitted_events);
        Ok(())
    }

    /// Waits until the last epoch's outcome is durable, and shows it as evaluated.
    pub(super) async fn finish_commit(&mut self, trees: &TreeFeed) -> Result<(), EpochError> {
        // Durable before shown: a client that reads a lag of zero finds every alert in the log.
        self.wait_until_durable(trees).await?;
        if matches!(self.state, CommitState::Written) {
            self.state = CommitState::Done;
            let events = std::mem::take(&mut self.committing_events);
            self.gauges.count_evaluated(events);
            self.gauges.record_epoch(self.evaluated);
        }
        Ok(())
    }

    /// Waits until the last epoch's outcome is durable, and gives its alerts to the trees.
    pub(super) async fn wait_until_durable(&mut self, trees: &TreeFeed) -> Result<(), EpochError> {
        let CommitState::Writing(PendingCommit { answer, derived }) = &mut self.state else {
            return Ok(());
        };
        let positions = answer
            .await
            .map_err(|_| EpochError::LogGone)?
            .map_err(EpochError::Log)?;
        let derived = std::mem::take(derived);
        self.state = CommitState::Written;
        trees.send_events(positions.into_iter().zip(&derived)).await;
        let alerts = derived
            .iter()
            .filter(|event| event.envelope().channel.as_str() == "alerts");
        for alert in alerts {
            let rule = alert.envelope().event_type.as_str();
            self.gauges.count_alert(rule);
            self.rulebook.count_alert(rule);
        }
        Ok(())
    }
}
