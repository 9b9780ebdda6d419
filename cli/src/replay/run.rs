//! The log of a store, run again.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use larum_event::{
    Alert, AlertStatus, Event, Position, Record, RecordBody, RuleSetActivated, TenantId, Timestamp,
};
use larum_log::{LogError, LogReader};
use larum_pipeline::{Input, Outcome, Pipeline, Settings};
use larum_rule::RuleSet;

use crate::error::{CliError, with_causes};
use crate::rule_files;

/// Records read at a time.
const STRETCH_RECORDS: usize = 4_096;
/// Bytes read at a time.
const STRETCH_BYTES: usize = 16 * 1024 * 1024;
/// Begins the ids of rules that are the engine's own.
const ENGINE: &str = "larum.";

/// What came out, by alert id.
pub(super) struct Replayed {
    pub(super) recorded: BTreeMap<String, Standing>,
    pub(super) replayed: BTreeMap<String, Standing>,
    /// Events that were run again.
    pub(super) events: u64,
}

/// The last revision of an alert.
#[derive(Debug, PartialEq)]
pub(super) struct Standing {
    pub(super) alert: Alert,
    pub(super) tenant: TenantId,
    pub(super) time: Timestamp,
}

impl Standing {
    /// Whether it was not taken back.
    pub(super) fn stands(&self) -> bool {
        self.alert.status != AlertStatus::Retracted
    }
}

/// Runs the log of the store again, by its own rules or by `rules`, up to where it was evaluated.
pub(super) fn run(store: &Path, rules: Option<RuleSet>) -> Result<Replayed, CliError> {
    let failed = |cause: String| CliError::Store {
        path: store.to_owned(),
        cause,
    };
    let log = |error: LogError| failed(with_causes(&error));
    let mut reader = LogReader::open(store).map_err(log)?;
    if reader.head() == Position::START {
        return Err(failed("there is no log in this folder".to_owned()));
    }
    let evaluated = reader.last_epoch().map_err(log)?;
    let upto = evaluated.map_or(Position::START, |epoch| epoch.upto);
    let mut after = Position(reader.first().0.saturating_sub(1));
    let mut run = Run::new(rules, reader.another());
    // What held when the oldest records were dropped.
    if let Some((_, activated)) = reader.last_rule_set(after).map_err(log)? {
        run.activate(&activated, after.next()).map_err(failed)?;
    }
    loop {
        let records = reader
            .read(after, STRETCH_RECORDS, STRETCH_BYTES)
            .map_err(log)?;
        let Some(last) = records.last() else {
            break;
        };
        after = last.position;
        for record in records {
            run.take(record, upto).map_err(failed)?;
        }
        run.evaluate();
    }
    Ok(run.found)
}

struct Run {
    pipeline: Pipeline,
    /// Reads what was before an activation, for trees.
    before: LogReader,
    /// Rules that hold for all of the log.
    rules: Option<Arc<RuleSet>>,
    waiting: Vec<Input>,
    found: Replayed,
}

impl Run {
    fn new(rules: Option<RuleSet>, before: LogReader) -> Self {
        let rules = rules.map(Arc::new);
        let set = rules.clone().unwrap_or_else(|| Arc::new(RuleSet::empty()));
        Self {
            pipeline: Pipeline::new(set, Settings::default()),
            before,
            rules,
            waiting: Vec::new(),
            found: Replayed {
                recorded: BTreeMap::new(),
                replayed: BTreeMap::new(),
                events: 0,
            },
        }
    }

    fn activate(&mut self, activated: &RuleSetActivated, at: Position) -> Result<(), String> {
        self.evaluate();
        let set = match &self.rules {
            Some(rules) => Arc::clone(rules),
            None => {
                let loaded = rule_files::loader().load(&activated.files);
                let set = loaded.map_err(|findings| {
                    let first = findings.first().map(ToString::to_string);
                    let first = first.unwrap_or_default();
                    format!("rules that were in force do not load any more: {first}")
                });
                Arc::new(set?)
            }
        };
        let activated = (set, Settings::of(activated, 1));
        let done =
            larum_engine::activate_in_replay(&mut self.pipeline, activated, (&mut self.before, at));
        done.map_err(|error| with_causes(&error))
    }

    /// Takes a record; what lies behind `upto` has not been evaluated by the engine.
    fn take(&mut self, record: Record, upto: Position) -> Result<(), String> {
        let is_evaluated = record.position <= upto;
        match record.body {
            RecordBody::Event { event, arrived } if is_evaluated => {
                self.found.events += 1;
                self.waiting.push(Input {
                    position: record.position,
                    event,
                    arrived: Some(arrived),
                    record: None,
                });
            }
            RecordBody::Tick { at } if is_evaluated => {
                self.evaluate();
                let outcome = self.pipeline.tick(record.position, at);
                self.keep(outcome);
            }
            RecordBody::RuleSetActivated(activated) if is_evaluated => {
                self.activate(&activated, record.position)?;
            }
            RecordBody::Derived { event } => self.recall(&event),
            RecordBody::Event { .. }
            | RecordBody::Tick { .. }
            | RecordBody::RuleSetActivated(_)
            | RecordBody::EpochCommit(_)
            | RecordBody::UnitDetached(_)
            | RecordBody::UnitAttached(_)
            | RecordBody::CursorMoved(_) => {}
        }
        Ok(())
    }

    fn evaluate(&mut self) {
        let outcome = self.pipeline.run(&self.waiting);
        self.waiting.clear();
        self.keep(outcome);
    }

    fn keep(&mut self, outcome: Outcome) {
        for raised in outcome.alerts {
            let id = raised.alert.alert_id.to_string();
            let standing = Standing {
                time: raised.event.envelope().time,
                alert: raised.alert,
                tenant: raised.tenant,
            };
            self.found.replayed.insert(id, standing);
        }
    }

    /// Takes note of an alert that the engine raised then.
    fn recall(&mut self, event: &Event) {
        let Some(alert) = Alert::from_event(event) else {
            return;
        };
        if alert.rule.as_str().starts_with(ENGINE) {
            return;
        }
        let envelope = event.envelope();
        let standing = Standing {
            alert,
            tenant: envelope.tenant.clone(),
            time: envelope.time,
        };
        let id = standing.alert.alert_id.to_string();
        self.found.recorded.insert(id, standing);
    }
}
