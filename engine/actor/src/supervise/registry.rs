//! The state of every actor.
//!
//! Owns the names; what is known of each actor belongs to its [`ActorEntry`].
//! Invariant: there are at most `limits::ACTORS` names; one more is refused.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use larum_event::{MonotonicTime, limits};

use super::entry::{
    ActorEntry, ActorSnapshot, ProgressLimits, StalledActor, StateChange, StateObserver, lock,
};
use crate::clock::RuntimeClock;

/// There are more actors than an engine may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an engine has at most {} actors", limits::ACTORS)]
pub struct RegistryFull;

/// All actors of an engine. Clones are the same registry.
#[derive(Clone)]
pub struct ActorRegistry {
    clock: RuntimeClock,
    observer: Arc<StateObserver>,
    actors: Arc<Mutex<BTreeMap<Arc<str>, ActorEntry>>>,
}

impl std::fmt::Debug for ActorRegistry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Registry").field(&self.snapshot()).finish()
    }
}

impl ActorRegistry {
    /// An empty registry whose changes nobody watches.
    pub fn new(clock: RuntimeClock) -> Self {
        Self::with_observer(clock, |_| {})
    }

    /// An empty registry that notifies `observer` of every change of state. The observer is called
    /// on the thread where the change happens, also while that thread panics: it must not block,
    /// and hands on what takes longer.
    pub fn with_observer(
        clock: RuntimeClock,
        observer: impl Fn(&StateChange) + Send + Sync + 'static,
    ) -> Self {
        Self {
            clock,
            observer: Arc::new(observer),
            actors: Arc::default(),
        }
    }

    /// The entry of the actor called `name`, new or as its predecessor left it.
    pub fn register_actor(&self, name: &str) -> Result<ActorEntry, RegistryFull> {
        let mut actors = lock(&self.actors);
        if let Some(entry) = actors.get(name) {
            return Ok(entry.clone());
        }
        if actors.len() >= limits::ACTORS {
            return Err(RegistryFull);
        }
        let name: Arc<str> = name.into();
        let entry = ActorEntry::new(
            Arc::clone(&name),
            self.clock.clone(),
            Arc::clone(&self.observer),
        );
        actors.insert(name, entry.clone());
        Ok(entry)
    }

    /// The entry of the actor called `name`, if there is one.
    pub fn entry(&self, name: &str) -> Option<ActorEntry> {
        lock(&self.actors).get(name).cloned()
    }

    /// Forgets an actor that will not come back.
    pub fn remove_actor(&self, name: &str) {
        lock(&self.actors).remove(name);
    }

    /// Every actor, sorted by name.
    pub fn snapshot(&self) -> Vec<ActorSnapshot> {
        self.all_entries()
            .iter()
            .map(ActorEntry::snapshot)
            .collect()
    }

    /// The actors that have work and make no progress. Marks as frozen those that `limits` call so,
    /// and as running those that go on. To be called several times per limit, from a thread that no
    /// actor can block. `now` is the caller's time, which need not be that of any clock: a caller
    /// that was suspended itself counts less than has passed.
    pub fn check_progress(&self, now: MonotonicTime, limits: ProgressLimits) -> Vec<StalledActor> {
        self.all_entries()
            .iter()
            .filter_map(|entry| entry.check_progress(now, limits))
            .collect()
    }

    fn all_entries(&self) -> Vec<ActorEntry> {
        lock(&self.actors).values().cloned().collect()
    }
}

#[cfg(test)]
mod tests;
