//! Who watches which trees, and when they should look.
//!
//! Owns the list of watchers; reading the trees is left to each watch. While events are inserted,
//! the nodes that they name are compared with those that are watched.
//! Invariant: a watcher is woken for every event that may touch its trees. It may be woken for
//! nothing, never too rarely: a missed wake-up would be a lost update.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use larum_event::{Event, Position, TenantId, limits};
use larum_tree::{CorrelationGraph, TreeMembers, key_hash};
use tokio::sync::Notify;

use crate::tree_answers::TreeError;

/// All watchers. Clones are the same list.
#[derive(Debug, Clone, Default)]
pub struct TreeWatchers(Arc<WatcherList>);

#[derive(Debug, Default)]
struct WatcherList {
    watchers: Mutex<Vec<Arc<TreeWatcher>>>,
    /// Watches that ended because their client was too slow.
    ended_as_too_slow: AtomicU64,
}

/// One watcher, as those see it who know what happens.
#[derive(Debug)]
pub(crate) struct TreeWatcher {
    tenant: TenantId,
    /// Whether it looks at an incident, which grows where trees touch.
    is_incident: bool,
    /// Hashes of the ids of the nodes it has seen.
    keys: Mutex<HashSet<u64>>,
    /// Memory let a tree go that has such a node, so that memory alone does not tell all that came.
    has_spilled: AtomicBool,
    look: Notify,
}

impl TreeWatcher {
    /// Resolves when it should look; at once if it should have before.
    pub(crate) async fn wait_for_change(&self) {
        self.look.notified().await;
    }

    /// Whether memory let one of its trees go since this was last asked.
    pub(crate) fn take_spilled(&self) -> bool {
        self.has_spilled.swap(false, Ordering::SeqCst)
    }

    /// These nodes are watched, too.
    pub(crate) fn add_keys(&self, keys: impl IntoIterator<Item = u64>) {
        self.lock_keys().extend(keys);
    }

    fn lock_keys(&self) -> MutexGuard<'_, HashSet<u64>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TreeWatchers {
    fn lock_list(&self) -> MutexGuard<'_, Vec<Arc<TreeWatcher>>> {
        let watchers = self.0.watchers.lock();
        watchers.unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches that ended because their client was too slow.
    pub fn count_ended_as_too_slow(&self) -> u64 {
        self.0.ended_as_too_slow.load(Ordering::Relaxed)
    }

    /// Notes that a watch ends because its client was too slow.
    pub(crate) fn record_too_slow(&self) {
        self.0.ended_as_too_slow.fetch_add(1, Ordering::Relaxed);
    }

    /// Adds one.
    pub(crate) fn add_watcher(
        &self,
        tenant: TenantId,
        is_incident: bool,
    ) -> Result<Arc<TreeWatcher>, TreeError> {
        let mut all = self.lock_list();
        if all.len() >= limits::SUBSCRIPTIONS {
            return Err(TreeError::TooMany {
                most: limits::SUBSCRIPTIONS,
            });
        }
        let watched = Arc::new(TreeWatcher {
            tenant,
            is_incident,
            keys: Mutex::default(),
            has_spilled: AtomicBool::new(false),
            look: Notify::new(),
        });
        all.push(Arc::clone(&watched));
        Ok(watched)
    }

    /// Takes one away.
    pub(crate) fn remove_watcher(&self, watched: &Arc<TreeWatcher>) {
        self.lock_list().retain(|one| !Arc::ptr_eq(one, watched));
    }

    /// Everybody should look: the trees are other ones.
    pub fn wake_all(&self) {
        for watched in self.lock_list().iter() {
            watched.has_spilled.store(true, Ordering::SeqCst);
            watched.look.notify_one();
        }
    }

    /// Memory let these trees go.
    pub fn notify_spilled(&self, trees: &[TreeMembers]) {
        if trees.is_empty() {
            return;
        }
        for watched in self.lock_list().iter() {
            let keys = watched.lock_keys();
            let is_watched = |tree: &TreeMembers| {
                tree.tenant == watched.tenant && tree.keys.iter().any(|key| keys.contains(key))
            };
            if trees.iter().any(is_watched) {
                watched.has_spilled.store(true, Ordering::SeqCst);
                watched.look.notify_one();
            }
        }
    }

    /// Notifies of events that were added to the graph; `before` is the last position before them.
    pub fn notify_events<'a>(
        &self,
        graph: &mut CorrelationGraph,
        events: impl Iterator<Item = &'a Event>,
        before: Position,
    ) {
        let all = self.lock_list();
        if all.is_empty() {
            return;
        }
        for event in events {
            let envelope = event.envelope();
            let mut here = all
                .iter()
                .filter(|one| one.tenant == envelope.tenant)
                .peekable();
            if here.peek().is_none() {
                continue;
            }
            // An alert comes under a node that it does not name.
            let is_alert = envelope.channel.as_str() == "alerts";
            let names = graph.node_names(event);
            let name_keys: Vec<u64> = names.iter().map(|name| key_hash(name)).collect();
            for watched in here {
                let mut keys = watched.lock_keys();
                if is_alert || name_keys.iter().any(|key| keys.contains(key)) {
                    keys.extend(&name_keys);
                    drop(keys);
                    watched.look.notify_one();
                }
            }
        }
        for watched in all.iter().filter(|one| one.is_incident) {
            let changed = graph.incidents_changed_after(&watched.tenant, before, 1);
            if !changed.is_empty() {
                watched.look.notify_one();
            }
        }
    }
}
