//! Re-creates actors that died outside of the guard.
//!
//! A panic that no guard caught ends an actor for good: its mailbox closes and nothing reports it.
//! So the guardian hands each actor a [`DropNotice`] to hold, keeps the factory, and when the
//! notice arrives makes a new one, by the same rules as any restart (pause, intensity, quarantine).
//!
//! Owns the factories and which creation of an actor is the current one. Restarting the process is
//! not its job.
//! Invariant: of each name at most one creation is current, and only its death is acted on. A late
//! notice of an earlier one would otherwise start a second actor of the same name.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix::fut::{ActorFutureExt, wrap_future};
use actix::{Actor, Addr, AsyncContext, Context, Handler, Message, WeakRecipient};

use super::actor_slot::ActorSlot;
use super::entry::ActorEntry;
use super::guard::catch_panic;
use super::intensity::RestartVerdict;
use crate::credit::send_control;

type ActorFactory = Box<dyn FnMut(DropNotice) + Send>;

/// The guardian of all actors of an engine. Nothing it runs can end it, so it needs no supervisor.
#[derive(Debug, Default)]
pub struct Guardian {
    actors: BTreeMap<Arc<str>, WatchedActor>,
    /// Creations so far.
    generations: u64,
    is_retired: bool,
}

struct WatchedActor {
    entry: ActorEntry,
    create: ActorFactory,
    /// Which creation is the current one: the death of an earlier one changes nothing.
    generation: u64,
}

impl std::fmt::Debug for WatchedActor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.entry.fmt(f)
    }
}

/// Held by an actor; tells the guardian when the actor is dropped, however that came about.
#[derive(Debug)]
pub struct DropNotice {
    guardian: Option<WeakRecipient<ActorDeath>>,
    name: Arc<str>,
    generation: u64,
}

impl DropNotice {
    /// A notice to nobody, for an actor without a guardian.
    pub fn without_guardian() -> Self {
        Self {
            guardian: None,
            name: "".into(),
            generation: 0,
        }
    }
}

impl Drop for DropNotice {
    /// Often runs while the thread unwinds: nothing here may panic.
    fn drop(&mut self) {
        let Some(guardian) = self.guardian.as_ref().and_then(WeakRecipient::upgrade) else {
            return;
        };
        let died = ActorDeath {
            name: Arc::clone(&self.name),
            generation: self.generation,
            unwinding: std::thread::panicking(),
        };
        if send_control(&guardian, died).is_err() {
            tracing::debug!(actor = %self.name, "actor ended after its guardian");
        }
    }
}

/// An actor was dropped.
#[derive(Debug)]
struct ActorDeath {
    name: Arc<str>,
    generation: u64,
    unwinding: bool,
}

impl Message for ActorDeath {
    type Result = ();
}

/// Creates an actor now, and again whenever it dies, until it is released.
pub struct WatchActor {
    entry: ActorEntry,
    create: ActorFactory,
}

impl Message for WatchActor {
    type Result = ();
}

impl WatchActor {
    /// `create` starts the actor, under actix's `Supervisor`, and gives it the notice to hold; the
    /// address it returns is put into `slot`. When it panics, that counts as the actor's death.
    pub fn new<A: Actor>(
        entry: ActorEntry,
        slot: ActorSlot<A>,
        mut create: impl FnMut(DropNotice) -> Addr<A> + Send + 'static,
    ) -> Self {
        Self {
            entry,
            create: Box::new(move |notice| slot.put_address(create(notice))),
        }
    }
}

/// Stops watching an actor: its end is no longer a failure. Emptying its slot is left to the
/// sender.
#[derive(Debug)]
pub struct ReleaseActor {
    /// The actor's name.
    pub name: String,
}

impl Message for ReleaseActor {
    type Result = ();
}

/// Ends the quarantine of an actor: a new one is created and takes its place. Answers whether there
/// is an actor of that name.
#[derive(Debug)]
pub struct ReadmitActor {
    /// The actor's name.
    pub name: String,
}

impl Message for ReadmitActor {
    type Result = bool;
}

/// The engine is shutting down: from now on actors end and none is created.
#[derive(Debug)]
pub struct RetireGuardian;

impl Message for RetireGuardian {
    type Result = ();
}

impl Guardian {
    /// A guardian that watches no actor yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates the current generation of `name`, if nothing speaks against it any more.
    fn create_actor(&mut self, name: &Arc<str>, generation: u64, ctx: &mut Context<Self>) {
        let Some(watched) = self.actors.get_mut(name) else {
            return;
        };
        if self.is_retired || watched.generation != generation {
            return;
        }
        self.generations += 1;
        watched.generation = self.generations;
        let notice = DropNotice {
            guardian: Some(ctx.address().downgrade().recipient()),
            name: Arc::clone(name),
            generation: watched.generation,
        };
        watched.entry.set_starting();
        // A factory that panics drops the notice, which reports the death.
        if let Err(panicked) = catch_panic("creating it", || (watched.create)(notice)) {
            watched.entry.record_failure(&panicked.to_string());
        }
    }

    fn handle_death(&mut self, died: &ActorDeath, ctx: &mut Context<Self>) {
        let Some(watched) = self.actors.get(&died.name) else {
            return;
        };
        if self.is_retired || watched.generation != died.generation {
            return;
        }
        let reason = if died.unwinding {
            "it panicked outside of its guard"
        } else {
            "actor stopped for an unknown reason"
        };
        let RestartVerdict::Restart { after } = watched.entry.take_verdict(reason) else {
            return;
        };
        let clock = watched.entry.clock().clone();
        let due = clock.monotonic().saturating_add(after);
        let (name, generation) = (Arc::clone(&died.name), died.generation);
        ctx.spawn(
            wrap_future::<_, Self>(async move { clock.sleep_until(due).await })
                .map(move |(), guardian, ctx| guardian.create_actor(&name, generation, ctx)),
        );
    }
}

impl Actor for Guardian {
    type Context = Context<Self>;
}

impl Handler<WatchActor> for Guardian {
    type Result = ();

    fn handle(&mut self, watch: WatchActor, ctx: &mut Self::Context) {
        let name = Arc::clone(watch.entry.name());
        let watched = WatchedActor {
            entry: watch.entry,
            create: watch.create,
            generation: 0,
        };
        self.actors.insert(Arc::clone(&name), watched);
        self.create_actor(&name, 0, ctx);
    }
}

impl Handler<ActorDeath> for Guardian {
    type Result = ();

    fn handle(&mut self, died: ActorDeath, ctx: &mut Self::Context) {
        self.handle_death(&died, ctx);
    }
}

impl Handler<ReleaseActor> for Guardian {
    type Result = ();

    fn handle(&mut self, release: ReleaseActor, _: &mut Self::Context) {
        if let Some(watched) = self.actors.remove(release.name.as_str()) {
            watched.entry.set_stopped();
        }
    }
}

impl Handler<ReadmitActor> for Guardian {
    type Result = bool;

    fn handle(&mut self, readmit: ReadmitActor, ctx: &mut Self::Context) -> bool {
        let Some((name, watched)) = self.actors.get_key_value(readmit.name.as_str()) else {
            return false;
        };
        watched.entry.end_quarantine();
        let (name, generation) = (Arc::clone(name), watched.generation);
        self.create_actor(&name, generation, ctx);
        true
    }
}

impl Handler<RetireGuardian> for Guardian {
    type Result = ();

    fn handle(&mut self, _: RetireGuardian, _: &mut Self::Context) {
        self.is_retired = true;
        // What makes an actor knows everything that the actor knows, the guardian included.
        self.actors.clear();
    }
}
