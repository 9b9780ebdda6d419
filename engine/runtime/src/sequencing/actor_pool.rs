//! The matchers and windows of one rule set, and how an epoch asks them.
//!
//! Owns their addresses, and the waiting for their answers. What to do about a window that failed
//! is the core's job; reporting one that is slow is the watchdog's.
//! Invariant: no time limits the wait for a window. Only a window that panicked or is gone counts
//! as failed, so how fast the machine is decides when alerts appear, never which.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use actix::Addr;
use larum_actor::{
    ActorEntry, ActorSlot, CreditBatch, Credits, Supervision, send_batch, send_control,
};
use larum_event::{Match, limits};
use larum_log::CheckpointPart;
use larum_pipeline::{
    EpochMoves, MatchOutput, MatchStep, WindowAnswer, WindowPlan, WindowShard, WindowStep,
};
use larum_rule::RuleSet;
use larum_window::RuleWindow;
use tokio::sync::oneshot;

use crate::actors::{MatcherActor, MatcherSetup, WindowActor, WindowFactory, WindowSetup};
use crate::gauges::EngineGauges;
use crate::messages::{
    CheckpointScope, CheckpointWindow, MatchHead, RestoreWindow, UnitFailure, WindowHead,
    WindowReport,
};
use crate::sequencing::threads::EngineThreads;
use crate::watchdog::EVALUATION;

/// Fewer items than this are not worth a second matcher.
const ITEMS_PER_MATCHER: usize = 128;

/// The actors of one rule set.
pub(crate) struct ActorPool {
    supervision: Supervision,
    gauges: Arc<EngineGauges>,
    matchers: Vec<ActorSlot<MatcherActor>>,
    windows: BTreeMap<WindowShard, WindowHandle>,
    credits: Credits,
    /// Where evaluation counts its progress, one step for each answer.
    evaluation: Option<ActorEntry>,
}

struct WindowHandle {
    slot: ActorSlot<WindowActor>,
    name: Arc<str>,
    layer: u8,
    /// Holds no state, so that it is asked only when something matched.
    is_empty: bool,
    /// The last checkpoint holds its state, so that the next may refer to it.
    is_in_checkpoint: bool,
}

/// What the windows of a layer answered.
#[derive(Default)]
pub(crate) struct LayerAnswers {
    /// The answers of those that succeeded, in no order.
    pub(crate) answer: WindowAnswer,
    /// Those that failed.
    pub(crate) failed: Vec<FailedWindow>,
}

/// A window that gave no answer.
pub(crate) struct FailedWindow {
    /// Which window.
    pub(crate) unit: WindowShard,
    /// The matches it was given.
    pub(crate) matches: Vec<Match>,
    /// Why it gave no answer.
    pub(crate) failure: UnitFailure,
}

/// One window's part of a checkpoint.
pub(crate) struct WindowPieces {
    /// Which window.
    pub(crate) unit: WindowShard,
    /// Its name.
    pub(crate) name: Arc<str>,
    /// Its state, and then changes to it, in order.
    pub(crate) pieces: Vec<CheckpointPart>,
}

impl ActorPool {
    /// A pool without actors.
    pub(crate) fn empty(supervision: &Supervision, gauges: &Arc<EngineGauges>) -> Self {
        Self {
            supervision: supervision.clone(),
            gauges: Arc::clone(gauges),
            matchers: Vec::new(),
            windows: BTreeMap::new(),
            credits: Credits::new(1),
            evaluation: supervision.registry.entry(EVALUATION),
        }
    }

    /// Starts the actors of `set` on `threads`.
    pub(crate) fn start_actors(
        set: &Arc<RuleSet>,
        plan: &Arc<WindowPlan>,
        threads: &EngineThreads,
        supervision: &Supervision,
        gauges: &Arc<EngineGauges>,
    ) -> Self {
        let matchers = threads
            .matchers
            .iter()
            .enumerate()
            .map(|(number, arbiter)| {
                MatcherActor::start_on(
                    arbiter,
                    MatcherSetup {
                        number,
                        set: Arc::clone(set),
                        supervision: supervision.clone(),
                    },
                )
            })
            .collect();
        let mut windows = BTreeMap::new();
        for (number, rule) in set.rules().iter().enumerate() {
            for shard in 0..plan.shards() {
                let unit = WindowShard {
                    rule: number as u32,
                    shard: shard as u32,
                };
                let arbiter = threads.windows.get(shard % threads.windows.len().max(1));
                let Some(arbiter) = arbiter else { continue };
                let name: Arc<str> = unit.name(set).into();
                let setup = WindowSetup {
                    name: Arc::clone(&name),
                    new_window: window_factory(plan, unit),
                    // A rule over alerts remembers them also without a window.
                    has_state: rule.window.has_state() || rule.layer > 0,
                    supervision: supervision.clone(),
                };
                let handle = WindowHandle {
                    slot: WindowActor::start_on(arbiter, setup),
                    name,
                    layer: rule.layer,
                    is_empty: true,
                    is_in_checkpoint: false,
                };
                windows.insert(unit, handle);
            }
        }
        // Room for every event of an epoch in the windows of a thousand rules; what is beyond that
        // waits until a window is done.
        let items = u32::try_from(limits::EPOCH_EVENTS * 1_024).unwrap_or(u32::MAX);
        Self {
            supervision: supervision.clone(),
            gauges: Arc::clone(gauges),
            matchers,
            windows,
            credits: Credits::new(items),
            evaluation: supervision.registry.entry(EVALUATION),
        }
    }

    /// Whether any window holds state.
    pub(crate) fn has_state(&self) -> bool {
        self.windows.values().any(|handle| !handle.is_empty)
    }

    /// The name of `unit`.
    pub(crate) fn unit_name(&self, unit: WindowShard) -> Arc<str> {
        self.windows
            .get(&unit)
            .map_or_else(|| unit.to_string().into(), |found| Arc::clone(&found.name))
    }

    /// The slots of all windows, each with the number of its rule.
    pub(crate) fn window_slots(&self) -> Vec<(u32, ActorSlot<WindowActor>)> {
        let windows = self.windows.iter();
        windows
            .map(|(unit, handle)| (unit.rule, handle.slot.clone()))
            .collect()
    }

    /// All units.
    pub(crate) fn units(&self) -> Vec<WindowShard> {
        self.windows.keys().copied().collect()
    }

    /// The units of `rule`.
    pub(crate) fn units_of_rule(&self, rule: u32) -> Vec<WindowShard> {
        self.windows
            .keys()
            .copied()
            .filter(|unit| unit.rule == rule)
            .collect()
    }

    /// Matches the items of `step`, on as many matchers as it is worth.
    ///
    /// # Errors
    /// A matcher died outside of its guard. The epoch must not go on without its matches.
    pub(crate) async fn match_items(&self, step: &MatchStep) -> Result<MatchOutput, UnitFailure> {
        let died = || UnitFailure {
            reason: "a matcher died with its batch".to_owned(),
        };
        let mut waiting = Vec::new();
        let ranges = split_ranges(step.items.len(), self.matchers.len());
        for (slot, range) in self.matchers.iter().zip(ranges) {
            let (reply, answer) = oneshot::channel();
            let number = u32::try_from(range.len()).unwrap_or(u32::MAX);
            let permit = self.credits.acquire(number).await;
            let first = range.start;
            let head = MatchHead {
                layer: step.layer,
                range,
                skipped_rules: Arc::clone(&step.skipped),
                trees: step.trees.clone(),
                reply,
            };
            let batch = CreditBatch {
                head,
                items: Arc::clone(&step.items),
                permit,
            };
            let address = slot.wait_for_address().await;
            send_batch(&address.recipient(), batch).map_err(|_| died())?;
            waiting.push((first, answer));
        }
        // In the order of ranges, not of answers: matches come out in the order of items.
        let mut all = MatchOutput::default();
        for (first, answer) in waiting {
            all.append(answer.await.map_err(|_| died())?, first);
            self.count_progress();
        }
        Ok(all)
    }

    /// Runs the windows of `step` and collects their answers.
    pub(crate) async fn run_windows(&mut self, mut step: WindowStep) -> LayerAnswers {
        // Ask all before waiting for any: they run beside each other.
        let mut waiting = Vec::new();
        for (unit, handle) in &self.windows {
            if handle.layer != step.layer || !step.includes(*unit) {
                continue;
            }
            let matches = step.matches.remove(unit).unwrap_or_default();
            if matches.is_empty() && handle.is_empty {
                continue;
            }
            let answer = self.ask_window(handle, &matches, &step.moves).await;
            waiting.push((*unit, matches, answer));
        }
        let mut answers = LayerAnswers::default();
        for (unit, matches, answer) in waiting {
            let answered = await_answer(answer).await;
            self.count_progress();
            match answered {
                Ok(report) => {
                    self.record_report(unit, &report);
                    answers.answer.append(report.answer);
                }
                Err(failure) => answers.failed.push(FailedWindow {
                    unit,
                    matches,
                    failure,
                }),
            }
        }
        answers
    }

    /// Asks one window alone, after its state was given back.
    pub(crate) async fn run_window(
        &mut self,
        unit: WindowShard,
        matches: &[Match],
        moves: &Arc<EpochMoves>,
    ) -> Result<WindowAnswer, UnitFailure> {
        let handle = self.windows.get(&unit).ok_or_else(death_failure)?;
        let answer = self.ask_window(handle, matches, moves).await;
        let done = await_answer(answer).await?;
        self.count_progress();
        self.record_report(unit, &done);
        Ok(done.answer)
    }

    fn count_progress(&self) {
        if let Some(evaluation) = &self.evaluation {
            evaluation.count_progress();
        }
    }

    fn record_report(&mut self, unit: WindowShard, done: &WindowReport) {
        if let Some(handle) = self.windows.get_mut(&unit) {
            handle.is_empty = done.is_empty;
            self.gauges
                .set_evicted(&handle.name, done.evicted.0, done.evicted.1);
        }
    }

    /// The address of a window, as soon as it has one.
    ///
    /// # Errors
    /// It never gets one: its actor was refused at the start.
    async fn window_address(
        &self,
        handle: &WindowHandle,
    ) -> Result<Addr<WindowActor>, UnitFailure> {
        if self.supervision.registry.entry(&handle.name).is_none() {
            return Err(UnitFailure {
                reason: "it has no actor, there are too many".to_owned(),
            });
        }
        Ok(handle.slot.wait_for_address().await)
    }

    async fn ask_window(
        &self,
        handle: &WindowHandle,
        matches: &[Match],
        moves: &Arc<EpochMoves>,
    ) -> PendingAnswer {
        let (reply, answer) = oneshot::channel();
        let number = u32::try_from(matches.len()).unwrap_or(u32::MAX);
        let permit = self.credits.acquire(number).await;
        let head = WindowHead {
            layer: handle.layer,
            moves: Arc::clone(moves),
            reply,
        };
        let batch = CreditBatch {
            head,
            items: matches.into(),
            permit,
        };
        let address = self.window_address(handle).await?;
        send_batch(&address.recipient(), batch).map_err(|_| death_failure())?;
        Ok(answer)
    }

    /// Gives a window its state back.
    pub(crate) async fn restore_window(&mut self, unit: WindowShard, window: RuleWindow) {
        if let Some(handle) = self.windows.get_mut(&unit) {
            handle.is_empty = false;
        }
        let Some(handle) = self.windows.get(&unit) else {
            return;
        };
        // A window that has no actor fails when it is asked next.
        if let Ok(address) = self.window_address(handle).await {
            drop(send_control(&address.recipient(), RestoreWindow { window }));
        }
    }

    /// The windows' parts of a checkpoint, without those of `detached` rules and those without
    /// state.
    ///
    /// # Errors
    /// One of them has lost its state: there is no checkpoint without it.
    pub(crate) async fn checkpoint_windows(
        &mut self,
        detached: &BTreeSet<u32>,
        wanted: CheckpointScope,
    ) -> Result<Vec<WindowPieces>, UnitFailure> {
        // Ask all before waiting for any: they write their state beside each other.
        let mut waiting = Vec::new();
        for (unit, handle) in &self.windows {
            if handle.is_empty || detached.contains(&unit.rule) {
                continue;
            }
            // Whole if the last checkpoint lacks it: the parts that its actor wrote before may be
            // deleted by now.
            let wanted = match wanted {
                CheckpointScope::Changes if !handle.is_in_checkpoint => CheckpointScope::Whole,
                CheckpointScope::Copy | CheckpointScope::Whole | CheckpointScope::Changes => wanted,
            };
            let (reply, answer) = oneshot::channel();
            let address = self.window_address(handle).await?;
            send_control(&address.recipient(), CheckpointWindow { wanted, reply })
                .map_err(|_| death_failure())?;
            waiting.push((*unit, Arc::clone(&handle.name), answer));
        }
        let mut checkpoints = Vec::new();
        for (unit, name, answer) in waiting {
            let pieces = answer.await.map_err(|_| death_failure())??;
            self.count_progress();
            if !pieces.is_empty() {
                checkpoints.push(WindowPieces { unit, name, pieces });
            }
        }
        // A copy becomes no checkpoint, so it changes nothing about what the last one holds.
        if wanted != CheckpointScope::Copy {
            let written: BTreeSet<WindowShard> =
                checkpoints.iter().map(|window| window.unit).collect();
            for (unit, handle) in &mut self.windows {
                handle.is_in_checkpoint = written.contains(unit);
            }
        }
        Ok(checkpoints)
    }
}

/// Receives a window's answer, if the question has reached it.
type PendingAnswer = Result<oneshot::Receiver<Result<WindowReport, UnitFailure>>, UnitFailure>;

/// A window's answer, however long it takes.
async fn await_answer(asked: PendingAnswer) -> Result<WindowReport, UnitFailure> {
    asked?.await.map_err(|_| death_failure())?
}

/// A window that died outside of its guard.
fn death_failure() -> UnitFailure {
    UnitFailure {
        reason: "it died with the work".to_owned(),
    }
}

impl Drop for ActorPool {
    /// The actors end when their slots are empty; releasing them first keeps them from being
    /// created again.
    fn drop(&mut self) {
        for handle in self.windows.values() {
            self.supervision.release_actor(&handle.name);
            handle.slot.clear_address();
        }
        for (number, slot) in self.matchers.iter().enumerate() {
            self.supervision
                .release_actor(&MatcherActor::actor_name(number));
            slot.clear_address();
        }
    }
}

fn window_factory(plan: &Arc<WindowPlan>, unit: WindowShard) -> WindowFactory {
    let plan = Arc::clone(plan);
    Arc::new(move || plan.new_window(unit))
}

/// Cuts `number` items into at most `most` ranges worth a matcher each.
fn split_ranges(number: usize, most: usize) -> Vec<Range<usize>> {
    let parts = (number / ITEMS_PER_MATCHER).clamp(1, most.max(1));
    let size = number.div_ceil(parts).max(1);
    (0..number)
        .step_by(size)
        .map(|from| from..(from + size).min(number))
        .collect()
}

#[cfg(test)]
mod tests;
