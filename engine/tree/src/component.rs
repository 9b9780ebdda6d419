//! Families: the nodes that were ever connected, which are counted and let go together.
//!
//! A family is a tree, or what became of one when an earlier claim moved a branch away. Joining two
//! costs the size of the smaller, so a chain costs the same whichever end comes first. Members and the
//! order of age are lists through the nodes and families themselves.

use std::collections::BTreeSet;
use std::sync::Arc;

use petgraph::stable_graph::NodeIndex;

use crate::tree_members::TreeId;

/// No family.
pub(crate) const NO_COMPONENT: u32 = u32::MAX;
/// Most values of entities that one family remembers.
const ENTITIES_PER_COMPONENT: usize = 256;

/// The nodes of one family.
#[derive(Debug)]
pub(crate) struct GraphComponent {
    /// Its stable number.
    pub(crate) tree: TreeId,
    pub(crate) size: usize,
    /// Events that were left out because the family was full.
    pub(crate) refused_events: u64,
    /// Events that hang on its nodes, kept or only counted.
    pub(crate) event_count: u64,
    pub(crate) first_member: NodeIndex,
    pub(crate) last_member: NodeIndex,
    /// The node that it began with; the one of the older family when two became one.
    pub(crate) anchor: NodeIndex,
    older: u32,
    newer: u32,
    pub(crate) entities: Option<Box<EntitySet>>,
}

/// The entities that the events of a family name: kind and value.
pub(crate) type EntitySet = BTreeSet<(Arc<str>, Arc<str>)>;

/// The families of one tenant.
#[derive(Debug)]
pub(crate) struct ComponentTable {
    slots: Vec<Option<GraphComponent>>,
    free: Vec<u32>,
    oldest: u32,
    newest: u32,
    count: usize,
}

impl Default for ComponentTable {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            oldest: NO_COMPONENT,
            newest: NO_COMPONENT,
            count: 0,
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

    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut GraphComponent> {
        self.slots.get_mut(number as usize)?.as_mut()
    }

    /// The numbers of the families, the one added to longest ago first.
    pub(crate) fn iter_oldest_first(&self) -> impl Iterator<Item = u32> {
        let next = |number: u32| (number != NO_COMPONENT).then_some(number);
        std::iter::successors(next(self.oldest), move |number| {
            next(self.get(*number)?.newer)
        })
    }

    /// The numbers of the families, the one added to last first.
    pub(crate) fn iter_newest_first(&self) -> impl Iterator<Item = u32> {
        let next = |number: u32| (number != NO_COMPONENT).then_some(number);
        std::iter::successors(next(self.newest), move |number| {
            next(self.get(*number)?.older)
        })
    }

    pub(crate) fn oldest(&self) -> Option<u32> {
        (self.oldest != NO_COMPONENT).then_some(self.oldest)
    }

    /// A new family without members, the newest.
    pub(crate) fn create(&mut self, tree: TreeId) -> u32 {
        let family = GraphComponent {
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
            *slot = Some(family);
        }
        self.count += 1;
        self.append_newest(number);
        number
    }

    pub(crate) fn count_refused(&mut self, number: u32, events: u64) {
        if let Some(family) = self.get_mut(number) {
            family.refused_events += events;
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
        let family = self.slots.get_mut(number as usize)?.take();
        self.free.push(number);
        self.count -= 1;
        family
    }

    /// Which of two families takes the other in: the larger, or the older one.
    pub(crate) fn order_by_size(&self, one: u32, other: u32) -> (u32, u32) {
        let rank = |number| {
            self.get(number)
                .map(|family| (family.size, std::cmp::Reverse(family.tree)))
        };
        if rank(one) >= rank(other) {
            (one, other)
        } else {
            (other, one)
        }
    }

    /// Puts `gone` into `into`; the members themselves are the caller's to move.
    pub(crate) fn merge_into(&mut self, into: u32, gone: GraphComponent) {
        let Some(family) = self.get_mut(into) else {
            return;
        };
        if gone.tree < family.tree {
            (family.tree, family.anchor) = (gone.tree, gone.anchor);
        }
        family.size += gone.size;
        family.refused_events += gone.refused_events;
        family.event_count += gone.event_count;
        for (kind, value) in gone.entities.into_iter().flat_map(|entities| *entities) {
            family.record_entity(&kind, &value);
        }
    }

    fn append_newest(&mut self, number: u32) {
        let before = std::mem::replace(&mut self.newest, number);
        if let Some(family) = self.get_mut(number) {
            (family.older, family.newer) = (before, NO_COMPONENT);
        }
        match self.get_mut(before) {
            Some(before) => before.newer = number,
            None => self.oldest = number,
        }
    }

    fn unlink(&mut self, number: u32) {
        let Some((older, newer)) = self.get(number).map(|family| (family.older, family.newer))
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
    /// Remembers an entity, as long as there is room.
    pub(crate) fn record_entity(&mut self, kind: &Arc<str>, value: &Arc<str>) {
        let entities = self.entities.get_or_insert_default();
        if entities.len() < ENTITIES_PER_COMPONENT {
            entities.insert((kind.clone(), value.clone()));
        }
    }
}
