//! Everything on one thread.
//!
//! Owns the windows and a matcher, and answers the steps of an [`EpochDriver`] with them. The order
//! of these steps is the driver's job. This is what `larum detect` and rule tests run, and what
//! rebuilds one failed window from a checkpoint and the log.
//! Invariant: cutting the input into other stretches gives the same alerts, so the caller may
//! choose stretches for speed alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use larum_event::{ClockTick, Event, Position, RuleId, Timestamp};
use larum_rule::{RuleMatcher, RuleSet};
use larum_window::RuleWindow;

use crate::breakers::RuleOutage;
use crate::dropped_state::{DroppedState, count_dropped};
use crate::epoch_driver::{EpochDriver, EpochStep, WindowStep};
use crate::epoch_item::{EventInput, split_inputs};
use crate::epoch_outcome::EpochOutcome;
use crate::error::CheckpointError;
use crate::matching::match_items;
use crate::plan::WindowPlan;
use crate::settings::PipelineSettings;
use crate::shards::{WindowAnswer, WindowShard, WindowWork, run_window};
use crate::trees::RuleTrees;

/// The pure pipeline: events in order become alerts.
pub struct Pipeline {
    driver: EpochDriver,
    matcher: RuleMatcher,
    windows: BTreeMap<WindowShard, RuleWindow>,
}

impl Pipeline {
    /// A pipeline that has seen nothing.
    pub fn new(set: Arc<RuleSet>, settings: PipelineSettings) -> Self {
        let driver = EpochDriver::new(Arc::clone(&set), &settings);
        Self {
            windows: create_windows(driver.plan(), set.rules().len()),
            driver,
            matcher: RuleMatcher::new(set),
        }
    }

    /// The trees that the rules in force ask; `None` if they ask none.
    pub fn trees(&self) -> Option<&RuleTrees> {
        self.driver.trees()
    }

    /// From now on rules ask `trees`.
    pub fn use_trees(&mut self, trees: Option<RuleTrees>) {
        self.driver.use_trees(trees);
    }

    /// Puts other rules in force; windows of rules of unchanged meaning keep their state. Says
    /// whether rules now ask trees that are empty, see [`Pipeline::use_trees`].
    pub fn activate_rules(&mut self, set: Arc<RuleSet>, settings: &PipelineSettings) -> bool {
        let rules = set.rules().len();
        let change = self.driver.activate_rules(Arc::clone(&set), settings);
        let windows = create_windows(self.driver.plan(), rules);
        let old = std::mem::replace(&mut self.windows, windows);
        let carried = old
            .iter()
            .filter_map(|(unit, window)| change.carry_over(*unit, &window.checkpoint()));
        self.windows.extend(carried);
        self.matcher = RuleMatcher::new(set);
        change.has_new_trees()
    }

    /// From now on raises nothing for `rules`. Every rule that reads the alerts of one of them must
    /// be among them too.
    pub fn detach_rules(&mut self, rules: impl IntoIterator<Item = u32>) {
        self.driver.sequencer_mut().detach_rules(rules);
    }

    /// Takes note of an alert that is in the log already, raised by a rule that is detached here.
    pub fn remember_alert(&mut self, alert: &Event) {
        self.driver.sequencer_mut().remember_alert(alert);
    }

    /// What rules missed because they kept failing, oldest first.
    pub fn outages(&self) -> Vec<RuleOutage> {
        self.driver.sequencer().outages()
    }

    /// The rules in force.
    pub fn rule_set(&self) -> &Arc<RuleSet> {
        self.driver.rule_set()
    }

    /// How far event time has come over all tenants.
    pub fn watermark(&self) -> Timestamp {
        self.driver.sequencer().watermark()
    }

    /// Evaluates the next stretch of the log.
    pub fn run_inputs(&mut self, inputs: &[EventInput]) -> EpochOutcome {
        let mut outcome = EpochOutcome::default();
        for piece in split_inputs(inputs) {
            self.driver.begin_inputs(piece);
            outcome.extend(self.run_epoch());
        }
        outcome
    }

    /// Evaluates the next stretch of sorted input, whose settings are
    /// [`PipelineSettings::for_sorted_input`].
    pub fn run_sorted_inputs(&mut self, inputs: &[EventInput]) -> EpochOutcome {
        let mut outcome = self.run_inputs(inputs);
        // Rules over alerts see one late that had to wait, as the end of a session. At once, so
        // that what is said after the stretch holds whatever comes later.
        if self.driver.dirty_keys() > 0 {
            outcome.extend(self.finish_input());
        }
        outcome
    }

    /// What the engine's clock says at `position`: time passes without any event.
    pub fn tick(&mut self, position: Position, tick: ClockTick) -> EpochOutcome {
        self.driver.begin_tick(position, tick);
        self.run_epoch()
    }

    /// Amends the keys whose matches came out of order, as the record at `position` asks.
    pub fn amend(&mut self, position: Position, most_rows: usize) -> EpochOutcome {
        self.driver.begin_amend(position, most_rows);
        self.run_epoch()
    }

    /// The end of input, though not of time: every key is amended, and windows stay open.
    pub fn finish_input(&mut self) -> EpochOutcome {
        let position = self.driver.sequencer().next_position();
        self.amend(position, usize::MAX)
    }

    /// The end of all input: every key is amended, and every open window ends.
    pub fn close_input(&mut self) -> EpochOutcome {
        self.driver.begin_close();
        self.run_epoch()
    }

    fn run_epoch(&mut self) -> EpochOutcome {
        loop {
            match self.driver.next_step(&mut self.matcher) {
                EpochStep::Match(step) => {
                    self.matcher.set_trees(step.trees);
                    let matched =
                        match_items(&mut self.matcher, step.layer, &step.items, &step.skipped);
                    self.driver.record_matches(matched);
                }
                EpochStep::Windows(step) => {
                    let answers = self.run_windows(step);
                    self.driver.record_answers(answers);
                }
                // Nothing is stored outside of windows yet, so there is nothing to resume with.
                EpochStep::Fetch(_) => self.driver.resume_with(Vec::new()),
                EpochStep::Done(outcome) => return outcome,
            }
        }
    }

    fn run_windows(&mut self, mut step: WindowStep) -> WindowAnswer {
        let set = self.driver.rule_set();
        let mut answers = WindowAnswer::default();
        for (unit, window) in &mut self.windows {
            let is_of_layer = set
                .rule(unit.rule)
                .is_some_and(|rule| rule.layer == step.layer);
            // Sorted input moves time with almost every event. With 3,141 rules about single
            // events, telling their empty windows took two thirds of a run.
            let has_work = step.matches.contains_key(unit) || window.stats().keys > 0;
            if is_of_layer && has_work && step.includes(*unit) {
                let work = WindowWork {
                    layer: step.layer,
                    matches: step.matches.remove(unit).unwrap_or_default(),
                    moves: Arc::clone(&step.moves),
                };
                answers.append(run_window(window, work));
            }
        }
        answers
    }

    /// Everything that later alerts depend on, as named parts; a window without state has none.
    pub fn checkpoint(&self) -> Vec<(String, Vec<u8>)> {
        let set = self.rule_set();
        let windows = self
            .windows
            .iter()
            .filter(|(_, window)| window.stats().keys > 0)
            .map(|(unit, window)| (unit.name(set), window.checkpoint()));
        self.driver
            .checkpoint()
            .into_iter()
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
        self.driver.restore(|name| parts.get(name).copied())?;
        for (unit, window) in &mut self.windows {
            let name = unit.name(self.driver.rule_set());
            if let Some(bytes) = parts.get(name.as_str()) {
                *window = self.driver.plan().restore_window(*unit, bytes)?;
            }
        }
        Ok(())
    }

    /// What windows dropped because they held too much, by rule.
    pub fn dropped_state(&self) -> BTreeMap<RuleId, DroppedState> {
        count_dropped(self.driver.rule_set(), self.windows.values())
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

/// An empty window for each rule and shard.
fn create_windows(plan: &WindowPlan, rules: usize) -> BTreeMap<WindowShard, RuleWindow> {
    let mut windows = BTreeMap::new();
    for rule in (0..).take(rules) {
        for shard in (0..).take(plan.shards()) {
            let unit = WindowShard { rule, shard };
            windows.insert(unit, plan.new_window(unit));
        }
    }
    windows
}
