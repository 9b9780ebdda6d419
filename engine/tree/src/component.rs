//! Components: the nodes that were ever connected, which are counted and evicted together.
//!
//! Owns membership, the counts of each component, the numbers of trees, and the order of eviction.
//! A component is a tree, or what became of one when an earlier claim moved a branch away. Joining
//! two costs the size of the smaller one, so a chain costs the same whichever end comes first.
//! Members and the order of age are lists through the nodes and components themselves. Whether two
//! may be joined, and when one must go, is decided elsewhere.
//! Invariant: every node that can be found is a member of exactly one component, so a component is
//! evicted whole and no edge is left to a node that is gone.

use std::collections::BTreeSet;
use std::sync::Arc;

use larum_event::Position;
use petgraph::stable_graph::NodeIndex;

use crate::graph_node::GraphNode;
use crate::node_table::NodeTable;
use crate::tree_members::TreeId;

/// No component.
pub(crate) const NO_COMPONENT: u32 = u32::MAX;
/// Most values of entities that one component remembers.
const ENTITIES_PER_COMPONENT: usize = 256;

/// The nodes of one component, counted.
#[derive(Debug)]
pub(crate) struct GraphComponent {
    /// Its stable number.
    tree: TreeId,
    size: usize,
    /// Events that were left out because the component was full.
    refused_events: u64,
    /// Events of its nodes, kept or only counted.
    event_count: u64,
    first_member: NodeIndex,
    last_member: NodeIndex,
    /// The node that it began with; the one of the older component when two became one.
    anchor: NodeIndex,
    older: u32,
    newer: u32,
    /// The entities that its events name.
    entities: Option<Box<EntitySet>>,
}

/// Kinds and values of entities.
type EntitySet = BTreeSet<(Arc<str>, Arc<str>)>;

/// What became of two components that were joined.
pub(crate) struct MergedComponents {
    /// The component that has all nodes now.
    pub(crate) into: u32,
    /// The number that the tree has from now on.
    pub(crate) survivor: TreeId,
    /// The number that no tree has any more.
    pub(crate) gone: TreeId,
}

/// The components of one tenant.
#[derive(Debug)]
pub(crate) struct ComponentTable {
    slots: Vec<Option<GraphComponent>>,
    free: Vec<u32>,
    oldest: u32,
    newest: u32,
    count: usize,
    /// The position of the last event that founded a tree, and how many others it had founded
    /// before.
    tree_counter: (Position, u64),
}

impl Default for ComponentTable {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            oldest: NO_COMPONENT,
            newest: NO_COMPONENT,
            count: 0,
            tree_counter: (Position(0), 0),
        }
    }
}

impl ComponentTable {
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn get(&self, number: u32) -> Option<&GraphComponent> {
        self.slots.get(number as usize)?.as_ref()
    }

    fn get_mut(&mut self, number: u32) -> Option<&mut GraphComponent> {
        self.slots.get_mut(number as usize)?.as_mut()
    }

    /// The numbers of the components, the one added to longest ago first.
    pub(crate) fn iter_oldest_first(&self) -> impl Iterator<Item = u32> {
        let next = |number: u32| (number != NO_COMPONENT).then_some(number);
        std::iter::successors(next(self.oldest), move |number| {
            next(self.get(*number)?.newer)
        })
    }

    /// The numbers of the components, the one added to last first.
    pub(crate) fn iter_newest_first(&self) -> impl Iterator<Item = u32> {
        let next = |number: u32| (number != NO_COMPONENT).then_some(number);
        std::iter::successors(next(self.newest), move |number| {
            next(self.get(*number)?.older)
        })
    }

    pub(crate) fn oldest(&self) -> Option<u32> {
        (self.oldest != NO_COMPONENT).then_some(self.oldest)
    }

    /// A new component for the tree that the event at a position founds.
    pub(crate) fn found_tree(&mut self, position: Position) -> u32 {
        let (at, founded) = self.tree_counter;
        let number = if at == position { founded + 1 } else { 0 };
        self.tree_counter = (position, number);
        let base = position.0.saturating_mul(256);
        self.create(TreeId(base.saturating_add(number.min(255))))
    }

    /// For a checkpoint: the position of the last event that founded a tree, and how many others it
    /// founded.
    pub(crate) fn tree_counter(&self) -> (Position, u64) {
        self.tree_counter
    }

    pub(crate) fn restore_tree_counter(&mut self, counter: (Position, u64)) {
        self.tree_counter = counter;
    }

    /// A new component without members, the newest.
    pub(crate) fn create(&mut self, tree: TreeId) -> u32 {
        let component = GraphComponent {
            tree,
            size: 0,
            refused_events: 0,
            event_count: 0,
            first_member: NodeIndex::end(),
            last_member: NodeIndex::end(),
            anchor: NodeIndex::end(),
            older: NO_COMPONENT,
            newer: NO_COMPONENT,
            entities: None,
        };
        let number = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).unwrap_or(NO_COMPONENT)
        });
        if let Some(slot) = self.slots.get_mut(number as usize) {
            *slot = Some(component);
        }
        self.count += 1;
        self.append_newest(number);
        number
    }

    /// Adds a node to the graph and to a component.
    pub(crate) fn add_node(
        &mut self,
        number: u32,
        mut node: GraphNode,
        nodes: &mut NodeTable,
    ) -> NodeIndex {
        node.component = number;
        if let Some(component) = self.get(number) {
            node.next_member = component.first_member;
        }
        let index = nodes.insert(node);
        if let Some(component) = self.get_mut(number) {
            component.first_member = index;
            if component.last_member == NodeIndex::end() {
                (component.last_member, component.anchor) = (index, index);
            }
            component.size += 1;
        }
        index
    }

    /// The members of a component, in no particular order.
    pub(crate) fn members<'n>(
        &self,
        number: u32,
        nodes: &'n NodeTable,
    ) -> impl Iterator<Item = NodeIndex> + use<'n> {
        let mut at = self
            .get(number)
            .map_or(NodeIndex::end(), |component| component.first_member);
        std::iter::from_fn(move || {
            let node = nodes.get(at)?;
            Some(std::mem::replace(&mut at, node.next_member))
        })
    }

    /// Makes one component of two. Gives nothing when the smaller one does not exist.
    pub(crate) fn merge(
        &mut self,
        one: u32,
        other: u32,
        nodes: &mut NodeTable,
    ) -> Option<MergedComponents> {
        let (into, from) = self.order_by_size(one, other);
        let gone = self.remove(from)?;
        let mut member = gone.first_member;
        while let Some(node) = nodes.get_mut(member) {
            node.component = into;
            member = node.next_member;
        }
        let kept = self.get_mut(into)?;
        if let Some(last) = nodes.get_mut(gone.last_member) {
            last.next_member = kept.first_member;
        }
        kept.first_member = gone.first_member;
        if kept.last_member == NodeIndex::end() {
            kept.last_member = gone.last_member;
        }
        let merged = MergedComponents {
            into,
            survivor: kept.tree.min(gone.tree),
            gone: kept.tree.max(gone.tree),
        };
        kept.absorb_counts(gone);
        Some(merged)
    }

    /// An event was left out because the component was full.
    pub(crate) fn count_refused(&mut self, number: u32) {
        if let Some(component) = self.get_mut(number) {
            component.refused_events += 1;
        }
    }

    /// Events were added to nodes of a component.
    pub(crate) fn count_events(&mut self, number: u32, events: u64) {
        if let Some(component) = self.get_mut(number) {
            component.event_count += events;
        }
    }

    /// Remembers an entity that an event of a component names, as long as there is room.
    pub(crate) fn record_entity(&mut self, number: u32, kind: &Arc<str>, value: &Arc<str>) {
        if let Some(component) = self.get_mut(number) {
            component.record_entity(kind, value);
        }
    }

    /// Sets what a checkpoint holds of a component and its members do not say.
    pub(crate) fn restore_facts(&mut self, number: u32, refused_events: u64, anchor: NodeIndex) {
        if let Some(component) = self.get_mut(number) {
            (component.refused_events, component.anchor) = (refused_events, anchor);
        }
    }

    /// Makes it the one added to last.
    pub(crate) fn mark_newest(&mut self, number: u32) {
        if self.newest != number {
            self.unlink(number);
            self.append_newest(number);
        }
    }

    pub(crate) fn remove(&mut self, number: u32) -> Option<GraphComponent> {
        self.get(number)?;
        self.unlink(number);
        let component = self.slots.get_mut(number as usize)?.take();
        self.free.push(number);
        self.count -= 1;
        component
    }

    /// Which of two components takes the other in: the larger, or the older one.
    fn order_by_size(&self, one: u32, other: u32) -> (u32, u32) {
        let rank = |number| {
            self.get(number)
                .map(|component| (component.size, std::cmp::Reverse(component.tree)))
        };
        if rank(one) >= rank(other) {
            (one, other)
        } else {
            (other, one)
        }
    }

    fn append_newest(&mut self, number: u32) {
        let before = std::mem::replace(&mut self.newest, number);
        if let Some(component) = self.get_mut(number) {
            (component.older, component.newer) = (before, NO_COMPONENT);
        }
        match self.get_mut(before) {
            Some(before) => before.newer = number,
            None => self.oldest = number,
        }
    }

    fn unlink(&mut self, number: u32) {
        let Some((older, newer)) = self
            .get(number)
            .map(|component| (component.older, component.newer))
        else {
            return;
        };
        match self.get_mut(older) {
            Some(older) => older.newer = newer,
            None => self.oldest = newer,
        }
        match self.get_mut(newer) {
            Some(newer) => newer.older = older,
            None => self.newest = older,
        }
    }
}

impl GraphComponent {
    /// The stable number of its tree.
    pub(crate) fn tree(&self) -> TreeId {
        self.tree
    }

    /// How many nodes it has.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Events that were left out because it was full.
    pub(crate) fn refused_events(&self) -> u64 {
        self.refused_events
    }

    /// Events of its nodes, kept or only counted.
    pub(crate) fn event_count(&self) -> u64 {
        self.event_count
    }

    /// The node that its tree is found by.
    pub(crate) fn anchor(&self) -> NodeIndex {
        self.anchor
    }

    /// The entities that its events name: kind and value.
    pub(crate) fn entities(&self) -> impl Iterator<Item = &(Arc<str>, Arc<str>)> {
        self.entities.iter().flat_map(|entities| entities.iter())
    }

    /// Adds the counts of a component whose members are in this one now. The older tree gives
    /// number and anchor.
    fn absorb_counts(&mut self, gone: GraphComponent) {
        if gone.tree < self.tree {
            (self.tree, self.anchor) = (gone.tree, gone.anchor);
        }
        self.size += gone.size;
        self.refused_events += gone.refused_events;
        self.event_count += gone.event_count;
        for (kind, value) in gone.entities.into_iter().flat_map(|entities| *entities) {
            self.record_entity(&kind, &value);
        }
    }

    fn record_entity(&mut self, kind: &Arc<str>, value: &Arc<str>) {
        let entities = self.entities.get_or_insert_default();
        if entities.len() < ENTITIES_PER_COMPONENT {
            entities.insert((kind.clone(), value.clone()));
        }
    }
}
