//! What every supervised actor is started with.

use actix::Addr;

use crate::clock::RuntimeClock;
use crate::faults::Faults;
use crate::supervise::{ActorRegistry, Guardian, ReleaseActor, RetireGuardian, WatchActor};

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
    /// Has an actor created now, and again when it dies.
    pub(crate) fn watch_actor(&self, watch: WatchActor) {
        notify_guardian(&self.guardian, watch);
    }

    /// Holds up the writing of an epoch's outcome, in test builds that ask for it.
    pub(crate) async fn pause_before_commit(&self) {
        let delay = self.faults.answer_delay("commit");
        if !delay.is_zero() {
            self.clock.sleep(delay).await;
        }
    }

    /// Lets an actor end for good and forgets it.
    pub(crate) fn release_actor(&self, name: &str) {
        notify_guardian(
            &self.guardian,
            ReleaseActor {
                name: name.to_owned(),
            },
        );
        self.registry.remove_actor(name);
    }

    /// The engine ends: nothing is created any more.
    pub(crate) fn retire_guardian(&self) {
        notify_guardian(&self.guardian, RetireGuardian);
    }
}

/// The guardian runs as long as the engine; when it is gone, so is everything it would be told of.
fn notify_guardian<M>(guardian: &Addr<Guardian>, message: M)
where
    M: actix::Message<Result = ()> + Send + 'static,
    Guardian: actix::Handler<M>,
{
    if crate::credit::send_control(&guardian.clone().recipient(), message).is_err() {
        tracing::debug!("the guardian has ended");
    }
}
