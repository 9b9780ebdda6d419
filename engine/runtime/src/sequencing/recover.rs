//! From disk to where the log ends: checkpoint, then the epochs that are committed, then the rest.
//!
//! Epochs that are committed are run again for the state they leave. What they put out is not written
//! again but compared with the commit's hash: a free check that evaluation is a function of the log
//! (design §10). After a change of the semantics version the committed alerts stand.

use std::collections::VecDeque;

use larum_event::{EpochCommit, Event, Position, Record, RecordBody, UnitChange};
use larum_log::{LogError, LogReader};
use larum_pipeline::{Input, SEMANTICS_VERSION, Settings, epoch_hash};
use tracing::{error, info};

use crate::sequencing::core::{Core, EpochError, load};
use crate::sequencing::lost::{LOST_PART, alert_of};
use crate::sequencing::replay::{Base, newest_base};

/// The name of the sequencer's part of a checkpoint.
pub(super) const SEQUENCER_PART: &str = "sequencer";
/// The name of the part that tells how many shards the windows were split into.
pub(super) const SHARDS_PART: &str = "shards";

/// Records read at once.
const RECORDS: usize = 4_096;
/// Bytes read at once.
const BYTES: usize = 8 * 1024 * 1024;

/// One epoch that the log says is done.
#[derive(Debug)]
struct Done {
    commit: EpochCommit,
    detached: Vec<UnitChange>,
    attached: Vec<UnitChange>,
}

impl Core {
    /// Brings the core to the last committed epoch. What lies behind is evaluated as usual.
    pub(crate) async fn recover(&mut self, mut reader: LogReader) -> Result<(), EpochError> {
        let base = newest_base(&mut reader)?;
        self.start_from(&mut reader, &base).await?;
        let done = done_epochs(&mut reader, base.upto)?;
        let epochs = done.len();
        let mut records = Records {
            reader: &mut reader,
            at: base.upto,
            ready: VecDeque::new(),
        };
        for epoch in done {
            self.redo(&mut records, epoch, &base).await?;
        }
        let backlog = unevaluated(&mut reader, self.evaluated)?;
        self.parts.gauges.behind_from_before(backlog);
        self.parts.gauges.epoch(self.evaluated);
        info!(checkpoint = %base.upto, epochs, evaluated = %self.evaluated, backlog, "recovered");
        Ok(())
    }

    async fn start_from(&mut self, reader: &mut LogReader, base: &Base) -> Result<(), EpochError> {
        let shards = self.parts.config.window_shards;
        if let Some((at, activated)) = reader.last_rule_set(base.upto)? {
            self.use_rules(load(at, &activated)?, Settings::of(&activated, shards));
        }
        let part = |name: &str| {
            base.parts
                .iter()
                .find(|(part, _)| part == name)
                .map(|(_, bytes)| bytes.as_slice())
        };
        if let Some(bytes) = part(SEQUENCER_PART)
            && let Err(error) = self.sequencer.restore(bytes)
        {
            error!(%error, "the checkpoint cannot be used");
        }
        self.evaluated = base.upto;
        for rule in 0..self.rules() as u32 {
            for unit in self.pool.units_of(rule) {
                if part(&unit.name(&self.set)).is_some() {
                    self.give_back(unit, &base.parts).await;
                }
            }
        }
        for (_, bytes) in base
            .parts
            .iter()
            .filter(|(part, _)| part.starts_with(LOST_PART))
        {
            self.remember_lost(bytes);
        }
        Ok(())
    }

    /// Runs a committed epoch again and compares.
    async fn redo(
        &mut self,
        records: &mut Records<'_>,
        epoch: Done,
        base: &Base,
    ) -> Result<(), EpochError> {
        // Such a commit may stand behind a checkpoint that was taken after it.
        if epoch
            .attached
            .iter()
            .any(|change| !self.is_lost(&change.unit))
        {
            return Ok(());
        }
        let mut derived: Vec<Event> = Vec::new();
        let mut system: Vec<Event> = Vec::new();
        for change in &epoch.detached {
            self.leave_out_as_logged(change, base);
            system.extend(alert_of(&RecordBody::UnitDetached(change.clone())));
        }
        let mut inputs = Vec::new();
        while let Some(record) = records.next(epoch.commit.upto)? {
            match record.body {
                RecordBody::Event { event, arrived } => inputs.push(Input {
                    position: record.position,
                    event,
                    arrived: Some(arrived),
                    record: None,
                }),
                RecordBody::RuleSetActivated(activated) => {
                    self.redo_inputs(&mut inputs, &mut derived).await?;
                    self.activate(record.position, &activated).await?;
                }
                RecordBody::Derived { .. }
                | RecordBody::EpochCommit(_)
                | RecordBody::UnitDetached(_)
                | RecordBody::UnitAttached(_)
                | RecordBody::CursorMoved(_) => {}
            }
            if inputs.len() >= RECORDS {
                self.redo_inputs(&mut inputs, &mut derived).await?;
            }
        }
        self.redo_inputs(&mut inputs, &mut derived).await?;
        self.evaluated = epoch.commit.upto;
        for change in &epoch.attached {
            derived.extend(self.bring_back_as_logged(change).await);
        }
        derived.extend(system);
        self.compare(&epoch.commit, &derived);
        Ok(())
    }

    async fn redo_inputs(
        &mut self,
        inputs: &mut Vec<Input>,
        derived: &mut Vec<Event>,
    ) -> Result<(), EpochError> {
        if inputs.is_empty() {
            return Ok(());
        }
        let mut also = Vec::new();
        let outcome = self.evaluate(inputs, &mut also).await?;
        derived.extend(outcome.derived().cloned());
        inputs.clear();
        Ok(())
    }

    fn compare(&self, commit: &EpochCommit, derived: &[Event]) {
        if commit.semantics != SEMANTICS_VERSION || commit.hash == epoch_hash(derived.iter()) {
            return;
        }
        error!(
            from = %commit.from,
            upto = %commit.upto,
            committed = commit.derived,
            recomputed = derived.len(),
            "an epoch run again gave other alerts than it did; those in the log stand"
        );
        self.parts.gauges.problem(
            "determinism",
            format!(
                "the epoch up to position {} gave other alerts when it was run again",
                commit.upto
            ),
        );
    }
}

/// Records in order, read in pieces.
struct Records<'a> {
    reader: &'a mut LogReader,
    at: Position,
    ready: VecDeque<Record>,
}

impl Records<'_> {
    /// The next record up to `upto`.
    fn next(&mut self, upto: Position) -> Result<Option<Record>, LogError> {
        if self.at >= upto {
            return Ok(None);
        }
        if self.ready.is_empty() {
            self.ready
                .extend(self.reader.read(self.at, RECORDS, BYTES)?);
        }
        if self
            .ready
            .front()
            .is_none_or(|record| record.position > upto)
        {
            return Ok(None);
        }
        let record = self.ready.pop_front();
        if let Some(record) = &record {
            self.at = record.position;
        }
        Ok(record)
    }
}

/// The epochs committed behind `after`, each with the units that were left out or back as of it.
fn done_epochs(reader: &mut LogReader, after: Position) -> Result<Vec<Done>, LogError> {
    let mut done = Vec::new();
    let (mut detached, mut attached) = (Vec::new(), Vec::new());
    let mut at = after;
    loop {
        let records = reader.read(at, RECORDS, BYTES)?;
        let Some(last) = records.last() else {
            return Ok(done);
        };
        at = last.position;
        for record in records {
            match record.body {
                RecordBody::UnitDetached(change) => detached.push(change),
                RecordBody::UnitAttached(change) => attached.push(change),
                RecordBody::EpochCommit(commit) => {
                    let (detached, attached) =
                        (std::mem::take(&mut detached), std::mem::take(&mut attached));
                    // A commit that stands behind the checkpoint may tell of what lies before it.
                    if commit.upto > after || commit.from >= after {
                        done.push(Done {
                            commit,
                            detached,
                            attached,
                        });
                    }
                }
                RecordBody::Event { .. }
                | RecordBody::Derived { .. }
                | RecordBody::RuleSetActivated(_)
                | RecordBody::CursorMoved(_) => {}
            }
        }
    }
}

/// Events in the log behind `after`.
fn unevaluated(reader: &mut LogReader, after: Position) -> Result<u64, LogError> {
    let mut at = after;
    let mut number = 0;
    loop {
        let records = reader.read(at, RECORDS, BYTES)?;
        let Some(last) = records.last() else {
            return Ok(number);
        };
        at = last.position;
        let events = records
            .iter()
            .filter(|record| matches!(record.body, RecordBody::Event { .. }));
        number += events.count() as u64;
    }
}
