//! Which incidents become one, and by what.

use std::collections::BTreeSet;

use larum_event::Position;

use super::slots::{CaseSlot, SharedNodeId, TreeSlot};
use super::tenant_incidents::TenantIncidents;
use super::tree_table::TreeState;
use super::{IncidentId, IncidentTie, TieCause};

/// Incidents that are to be one, each once, with what ties it to those before.
#[derive(Default)]
pub(super) struct MergeSet {
    pub(super) cases: Vec<(CaseSlot, Option<TieCause>)>,
    known: BTreeSet<CaseSlot>,
}

impl MergeSet {
    pub(super) fn insert(&mut self, case: CaseSlot, by: Option<TieCause>) {
        if self.known.insert(case) {
            self.cases.push((case, by));
        }
    }
}

impl TenantIncidents {
    pub(super) fn case_of_tree(&self, tree: TreeSlot) -> Option<CaseSlot> {
        self.trees.get(tree)?.case
    }

    pub(super) fn add_near_cases<'a>(
        &self,
        reach: &mut MergeSet,
        tree: TreeSlot,
        touched: impl IntoIterator<Item = &'a SharedNodeId>,
    ) {
        for shared in touched {
            for other in self.touches.trees_near(*shared, tree) {
                let joins = self.trees.get(other).filter(|other| other.can_join());
                let Some(case) = joins.and_then(|other| other.case) else {
                    continue;
                };
                let name = self.touches.node_name(*shared);
                reach.insert(case, name.cloned().map(TieCause::Shared));
            }
        }
    }

    /// Joins a tree with those near it at some nodes, if it joins.
    pub(super) fn join_near_trees(
        &mut self,
        tree: TreeSlot,
        shared: &[SharedNodeId],
        position: Position,
    ) {
        let joins = self.trees.get(tree).filter(|tree| tree.can_join());
        let Some(case) = joins.and_then(|tree| tree.case) else {
            return;
        };
        let mut reach = MergeSet::default();
        reach.insert(case, None);
        self.add_near_cases(&mut reach, tree, shared);
        self.merge_all(reach, position);
    }

    /// What only one of two trees touched that does not join, while the other one does.
    pub(super) fn newly_joining_nodes(&self, one: TreeSlot, two: TreeSlot) -> Vec<SharedNodeId> {
        let (one, two) = (self.trees.get(one), self.trees.get(two));
        let (Some(one), Some(two)) = (one, two) else {
            return Vec::new();
        };
        let begins = |tree: &TreeState| tree.touched.iter().copied().collect();
        match (one.can_join(), two.can_join()) {
            (true, false) => begins(two),
            (false, true) => begins(one),
            (true, true) | (false, false) => Vec::new(),
        }
    }

    /// Makes one incident of all; `None` of none.
    pub(super) fn merge_all(&mut self, reach: MergeSet, position: Position) -> Option<CaseSlot> {
        let mut cases = reach.cases.into_iter();
        let (mut slot, by) = cases.next()?;
        // The tree of an alert belongs here without a word; another's word is why a tree without an
        // incident came.
        if let Some(by) = by.filter(|by| *by != TieCause::Tree) {
            self.add_tie(slot, position, by, None);
        }
        for (other, by) in cases {
            let Some(merged) = self.cases.merge_cases(slot, other, &self.limits) else {
                continue;
            };
            slot = merged.slot;
            self.assign_trees(&merged.trees.iter().copied().collect::<Vec<_>>(), slot);
            for alert in &merged.unlisted {
                self.remove_from_trees(alert);
                self.mark_unlisted(alert);
            }
            if let Some(by) = by {
                self.add_tie(slot, position, by, Some(merged.alias));
            }
        }
        Some(slot)
    }

    fn add_tie(
        &mut self,
        slot: CaseSlot,
        position: Position,
        by: TieCause,
        joined: Option<IncidentId>,
    ) {
        self.cases.update_case(slot, |case| {
            case.changed = case.changed.max(position);
            case.add_tie(IncidentTie {
                position,
                by,
                joined,
            });
        });
    }

    pub(super) fn assign_trees(&mut self, trees: &[TreeSlot], slot: CaseSlot) {
        for tree in trees {
            if let Some(tree) = self.trees.get_mut(*tree) {
                tree.case = Some(slot);
            }
        }
        let trees: BTreeSet<_> = trees.iter().copied().collect();
        self.cases
            .update_case(slot, |case| case.trees.extend(trees));
    }
}
