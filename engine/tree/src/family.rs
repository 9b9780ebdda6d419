//! Families: the steps that were ever connected, which are counted and let go together.
//!
//! A family is a tree, or what became of one when an earlier claim moved a branch away. Joining two
//! costs the size of the smaller, so a chain costs the same whichever end comes first.

use std::collections::BTreeMap;

use petgraph::stable_graph::NodeIndex;

/// The steps of one family.
#[derive(Debug, Default)]
pub(crate) struct Family {
    pub(crate) members: Vec<NodeIndex>,
    /// Events that were left out because the family was full.
    pub(crate) refused: u64,
    touched: u64,
}

/// The families of one tenant.
#[derive(Debug, Default)]
pub(crate) struct Families {
    families: BTreeMap<u32, Family>,
    /// By when each was last added to.
    by_touch: BTreeMap<u64, u32>,
    next: u32,
    touches: u64,
}

impl Families {
    pub(crate) fn len(&self) -> usize {
        self.families.len()
    }

    pub(crate) fn get(&self, number: u32) -> Option<&Family> {
        self.families.get(&number)
    }

    /// The families, the one added to longest ago first.
    pub(crate) fn by_age(&self) -> impl DoubleEndedIterator<Item = (u32, &Family)> {
        let numbers = self.by_touch.values();
        numbers.filter_map(|number| Some((*number, self.families.get(number)?)))
    }

    /// A new family without members, the newest.
    pub(crate) fn found(&mut self) -> u32 {
        while self.families.contains_key(&self.next) {
            self.next = self.next.wrapping_add(1);
        }
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        self.families.insert(number, Family::default());
        self.touch(number);
        number
    }

    pub(crate) fn admit(&mut self, number: u32, member: NodeIndex) {
        if let Some(family) = self.families.get_mut(&number) {
            family.members.push(member);
        }
    }

    pub(crate) fn refuse(&mut self, number: u32, events: u64) {
        if let Some(family) = self.families.get_mut(&number) {
            family.refused += events;
        }
    }

    pub(crate) fn touch(&mut self, number: u32) {
        let Some(family) = self.families.get_mut(&number) else {
            return;
        };
        self.touches += 1;
        // Touches start at 1, so a new family's 0 is in no order yet.
        self.by_touch.remove(&family.touched);
        family.touched = self.touches;
        self.by_touch.insert(self.touches, number);
    }

    pub(crate) fn remove(&mut self, number: u32) -> Option<Family> {
        let family = self.families.remove(&number)?;
        self.by_touch.remove(&family.touched);
        Some(family)
    }

    /// Which of two families takes the other in: the larger, or the one with the smaller number.
    pub(crate) fn larger(&self, one: u32, other: u32) -> (u32, u32) {
        let size = |number| self.get(number).map_or(0, |family| family.members.len());
        if (size(one), other) >= (size(other), one) {
            (one, other)
        } else {
            (other, one)
        }
    }

    /// Moves the members of `from` to `into` and returns them.
    pub(crate) fn merge(&mut self, into: u32, from: u32) -> Vec<NodeIndex> {
        let Some(gone) = self.remove(from) else {
            return Vec::new();
        };
        if let Some(family) = self.families.get_mut(&into) {
            family.members.extend(&gone.members);
            family.refused += gone.refused;
        }
        gone.members
    }
}
