//! When a checkpoint is taken, and what is in it.
//!
//! Owns the pace. Evaluation stands still while the state is gathered, so a large state is gathered more
//! rarely, and it goes to the disk beside the next epochs.

use std::sync::{Arc, PoisonError};

use larum_actor::{MonotonicTime, send_control};
use larum_event::Span;
use larum_log::{CheckpointPart, LogError, NewCheckpoint, PartHash};
use larum_pipeline::{KINSHIP_PART, SEMANTICS_VERSION};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::messages::{CheckpointScope, CheckpointTrees, UnitFailure};
use crate::sequencing::base_state::{GRAPH_PART, SEQUENCER_PART, piece_name, shards_part};
use crate::sequencing::detached_unit::DetachedUnit;
use crate::sequencing::evaluation_core::{EpochError, EvaluationCore};

/// Evaluation goes on for so many times as long as it stood still for the last checkpoint.
const PAUSES_APART: i64 = 20;

/// The pace of checkpoints.
#[derive(Default)]
pub(super) struct CheckpointPace {
    /// Events evaluated since the last one.
    events: u64,
    /// When the next one may be taken.
    not_before: MonotonicTime,
    saving: Option<JoinHandle<Result<(), LogError>>>,
    /// The last one was kept, so that the next may build on it.
    is_saved: bool,
    /// The trees' part in it.
    graph_part: Option<PartHash>,
}

impl EvaluationCore {
    /// Takes a checkpoint if enough has been evaluated since the last one, `events` more by now.
    pub(super) async fn checkpoint_if_due(&mut self, events: usize) -> Result<(), EpochError> {
        self.checkpoints.events += events as u64;
        let now = self.parts.supervision.clock.monotonic();
        let is_due = self.checkpoints.events >= self.parts.config.checkpoint_events
            && now >= self.checkpoints.not_before;
        let saving = &self.checkpoints.saving;
        if !is_due || saving.as_ref().is_some_and(|saving| !saving.is_finished()) {
            return Ok(());
        }
        self.begin_checkpoint().await
    }

    /// Keeps the state as of [`EvaluationCore::evaluated`], so that a recovery need not read the log from its start.
    pub(crate) async fn take_checkpoint(&mut self) -> Result<(), EpochError> {
        self.begin_checkpoint().await?;
        self.wait_until_saved().await;
        Ok(())
    }

    async fn begin_checkpoint(&mut self) -> Result<(), EpochError> {
        // No checkpoint is ahead of the log.
        self.wait_until_durable().await?;
        self.wait_until_saved().await;
        let clock = self.parts.supervision.clock.clone();
        let began = clock.monotonic();
        let gathered = self.gather_parts().await;
        let now = clock.monotonic();
        let pause = now.since(began).as_nanos().saturating_mul(PAUSES_APART);
        self.checkpoints = CheckpointPace {
            events: 0,
            not_before: now.saturating_add(Span::from_nanos(pause)),
            saving: None,
            is_saved: false,
            graph_part: self.checkpoints.graph_part,
        };
        let parts = match gathered {
            Ok(parts) => parts,
            // The next epoch that asks the unit restarts it.
            Err(failed) => {
                let words = format!("no checkpoint was kept: {failed}");
                self.parts.gauges.report_problem("checkpoint", words);
                return Ok(());
            }
        };
        let checkpoint = NewCheckpoint {
            upto: self.evaluated,
            semantics: SEMANTICS_VERSION,
            parts,
        };
        let store = Arc::clone(&self.parts.checkpoints);
        self.checkpoints.saving = Some(tokio::task::spawn_blocking(move || {
            store
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .save(&checkpoint)
        }));
        Ok(())
    }

    /// Everything that later alerts depend on, as named parts; there is no checkpoint with one missing.
    async fn gather_parts(&mut self) -> Result<Vec<(String, CheckpointPart)>, UnitFailure> {
        let sequencer = CheckpointPart::Bytes(self.sequencer.checkpoint());
        let mut parts = vec![(SEQUENCER_PART.to_owned(), sequencer)];
        let wanted = if self.checkpoints.is_saved {
            CheckpointScope::Changes
        } else {
            CheckpointScope::Whole
        };
        let left_out = self.sequencer.detached_rules();
        for (_, name, pieces) in self.pool.checkpoint_windows(left_out, wanted).await? {
            for (number, piece) in pieces.into_iter().enumerate() {
                parts.push((piece_name(&name, number), piece));
            }
        }
        let kinship = self.rule_trees.iter();
        parts.extend(kinship.map(|trees| {
            let bytes = trees.checkpoint();
            (KINSHIP_PART.to_owned(), CheckpointPart::Bytes(bytes))
        }));
        parts.extend(self.read_graph_part(wanted).await);
        let others = self.detached.iter().map(DetachedUnit::checkpoint_part);
        let others = others.chain([shards_part(self.settings.shards)]);
        parts.extend(others.map(|(name, bytes)| (name, CheckpointPart::Bytes(bytes))));
        Ok(parts)
    }

    /// The trees' part. Trees that are being rebuilt or cannot spill have the one before, if there is one, else
    /// the next start builds them from the log.
    async fn read_graph_part(
        &mut self,
        wanted: CheckpointScope,
    ) -> Option<(String, CheckpointPart)> {
        let (reply, answer) = oneshot::channel();
        let read = CheckpointTrees {
            wanted,
            upto: self.evaluated,
            reply,
        };
        let trees = self.parts.trees.address();
        let asked = trees.is_some_and(|trees| send_control(&trees.recipient(), read).is_ok());
        let part = if asked {
            let answered = self
                .pool
                .with_deadline(self.pool.answer_deadline(), answer)
                .await;
            answered.ok().and_then(Result::ok)
        } else {
            None
        };
        let kept = self
            .checkpoints
            .graph_part
            .filter(|_| wanted == CheckpointScope::Changes);
        let part = part.or(kept.map(CheckpointPart::Unchanged))?;
        self.checkpoints.graph_part = Some(part.hash());
        Some((GRAPH_PART.to_owned(), part))
    }

    /// Waits until the last checkpoint is on the disk.
    async fn wait_until_saved(&mut self) {
        let Some(saving) = self.checkpoints.saving.take() else {
            return;
        };
        let gauges = &self.parts.gauges;
        // Nothing is lost: recovery takes an older one and reads more of the log.
        let failed = |cause: String| {
            gauges.report_problem("checkpoint", format!("no checkpoint was kept: {cause}"));
        };
        match saving.await {
            Ok(Ok(())) => {
                self.checkpoints.is_saved = true;
                gauges.clear_problem("checkpoint");
            }
            Ok(Err(failure)) => failed(failure.to_string()),
            Err(failure) => failed(failure.to_string()),
        }
    }
}
