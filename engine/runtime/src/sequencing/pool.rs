//! The matchers and windows of one rule set, and how an epoch asks them.
//!
//! Owns their addresses and threads. An epoch asks all of them at once and waits for the answers; how long it
//! waits for one that hangs is bounded, and what did not answer is reported as failed.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use actix::Arbiter;
use larum_event::{Detection, Match, WindowSpec, limits};
use larum_pipeline::{Item, Settings, Unit, WatermarkStep, new_window};
use larum_rule::RuleSet;
use larum_window::Window;
use tokio::sync::oneshot;

use crate::actors::{MatcherSetup, MatcherUnit, NewWindow, WindowSetup, WindowUnit};
use crate::credit::{Batch, Credits, send_batch, tell};
use crate::gauges::Gauges;
use crate::messages::{
    MatchHead, Matched, ReadWindow, RestoreWindow, UnitFailed, WindowDone, WindowHead,
};
use crate::supervise::Seat;
use crate::supervision::Supervision;

/// Fewer items than this are not worth a second matcher.
const ITEMS_PER_MATCHER: usize = 128;

/// The engine's threads; they outlive rule sets.
pub(crate) struct Threads {
    /// The log's writer.
    pub(crate) log: Arbiter,
    /// The log's upkeep.
    pub(crate) upkeep: Arbiter,
    /// Sequencer and alert words.
    pub(crate) sequencer: Arbiter,
    /// Trees.
    pub(crate) trees: Arbiter,
    /// Channels and handlers.
    pub(crate) channels: Arbiter,
    matchers: Vec<Arbiter>,
    windows: Vec<Arbiter>,
}

impl Threads {
    /// Starts `matchers` threads for matching and `shards` for windows, and one for each of the rest.
    pub(crate) fn start(matchers: usize, shards: usize) -> Self {
        let start = |number: usize| (0..number.max(1)).map(|_| Arbiter::new()).collect();
        Self {
            log: Arbiter::new(),
            upkeep: Arbiter::new(),
            sequencer: Arbiter::new(),
            trees: Arbiter::new(),
            channels: Arbiter::new(),
            matchers: start(matchers),
            windows: start(shards),
        }
    }

    /// Stops them; what still runs on them is dropped.
    pub(crate) fn stop(&self) {
        let single = [
            &self.channels,
            &self.sequencer,
            &self.trees,
            &self.upkeep,
            &self.log,
        ];
        for arbiter in single
            .into_iter()
            .chain(&self.matchers)
            .chain(&self.windows)
        {
            arbiter.stop();
        }
    }
}

/// The actors of one rule set.
pub(crate) struct Pool {
    supervision: Supervision,
    gauges: Arc<Gauges>,
    matchers: Vec<Seat<MatcherUnit>>,
    windows: BTreeMap<Unit, Handle>,
    credits: Credits,
}

struct Handle {
    seat: Seat<WindowUnit>,
    name: Arc<str>,
    layer: u8,
    /// Holds no state, so that it is asked only when something matched.
    is_empty: bool,
}

/// What the windows of a layer had to say.
#[derive(Default)]
pub(crate) struct Answers {
    /// What they detected, in no order.
    pub(crate) detections: Vec<Detection>,
    /// Those that failed, with the work they failed on.
    pub(crate) failed: Vec<(Unit, Vec<Match>, UnitFailed)>,
}

impl Pool {
    /// A pool without actors.
    pub(crate) fn idle(supervision: &Supervision, gauges: &Arc<Gauges>) -> Self {
        Self {
            supervision: supervision.clone(),
            gauges: Arc::clone(gauges),
            matchers: Vec::new(),
            windows: BTreeMap::new(),
            credits: Credits::new(1),
        }
    }

    /// Starts the actors of `set` on `threads`.
    pub(crate) fn start(
        set: &Arc<RuleSet>,
        settings: &Settings,
        threads: &Threads,
        supervision: &Supervision,
        gauges: &Arc<Gauges>,
    ) -> Self {
        let matchers = threads
            .matchers
            .iter()
            .enumerate()
            .map(|(number, arbiter)| {
                MatcherUnit::start_on(
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
            for shard in 0..settings.shards.max(1) {
                let unit = Unit {
                    rule: number as u32,
                    shard: shard as u32,
                };
                let arbiter = threads.windows.get(shard % threads.windows.len().max(1));
                let Some(arbiter) = arbiter else { continue };
                let name: Arc<str> = unit.name(set).into();
                let setup = WindowSetup {
                    name: Arc::clone(&name),
                    new_window: empty_window(set, unit, settings),
                    has_state: !matches!(rule.window, WindowSpec::Single),
                    supervision: supervision.clone(),
                };
                let seat = WindowUnit::start_on(arbiter, setup);
                windows.insert(
                    unit,
                    Handle {
                        seat,
                        name,
                        layer: rule.layer,
                        is_empty: true,
                    },
                );
            }
        }
        // Twice an epoch, for its raw events and the alerts among them.
        let items = u32::try_from(limits::EPOCH_EVENTS * 1_024).unwrap_or(u32::MAX);
        Self {
            supervision: supervision.clone(),
            gauges: Arc::clone(gauges),
            matchers,
            windows,
            credits: Credits::new(items),
        }
    }

    /// The name of `unit`.
    pub(crate) fn name(&self, unit: Unit) -> Arc<str> {
        self.windows
            .get(&unit)
            .map_or_else(|| unit.to_string().into(), |found| Arc::clone(&found.name))
    }

    /// The units of `rule`.
    pub(crate) fn units_of(&self, rule: u32) -> Vec<Unit> {
        self.windows
            .keys()
            .copied()
            .filter(|unit| unit.rule == rule)
            .collect()
    }

    /// Matches `items` against the rules of `layer`, on as many matchers as it is worth.
    ///
    /// # Errors
    /// A matcher died outside of its guard. The epoch must not go on without what it knew.
    pub(crate) async fn match_items(
        &self,
        layer: u8,
        items: &Arc<[Item]>,
    ) -> Result<Matched, UnitFailed> {
        let died = || UnitFailed {
            message: "a matcher died with its batch".to_owned(),
        };
        let mut waiting = Vec::new();
        for (seat, range) in self
            .matchers
            .iter()
            .zip(split(items.len(), self.matchers.len()))
        {
            let (reply, answer) = oneshot::channel();
            let number = u32::try_from(range.len()).unwrap_or(u32::MAX);
            let permit = self.credits.acquire(number).await;
            let head = MatchHead {
                layer,
                range,
                reply,
            };
            let batch = Batch {
                head,
                items: Arc::clone(items),
                permit,
            };
            let address = seat.seated().await;
            send_batch(&address.recipient(), batch).map_err(|_| died())?;
            waiting.push(answer);
        }
        let mut all = Matched::default();
        for answer in waiting {
            let matched = answer.await.map_err(|_| died())?;
            all.matches.extend(matched.matches);
            all.faults.extend(matched.faults);
        }
        Ok(all)
    }

    /// Gives the windows of `layer` their matches and collects what they detect.
    pub(crate) async fn run_windows(
        &mut self,
        layer: u8,
        mut work: BTreeMap<Unit, Vec<Match>>,
        steps: &Arc<[WatermarkStep]>,
    ) -> Answers {
        let mut waiting = Vec::new();
        for (unit, handle) in &self.windows {
            let matches = work.remove(unit).unwrap_or_default();
            if handle.layer != layer || (matches.is_empty() && handle.is_empty) {
                continue;
            }
            let answer = self.ask(handle, &matches, steps).await;
            waiting.push((*unit, matches, answer));
        }
        let mut answers = Answers::default();
        for (unit, matches, answer) in waiting {
            match self.wait_for(answer).await {
                Ok(done) => {
                    self.note(unit, &done);
                    answers.detections.extend(done.detections);
                }
                Err(failed) => answers.failed.push((unit, matches, failed)),
            }
        }
        answers
    }

    /// Asks one window alone, after its state was given back.
    pub(crate) async fn run_one(
        &mut self,
        unit: Unit,
        matches: &[Match],
        steps: &Arc<[WatermarkStep]>,
    ) -> Result<Vec<Detection>, UnitFailed> {
        let Some(handle) = self.windows.get(&unit) else {
            return Err(UnitFailed {
                message: "there is no such window".to_owned(),
            });
        };
        let answer = self.ask(handle, matches, steps).await;
        let done = self.wait_for(answer).await?;
        self.note(unit, &done);
        Ok(done.detections)
    }

    fn note(&mut self, unit: Unit, done: &WindowDone) {
        if let Some(handle) = self.windows.get_mut(&unit) {
            handle.is_empty = done.is_empty;
            self.gauges
                .evicted(&handle.name, done.evicted.0, done.evicted.1);
        }
    }

    async fn ask(
        &self,
        handle: &Handle,
        matches: &[Match],
        steps: &Arc<[WatermarkStep]>,
    ) -> Option<oneshot::Receiver<Result<WindowDone, UnitFailed>>> {
        let (reply, answer) = oneshot::channel();
        let number = u32::try_from(matches.len()).unwrap_or(u32::MAX);
        let permit = self.credits.acquire(number).await;
        let head = WindowHead {
            steps: Arc::clone(steps),
            reply,
        };
        let batch = Batch {
            head,
            items: matches.into(),
            permit,
        };
        let address = handle.seat.seated().await;
        send_batch(&address.recipient(), batch)
            .ok()
            .map(|()| answer)
    }

    async fn wait_for(
        &self,
        answer: Option<oneshot::Receiver<Result<WindowDone, UnitFailed>>>,
    ) -> Result<WindowDone, UnitFailed> {
        let gone = || UnitFailed {
            message: "it died with the work".to_owned(),
        };
        let answer = answer.ok_or_else(gone)?;
        let longest =
            larum_event::Span::from_nanos(limits::EPOCH_WAIT_MILLISECONDS as i64 * 1_000_000);
        tokio::select! {
            biased;
            answer = answer => answer.map_err(|_| gone())?,
            () = self.supervision.clock.sleep(longest) => Err(UnitFailed {
                message: format!("it gave no answer within {longest}"),
            }),
        }
    }

    /// Gives a window its state back.
    pub(crate) async fn restore(&mut self, unit: Unit, window: Window) {
        if let Some(handle) = self.windows.get_mut(&unit) {
            handle.is_empty = false;
            // Its actor may not have started yet: state that is not handed over now is lost.
            let address = handle.seat.seated().await;
            // A window that is gone fails when it is asked next.
            drop(tell(&address.recipient(), RestoreWindow { window }));
        }
    }

    /// The windows' parts of a checkpoint; those of `without` are left out.
    pub(crate) async fn checkpoint(&self, without: &[Unit]) -> Vec<(Unit, String, Vec<u8>)> {
        let mut waiting = Vec::new();
        for (unit, handle) in self
            .windows
            .iter()
            .filter(|(unit, _)| !without.contains(unit))
        {
            if handle.is_empty {
                continue;
            }
            let (reply, answer) = oneshot::channel();
            // One that is being started anew is waited for: a checkpoint without it would lose its state.
            let address = handle.seat.seated().await;
            if tell(&address.recipient(), ReadWindow { reply }).is_ok() {
                waiting.push((*unit, handle.name.to_string(), answer));
            }
        }
        let mut parts = Vec::new();
        for (unit, name, answer) in waiting {
            if let Ok(Some(bytes)) = answer.await {
                parts.push((unit, name, bytes));
            }
        }
        parts
    }
}

impl Drop for Pool {
    /// The actors end when their seats are vacant, and nobody creates them again.
    fn drop(&mut self) {
        for handle in self.windows.values() {
            self.supervision.release(&handle.name);
            handle.seat.vacate();
        }
        for (number, seat) in self.matchers.iter().enumerate() {
            self.supervision.release(&MatcherUnit::name(number));
            seat.vacate();
        }
    }
}

fn empty_window(set: &Arc<RuleSet>, unit: Unit, settings: &Settings) -> NewWindow {
    let (set, settings) = (Arc::clone(set), settings.clone());
    Arc::new(move || new_window(&set, unit, &settings))
}

/// Cuts `number` items into at most `most` ranges worth a matcher each.
fn split(number: usize, most: usize) -> Vec<Range<usize>> {
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
                let ranges = split(number, matchers);
                let covered: Vec<usize> = ranges.iter().cloned().flatten().collect();
                assert_eq!(covered, (0..number).collect::<Vec<_>>());
                assert!(ranges.len() <= matchers);
            }
        }
    }
}
