//! From disk to where the log ends: checkpoint, then the epochs that are committed, then the rest.
//!
//! Epochs that are committed are run again for the state they leave. What they put out is not written
//! again but compared with the commit's hash: a free check that evaluation is a function of the log
//! (design §10). After a change of the semantics version the committed alerts stand.

use std::collections::VecDeque;
use std::sync::Arc;

use larum_event::{EpochCommit, Event, Position, Record, RecordBody, UnitChange};
use larum_log::{LogError, LogReader};
use larum_pipeline::{
    CheckpointError, EpochOutcome, EventInput, PipelineSettings, SEMANTICS_VERSION, Sequencer,
    hash_epoch,
};
use larum_rule::RuleSet;
use tracing::{error, info};

use crate::sequencing::base_state::{BaseState, SEQUENCER_PART, read_newest_base};
use crate::sequencing::detached_unit::detached_alert;
use crate::sequencing::evaluation_core::{EpochError, EvaluationCore, load_logged_rules};

/// Records read at once.
const RECORDS: usize = 4_096;
/// Bytes read at once.
const BYTES: usize = 8 * 1024 * 1024;

/// One epoch that the log says is done.
#[derive(Debug)]
struct CommittedEpoch {
    commit: EpochCommit,
    detached: Vec<UnitChange>,
    attached: Vec<UnitChange>,
}

impl EvaluationCore {
    /// Brings the core to the last committed epoch. What lies behind is evaluated as usual.
    pub(crate) async fn recover_from_log(
        &mut self,
        mut reader: LogReader,
    ) -> Result<(), EpochError> {
        let mut base = read_newest_base(&mut reader, self.parts.config.window_shards)?;
        if let Err(error) = self.start_from_base(&mut reader, &base).await? {
            error!(%error, "the checkpoint cannot be used, the log is read from its start");
            base = BaseState::default();
            self.start_empty();
        }
        let done = read_committed_epochs(&mut reader, base.upto)?;
        let epochs = done.len();
        let mut records = RecordCursor {
            reader: &mut reader,
            at: base.upto,
            ready: VecDeque::new(),
        };
        for epoch in done {
            self.redo_epoch(&mut records, epoch, &base).await?;
        }
        self.log_detached().await?;
        self.publish_outages();
        let backlog = self.count_backlog(&mut reader)?;
        self.parts.gauges.record_epoch(self.evaluated);
        self.publish_tick_need();
        info!(checkpoint = %base.upto, epochs, evaluated = %self.evaluated, backlog, "recovered");
        Ok(())
    }

    fn start_empty(&mut self) {
        let (set, settings) = (Arc::new(RuleSet::empty()), self.settings.clone());
        self.sequencer = Sequencer::new(Arc::clone(&set), &settings);
        self.reset_to_rules(set, settings, Position::START);
        (self.evaluated, self.windows_upto) = (Position::START, Position::START);
    }

    async fn start_from_base(
        &mut self,
        reader: &mut LogReader,
        base: &BaseState,
    ) -> Result<Result<(), CheckpointError>, EpochError> {
        let shards = self.parts.config.window_shards;
        if let Some((at, activated)) = reader.last_rule_set(base.upto)? {
            let settings = PipelineSettings::from_activated(&activated, shards);
            let set = load_logged_rules(&self.parts.rulebook, at, &activated)?;
            self.reset_to_rules(set, settings, at);
        }
        if let Some(bytes) = base.part_bytes(SEQUENCER_PART)
            && let Err(error) = self.sequencer.restore(bytes)
        {
            return Ok(Err(error));
        }
        if let Err(error) = self.restore_rule_trees(base) {
            return Ok(Err(error));
        }
        (self.evaluated, self.windows_upto) = (base.upto, base.upto);
        for unit in self.pool.units() {
            let Some(bytes) = base.part_bytes(&unit.name(&self.set)) else {
                continue;
            };
            match self.plan.restore_window(unit, bytes) {
                Ok(window) => self.pool.restore_window(unit, window).await,
                Err(error) => return Ok(Err(error)),
            }
        }
        for kept in base.detached_parts() {
            self.restore_detached(kept);
        }
        Ok(Ok(()))
    }

    /// Runs a committed epoch again and compares.
    async fn redo_epoch(
        &mut self,
        records: &mut RecordCursor<'_>,
        epoch: CommittedEpoch,
        base: &BaseState,
    ) -> Result<(), EpochError> {
        // Such a commit may stand behind a checkpoint that was taken after it.
        let is_lost =
            |change: &UnitChange| self.detached.iter().any(|one| *one.name == *change.unit);
        if !epoch.attached.iter().all(is_lost) {
            return Ok(());
        }
        let mut outcome = EpochOutcome::default();
        let mut detached = epoch.detached.iter().peekable();
        let mut inputs = Vec::new();
        while let Some(record) = records.next_record(epoch.commit.upto)? {
            // Up to there the unit took part in this very epoch.
            while let Some(change) = detached.next_if(|change| change.from < record.position) {
                self.redo_inputs(&mut inputs, &mut outcome).await?;
                self.detach_as_logged(change, base);
            }
            match record.body {
                RecordBody::Event { event, arrived } => inputs.push(EventInput {
                    position: record.position,
                    event,
                    arrived: Some(arrived),
                    record: None,
                }),
                RecordBody::Tick { at } => {
                    self.redo_inputs(&mut inputs, &mut outcome).await?;
                    let mut also = Vec::new();
                    outcome.extend(self.advance_time((record.position, at), &mut also).await?);
                    self.note_unlogged(also);
                }
                RecordBody::RuleSetActivated(activated) => {
                    self.redo_inputs(&mut inputs, &mut outcome).await?;
                    self.windows_upto = record.position;
                    self.activate_rules(record.position, &activated).await?;
                }
                RecordBody::Derived { .. }
                | RecordBody::EpochCommit(_)
                | RecordBody::UnitDetached(_)
                | RecordBody::UnitAttached(_)
                | RecordBody::CursorMoved(_) => {}
            }
            if inputs.len() >= RECORDS {
                self.redo_inputs(&mut inputs, &mut outcome).await?;
            }
        }
        self.redo_inputs(&mut inputs, &mut outcome).await?;
        let upto = epoch.commit.upto.max(self.evaluated);
        (self.evaluated, self.windows_upto) = (upto, upto);
        for change in detached {
            self.detach_as_logged(change, base);
        }
        let mut derived: Vec<Event> = outcome.derived_events().cloned().collect();
        for change in &epoch.attached {
            derived.extend(self.reattach_as_logged(change).await);
        }
        self.mark_logged(&epoch.commit);
        let changes = epoch.detached.into_iter().map(RecordBody::UnitDetached);
        derived.extend(changes.filter_map(|change| detached_alert(&change)));
        self.compare_with_commit(&epoch.commit, &derived);
        Ok(())
    }

    async fn redo_inputs(
        &mut self,
        inputs: &mut Vec<EventInput>,
        outcome: &mut EpochOutcome,
    ) -> Result<(), EpochError> {
        if inputs.is_empty() {
            return Ok(());
        }
        let mut also = Vec::new();
        outcome.extend(self.evaluate_inputs(inputs, &mut also).await?);
        inputs.clear();
        self.note_unlogged(also);
        Ok(())
    }

    fn note_unlogged(&mut self, also: Vec<RecordBody>) {
        self.tally.clear();
        for body in also {
            if let RecordBody::UnitDetached(change) = body {
                self.unlogged.insert(change.unit.into());
            }
        }
    }

    /// What units lost in this recovery would have said in a committed epoch is in the log.
    fn mark_logged(&mut self, commit: &EpochCommit) {
        let unsaid = &self.unlogged;
        let lost = self
            .detached
            .iter_mut()
            .filter(|lost| unsaid.contains(&lost.name));
        for (_, from) in lost.flat_map(|lost| &mut lost.rules) {
            if *from >= commit.from {
                *from = commit.upto.max(*from);
            }
        }
    }

    /// Writes into the log which units were lost while recovering.
    async fn log_detached(&mut self) -> Result<(), EpochError> {
        let unsaid = std::mem::take(&mut self.unlogged);
        let mut also = Vec::new();
        for lost in self
            .detached
            .iter()
            .filter(|lost| unsaid.contains(&lost.name))
        {
            let rules = lost.rules.keys().cloned().collect();
            let reason = "it failed while the engine recovered".to_owned();
            let words = format!(
                "{} is left out after position {}",
                lost.name,
                lost.gap_start()
            );
            self.parts.gauges.report_problem(&lost.name, words);
            let change = self.unit_change(&lost.name, &rules, lost.gap_start(), reason);
            also.push(RecordBody::UnitDetached(change));
        }
        if also.is_empty() {
            return Ok(());
        }
        let derived = also.iter().filter_map(detached_alert).collect();
        let at = self.evaluated;
        self.commit_epoch((at, at), derived, also).await
    }

    /// Counts the events that are not evaluated yet, those included that come meanwhile.
    fn count_backlog(&self, reader: &mut LogReader) -> Result<u64, LogError> {
        let (mut at, mut number) = (self.evaluated, 0);
        loop {
            let records = reader.read_after(at, RECORDS, BYTES)?;
            let events = records
                .iter()
                .filter(|record| matches!(record.body, RecordBody::Event { .. }));
            number += events.count() as u64;
            match records.last() {
                Some(last) => at = last.position,
                None if self.parts.gauges.reset_backlog(number, at) => return Ok(number),
                // The log tells of its growth a moment after readers see it.
                None => {}
            }
        }
    }

    fn compare_with_commit(&self, commit: &EpochCommit, derived: &[Event]) {
        let is_comparable = commit.semantics == SEMANTICS_VERSION && self.unlogged.is_empty();
        if !is_comparable || commit.hash == hash_epoch(derived.iter()) {
            return;
        }
        error!(
            from = %commit.from,
            upto = %commit.upto,
            committed = commit.derived,
            recomputed = derived.len(),
            "an epoch run again gave other alerts than it did; those in the log stand"
        );
        self.parts.gauges.report_problem(
            "determinism",
            format!(
                "the epoch up to position {} gave other alerts when it was run again",
                commit.upto
            ),
        );
    }
}

/// Records in order, read in pieces.
struct RecordCursor<'a> {
    reader: &'a mut LogReader,
    at: Position,
    ready: VecDeque<Record>,
}

impl RecordCursor<'_> {
    /// The next record up to `upto`.
    fn next_record(&mut self, upto: Position) -> Result<Option<Record>, LogError> {
        if self.at >= upto {
            return Ok(None);
        }
        if self.ready.is_empty() {
            self.ready
                .extend(self.reader.read_after(self.at, RECORDS, BYTES)?);
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
fn read_committed_epochs(
    reader: &mut LogReader,
    after: Position,
) -> Result<Vec<CommittedEpoch>, LogError> {
    let mut done = Vec::new();
    let (mut detached, mut attached) = (Vec::new(), Vec::new());
    let mut at = after;
    loop {
        let records = reader.read_after(at, RECORDS, BYTES)?;
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
                        done.push(CommittedEpoch {
                            commit,
                            detached,
                            attached,
                        });
                    }
                }
                RecordBody::Event { .. }
                | RecordBody::Derived { .. }
                | RecordBody::RuleSetActivated(_)
                | RecordBody::CursorMoved(_)
                | RecordBody::Tick { .. } => {}
            }
        }
    }
}
