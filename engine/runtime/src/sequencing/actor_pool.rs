//! The matchers and windows of one rule set, and how an epoch asks them.
//!
//! Owns their addresses. An epoch asks all of them at once and waits for the answers; how long it
//! waits for windows that hang is bounded, and what did not answer is reported as failed.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use larum_actor::{
    ActorSlot, CreditBatch, Credits, MonotonicTime, Supervision, send_batch, send_control,
};
use larum_event::{Detection, EvaluationPlace, Match, Span, TreeLookup, limits};
use larum_log::CheckpointPart;
use larum_pipeline::{
    EpochItem, LateMatch, MatchOutput, SkippedRules, WatermarkStep, WindowAnswer, WindowPlan,
    WindowShard,
};
use larum_rule::RuleSet;
use larum_window::{RuleWindow, ScriptFault};
use tokio::sync::oneshot;

use crate::actors::{MatcherActor, MatcherSetup, WindowActor, WindowFactory, WindowSetup};
use crate::gauges::EngineGauges;
use crate::messages::{
    CheckpointScope, CheckpointWindow, MatchHead, RestoreWindow, UnitFailure, WindowHead,
    WindowReport,
};
use crate::sequencing::threads::EngineThreads;

/// Longest that windows are waited for.
pub(super) const WAIT: Span = Span::from_nanos(limits::EPOCH_WAIT_MILLISECONDS as i64 * 1_000_000);

/// Fewer items than this are not worth a second matcher.
const ITEMS_PER_MATCHER: usize = 128;

/// The actors of one rule set.
pub(crate) struct ActorPool {
    supervision: Supervision,
    gauges: Arc<EngineGauges>,
    matchers: Vec<ActorSlot<MatcherActor>>,
    windows: BTreeMap<WindowShard, WindowHandle>,
    credits: Credits,
}

struct WindowHandle {
    slot: ActorSlot<WindowActor>,
    name: Arc<str>,
    layer: u8,
    /// Holds no state, so that it is asked only when something matched.
    is_empty: bool,
}

/// What the windows of a layer had to say.
#[derive(Default)]
pub(crate) struct LayerAnswers {
    /// What they detected, in no order.
    pub(crate) detections: Vec<Detection>,
    /// Matches that came too late for them, in no order.
    pub(crate) late: Vec<LateMatch>,
    /// Scripts that failed, each with the place of what it failed on.
    pub(crate) faults: Vec<(EvaluationPlace, ScriptFault)>,
    /// Those that failed, with the work they failed on.
    pub(crate) failed: Vec<(WindowShard, Vec<Match>, UnitFailure)>,
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
                    has_state: rule.window.has_state(),
                    supervision: supervision.clone(),
                };
                let seat = WindowActor::start_on(arbiter, setup);
                windows.insert(
                    unit,
                    WindowHandle {
                        slot: seat,
                        name,
                        layer: rule.layer,
                        is_empty: true,
                    },
                );
            }
        }
        // Room for every event of an epoch in the windows of a thousand rules; what is beyond that waits
        // until a window is done.
        let items = u32::try_from(limits::EPOCH_EVENTS * 1_024).unwrap_or(u32::MAX);
        Self {
            supervision: supervision.clone(),
            gauges: Arc::clone(gauges),
            matchers,
            windows,
            credits: Credits::new(items),
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

    /// Where the windows with state are found, each with the number of its rule.
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

    /// Matches `items` against the rules of `layer` without those `left_out`, on as many matchers as it is worth;
    /// they ask `trees`.
    ///
    /// # Errors
    /// A matcher died outside of its guard. The epoch must not go on without what it knew.
    pub(crate) async fn match_items(
        &self,
        (layer, left_out, trees): (u8, &Arc<SkippedRules>, Option<Arc<dyn TreeLookup>>),
        items: &Arc<[EpochItem]>,
    ) -> Result<MatchOutput, UnitFailure> {
        let died = || UnitFailure::Broken {
            reason: "a matcher died with its batch".to_owned(),
        };
        let mut waiting = Vec::new();
        for (seat, range) in self
            .matchers
            .iter()
            .zip(split_ranges(items.len(), self.matchers.len()))
        {
            let (reply, answer) = oneshot::channel();
            let number = u32::try_from(range.len()).unwrap_or(u32::MAX);
            let permit = self.credits.acquire(number).await;
            let first = range.start;
            let head = MatchHead {
                layer,
                range,
                skipped_rules: Arc::clone(left_out),
                trees: trees.clone(),
                reply,
            };
            let batch = CreditBatch {
                head,
                items: Arc::clone(items),
                permit,
            };
            let address = seat.wait_for_address().await;
            send_batch(&address.recipient(), batch).map_err(|_| died())?;
            waiting.push((first, answer));
        }
        let mut all = MatchOutput::default();
        for (first, answer) in waiting {
            all.append(answer.await.map_err(|_| died())?, first);
        }
        Ok(all)
    }

    /// Gives the windows of `layer` their matches and collects what they detect. Those of the rules
    /// `left_out` are not asked.
    pub(crate) async fn run_windows(
        &mut self,
        layer: u8,
        mut work: BTreeMap<WindowShard, Vec<Match>>,
        steps: &Arc<[WatermarkStep]>,
        left_out: &BTreeSet<u32>,
    ) -> LayerAnswers {
        let by = self.answer_deadline();
        let mut waiting = Vec::new();
        for (unit, handle) in &self.windows {
            if handle.layer != layer || left_out.contains(&unit.rule) {
                continue;
            }
            let matches = work.remove(unit).unwrap_or_default();
            if matches.is_empty() && handle.is_empty {
                continue;
            }
            let answer = self.ask_window(handle, &matches, steps, by).await;
            waiting.push((*unit, matches, answer));
        }
        let mut answers = LayerAnswers::default();
        for (unit, matches, answer) in waiting {
            match self.await_answer(answer, by).await {
                Ok(done) => {
                    self.record_report(unit, &done);
                    answers.detections.extend(done.answer.detections);
                    answers.late.extend(done.answer.late);
                    answers.faults.extend(done.answer.faults);
                }
                Err(failed) => answers.failed.push((unit, matches, failed)),
            }
        }
        answers
    }

    /// Asks one window alone, after its state was given back.
    pub(crate) async fn run_window(
        &mut self,
        unit: WindowShard,
        matches: &[Match],
        steps: &Arc<[WatermarkStep]>,
        by: MonotonicTime,
    ) -> Result<WindowAnswer, UnitFailure> {
        let handle = self.windows.get(&unit).ok_or_else(death_failure)?;
        let answer = self.ask_window(handle, matches, steps, by).await;
        let done = self.await_answer(answer, by).await?;
        self.record_report(unit, &done);
        Ok(done.answer)
    }

    fn record_report(&mut self, unit: WindowShard, done: &WindowReport) {
        if let Some(handle) = self.windows.get_mut(&unit) {
            handle.is_empty = done.is_empty;
            self.gauges
                .set_evicted(&handle.name, done.evicted.0, done.evicted.1);
        }
    }

    /// Until when answers to questions of now are waited for.
    pub(crate) fn answer_deadline(&self) -> MonotonicTime {
        self.supervision.clock.monotonic().saturating_add(WAIT)
    }

    /// Waits for `work`, no longer than until `by`.
    pub(crate) async fn with_deadline<T>(
        &self,
        by: MonotonicTime,
        work: impl Future<Output = T>,
    ) -> Result<T, UnitFailure> {
        let clock = &self.supervision.clock;
        tokio::select! {
            biased;
            done = work => Ok(done),
            () = clock.sleep_until(by) => Err(UnitFailure::Silent { longest: WAIT }),
        }
    }

    async fn ask_window(
        &self,
        handle: &WindowHandle,
        matches: &[Match],
        steps: &Arc<[WatermarkStep]>,
        by: MonotonicTime,
    ) -> PendingAnswer {
        let (reply, answer) = oneshot::channel();
        let number = u32::try_from(matches.len()).unwrap_or(u32::MAX);
        let permit = self.with_deadline(by, self.credits.acquire(number)).await?;
        let head = WindowHead {
            layer: handle.layer,
            steps: Arc::clone(steps),
            reply,
        };
        let batch = CreditBatch {
            head,
            items: matches.into(),
            permit,
        };
        let address = self
            .with_deadline(by, handle.slot.wait_for_address())
            .await?;
        send_batch(&address.recipient(), batch).map_err(|_| death_failure())?;
        Ok(answer)
    }

    async fn await_answer(
        &self,
        asked: PendingAnswer,
        by: MonotonicTime,
    ) -> Result<WindowReport, UnitFailure> {
        self.with_deadline(by, asked?)
            .await?
            .map_err(|_| death_failure())?
    }

    /// Gives a window its state back.
    pub(crate) async fn restore_window(&mut self, unit: WindowShard, window: RuleWindow) {
        let by = self.answer_deadline();
        let Some(handle) = self.windows.get_mut(&unit) else {
            return;
        };
        handle.is_empty = false;
        let seat = handle.slot.clone();
        // A window that is not there now fails when it is asked next.
        if let Ok(address) = self.with_deadline(by, seat.wait_for_address()).await {
            drop(send_control(&address.recipient(), RestoreWindow { window }));
        }
    }

    /// The windows' parts of a checkpoint; those of `without` are left out.
    ///
    /// # Errors
    /// One of them has lost its state or gives no answer: there is no checkpoint without it.
    pub(crate) async fn checkpoint_windows(
        &self,
        without: &BTreeSet<u32>,
        wanted: CheckpointScope,
    ) -> Result<Vec<(WindowShard, String, Vec<CheckpointPart>)>, UnitFailure> {
        let by = self.answer_deadline();
        let mut waiting = Vec::new();
        for (unit, handle) in &self.windows {
            if handle.is_empty || without.contains(&unit.rule) {
                continue;
            }
            let (reply, answer) = oneshot::channel();
            let address = self
                .with_deadline(by, handle.slot.wait_for_address())
                .await?;
            send_control(&address.recipient(), CheckpointWindow { wanted, reply })
                .map_err(|_| death_failure())?;
            waiting.push((*unit, handle.name.to_string(), answer));
        }
        let mut parts = Vec::new();
        for (unit, name, answer) in waiting {
            let part = self
                .with_deadline(by, answer)
                .await?
                .map_err(|_| death_failure())??;
            if !part.is_empty() {
                parts.push((unit, name, part));
            }
        }
        Ok(parts)
    }
}

/// The way to an answer, if the question has reached the window.
type PendingAnswer = Result<oneshot::Receiver<Result<WindowReport, UnitFailure>>, UnitFailure>;

/// A window that died outside of its guard.
fn death_failure() -> UnitFailure {
    UnitFailure::Broken {
        reason: "it died with the work".to_owned(),
    }
}

impl Drop for ActorPool {
    /// The actors end when their seats are vacant, and nobody creates them again.
    fn drop(&mut self) {
        for handle in self.windows.values() {
            self.supervision.release_actor(&handle.name);
            handle.slot.clear_address();
        }
        for (number, seat) in self.matchers.iter().enumerate() {
            self.supervision
                .release_actor(&MatcherActor::actor_name(number));
            seat.clear_address();
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
mod tests {
    use super::*;

    #[test]
    fn items_are_cut_into_ranges_that_cover_them_once() {
        for number in [0, 1, 127, 128, 129, 256, 257, 1_000, 2_048] {
            for matchers in 1..6 {
                let ranges = split_ranges(number, matchers);
                let covered: Vec<usize> = ranges.iter().cloned().flatten().collect();
                assert_eq!(covered, (0..number).collect::<Vec<_>>());
                assert!(ranges.len() <= matchers);
            }
        }
    }
}
