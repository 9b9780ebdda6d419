//! What a supervised actor holds to fail well.
//!
//! Owns the way of a panic: caught, recorded, the context stopped, the pause waited out, the fields
//! rebuilt. When to give up is left to [`RestartIntensity`](super::RestartIntensity).
//!
//! ```text
//! handle(batch):  self.guard.run_work(ctx, what, || self.state.take(batch))   Err after a panic
//! restarting:     self.guard.restart_actor(ctx, |actor, ctx| ..rebuild all fields..)
//! ```
//!
//! On a panic [`ActorGuard::run_work`] stops the context; the `Supervisor` then calls `restarting`
//! on *the same struct*, half-changed fields included, and [`ActorGuard::restart_actor`] has them
//! rebuilt. actix calls `started` again after `restarting`; an actor that builds its state there
//! does so only while its entry is `Starting`.
//! Invariant: between a panic and the end of the rebuild no work is done, so nobody reads fields
//! that a panic left half changed.

use std::fmt::Display;

use actix::fut::{ActorFutureExt, wrap_future};
use actix::{Actor, ActorContext, AsyncContext, Context};

use super::entry::{ActorEntry, ActorState};
use super::guard::{CaughtPanic, catch_panic};
use super::guardian::DropNotice;
use super::intensity::RestartVerdict;
use crate::faults::Faults;

/// Why a unit did not do its work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkRefusal {
    /// The work panicked; the actor is about to be restarted, or is in quarantine now.
    #[error(transparent)]
    Panicked(#[from] CaughtPanic),
    /// An earlier panic has not been recovered from.
    #[error("{unit} is restarting")]
    Restarting {
        /// The unit's name.
        unit: String,
    },
    /// The unit failed too often.
    #[error("{unit} is quarantined")]
    Quarantined {
        /// The unit's name.
        unit: String,
    },
}

/// The supervised side of an actor: its place in the registry, the faults that tests inject, and
/// the notice to the guardian, which goes out when the actor is dropped.
#[derive(Debug)]
pub struct ActorGuard {
    entry: ActorEntry,
    faults: Faults,
    _notice: DropNotice,
}

impl ActorGuard {
    /// For an actor that `notice` was handed to by the guardian.
    pub fn new(entry: ActorEntry, faults: Faults, notice: DropNotice) -> Self {
        Self {
            entry,
            faults,
            _notice: notice,
        }
    }

    /// Its place in the registry.
    pub fn entry(&self) -> &ActorEntry {
        &self.entry
    }

    /// The faults to inject, for what [`ActorGuard::run_work`] does not do: answers that are late,
    /// work that awaits.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Does a unit of work, called `work`, under the guard. On a panic the context is stopped, and
    /// the fields that `code` was changing are not to be read before they are rebuilt. After that,
    /// and in quarantine, the work is refused without being tried.
    pub fn run_work<C: ActorContext, T>(
        &self,
        ctx: &mut C,
        work: impl Display,
        code: impl FnOnce() -> T,
    ) -> Result<T, WorkRefusal> {
        self.check_ready()?;
        self.entry.begin_work();
        let outcome = catch_panic(work, || {
            self.faults
                .inject_fault(self.entry.name(), self.entry.clock());
            code()
        });
        self.entry.end_work();
        outcome.map_err(|panicked| {
            self.report_panic(&panicked, ctx);
            WorkRefusal::Panicked(panicked)
        })
    }

    /// Whether work would be done now.
    pub fn check_ready(&self) -> Result<(), WorkRefusal> {
        let unit = || self.entry.name().to_string();
        if self.entry.state() == ActorState::Quarantined {
            return Err(WorkRefusal::Quarantined { unit: unit() });
        }
        if self.entry.has_failed() {
            return Err(WorkRefusal::Restarting { unit: unit() });
        }
        Ok(())
    }

    /// Takes note of a panic caught by [`catch_panic`] or
    /// [`catch_panic_async`](super::catch_panic_async) and stops the context, so that the
    /// `Supervisor` restarts the actor. For work that [`ActorGuard::run_work`] cannot do.
    pub fn report_panic<C: ActorContext>(&self, panicked: &CaughtPanic, ctx: &mut C) {
        record_and_stop(&self.entry, panicked, ctx);
    }

    /// To be called by `restarting`, and all that it calls: waits out the pause and then has
    /// `rebuild` replace every field, guarded and before any message is handled. `rebuild` calls
    /// [`ActorEntry::set_running`] when that is done, at once or from a future it waits for.
    ///
    /// The answer is the verdict that was acted on. In quarantine nothing is rebuilt: the actor
    /// drops its state and refuses what comes.
    pub fn restart_actor<A>(
        &self,
        ctx: &mut Context<A>,
        rebuild: impl FnOnce(&mut A, &mut Context<A>) + 'static,
    ) -> RestartVerdict
    where
        A: Actor<Context = Context<A>>,
    {
        let verdict = self
            .entry
            .take_verdict("actor stopped for an unknown reason");
        if verdict == RestartVerdict::Quarantine {
            return verdict;
        }
        let clock = self.entry.clock().clone();
        let entry = self.entry.clone();
        let due = entry.pause_end();
        // One future for both: actix polls what was waited for last first, so that two would run
        // the wrong way round.
        ctx.wait(
            wrap_future::<_, A>(async move { clock.sleep_until(due).await }).map(
                move |(), actor, ctx| {
                    let outcome = catch_panic("rebuilding its state", || rebuild(actor, ctx));
                    if let Err(panicked) = outcome {
                        record_and_stop(&entry, &panicked, ctx);
                    }
                },
            ),
        );
        verdict
    }
}

fn record_and_stop<C: ActorContext>(entry: &ActorEntry, panicked: &CaughtPanic, ctx: &mut C) {
    entry.record_failure(&panicked.to_string());
    ctx.stop();
}
