//! The log of a store, run again.
//!
//! Owns which records are evaluated and with which rules; comparing the alerts is the parent
//! module's job.
//! Invariant: records are evaluated in log order, and waiting ones before a rule set is activated,
//! as the engine did.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use larum_engine::ReplayActivation;
use larum_event::{
    Alert, AlertStatus, Event, Position, Record, RecordBody, RuleSetActivation, TenantId, Timestamp,
};
use larum_log::{LogError, LogReader};
use larum_pipeline::{EpochOutcome, EventInput, Pipeline, PipelineSettings};
use larum_rule::RuleSet;

use crate::error::{CliError, format_causes};
use crate::rule_files;

/// Records read at a time.
const STRETCH_RECORDS: usize = 4_096;
/// Bytes read at a time.
const STRETCH_BYTES: usize = 16 * 1024 * 1024;
/// Begins the ids of rules that are the engine's own.
const ENGINE: &str = "larum.";

/// What came out, by alert id.
pub(super) struct ReplayResult {
    pub(super) recorded: BTreeMap<String, LatestAlert>,
    pub(super) replayed: BTreeMap<String, LatestAlert>,
    /// Events that were run again.
    pub(super) events: u64,
}

/// The last revision of an alert.
#[derive(Debug, PartialEq)]
pub(super) struct LatestAlert {
    pub(super) alert: Alert,
    pub(super) tenant: TenantId,
    pub(super) time: Timestamp,
}

impl LatestAlert {
    /// Whether it was not taken back.
    pub(super) fn is_valid(&self) -> bool {
        self.alert.status != AlertStatus::Retracted
    }
}

/// Runs the log of the store again, by its own rules or by `rules`, up to where it was evaluated.
pub(super) fn replay_store(store: &Path, rules: Option<RuleSet>) -> Result<ReplayResult, CliError> {
    let failed = |cause: String| CliError::Store {
        path: store.to_owned(),
        cause,
    };
    let log = |error: LogError| failed(format_causes(&error));
    let mut reader = LogReader::open(store).map_err(log)?;
    if reader.head() == Position::START {
        return Err(failed("there is no log in this folder".to_owned()));
    }
    let evaluated = reader.last_epoch().map_err(log)?;
    let upto = evaluated.map_or(Position::START, |epoch| epoch.upto);
    let mut after = Position(reader.first_position().0.saturating_sub(1));
    let mut run = ReplayRun::new(rules, reader.duplicate());
    // What held when the oldest records were dropped.
    if let Some((_, activated)) = reader.last_rule_set(after).map_err(log)? {
        run.activate_rules(&activated, after.next())
            .map_err(failed)?;
    }
    loop {
        let records = reader
            .read_after(after, STRETCH_RECORDS, STRETCH_BYTES)
            .map_err(log)?;
        let Some(last) = records.last() else {
            break;
        };
        after = last.position;
        for record in records {
            run.take_record(record, upto).map_err(failed)?;
        }
        run.evaluate_waiting();
    }
    run.finish();
    Ok(run.found)
}

struct ReplayRun {
    pipeline: Pipeline,
    /// Reads what was before an activation, for trees.
    before: LogReader,
    /// Rules that hold for all of the log.
    rules: Option<Arc<RuleSet>>,
    waiting: Vec<EventInput>,
    found: ReplayResult,
}

impl ReplayRun {
    fn new(rules: Option<RuleSet>, before: LogReader) -> Self {
        let rules = rules.map(Arc::new);
        let set = rules.clone().unwrap_or_else(|| Arc::new(RuleSet::empty()));
        Self {
            pipeline: Pipeline::new(set, PipelineSettings::default()),
            before,
            rules,
            waiting: Vec::new(),
            found: ReplayResult {
                recorded: BTreeMap::new(),
                replayed: BTreeMap::new(),
                events: 0,
            },
        }
    }

    fn activate_rules(
        &mut self,
        activated: &RuleSetActivation,
        at: Position,
    ) -> Result<(), String> {
        // Events before the activation belong to the rules that were in force then.
        self.evaluate_waiting();
        let set = match &self.rules {
            Some(rules) => Arc::clone(rules),
            None => {
                let loaded = rule_files::rule_loader().load(&activated.files);
                let set = loaded.map_err(|findings| {
                    let finding = findings.first().map(ToString::to_string);
                    let first = finding.unwrap_or_default();
                    format!("rules that were in force no longer load: {first}")
                });
                Arc::new(set?)
            }
        };
        let settings = PipelineSettings::from_activated(activated, 1);
        let activation = ReplayActivation { set, settings, at };
        let done =
            larum_engine::activate_in_replay(&mut self.pipeline, activation, &mut self.before);
        done.map_err(|error| format_causes(&error))
    }

    /// Takes a record; what lies behind `upto` has not been evaluated by the engine.
    fn take_record(&mut self, record: Record, upto: Position) -> Result<(), String> {
        let is_evaluated = record.position <= upto;
        match record.body {
            RecordBody::Event { event, arrived } if is_evaluated => {
                self.found.events += 1;
                self.waiting.push(EventInput {
                    position: record.position,
                    event,
                    arrived: Some(arrived),
                    record: None,
                });
            }
            RecordBody::Tick(tick) if is_evaluated => {
                // Events before the tick first, since a tick moves the clock and would make them
                // late.
                self.evaluate_waiting();
                let outcome = self.pipeline.tick(record.position, tick);
                self.keep_replayed(outcome);
            }
            RecordBody::Amend { most_rows } if is_evaluated => {
                self.evaluate_waiting();
                let most_rows = usize::try_from(most_rows).unwrap_or(usize::MAX);
                let outcome = self.pipeline.amend(record.position, most_rows);
                self.keep_replayed(outcome);
            }
            RecordBody::RuleSetActivated(activated) if is_evaluated => {
                self.activate_rules(&activated, record.position)?;
            }
            RecordBody::Derived { event } => self.keep_recorded(&event),
            RecordBody::Event { .. }
            | RecordBody::Tick(_)
            | RecordBody::Amend { .. }
            | RecordBody::RuleSetActivated(_)
            | RecordBody::EpochCommit(_)
            | RecordBody::UnitDetached(_)
            | RecordBody::UnitAttached(_)
            | RecordBody::GapFilled(_)
            | RecordBody::CursorMoved(_) => {}
        }
        Ok(())
    }

    fn evaluate_waiting(&mut self) {
        let outcome = self.pipeline.run_inputs(&self.waiting);
        self.waiting.clear();
        self.keep_replayed(outcome);
    }

    /// The end of the log. Of other rules every key is amended: the records that ask for it were
    /// written for the rules of then. The rules of then are left as far as the engine had come.
    fn finish(&mut self) {
        if self.rules.is_some() {
            let outcome = self.pipeline.finish_input();
            self.keep_replayed(outcome);
        }
    }

    fn keep_replayed(&mut self, outcome: EpochOutcome) {
        for raised in outcome.alerts {
            let id = raised.alert.alert_id.to_string();
            let standing = LatestAlert {
                time: raised.event.envelope().time,
                alert: raised.alert,
                tenant: raised.tenant,
            };
            self.found.replayed.insert(id, standing);
        }
    }

    /// Takes note of an alert that the engine raised then.
    fn keep_recorded(&mut self, event: &Event) {
        let Some(alert) = Alert::from_event(event) else {
            return;
        };
        if alert.rule.as_str().starts_with(ENGINE) {
            return;
        }
        let envelope = event.envelope();
        let standing = LatestAlert {
            alert,
            tenant: envelope.tenant.clone(),
            time: envelope.time,
        };
        let id = standing.alert.alert_id.to_string();
        self.found.recorded.insert(id, standing);
    }
}
