//! What happens when an actor fails.
//!
//! actix's `Supervisor` restarts an actor whose context was stopped; it does not survive a panic,
//! has no limit and no pause (`tests/actor/actix_facts.rs` pins all of it). What is missing is
//! here:
//!
//! 1. [`catch_panic`] runs code that users influence and turns its panic into a value. An
//!    [`ActorGuard`], which every supervised actor holds, runs work under the guard and stops the
//!    context on a panic, so that the `Supervisor` calls `restarting` and the mailbox lives on.
//! 2. [`RestartIntensity`] says whether and when: the first restart at once, then with growing
//!    pauses, and after `limits::RESTARTS` within `limits::RESTART_WINDOW_SECONDS` not again: the
//!    unit is *quarantined*, it stays and refuses work.
//! 3. The [`Guardian`] re-creates an actor that died outside of the guard. The actor's
//!    [`DropNotice`] reports the death, and the new one takes the same [`ActorSlot`], where senders
//!    look it up.
//! 4. The [`ActorRegistry`] knows the state of every actor, shows it (`GET /v1/actors`), notifies
//!    an observer of each change, and finds the frozen ones.
//!
//! Both levels count restarts in the same place, so an actor cannot fail for ever by turns.

mod guard;

mod intensity;

mod entry;

mod registry;

mod actor_guard;

mod actor_slot;

mod guardian;

pub use actor_guard::{ActorGuard, WorkRefusal};
pub use actor_slot::ActorSlot;
pub use entry::{
    ActorEntry, ActorSnapshot, ActorState, LastError, ProgressLimits, StalledActor, StateChange,
};
pub use guard::{CaughtPanic, catch_panic, catch_panic_async};
pub use guardian::{DropNotice, Guardian, ReadmitActor, ReleaseActor, RetireGuardian, WatchActor};
pub use intensity::{RestartIntensity, RestartVerdict};
pub use registry::{ActorRegistry, RegistryFull};
