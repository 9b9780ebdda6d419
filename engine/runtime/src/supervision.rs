//! What every supervised actor is started with.

use actix::Addr;

use crate::clock::Clock;
use crate::faults::Faults;
use crate::supervise::{Guardian, Registry, Release, Retire, Watch};

/// The engine's clock, faults, registry and guardian. Clones are the same ones.
#[derive(Clone)]
pub struct Supervision {
    /// Where time comes from.
    pub clock: Clock,
    /// Faults of test builds.
    pub faults: Faults,
    /// Knows every actor.
    pub registry: Registry,
    /// Re-creates what died.
    pub guardian: Addr<Guardian>,
}

impl Supervision {
    /// Has an actor created now, and again when it dies.
    pub(crate) fn watch(&self, watch: Watch) {
        tell_guardian(&self.guardian, watch);
    }

    /// Holds up the writing of an epoch's outcome, in test builds that ask for it.
    pub(crate) async fn pause_before_commit(&self) {
        let delay = self.faults.answer_delay("commit");
        if !delay.is_zero() {
            self.clock.sleep(delay).await;
        }
    }

    /// Lets an actor end for good and forgets it.
    pub(crate) fn release(&self, name: &str) {
        tell_guardian(
            &self.guardian,
            Release {
                name: name.to_owned(),
            },
        );
        self.registry.remove(name);
    }

    /// The engine ends: nothing is created any more.
    pub(crate) fn retire(&self) {
        tell_guardian(&self.guardian, Retire);
    }
}

/// The guardian runs as long as the engine; when it is gone, so is everything it would be told of.
fn tell_guardian<M>(guardian: &Addr<Guardian>, message: M)
where
    M: actix::Message<Result = ()> + Send + 'static,
    Guardian: actix::Handler<M>,
{
    if crate::credit::tell(&guardian.clone().recipient(), message).is_err() {
        tracing::debug!("the guardian has ended");
    }
}
