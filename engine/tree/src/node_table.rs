//! The nodes of one tenant, found by name, and the edges between them.
//!
//! Owns the petgraph graph, the index of names, and the lists of children. The one parent of each
//! node is kept in the nodes themselves, as lists of children through their siblings, because an
//! edge of petgraph is found by walking all edges of its node, and a root may have very many
//! children that move. (Feeding a chain of 100,000 steps in scattered order took 23 s longer with
//! edges, in a debug build.) Edges of the graph are the cross edges: what one event names together,
//! and what raised an alert. Which parent a node should have is decided elsewhere.
//! Invariant: a node is in the list of children of its parent and in no other, so walking down from
//! a root meets every node once.

use std::sync::Arc;

use larum_event::Timestamp;
use petgraph::Direction::{self, Incoming, Outgoing};
use petgraph::stable_graph::{NodeIndex, StableDiGraph};
use petgraph::visit::{EdgeRef, IntoEdgeReferences};

use crate::cross_edge::{CrossEdge, CrossEdgeKind};
use crate::graph_node::{GraphNode, NodeClass, NodeExtras, ParentKind};
use crate::hashing::TextHasher;
use crate::name_index::NameIndex;

/// Most cross edges that lead to one node, and most that lead from one; beyond it they are counted.
/// Looking for one and removing one walks them.
const CROSS_EDGES_PER_NODE: usize = 1_000;

/// The nodes of one tenant and what connects them.
#[derive(Debug, Default)]
pub(crate) struct NodeTable {
    graph: StableDiGraph<GraphNode, CrossEdge>,
    names: NameIndex<NodeIndex>,
    hashing: TextHasher,
}

impl NodeTable {
    /// How many nodes can be found by name.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    pub(crate) fn get(&self, node: NodeIndex) -> Option<&GraphNode> {
        self.graph.node_weight(node)
    }

    pub(crate) fn get_mut(&mut self, node: NodeIndex) -> Option<&mut GraphNode> {
        self.graph.node_weight_mut(node)
    }

    pub(crate) fn extras(&self, node: NodeIndex) -> Option<&NodeExtras> {
        self.get(node)?.extras.as_deref()
    }

    /// The node's id as it is shown; empty when there is no such node.
    pub(crate) fn name(&self, node: NodeIndex) -> Arc<str> {
        self.get(node)
            .map_or_else(|| "".into(), |node| (*node.name).into())
    }

    pub(crate) fn component(&self, node: NodeIndex) -> Option<u32> {
        self.get(node).map(|node| node.component)
    }

    /// The node of a name.
    pub(crate) fn find(&self, class: NodeClass, name: &str) -> Option<NodeIndex> {
        let hash = self.hashing.hash_pair(class.0, name);
        self.names.find(hash, |node| {
            self.get(node)
                .is_some_and(|node| node.class == class && *node.name == *name)
        })
    }

    /// All nodes that can be found by name, in no particular order.
    pub(crate) fn iter_all(&self) -> impl Iterator<Item = NodeIndex> {
        self.names.iter_all()
    }

    /// Adds a node whose name is not there yet.
    pub(crate) fn insert(&mut self, node: GraphNode) -> NodeIndex {
        let hash = self.hashing.hash_pair(node.class.0, &node.name);
        let index = self.graph.add_node(node);
        self.names.insert(hash, index);
        index
    }

    /// Makes a node impossible to find, and removes its cross edges. It stays in the graph until
    /// [`NodeTable::remove`].
    pub(crate) fn hide(&mut self, node: NodeIndex) {
        let Some(found) = self.graph.node_weight(node) else {
            return;
        };
        let hash = self.hashing.hash_pair(found.class.0, &found.name);
        self.names.remove(hash, node);
        for direction in [Incoming, Outgoing] {
            self.remove_cross_edges(node, direction, |_| true);
        }
    }

    /// Takes a node out of the graph. Its parent and children must go with it.
    pub(crate) fn remove(&mut self, node: NodeIndex) -> Option<GraphNode> {
        self.graph.remove_node(node)
    }

    /// The nodes directly under one, in no particular order.
    pub(crate) fn children(&self, node: NodeIndex) -> impl Iterator<Item = NodeIndex> {
        let mut at = self
            .get(node)
            .map_or(NodeIndex::end(), |node| node.first_child);
        std::iter::from_fn(move || {
            let child = self.get(at)?;
            Some(std::mem::replace(&mut at, child.next_sibling))
        })
    }

    /// Time of a node's first event or of its alert.
    pub(crate) fn first_event_time(&self, node: NodeIndex) -> Option<Timestamp> {
        let first = self.get(node)?.first_time;
        (first != Timestamp::MAX).then_some(first)
    }

    /// Puts a node under another, or under none.
    pub(crate) fn set_parent(&mut self, node: NodeIndex, after: Option<(ParentKind, NodeIndex)>) {
        let Some(before) = self.get(node).map(|found| found.parent_edge) else {
            return;
        };
        debug_assert!(
            after.is_none_or(|(_, above)| self.component(above) == self.component(node)),
            "a node and its parent belong to one component"
        );
        if before.map(|(_, above)| above) != after.map(|(_, above)| above) {
            // Unlink before linking: both change the node's own siblings.
            if let Some((_, above)) = before {
                self.unlink_child(above, node);
            }
            if let Some((_, above)) = after {
                self.link_child(above, node);
            }
        }
        if let Some(found) = self.get_mut(node) {
            found.parent_edge = after;
        }
    }

    fn link_child(&mut self, above: NodeIndex, node: NodeIndex) {
        let Some(parent) = self.get_mut(above) else {
            return;
        };
        let next = std::mem::replace(&mut parent.first_child, node);
        parent.child_count += 1;
        if let Some(next) = self.get_mut(next) {
            next.previous_sibling = node;
        }
        if let Some(found) = self.get_mut(node) {
            (found.previous_sibling, found.next_sibling) = (NodeIndex::end(), next);
        }
    }

    fn unlink_child(&mut self, above: NodeIndex, node: NodeIndex) {
        let siblings = self
            .get(node)
            .map(|found| (found.previous_sibling, found.next_sibling));
        let Some((before, next)) = siblings else {
            return;
        };
        match self.get_mut(before) {
            Some(before) => before.next_sibling = next,
            None => {
                if let Some(parent) = self.get_mut(above) {
                    parent.first_child = next;
                }
            }
        }
        if let Some(next) = self.get_mut(next) {
            next.previous_sibling = before;
        }
        if let Some(parent) = self.get_mut(above) {
            parent.child_count = parent.child_count.saturating_sub(1);
        }
    }

    /// The other ends of a node's cross edges of one kind.
    pub(crate) fn cross_edges(
        &self,
        node: NodeIndex,
        kind: CrossEdgeKind,
        direction: Direction,
    ) -> impl Iterator<Item = (NodeIndex, CrossEdge)> {
        let edges = self.graph.edges_directed(node, direction);
        edges
            .filter(move |edge| edge.weight().kind == kind)
            .map(move |edge| {
                let other = match direction {
                    Incoming => edge.source(),
                    Outgoing => edge.target(),
                };
                (other, *edge.weight())
            })
    }

    /// All cross edges, in no particular order.
    pub(crate) fn iter_cross_edges(
        &self,
    ) -> impl Iterator<Item = (NodeIndex, NodeIndex, CrossEdge)> {
        let edges = self.graph.edge_references();
        edges.map(|edge| (edge.source(), edge.target(), *edge.weight()))
    }

    /// Adds a cross edge unless there is one of the kind, or too many.
    pub(crate) fn add_cross_edge(&mut self, from: NodeIndex, to: NodeIndex, edge: CrossEdge) {
        let known = self
            .cross_edges(to, edge.kind, Incoming)
            .any(|(other, _)| other == from);
        if known {
            return;
        }
        let is_full = |node, direction| {
            let mut edges = self.graph.edges_directed(node, direction);
            edges.nth(CROSS_EDGES_PER_NODE - 1).is_some()
        };
        if !is_full(to, Incoming) && !is_full(from, Outgoing) {
            self.restore_cross_edge(from, to, edge);
        } else if let Some(node) = self.get_mut(to) {
            node.extras_mut().cross_edges_left_out += 1;
        }
    }

    /// Adds a cross edge that a checkpoint holds: it was counted against the limits before.
    pub(crate) fn restore_cross_edge(&mut self, from: NodeIndex, to: NodeIndex, edge: CrossEdge) {
        self.graph.add_edge(from, to, edge);
    }

    /// Removes the cross edges of one kind that lead from a node.
    pub(crate) fn remove_cross_edges_from(&mut self, node: NodeIndex, kind: CrossEdgeKind) {
        self.remove_cross_edges(node, Outgoing, |edge| edge.kind == kind);
    }

    fn remove_cross_edges(
        &mut self,
        node: NodeIndex,
        direction: Direction,
        is_unwanted: impl Fn(&CrossEdge) -> bool,
    ) {
        let edges = self.graph.edges_directed(node, direction);
        let unwanted: Vec<_> = edges
            .filter(|edge| is_unwanted(edge.weight()))
            .map(|edge| edge.id())
            .collect();
        for edge in unwanted {
            self.graph.remove_edge(edge);
        }
    }
}
