//! One epoch over the actors: begin, match, windows, alerts, commit.
//!
//! Owns what the epoch changes: the pure sequencer, the pool, the trees and how far evaluation has
//! come. Writing the outcome (`commit`), checkpoints (`checkpoint`), recovery (`recover`) and the loss of units
//! (`detach`, `attach`) are further methods of the same `Core`.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use actix::Addr;
use larum_event::{Event, Position, RecordBody, RuleSetActivated, Timestamp, limits};
use larum_log::Part;
use larum_log::{CheckpointStore, LogError};
use larum_pipeline::{
    Epoch, Input, Matched, Outcome, RuleTrees, Sequencer, Settings, Unit, WindowPlan, by_unit,
    pieces,
};
use larum_rule::{Diagnostic, Matcher, RuleSet};
use tokio::sync::Notify;
use tracing::{debug, info};

use crate::actors::{LogActor, TreeUnit};
use crate::api::EngineConfig;
use crate::credit::Credits;
use crate::gauges::Gauges;
use crate::messages::{UnitFailed, Wanted};
use crate::readers::Readers;
use crate::rulebook::{Rulebook, Tally};
use crate::sequencing::checkpoint::Checkpoints;
use crate::sequencing::commit::Committing;
use crate::sequencing::lost::Lost;
use crate::sequencing::pool::Pool;
use crate::sequencing::tail::Stretch;
use crate::sequencing::threads::Threads;
use crate::sequencing::trees::TreeFilter;
use crate::supervise::Seat;
use crate::supervision::Supervision;
use crate::ticking::NeedsTime;

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
    Unit(#[from] UnitFailed),
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
pub(crate) struct Parts {
    /// Everything the engine was started with.
    pub(crate) config: Arc<EngineConfig>,
    /// The one writer.
    pub(crate) log: Addr<LogActor>,
    /// The trees.
    pub(crate) trees: Seat<TreeUnit>,
    /// Counters.
    pub(crate) gauges: Arc<Gauges>,
    /// What supervised actors share.
    pub(crate) supervision: Supervision,
    /// Threads of matchers and windows.
    pub(crate) threads: Arc<Threads>,
    /// Makes readers of the log.
    pub(crate) readers: Readers,
    /// The rules in force, and where rules are loaded.
    pub(crate) rulebook: Arc<Rulebook>,
    /// Where checkpoints are kept.
    pub(crate) checkpoints: Arc<Mutex<CheckpointStore>>,
    /// Notified when there may be something to do besides the log.
    pub(crate) wake: Arc<Notify>,
}

/// See the module's words.
pub(crate) struct Core {
    pub(super) parts: Parts,
    pub(super) set: Arc<RuleSet>,
    pub(super) settings: Settings,
    pub(super) plan: Arc<WindowPlan>,
    pub(super) sequencer: Sequencer,
    pub(super) words: Matcher,
    pub(super) pool: Pool,
    /// Everything up to here is evaluated, its outcome durable or empty.
    pub(super) evaluated: Position,
    /// What the windows hold is as of here; ahead of `evaluated` while an epoch runs.
    pub(super) reached: Position,
    /// Where the rules in force were activated.
    pub(super) rules_since: Position,
    pub(super) lost: Vec<Lost>,
    /// Names of units that were lost while recovering, which the log does not say yet.
    pub(super) unsaid: BTreeSet<Arc<str>>,
    /// What rules ask; kept only for those that do.
    pub(super) trees: Option<RuleTrees>,
    pub(super) tree_credits: Credits,
    pub(super) tree_filter: TreeFilter,
    pub(super) committing: Committing,
    /// Raw events evaluated whose outcome is not on its way yet.
    pub(super) uncommitted_events: u64,
    /// Raw events whose outcome is on its way.
    pub(super) committing_events: u64,
    pub(super) checkpoints: Checkpoints,
    /// What was counted of rules and is not shown yet.
    pub(super) tally: Tally,
}

impl Core {
    /// A core without rules that has evaluated nothing.
    pub(crate) fn new(parts: Parts) -> Self {
        let set = Arc::new(RuleSet::empty());
        let settings = Settings {
            max_lag: parts.config.max_lag,
            lateness: parts.config.lateness,
            shards: parts.config.window_shards,
            ..Settings::default()
        };
        let plan = Arc::new(WindowPlan::new(Arc::clone(&set), &settings));
        let pool = Pool::start(
            &set,
            &plan,
            &parts.threads,
            &parts.supervision,
            &parts.gauges,
        );
        let tree_events = u32::try_from(parts.config.epoch_events * 8).unwrap_or(u32::MAX);
        Self {
            sequencer: Sequencer::new(Arc::clone(&set), &settings),
            words: Matcher::new(Arc::clone(&set)),
            evaluated: Position::START,
            reached: Position::START,
            rules_since: Position::START,
            lost: Vec::new(),
            unsaid: BTreeSet::new(),
            trees: None,
            tree_credits: Credits::new(tree_events),
            tree_filter: TreeFilter::default(),
            committing: Committing::default(),
            uncommitted_events: 0,
            committing_events: 0,
            checkpoints: Checkpoints::default(),
            tally: Tally::new(),
            parts,
            set,
            settings,
            plan,
            pool,
        }
    }

    /// Everything up to here is evaluated, its outcome on its way to the log.
    pub(crate) fn evaluated(&self) -> Position {
        self.evaluated
    }

    /// Rules in force.
    pub(crate) fn rules(&self) -> usize {
        self.set.rules().len()
    }

    /// Evaluates `stretch` and writes its outcome.
    pub(crate) async fn run(&mut self, stretch: Stretch) -> Result<(), EpochError> {
        let from = self.evaluated;
        let mut also = Vec::new();
        let mut outcome = self.evaluate(&stretch.inputs, &mut also).await?;
        if let Some(tick) = stretch.tick {
            outcome.extend(self.pass(tick, &mut also).await?);
        }
        self.say_what_waits();
        self.note(&outcome, stretch.inputs.len());
        let mut derived: Vec<Event> = outcome.derived().cloned().collect();
        derived.extend(also.iter().filter_map(super::lost::alert_of));
        let changes_units = !also.is_empty();
        // The log is written to while the next epoch is evaluated, one epoch ahead at most.
        self.committed().await?;
        self.begin_commit((from, stretch.upto), derived, also)
            .await?;
        if let Some(activated) = &stretch.activated {
            self.written().await?;
            self.activate(stretch.upto, activated).await?;
            self.checkpoint().await?;
        }
        if changes_units || stretch.activated.is_some() {
            self.committed().await?;
        }
        self.checkpoint_if_due(stretch.inputs.len()).await
    }

    /// Evaluates `inputs`; units that fail for good are left out and named in `also`.
    pub(super) async fn evaluate(
        &mut self,
        inputs: &[Input],
        also: &mut Vec<RecordBody>,
    ) -> Result<Outcome, EpochError> {
        let mut outcome = Outcome::default();
        for piece in pieces(inputs) {
            let epoch = self.sequencer.begin(piece);
            // Before the rules, which ask them; those that people look at grow beside.
            self.grow_kinship(piece);
            self.grow(piece.iter().map(|input| (input.position, &input.event)))
                .await;
            outcome.extend(self.run_layers(epoch, also).await?);
            self.reached = piece.last().map_or(self.reached, |last| last.position);
        }
        Ok(outcome)
    }

    /// Lets time pass: it is `at` as of `position`.
    pub(super) async fn pass(
        &mut self,
        (position, at): (Position, Timestamp),
        also: &mut Vec<RecordBody>,
    ) -> Result<Outcome, EpochError> {
        let epoch = self.sequencer.begin_tick(position, at);
        let outcome = self.run_layers(epoch, also).await?;
        self.reached = position;
        Ok(outcome)
    }

    async fn run_layers(
        &mut self,
        mut epoch: Epoch,
        also: &mut Vec<RecordBody>,
    ) -> Result<Outcome, EpochError> {
        for layer in 0..self.set.layers() {
            self.run_layer(&mut epoch, layer, also).await?;
        }
        Ok(self.sequencer.finish(epoch))
    }

    /// Says whether anything waits for time to pass.
    pub(super) fn say_what_waits(&self) {
        let needs = match self.sequencer.tenants() {
            _ if !self.pool.has_state() || !self.sequencer.follows_wall_clock() => NeedsTime::No,
            1 => NeedsTime::WhenQuiet,
            _ => NeedsTime::Always,
        };
        self.parts.gauges.time_needed().set(needs);
    }

    async fn run_layer(
        &mut self,
        epoch: &mut Epoch,
        layer: u8,
        also: &mut Vec<RecordBody>,
    ) -> Result<(), EpochError> {
        let items = epoch.items(layer);
        let mut matched = if items.is_empty() {
            Matched::default()
        } else {
            let unasked = Arc::new(self.sequencer.unasked(epoch));
            let head = (layer, &unasked, self.kinship());
            self.pool.match_items(head, &items).await?
        };
        self.sequencer.settle(epoch, &items, &mut matched);
        self.sequencer.retain(&mut matched.matches);
        super::tally::add(&mut self.tally, &matched);
        let work = by_unit(matched.matches, self.settings.shards);
        let steps = epoch.steps();
        let left_out = self.sequencer.left_out();
        let answers = self.pool.run_windows(layer, work, &steps, left_out).await;
        let (mut detections, mut late) = (answers.detections, answers.late);
        let mut faults = answers.faults;
        for (unit, matches, failed) in answers.failed {
            if self.sequencer.left_out().contains(&unit.rule) {
                continue;
            }
            match self.restart(unit, &matches, &steps, failed).await {
                Ok(found) => {
                    detections.extend(found.detections);
                    late.extend(found.late);
                    faults.extend(found.faults);
                }
                Err(failure) => also.push(self.leave_out(unit, failure).await?),
            }
        }
        let left_out = self.sequencer.left_out();
        detections.retain(|detection| !left_out.contains(&detection.rule));
        self.sequencer.note_late(epoch, late);
        self.sequencer.note_faults(epoch, faults);
        self.sequencer
            .raise(epoch, layer, detections, &mut self.words);
        Ok(())
    }

    fn note(&mut self, outcome: &Outcome, inputs: usize) {
        self.uncommitted_events += inputs as u64;
        let gauges = &self.parts.gauges;
        for late in &outcome.late {
            gauges.late(late.source.as_str());
        }
        for fault in &outcome.faults {
            debug!(rule_id = %fault.rule, fault = %fault.message, "rule failed on an event");
            gauges.fault(fault.rule.as_str());
        }
        self.show_tally(outcome);
    }

    /// Goes on with the rules of `activated`; windows of rules whose meaning is unchanged keep their state.
    pub(super) async fn activate(
        &mut self,
        at: Position,
        activated: &RuleSetActivated,
    ) -> Result<(), EpochError> {
        let set = load(&self.parts.rulebook, at, activated)?;
        let settings = Settings::of(activated, self.parts.config.window_shards);
        let kept = self
            .pool
            .checkpoint(self.sequencer.left_out(), Wanted::Copy);
        let kept = kept.await?;
        let (old, lost) = (Arc::clone(&self.set), std::mem::take(&mut self.lost));
        let trees = self.trees.take();
        self.use_rules(set, settings, at);
        let trees = self.trees_at(trees, at).await?;
        self.use_trees(trees);
        for (unit, _, parts) in kept {
            let Some(Part::Bytes(bytes)) = parts.first() else {
                continue;
            };
            let Some(rule) = self.set.successor(&old, unit.rule) else {
                continue;
            };
            let unit = Unit {
                rule,
                shard: unit.shard,
            };
            if let Ok(window) = self.plan.restored(unit, bytes) {
                self.pool.restore(unit, window).await;
            }
        }
        self.lose_still(lost, &old, at);
        self.show_missed();
        info!(position = %at, rules = self.rules(), "rules are active");
        Ok(())
    }

    /// Starts over with `set`, activated at `at`, without any state of windows and without trees.
    pub(super) fn use_rules(&mut self, set: Arc<RuleSet>, settings: Settings, at: Position) {
        let parts = &self.parts;
        let supervision = &parts.supervision;
        // The old actors are let go before new ones of the same names are made.
        self.pool = Pool::idle(supervision, &parts.gauges);
        self.plan = Arc::new(WindowPlan::new(Arc::clone(&set), &settings));
        self.pool = Pool::start(&set, &self.plan, &parts.threads, supervision, &parts.gauges);
        self.sequencer.activate(Arc::clone(&set), &settings);
        self.words = Matcher::new(Arc::clone(&set));
        self.trees = None;
        self.parts.gauges.set_rules(set.rules().len());
        self.parts.rulebook.put_in_force(at, &set);
        self.parts.rulebook.windows.put(&set, self.pool.seats());
        self.link_trees(at, set.links());
        self.lost.clear();
        self.rules_since = at;
        self.set = set;
        self.settings = settings;
    }
}

/// The rules of a record; they loaded when it was written.
pub(super) fn load(
    rulebook: &Rulebook,
    at: Position,
    activated: &RuleSetActivated,
) -> Result<Arc<RuleSet>, EpochError> {
    let failed = |diagnostics: Vec<Diagnostic>| EpochError::Rules {
        at,
        first: diagnostics
            .first()
            .map(ToString::to_string)
            .unwrap_or_default(),
    };
    rulebook.load(&activated.files).map_err(failed)
}

/// Records of one stretch at most, so that no epoch grows beyond its limit.
pub(crate) fn most_records(config: &EngineConfig) -> usize {
    config.epoch_events.clamp(1, limits::EPOCH_EVENTS)
}
