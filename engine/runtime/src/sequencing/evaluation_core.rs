//! Evaluation over the actors, one stretch of the log after the other.
//!
//! Owns how the steps of the pure [`EpochDriver`] are answered: matchers and windows do the work,
//! and units that fail are restarted or detached. The order of the steps is the driver's. Writing
//! outcomes, checkpoints, the list of detached units, the feed of the trees and the counters own
//! their state themselves; the core calls them.
//! Invariant: an outcome is begun to be written only when the one before it is durable, so at most
//! one epoch is evaluated ahead of the log, and a crash loses nothing that was shown.

use std::sync::Arc;

use larum_event::{ClockTick, Event, Position, RecordBody, RuleSetActivation, limits};
use larum_log::CheckpointPart;
use larum_pipeline::{
    EpochDriver, EpochOutcome, EpochStep, EventInput, PipelineSettings, RuleSetChange,
    WindowAnswer, WindowStep, split_inputs,
};
use larum_rule::{RuleMatcher, RuleSet};
use tracing::info;

use crate::config::EngineConfig;
use crate::messages::CheckpointScope;
use crate::sequencing::actor_pool::ActorPool;
use crate::sequencing::checkpoint::{CheckpointSource, Checkpointer};
use crate::sequencing::commit::{EpochCommitter, EpochRecords};
use crate::sequencing::core_parts::CoreParts;
use crate::sequencing::detached_units::{DetachedUnits, detached_alert};
use crate::sequencing::epoch_error::EpochError;
use crate::sequencing::gap_fill::GapFill;
use crate::sequencing::logged_rules::load_logged_rules;
use crate::sequencing::rule_trees::seed_trees;
use crate::sequencing::tail::LogStretch;
use crate::sequencing::tally::EpochTally;
use crate::sequencing::tree_feed::TreeFeed;
use crate::tick_need::TickNeed;

mod failed_units;
mod gaps;
mod recovery;

/// Evaluates the log; lent to one epoch at a time.
pub(crate) struct EvaluationCore {
    parts: CoreParts,
    driver: EpochDriver,
    /// Runs the `.alert` closures of rules.
    alert_matcher: RuleMatcher,
    pool: ActorPool,
    /// The windows hold everything up to here; ahead of what is evaluated while an epoch runs.
    windows_upto: Position,
    /// Where the rules in force were activated.
    rules_since: Position,
    detached: DetachedUnits,
    /// The gap that is being filled, of one of these.
    filling: Option<GapFill>,
    /// What was evaluated when its last slice was run.
    slices_upto: Position,
    tree_feed: TreeFeed,
    committer: EpochCommitter,
    checkpointer: Checkpointer,
    tally: EpochTally,
}

impl EvaluationCore {
    /// A core without rules that has evaluated nothing.
    pub(crate) fn new(parts: CoreParts) -> Self {
        let set = Arc::new(RuleSet::empty());
        let settings = PipelineSettings {
            amend_horizon: parts.config.amend_horizon,
            lateness: parts.config.lateness,
            shards: parts.config.window_shards,
            ..PipelineSettings::default()
        };
        let driver = EpochDriver::new(Arc::clone(&set), &settings);
        let pool = ActorPool::start_actors(
            &set,
            driver.plan(),
            &parts.threads,
            &parts.supervision,
            &parts.gauges,
        );
        // Room for several epochs, so that evaluation rarely waits for the trees.
        let tree_events = u32::try_from(parts.config.epoch_events * 8).unwrap_or(u32::MAX);
        Self {
            driver,
            alert_matcher: RuleMatcher::new(set),
            pool,
            windows_upto: Position::START,
            rules_since: Position::START,
            detached: DetachedUnits::default(),
            filling: None,
            slices_upto: Position::START,
            tree_feed: TreeFeed::new(parts.trees.clone(), tree_events),
            committer: EpochCommitter::new(&parts),
            checkpointer: Checkpointer::new(&parts),
            tally: EpochTally::new(&parts.rulebook, &parts.gauges),
            parts,
        }
    }

    /// Everything up to here is evaluated, its outcome in the log or on its way.
    pub(crate) fn evaluated_upto(&self) -> Position {
        self.committer.evaluated_upto()
    }

    /// Whether the last epoch's outcome is still on its way.
    pub(crate) fn is_committing(&self) -> bool {
        self.committer.is_committing()
    }

    /// Waits until the last epoch's outcome is durable, and shows that it is.
    pub(crate) async fn finish_commit(&mut self) -> Result<(), EpochError> {
        self.committer.finish_commit(&self.tree_feed).await
    }

    /// Evaluates `stretch` and writes its outcome.
    pub(crate) async fn run_stretch(&mut self, stretch: LogStretch) -> Result<(), EpochError> {
        let from = self.evaluated_upto();
        let mut unit_changes = Vec::new();
        let mut outcome = self
            .evaluate_inputs(&stretch.inputs, &mut unit_changes)
            .await?;
        // The tick after the events: time passes behind them.
        if let Some((position, tick)) = stretch.tick {
            outcome.extend(self.advance_time(position, tick, &mut unit_changes).await?);
        }
        if let Some((position, most_rows)) = stretch.amend {
            let amended = self.amend_keys(position, most_rows, &mut unit_changes);
            outcome.extend(amended.await?);
        }
        self.parts.gauges.set_dirty_keys(self.driver.dirty_keys());
        self.publish_tick_need();
        self.publish_gaps();
        self.committer.count_events(stretch.inputs.len());
        self.publish_tally(&outcome);
        let mut derived: Vec<Event> = outcome.derived_events().cloned().collect();
        derived.extend(unit_changes.iter().filter_map(detached_alert));
        let changes_units = !unit_changes.is_empty();
        // Finish the commit before only now: the log wrote it while this epoch was evaluated.
        self.finish_commit().await?;
        let records = self.epoch_records(from, stretch.upto, derived, unit_changes);
        self.committer.begin_commit(records).await?;
        if let Some(activated) = &stretch.activated {
            // Durable before activation: the checkpoint behind it must not be ahead of the log.
            self.wait_until_durable().await?;
            self.activate_rules(stretch.upto, activated).await?;
            self.take_checkpoint().await?;
        }
        if changes_units || stretch.activated.is_some() {
            self.finish_commit().await?;
        }
        self.checkpointer.count_events(stretch.inputs.len());
        if self.checkpointer.is_due() {
            self.begin_checkpoint().await?;
        }
        Ok(())
    }

    /// Evaluates `inputs`; units that fail twice are detached and named in `unit_changes`.
    async fn evaluate_inputs(
        &mut self,
        inputs: &[EventInput],
        unit_changes: &mut Vec<RecordBody>,
    ) -> Result<EpochOutcome, EpochError> {
        let mut outcome = EpochOutcome::default();
        for piece in split_inputs(inputs) {
            if self.driver.trees().is_some() {
                let supervision = &self.parts.supervision;
                supervision
                    .faults
                    .inject_fault("kinship", &supervision.clock);
            }
            self.driver.begin_inputs(piece);
            let events = piece.iter().map(|input| (input.position, &input.event));
            self.tree_feed.send_events(events).await;
            outcome.extend(self.run_epoch(unit_changes).await?);
            // Only now: a unit that fails in this piece is rebuilt up to the piece before.
            self.windows_upto = piece.last().map_or(self.windows_upto, |last| last.position);
        }
        Ok(outcome)
    }

    /// Lets time pass: it is `at` as of `position`.
    async fn advance_time(
        &mut self,
        position: Position,
        tick: ClockTick,
        unit_changes: &mut Vec<RecordBody>,
    ) -> Result<EpochOutcome, EpochError> {
        self.driver.begin_tick(position, tick);
        let outcome = self.run_epoch(unit_changes).await?;
        self.windows_upto = position;
        Ok(outcome)
    }

    /// Amends the keys whose matches came out of order, as the record at `position` asks.
    async fn amend_keys(
        &mut self,
        position: Position,
        most_rows: u64,
        unit_changes: &mut Vec<RecordBody>,
    ) -> Result<EpochOutcome, EpochError> {
        let most_rows = usize::try_from(most_rows).unwrap_or(usize::MAX);
        self.driver.begin_amend(position, most_rows);
        let outcome = self.run_epoch(unit_changes).await?;
        self.windows_upto = position;
        Ok(outcome)
    }

    /// Answers the steps of the epoch that the driver has begun.
    async fn run_epoch(
        &mut self,
        unit_changes: &mut Vec<RecordBody>,
    ) -> Result<EpochOutcome, EpochError> {
        loop {
            match self.driver.next_step(&mut self.alert_matcher) {
                EpochStep::Match(step) => {
                    let matched = self.pool.match_items(&step).await?;
                    self.tally.count_runs(&matched);
                    self.driver.record_matches(matched);
                }
                EpochStep::Windows(step) => {
                    self.tally.count_matches(&step);
                    let answer = self.run_windows(step, unit_changes).await?;
                    self.driver.record_answers(answer);
                }
                // Nothing is stored outside of windows yet, so there is nothing to resume with.
                EpochStep::Fetch(_) => self.driver.resume_with(Vec::new()),
                EpochStep::Done(outcome) => return Ok(outcome),
            }
        }
    }

    /// Runs the windows of `step`; those that fail are restarted, or detached.
    async fn run_windows(
        &mut self,
        step: WindowStep,
        unit_changes: &mut Vec<RecordBody>,
    ) -> Result<WindowAnswer, EpochError> {
        let moves = Arc::clone(&step.moves);
        let answers = self.pool.run_windows(step).await;
        let mut answer = answers.answer;
        for failed in answers.failed {
            // Another shard of its rule has failed for good before, and silenced this one too.
            let detached = self.driver.sequencer().detached_rules();
            if detached.contains(&failed.unit.rule) {
                continue;
            }
            let unit = failed.unit;
            match self.restart_unit(failed, &moves).await {
                Ok(retried) => answer.append(retried),
                Err(cause) => unit_changes.push(self.detach_unit(unit, cause).await?),
            }
        }
        Ok(answer)
    }

    /// Says whether anything waits for time to pass.
    fn publish_tick_need(&self) {
        let sequencer = self.driver.sequencer();
        let needs = match sequencer.tenant_count() {
            _ if !self.pool.has_state() || !sequencer.follows_wall_clock() => TickNeed::Never,
            1 => TickNeed::WhenQuiet,
            _ => TickNeed::Always,
        };
        self.parts.gauges.tick_need().set(needs);
    }

    fn publish_tally(&mut self, outcome: &EpochOutcome) {
        self.tally.publish(outcome);
        if !outcome.breaks.is_empty() {
            self.publish_outages();
        }
    }

    fn publish_outages(&self) {
        self.tally
            .publish_outages(self.driver.sequencer().outages());
    }

    /// What the epoch behind `from`, up to `upto`, writes into the log.
    fn epoch_records(
        &self,
        from: Position,
        upto: Position,
        derived: Vec<Event>,
        unit_changes: Vec<RecordBody>,
    ) -> EpochRecords {
        EpochRecords {
            from,
            upto,
            watermark: self.driver.sequencer().watermark(),
            derived,
            unit_changes,
        }
    }

    /// Writes changes of units between epochs, with what is derived from them, and waits for it.
    async fn commit_unit_changes(
        &mut self,
        derived: Vec<Event>,
        unit_changes: Vec<RecordBody>,
    ) -> Result<(), EpochError> {
        self.finish_commit().await?;
        let at = self.evaluated_upto();
        let records = self.epoch_records(at, at, derived, unit_changes);
        self.committer.begin_commit(records).await?;
        self.finish_commit().await
    }

    async fn wait_until_durable(&mut self) -> Result<(), EpochError> {
        self.committer.wait_until_durable(&self.tree_feed).await
    }

    /// Saves the state as of [`EvaluationCore::evaluated_upto`], so that a recovery need not read
    /// the log from its start.
    pub(crate) async fn take_checkpoint(&mut self) -> Result<(), EpochError> {
        self.begin_checkpoint().await?;
        self.checkpointer.wait_until_saved().await;
        Ok(())
    }

    async fn begin_checkpoint(&mut self) -> Result<(), EpochError> {
        // Durable first: a checkpoint ahead of the log would hide alerts that were never written.
        self.wait_until_durable().await?;
        self.save_fill().await;
        let source = CheckpointSource {
            upto: self.evaluated_upto(),
            driver: &self.driver,
            pool: &mut self.pool,
            detached: &self.detached,
        };
        self.checkpointer.begin_checkpoint(source).await;
        Ok(())
    }

    /// Puts the rules of `activated` in force. Which windows keep their state is the driver's
    /// decision; here only bytes move.
    async fn activate_rules(
        &mut self,
        at: Position,
        activated: &RuleSetActivation,
    ) -> Result<(), EpochError> {
        let set = load_logged_rules(&self.parts.rulebook, at, activated)?;
        let settings = PipelineSettings::from_activated(activated, self.parts.config.window_shards);
        // The bytes of the windows before their actors are replaced: the new ones begin empty.
        let rules = self.driver.sequencer().detached_rules();
        let copies = self.pool.checkpoint_windows(rules, CheckpointScope::Copy);
        let windows = copies.await?;
        let old = Arc::clone(self.driver.rule_set());
        self.save_fill().await;
        let detached = self.detached.take_all();
        let change = self.reset_to_rules(set, settings, at);
        if change.has_new_trees() {
            self.fill_rule_trees(at).await?;
        }
        for window in windows {
            if let Some(CheckpointPart::Bytes(bytes)) = window.pieces.first()
                && let Some((unit, carried)) = change.carry_over(window.unit, bytes)
            {
                self.pool.restore_window(unit, carried).await;
            }
        }
        self.keep_detached(detached, &old, at);
        self.publish_outages();
        info!(position = %at, rules = self.driver.rule_set().rules().len(), "rules are active");
        Ok(())
    }

    /// Fills the trees that rules ask since `at` with the events of the log before.
    async fn fill_rule_trees(&mut self, at: Position) -> Result<(), EpochError> {
        let mut reader = self.parts.readers.open_reader();
        let set = Arc::clone(self.driver.rule_set());
        let settings = self.driver.settings().clone();
        let read = move || seed_trees(&mut reader, &set, &settings, at);
        let trees = tokio::task::spawn_blocking(read).await;
        self.driver
            .use_trees(Some(trees.map_err(|_| EpochError::LogGone)??));
        info!(position = %at, "rules ask trees, which are made of the log before");
        Ok(())
    }

    /// Puts `set`, activated at `at`, in force with empty windows; no unit is detached.
    fn reset_to_rules(
        &mut self,
        set: Arc<RuleSet>,
        settings: PipelineSettings,
        at: Position,
    ) -> RuleSetChange {
        let parts = &self.parts;
        let change = self.driver.activate_rules(Arc::clone(&set), &settings);
        // Let the old actors go before new ones of the same names are started.
        self.pool = ActorPool::empty(&parts.supervision, &parts.gauges);
        self.pool = ActorPool::start_actors(
            &set,
            self.driver.plan(),
            &parts.threads,
            &parts.supervision,
            &parts.gauges,
        );
        self.alert_matcher = RuleMatcher::new(Arc::clone(&set));
        parts.gauges.set_rule_count(set.rules().len());
        parts.rulebook.set_current_rules(at, &set);
        parts
            .rulebook
            .windows
            .replace_windows(&set, self.pool.window_slots());
        self.tree_feed.send_links(at, set.links());
        self.detached = DetachedUnits::default();
        self.filling = None;
        self.rules_since = at;
        change
    }
}

/// Records of one stretch at most, so that no epoch grows beyond its limit.
pub(crate) fn max_records(config: &EngineConfig) -> usize {
    config.epoch_events.clamp(1, limits::EPOCH_EVENTS)
}
