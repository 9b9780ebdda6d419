//! When a checkpoint is taken, and what is in it.
//!
//! Owns the pace, and what the last checkpoint holds. The state itself belongs to the core, which
//! lends it here, and to the actors, which are asked for it.
//! Invariant: a checkpoint holds every part or is not taken, and never reaches beyond the log. So a
//! recovery from it misses nothing.

use std::sync::{Arc, Mutex, PoisonError};

use larum_actor::{ActorSlot, MonotonicTime, RuntimeClock, send_control};
use larum_event::{Position, Span};
use larum_log::{CheckpointPart, CheckpointStore, LogError, NewCheckpoint, PartHash};
use larum_pipeline::{EpochDriver, SEMANTICS_VERSION};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::actors::TreeActor;
use crate::gauges::EngineGauges;
use crate::messages::{CheckpointScope, CheckpointTrees, UnitFailure};
use crate::sequencing::actor_pool::ActorPool;
use crate::sequencing::base_state::{GRAPH_PART, piece_name, shards_part};
use crate::sequencing::core_parts::CoreParts;
use crate::sequencing::detached_units::DetachedUnits;

/// Between two checkpoints passes at least this many times as long as the first one took. So they
/// take at most 5 % of the time.
const PAUSES_APART: i64 = 20;

/// Takes checkpoints.
pub(super) struct Checkpointer {
    clock: RuntimeClock,
    gauges: Arc<EngineGauges>,
    store: Arc<Mutex<CheckpointStore>>,
    trees: ActorSlot<TreeActor>,
    /// Events evaluated between two checkpoints, at least.
    interval_events: u64,
    /// Events evaluated since the last one.
    events: u64,
    /// When the next one may be taken.
    not_before: MonotonicTime,
    saving: Option<JoinHandle<Result<(), LogError>>>,
    /// The last one was saved, so that the next may build on it.
    is_saved: bool,
    /// The part in it that holds the trees that people look at.
    graph_part: Option<PartHash>,
}

/// Longest that a checkpoint waits for the trees that people look at. No alert depends on them, and
/// the part of the last checkpoint serves as well.
const GRAPH_WAIT: Span = Span::from_seconds(2);

/// The state that a checkpoint is taken of. All outcomes up to `upto` are durable.
pub(super) struct CheckpointSource<'a> {
    /// Everything up to here is evaluated.
    pub(super) upto: Position,
    /// All state between epochs besides the windows.
    pub(super) driver: &'a EpochDriver,
    /// The windows.
    pub(super) pool: &'a mut ActorPool,
    /// Units that are detached.
    pub(super) detached: &'a DetachedUnits,
}

impl Checkpointer {
    /// A checkpointer that has taken none yet.
    pub(super) fn new(parts: &CoreParts) -> Self {
        Self {
            clock: parts.supervision.clock.clone(),
            gauges: Arc::clone(&parts.gauges),
            store: Arc::clone(&parts.checkpoints),
            trees: parts.trees.clone(),
            interval_events: parts.config.checkpoint_events,
            events: 0,
            not_before: MonotonicTime::default(),
            saving: None,
            is_saved: false,
            graph_part: None,
        }
    }

    /// Counts events that were evaluated since the last checkpoint.
    pub(super) fn count_events(&mut self, number: usize) {
        self.events += number as u64;
    }

    /// Whether enough was evaluated, and the last checkpoint is long enough ago and on the disk.
    pub(super) fn is_due(&self) -> bool {
        self.events >= self.interval_events
            && self.clock.monotonic() >= self.not_before
            && self.saving.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Gathers the state, and begins to write it to the disk. If a unit cannot give its state there
    /// is no checkpoint, and recovery uses an older one.
    pub(super) async fn begin_checkpoint(&mut self, mut source: CheckpointSource<'_>) {
        // Whether the last one was saved decides whether this one may hold changes alone.
        self.wait_until_saved().await;
        let began = self.clock.monotonic();
        let gathered = self.gather_parts(&mut source).await;
        let now = self.clock.monotonic();
        let pause = now.since(began).as_nanos().saturating_mul(PAUSES_APART);
        self.events = 0;
        self.not_before = now.saturating_add(Span::from_nanos(pause));
        self.is_saved = false;
        let parts = match gathered {
            Ok(parts) => parts,
            // The next epoch that asks the unit restarts it.
            Err(failed) => {
                let words = format!("no checkpoint was kept: {failed}");
                self.gauges.report_problem("checkpoint", words);
                return;
            }
        };
        let checkpoint = NewCheckpoint {
            upto: source.upto,
            semantics: SEMANTICS_VERSION,
            parts,
        };
        let store = Arc::clone(&self.store);
        self.saving = Some(tokio::task::spawn_blocking(move || {
            store
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .save(&checkpoint)
        }));
    }

    /// Everything that later alerts depend on, as named parts.
    async fn gather_parts(
        &mut self,
        source: &mut CheckpointSource<'_>,
    ) -> Result<Vec<(String, CheckpointPart)>, UnitFailure> {
        let wanted = if self.is_saved {
            CheckpointScope::Changes
        } else {
            CheckpointScope::Whole
        };
        let as_bytes = |(name, bytes)| (name, CheckpointPart::Bytes(bytes));
        let driver_parts = source.driver.checkpoint();
        let mut parts: Vec<(String, CheckpointPart)> =
            driver_parts.into_iter().map(as_bytes).collect();
        // A detached unit's window is of no use: its own part holds the state to start from.
        let detached = source.driver.sequencer().detached_rules();
        for window in source.pool.checkpoint_windows(detached, wanted).await? {
            for (number, piece) in window.pieces.into_iter().enumerate() {
                parts.push((piece_name(&window.name, number), piece));
            }
        }
        parts.extend(self.read_graph_part(source, wanted).await);
        parts.extend(source.detached.checkpoint_parts().map(as_bytes));
        let shards = source.driver.settings().shards;
        parts.push(as_bytes(shards_part(shards)));
        Ok(parts)
    }

    /// The part of the trees that people look at. If they are being rebuilt or give no answer, it
    /// is the part of the last checkpoint; without one, the next start builds them from the log.
    async fn read_graph_part(
        &mut self,
        source: &CheckpointSource<'_>,
        wanted: CheckpointScope,
    ) -> Option<(String, CheckpointPart)> {
        let (reply, answer) = oneshot::channel();
        let read = CheckpointTrees {
            wanted,
            upto: source.upto,
            reply,
        };
        let trees = self.trees.address();
        let asked = trees.is_some_and(|trees| send_control(&trees.recipient(), read).is_ok());
        let fresh = if asked {
            tokio::select! {
                biased;
                answered = answer => answered.ok(),
                () = self.clock.sleep(GRAPH_WAIT) => None,
            }
        } else {
            None
        };
        let last = self
            .graph_part
            .filter(|_| wanted == CheckpointScope::Changes);
        let part = fresh.or(last.map(CheckpointPart::Unchanged))?;
        self.graph_part = Some(part.hash());
        Some((GRAPH_PART.to_owned(), part))
    }

    /// Waits until the last checkpoint is on the disk.
    pub(super) async fn wait_until_saved(&mut self) {
        let Some(saving) = self.saving.take() else {
            return;
        };
        // Nothing is lost: recovery takes an older one and reads more of the log.
        let failed = |cause: String| {
            let words = format!("no checkpoint was kept: {cause}");
            self.gauges.report_problem("checkpoint", words);
        };
        match saving.await {
            Ok(Ok(())) => {
                self.is_saved = true;
                self.gauges.clear_problem("checkpoint");
            }
            Ok(Err(failure)) => failed(failure.to_string()),
            Err(failure) => failed(failure.to_string()),
        }
    }
}
