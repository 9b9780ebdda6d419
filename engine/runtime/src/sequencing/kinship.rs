//! The trees that rules ask, in the life of an engine.
//!
//! Owns where they come from: a checkpoint, or, for rules that have just been activated, the end of the log. They grow
//! with each piece before rules are asked about it, by the same code as in the pure pipeline. The trees that people
//! look at are others: those hold alerts too, and grow beside evaluation.

use std::sync::Arc;

use larum_event::{Event, Kinship, Position, RecordBody};
use larum_log::{LogError, LogReader};
use larum_pipeline::{CheckpointError, Input, KINSHIP_PART, Pipeline, RuleTrees, Settings};
use larum_rule::RuleSet;
use tracing::info;

use crate::sequencing::base::Base;
use crate::sequencing::core::{Core, EpochError};

/// Records before an activation that trees are made of; what was earlier is no ancestor to its rules.
const SEED_RECORDS: u64 = 1_000_000;
/// Records read at once.
const RECORDS: usize = 4_096;
/// Bytes read at once.
const BYTES: usize = 8 * 1024 * 1024;

/// The trees that the rules of `set`, activated at `at`, ask; `None` if they ask none.
fn seeded(
    reader: &mut LogReader,
    (set, settings): (&RuleSet, &Settings),
    at: Position,
) -> Result<Option<RuleTrees>, LogError> {
    if !set.asks_trees() {
        return Ok(None);
    }
    let trees = RuleTrees::new(set.links(), settings.trees);
    let mut from = Position(at.0.saturating_sub(SEED_RECORDS));
    while from < at {
        let records = reader.read(from, RECORDS, BYTES)?;
        let Some(last) = records.last() else { break };
        from = last.position;
        let before = records.iter().filter(|record| record.position < at);
        let raw = before.filter_map(|record| match &record.body {
            RecordBody::Event { event, .. } => Some((record.position, event)),
            RecordBody::Derived { .. }
            | RecordBody::RuleSetActivated(_)
            | RecordBody::EpochCommit(_)
            | RecordBody::UnitDetached(_)
            | RecordBody::UnitAttached(_)
            | RecordBody::CursorMoved(_)
            | RecordBody::Tick { .. } => None,
        });
        trees.grow(raw);
    }
    Ok(Some(trees))
}

/// Has `pipeline` go on with other rules, activated at a position of a log. As in an engine, trees that are asked from
/// there on and were not before are made of the log before.
///
/// # Errors
/// The log cannot be read.
pub fn activate(
    pipeline: &mut Pipeline,
    (set, settings): (Arc<RuleSet>, Settings),
    (reader, at): (&mut LogReader, Position),
) -> Result<(), LogError> {
    let goes_on = fits(pipeline.trees(), &set);
    pipeline.activate(Arc::clone(&set), settings.clone());
    if !goes_on {
        pipeline.use_trees(seeded(reader, (&set, &settings), at)?);
    }
    Ok(())
}

/// Whether rules of `set` go on with `trees`.
fn fits(trees: Option<&RuleTrees>, set: &RuleSet) -> bool {
    trees.is_some_and(|trees| set.asks_trees() && trees.links() == set.links())
}

impl Core {
    /// Takes `piece` into the trees that rules ask.
    pub(super) fn grow_kinship(&self, piece: &[Input]) {
        if let Some(trees) = &self.trees {
            let supervision = &self.parts.supervision;
            supervision.faults.strike("kinship", &supervision.clock);
            let raw = piece.iter();
            let raw = raw.map(|input| -> (Position, &Event) { (input.position, &input.event) });
            trees.grow(raw);
        }
    }

    /// Whom rules ask of trees.
    pub(super) fn kinship(&self) -> Option<Arc<dyn Kinship>> {
        self.trees.as_ref().map(RuleTrees::asked)
    }

    /// From now on rules ask `trees`.
    pub(super) fn use_trees(&mut self, trees: Option<RuleTrees>) {
        self.words.ask(trees.as_ref().map(RuleTrees::asked));
        self.trees = trees;
    }

    /// The trees of rules that were activated at `at`: those that are there, if they are made by the same links.
    pub(super) async fn trees_at(
        &self,
        trees: Option<RuleTrees>,
        at: Position,
    ) -> Result<Option<RuleTrees>, EpochError> {
        if fits(trees.as_ref(), &self.set) || !self.set.asks_trees() {
            return Ok(trees.filter(|_| self.set.asks_trees()));
        }
        let (mut reader, set) = (self.parts.readers.open(), Arc::clone(&self.set));
        let settings = self.settings.clone();
        let read = move || seeded(&mut reader, (&set, &settings), at);
        let trees = tokio::task::spawn_blocking(read).await;
        let trees = trees.map_err(|_| EpochError::LogGone)??;
        info!(position = %at, "rules ask trees, which are made of the log before");
        Ok(trees)
    }

    /// Starts from the trees that `base` holds, if rules ask any.
    pub(super) fn restore_trees(&mut self, base: &Base) -> Result<(), CheckpointError> {
        if !self.set.asks_trees() {
            self.use_trees(None);
            return Ok(());
        }
        let missing = || CheckpointError::Missing {
            part: KINSHIP_PART.to_owned(),
        };
        let bytes = base.part(KINSHIP_PART).ok_or_else(missing)?;
        let trees = RuleTrees::restored(bytes, self.set.links())?;
        self.use_trees(Some(trees));
        Ok(())
    }
}
