//! Watching a tree or an incident.
//!
//! Owns the order of updates and the last word to a watcher that is too slow; what differs is found
//! by the [`TreeFollower`], not here.
//! Invariant: updates are delivered up to a position up to which every event is in the trees. A
//! client that watches again from there misses nothing and gets nothing twice.

use std::sync::Arc;

use larum_event::{Position, limits};
use larum_tree::{TreeMembers, key_hash};
use tokio::sync::{mpsc, watch};

use crate::tree_answers::{TreeDelivery, TreeError};
use crate::tree_follower::TreeFollower;
use crate::tree_queries::TreeQueries;
use crate::tree_rebuilder::TreeRebuilder;
use crate::watchers::{TreeWatcher, TreeWatchers};

/// A watch over a tree or an incident; dropping it ends it.
#[derive(Debug)]
pub struct TreeWatch {
    deliveries: mpsc::Receiver<TreeDelivery>,
}

impl TreeWatch {
    /// What comes next; `None` when the engine has ended, or after a [`TreeDelivery::Gap`].
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<TreeDelivery> {
        self.deliveries.recv().await
    }
}

/// Takes a watcher off the list when nobody listens any more.
struct WatcherRegistration {
    watchers: TreeWatchers,
    watcher: Arc<TreeWatcher>,
}

impl Drop for WatcherRegistration {
    fn drop(&mut self) {
        self.watchers.remove_watcher(&self.watcher);
    }
}

/// What a watch is run with.
struct WatchTask {
    queries: TreeQueries,
    id: String,
    registration: WatcherRegistration,
    evaluated: watch::Receiver<Position>,
    stopped: watch::Receiver<bool>,
    deliveries: mpsc::Sender<TreeDelivery>,
    /// Room for the last word.
    last_word: mpsc::OwnedPermit<TreeDelivery>,
}

/// How far evaluation has come, and whether it has ended, as that changes.
#[derive(Debug)]
pub struct EvaluationProgress {
    /// Everything up to here is in the trees.
    pub evaluated: watch::Receiver<Position>,
    /// Whether nothing more will be evaluated.
    pub stopped: watch::Receiver<bool>,
}

impl TreeQueries {
    /// Reports what comes into the tree that holds `id`, or into the trees of the incident `id`, or
    /// changes there, behind `after`: first what the log has of it, then what happens, without gap
    /// or repetition. A tree that becomes part of another goes on as that one. Dropping the watch
    /// ends it.
    ///
    /// # Errors
    /// There is no such tree; too many are watched; the trees are being rebuilt; the log fails.
    pub async fn watch_tree(
        self,
        id: String,
        after: Position,
        progress: EvaluationProgress,
    ) -> Result<TreeWatch, TreeError> {
        let EvaluationProgress { evaluated, stopped } = progress;
        let watchers = self.client.watchers().clone();
        // Registered before the log is read: what comes meanwhile wakes the watcher.
        let watcher = watchers.add_watcher(self.tenant.clone(), id.starts_with("inc-"))?;
        let registration = WatcherRegistration { watchers, watcher };
        let upto = *evaluated.borrow();
        let ids = self.root_ids(&id).await?;
        let rebuilder = TreeRebuilder::new(self.tenant.clone(), self.client.clone(), upto);
        let seeds = ids.clone();
        let following = self.client.run_blocking(move || {
            let inputs = rebuilder.gather_inputs(&seeds)?;
            Ok(TreeFollower::new(inputs, ids, after))
        });
        let follower = following.await?;
        registration.watcher.add_keys(follower.asked_keys());
        let (sender, deliveries) = mpsc::channel(limits::TREE_UPDATES + 1);
        let last_word = sender
            .clone()
            .try_reserve_owned()
            .map_err(|_| TreeError::Rebuilding)?;
        let task = WatchTask {
            queries: self,
            id,
            registration,
            evaluated,
            stopped,
            deliveries: sender,
            last_word,
        };
        tokio::spawn(task.run_watch(follower, upto));
        Ok(TreeWatch { deliveries })
    }
}

/// What looking at the trees brought.
enum WatchOutcome {
    /// Something to tell, perhaps.
    News(TreeFollower),
    /// Nothing that can be delivered now.
    Nothing(TreeFollower),
    /// The log cannot be read any more.
    Failed,
}

impl WatchTask {
    async fn run_watch(mut self, mut follower: TreeFollower, mut upto: Position) {
        // Changes that arrived while the log was read were not reported, because it was not yet
        // known which nodes are watched.
        let mut is_first = true;
        loop {
            let collecting = self.queries.client.run_blocking(move || {
                let updates = follower.collect_updates(upto);
                Ok((follower, updates))
            });
            let Ok((kept, updates)) = collecting.await else {
                return;
            };
            follower = kept;
            let mut delivered_upto = follower.delivered_upto();
            for update in updates {
                let position = update.position;
                // One place is kept for the last word.
                if self
                    .deliveries
                    .try_send(TreeDelivery::Change(update))
                    .is_err()
                {
                    self.registration.watchers.record_too_slow();
                    self.last_word.send(TreeDelivery::Gap {
                        resume: delivered_upto,
                    });
                    return;
                }
                delivered_upto = position;
            }
            follower.mark_delivered();
            loop {
                tokio::select! {
                    biased;
                    () = self.deliveries.closed() => return,
                    _ = self.stopped.wait_for(|stopped| *stopped) => return,
                    () = std::future::ready(()), if is_first => is_first = false,
                    () = self.registration.watcher.wait_for_change() => {}
                    _ = self.evaluated.changed(), if follower.has_waiting_event() => {}
                }
                // Before the trees are asked: they have everything up to here then.
                upto = *self.evaluated.borrow_and_update();
                match self.find_changes(follower, upto).await {
                    WatchOutcome::News(news) => {
                        follower = news;
                        break;
                    }
                    WatchOutcome::Nothing(kept) => follower = kept,
                    WatchOutcome::Failed => return,
                }
            }
        }
    }

    /// Asks the trees for what the follower has not heard of.
    async fn find_changes(&self, mut follower: TreeFollower, upto: Position) -> WatchOutcome {
        let Ok(roots) = self.queries.root_ids(&self.id).await else {
            return WatchOutcome::Nothing(follower);
        };
        follower.add_ids(roots);
        let positions = match self.member_positions(&mut follower).await {
            Ok(positions) => positions,
            // Who rebuilds the trees wakes everybody when that is done.
            Err(TreeError::Rebuilding) => return WatchOutcome::Nothing(follower),
            Err(_) => return WatchOutcome::Failed,
        };
        let fresh = follower.unknown_positions(&positions);
        if fresh.is_empty() && !follower.has_ready_event(upto) {
            return WatchOutcome::Nothing(follower);
        }
        let read = self.queries.client.run_blocking(move || {
            follower.read_events(&fresh)?;
            Ok(follower)
        });
        read.await.map_or(WatchOutcome::Failed, WatchOutcome::News)
    }

    /// The positions of all events of the watched trees.
    async fn member_positions(
        &self,
        follower: &mut TreeFollower,
    ) -> Result<Vec<Position>, TreeError> {
        let (tenant, ids) = (self.queries.tenant.clone(), follower.ids().to_vec());
        let watched = Arc::clone(&self.registration.watcher);
        let asking = self.queries.client.ask_async(move |memory| {
            let mut trees: Vec<TreeMembers> = Vec::new();
            for id in &ids {
                let key = key_hash(id);
                let holds = |tree: &TreeMembers| tree.keys.binary_search(&key).is_ok();
                if !trees.iter().any(holds) {
                    trees.extend(memory.graph.tree_members(&tenant, id));
                }
            }
            // Added before the answer is sent: an event that comes next wakes the watcher.
            watched.add_keys(trees.iter().flat_map(|tree| tree.keys.iter().copied()));
            trees
        });
        let trees = asking.await?;
        // Check after reading the trees: what was evicted later was still there when they were
        // read.
        let mut is_short = self.registration.watcher.take_spilled();
        for tree in &trees {
            let fresh = follower.take_new_keys(&tree.keys);
            is_short |= self
                .queries
                .client
                .spilled_trees()
                .may_hold_any(&tree.tenant, &fresh);
        }
        if !is_short {
            return Ok(trees.into_iter().flat_map(|tree| tree.events).collect());
        }
        // One of the trees was merged with an evicted one, or is one itself.
        let everything = Position(u64::MAX);
        let rebuilder = TreeRebuilder::new(
            self.queries.tenant.clone(),
            self.queries.client.clone(),
            everything,
        );
        let ids = follower.ids().to_vec();
        let inputs = self
            .queries
            .client
            .run_blocking(move || rebuilder.gather_inputs(&ids))
            .await?;
        Ok(inputs.events.into_keys().collect())
    }
}
