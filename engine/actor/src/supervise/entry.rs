//! What is known of one actor, and the verdict on its failures.
//!
//! Owns state, restarts, progress and last error; acting on a verdict is left to the actor's
//! [`ActorGuard`](super::ActorGuard) and to the guardian. An entry outlives its actor: the next one
//! of the same name goes on counting where the last one stopped.
//! Invariant: a failure is judged once. Until [`ActorEntry::take_verdict`] it stays pending, and
//! what fails meanwhile is part of it; else one panic could use up several restarts.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use larum_event::{MonotonicTime, Span, Timestamp};
use serde::Serialize;

use super::guard::{catch_panic, shorten_reason};
use super::intensity::{RestartIntensity, RestartVerdict};
use crate::clock::RuntimeClock;
use crate::credit::{Credits, QueueGauge};
use crate::seeded_sequence::SeededSequence;

/// What an actor is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorState {
    /// Created, not ready yet.
    Starting,
    /// Ready and working.
    Running,
    /// Failed; pausing or rebuilding its state.
    Restarting,
    /// It has work and makes no progress.
    Frozen,
    /// Failed too often; stays and refuses work.
    Quarantined,
    /// Ended as it should.
    Stopped,
}

/// The last failure of an actor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LastError {
    /// What went wrong.
    pub reason: String,
    /// When, by the wall clock.
    pub at: Timestamp,
}

/// What `GET /v1/actors` shows of one actor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ActorSnapshot {
    /// Its name, such as `window/auth.brute_force/0`.
    pub name: String,
    /// What it is doing.
    pub state: ActorState,
    /// Restarts and re-creations since the engine started.
    pub restarts: u64,
    /// The state of its circuit breaker, where it has one.
    pub breaker: Option<&'static str>,
    /// How full its queue is, where it has one.
    pub queue: Option<QueueGauge>,
    /// Units of work it has finished, the failed ones included, and steps of longer ones.
    pub progress: u64,
    /// Its last failure.
    pub last_error: Option<LastError>,
}

/// A change of state, or one more restart, as the registry's observer sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateChange {
    /// The actor's name.
    pub name: Arc<str>,
    /// What it was doing.
    pub before: ActorState,
    /// What it does now.
    pub state: ActorState,
    /// Its restarts so far.
    pub restarts: u64,
    /// Why, where something failed.
    pub reason: Option<String>,
    /// When, by the wall clock.
    pub at: Timestamp,
}

/// After how long without progress an actor that has work counts as stalled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProgressLimits {
    /// It is slow, and worth a line in the log.
    pub slow_after: Span,
    /// It is frozen; not below `slow_after`.
    pub frozen_after: Span,
}

/// An actor that has work and makes no progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StalledActor {
    /// Its name.
    pub name: Arc<str>,
    /// How long it has had work and made no progress.
    pub for_span: Span,
    /// Whether it is frozen, not only slow.
    pub is_frozen: bool,
}

pub(super) type StateObserver = dyn Fn(&StateChange) + Send + Sync;

/// The place of one actor in the registry. Clones are the same entry.
#[derive(Clone)]
pub struct ActorEntry(Arc<EntryInner>);

struct EntryInner {
    name: Arc<str>,
    clock: RuntimeClock,
    observer: Arc<StateObserver>,
    progress: AtomicU64,
    busy: AtomicBool,
    status: Mutex<ActorStatus>,
}

struct ActorStatus {
    state: ActorState,
    restarts: u64,
    incarnation: u64,
    /// The verdict on a failure that nobody has acted on yet.
    pending: Option<RestartVerdict>,
    /// When the pause after its last failure ends.
    pause_end: MonotonicTime,
    intensity: RestartIntensity,
    breaker: Option<&'static str>,
    queue: Option<Credits>,
    last_error: Option<LastError>,
    /// The progress last seen.
    last_progress: u64,
    /// When that was first seen or the actor had nothing to do, by the time of those who look.
    stalled_since: Option<MonotonicTime>,
}

impl ActorStatus {
    fn apply_verdict(&mut self, verdict: RestartVerdict, now: MonotonicTime) {
        match verdict {
            RestartVerdict::Restart { after } => {
                self.restarts += 1;
                self.state = ActorState::Restarting;
                self.pause_end = now.saturating_add(after);
            }
            RestartVerdict::Quarantine => self.state = ActorState::Quarantined,
        }
    }
}

impl std::fmt::Debug for ActorEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ActorEntry").field(&self.snapshot()).finish()
    }
}

impl ActorEntry {
    pub(super) fn new(name: Arc<str>, clock: RuntimeClock, observer: Arc<StateObserver>) -> Self {
        let status = ActorStatus {
            state: ActorState::Starting,
            restarts: 0,
            incarnation: 0,
            pending: None,
            pause_end: MonotonicTime::default(),
            intensity: RestartIntensity::new(SeededSequence::from_name(&name)),
            breaker: None,
            queue: None,
            last_error: None,
            last_progress: 0,
            stalled_since: None,
        };
        Self(Arc::new(EntryInner {
            name,
            clock,
            observer,
            progress: AtomicU64::new(0),
            busy: AtomicBool::new(false),
            status: Mutex::new(status),
        }))
    }

    /// The actor's name.
    pub fn name(&self) -> &Arc<str> {
        &self.0.name
    }

    /// The clock of its registry.
    pub fn clock(&self) -> &RuntimeClock {
        &self.0.clock
    }

    /// What it is doing.
    pub fn state(&self) -> ActorState {
        lock(&self.0.status).state
    }

    /// Which life of the actor this is. It changes with every failure: who starts something that
    /// outlives a restart (a `ResponseFuture`) remembers the number and drops the answer when it is
    /// no longer the same.
    pub fn incarnation(&self) -> u64 {
        lock(&self.0.status).incarnation
    }

    /// Whether a failure has not been acted on yet, so that the actor's state is not to be trusted.
    pub fn has_failed(&self) -> bool {
        lock(&self.0.status).pending.is_some()
    }

    /// A new actor is being made: what it finds in `started` is this state, whereas after a restart
    /// in place `started` finds it restarting.
    pub(super) fn set_starting(&self) {
        self.set_state(ActorState::Starting);
    }

    /// Its state is built and it works. A quarantined actor stays quarantined.
    pub fn set_running(&self) {
        self.set_state(ActorState::Running);
    }

    /// It has ended as it should. A quarantined actor stays quarantined.
    pub fn set_stopped(&self) {
        self.set_state(ActorState::Stopped);
    }

    /// Shows the state of its circuit breaker.
    pub fn show_breaker(&self, state: &'static str) {
        lock(&self.0.status).breaker = Some(state);
    }

    /// Shows the credits of the edge that leads to it as its queue.
    pub fn show_queue(&self, credits: &Credits) {
        lock(&self.0.status).queue = Some(credits.clone());
    }

    /// Whether a unit of work has begun and is not done.
    pub fn is_busy(&self) -> bool {
        self.0.busy.load(Ordering::Relaxed)
    }

    /// A unit of work begins.
    pub fn begin_work(&self) {
        self.0.busy.store(true, Ordering::Relaxed);
    }

    /// A unit of work is done, well or not.
    pub fn end_work(&self) {
        self.0.progress.fetch_add(1, Ordering::Relaxed);
        self.0.busy.store(false, Ordering::Relaxed);
    }

    /// A step of a longer unit of work is done: the unit goes on, and is not stalled.
    pub fn count_progress(&self) {
        self.0.progress.fetch_add(1, Ordering::Relaxed);
    }

    /// Records a failure and says what follows from it. Further failures before the next
    /// [`ActorEntry::take_verdict`] are part of the same one.
    pub fn record_failure(&self, reason: &str) -> RestartVerdict {
        let now = self.0.clock.monotonic();
        self.update_status(|status, at| {
            if let Some(verdict) = status.pending {
                return verdict;
            }
            let verdict = status.intensity.record_failure(now);
            status.pending = Some(verdict);
            status.incarnation += 1;
            status.last_error = Some(LastError {
                reason: shorten_reason(reason),
                at,
            });
            status.apply_verdict(verdict, now);
            verdict
        })
    }

    /// Records a failure that was met elsewhere on the actor's behalf: it gave no answer, or its
    /// state cannot be rebuilt. Says when that may be tried again. The actor itself has nothing to
    /// do.
    pub fn record_outside_failure(&self, reason: &str) -> RestartVerdict {
        let now = self.0.clock.monotonic();
        self.update_status(|status, at| {
            let verdict = status.intensity.record_failure(now);
            status.last_error = Some(LastError {
                reason: shorten_reason(reason),
                at,
            });
            status.apply_verdict(verdict, now);
            verdict
        })
    }

    /// When the pause after its last failure ends, or ended.
    pub fn pause_end(&self) -> MonotonicTime {
        lock(&self.0.status).pause_end
    }

    /// The verdict on the failure that is to be acted on now. When none was noted, the actor
    /// stopped for no known reason, and that is the failure: `otherwise`.
    pub fn take_verdict(&self, otherwise: &str) -> RestartVerdict {
        let verdict = self.record_failure(otherwise);
        lock(&self.0.status).pending = None;
        verdict
    }

    /// Ends its quarantine; a new actor is about to take its place.
    pub fn end_quarantine(&self) {
        self.update_status(|status, _| {
            status.intensity.end_quarantine();
            status.pending = None;
            status.incarnation += 1;
            status.state = ActorState::Starting;
        });
    }

    /// What is shown of it.
    pub fn snapshot(&self) -> ActorSnapshot {
        let status = lock(&self.0.status);
        ActorSnapshot {
            name: self.0.name.to_string(),
            state: status.state,
            restarts: status.restarts,
            breaker: status.breaker,
            queue: status.queue.as_ref().map(Credits::gauge),
            progress: self.0.progress.load(Ordering::Relaxed),
            last_error: status.last_error.clone(),
        }
    }

    pub(super) fn check_progress(
        &self,
        now: MonotonicTime,
        limits: ProgressLimits,
    ) -> Option<StalledActor> {
        let progress = self.0.progress.load(Ordering::Relaxed);
        self.update_status(|status, _| {
            let queued = status
                .queue
                .as_ref()
                .is_some_and(|credits| credits.gauge().in_flight > 0);
            let has_work = queued || self.0.busy.load(Ordering::Relaxed);
            let may_freeze = match status.state {
                ActorState::Starting
                | ActorState::Running
                | ActorState::Restarting
                | ActorState::Frozen => true,
                ActorState::Quarantined | ActorState::Stopped => false,
            };
            // Idle time does not count: an actor is frozen only while it has work all along.
            let moved = std::mem::replace(&mut status.last_progress, progress) != progress;
            if moved || !has_work || !may_freeze {
                status.stalled_since = Some(now);
                if status.state == ActorState::Frozen {
                    status.state = ActorState::Running;
                }
                return None;
            }
            let for_span = now.since(*status.stalled_since.get_or_insert(now));
            let is_frozen = for_span >= limits.frozen_after;
            if is_frozen {
                status.state = ActorState::Frozen;
            }
            (for_span >= limits.slow_after).then(|| StalledActor {
                name: Arc::clone(&self.0.name),
                for_span,
                is_frozen,
            })
        })
    }

    fn set_state(&self, state: ActorState) {
        self.update_status(|status, _| {
            if status.state != ActorState::Quarantined {
                status.state = state;
            }
        });
    }

    /// Applies `apply` and reports the change of state that it made, after the lock is released.
    fn update_status<T>(&self, apply: impl FnOnce(&mut ActorStatus, Timestamp) -> T) -> T {
        let at = self.0.clock.now();
        let mut status = lock(&self.0.status);
        let (before, restarts) = (status.state, status.restarts);
        let answer = apply(&mut status, at);
        if status.state == before && status.restarts == restarts {
            return answer;
        }
        let failed = matches!(
            status.state,
            ActorState::Restarting | ActorState::Quarantined
        );
        let change = StateChange {
            name: Arc::clone(&self.0.name),
            before,
            state: status.state,
            restarts: status.restarts,
            reason: status
                .last_error
                .as_ref()
                .filter(|_| failed)
                .map(|error| error.reason.clone()),
            at,
        };
        drop(status);
        log_change(&change);
        // An observer's panic must not reach the drop of a panicking actor: that would abort.
        if let Err(panicked) = catch_panic("the observer of actors", || (self.0.observer)(&change))
        {
            tracing::error!(actor = %change.name, %panicked, "observer of actors failed");
        }
        answer
    }
}

fn log_change(change: &StateChange) {
    let (actor, restarts) = (&change.name, change.restarts);
    let reason = change.reason.as_deref().unwrap_or_default();
    match change.state {
        ActorState::Quarantined => {
            tracing::error!(%actor, restarts, reason, "actor failed too often and is quarantined");
        }
        ActorState::Frozen => tracing::error!(%actor, "actor has work and makes no progress"),
        ActorState::Restarting => tracing::warn!(%actor, restarts, reason, "actor restarts"),
        ActorState::Starting | ActorState::Running | ActorState::Stopped => {
            tracing::debug!(%actor, state = ?change.state, "actor changed state");
        }
    }
}

/// Locks; what a panic left behind is whole, for no lock is held while foreign code runs.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
