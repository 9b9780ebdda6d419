//! Everything on one thread.
//!
//! Owns the windows, a matcher and the trees that rules ask, and drives them through the sequencer. It is what `larum detect`
//! and rule tests run, and what rebuilds one failed window from a checkpoint and the log.

use std::collections::BTreeMap;
use std::sync::Arc;

use larum_event::{Detection, Event, Position, Timestamp};
use larum_rule::{Matcher, RuleSet};
use larum_window::Window;

use crate::breakers::Missed;
use crate::epoch::{Epoch, Input, Outcome, pieces};
use crate::error::CheckpointError;
use crate::plan::WindowPlan;
use crate::sequencer::Sequencer;
use crate::settings::Settings;
use crate::trees::{KINSHIP_PART, RuleTrees, raw};
use crate::units::{Unit, WindowWork, by_unit, match_items, run_window};

/// The pure pipeline: events in order become alerts.
pub struct Pipeline {
    sequencer: Sequencer,
    settings: Settings,
    matcher: Matcher,
    plan: WindowPlan,
    windows: BTreeMap<Unit, Window>,
    /// Kept only for rules that ask.
    trees: Option<RuleTrees>,
}

/// Whether input goes on.
#[derive(Debug, Clone, Copy)]
enum End {
    Open,
    Closed,
}

/// The name of the sequencer's part of a checkpoint.
const SEQUENCER_PART: &str = "sequencer";

impl Pipeline {
    /// A pipeline that has seen nothing.
    pub fn new(set: Arc<RuleSet>, settings: Settings) -> Self {
        let plan = WindowPlan::new(Arc::clone(&set), &settings);
        let trees = set
            .asks_trees()
            .then(|| RuleTrees::new(set.links(), settings.trees));
        let mut pipeline = Self {
            windows: new_windows(&plan, set.rules().len(), settings.shards),
            plan,
            sequencer: Sequencer::new(Arc::clone(&set), &settings),
            matcher: Matcher::new(set),
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
        self.matcher.ask(trees.as_ref().map(RuleTrees::asked));
        self.trees = trees;
    }

    /// Goes on with other rules; windows of rules whose meaning is unchanged keep their state. Trees go on as they
    /// are if the links do; else those of rules that ask begin anew, see [`Pipeline::use_trees`].
    pub fn activate(&mut self, set: Arc<RuleSet>, settings: Settings) {
        let old = Arc::clone(self.rule_set());
        let plan = WindowPlan::new(Arc::clone(&set), &settings);
        let mut windows = new_windows(&plan, set.rules().len(), settings.shards);
        for (unit, window) in std::mem::take(&mut self.windows) {
            let Some(now) = set.successor(&old, unit.rule) else {
                continue;
            };
            let unit = Unit {
                rule: now,
                shard: unit.shard,
            };
            if let Ok(window) = plan.restored(unit, &window.checkpoint()) {
                windows.insert(unit, window);
            }
        }
        self.windows = windows;
        self.plan = plan;
        self.sequencer.activate(Arc::clone(&set), &settings);
        let trees = self.trees.take();
        let trees = set.asks_trees().then(|| {
            let kept = trees.filter(|trees| trees.links() == set.links());
            kept.unwrap_or_else(|| RuleTrees::new(set.links(), settings.trees))
        });
        self.matcher = Matcher::new(set);
        self.settings = settings;
        self.use_trees(trees);
    }

    /// Says nothing for `rules`, which must be closed under "is read by" to make sense.
    pub fn leave_out(&mut self, rules: impl IntoIterator<Item = u32>) {
        self.sequencer.leave_out(rules);
    }

    /// Takes note of an alert that is in the log already, raised by a rule that says nothing here.
    pub fn recall(&mut self, alert: &Event) {
        self.sequencer.recall(alert);
    }

    /// What rules missed because they kept failing, oldest first.
    pub fn missed(&self) -> Vec<Missed> {
        self.sequencer.missed()
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
    pub fn run(&mut self, inputs: &[Input]) -> Outcome {
        let mut outcome = Outcome::default();
        for piece in pieces(inputs) {
            outcome.extend(self.run_piece(piece));
        }
        outcome
    }

    fn run_piece(&mut self, inputs: &[Input]) -> Outcome {
        let epoch = self.sequencer.begin(inputs);
        if let Some(trees) = &self.trees {
            trees.grow(raw(inputs));
        }
        self.run_epoch(epoch, End::Open)
    }

    /// It is `at` as of `position`: time passes without any event.
    pub fn tick(&mut self, position: Position, at: Timestamp) -> Outcome {
        let epoch = self.sequencer.begin_tick(position, at);
        self.run_epoch(epoch, End::Open)
    }

    /// The end of all input: what is open ends.
    pub fn close(&mut self) -> Outcome {
        let epoch = self.sequencer.begin_close();
        self.run_epoch(epoch, End::Closed)
    }

    fn run_epoch(&mut self, mut epoch: Epoch, end: End) -> Outcome {
        for layer in 0..self.rule_set().layers() {
            let items = epoch.items(layer);
            let unasked = self.sequencer.unasked(&epoch);
            let mut matched = match_items(&mut self.matcher, layer, &items, &unasked);
            self.sequencer.settle(&mut epoch, &items, &mut matched);
            self.sequencer.retain(&mut matched.matches);
            let mut work = by_unit(matched.matches, self.settings.shards);
            let mut detections: Vec<Detection> = Vec::new();
            for (unit, window) in &mut self.windows {
                if layer_of(self.sequencer.rule_set(), *unit) != Some(layer) {
                    continue;
                }
                let work = WindowWork {
                    layer,
                    matches: work.remove(unit).unwrap_or_default(),
                    steps: epoch.steps(),
                };
                let mut answer = run_window(window, work);
                match end {
                    End::Open => {}
                    End::Closed => answer.close(window, epoch.end_of(layer)),
                }
                detections.append(&mut answer.detections);
                self.sequencer.note_late(&mut epoch, answer.late);
                self.sequencer.note_faults(&mut epoch, answer.faults);
            }
            self.sequencer
                .raise(&mut epoch, layer, detections, &mut self.matcher);
        }
        self.sequencer.finish(epoch)
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
            .ok_or_else(|| missing(SEQUENCER_PART))?;
        self.sequencer.restore(sequencer)?;
        let set = Arc::clone(self.rule_set());
        if set.asks_trees() {
            let bytes = parts
                .get(KINSHIP_PART)
                .ok_or_else(|| missing(KINSHIP_PART))?;
            self.use_trees(Some(RuleTrees::restored(bytes, set.links())?));
        }
        for (unit, window) in &mut self.windows {
            let name = unit.name(&set);
            if let Some(bytes) = parts.get(name.as_str()) {
                *window = self.plan.restored(*unit, bytes)?;
            }
        }
        Ok(())
    }

    /// One unit's window, to look into.
    pub fn window(&self, unit: Unit) -> Option<&Window> {
        self.windows.get(&unit)
    }

    /// Takes one unit's window out, state and all.
    pub fn take_window(&mut self, unit: Unit) -> Option<Window> {
        self.windows.remove(&unit)
    }
}

/// A window for each rule and shard.
fn new_windows(plan: &WindowPlan, rules: usize, shards: usize) -> BTreeMap<Unit, Window> {
    let mut windows = BTreeMap::new();
    for number in 0..rules {
        for shard in 0..shards {
            let unit = Unit {
                rule: number as u32,
                shard: shard as u32,
            };
            windows.insert(unit, plan.empty(unit));
        }
    }
    windows
}

fn missing(part: &str) -> CheckpointError {
    CheckpointError::Missing {
        part: part.to_owned(),
    }
}

fn layer_of(set: &RuleSet, unit: Unit) -> Option<u8> {
    set.rule(unit.rule).map(|rule| rule.layer)
}
