//! Which trees touched which shared nodes, and when.
//!
//! Owns the times. Which trees have alerts, and what follows when two were near each other, is the
//! job of [`super::TenantIncidents`]. A node is forgotten as a whole, the one touched longest ago
//! first.
//! Invariant: the runs of a tree on a node are sorted and do not overlap, so whether two trees were
//! near each other is one walk over both.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use larum_event::{IncidentJoin, Position, Span, Timestamp};
use serde::{Deserialize, Serialize};

use super::slots::{SharedNodeId, TreeSlot};

/// When one tree touched one node: times of which none is further than twice
/// [`IncidentJoin::within`] from the next are one run, and its ends are all that is kept.
///
/// No answer is lost by that. What is near a run's end is near a touch. What is between its ends,
/// `within` at each side taken in, is so too: two touches that follow each other leave no gap
/// between what is near the one and what is near the other.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct TouchRuns(Vec<TouchRun>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct TouchRun {
    first: Timestamp,
    last: Timestamp,
}

/// One shared node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SharedNode {
    pub(super) name: Arc<str>,
    joins: IncidentJoin,
    touched: Position,
    /// Trees that touched it, of which nothing else is known any more.
    lost: u32,
    touching: TouchingTrees,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum TouchingTrees {
    Few(BTreeMap<TreeSlot, TouchRuns>),
    /// More than [`IncidentJoin::most`], for ever.
    Crowd,
}

/// What a touch came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TouchEffect {
    /// Nothing that was not known.
    Covered,
    /// The tree is near more times than before.
    Grown,
    /// Too many trees touch the node.
    Crowded,
}

/// One touch.
#[derive(Debug, Clone, Copy)]
pub(super) struct NodeTouch {
    pub(super) shared: SharedNodeId,
    pub(super) joins: IncidentJoin,
    pub(super) time: Timestamp,
    pub(super) position: Position,
}

/// All shared nodes of a tenant.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct SharedNodes {
    pub(super) nodes: BTreeMap<SharedNodeId, SharedNode>,
    /// Never later than [`SharedNode::record_touch`] of the same node: it is put right when its
    /// turn comes.
    #[serde(skip)]
    queue: BTreeSet<(Position, SharedNodeId)>,
    /// Nodes, trees on nodes and runs of those, all together.
    #[serde(skip)]
    pub(super) entries: usize,
}

impl TouchRuns {
    /// Whether more times are near than before.
    fn insert_run(&mut self, run: TouchRun, within: Span, most: usize) -> bool {
        let reach = Span::from_nanos(within.as_nanos().saturating_mul(2));
        let start = self
            .0
            .partition_point(|known| known.last.saturating_add(reach) < run.first);
        let end = self
            .0
            .partition_point(|known| known.first <= run.last.saturating_add(reach));
        let overlapped = self.0.get(start..end).unwrap_or_default();
        let first = overlapped.iter().map(|known| known.first).min();
        let last = overlapped.iter().map(|known| known.last).max();
        let joined = TouchRun {
            first: first.map_or(run.first, |first| first.min(run.first)),
            last: last.map_or(run.last, |last| last.max(run.last)),
        };
        if overlapped == [joined] {
            return false;
        }
        self.0.splice(start..end, [joined]);
        if self.0.len() > most {
            self.0.remove(0);
        }
        true
    }

    fn is_near(&self, other: &Self, within: Span) -> bool {
        let (mut left, mut right) = (self.0.iter(), other.0.iter());
        let (mut a, mut b) = (left.next(), right.next());
        while let (Some(one), Some(two)) = (a, b) {
            if one.last.saturating_add(within) < two.first {
                a = left.next();
            } else if two.last.saturating_add(within) < one.first {
                b = right.next();
            } else {
                return true;
            }
        }
        false
    }
}

impl SharedNode {
    fn entry_count(&self) -> usize {
        match &self.touching {
            TouchingTrees::Few(trees) => {
                1 + trees.values().map(|runs| 1 + runs.0.len()).sum::<usize>()
            }
            TouchingTrees::Crowd => 1,
        }
    }

    fn is_sorted(&self) -> bool {
        match &self.touching {
            TouchingTrees::Few(trees) => trees.values().all(|runs| {
                let ends = runs.0.iter().flat_map(|run| [run.first, run.last]);
                ends.is_sorted() && !runs.0.is_empty()
            }),
            TouchingTrees::Crowd => true,
        }
    }

    fn tree_slots(&self) -> Vec<TreeSlot> {
        match &self.touching {
            TouchingTrees::Few(trees) => trees.keys().copied().collect(),
            TouchingTrees::Crowd => Vec::new(),
        }
    }
}

impl SharedNodes {
    /// Takes in a touch. Also says which trees the node knows no more: all of them when it became a
    /// crowd, or when its link says something else of it than before, so that it begins again.
    pub(super) fn record_touch(
        &mut self,
        at: NodeTouch,
        tree: TreeSlot,
        name: impl FnOnce() -> Arc<str>,
        runs: usize,
    ) -> (TouchEffect, Vec<TreeSlot>) {
        let node = self.nodes.entry(at.shared).or_insert_with(|| {
            self.queue.insert((at.position, at.shared));
            self.entries += 1;
            SharedNode::new(name(), &at)
        });
        node.touched = at.position;
        let mut unknown = Vec::new();
        // Compare the link before counting trees: other limits mean that what is known was judged
        // by rules that no longer hold, so the node begins again.
        if node.joins != at.joins {
            unknown = node.tree_slots();
            self.entries = self.entries + 1 - node.entry_count();
            *node = SharedNode::new(node.name.clone(), &at);
        }
        let TouchingTrees::Few(trees) = &mut node.touching else {
            return (TouchEffect::Crowded, unknown);
        };
        let others = trees.len() + node.lost as usize;
        // Check the crowd before adding: the tree that is one too many must not be joined first.
        if !trees.contains_key(&tree) && others >= at.joins.most as usize {
            unknown.extend(node.tree_slots());
            self.entries = self.entries + 1 - node.entry_count();
            node.touching = TouchingTrees::Crowd;
            return (TouchEffect::Crowded, unknown);
        }
        let known = trees.entry(tree).or_insert_with(|| {
            self.entries += 1;
            TouchRuns::default()
        });
        let run = TouchRun {
            first: at.time,
            last: at.time,
        };
        let before = known.0.len();
        let is_new = known.insert_run(run, at.joins.within, runs);
        self.entries = self.entries + known.0.len() - before;
        let effect = if is_new {
            TouchEffect::Grown
        } else {
            TouchEffect::Covered
        };
        (effect, unknown)
    }

    /// The trees that touched a node near one that did.
    pub(super) fn trees_near(
        &self,
        shared: SharedNodeId,
        tree: TreeSlot,
    ) -> impl Iterator<Item = TreeSlot> {
        let node = self.nodes.get(&shared);
        let few = node.and_then(|node| match &node.touching {
            TouchingTrees::Few(trees) => Some((trees.get(&tree)?, trees, node.joins.within)),
            TouchingTrees::Crowd => None,
        });
        few.into_iter().flat_map(move |(own, trees, within)| {
            let others = trees.iter().filter(move |(other, _)| **other != tree);
            others.filter_map(move |(other, runs)| own.is_near(runs, within).then_some(*other))
        })
    }

    pub(super) fn node_name(&self, shared: SharedNodeId) -> Option<&Arc<str>> {
        Some(&self.nodes.get(&shared)?.name)
    }

    /// What `from` touched counts as touched by `into`.
    pub(super) fn move_touches(
        &mut self,
        shared: SharedNodeId,
        from: TreeSlot,
        into: TreeSlot,
        runs: usize,
    ) {
        let Some(node) = self.nodes.get_mut(&shared) else {
            return;
        };
        let TouchingTrees::Few(trees) = &mut node.touching else {
            return;
        };
        let Some(moved) = trees.remove(&from) else {
            return;
        };
        self.entries -= 1 + moved.0.len();
        let known = trees.entry(into).or_insert_with(|| {
            self.entries += 1;
            TouchRuns::default()
        });
        let before = known.0.len();
        for run in moved.0 {
            known.insert_run(run, node.joins.within, runs);
        }
        self.entries = self.entries + known.0.len() - before;
    }

    /// Forgets when a tree touched a node, but not that it did.
    pub(super) fn forget_tree(&mut self, shared: SharedNodeId, tree: TreeSlot) {
        let Some(node) = self.nodes.get_mut(&shared) else {
            return;
        };
        let TouchingTrees::Few(trees) = &mut node.touching else {
            return;
        };
        if let Some(runs) = trees.remove(&tree) {
            self.entries -= 1 + runs.0.len();
            node.lost = node.lost.saturating_add(1);
        }
    }

    /// Forgets the node touched longest ago; gives the trees that touched it.
    pub(super) fn evict_oldest(&mut self) -> Option<(SharedNodeId, Vec<TreeSlot>)> {
        loop {
            let (position, shared) = self.queue.pop_first()?;
            let touched = self.nodes.get(&shared)?.touched;
            if touched != position {
                self.queue.insert((touched, shared));
                continue;
            }
            let node = self.nodes.remove(&shared)?;
            self.entries -= node.entry_count();
            return Some((shared, node.tree_slots()));
        }
    }

    /// Fills in what follows from the nodes; gives every tree on every node. `None` when times are
    /// out of order.
    pub(super) fn rebuild_indexes(&mut self) -> Option<Vec<(SharedNodeId, TreeSlot)>> {
        if !self.nodes.values().all(SharedNode::is_sorted) {
            return None;
        }
        let nodes = self.nodes.iter();
        self.queue = nodes
            .map(|(shared, node)| (node.touched, *shared))
            .collect();
        self.entries = self.nodes.values().map(SharedNode::entry_count).sum();
        let nodes = self.nodes.iter();
        let trees = nodes
            .flat_map(|(shared, node)| node.tree_slots().into_iter().map(|tree| (*shared, tree)));
        Some(trees.collect())
    }
}

impl SharedNode {
    fn new(name: Arc<str>, at: &NodeTouch) -> Self {
        Self {
            name,
            joins: at.joins,
            touched: at.position,
            lost: 0,
            touching: TouchingTrees::Few(BTreeMap::new()),
        }
    }
}
