//! What every supervised actor is started with.

use std::sync::Arc;

use actix::{Addr, ArbiterHandle, Context, Supervised, Supervisor};

use crate::clock::RuntimeClock;
use crate::faults::Faults;
use crate::supervise::{
    ActorGuard, ActorRegistry, ActorSlot, Guardian, RegistryFull, ReleaseActor, RetireGuardian,
    WatchActor,
};

/// The engine's clock, faults, registry and guardian. Clones are the same ones.
#[derive(Clone)]
pub struct Supervision {
    /// Where time comes from.
    pub clock: RuntimeClock,
    /// Faults of test builds.
    pub faults: Faults,
    /// Knows every actor.
    pub registry: ActorRegistry,
    /// Re-creates what died.
    pub guardian: Addr<Guardian>,
}

impl Supervision {
    /// Starts the actor called `name` on the thread of `arbiter`, and again whenever it dies, until
    /// it is released. `make` makes the actor on that thread, so what it makes need not be `Send`;
    /// when it panics, that counts as the actor's death. The slot stays empty until the actor is
    /// there.
    ///
    /// # Errors
    /// There are too many actors.
    pub fn start_actor<A>(
        &self,
        name: &str,
        arbiter: &ArbiterHandle,
        make: impl Fn(ActorGuard) -> A + Send + Sync + 'static,
    ) -> Result<ActorSlot<A>, RegistryFull>
    where
        A: Supervised<Context = Context<A>>,
    {
        let slot = ActorSlot::empty();
        let entry = self.registry.register_actor(name)?;
        let (arbiter, faults, make) = (arbiter.clone(), self.faults.clone(), Arc::new(make));
        let of_guard = entry.clone();
        let watch = WatchActor::new(entry, slot.clone(), move |notice| {
            let guard = ActorGuard::new(of_guard.clone(), faults.clone(), notice);
            let make = Arc::clone(&make);
            Supervisor::start_in_arbiter(&arbiter, move |_| make(guard))
        });
        notify_guardian(&self.guardian, watch);
        Ok(slot)
    }

    /// Holds up work at `point`, in test builds that ask for it.
    pub async fn pause_at(&self, point: &str) {
        let delay = self.faults.answer_delay(point);
        if !delay.is_zero() {
            self.clock.sleep(delay).await;
        }
    }

    /// Lets an actor end for good and forgets it.
    pub fn release_actor(&self, name: &str) {
        notify_guardian(
            &self.guardian,
            ReleaseActor {
                name: name.to_owned(),
            },
        );
        self.registry.remove_actor(name);
    }

    /// The engine ends: nothing is created any more.
    pub fn retire_guardian(&self) {
        notify_guardian(&self.guardian, RetireGuardian);
    }
}

/// Sends to the guardian. One that has ended watches nobody, so there is nothing to do then.
fn notify_guardian<M>(guardian: &Addr<Guardian>, message: M)
where
    M: actix::Message<Result = ()> + Send + 'static,
    Guardian: actix::Handler<M>,
{
    if crate::credit::send_control(&guardian.clone().recipient(), message).is_err() {
        tracing::debug!("the guardian has ended");
    }
}
