//! One epoch, step by step: says what is to be done next and does none of it.
//!
//! Owns the order of evaluation, and all state that one epoch hands to the next except the windows:
//! clocks, causes and breakers (the [`Sequencer`]) and the trees that rules ask. The caller does
//! the work: it matches, runs windows and reads stored matches, on one thread
//! ([`Pipeline`](crate::Pipeline)) or over actors. Nothing here does I/O, waits or reads a clock.
//!
//! ```text
//! begin ─► for each layer: Match ─► Windows ─► [Fetch ─► Windows] ─► raise ─► .. ─► Done
//! ```
//!
//! Invariant: a layer's alerts are raised only after all its windows have answered, and before the
//! next layer is matched. So rules over alerts see every alert of the layers below in the same
//! epoch, however the log is cut into epochs.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use larum_event::{ClockTick, Match, Position, TreeLookup};
use larum_rule::{RuleMatcher, RuleSet};
use larum_window::RuleWindow;

use crate::epoch::Epoch;
use crate::epoch_item::{EpochItem, EventInput};
use crate::epoch_outcome::EpochOutcome;
use crate::error::CheckpointError;
use crate::matching::{MatchOutput, SkippedRules};
use crate::plan::WindowPlan;
use crate::sequencer::Sequencer;
use crate::settings::PipelineSettings;
use crate::shards::{
    AmendPass, EpochMoves, StoredMatchRequest, WindowAnswer, WindowShard, split_by_shard,
};
use crate::trees::{KINSHIP_PART, RuleTrees};

/// The name of the sequencer's part of a checkpoint.
pub const SEQUENCER_PART: &str = "sequencer";

/// Drives one epoch at a time; see the head of this file for the order of its steps.
pub struct EpochDriver {
    sequencer: Sequencer,
    settings: PipelineSettings,
    plan: Arc<WindowPlan>,
    /// Kept only while some rule asks them.
    trees: Option<RuleTrees>,
    running: Option<RunningEpoch>,
    /// Keys that waited to be amended when the windows of each layer were asked last.
    dirty_keys: BTreeMap<u8, u64>,
}

/// What the caller has to do next. A step that is not answered counts as answered with nothing.
pub enum EpochStep {
    /// Match these items, and answer with [`EpochDriver::record_matches`].
    Match(MatchStep),
    /// Run these windows, and answer with [`EpochDriver::record_answers`].
    Windows(WindowStep),
    /// Read these stored matches, and answer with [`EpochDriver::resume_with`]. Today's windows
    /// keep all they need in memory and never ask for this.
    Fetch(StoredMatchRequest),
    /// The epoch is over.
    Done(EpochOutcome),
}

/// Items to match against the rules of one layer.
pub struct MatchStep {
    /// The layer of the rules.
    pub layer: u8,
    /// The items, in order; never empty.
    pub items: Arc<[EpochItem]>,
    /// Rules that need not be asked.
    pub skipped: Arc<SkippedRules>,
    /// The trees that rules ask. They hold the items already and do not change during the step.
    pub trees: Option<Arc<dyn TreeLookup>>,
}

/// The windows of one layer to run.
#[derive(Debug)]
pub struct WindowStep {
    /// The layer of their rules.
    pub layer: u8,
    /// The matches of each window, in order. A window without matches still has to see time pass.
    pub matches: BTreeMap<WindowShard, Vec<Match>>,
    /// Stored matches for windows that asked for some. Unless it is empty, only these windows run:
    /// they go on where they stopped, so `matches` and `moves` are not handed out a second time.
    pub stored: BTreeMap<WindowShard, Vec<Match>>,
    /// What happens to all of them besides.
    pub moves: Arc<EpochMoves>,
    /// Detached rules, whose windows do not run.
    detached: BTreeSet<u32>,
}

impl WindowStep {
    /// Whether `unit`, whose rule is of this step's layer, has to run.
    pub fn includes(&self, unit: WindowShard) -> bool {
        !self.detached.contains(&unit.rule)
            && (self.stored.is_empty() || self.stored.contains_key(&unit))
    }
}

/// The rules changed: decides which windows keep their state.
#[derive(Debug)]
pub struct RuleSetChange {
    old: Arc<RuleSet>,
    new: Arc<RuleSet>,
    plan: Arc<WindowPlan>,
    has_new_trees: bool,
}

impl RuleSetChange {
    /// Whether rules now ask trees that are still empty. Filling them from the log is the caller's
    /// job.
    pub fn has_new_trees(&self) -> bool {
        self.has_new_trees
    }

    /// The window that goes on from `bytes`, the checkpoint of `unit` under the old rules. `None`
    /// if its rule is gone or means something else now: counts of another meaning must not raise
    /// alerts.
    pub fn carry_over(&self, unit: WindowShard, bytes: &[u8]) -> Option<(WindowShard, RuleWindow)> {
        let successor = WindowShard {
            rule: self.new.successor(&self.old, unit.rule)?,
            shard: unit.shard,
        };
        let window = self.plan.restore_window(successor, bytes).ok()?;
        Some((successor, window))
    }
}

/// An epoch between two steps.
struct RunningEpoch {
    epoch: Epoch,
    layer: u8,
    stage: LayerStage,
    end: InputEnd,
    /// How many rows windows may read to amend keys, if this epoch does that.
    amended_rows: Option<usize>,
    /// What the windows of the layer have answered so far.
    answers: WindowAnswer,
    /// Stored matches that are still to be fetched, in the order in which they were asked for.
    requests: VecDeque<StoredMatchRequest>,
    /// Whose stored matches the caller is reading.
    fetching: Option<WindowShard>,
    /// Stored matches that were read, for the windows that wait for them.
    stored: BTreeMap<WindowShard, Vec<Match>>,
}

/// How far a layer has come.
enum LayerStage {
    /// Nothing of it is done.
    NotBegun,
    /// The caller matches these items.
    Matching(Arc<[EpochItem]>),
    /// These matches are to be handed to windows.
    Matched(Vec<Match>),
    /// The caller runs windows.
    RunningWindows,
}

/// Whether more input may follow an epoch.
#[derive(Debug, Clone, Copy)]
enum InputEnd {
    Open,
    Closed,
}

impl EpochDriver {
    /// A driver that has seen nothing.
    pub fn new(set: Arc<RuleSet>, settings: &PipelineSettings) -> Self {
        let trees = set
            .asks_trees()
            .then(|| RuleTrees::new(set.links(), settings.trees));
        Self {
            plan: Arc::new(WindowPlan::new(Arc::clone(&set), settings)),
            sequencer: Sequencer::new(set),
            settings: settings.clone(),
            trees,
            running: None,
            dirty_keys: BTreeMap::new(),
        }
    }

    /// Clocks, causes and breakers, and which rules are detached.
    pub fn sequencer(&self) -> &Sequencer {
        &self.sequencer
    }

    /// The same, to detach and attach rules.
    pub fn sequencer_mut(&mut self) -> &mut Sequencer {
        &mut self.sequencer
    }

    /// The rules in force.
    pub fn rule_set(&self) -> &Arc<RuleSet> {
        self.sequencer.rule_set()
    }

    /// The settings in force.
    pub fn settings(&self) -> &PipelineSettings {
        &self.settings
    }

    /// Makes and restores windows of the rules in force.
    pub fn plan(&self) -> &Arc<WindowPlan> {
        &self.plan
    }

    /// The trees that the rules in force ask; `None` if they ask none.
    pub fn trees(&self) -> Option<&RuleTrees> {
        self.trees.as_ref()
    }

    /// Replaces the trees that rules ask, for instance by those of a checkpoint or of the log.
    pub fn use_trees(&mut self, trees: Option<RuleTrees>) {
        self.trees = trees;
    }

    /// Puts other rules in force. Clocks and causes stay; of the rest, whatever belongs to a rule
    /// of unchanged meaning. The caller moves the windows, as the answer says.
    pub fn activate_rules(
        &mut self,
        set: Arc<RuleSet>,
        settings: &PipelineSettings,
    ) -> RuleSetChange {
        let old = Arc::clone(self.rule_set());
        self.plan = Arc::new(WindowPlan::new(Arc::clone(&set), settings));
        self.settings = settings.clone();
        self.sequencer.activate_rules(Arc::clone(&set));
        // Layers that are gone are never asked again, and the others will be in the next epoch.
        self.dirty_keys.clear();
        let reusable = self
            .trees
            .take()
            .filter(|trees| trees.links() == set.links());
        let has_new_trees = set.asks_trees() && reusable.is_none();
        self.trees = set
            .asks_trees()
            .then(|| reusable.unwrap_or_else(|| RuleTrees::new(set.links(), settings.trees)));
        RuleSetChange {
            old,
            new: set,
            plan: Arc::clone(&self.plan),
            has_new_trees,
        }
    }

    /// Begins an epoch of `inputs`: one piece of [`split_inputs`](crate::split_inputs), which
    /// follows in position on what came before.
    pub fn begin_inputs(&mut self, inputs: &[EventInput]) {
        let epoch = self.sequencer.begin_epoch(inputs);
        // Trees before rules: a rule that asks where an event belongs must find that event there.
        if let Some(trees) = &self.trees {
            let events = inputs.iter().map(|input| (input.position, &input.event));
            trees.insert_events(events);
        }
        self.running = Some(RunningEpoch::new(epoch, InputEnd::Open));
    }

    /// Begins an epoch of nothing but time: what the engine's clock says at `position`.
    pub fn begin_tick(&mut self, position: Position, tick: ClockTick) {
        let epoch = self.sequencer.begin_tick(position, tick);
        self.running = Some(RunningEpoch::new(epoch, InputEnd::Open));
    }

    /// Begins an epoch in which keys are amended whose matches came out of order: the record at
    /// `position` asks for it. The windows of a rule read `most_rows` matches of each tenant, a key
    /// at least.
    pub fn begin_amend(&mut self, position: Position, most_rows: usize) {
        let epoch = self.sequencer.begin_amend(position);
        let mut running = RunningEpoch::new(epoch, InputEnd::Open);
        running.amended_rows = Some(most_rows);
        self.running = Some(running);
    }

    /// Keys that waited to be amended when windows were asked last. None are known directly after
    /// a start.
    pub fn dirty_keys(&self) -> u64 {
        self.dirty_keys.values().sum()
    }

    /// Begins the epoch behind all input, in which every key is amended and every open window ends.
    pub fn begin_close(&mut self) {
        let epoch = self.sequencer.begin_close();
        self.running = Some(RunningEpoch::new(epoch, InputEnd::Closed));
    }

    /// What to do next; `alert_matcher` runs the `.alert` closures of rules. Between epochs it is
    /// [`EpochStep::Done`] with an empty outcome.
    pub fn next_step(&mut self, alert_matcher: &mut RuleMatcher) -> EpochStep {
        let Some(mut running) = self.running.take() else {
            return EpochStep::Done(EpochOutcome::default());
        };
        while running.layer < self.rule_set().layers() {
            // Fetch before raising: a detection that rests on stored matches belongs to this layer,
            // and the layers above must see its alert in this epoch.
            let step = self
                .next_layer_step(&mut running)
                .or_else(|| running.next_fetch())
                .or_else(|| running.resume_windows(self.sequencer.detached_rules()));
            if let Some(step) = step {
                self.running = Some(running);
                return step;
            }
            // Raise before the next layer is matched: its items are these very alerts.
            self.finish_layer(&mut running, alert_matcher);
            running.layer += 1;
            running.stage = LayerStage::NotBegun;
        }
        EpochStep::Done(self.sequencer.finish_epoch(running.epoch))
    }

    /// The next step of the layer until its windows have been asked once.
    fn next_layer_step(&self, running: &mut RunningEpoch) -> Option<EpochStep> {
        let stage = std::mem::replace(&mut running.stage, LayerStage::RunningWindows);
        let matches = match stage {
            LayerStage::NotBegun => {
                let items = running.epoch.layer_items(running.layer);
                if !items.is_empty() {
                    running.stage = LayerStage::Matching(Arc::clone(&items));
                    return Some(EpochStep::Match(MatchStep {
                        layer: running.layer,
                        items,
                        skipped: Arc::new(self.sequencer.skipped_rules(&running.epoch)),
                        trees: self.trees.as_ref().map(RuleTrees::tree_lookup),
                    }));
                }
                Vec::new()
            }
            LayerStage::Matching(_) => Vec::new(),
            LayerStage::Matched(matches) => matches,
            LayerStage::RunningWindows => return None,
        };
        // Windows run even without matches: time passes for what is open in them.
        Some(EpochStep::Windows(WindowStep {
            layer: running.layer,
            matches: split_by_shard(matches, self.plan.shards()),
            stored: BTreeMap::new(),
            moves: Arc::new(running.moves()),
            detached: self.sequencer.detached_rules().clone(),
        }))
    }

    /// Answers [`EpochStep::Match`].
    pub fn record_matches(&mut self, mut matched: MatchOutput) {
        let Some(running) = &mut self.running else {
            return;
        };
        let LayerStage::Matching(items) = &running.stage else {
            return;
        };
        // Breakers before windows: a match that its rule made while broken out must not count.
        self.sequencer
            .apply_breakers(&mut running.epoch, items, &mut matched);
        self.sequencer.drop_detached_matches(&mut matched.matches);
        running.stage = LayerStage::Matched(matched.matches);
    }

    /// Answers [`EpochStep::Windows`], with the answers of all windows in any order.
    pub fn record_answers(&mut self, mut answers: WindowAnswer) {
        if let Some(running) = &mut self.running {
            running.requests.extend(answers.requests.drain(..));
            running.answers.append(answers);
        }
    }

    /// Answers [`EpochStep::Fetch`] with what was stored, in order. When everything that windows
    /// asked for has been fetched, they run again with it; then they may ask for more.
    pub fn resume_with(&mut self, matches: Vec<Match>) {
        if let Some(running) = &mut self.running
            && let Some(unit) = running.fetching.take()
        {
            running.stored.entry(unit).or_default().extend(matches);
        }
    }

    fn finish_layer(&mut self, running: &mut RunningEpoch, alert_matcher: &mut RuleMatcher) {
        let mut answers = std::mem::take(&mut running.answers);
        self.dirty_keys.insert(running.layer, answers.dirty_keys);
        let detached = self.sequencer.detached_rules();
        // Drop before raising: a rule may have been detached while its windows ran. Its alerts come
        // when its gap is back-filled, and must not come twice.
        answers
            .detections
            .retain(|detection| !detached.contains(&detection.rule));
        let epoch = &mut running.epoch;
        // Anywhere before the epoch ends: only then is what came late read, in its own order.
        self.sequencer.record_late(epoch, answers.late);
        // Faults of windows before those of `.alert` closures, which raising adds behind them.
        self.sequencer.record_faults(epoch, answers.faults);
        alert_matcher.set_trees(self.trees.as_ref().map(RuleTrees::tree_lookup));
        self.sequencer
            .raise_alerts(epoch, running.layer, answers.detections, alert_matcher);
    }

    /// Everything but the windows that later alerts depend on, as named parts of a checkpoint.
    pub fn checkpoint(&self) -> Vec<(String, Vec<u8>)> {
        let mut parts = vec![(SEQUENCER_PART.to_owned(), self.sequencer.checkpoint())];
        let trees = self.trees.iter();
        parts.extend(trees.map(|trees| (KINSHIP_PART.to_owned(), trees.checkpoint())));
        parts
    }

    /// Goes on from a checkpoint taken under the rules in force; `part` finds its parts by name.
    ///
    /// # Errors
    /// A part is missing or damaged; the driver must not be used then.
    pub fn restore<'p>(
        &mut self,
        part: impl Fn(&str) -> Option<&'p [u8]>,
    ) -> Result<(), CheckpointError> {
        let required = |name: &str| {
            part(name).ok_or_else(|| CheckpointError::Missing {
                part: name.to_owned(),
            })
        };
        self.sequencer.restore(required(SEQUENCER_PART)?)?;
        let set = Arc::clone(self.rule_set());
        self.trees = match set.asks_trees() {
            true => Some(RuleTrees::restore(required(KINSHIP_PART)?, set.links())?),
            false => None,
        };
        Ok(())
    }
}

impl RunningEpoch {
    fn new(epoch: Epoch, end: InputEnd) -> Self {
        Self {
            epoch,
            layer: 0,
            stage: LayerStage::NotBegun,
            end,
            amended_rows: None,
            answers: WindowAnswer::default(),
            requests: VecDeque::new(),
            fetching: None,
            stored: BTreeMap::new(),
        }
    }

    /// What happens to the windows of the current layer.
    fn moves(&self) -> EpochMoves {
        let end = self.epoch.layer_end(self.layer);
        // Each layer has added its own behind those of the layers below.
        let mut retracted = self.epoch.retracted.clone();
        retracted.sort_by_key(|alert| alert.position);
        EpochMoves {
            steps: Arc::clone(&self.epoch.steps),
            retracted,
            amend: self.amended_rows.map(|most_rows| AmendPass {
                most_rows,
                place: end,
            }),
            closes_at: match self.end {
                InputEnd::Open => None,
                InputEnd::Closed => Some(end),
            },
        }
    }

    /// The next read that a window waits for.
    fn next_fetch(&mut self) -> Option<EpochStep> {
        let request = self.requests.pop_front()?;
        self.fetching = Some(request.unit);
        Some(EpochStep::Fetch(request))
    }

    /// Lets windows go on with what was fetched for them; `None` if none waits.
    fn resume_windows(&mut self, detached: &BTreeSet<u32>) -> Option<EpochStep> {
        if self.stored.is_empty() {
            return None;
        }
        Some(EpochStep::Windows(WindowStep {
            layer: self.layer,
            matches: BTreeMap::new(),
            stored: std::mem::take(&mut self.stored),
            moves: Arc::default(),
            detached: detached.clone(),
        }))
    }
}

#[cfg(test)]
mod tests;
