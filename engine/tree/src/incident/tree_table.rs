//! What incidents know of trees: in which one they are, and whether an alert of theirs is in force.
//!
//! Owns the numbers of trees here. A tree has one of its own, because its id changes when it
//! becomes part of an older tree, and what is known of the larger one should not be moved for that.
//! What is in a tree belongs to the graph.
//! Invariant: every number that an alert names leads to a tree that is here, directly or over
//! `moved`, so an alert can be taken off its trees later.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::slots::{CaseSlot, SharedNodeId, TreeSlot};
use crate::tree_members::TreeId;

/// What is known of one tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TreeState {
    pub(super) name: TreeId,
    pub(super) case: Option<CaseSlot>,
    /// Whether one of its alerts is only counted; such a one counts as standing for good.
    pub(super) has_counted: bool,
    /// What it was when it left memory.
    pub(super) gone: Option<TreeFacts>,
    /// Trees that became part of it and that listed alerts name.
    former: Vec<TreeSlot>,
    /// How often alerts that stand name it.
    #[serde(skip)]
    pub(super) standing: u32,
    /// How often alerts name it.
    #[serde(skip)]
    pub(super) listed: u32,
    #[serde(skip)]
    pub(super) touched: BTreeSet<SharedNodeId>,
}

/// What others know of a tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TreeFacts {
    /// The id of its root.
    pub(crate) root: Arc<str>,
    /// How many events belong to it.
    pub(crate) events: u64,
}

/// All trees of a tenant that touched a shared node or are part of an incident.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct TreeTable {
    next: u64,
    pub(super) slots: BTreeMap<TreeSlot, TreeState>,
    #[serde(skip)]
    names: BTreeMap<TreeId, TreeSlot>,
    #[serde(skip)]
    moved: BTreeMap<TreeSlot, TreeSlot>,
}

impl TreeState {
    /// Whether it takes others into its incident.
    pub(super) fn can_join(&self) -> bool {
        self.standing > 0 || self.has_counted
    }

    fn is_unused(&self) -> bool {
        self.case.is_none() && self.touched.is_empty()
    }
}

impl TreeTable {
    pub(super) fn find_slot(&self, name: TreeId) -> Option<TreeSlot> {
        self.names.get(&name).copied()
    }

    pub(super) fn find_or_insert(&mut self, name: TreeId) -> TreeSlot {
        *self.names.entry(name).or_insert_with(|| {
            let slot = TreeSlot(self.next);
            self.next += 1;
            self.slots.insert(
                slot,
                TreeState {
                    name,
                    case: None,
                    has_counted: false,
                    gone: None,
                    former: Vec::new(),
                    standing: 0,
                    listed: 0,
                    touched: BTreeSet::new(),
                },
            );
            slot
        })
    }

    /// The tree that one has become part of, or itself.
    pub(super) fn current_slot(&self, slot: TreeSlot) -> TreeSlot {
        self.moved.get(&slot).copied().unwrap_or(slot)
    }

    pub(super) fn get(&self, slot: TreeSlot) -> Option<&TreeState> {
        self.slots.get(&slot)
    }

    pub(super) fn get_mut(&mut self, slot: TreeSlot) -> Option<&mut TreeState> {
        self.slots.get_mut(&slot)
    }

    /// Whichever of two is more work to move, then the other one.
    pub(super) fn order_by_size(&self, one: TreeSlot, two: TreeSlot) -> (TreeSlot, TreeSlot) {
        let size = |slot| {
            let tree = self.get(slot);
            tree.map_or(0, |tree| tree.touched.len() + tree.former.len())
        };
        if size(one) >= size(two) {
            (one, two)
        } else {
            (two, one)
        }
    }

    /// Gives a tree that lives the name that it has now.
    pub(super) fn rename_tree(&mut self, slot: TreeSlot, name: TreeId) {
        if let Some(tree) = self.slots.get_mut(&slot) {
            tree.gone = None;
            self.names.remove(&tree.name);
            self.names.insert(name, slot);
            tree.name = name;
        }
    }

    /// `small` becomes part of `large` and is gone; their incident is one already.
    pub(super) fn merge_into(&mut self, large: TreeSlot, small: TreeSlot) {
        let Some(gone) = self.slots.remove(&small) else {
            return;
        };
        self.names.remove(&gone.name);
        let Some(tree) = self.slots.get_mut(&large) else {
            return;
        };
        tree.case = tree.case.or(gone.case);
        tree.has_counted |= gone.has_counted;
        tree.standing += gone.standing;
        tree.touched.extend(gone.touched);
        if gone.listed > 0 {
            tree.listed += gone.listed;
            let former = gone.former.into_iter().chain([small]);
            for slot in former {
                self.moved.insert(slot, large);
                tree.former.push(slot);
            }
        } else {
            for slot in gone.former {
                self.moved.remove(&slot);
            }
        }
    }

    pub(super) fn remove_touch(&mut self, slot: TreeSlot, shared: SharedNodeId) {
        if let Some(tree) = self.slots.get_mut(&slot) {
            tree.touched.remove(&shared);
        }
        self.drop_unused(slot);
    }

    pub(super) fn drop_unused(&mut self, slot: TreeSlot) {
        if self.get(slot).is_some_and(TreeState::is_unused) {
            self.remove(slot);
        }
    }

    pub(super) fn remove(&mut self, slot: TreeSlot) -> Option<TreeState> {
        let tree = self.slots.remove(&slot)?;
        self.names.remove(&tree.name);
        for former in &tree.former {
            self.moved.remove(former);
        }
        Some(tree)
    }

    /// Its incident is forgotten.
    pub(super) fn leave_case(&mut self, slot: TreeSlot) {
        let Some(tree) = self.slots.get_mut(&slot) else {
            return;
        };
        for former in tree.former.drain(..) {
            self.moved.remove(&former);
        }
        tree.case = None;
        tree.has_counted = false;
        tree.standing = 0;
        tree.listed = 0;
        self.drop_unused(slot);
    }

    /// Fills in what follows from the trees; `None` when two have one name or number.
    pub(super) fn rebuild_indexes(&mut self) -> Option<()> {
        for (slot, tree) in &self.slots {
            let is_given = slot.0 < self.next;
            if !is_given || self.names.insert(tree.name, *slot).is_some() {
                return None;
            }
            for former in &tree.former {
                if self.slots.contains_key(former) || self.moved.insert(*former, *slot).is_some() {
                    return None;
                }
            }
        }
        Some(())
    }
}
