//! The outcome of an epoch on its way into the log.
//!
//! Owns the one commit that may be under way: the next epoch is evaluated meanwhile, and waits with its
//! own commit. Nothing is shown as evaluated before it is durable, and when a commit fails the core goes
//! with everything that was evaluated on top of it.

use std::sync::Arc;

use larum_actor::send_control;
use larum_event::{EpochCommit, Event, Position, RecordBody};
use larum_log::LogError;
use larum_pipeline::{SEMANTICS_VERSION, hash_epoch};
use tokio::sync::oneshot;

use crate::messages::CommitEpoch;
use crate::sequencing::evaluation_core::{EpochError, EvaluationCore};

/// How far the last epoch's commit is.
#[derive(Default)]
pub(super) enum CommitState {
    /// It is in the log, or rides along with the next write, and whoever watches has been told.
    #[default]
    Done,
    /// The log is writing it.
    Writing(PendingCommit),
    /// It is in the log, or rides along with the next write.
    Written,
}

/// A commit that the log is writing.
pub(super) struct PendingCommit {
    answer: oneshot::Receiver<Result<Vec<Position>, Arc<LogError>>>,
    derived: Vec<Event>,
}

impl EvaluationCore {
    /// Whether the last epoch's outcome is still on its way.
    pub(crate) fn is_committing(&self) -> bool {
        !matches!(self.commit_state, CommitState::Done)
    }

    /// Writes the outcome of the epoch `from..upto`, and waits for it.
    pub(super) async fn commit_epoch(
        &mut self,
        (from, upto): (Position, Position),
        derived: Vec<Event>,
        also: Vec<RecordBody>,
    ) -> Result<(), EpochError> {
        self.finish_commit().await?;
        self.begin_commit((from, upto), derived, also).await?;
        self.finish_commit().await
    }

    /// Begins to write the outcome of the epoch behind `from`, after the one before; what has none rides
    /// along with the next write.
    pub(super) async fn begin_commit(
        &mut self,
        (from, upto): (Position, Position),
        derived: Vec<Event>,
        also: Vec<RecordBody>,
    ) -> Result<(), EpochError> {
        let commit = EpochCommit {
            from,
            upto,
            watermark: self.sequencer.watermark(),
            derived: derived.len() as u64,
            hash: hash_epoch(derived.iter()),
            semantics: SEMANTICS_VERSION,
        };
        let rides = derived.is_empty() && also.is_empty();
        let (reply, answer) = oneshot::channel();
        if !rides {
            self.parts.supervision.pause_at("commit").await;
        }
        let epoch = CommitEpoch {
            derived: derived.clone(),
            commit,
            unit_changes: also,
            reply: (!rides).then_some(reply),
        };
        send_control(&self.parts.log.clone().recipient(), epoch)
            .map_err(|_| EpochError::LogGone)?;
        self.commit_state = if rides {
            CommitState::Written
        } else {
            CommitState::Writing(PendingCommit { answer, derived })
        };
        self.evaluated = upto;
        self.committing_events += std::mem::take(&mut self.uncommitted_events);
        Ok(())
    }

    /// Waits until the last epoch's outcome is durable, and shows that it is.
    pub(crate) async fn finish_commit(&mut self) -> Result<(), EpochError> {
        self.wait_until_durable().await?;
        if matches!(self.commit_state, CommitState::Written) {
            self.commit_state = CommitState::Done;
            // Only now: who reads that the lag is zero finds every alert in the log.
            let events = std::mem::take(&mut self.committing_events);
            self.parts.gauges.count_evaluated(events);
            self.parts.gauges.record_epoch(self.evaluated);
        }
        Ok(())
    }

    /// Waits until the last epoch's outcome is durable.
    pub(super) async fn wait_until_durable(&mut self) -> Result<(), EpochError> {
        let CommitState::Writing(PendingCommit { answer, derived }) = &mut self.commit_state else {
            return Ok(());
        };
        let positions = answer
            .await
            .map_err(|_| EpochError::LogGone)?
            .map_err(EpochError::Log)?;
        let derived = std::mem::take(derived);
        self.commit_state = CommitState::Written;
        self.send_events(positions.into_iter().zip(&derived)).await;
        for event in derived
            .iter()
            .filter(|event| event.envelope().channel.as_str() == "alerts")
        {
            let rule = event.envelope().event_type.as_str();
            self.parts.gauges.count_alert(rule);
            self.parts.rulebook.count_alert(rule);
        }
        Ok(())
    }
}
