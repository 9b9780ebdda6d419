//! A stretch of the log run again through the pure pipeline, for some of the rules.
//!
//! Owns how a lost window gets its state back: from a checkpoint and the log, by the same code that made
//! the state in the first place. Nothing here writes; the caller decides what to do with what comes out.

use std::collections::BTreeSet;
use std::sync::Arc;

use larum_event::{Event, Position, RecordBody, RuleId};
use larum_log::{LogError, LogReader};
use larum_pipeline::{CheckpointError, Input, Outcome, Pipeline, Settings};
use larum_rule::RuleSet;

use crate::clock::Clock;
use crate::faults::Faults;
use crate::rulebook::Rulebook;
use crate::sequencing::base::Base;
use crate::sequencing::core::{EpochError, load};
use crate::sequencing::kinship::activate;
use crate::sequencing::lost::{needed, numbers};
use crate::supervise::guard;

/// Records read at once.
const RECORDS: usize = 4_096;
/// Bytes read at once.
const BYTES: usize = 8 * 1024 * 1024;

/// What to run again.
#[derive(Clone)]
pub(super) struct Replay {
    /// From where.
    pub(super) base: Base,
    /// Up to where, inclusive.
    pub(super) upto: Position,
    /// For these rules and those whose alerts they read; all others say nothing.
    pub(super) rules: BTreeSet<RuleId>,
    /// The settings where the log has none yet; the shards hold throughout.
    pub(super) settings: Settings,
    /// The unit it is done for; faults injected there strike here too.
    pub(super) unit: Arc<str>,
    /// Faults of test builds.
    pub(super) faults: Faults,
    /// Where time comes from.
    pub(super) clock: Clock,
    /// Where rules are loaded.
    pub(super) rulebook: Arc<Rulebook>,
}

/// What came out.
#[derive(Debug)]
pub(super) struct Replayed {
    /// The state as of the end.
    pub(super) base: Base,
    /// Revisions of alerts with the position of the event that made each.
    pub(super) alerts: Vec<(Position, Event)>,
}

/// Why a stretch cannot be run again.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReplayError {
    /// The log cannot be read.
    #[error("the log cannot be read: {0}")]
    Log(#[from] LogError),
    /// The state to start from is damaged.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Rules that were active do not load.
    #[error(transparent)]
    Rules(#[from] EpochError),
    /// It panicked.
    #[error("it panicked: {0}")]
    Panicked(String),
}

/// Runs it, under guard: the code that panicked once may do so again.
pub(super) fn replay(reader: &mut LogReader, job: &Replay) -> Result<Replayed, ReplayError> {
    match guard("running the log again", || run(reader, job)) {
        Ok(result) => result,
        Err(panicked) => Err(ReplayError::Panicked(panicked.message)),
    }
}

fn run(reader: &mut LogReader, job: &Replay) -> Result<Replayed, ReplayError> {
    job.faults.strike(&job.unit, &job.clock);
    let shards = job.settings.shards;
    let mut pipeline = match reader.last_rule_set(job.base.upto)? {
        Some((at, activated)) => {
            let set = load(&job.rulebook, at, &activated)?;
            Pipeline::new(set, Settings::of(&activated, shards))
        }
        None => Pipeline::new(Arc::new(RuleSet::empty()), job.settings.clone()),
    };
    if !job.base.parts.is_empty() {
        pipeline.restore(&job.base.parts)?;
    }
    leave_out_others(&mut pipeline, &job.rules);
    let mut alerts = Vec::new();
    let mut at = job.base.upto;
    while at < job.upto {
        let records = reader.read(at, RECORDS, BYTES)?;
        let mut inputs = Vec::with_capacity(records.len());
        let before = at;
        for record in records
            .into_iter()
            .filter(|record| record.position <= job.upto)
        {
            at = record.position;
            match record.body {
                RecordBody::Event { event, arrived } => inputs.push(Input {
                    position: record.position,
                    event,
                    arrived: Some(arrived),
                    record: None,
                }),
                RecordBody::RuleSetActivated(activated) => {
                    alerts.extend(run_inputs(&mut pipeline, &mut inputs));
                    let set = load(&job.rulebook, record.position, &activated)?;
                    let settings = Settings::of(&activated, shards);
                    activate(&mut pipeline, (set, settings), (reader, record.position))?;
                    leave_out_others(&mut pipeline, &job.rules);
                }
                RecordBody::Tick { at } => {
                    alerts.extend(run_inputs(&mut pipeline, &mut inputs));
                    alerts.extend(alerts_of(pipeline.tick(record.position, at)));
                }
                // Rules that say nothing here have raised alerts too, and events may name them.
                RecordBody::Derived { event } => pipeline.recall(&event),
                RecordBody::EpochCommit(_)
                | RecordBody::UnitDetached(_)
                | RecordBody::UnitAttached(_)
                | RecordBody::CursorMoved(_) => {}
            }
        }
        alerts.extend(run_inputs(&mut pipeline, &mut inputs));
        if at == before {
            break;
        }
    }
    let base = Base {
        upto: job.upto,
        parts: pipeline.checkpoint(),
    };
    Ok(Replayed { base, alerts })
}

fn run_inputs(pipeline: &mut Pipeline, inputs: &mut Vec<Input>) -> Vec<(Position, Event)> {
    let outcome = pipeline.run(inputs);
    inputs.clear();
    alerts_of(outcome)
}

fn alerts_of(outcome: Outcome) -> Vec<(Position, Event)> {
    outcome
        .alerts
        .into_iter()
        .map(|raised| (raised.place.position, raised.event))
        .collect()
}

fn leave_out_others(pipeline: &mut Pipeline, rules: &BTreeSet<RuleId>) {
    let set = Arc::clone(pipeline.rule_set());
    let needed = needed(&set, &numbers(&set, rules));
    let all = 0..set.rules().len() as u32;
    pipeline.leave_out(all.filter(|number| !needed.contains(number)));
}
