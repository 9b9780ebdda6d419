//! A thread that no actor can block, looking whether evaluation and actors make progress.
//!
//! Native code that hangs cannot be stopped from inside. What can be done is to say so. An actor
//! that is slow is named in the log, among the problems and in the metrics. While one is frozen the
//! engine is not ready. When evaluation has made no progress for a long time, the program is asked
//! to exit: the engine may be embedded, so that is the program's to do ([`StallAction`]).
//!
//! Owns the time that counts as lack of progress. A process that was suspended, or that got no
//! processor, could make none: the watchdog was not running either, so of the time between two
//! looks at most their usual distance counts. Whatever passes while it does not look is no reason
//! to call an actor slow.
//! Invariant: nothing here changes what is evaluated. A unit that is slow is waited for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;

use larum_actor::{ActorRegistry, MonotonicTime, ProgressLimits, RuntimeClock, StalledActor};
use larum_event::{Span, limits};
use tokio::sync::oneshot;
use tracing::{error, info, warn};

use crate::api::EvaluationStall;
use crate::config::StallAction;
use crate::gauges::EngineGauges;

/// Begins what a problem with an actor that makes no progress is about.
pub const FROZEN: &str = "frozen ";
/// Begins what a problem with an actor that is slow is about.
const SLOW: &str = "slow ";
/// The name under which evaluation counts its progress.
pub const EVALUATION: &str = "sequencer";
/// How often it looks.
const EVERY: Span = Span::from_seconds(1);

const LIMITS: ProgressLimits = ProgressLimits {
    slow_after: Span::from_seconds(limits::SLOW_SECONDS as u32),
    frozen_after: Span::from_seconds(limits::FROZEN_SECONDS as u32),
};

/// Looks until it is dropped.
#[derive(Debug)]
pub struct Watchdog {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What a watchdog is started with.
#[derive(Debug)]
pub struct WatchdogSetup {
    /// Tells when to look.
    pub clock: RuntimeClock,
    /// The actors.
    pub registry: ActorRegistry,
    /// Where it reports.
    pub gauges: Arc<EngineGauges>,
    /// After how long without progress of evaluation the program is asked to exit; zero never asks.
    pub stall_after: Span,
    /// Whom it asks.
    pub stall_action: StallAction,
}

impl Watchdog {
    /// Starts looking.
    pub fn start(setup: WatchdogSetup) -> std::io::Result<Self> {
        let (stop, mut stopped) = oneshot::channel();
        // A runtime of its own: it has to run while all others are blocked.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()?;
        let look = move || {
            let clock = setup.clock.clone();
            let mut watch = ProgressWatch::new(setup);
            runtime.block_on(async {
                loop {
                    // Counted from here: time that passes before the waiting begins counts.
                    let due = clock.monotonic().saturating_add(EVERY);
                    tokio::select! {
                        biased;
                        _ = &mut stopped => return,
                        () = clock.sleep_until(due) => watch.look_around(clock.monotonic()),
                    }
                }
            });
        };
        let thread = std::thread::Builder::new()
            .name("watchdog".to_owned())
            .spawn(look)?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A watchdog that panicked has said so; there is nothing to do about it here.
            drop(thread.join());
        }
    }
}

/// What a watchdog knows between two looks.
struct ProgressWatch {
    setup: WatchdogSetup,
    last_look: MonotonicTime,
    /// The time that the watchdog itself was running.
    running: MonotonicTime,
    /// Those that were stalled at the last look, and whether they were frozen.
    stalled: BTreeMap<Arc<str>, bool>,
    has_asked: bool,
}

impl ProgressWatch {
    fn new(setup: WatchdogSetup) -> Self {
        let mut watch = Self {
            last_look: setup.clock.monotonic(),
            setup,
            running: MonotonicTime::default(),
            stalled: BTreeMap::new(),
            has_asked: false,
        };
        // At once: from here on is counted how long an actor has been at work.
        watch.look_around(watch.last_look);
        watch
    }

    fn look_around(&mut self, now: MonotonicTime) {
        let passed = now.since(self.last_look).min(EVERY);
        self.last_look = now;
        self.running = self.running.saturating_add(passed);
        let stalled = self.setup.registry.check_progress(self.running, LIMITS);
        self.report_stalled(&stalled);
        self.ask_for_exit(&stalled);
    }

    /// Reports who stalls, and who goes on again.
    fn report_stalled(&mut self, stalled: &[StalledActor]) {
        let gauges = &self.setup.gauges;
        let seconds = stalled.iter().map(|actor| {
            let seconds = actor.for_span.as_nanos().max(0).unsigned_abs() / 1_000_000_000;
            (actor.name.to_string(), seconds)
        });
        gauges.set_stalled(seconds.collect());
        let mut before = std::mem::take(&mut self.stalled);
        for actor in stalled {
            let StalledActor {
                name,
                for_span,
                is_frozen,
            } = actor;
            let known = before.remove(name);
            if known != Some(*is_frozen) {
                warn!(unit = %name, %for_span, is_frozen, "unit has work and makes no progress");
            }
            let words = format!("{name} has made no progress for {for_span}");
            let (now, other) = match is_frozen {
                true => (FROZEN, SLOW),
                false => (SLOW, FROZEN),
            };
            gauges.report_problem(&format!("{now}{name}"), words);
            gauges.clear_problem(&format!("{other}{name}"));
            self.stalled.insert(Arc::clone(name), *is_frozen);
        }
        for name in before.keys() {
            info!(unit = %name, "unit makes progress again");
            gauges.clear_problem(&format!("{FROZEN}{name}"));
            gauges.clear_problem(&format!("{SLOW}{name}"));
        }
    }

    /// Asks the program to exit, once, when evaluation stalls for too long.
    fn ask_for_exit(&mut self, stalled: &[StalledActor]) {
        let after = self.setup.stall_after;
        let evaluation = stalled.iter().find(|actor| &*actor.name == EVALUATION);
        let Some(for_span) = evaluation.map(|actor| actor.for_span) else {
            self.has_asked = false;
            return;
        };
        if after.is_zero() || for_span < after || self.has_asked {
            return;
        }
        self.has_asked = true;
        let units = stalled.iter().filter(|actor| &*actor.name != EVALUATION);
        let stall = EvaluationStall {
            for_span,
            units: units.map(|actor| actor.name.to_string()).collect(),
        };
        error!(%stall, "evaluation stalls, the program is asked to exit");
        self.setup.stall_action.run(&stall);
    }
}

#[cfg(test)]
mod tests;
