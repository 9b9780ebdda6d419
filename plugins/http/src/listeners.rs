//! Who is connected: how many, since when, and what each was sent.
//!
//! Owns the list of connections and its counts; talking to a client is the job of `socket`.
//! Invariant: a connection is on the list exactly as long as its [`Listener`] lives, and its
//! counts join the totals when it is dropped, so that totals never go down.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use larum_event::{EventId, Timestamp};
use serde::Serialize;
use serde_json::value::RawValue;

/// Everybody who listens. Clones are the same list.
#[derive(Debug, Clone)]
pub(crate) struct Listeners {
    most: usize,
    list: Arc<Mutex<ListenerList>>,
}

#[derive(Debug, Default)]
struct ListenerList {
    counts: ListenerCounts,
    active: BTreeMap<EventId, Arc<ListenerState>>,
}

#[derive(Debug)]
struct ListenerState {
    since: Timestamp,
    filters: Mutex<Option<Box<RawValue>>>,
    delivered: AtomicU64,
    missed: AtomicU64,
}

/// Totals since the door opened, those of connections that are gone included.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct ListenerCounts {
    pub(crate) total: u64,
    pub(crate) active: u64,
    pub(crate) refused: u64,
    pub(crate) delivered: u64,
    pub(crate) missed: u64,
}

/// What `GET /v1/connections` shows.
#[derive(Debug, Serialize)]
pub(crate) struct ListenerSnapshot {
    #[serde(flatten)]
    counts: ListenerCounts,
    connections: Vec<ConnectionEntry>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ConnectionEntry {
    client_id: EventId,
    since: Timestamp,
    /// What it asked for; null when it listens to nothing.
    filters: Option<Box<RawValue>>,
    delivered: u64,
    missed: u64,
}

/// The place of one connection on the list; dropping it gives the place free.
#[derive(Debug)]
pub(crate) struct Listener {
    client_id: EventId,
    state: Arc<ListenerState>,
    listeners: Listeners,
}

impl Listeners {
    /// An empty list with room for `most`.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            list: Arc::default(),
        }
    }

    pub(crate) fn capacity(&self) -> usize {
        self.most
    }

    /// A place for a new connection, unless all are taken.
    pub(crate) fn admit_client(&self, client_id: EventId, now: Timestamp) -> Option<Listener> {
        let mut list = lock(&self.list);
        if list.active.len() >= self.most {
            list.counts.refused += 1;
            return None;
        }
        list.counts.total += 1;
        let state = Arc::new(ListenerState {
            since: now,
            filters: Mutex::new(None),
            delivered: AtomicU64::new(0),
            missed: AtomicU64::new(0),
        });
        list.active.insert(client_id.clone(), Arc::clone(&state));
        Some(Listener {
            client_id,
            state,
            listeners: self.clone(),
        })
    }

    pub(crate) fn counts(&self) -> ListenerCounts {
        let list = lock(&self.list);
        let mut counts = list.counts;
        counts.active = list.active.len() as u64;
        for state in list.active.values() {
            counts.delivered += state.delivered.load(Ordering::Relaxed);
            counts.missed += state.missed.load(Ordering::Relaxed);
        }
        counts
    }

    pub(crate) fn snapshot(&self) -> ListenerSnapshot {
        let counts = self.counts();
        let connections = lock(&self.list)
            .active
            .iter()
            .map(|(client_id, state)| ConnectionEntry {
                client_id: client_id.clone(),
                since: state.since,
                filters: lock(&state.filters).clone(),
                delivered: state.delivered.load(Ordering::Relaxed),
                missed: state.missed.load(Ordering::Relaxed),
            })
            .collect();
        ListenerSnapshot {
            counts,
            connections,
        }
    }
}

impl Listener {
    pub(crate) fn client_id(&self) -> &EventId {
        &self.client_id
    }

    pub(crate) fn since(&self) -> Timestamp {
        self.state.since
    }

    pub(crate) fn set_filters(&self, filters: &RawValue) {
        *lock(&self.state.filters) = Some(filters.to_owned());
    }

    pub(crate) fn clear_filters(&self) {
        *lock(&self.state.filters) = None;
    }

    pub(crate) fn count_delivered(&self) {
        self.state.delivered.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_missed(&self, events: u64) {
        self.state.missed.fetch_add(events, Ordering::Relaxed);
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut list = lock(&self.listeners.list);
        list.active.remove(&self.client_id);
        list.counts.delivered += self.state.delivered.load(Ordering::Relaxed);
        list.counts.missed += self.state.missed.load(Ordering::Relaxed);
    }
}

/// Locks; what a panic left behind is whole, for no lock is held while other code runs.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> EventId {
        EventId::new(text).unwrap()
    }

    #[test]
    fn the_last_place_is_given_and_one_more_is_refused_until_a_place_is_free() {
        let listeners = Listeners::new(2);
        let now = Timestamp::default();
        let first = listeners.admit_client(id("a"), now).unwrap();
        let second = listeners.admit_client(id("b"), now);
        assert!(second.is_some());
        assert!(listeners.admit_client(id("c"), now).is_none());
        first.count_delivered();
        first.count_missed(7);
        drop(first);
        let third = listeners.admit_client(id("d"), now).unwrap();
        third.count_delivered();
        let counts = listeners.counts();
        assert_eq!((counts.total, counts.active, counts.refused), (3, 2, 1));
        assert_eq!((counts.delivered, counts.missed), (2, 7));
    }
}
