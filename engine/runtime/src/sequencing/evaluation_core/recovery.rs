//! From disk to where the log ends: checkpoint, then the epochs that are committed.
//!
//! Owns what is special about running committed epochs again. Their outcome is not written a second
//! time but compared with the commit's hash, a free check that evaluation is a function of the log
//! (design section 10). Evaluating what lies behind the last commit
//! is the core's job, as usual.
//! Invariant: nothing that a recovery does changes which alerts are in the log. After a change of
//! the semantics version the committed alerts stand.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use larum_event::{EpochCommit, Event, Position, Record, RecordBody, RuleId, UnitChange};
use larum_log::{LogError, LogReader};
use larum_pipeline::{
    CheckpointError, EpochDriver, EpochOutcome, EventInput, PipelineSettings, SEMANTICS_VERSION,
    hash_epoch,
};
use larum_rule::RuleSet;
use tracing::{error, info, warn};

use super::EvaluationCore;
use crate::sequencing::base_state::{BaseState, DetachedUnitPart, read_newest_base};
use crate::sequencing::detached_units::{DetachedUnit, RetryState, detached_alert};
use crate::sequencing::epoch_error::EpochError;
use crate::sequencing::logged_rules::load_logged_rules;
use crate::sequencing::rule_relations::{required_rules, rule_ids, rule_numbers};

/// Records read at once.
const RECORDS: usize = 4_096;
/// Bytes read at once.
const BYTES: usize = 8 * 1024 * 1024;

/// One epoch that the log says is done, with the units that were detached and attached as of it.
#[derive(Debug)]
struct CommittedEpoch {
    commit: EpochCommit,
    detached: Vec<UnitChange>,
    attached: Vec<UnitChange>,
    filled: Option<FilledGap>,
}

/// A part of a gap whose alerts the log has got, between two epochs.
#[derive(Debug)]
struct FilledGap {
    change: UnitChange,
    alerts: Vec<Event>,
}

/// A recovery on its way.
struct CoreRecovery<'c> {
    core: &'c mut EvaluationCore,
    /// The checkpoint that it began with.
    base: BaseState,
    /// Units that failed during the recovery, which the log does not say yet.
    unlogged: BTreeSet<Arc<str>>,
}

impl EvaluationCore {
    /// Brings the core to the last committed epoch.
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
        let checkpoint = base.upto;
        // Which units an epoch detached is logged behind its events, so the commits are read first.
        let committed = read_committed_epochs(&mut reader, checkpoint)?;
        let epochs = committed.len();
        let mut records = RecordCursor {
            reader: &mut reader,
            at: checkpoint,
            ready: VecDeque::new(),
        };
        let mut recovery = CoreRecovery {
            core: self,
            base,
            unlogged: BTreeSet::new(),
        };
        for epoch in committed {
            recovery.redo_epoch(&mut records, epoch).await?;
        }
        // Last: a unit that failed in between may have been attached again by a later epoch.
        recovery.log_detached().await?;
        self.publish_outages();
        let backlog = self.count_backlog(&mut reader)?;
        let evaluated = self.evaluated_upto();
        self.parts.gauges.record_epoch(evaluated);
        self.publish_tick_need();
        self.publish_gaps();
        info!(%checkpoint, epochs, %evaluated, backlog, "recovered");
        Ok(())
    }

    fn start_empty(&mut self) {
        let set = Arc::new(RuleSet::empty());
        let settings = self.driver.settings().clone();
        // A new driver: the old one may hold half of a damaged checkpoint.
        self.driver = EpochDriver::new(Arc::clone(&set), &settings);
        self.reset_to_rules(set, settings, Position::START);
        self.resume_at(Position::START);
    }

    /// Everything up to `position` is evaluated.
    fn resume_at(&mut self, position: Position) {
        self.committer.resume_at(position);
        self.windows_upto = position;
    }

    async fn start_from_base(
        &mut self,
        reader: &mut LogReader,
        base: &BaseState,
    ) -> Result<Result<(), CheckpointError>, EpochError> {
        let shards = self.parts.config.window_shards;
        // Rules before state: only they say which windows there are.
        if let Some((at, activated)) = reader.last_rule_set(base.upto)? {
            let settings = PipelineSettings::from_activated(&activated, shards);
            let set = load_logged_rules(&self.parts.rulebook, at, &activated)?;
            self.reset_to_rules(set, settings, at);
        }
        if !base.parts.is_empty()
            && let Err(error) = self.driver.restore(|name| base.part_bytes(name))
        {
            return Ok(Err(error));
        }
        self.resume_at(base.upto);
        for unit in self.pool.units() {
            let Some(bytes) = base.part_bytes(&unit.name(self.driver.rule_set())) else {
                continue;
            };
            match self.driver.plan().restore_window(unit, bytes) {
                Ok(window) => self.pool.restore_window(unit, window).await,
                Err(error) => return Ok(Err(error)),
            }
        }
        for part in base.detached_parts() {
            self.restore_detached(part);
        }
        Ok(Ok(()))
    }

    /// Detaches again a unit that was detached when the checkpoint was taken.
    fn restore_detached(&mut self, part: DetachedUnitPart) {
        let now = self.now();
        self.add_detached(DetachedUnit {
            name: part.name.into(),
            rules: part.rules.into_iter().collect(),
            base: part.base,
            retry: RetryState::Due(now),
        });
    }

    /// Counts the events that are not evaluated yet, including those that arrive meanwhile.
    fn count_backlog(&self, reader: &mut LogReader) -> Result<u64, LogError> {
        let (mut at, mut number) = (self.evaluated_upto(), 0);
        loop {
            let records = reader.read_after(at, RECORDS, BYTES)?;
            let events = records
                .iter()
                .filter(|record| matches!(record.body, RecordBody::Event { .. }));
            number += events.count() as u64;
            match records.last() {
                Some(last) => at = last.position,
                None if self.parts.gauges.reset_backlog(number, at) => return Ok(number),
                // The log reports its growth a moment after readers see it.
                None => {}
            }
        }
    }
}

impl CoreRecovery<'_> {
    /// Runs a committed epoch again and compares.
    async fn redo_epoch(
        &mut self,
        records: &mut RecordCursor<'_>,
        epoch: CommittedEpoch,
    ) -> Result<(), EpochError> {
        if let Some(filled) = epoch.filled {
            self.apply_filled_gap(&filled);
            return Ok(());
        }
        // A unit that the checkpoint does not list as detached was attached before it was taken.
        let detached = &self.core.detached;
        let is_detached = |change: &UnitChange| detached.contains(&change.unit);
        if !epoch.attached.iter().all(is_detached) {
            return Ok(());
        }
        let mut outcome = EpochOutcome::default();
        let mut inputs = Vec::new();
        let mut detachments = epoch.detached.iter().peekable();
        while let Some(record) = records.next_record(epoch.commit.upto)? {
            // Run what came before, then detach: up to there the unit took part in this very epoch.
            while let Some(change) = detachments.next_if(|change| change.from < record.position) {
                self.redo_inputs(&mut inputs, &mut outcome).await?;
                self.detach_as_logged(change);
            }
            self.redo_record(record, &mut inputs, &mut outcome).await?;
            if inputs.len() >= RECORDS {
                self.redo_inputs(&mut inputs, &mut outcome).await?;
            }
        }
        self.redo_inputs(&mut inputs, &mut outcome).await?;
        let upto = epoch.commit.upto.max(self.core.evaluated_upto());
        self.core.resume_at(upto);
        for change in detachments {
            self.detach_as_logged(change);
        }
        let mut derived: Vec<Event> = outcome.derived_events().cloned().collect();
        // Attach behind the epoch: the alerts of the gap were appended after its own.
        for change in &epoch.attached {
            derived.extend(self.reattach_as_logged(change).await);
        }
        self.mark_logged(&epoch.commit);
        let changes = epoch.detached.into_iter().map(RecordBody::UnitDetached);
        derived.extend(changes.filter_map(|change| detached_alert(&change)));
        self.compare_with_commit(&epoch.commit, &derived);
        Ok(())
    }

    async fn redo_record(
        &mut self,
        record: Record,
        inputs: &mut Vec<EventInput>,
        outcome: &mut EpochOutcome,
    ) -> Result<(), EpochError> {
        match record.body {
            RecordBody::Event { event, arrived } => inputs.push(EventInput {
                position: record.position,
                event,
                arrived: Some(arrived),
                record: None,
            }),
            // The events before a tick or an activation are evaluated before it takes effect.
            RecordBody::Tick(tick) => {
                self.redo_inputs(inputs, outcome).await?;
                let mut unit_changes = Vec::new();
                let core = &mut self.core;
                let ticked = core.advance_time(record.position, tick, &mut unit_changes);
                outcome.extend(ticked.await?);
                self.note_unlogged(unit_changes);
            }
            RecordBody::Amend { most_rows } => {
                self.redo_inputs(inputs, outcome).await?;
                let mut unit_changes = Vec::new();
                let core = &mut self.core;
                let amended = core.amend_keys(record.position, most_rows, &mut unit_changes);
                outcome.extend(amended.await?);
                self.note_unlogged(unit_changes);
            }
            RecordBody::RuleSetActivated(activated) => {
                self.redo_inputs(inputs, outcome).await?;
                self.core.windows_upto = record.position;
                self.core
                    .activate_rules(record.position, &activated)
                    .await?;
            }
            RecordBody::Derived { .. }
            | RecordBody::EpochCommit(_)
            | RecordBody::UnitDetached(_)
            | RecordBody::UnitAttached(_)
            | RecordBody::GapFilled(_)
            | RecordBody::CursorMoved(_) => {}
        }
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
        let mut unit_changes = Vec::new();
        outcome.extend(self.core.evaluate_inputs(inputs, &mut unit_changes).await?);
        inputs.clear();
        self.note_unlogged(unit_changes);
        Ok(())
    }

    fn note_unlogged(&mut self, unit_changes: Vec<RecordBody>) {
        self.core.tally.clear();
        for body in unit_changes {
            if let RecordBody::UnitDetached(change) = body {
                self.unlogged.insert(change.unit.into());
            }
        }
    }

    /// Detaches a unit that the log says was detached.
    fn detach_as_logged(&mut self, change: &UnitChange) {
        let core = &mut self.core;
        if core.detached.contains(&change.unit) {
            return;
        }
        let names = change.rules.iter();
        let ids: BTreeSet<RuleId> = names.filter_map(|rule| RuleId::new(rule).ok()).collect();
        let set = core.driver.rule_set();
        let required = required_rules(set, &rule_numbers(set, &ids));
        let base = self.base.clone().complete_for(&rule_ids(set, &required));
        let now = core.now();
        core.add_detached(DetachedUnit {
            name: change.unit.as_str().into(),
            rules: ids.into_iter().map(|rule| (rule, change.from)).collect(),
            base,
            retry: RetryState::Due(now),
        });
    }

    /// Takes note of what a gap does not owe any more.
    fn apply_filled_gap(&mut self, filled: &FilledGap) {
        let FilledGap { change, alerts } = filled;
        let is_filled = |rule: &RuleId| change.rules.iter().any(|known| known == rule.as_str());
        let detached = &mut self.core.detached;
        detached.advance_gaps(change.from, |_, rule, _| is_filled(rule));
        self.core.remember_alerts(alerts);
    }

    /// Attaches a unit that the log says was attached; its alerts are in the log.
    async fn reattach_as_logged(&mut self, change: &UnitChange) -> Vec<Event> {
        let core = &mut self.core;
        let Some(mut unit) = core.detached.remove(&change.unit) else {
            return Vec::new();
        };
        let at = core.evaluated_upto();
        let job = core.replay_job(&unit.name, unit.base.clone(), unit.rule_ids());
        let replayed = core.run_replay(job).await;
        // A rule that stays detached because of another unit owes nothing up to here either.
        let is_logged = |rule: &RuleId| change.rules.iter().any(|said| said == rule.as_str());
        core.detached.advance_gaps(at, |_, rule, _| is_logged(rule));
        match replayed {
            Ok(replayed) => {
                let back = core.detached.rules_only_in(&unit);
                core.parts.gauges.clear_problem(&unit.name);
                core.reattach_rules(&back, replayed).await
            }
            Err(reason) => {
                warn!(unit = %unit.name, %reason, "unit fails while recovering, it stays detached");
                for (_, from) in unit.rules.iter_mut().filter(|(rule, _)| is_logged(rule)) {
                    *from = at.max(*from);
                }
                unit.retry = core.next_retry(&unit.name, &reason);
                self.unlogged.insert(Arc::clone(&unit.name));
                core.detached.insert(unit);
                Vec::new()
            }
        }
    }

    /// The alerts of a committed epoch are in the log, also those of units that failed just now.
    fn mark_logged(&mut self, commit: &EpochCommit) {
        let unlogged = &self.unlogged;
        self.core
            .detached
            .advance_gaps(commit.upto, |unit, _, from| {
                unlogged.contains(unit) && from >= commit.from
            });
    }

    /// Writes into the log which units were detached while recovering.
    async fn log_detached(&mut self) -> Result<(), EpochError> {
        let core = &mut self.core;
        let mut unit_changes = Vec::new();
        for unit in core.detached.iter() {
            if !self.unlogged.contains(&unit.name) {
                continue;
            }
            let reason = "it failed while the engine recovered".to_owned();
            core.report_detached(unit);
            let (rules, from) = (unit.rule_ids(), unit.gap_start());
            let change = core.unit_change(&unit.name, &rules, from, reason);
            unit_changes.push(RecordBody::UnitDetached(change));
        }
        if unit_changes.is_empty() {
            return Ok(());
        }
        let derived = unit_changes.iter().filter_map(detached_alert).collect();
        core.commit_unit_changes(derived, unit_changes).await
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
        self.core.parts.gauges.report_problem(
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

/// The epochs committed behind `after`.
fn read_committed_epochs(
    reader: &mut LogReader,
    after: Position,
) -> Result<Vec<CommittedEpoch>, LogError> {
    let mut done = Vec::new();
    let (mut detached, mut attached) = (Vec::new(), Vec::new());
    let (mut filled, mut derived) = (None, Vec::new());
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
                RecordBody::GapFilled(change) => filled = Some(change),
                RecordBody::Derived { event } => derived.push(event),
                RecordBody::EpochCommit(commit) => {
                    let (detached, attached) =
                        (std::mem::take(&mut detached), std::mem::take(&mut attached));
                    let alerts = std::mem::take(&mut derived);
                    let filled = filled.take().map(|change| FilledGap { change, alerts });
                    // A commit behind the checkpoint may cover what lies before it.
                    if commit.upto > after || commit.from >= after {
                        done.push(CommittedEpoch {
                            commit,
                            detached,
                            attached,
                            filled,
                        });
                    }
                }
                RecordBody::Event { .. }
                | RecordBody::RuleSetActivated(_)
                | RecordBody::CursorMoved(_)
                | RecordBody::Tick(_)
                | RecordBody::Amend { .. } => {}
            }
        }
    }
}
