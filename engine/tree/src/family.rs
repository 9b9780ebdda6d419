//! Families: the nodes that were ever connected, which are counted and let go together.
//!
//! A family is a tree, or what became of one when an earlier claim moved a branch away. Joining two
//! costs the size of the smaller, so a chain costs the same whichever end comes first. Members and the
//! order of age are lists through the nodes and families themselves.

use std::collections::BTreeSet;
use std::sync::Arc;

use petgraph::stable_graph::NodeIndex;

use crate::members::TreeId;

/// No family.
pub(crate) const NONE: u32 = u32::MAX;
/// Most values of entities that one family remembers.
const ENTITIES: usize = 256;

/// The nodes of one family.
#[derive(Debug)]
pub(crate) struct Family {
    /// Its stable number.
    pub(crate) tree: TreeId,
    pub(crate) size: usize,
    /// Events that were left out because the family was full.
    pub(crate) refused: u64,
    /// Events that hang on its nodes, kept or only counted.
    pub(crate) events: u64,
    pub(crate) first: NodeIndex,
    pub(crate) last: NodeIndex,
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
pub(crate) struct Families {
    slots: Vec<Option<Family>>,
    free: Vec<u32>,
    oldest: u32,
    newest: u32,
    count: usize,
}

impl Default for Families {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            oldest: NONE,
            newest: NONE,
            count: 0,
        }
    }
}

impl Families {
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn get(&self, number: u32) -> Option<&Family> {
        self.slots.get(number as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut Family> {
        self.slots.get_mut(number as usize)?.as_mut()
    }

    /// The numbers of the families, the one added to longest ago first.
    pub(crate) fn by_age(&self) -> impl Iterator<Item = u32> {
        let next = |number: u32| (number != NONE).then_some(number);
        std::iter::successors(next(self.oldest), move |number| {
            next(self.get(*number)?.newer)
        })
    }

    /// The numbers of the families, the one added to last first.
    pub(crate) fn by_youth(&self) -> impl Iterator<Item = u32> {
        let next = |number: u32| (number != NONE).then_some(number);
        std::iter::successors(next(self.newest), move |number| {
            next(self.get(*number)?.older)
        })
    }

    pub(crate) fn oldest(&self) -> Option<u32> {
        (self.oldest != NONE).then_some(self.oldest)
    }

    /// A new family without members, the newest.
    pub(crate) fn found(&mut self, tree: TreeId) -> u32 {
        let family = Family {
            tree,
            size: 0,
            refused: 0,
            events: 0,
            first: NodeIndex::end(),
            last: NodeIndex::end(),
            anchor: NodeIndex::end(),
            older: NONE,
            newer: NONE,
            entities: None,
        };
        let number = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).unwrap_or(NONE)
        });
        if let Some(slot) = self.slots.get_mut(number as usize) {
            *slot = Some(family);
        }
        self.count += 1;
        self.append(number);
        number
    }

    pub(crate) fn refuse(&mut self, number: u32, events: u64) {
        if let Some(family) = self.get_mut(number) {
            family.refused += events;
        }
    }

    /// Makes it the one added to last.
    pub(crate) fn touch(&mut self, number: u32) {
        if self.newest != number {
            self.take_out(number);
            self.append(number);
        }
    }

    pub(crate) fn remove(&mut self, number: u32) -> Option<Family> {
        self.get(number)?;
        self.take_out(number);
        let family = self.slots.get_mut(number as usize)?.take();
        self.free.push(number);
        self.count -= 1;
        family
    }

    /// Which of two families takes the other in: the larger, or the older one.
    pub(crate) fn larger(&self, one: u32, other: u32) -> (u32, u32) {
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
    pub(crate) fn absorb(&mut self, into: u32, gone: Family) {
        let Some(family) = self.get_mut(into) else {
            return;
        };
        if gone.tree < family.tree {
            (family.tree, family.anchor) = (gone.tree, gone.anchor);
        }
        family.size += gone.size;
        family.refused += gone.refused;
        family.events += gone.events;
        for (kind, value) in gone.entities.into_iter().flat_map(|entities| *entities) {
            family.note(&kind, &value);
        }
    }

    fn append(&mut self, number: u32) {
        let before = std::mem::replace(&mut self.newest, number);
        if let Some(family) = self.get_mut(number) {
            (family.older, family.newer) = (before, NONE);
        }
        match self.get_mut(before) {
            Some(before) => before.newer = number,
            None => self.oldest = number,
        }
    }

    fn take_out(&mut self, number: u32) {
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

impl Family {
    /// Remembers an entity, as long as there is room.
    pub(crate) fn note(&mut self, kind: &Arc<str>, value: &Arc<str>) {
        let entities = self.entities.get_or_insert_default();
        if entities.len() < ENTITIES {
            entities.insert((kind.clone(), value.clone()));
        }
    }
}
