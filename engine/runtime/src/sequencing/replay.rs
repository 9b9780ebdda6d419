//! A stretch of the log run again through the pure pipeline, for some of the rules.
//!
//! Owns how a window that lost its state gets it back: from a checkpoint and the log, by the same
//! code that made the state in the first place. Nothing here writes; what to do with the state and
//! with the alerts that come out is the caller's job.
//! Invariant: what comes out depends on the log, the base and the rules alone, so it is what the
//! unit would have had if it had never failed.

use std::collections::BTreeSet;
use std::sync::Arc;

use larum_actor::{ActorEntry, Faults, RuntimeClock, catch_panic};
use larum_event::{Event, Position, Record, RecordBody, RuleId};
use larum_log::{LogError, LogReader};
use larum_pipeline::{CheckpointError, EpochOutcome, EventInput, Pipeline, PipelineSettings};
use larum_rule::RuleSet;

use crate::rulebook::Rulebook;
use crate::sequencing::base_state::BaseState;
use crate::sequencing::epoch_error::EpochError;
use crate::sequencing::logged_rules::load_logged_rules;
use crate::sequencing::rule_relations::{required_rules, rule_numbers};
use crate::sequencing::rule_trees::{ReplayActivation, activate_in_replay};

/// Records read at once.
const RECORDS: usize = 4_096;
/// Bytes read at once.
const BYTES: usize = 8 * 1024 * 1024;

/// The stretch to run again, and for whom.
#[derive(Clone)]
pub(super) struct UnitReplay {
    /// The state to start from.
    pub(super) base: BaseState,
    /// The last position to run.
    pub(super) upto: Position,
    /// For these rules and those whose alerts they read; all others are detached.
    pub(super) rules: BTreeSet<RuleId>,
    /// The settings where the log has none yet; the shards hold throughout.
    pub(super) settings: PipelineSettings,
    /// The unit it is done for; faults that tests inject there strike here too.
    pub(super) unit: Arc<str>,
    /// Faults of test builds.
    pub(super) faults: Faults,
    /// Where time comes from.
    pub(super) clock: RuntimeClock,
    /// Where rules are loaded.
    pub(super) rulebook: Arc<Rulebook>,
    /// Where evaluation, which waits for it, counts its progress.
    pub(super) evaluation: Option<ActorEntry>,
}

/// What running a stretch again gave.
#[derive(Debug)]
pub(super) struct UnitReplayOutcome {
    /// The state as of the end.
    pub(super) base: BaseState,
    /// Revisions of alerts with the position of the event that made each.
    pub(super) alerts: Vec<(Position, Event)>,
}

/// Why a stretch cannot be run again.
#[derive(Debug, thiserror::Error)]
pub(super) enum UnitReplayError {
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

/// Runs a stretch again under guard: the code that panicked once may do so again.
pub(super) fn replay_guarded(
    reader: &mut LogReader,
    job: &UnitReplay,
) -> Result<UnitReplayOutcome, UnitReplayError> {
    let replayed = catch_panic("running the log again", || {
        let mut run = UnitReplayRun::begin(reader, job)?;
        let alerts = run.run_records(reader, job.upto, usize::MAX)?;
        let base = run.to_base();
        Ok(UnitReplayOutcome { base, alerts })
    });
    match replayed {
        Ok(result) => result,
        Err(panicked) => Err(UnitReplayError::Panicked(panicked.message)),
    }
}

/// A stretch that is being run, as far as it has come.
pub(super) struct UnitReplayRun {
    pipeline: Pipeline,
    at: Position,
    rules: BTreeSet<RuleId>,
    shards: usize,
    rulebook: Arc<Rulebook>,
    evaluation: Option<ActorEntry>,
}

impl UnitReplayRun {
    /// At the base of `job`.
    pub(super) fn begin(reader: &mut LogReader, job: &UnitReplay) -> Result<Self, UnitReplayError> {
        job.faults.inject_fault(&job.unit, &job.clock);
        let shards = job.settings.shards;
        let mut pipeline = match reader.last_rule_set(job.base.upto)? {
            Some((at, activated)) => {
                let set = load_logged_rules(&job.rulebook, at, &activated)?;
                Pipeline::new(set, PipelineSettings::from_activated(&activated, shards))
            }
            None => Pipeline::new(Arc::new(RuleSet::empty()), job.settings.clone()),
        };
        if !job.base.parts.is_empty() {
            pipeline.restore(&job.base.parts)?;
        }
        detach_other_rules(&mut pipeline, &job.rules);
        Ok(Self {
            pipeline,
            at: job.base.upto,
            rules: job.rules.clone(),
            shards,
            rulebook: Arc::clone(&job.rulebook),
            evaluation: job.evaluation.clone(),
        })
    }

    /// Everything up to here has been run.
    pub(super) fn at(&self) -> Position {
        self.at
    }

    /// The state as of [`UnitReplayRun::at`].
    pub(super) fn to_base(&self) -> BaseState {
        BaseState {
            upto: self.at,
            parts: self.pipeline.checkpoint(),
        }
    }

    /// Runs on, up to `upto` and for at most `most` records; returns the alerts.
    pub(super) fn run_records(
        &mut self,
        reader: &mut LogReader,
        upto: Position,
        most: usize,
    ) -> Result<Vec<(Position, Event)>, UnitReplayError> {
        let mut alerts = Vec::new();
        let mut left = most;
        while self.at < upto && left > 0 {
            let mut records = reader.read_after(self.at, left.min(RECORDS), BYTES)?;
            records.retain(|record| record.position <= upto);
            if records.is_empty() {
                // The positions between hold nothing.
                self.at = upto;
                break;
            }
            left = left.saturating_sub(records.len());
            self.run_batch(reader, records, &mut alerts)?;
            // A long replay that moves is no stall of evaluation, which waits for it.
            if let Some(evaluation) = &self.evaluation {
                evaluation.count_progress();
            }
        }
        Ok(alerts)
    }

    fn run_batch(
        &mut self,
        reader: &mut LogReader,
        records: Vec<Record>,
        alerts: &mut Vec<(Position, Event)>,
    ) -> Result<(), UnitReplayError> {
        let pipeline = &mut self.pipeline;
        let mut inputs = Vec::with_capacity(records.len());
        for record in records {
            self.at = record.position;
            match record.body {
                RecordBody::Event { event, arrived } => inputs.push(EventInput {
                    position: record.position,
                    event,
                    arrived: Some(arrived),
                    record: None,
                }),
                RecordBody::RuleSetActivated(activated) => {
                    // Events before the activation belong to the rules before it.
                    alerts.extend(run_inputs(pipeline, &mut inputs));
                    let set = load_logged_rules(&self.rulebook, record.position, &activated)?;
                    let settings = PipelineSettings::from_activated(&activated, self.shards);
                    let at = record.position;
                    let activation = ReplayActivation { set, settings, at };
                    activate_in_replay(pipeline, activation, reader)?;
                    // Activation attaches all rules; those of other units stay silent.
                    detach_other_rules(pipeline, &self.rules);
                }
                RecordBody::Tick(tick) => {
                    alerts.extend(run_inputs(pipeline, &mut inputs));
                    alerts.extend(placed_alerts(pipeline.tick(record.position, tick)));
                }
                RecordBody::Amend { most_rows } => {
                    alerts.extend(run_inputs(pipeline, &mut inputs));
                    let most_rows = usize::try_from(most_rows).unwrap_or(usize::MAX);
                    alerts.extend(placed_alerts(pipeline.amend(record.position, most_rows)));
                }
                // Rules that are detached here have raised alerts too, and events may name them.
                RecordBody::Derived { event } => pipeline.remember_alert(&event),
                RecordBody::EpochCommit(_)
                | RecordBody::UnitDetached(_)
                | RecordBody::UnitAttached(_)
                | RecordBody::GapFilled(_)
                | RecordBody::CursorMoved(_) => {}
            }
        }
        alerts.extend(run_inputs(pipeline, &mut inputs));
        Ok(())
    }
}

fn run_inputs(pipeline: &mut Pipeline, inputs: &mut Vec<EventInput>) -> Vec<(Position, Event)> {
    let outcome = pipeline.run_inputs(inputs);
    inputs.clear();
    placed_alerts(outcome)
}

fn placed_alerts(outcome: EpochOutcome) -> Vec<(Position, Event)> {
    outcome
        .alerts
        .into_iter()
        .map(|raised| (raised.place.position, raised.event))
        .collect()
}

fn detach_other_rules(pipeline: &mut Pipeline, rules: &BTreeSet<RuleId>) {
    let set = Arc::clone(pipeline.rule_set());
    let needed = required_rules(&set, &rule_numbers(&set, rules));
    let all = 0..set.rules().len() as u32;
    pipeline.detach_rules(all.filter(|number| !needed.contains(number)));
}
