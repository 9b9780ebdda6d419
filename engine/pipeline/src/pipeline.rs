//! Everything on one thread.
//!
//! Owns the windows, a matcher and the trees that rules ask, and drives them through the sequencer. It is what `larum detect`
//! and rule tests run, and what rebuilds one failed window from a checkpoint and the log.

use std::collections::BTreeMap;
use std::sync::Arc;

use larum_event::{Detection, Event, Position, Timestamp};
use larum_rule::{RuleMatcher, RuleSet};
use larum_window::RuleWindow;

use crate::breakers::RuleOutage;
use crate::epoch::{Epoch, EpochOutcome, EventInput, split_inputs};
use crate::error::CheckpointError;
use crate::plan::WindowPlan;
use crate::sequencer::Sequencer;
use crate::settings::PipelineSettings;
use crate::shards::{WindowShard, WindowWork, match_items, run_window, split_by_shard};
use crate::trees::{KINSHIP_PART, RuleTrees, raw_events};

/// The pure pipeline: events in order become alerts.
pub struct Pipeline {
    sequencer: Sequencer,
    settings: PipelineSettings,
    matcher: RuleMatcher,
    plan: WindowPlan,
    windows: BTreeMap<WindowShard, RuleWindow>,
    /// Kept only for rules that ask.
    trees: Option<RuleTrees>,
}

/// Whether input goes on.
#[derive(Debug, Clone, Copy)]
enum InputState {
    Open,
    Closed,
}

/// The name of the sequencer's part of a checkpoint.
const SEQUENCER_PART: &str = "sequencer";

impl Pipeline {
    /// A pipeline that has seen nothing.
    pub fn new(set: Arc<RuleSet>, settings: PipelineSettings) -> Self {
        let plan = WindowPlan::new(Arc::clone(&set), &settings);
        let trees = set
            .asks_trees()
            .then(|| RuleTrees::new(set.links(), settings.trees));
        let mut pipeline = Self {
            windows: create_windows(&plan, set.rules().len(), settings.shards),
            plan,
            sequencer: Sequencer::new(Arc::clone(&set), &settings),
            matcher: RuleMatcher::new(set),
            settings,
            trees: None,
        };
        pipeline.use_trees(trees);
        pipeline
    }

    /// The trees that the rules in force ask; `None` if they ask none.
    pub fn trees(&self) -> Option<&RuleTrees> {
        self.trees.as_ref()
    }

    /// From now on rules ask `trees`.
    pub fn use_trees(&mut self, trees: Option<RuleTrees>) {
        self.matcher
            .set_trees(trees.as_ref().map(RuleTrees::tree_lookup));
        self.trees = trees;
    }

    /// Goes on with other rules; windows of rules whose meaning is unchanged keep their state. Trees go on as they
    /// are if the links do; else those of rules that ask begin anew, see [`Pipeline::use_trees`].
    pub fn activate_rules(&mut self, set: Arc<RuleSet>, settings: PipelineSettings) {
        let old = Arc::clone(self.rule_set());
        let plan = WindowPlan::new(Arc::clone(&set), &settings);
        let mut windows = create_windows(&plan, set.rules().len(), settings.shards);
        for (unit, window) in std::mem::take(&mut self.windows) {
            let Some(now) = set.successor(&old, unit.rule) else {
                continue;
            };
            let unit = WindowShard {
                rule: now,
                shard: unit.shard,
            };
            if let Ok(window) = plan.restore_window(unit, &window.checkpoint()) {
                windows.insert(unit, window);
            }
        }
        self.windows = windows;
        self.plan = plan;
        self.sequencer.activate_rules(Arc::clone(&set), &settings);
        let trees = self.trees.take();
        let trees = set.asks_trees().then(|| {
            let kept = trees.filter(|trees| trees.links() == set.links());
            kept.unwrap_or_else(|| RuleTrees::new(set.links(), settings.trees))
        });
        self.matcher = RuleMatcher::new(set);
        self.settings = settings;
        self.use_trees(trees);
    }

    /// Says nothing for `rules`, which must be closed under "is read by" to make sense.
    pub fn detach_rules(&mut self, rules: impl IntoIterator<Item = u32>) {
        self.sequencer.detach_rules(rules);
    }

    /// Takes note of an alert that is in the log already, raised by a rule that says nothing here.
    pub fn remember_alert(&mut self, alert: &Event) {
        self.sequencer.remember_alert(alert);
    }

    /// What rules missed because they kept failing, oldest first.
    pub fn outages(&self) -> Vec<RuleOutage> {
        self.sequencer.outages()
    }

    /// The rules in force.
    pub fn rule_set(&self) -> &Arc<RuleSet> {
        self.sequencer.rule_set()
    }

    /// How far event time has come over all tenants.
    pub fn watermark(&self) -> Timestamp {
        self.sequencer.watermark()
    }

    /// Evaluates the next stretch of the log. Any cutting into stretches gives the same alerts.
    pub fn run_inputs(&mut self, inputs: &[EventInput]) -> EpochOutcome {
        let mut outcome = EpochOutcome::default();
        for piece in split_inputs(inputs) {
            outcome.extend(self.run_piece(piece));
        }
        outcome
    }

    fn run_piece(&mut self, inputs: &[EventInput]) -> EpochOutcome {
        let epoch = self.sequencer.begin_epoch(inputs);
        if let Some(trees) = &self.trees {
            trees.insert_events(raw_events(inputs));
        }
        self.run_epoch(epoch, InputState::Open)
    }

    /// It is `at` as of `position`: time passes without any event.
    pub fn tick(&mut self, position: Position, at: Timestamp) -> EpochOutcome {
        let epoch = self.sequencer.begin_tick(position, at);
        self.run_epoch(epoch, InputState::Open)
    }

    /// The end of all input: what is open ends.
    pub fn close_input(&mut self) -> EpochOutcome {
        let epoch = self.sequencer.begin_close();
        self.run_epoch(epoch, InputState::Closed)
    }

    fn run_epoch(&mut self, mut epoch: Epoch, end: InputState) -> EpochOutcome {
        for layer in 0..self.rule_set().layers() {
            let items = epoch.layer_items(layer);
            let unasked = self.sequencer.skipped_rules(&epoch);
            let mut matched = match_items(&mut self.matcher, layer, &items, &unasked);
            self.sequencer
                .apply_breakers(&mut epoch, &items, &mut matched);
            self.sequencer.drop_detached_matches(&mut matched.matches);
            let mut work = split_by_shard(matched.matches, self.settings.shards);
            let mut detections: Vec<Detection> = Vec::new();
            for (unit, window) in &mut self.windows {
                if shard_layer(self.sequencer.rule_set(), *unit) != Some(layer) {
                    continue;
                }
                let work = WindowWork {
                    layer,
                    matches: work.remove(unit).unwrap_or_default(),
                    steps: epoch.steps(),
                };
                let mut answer = run_window(window, work);
                match end {
                    InputState::Open => {}
                    InputState::Closed => answer.close_window(window, epoch.layer_end(layer)),
                }
                detections.append(&mut answer.detections);
                self.sequencer.record_late(&mut epoch, answer.late);
                self.sequencer.record_faults(&mut epoch, answer.faults);
            }
            self.sequencer
                .raise_alerts(&mut epoch, layer, detections, &mut self.matcher);
        }
        self.sequencer.finish_epoch(epoch)
    }

    /// Everything that later alerts depend on, as named parts; a window without state has none.
    pub fn checkpoint(&self) -> Vec<(String, Vec<u8>)> {
        let set = self.rule_set();
        let windows = self
            .windows
            .iter()
            .filter(|(_, window)| window.stats().keys > 0)
            .map(|(unit, window)| (unit.name(set), window.checkpoint()));
        let trees = self.trees.iter();
        let trees = trees.map(|trees| (KINSHIP_PART.to_owned(), trees.checkpoint()));
        std::iter::once((SEQUENCER_PART.to_owned(), self.sequencer.checkpoint()))
            .chain(trees)
            .chain(windows)
            .collect()
    }

    /// Goes on from a checkpoint of the same rules and shards.
    ///
    /// # Errors
    /// A part is missing or damaged; the pipeline must not be used then.
    pub fn restore(&mut self, parts: &[(String, Vec<u8>)]) -> Result<(), CheckpointError> {
        let parts: BTreeMap<&str, &[u8]> = parts
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
            .collect();
        let sequencer = parts
            .get(SEQUENCER_PART)
            .ok_or_else(|| missing_part(SEQUENCER_PART))?;
        self.sequencer.restore(sequencer)?;
        let set = Arc::clone(self.rule_set());
        if set.asks_trees() {
            let bytes = parts
                .get(KINSHIP_PART)
                .ok_or_else(|| missing_part(KINSHIP_PART))?;
            self.use_trees(Some(RuleTrees::restore(bytes, set.links())?));
        }
        for (unit, window) in &mut self.windows {
            let name = unit.name(&set);
            if let Some(bytes) = parts.get(name.as_str()) {
                *window = self.plan.restore_window(*unit, bytes)?;
            }
        }
        Ok(())
    }

    /// One unit's window, to look into.
    pub fn window(&self, unit: WindowShard) -> Option<&RuleWindow> {
        self.windows.get(&unit)
    }

    /// Takes one unit's window out, state and all.
    pub fn take_window(&mut self, unit: WindowShard) -> Option<RuleWindow> {
        self.windows.remove(&unit)
    }
}

/// A window for each rule and shard.
fn create_windows(
    plan: &WindowPlan,
    rules: usize,
    shards: usize,
) -> BTreeMap<WindowShard, RuleWindow> {
    let mut windows = BTreeMap::new();
    for number in 0..rules {
        for shard in 0..shards {
            let unit = WindowShard {
                rule: number as u32,
                shard: shard as u32,
            };
            windows.insert(unit, plan.new_window(unit));
        }
    }
    windows
}

fn missing_part(part: &str) -> CheckpointError {
    CheckpointError::Missing {
        part: part.to_owned(),
    }
}

fn shard_layer(set: &RuleSet, unit: WindowShard) -> Option<u8> {
    set.rule(unit.rule).map(|rule| rule.layer)
}
