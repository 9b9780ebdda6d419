//! What is known of one actor, and the verdict on its failures.
//!
//! Owns state, restarts, progress and last error; acting on a verdict is left to the actor's
//! [`Unit`](super::Unit) and to the guardian. An entry outlives its actor: the next one of the same
//! name goes on counting where the last one stopped.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use larum_event::{Span, Timestamp};
use serde::Serialize;

use super::guard::{guard, shorten};
use super::intensity::{RestartIntensity, Verdict};
use crate::breaker::BreakerState;
use crate::clock::{Clock, Monotonic};
use crate::credit::{Credits, Gauge};
use crate::seeded::Seeded;

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
    /// What was said about it.
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
    /// Its circuit breaker, where it has one.
    pub breaker: Option<BreakerState>,
    /// How full its queue is, where it has one.
    pub queue: Option<Gauge>,
    /// Units of work it has finished, the failed ones included.
    pub progress: u64,
    /// Its last failure.
    pub last_error: Option<LastError>,
}

/// A change of state, or one more restart, told to the registry's observer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Whose.
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

/// An actor found frozen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrozenActor {
    /// Its name.
    pub name: Arc<str>,
    /// How long it has had work and made no progress.
    pub for_span: Span,
}

pub(super) type Observer = dyn Fn(&Change) + Send + Sync;

/// The place of one actor in the registry. Clones are the same entry.
#[derive(Clone)]
pub struct ActorEntry(Arc<Inner>);

struct Inner {
    name: Arc<str>,
    clock: Clock,
    observer: Arc<Observer>,
    progress: AtomicU64,
    busy: AtomicBool,
    status: Mutex<Status>,
}

struct Status {
    state: ActorState,
    restarts: u64,
    incarnation: u64,
    /// The verdict on a failure that nobody has acted on yet.
    pending: Option<Verdict>,
    /// When the pause after its last failure ends.
    pauses_until: Monotonic,
    intensity: RestartIntensity,
    breaker: Option<BreakerState>,
    queue: Option<Credits>,
    last_error: Option<LastError>,
    /// The progress last seen, and when it was first seen or the actor had nothing to do.
    seen: (u64, Monotonic),
}

impl Status {
    fn follow(&mut self, verdict: Verdict, now: Monotonic) {
        match verdict {
            Verdict::Restart { after } => {
                self.restarts += 1;
                self.state = ActorState::Restarting;
                self.pauses_until = now.saturating_add(after);
            }
            Verdict::Quarantine => self.state = ActorState::Quarantined,
        }
    }
}

impl std::fmt::Debug for ActorEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ActorEntry").field(&self.snapshot()).finish()
    }
}

impl ActorEntry {
    pub(super) fn new(name: Arc<str>, clock: Clock, observer: Arc<Observer>) -> Self {
        let status = Status {
            state: ActorState::Starting,
            restarts: 0,
            incarnation: 0,
            pending: None,
            pauses_until: Monotonic::default(),
            intensity: RestartIntensity::new(Seeded::of_name(&name)),
            breaker: None,
            queue: None,
            last_error: None,
            seen: (0, clock.monotonic()),
        };
        Self(Arc::new(Inner {
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
    pub fn clock(&self) -> &Clock {
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
    pub fn is_failed(&self) -> bool {
        lock(&self.0.status).pending.is_some()
    }

    /// A new actor is being made: what it finds in `started` is this state, whereas after a restart in
    /// place `started` finds it restarting.
    pub(super) fn starting(&self) {
        self.enter(ActorState::Starting);
    }

    /// Its state is built and it works. A quarantined actor stays quarantined.
    pub fn running(&self) {
        self.enter(ActorState::Running);
    }

    /// It has ended as it should. A quarantined actor stays quarantined.
    pub fn stopped(&self) {
        self.enter(ActorState::Stopped);
    }

    /// Shows the state of its circuit breaker.
    pub fn show_breaker(&self, state: BreakerState) {
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
    pub fn begin(&self) {
        self.0.busy.store(true, Ordering::Relaxed);
    }

    /// A unit of work is done, well or not.
    pub fn done(&self) {
        self.0.progress.fetch_add(1, Ordering::Relaxed);
        self.0.busy.store(false, Ordering::Relaxed);
    }

    /// Takes note of a failure and says what follows from it. Further failures before somebody calls
    /// [`ActorEntry::take_verdict`] are part of the same one.
    pub fn failed(&self, reason: &str) -> Verdict {
        let now = self.0.clock.monotonic();
        self.change(|status, at| {
            if let Some(verdict) = status.pending {
                return verdict;
            }
            let verdict = status.intensity.failed(now);
            status.pending = Some(verdict);
            status.incarnation += 1;
            status.last_error = Some(LastError {
                reason: shorten(reason),
                at,
            });
            status.follow(verdict, now);
            verdict
        })
    }

    /// Takes note of a failure that somebody else met on the actor's behalf: it gave no answer, or its state
    /// cannot be rebuilt. Says when that may be tried again. The actor itself has nothing to act on.
    pub fn failed_elsewhere(&self, reason: &str) -> Verdict {
        let now = self.0.clock.monotonic();
        self.change(|status, at| {
            let verdict = status.intensity.failed(now);
            status.last_error = Some(LastError {
                reason: shorten(reason),
                at,
            });
            status.follow(verdict, now);
            verdict
        })
    }

    /// When the pause after its last failure ends, or ended.
    pub fn pauses_until(&self) -> Monotonic {
        lock(&self.0.status).pauses_until
    }

    /// The verdict on the failure that is to be acted on now. When none was noted, the actor stopped
    /// for no known reason, and that is the failure: `otherwise`.
    pub fn take_verdict(&self, otherwise: &str) -> Verdict {
        let verdict = self.failed(otherwise);
        lock(&self.0.status).pending = None;
        verdict
    }

    /// Ends its quarantine; a new actor is about to take its place.
    pub fn readmit(&self) {
        self.change(|status, _| {
            status.intensity.readmit();
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

    pub(super) fn check_progress(&self, frozen_after: Span) -> Option<FrozenActor> {
        let now = self.0.clock.monotonic();
        let progress = self.0.progress.load(Ordering::Relaxed);
        self.change(|status, _| {
            let queued = status
                .queue
                .as_ref()
                .is_some_and(|credits| credits.gauge().in_flight > 0);
            let has_work = queued || self.0.busy.load(Ordering::Relaxed);
            let (seen, since) = status.seen;
            let may_freeze = match status.state {
                ActorState::Starting
                | ActorState::Running
                | ActorState::Restarting
                | ActorState::Frozen => true,
                ActorState::Quarantined | ActorState::Stopped => false,
            };
            if progress != seen || !has_work || !may_freeze {
                status.seen = (progress, now);
                if status.state == ActorState::Frozen {
                    status.state = ActorState::Running;
                }
                return None;
            }
            let for_span = now.since(since);
            if for_span < frozen_after {
                return None;
            }
            status.state = ActorState::Frozen;
            Some(FrozenActor {
                name: Arc::clone(&self.0.name),
                for_span,
            })
        })
    }

    fn enter(&self, state: ActorState) {
        self.change(|status, _| {
            if status.state != ActorState::Quarantined {
                status.state = state;
            }
        });
    }

    /// Applies `apply` and tells of the change of state that it made, after the lock is released.
    fn change<T>(&self, apply: impl FnOnce(&mut Status, Timestamp) -> T) -> T {
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
        let change = Change {
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
        report(&change);
        // An observer's panic must not reach the drop of a panicking actor: that would abort.
        if let Err(panicked) = guard("the observer of actors", || (self.0.observer)(&change)) {
            tracing::error!(actor = %change.name, %panicked, "observer of actors failed");
        }
        answer
    }
}

fn report(change: &Change) {
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
