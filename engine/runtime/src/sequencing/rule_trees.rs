//! Filling the trees that rules ask, when rules begin to ask them.
//!
//! Owns how far back they reach. From then on the epoch driver inserts each piece before rules are
//! asked about it. The trees that people look at are others: those hold alerts too, and grow beside
//! evaluation.

use std::sync::Arc;

use larum_event::{Position, RecordBody};
use larum_log::{LogError, LogReader};
use larum_pipeline::{Pipeline, PipelineSettings, RuleTrees};
use larum_rule::RuleSet;

/// Records before an activation that trees are made of; rules find no ancestor that is older.
const SEED_RECORDS: u64 = 1_000_000;
/// Records read at once.
const RECORDS: usize = 4_096;
/// Bytes read at once.
const BYTES: usize = 8 * 1024 * 1024;

/// Trees for the rules of `set`, activated at `at`, filled with the events of the log before.
pub(super) fn seed_trees(
    reader: &mut LogReader,
    set: &RuleSet,
    settings: &PipelineSettings,
    at: Position,
) -> Result<RuleTrees, LogError> {
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
            | RecordBody::GapFilled(_)
            | RecordBody::CursorMoved(_)
            | RecordBody::Tick(_)
            | RecordBody::Amend { .. } => None,
        });
        trees.insert_events(raw);
    }
    Ok(trees)
}

/// Rules that a record of the log puts in force.
pub struct ReplayActivation {
    /// The rules.
    pub set: Arc<RuleSet>,
    /// The settings that come with them.
    pub settings: PipelineSettings,
    /// The position of the record.
    pub at: Position,
}

/// Puts other rules in force in `pipeline`, as an engine does: trees that rules begin to ask are
/// filled with the events of the log before.
///
/// # Errors
/// The log cannot be read.
pub fn activate_in_replay(
    pipeline: &mut Pipeline,
    activation: ReplayActivation,
    reader: &mut LogReader,
) -> Result<(), LogError> {
    let ReplayActivation { set, settings, at } = activation;
    if pipeline.activate_rules(Arc::clone(&set), &settings) {
        pipeline.use_trees(Some(seed_trees(reader, &set, &settings, at)?));
    }
    Ok(())
}
