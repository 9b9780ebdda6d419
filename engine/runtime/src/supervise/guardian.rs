//! Re-creates actors that died outside of the guard.
//!
//! A panic that no guard caught ends an actor for good: its mailbox closes and nobody is told. So
//! the guardian hands each actor a [`DropNotice`] to hold, keeps the factory, and when the notice
//! arrives makes a new one, by the same rules as any restart (pause, intensity, quarantine). It runs
//! no user code but the factories, and those under the guard. What a whole process needs, a restart
//! from outside, is not its business.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix::fut::{ActorFutureExt, wrap_future};
use actix::{Actor, Addr, AsyncContext, Context, Handler, Message, MessageResult, WeakRecipient};
use larum_event::{Span, limits};

use super::entry::{ActorEntry, FrozenActor};
use super::guard::guard;
use super::intensity::Verdict;
use super::registry::Registry;
use super::seat::Seat;
use crate::credit::tell;

type Create = Box<dyn FnMut(DropNotice) + Send>;

/// The guardian of all actors of an engine. Nothing it runs can end it, so it needs no supervisor.
#[derive(Debug)]
pub struct Guardian {
    registry: Registry,
    wards: BTreeMap<Arc<str>, Ward>,
    /// Creations so far.
    generations: u64,
    retired: bool,
}

struct Ward {
    entry: ActorEntry,
    create: Create,
    /// Which creation is the current one: the death of an earlier one changes nothing.
    generation: u64,
}

impl std::fmt::Debug for Ward {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.entry.fmt(f)
    }
}

/// Held by an actor; tells the guardian when the actor is dropped, however that came about.
#[derive(Debug)]
pub struct DropNotice {
    guardian: Option<WeakRecipient<Died>>,
    name: Arc<str>,
    generation: u64,
}

impl DropNotice {
    /// A notice to nobody, for an actor without a guardian.
    pub fn to_nobody() -> Self {
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
        let died = Died {
            name: Arc::clone(&self.name),
            generation: self.generation,
            unwinding: std::thread::panicking(),
        };
        if tell(&guardian, died).is_err() {
            tracing::debug!(actor = %self.name, "actor ended after its guardian");
        }
    }
}

/// An actor was dropped.
#[derive(Debug)]
struct Died {
    name: Arc<str>,
    generation: u64,
    unwinding: bool,
}

impl Message for Died {
    type Result = ();
}

/// Creates an actor now, and again whenever it dies, until it is released.
pub struct Watch {
    entry: ActorEntry,
    create: Create,
}

impl Message for Watch {
    type Result = ();
}

impl Watch {
    /// `create` starts the actor, under actix's `Supervisor`, and gives it the notice to hold; the
    /// address it returns is put on `seat`. When it panics, that counts as the actor's death.
    pub fn new<A: Actor>(
        entry: ActorEntry,
        seat: Seat<A>,
        mut create: impl FnMut(DropNotice) -> Addr<A> + Send + 'static,
    ) -> Self {
        Self {
            entry,
            create: Box::new(move |notice| seat.take(create(notice))),
        }
    }
}

/// Stops watching an actor: when it ends, that is as it should be. Whoever holds its seat vacates it.
#[derive(Debug)]
pub struct Release {
    /// The actor's name.
    pub name: String,
}

impl Message for Release {
    type Result = ();
}

/// Ends the quarantine of an actor: a new one is created and takes the seat. Answers whether there is
/// an actor of that name.
#[derive(Debug)]
pub struct Readmit {
    /// The actor's name.
    pub name: String,
}

impl Message for Readmit {
    type Result = bool;
}

/// The engine is shutting down: from now on actors end and none is created.
#[derive(Debug)]
pub struct Retire;

impl Message for Retire {
    type Result = ();
}

/// Looks for frozen actors; to be sent several times per `limits::FROZEN_SECONDS`. An actor on a
/// thread of its own sends it, or a watchdog thread asks the registry itself: a guardian on the same
/// thread as the frozen actor is frozen too.
#[derive(Debug)]
pub struct CheckProgress;

impl Message for CheckProgress {
    type Result = Vec<FrozenActor>;
}

impl Guardian {
    /// A guardian without wards.
    pub fn new(registry: Registry) -> Self {
        Self {
            registry,
            wards: BTreeMap::new(),
            generations: 0,
            retired: false,
        }
    }

    /// Creates the current generation of `name`, if nothing speaks against it any more.
    fn create(&mut self, name: &Arc<str>, generation: u64, ctx: &mut Context<Self>) {
        let Some(ward) = self.wards.get_mut(name) else {
            return;
        };
        if self.retired || ward.generation != generation {
            return;
        }
        self.generations += 1;
        ward.generation = self.generations;
        let notice = DropNotice {
            guardian: Some(ctx.address().downgrade().recipient()),
            name: Arc::clone(name),
            generation: ward.generation,
        };
        ward.entry.starting();
        // A factory that panics drops the notice, which reports the death.
        if let Err(panicked) = guard("creating it", || (ward.create)(notice)) {
            ward.entry.failed(&panicked.to_string());
        }
    }

    fn died(&mut self, died: &Died, ctx: &mut Context<Self>) {
        let Some(ward) = self.wards.get(&died.name) else {
            return;
        };
        if self.retired || ward.generation != died.generation {
            return;
        }
        let reason = if died.unwinding {
            "it panicked outside of its guard"
        } else {
            "it ended, nobody knows why"
        };
        let Verdict::Restart { after } = ward.entry.take_verdict(reason) else {
            return;
        };
        let clock = ward.entry.clock().clone();
        let due = clock.monotonic().saturating_add(after);
        let (name, generation) = (Arc::clone(&died.name), died.generation);
        ctx.spawn(
            wrap_future::<_, Self>(async move { clock.sleep_until(due).await })
                .map(move |(), guardian, ctx| guardian.create(&name, generation, ctx)),
        );
    }
}

impl Actor for Guardian {
    type Context = Context<Self>;
}

impl Handler<Watch> for Guardian {
    type Result = ();

    fn handle(&mut self, watch: Watch, ctx: &mut Self::Context) {
        let name = Arc::clone(watch.entry.name());
        let ward = Ward {
            entry: watch.entry,
            create: watch.create,
            generation: 0,
        };
        self.wards.insert(Arc::clone(&name), ward);
        self.create(&name, 0, ctx);
    }
}

impl Handler<Died> for Guardian {
    type Result = ();

    fn handle(&mut self, died: Died, ctx: &mut Self::Context) {
        self.died(&died, ctx);
    }
}

impl Handler<Release> for Guardian {
    type Result = ();

    fn handle(&mut self, release: Release, _: &mut Self::Context) {
        if let Some(ward) = self.wards.remove(release.name.as_str()) {
            ward.entry.stopped();
        }
    }
}

impl Handler<Readmit> for Guardian {
    type Result = bool;

    fn handle(&mut self, readmit: Readmit, ctx: &mut Self::Context) -> bool {
        let Some((name, ward)) = self.wards.get_key_value(readmit.name.as_str()) else {
            return false;
        };
        ward.entry.readmit();
        let (name, generation) = (Arc::clone(name), ward.generation);
        self.create(&name, generation, ctx);
        true
    }
}

impl Handler<Retire> for Guardian {
    type Result = ();

    fn handle(&mut self, _: Retire, _: &mut Self::Context) {
        self.retired = true;
        // What makes an actor knows everything that the actor knows, the guardian included.
        self.wards.clear();
    }
}

impl Handler<CheckProgress> for Guardian {
    type Result = MessageResult<CheckProgress>;

    fn handle(&mut self, _: CheckProgress, _: &mut Self::Context) -> Self::Result {
        const FROZEN_AFTER: Span = Span::from_seconds(limits::FROZEN_SECONDS as u32);
        MessageResult(self.registry.check_progress(FROZEN_AFTER))
    }
}
