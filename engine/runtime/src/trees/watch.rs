//! Watching a tree or an incident.
//!
//! Owns the order: what is told stands up to a position up to which everything has come into the trees, so that
//! whoever goes on from there misses nothing and hears nothing twice.

use std::sync::Arc;

use larum_event::{Position, limits};
use larum_tree::{TreeMembers, key_hash};
use tokio::sync::{mpsc, watch};

use crate::engine::Engine;
use crate::trees::answers::{TreeDelivery, TreeError};
use crate::trees::ask::Asker;
use crate::trees::follow::Follower;
use crate::trees::gather::Gatherer;
use crate::trees::watchers::{Watched, Watchers};

/// A watch over a tree or an incident; dropping it ends it.
#[derive(Debug)]
pub struct TreeWatch {
    deliveries: mpsc::Receiver<TreeDelivery>,
}

impl TreeWatch {
    /// What comes next; `None` when the engine has ended, or after a [`TreeDelivery::Gap`]. Dropping the future
    /// loses nothing.
    pub async fn next(&mut self) -> Option<TreeDelivery> {
        self.deliveries.recv().await
    }
}

/// Takes a watcher off the list when nobody listens any more.
struct Listed {
    watchers: Watchers,
    watched: Arc<Watched>,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.watchers.remove(&self.watched);
    }
}

/// What a watch is run with.
struct Watching {
    asker: Asker,
    id: String,
    listed: Listed,
    evaluated: watch::Receiver<Position>,
    stopped: watch::Receiver<bool>,
    way: mpsc::Sender<TreeDelivery>,
    /// Room for the last word.
    last_word: mpsc::OwnedPermit<TreeDelivery>,
}

impl Engine {
    pub(super) async fn watch(
        &self,
        asker: Asker,
        id: String,
        after: Position,
    ) -> Result<TreeWatch, TreeError> {
        let watchers = asker.live.watchers().clone();
        let watched = watchers.add(asker.tenant.clone(), id.starts_with("inc-"))?;
        let listed = Listed { watchers, watched };
        let gauges = &self.0.gauges;
        let (evaluated, stopped) = (gauges.evaluated(), gauges.stopped());
        let upto = *evaluated.borrow();
        let ids = asker.trees_behind(&id).await?;
        let gatherer = Gatherer::new(asker.tenant.clone(), asker.live.clone(), upto);
        let seeds = ids.clone();
        let follower = asker.blocking(move || {
            let gathered = gatherer.gather(&seeds)?;
            Ok(Follower::new(gathered, ids, after))
        });
        let follower = follower.await?;
        listed.watched.saw(follower.asked());
        let (way, deliveries) = mpsc::channel(limits::TREE_UPDATES + 1);
        let last_word = way
            .clone()
            .try_reserve_owned()
            .map_err(|_| TreeError::NotNow)?;
        let watching = Watching {
            asker,
            id,
            listed,
            evaluated,
            stopped,
            way,
            last_word,
        };
        tokio::spawn(watching.run(follower, upto));
        Ok(TreeWatch { deliveries })
    }
}

/// What looking at the trees brought.
enum Looked {
    /// Something to tell, perhaps.
    News(Follower),
    /// Nothing that could be told now.
    Nothing(Follower),
    /// The log cannot be read any more.
    Failed,
}

impl Watching {
    async fn run(mut self, mut follower: Follower, mut upto: Position) {
        // What came while the log was read was not heard of, since nobody knew which nodes are watched.
        let mut is_first = true;
        loop {
            let told = self.asker.blocking(move || {
                let updates = follower.tell(upto);
                Ok((follower, updates))
            });
            let Ok((kept, updates)) = told.await else {
                return;
            };
            follower = kept;
            let mut told = follower.begun();
            for update in updates {
                let position = update.position;
                // One place is kept for the last word.
                if self.way.try_send(TreeDelivery::Change(update)).is_err() {
                    self.last_word.send(TreeDelivery::Gap { resume: told });
                    return;
                }
                told = position;
            }
            follower.all_told();
            loop {
                tokio::select! {
                    biased;
                    () = self.way.closed() => return,
                    _ = self.stopped.wait_for(|stopped| *stopped) => return,
                    () = std::future::ready(()), if is_first => is_first = false,
                    () = self.listed.watched.should_look() => {}
                    _ = self.evaluated.changed(), if follower.waits() => {}
                }
                // Before the trees are asked: they have everything up to here then.
                upto = *self.evaluated.borrow_and_update();
                match self.look(follower, upto).await {
                    Looked::News(news) => {
                        follower = news;
                        break;
                    }
                    Looked::Nothing(kept) => follower = kept,
                    Looked::Failed => return,
                }
            }
        }
    }

    /// Asks the trees for what the follower has not heard of.
    async fn look(&self, mut follower: Follower, upto: Position) -> Looked {
        let Ok(roots) = self.asker.trees_behind(&self.id).await else {
            return Looked::Nothing(follower);
        };
        follower.also(roots);
        let positions = match self.members(&mut follower).await {
            Ok(positions) => positions,
            // Who rebuilds the trees wakes everybody when that is done.
            Err(TreeError::NotNow) => return Looked::Nothing(follower),
            Err(_) => return Looked::Failed,
        };
        let fresh = follower.unknown(&positions);
        if fresh.is_empty() && !follower.has_waited(upto) {
            return Looked::Nothing(follower);
        }
        let read = self.asker.blocking(move || {
            follower.read(&fresh)?;
            Ok(follower)
        });
        read.await.map_or(Looked::Failed, Looked::News)
    }

    /// The positions of all events of the watched trees.
    async fn members(&self, follower: &mut Follower) -> Result<Vec<Position>, TreeError> {
        let (tenant, ids) = (self.asker.tenant.clone(), follower.ids().to_vec());
        let watched = Arc::clone(&self.listed.watched);
        let trees = self.asker.live.ask_later(move |grown| {
            let mut trees: Vec<TreeMembers> = Vec::new();
            for id in &ids {
                let key = key_hash(id);
                let holds = |tree: &TreeMembers| tree.keys.binary_search(&key).is_ok();
                if !trees.iter().any(holds) {
                    trees.extend(grown.forest.members(&tenant, id));
                }
            }
            // Here, so that nothing comes between.
            watched.saw(trees.iter().flat_map(|tree| tree.keys.iter().copied()));
            trees
        });
        let trees = trees.await?;
        // Asked after the trees: what they let go later, they had when they answered.
        let mut is_short = self.listed.watched.has_gone();
        for tree in &trees {
            let fresh = follower.asks_for(&tree.keys);
            is_short |= self.asker.live.may_be_spilled(&tree.tenant, &fresh);
        }
        if !is_short {
            return Ok(trees.into_iter().flat_map(|tree| tree.events).collect());
        }
        // It has grown together with one that memory let go, or is such a one.
        let everything = Position(u64::MAX);
        let gatherer = Gatherer::new(
            self.asker.tenant.clone(),
            self.asker.live.clone(),
            everything,
        );
        let ids = follower.ids().to_vec();
        let gathered = self.asker.blocking(move || gatherer.gather(&ids)).await?;
        Ok(gathered.events.into_keys().collect())
    }
}
