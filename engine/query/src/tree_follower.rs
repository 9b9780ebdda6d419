//! A tree as a watcher of it knows it.
//!
//! Owns a copy of the watched trees, built event by event, and which nodes and edges were
//! delivered; sending updates is the job of the watch. A large tree is not compared after each of
//! its events but after several, and the update bears the position of the last.
//! Invariant: what was delivered plus the updates since is the tree at the last position, so a
//! watcher that applies them holds the whole tree.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use larum_event::{Event, Position};
use larum_tree::{EdgeKind, TreeEdge, TreeNode};

use crate::tree_answers::{TreeError, TreeUpdate};
use crate::tree_rebuilder::{RebuiltTree, TreeInputs, find_tree};

/// After so many events for each node of a tree it is compared again.
const NODES_PER_EVENT: usize = 64;

/// One watcher's copy of its trees.
pub(crate) struct TreeFollower {
    /// By what the trees are found.
    ids: Vec<String>,
    copy: RebuiltTree,
    known_positions: BTreeSet<Position>,
    /// Events that are delivered once everything before them is.
    waiting: BTreeMap<Position, Event>,
    /// The nodes that were delivered, by id.
    nodes: BTreeMap<Arc<str>, TreeNode>,
    /// The edges that were delivered, by the lower end, kind and upper end.
    edges: BTreeMap<(Arc<str>, EdgeKind, Arc<str>), TreeEdge>,
    root: Arc<str>,
    /// Hashes of ids that the store was asked for.
    asked_keys: HashSet<u64>,
    /// Everything up to here is in `nodes` and `edges`.
    compared_upto: Position,
    /// Everything up to here was delivered.
    delivered_upto: Position,
}

impl TreeFollower {
    /// One that knows the events of `inputs` up to `after`; the later ones wait.
    pub(crate) fn new(inputs: TreeInputs, ids: Vec<String>, after: Position) -> Self {
        let known = inputs.events.keys().copied().collect();
        let asked_keys = inputs.keys.iter().copied().collect();
        let (copy, waiting) = inputs.rebuild_upto(after);
        let mut follower = Self {
            ids,
            copy,
            known_positions: known,
            waiting,
            nodes: BTreeMap::new(),
            edges: BTreeMap::new(),
            root: "".into(),
            asked_keys,
            compared_upto: after,
            delivered_upto: after,
        };
        follower.compare_views(after);
        follower
    }

    /// By what the trees are found.
    pub(crate) fn ids(&self) -> &[String] {
        &self.ids
    }

    /// More trees are watched.
    pub(crate) fn add_ids(&mut self, ids: Vec<String>) {
        for id in ids {
            if !self.ids.contains(&id) {
                self.ids.push(id);
            }
        }
    }

    /// Those of `positions` that it has not heard of.
    pub(crate) fn unknown_positions(&self, positions: &[Position]) -> Vec<Position> {
        let positions = positions.iter();
        positions
            .filter(|position| !self.known_positions.contains(position))
            .copied()
            .collect()
    }

    /// The keys for which the store was not asked yet; it is taken to be asked now.
    pub(crate) fn take_new_keys(&mut self, keys: &[u64]) -> Vec<u64> {
        let keys = keys.iter().copied();
        keys.filter(|key| self.asked_keys.insert(*key)).collect()
    }

    /// The keys for which the store was asked: those of all nodes at first.
    pub(crate) fn asked_keys(&self) -> impl Iterator<Item = u64> {
        self.asked_keys.iter().copied()
    }

    /// Everything up to here was delivered.
    pub(crate) fn delivered_upto(&self) -> Position {
        self.delivered_upto
    }

    /// What was collected last was delivered.
    pub(crate) fn mark_delivered(&mut self) {
        self.delivered_upto = self.compared_upto;
    }

    /// Whether something that waits can be reported now that everything up to `upto` has come.
    pub(crate) fn has_ready_event(&self, upto: Position) -> bool {
        let first = self.waiting.first_key_value();
        first.is_some_and(|(position, _)| *position <= upto)
    }

    /// Whether something waits to be reported.
    pub(crate) fn has_waiting_event(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Reads what is new.
    pub(crate) fn read_events(&mut self, positions: &[Position]) -> Result<(), TreeError> {
        let events = self.copy.rebuilder.reader.events_at(positions)?;
        self.known_positions.extend(positions);
        let events = events.into_iter().map(|one| (one.position, one.event));
        self.waiting.extend(events);
        Ok(())
    }

    /// What changes with the waiting events up to `upto`, which is as far as all events have come.
    pub(crate) fn collect_updates(&mut self, upto: Position) -> Vec<TreeUpdate> {
        let later = self.waiting.split_off(&upto.next());
        let ready = std::mem::replace(&mut self.waiting, later);
        let mut updates = Vec::new();
        let mut since = 0;
        let last = ready.last_key_value().map(|(position, _)| *position);
        for (position, event) in ready {
            self.copy.insert_event(position, &event);
            since += 1;
            // What came late, with another tree, is reported with the event that brought it.
            let is_due = since * NODES_PER_EVENT > self.nodes.len() || Some(position) == last;
            if is_due && position > self.compared_upto {
                since = 0;
                updates.extend(self.compare_views(position));
                self.compared_upto = position;
            }
        }
        updates
    }

    /// What is different from what was delivered.
    fn compare_views(&mut self, position: Position) -> Option<TreeUpdate> {
        let mut update = TreeUpdate {
            position,
            root: Arc::clone(&self.root),
            nodes: Vec::new(),
            edges: Vec::new(),
            gone: Vec::new(),
        };
        let mut seen = BTreeSet::new();
        let mut roots: Vec<Arc<str>> = Vec::new();
        for id in &self.ids {
            let tree = find_tree(&self.copy.graph, &self.copy.rebuilder.tenant, id);
            let Ok(view) = tree else {
                continue;
            };
            if roots.contains(&view.root) {
                continue;
            }
            roots.push(Arc::clone(&view.root));
            for mut node in view.nodes {
                node.parent = None;
                seen.insert(Arc::clone(&node.id));
                if self.nodes.get(&node.id) != Some(&node) {
                    self.nodes.insert(Arc::clone(&node.id), node.clone());
                    update.nodes.push(node);
                }
            }
            for edge in view.edges {
                let key = (Arc::clone(&edge.to), edge.kind, Arc::clone(&edge.from));
                if self.edges.get(&key) != Some(&edge) {
                    self.edges.insert(key, edge.clone());
                    update.edges.push(edge);
                }
            }
        }
        // Only after all trees were looked at: a node may have moved from one to another.
        update.gone = self
            .nodes
            .keys()
            .filter(|id| !seen.contains(*id))
            .cloned()
            .collect();
        self.nodes.retain(|id, _| seen.contains(id));
        if let Some(root) = roots.into_iter().next() {
            update.root = Arc::clone(&root);
            self.root = root;
        }
        let is_something =
            !update.nodes.is_empty() || !update.edges.is_empty() || !update.gone.is_empty();
        is_something.then_some(update)
    }
}
