//! One epoch over the actors: begin, match, windows, alerts, commit.
//!
//! Owns what the epoch changes: the pure sequencer, the pool, the trees and how far evaluation has
//! come. Writing the outcome (`commit`), checkpoints (`checkpoint`), recovery (`recover`) and the loss of units
//! (`detach`, `attach`) are further methods of the same `EvaluationCore`.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use actix::Addr;
use larum_actor::{ActorSlot, Credits, Supervision};
use larum_event::{Event, Position, RecordBody, RuleSetActivation, Timestamp, limits};
use larum_log::CheckpointPart;
use larum_log::{CheckpointStore, LogError};
use larum_pipeline::{
    Epoch, EpochOutcome, EventInput, MatchOutput, PipelineSettings, RuleTrees, Sequencer,
    WindowPlan, WindowShard, split_by_shard, split_inputs,
};
use larum_query::ReaderFactory;
use larum_rule::{Diagnostic, RuleMatcher, RuleSet};
use tokio::sync::Notify;
use tracing::{debug, info};

use crate::actors::{LogActor, TreeActor};
use crate::config::EngineConfig;
use crate::gauges::EngineGauges;
use crate::messages::{CheckpointScope, UnitFailure};
use crate::rulebook::{RuleTally, Rulebook};
use crate::sequencing::actor_pool::ActorPool;
use crate::sequencing::checkpoint::CheckpointPace;
use crate::sequencing::commit::CommitState;
use crate::sequencing::detached_unit::DetachedUnit;
use crate::sequencing::tail::LogStretch;
use crate::sequencing::threads::EngineThreads;
use crate::sequencing::trees::TreeFilter;
use crate::tick_need::TickNeed;

/// Why an epoch could not be run. The sequencer starts over from disk.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EpochError {
    /// The log did not take or give records.
    #[error("the log failed")]
    Log(#[source] Arc<LogError>),
    /// The log's actor is gone.
    #[error("the log's actor is gone")]
    LogGone,
    /// A part of the engine died outside of its guard.
    #[error(transparent)]
    Unit(#[from] UnitFailure),
    /// The rules that the log says were active do not load any more.
    #[error("the rules active at position {at} do not load: {first}")]
    Rules {
        /// Where they were activated.
        at: Position,
        /// The first diagnostic.
        first: String,
    },
}

impl From<LogError> for EpochError {
    fn from(error: LogError) -> Self {
        Self::Log(Arc::new(error))
    }
}

/// What a core is made of besides its state.
#[derive(Clone)]
pub(crate) struct CoreParts {
    /// Everything the engine was started with.
    pub(crate) config: Arc<EngineConfig>,
    /// The one writer.
    pub(crate) log: Addr<LogActor>,
    /// The trees.
    pub(crate) trees: ActorSlot<TreeActor>,
    /// Counters.
    pub(crate) gauges: Arc<EngineGauges>,
    /// What supervised actors share.
    pub(crate) supervision: Supervision,
    /// Threads of matchers and windows.
    pub(crate) threads: Arc<EngineThreads>,
    /// Makes readers of the log.
    pub(crate) readers: ReaderFactory,
    /// The rules in force, and where rules are loaded.
    pub(crate) rulebook: Arc<Rulebook>,
    /// Where checkpoints are kept.
    pub(crate) checkpoints: Arc<Mutex<CheckpointStore>>,
    /// Notified when there may be something to do besides the log.
    pub(crate) wake: Arc<Notify>,
}

/// See the module's words.
pub(crate) struct EvaluationCore {
    pub(super) parts: CoreParts,
    pub(super) set: Arc<RuleSet>,
    pub(super) settings: PipelineSettings,
    pub(super) plan: Arc<WindowPlan>,
    pub(super) sequencer: Sequencer,
    pub(super) alert_matcher: RuleMatcher,
    pub(super) pool: ActorPool,
    /// Everything up to here is evaluated, its outcome durable or empty.
    pub(super) evaluated: Position,
    /// What the windows hold is as of here; ahead of `evaluated` while an epoch runs.
    pub(super) windows_upto: Position,
    /// Where the rules in force were activated.
    pub(super) rules_since: Position,
    pub(super) detached: Vec<DetachedUnit>,
    /// Names of units that were lost while recovering, which the log does not say yet.
    pub(super) unlogged: BTreeSet<Arc<str>>,
    /// What rules ask; kept only for those that do.
    pub(super) rule_trees: Option<RuleTrees>,
    pub(super) tree_credits: Credits,
    pub(super) tree_filter: TreeFilter,
    pub(super) commit_state: CommitState,
    /// Raw events evaluated whose outcome is not on its way yet.
    pub(super) uncommitted_events: u64,
    /// Raw events whose outcome is on its way.
    pub(super) committing_events: u64,
    pub(super) checkpoints: CheckpointPace,
    /// What was counted of rules and is not shown yet.
    pub(super) tally: RuleTally,
}

impl EvaluationCore {
    /// A core without rules that has evaluated nothing.
    pub(crate) fn new(parts: CoreParts) -> Self {
        let set = Arc::new(RuleSet::empty());
        let settings = PipelineSettings {
            max_lag: parts.config.max_lag,
            lateness: parts.config.lateness,
            shards: parts.config.window_shards,
            ..PipelineSettings::default()
        };
        let plan = Arc::new(WindowPlan::new(Arc::clone(&set), &settings));
        let pool = ActorPool::start_actors(
            &set,
            &plan,
            &parts.threads,
            &parts.supervision,
            &parts.gauges,
        );
        let tree_events = u32::try_from(parts.config.epoch_events * 8).unwrap_or(u32::MAX);
        Self {
            sequencer: Sequencer::new(Arc::clone(&set), &settings),
            alert_matcher: RuleMatcher::new(Arc::clone(&set)),
            evaluated: Position::START,
            windows_upto: Position::START,
            rules_since: Position::START,
            detached: Vec::new(),
            unlogged: BTreeSet::new(),
            rule_trees: None,
            tree_credits: Credits::new(tree_events),
            tree_filter: TreeFilter::default(),
            commit_state: CommitState::default(),
            uncommitted_events: 0,
            committing_events: 0,
            checkpoints: CheckpointPace::default(),
            tally: RuleTally::new(),
            parts,
            set,
            settings,
            plan,
            pool,
        }
    }

    /// Everything up to here is evaluated, its outcome on its way to the log.
    pub(crate) fn evaluated_upto(&self) -> Position {
        self.evaluated
    }

    /// Rules in force.
    pub(crate) fn rule_count(&self) -> usize {
        self.set.rules().len()
    }

    /// Evaluates `stretch` and writes its outcome.
    pub(crate) async fn run_stretch(&mut self, stretch: LogStretch) -> Result<(), EpochError> {
        let from = self.evaluated;
        let mut also = Vec::new();
        let mut outcome = self.evaluate_inputs(&stretch.inputs, &mut also).await?;
        if let Some(tick) = stretch.tick {
            outcome.extend(self.advance_time(tick, &mut also).await?);
        }
        self.publish_tick_need();
        self.count_outcome(&outcome, stretch.inputs.len());
        let mut derived: Vec<Event> = outcome.derived_events().cloned().collect();
        derived.extend(also.iter().filter_map(super::detached_unit::detached_alert));
        let changes_units = !also.is_empty();
        // The log is written to while the next epoch is evaluated, one epoch ahead at most.
        self.finish_commit().await?;
        self.begin_commit((from, stretch.upto), derived, also)
            .await?;
        if let Some(activated) = &stretch.activated {
            self.wait_until_durable().await?;
            self.activate_rules(stretch.upto, activated).await?;
            self.take_checkpoint().await?;
        }
        if changes_units || stretch.activated.is_some() {
            self.finish_commit().await?;
        }
        self.checkpoint_if_due(stretch.inputs.len()).await
    }

    /// Evaluates `inputs`; units that fail for good are left out and named in `also`.
    pub(super) async fn evaluate_inputs(
        &mut self,
        inputs: &[EventInput],
        also: &mut Vec<RecordBody>,
    ) -> Result<EpochOutcome, EpochError> {
        let mut outcome = EpochOutcome::default();
        for piece in split_inputs(inputs) {
            let epoch = self.sequencer.begin_epoch(piece);
            // Before the rules, which ask them; those that people look at grow beside.
            self.grow_rule_trees(piece);
            self.send_events(piece.iter().map(|input| (input.position, &input.event)))
                .await;
            outcome.extend(self.run_layers(epoch, also).await?);
            self.windows_upto = piece.last().map_or(self.windows_upto, |last| last.position);
        }
        Ok(outcome)
    }

    /// Lets time pass: it is `at` as of `position`.
    pub(super) async fn advance_time(
        &mut self,
        (position, at): (Position, Timestamp),
        also: &mut Vec<RecordBody>,
    ) -> Result<EpochOutcome, EpochError> {
        let epoch = self.sequencer.begin_tick(position, at);
        let outcome = self.run_layers(epoch, also).await?;
        self.windows_upto = position;
        Ok(outcome)
    }

    async fn run_layers(
        &mut self,
        mut epoch: Epoch,
        also: &mut Vec<RecordBody>,
    ) -> Result<EpochOutcome, EpochError> {
        for layer in 0..self.set.layers() {
            self.run_layer(&mut epoch, layer, also).await?;
        }
        Ok(self.sequencer.finish_epoch(epoch))
    }

    /// Says whether anything waits for time to pass.
    pub(super) fn publish_tick_need(&self) {
        let needs = match self.sequencer.tenant_count() {
            _ if !self.pool.has_state() || !self.sequencer.follows_wall_clock() => TickNeed::Never,
            1 => TickNeed::WhenQuiet,
            _ => TickNeed::Always,
        };
        self.parts.gauges.tick_need().set(needs);
    }

    async fn run_layer(
        &mut self,
        epoch: &mut Epoch,
        layer: u8,
        also: &mut Vec<RecordBody>,
    ) -> Result<(), EpochError> {
        let items = epoch.layer_items(layer);
        let mut matched = if items.is_empty() {
            MatchOutput::default()
        } else {
            let unasked = Arc::new(self.sequencer.skipped_rules(epoch));
            let head = (layer, &unasked, self.tree_lookup());
            self.pool.match_items(head, &items).await?
        };
        self.sequencer.apply_breakers(epoch, &items, &mut matched);
        self.sequencer.drop_detached_matches(&mut matched.matches);
        super::tally::count_matched(&mut self.tally, &matched);
        let work = split_by_shard(matched.matches, self.settings.shards);
        let steps = epoch.steps();
        let left_out = self.sequencer.detached_rules();
        let answers = self.pool.run_windows(layer, work, &steps, left_out).await;
        let (mut detections, mut late) = (answers.detections, answers.late);
        let mut faults = answers.faults;
        for (unit, matches, failed) in answers.failed {
            if self.sequencer.detached_rules().contains(&unit.rule) {
                continue;
            }
            match self.restart_unit(unit, &matches, &steps, failed).await {
                Ok(found) => {
                    detections.extend(found.detections);
                    late.extend(found.late);
                    faults.extend(found.faults);
                }
                Err(failure) => also.push(self.detach_unit(unit, failure).await?),
            }
        }
        let left_out = self.sequencer.detached_rules();
        detections.retain(|detection| !left_out.contains(&detection.rule));
        self.sequencer.record_late(epoch, late);
        self.sequencer.record_faults(epoch, faults);
        self.sequencer
            .raise_alerts(epoch, layer, detections, &mut self.alert_matcher);
        Ok(())
    }

    fn count_outcome(&mut self, outcome: &EpochOutcome, inputs: usize) {
        self.uncommitted_events += inputs as u64;
        let gauges = &self.parts.gauges;
        gauges.count_late(outcome.late.len() as u64);
        for fault in &outcome.faults {
            debug!(rule_id = %fault.rule, fault = %fault.message, "rule failed on an event");
            gauges.count_fault(fault.rule.as_str());
        }
        self.publish_tally(outcome);
    }

    /// Goes on with the rules of `activated`; windows of rules whose meaning is unchanged keep their state.
    pub(super) async fn activate_rules(
        &mut self,
        at: Position,
        activated: &RuleSetActivation,
    ) -> Result<(), EpochError> {
        let set = load_logged_rules(&self.parts.rulebook, at, activated)?;
        let settings = PipelineSettings::from_activated(activated, self.parts.config.window_shards);
        let kept = self
            .pool
            .checkpoint_windows(self.sequencer.detached_rules(), CheckpointScope::Copy);
        let kept = kept.await?;
        let (old, lost) = (Arc::clone(&self.set), std::mem::take(&mut self.detached));
        let trees = self.rule_trees.take();
        self.reset_to_rules(set, settings, at);
        let trees = self.rule_trees_at(trees, at).await?;
        self.use_rule_trees(trees);
        for (unit, _, parts) in kept {
            let Some(CheckpointPart::Bytes(bytes)) = parts.first() else {
                continue;
            };
            let Some(rule) = self.set.successor(&old, unit.rule) else {
                continue;
            };
            let unit = WindowShard {
                rule,
                shard: unit.shard,
            };
            if let Ok(window) = self.plan.restore_window(unit, bytes) {
                self.pool.restore_window(unit, window).await;
            }
        }
        self.keep_detached(lost, &old, at);
        self.publish_outages();
        info!(position = %at, rules = self.rule_count(), "rules are active");
        Ok(())
    }

    /// Starts over with `set`, activated at `at`, without any state of windows and without trees.
    pub(super) fn reset_to_rules(
        &mut self,
        set: Arc<RuleSet>,
        settings: PipelineSettings,
        at: Position,
    ) {
        let parts = &self.parts;
        let supervision = &parts.supervision;
        // The old actors are let go before new ones of the same names are made.
        self.pool = ActorPool::empty(supervision, &parts.gauges);
        self.plan = Arc::new(WindowPlan::new(Arc::clone(&set), &settings));
        self.pool =
            ActorPool::start_actors(&set, &self.plan, &parts.threads, supervision, &parts.gauges);
        self.sequencer.activate_rules(Arc::clone(&set), &settings);
        self.alert_matcher = RuleMatcher::new(Arc::clone(&set));
        self.rule_trees = None;
        self.parts.gauges.set_rule_count(set.rules().len());
        self.parts.rulebook.set_current_rules(at, &set);
        self.parts
            .rulebook
            .windows
            .replace_windows(&set, self.pool.window_slots());
        self.send_links(at, set.links());
        self.detached.clear();
        self.rules_since = at;
        self.set = set;
        self.settings = settings;
    }
}

/// The rules of a record; they loaded when it was written.
pub(super) fn load_logged_rules(
    rulebook: &Rulebook,
    at: Position,
    activated: &RuleSetActivation,
) -> Result<Arc<RuleSet>, EpochError> {
    let failed = |diagnostics: Vec<Diagnostic>| EpochError::Rules {
        at,
        first: diagnostics
            .first()
            .map(ToString::to_string)
            .unwrap_or_default(),
    };
    rulebook.load_rules(&activated.files).map_err(failed)
}

/// Records of one stretch at most, so that no epoch grows beyond its limit.
pub(crate) fn max_records(config: &EngineConfig) -> usize {
    config.epoch_events.clamp(1, limits::EPOCH_EVENTS)
}
