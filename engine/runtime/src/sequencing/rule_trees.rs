//! The trees that rules ask, in the life of an engine.
//!
//! Owns where they come from: a checkpoint, or, for rules that have just been activated, the end of the log. They grow
//! with each piece before rules are asked about it, by the same code as in the pure pipeline. The trees that people
//! look at are others: those hold alerts too, and grow beside evaluation.

use std::sync::Arc;

use larum_event::{Event, Position, RecordBody, TreeLookup};
use larum_log::{LogError, LogReader};
use larum_pipeline::{
    CheckpointError, EventInput, KINSHIP_PART, Pipeline, PipelineSettings, RuleTrees,
};
use larum_rule::RuleSet;
use tracing::info;

use crate::sequencing::base_state::BaseState;
use crate::sequencing::evaluation_core::{EpochError, EvaluationCore};

/// Records before an activation that trees are made of; what was earlier is no ancestor to its rules.
const SEED_RECORDS: u64 = 1_000_000;
/// Records read at once.
const RECORDS: usize = 4_096;
/// Bytes read at once.
const BYTES: usize = 8 * 1024 * 1024;

/// The trees that the rules of `set`, activated at `at`, ask; `None` if they ask none.
fn seed_trees(
    reader: &mut LogReader,
    (set, settings): (&RuleSet, &PipelineSettings),
    at: Position,
) -> Result<Option<RuleTrees>, LogError> {
    if !set.asks_trees() {
        return Ok(None);
    }
    let trees = RuleTrees::new(set.links(), settings.trees);
    let mut from = Position(at.0.saturating_sub(SEED_RECORDS));
    while from < at {
        let records = reader.read_after(from, RECORDS, BYTES)?;
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
        trees.insert_events(raw);
    }
    Ok(Some(trees))
}

/// Has `pipeline` go on with other rules, activated at a position of a log. As in an engine, trees that are asked from
/// there on and were not before are made of the log before.
///
/// # Errors
/// The log cannot be read.
pub fn activate_pipeline(
    pipeline: &mut Pipeline,
    (set, settings): (Arc<RuleSet>, PipelineSettings),
    (reader, at): (&mut LogReader, Position),
) -> Result<(), LogError> {
    let goes_on = can_reuse(pipeline.trees(), &set);
    pipeline.activate_rules(Arc::clone(&set), settings.clone());
    if !goes_on {
        pipeline.use_trees(seed_trees(reader, (&set, &settings), at)?);
    }
    Ok(())
}

/// Whether rules of `set` go on with `trees`.
fn can_reuse(trees: Option<&RuleTrees>, set: &RuleSet) -> bool {
    trees.is_some_and(|trees| set.asks_trees() && trees.links() == set.links())
}

impl EvaluationCore {
    /// Takes `piece` into the trees that rules ask.
    pub(super) fn grow_rule_trees(&self, piece: &[EventInput]) {
        if let Some(trees) = &self.rule_trees {
            let supervision = &self.parts.supervision;
            supervision
                .faults
                .inject_fault("kinship", &supervision.clock);
            let raw = piece.iter();
            let raw = raw.map(|input| -> (Position, &Event) { (input.position, &input.event) });
            trees.insert_events(raw);
        }
    }

    /// Whom rules ask of trees.
    pub(super) fn tree_lookup(&self) -> Option<Arc<dyn TreeLookup>> {
        self.rule_trees.as_ref().map(RuleTrees::tree_lookup)
    }

    /// From now on rules ask `trees`.
    pub(super) fn use_rule_trees(&mut self, trees: Option<RuleTrees>) {
        self.alert_matcher
            .set_trees(trees.as_ref().map(RuleTrees::tree_lookup));
        self.rule_trees = trees;
    }

    /// The trees of rules that were activated at `at`: those that are there, if they are made by the same links.
    pub(super) async fn rule_trees_at(
        &self,
        trees: Option<RuleTrees>,
        at: Position,
    ) -> Result<Option<RuleTrees>, EpochError> {
        if can_reuse(trees.as_ref(), &self.set) || !self.set.asks_trees() {
            return Ok(trees.filter(|_| self.set.asks_trees()));
        }
        let (mut reader, set) = (self.parts.readers.open_reader(), Arc::clone(&self.set));
        let settings = self.settings.clone();
        let read = move || seed_trees(&mut reader, (&set, &settings), at);
        let trees = tokio::task::spawn_blocking(read).await;
        let trees = trees.map_err(|_| EpochError::LogGone)??;
        info!(position = %at, "rules ask trees, which are made of the log before");
        Ok(trees)
    }

    /// Starts from the trees that `base` holds, if rules ask any.
    pub(super) fn restore_rule_trees(&mut self, base: &BaseState) -> Result<(), CheckpointError> {
        if !self.set.asks_trees() {
            self.use_rule_trees(None);
            return Ok(());
        }
        let missing = || CheckpointError::Missing {
            part: KINSHIP_PART.to_owned(),
        };
        let bytes = base.part_bytes(KINSHIP_PART).ok_or_else(missing)?;
        let trees = RuleTrees::restore(bytes, self.set.links())?;
        self.use_rule_trees(Some(trees));
        Ok(())
    }
}
