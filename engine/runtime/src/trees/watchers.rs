//! Who watches which trees, and when they should look.
//!
//! Owns the list. While events are taken in, the nodes that they name are compared with those that are watched, so
//! that nobody looks at a tree to which nothing came.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use larum_event::{Event, Position, TenantId, limits};
use larum_tree::{Forest, TreeMembers, key_hash};
use tokio::sync::Notify;

use crate::trees::TreeError;

/// All watchers. Clones are the same list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watchers(Arc<Mutex<Vec<Arc<Watched>>>>);

/// One watcher, as those see it who know what happens.
#[derive(Debug)]
pub(crate) struct Watched {
    tenant: TenantId,
    /// Whether it looks at an incident, which grows where trees touch.
    is_incident: bool,
    /// Hashes of the ids of the nodes it has seen.
    keys: Mutex<HashSet<u64>>,
    /// Memory let a tree go that has such a node, so that memory alone does not tell all that came.
    went: AtomicBool,
    look: Notify,
}

impl Watched {
    /// Resolves when it should look; at once if it should have before.
    pub(super) async fn should_look(&self) {
        self.look.notified().await;
    }

    /// Whether memory let one of its trees go since this was last asked.
    pub(super) fn has_gone(&self) -> bool {
        self.went.swap(false, Ordering::SeqCst)
    }

    /// These nodes are watched, too.
    pub(super) fn saw(&self, keys: impl IntoIterator<Item = u64>) {
        self.keys().extend(keys);
    }

    fn keys(&self) -> MutexGuard<'_, HashSet<u64>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watchers {
    fn all(&self) -> MutexGuard<'_, Vec<Arc<Watched>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds one.
    pub(super) fn add(
        &self,
        tenant: TenantId,
        is_incident: bool,
    ) -> Result<Arc<Watched>, TreeError> {
        let mut all = self.all();
        if all.len() >= limits::SUBSCRIPTIONS {
            return Err(TreeError::TooMany {
                most: limits::SUBSCRIPTIONS,
            });
        }
        let watched = Arc::new(Watched {
            tenant,
            is_incident,
            keys: Mutex::default(),
            went: AtomicBool::new(false),
            look: Notify::new(),
        });
        all.push(Arc::clone(&watched));
        Ok(watched)
    }

    /// Takes one away.
    pub(super) fn remove(&self, watched: &Arc<Watched>) {
        self.all().retain(|one| !Arc::ptr_eq(one, watched));
    }

    /// Everybody should look: the trees are other ones.
    pub(crate) fn wake_all(&self) {
        for watched in self.all().iter() {
            watched.went.store(true, Ordering::SeqCst);
            watched.look.notify_one();
        }
    }

    /// Memory let these trees go.
    pub(crate) fn went(&self, trees: &[TreeMembers]) {
        if trees.is_empty() {
            return;
        }
        for watched in self.all().iter() {
            let keys = watched.keys();
            let is_watched = |tree: &TreeMembers| {
                tree.tenant == watched.tenant && tree.keys.iter().any(|key| keys.contains(key))
            };
            if trees.iter().any(is_watched) {
                watched.went.store(true, Ordering::SeqCst);
                watched.look.notify_one();
            }
        }
    }

    /// These events came into the forest; `before` is the last position before them.
    pub(crate) fn came<'a>(
        &self,
        forest: &mut Forest,
        events: impl Iterator<Item = &'a Event>,
        before: Position,
    ) {
        let all = self.all();
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
            let names = forest.names(event);
            let names: Vec<u64> = names.iter().map(|name| key_hash(name)).collect();
            for watched in here {
                let mut keys = watched.keys();
                if is_alert || names.iter().any(|name| keys.contains(name)) {
                    keys.extend(&names);
                    drop(keys);
                    watched.look.notify_one();
                }
            }
        }
        for watched in all.iter().filter(|one| one.is_incident) {
            let changed = forest.incidents_changed_after(&watched.tenant, before, 1);
            if !changed.is_empty() {
                watched.look.notify_one();
            }
        }
    }
}
