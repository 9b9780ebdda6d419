//! Which events belong to which nodes, as lists in one vector.

use crate::entry_table::EntryIndex;

/// The end of a list.
pub(crate) const LIST_END: u32 = u32::MAX;

/// The lists of one tenant.
#[derive(Debug, Default)]
pub(crate) struct NodeEvents {
    slots: Vec<(EntryIndex, u32)>,
    free: Vec<u32>,
}

impl NodeEvents {
    /// A new head of the list that began at `head`.
    pub(crate) fn push_front(&mut self, head: u32, entry: EntryIndex) -> u32 {
        match self.free.pop() {
            Some(slot) => {
                if let Some(free) = self.slots.get_mut(slot as usize) {
                    *free = (entry, head);
                }
                slot
            }
            None => {
                self.slots.push((entry, head));
                u32::try_from(self.slots.len() - 1).unwrap_or(LIST_END)
            }
        }
    }

    /// The events of a list, in no particular order.
    pub(crate) fn iter_list(&self, head: u32) -> impl Iterator<Item = EntryIndex> {
        let mut at = head;
        std::iter::from_fn(move || {
            let (entry, next) = *self.slots.get(at as usize)?;
            at = next;
            Some(entry)
        })
    }

    /// Takes `entry` out of the list that begins at `head`, and gives its new head.
    pub(crate) fn remove(&mut self, head: u32, entry: EntryIndex) -> u32 {
        let (mut before, mut at) = (LIST_END, head);
        while let Some((found, next)) = self.slots.get(at as usize).copied() {
            if found != entry {
                (before, at) = (at, next);
                continue;
            }
            self.free.push(at);
            return match self.slots.get_mut(before as usize) {
                Some(before) => {
                    before.1 = next;
                    head
                }
                None => next,
            };
        }
        head
    }

    /// Drops a whole list.
    pub(crate) fn clear_list(&mut self, head: u32) {
        let mut at = head;
        while let Some((_, next)) = self.slots.get(at as usize).copied() {
            self.free.push(at);
            at = next;
        }
    }
}
