//! Which incidents become one, and by what.

use std::collections::BTreeSet;

use larum_event::Position;

use super::cases::CaseSlot;
use super::state::Incidents;
use super::touches::Shared;
use super::trees::{Tree, TreeSlot};
use super::{IncidentId, IncidentTie, TiedBy};

/// Incidents that are to be one, each once, with what ties it to those before.
#[derive(Default)]
pub(super) struct Reach {
    pub(super) cases: Vec<(CaseSlot, Option<TiedBy>)>,
    known: BTreeSet<CaseSlot>,
}

impl Reach {
    pub(super) fn add(&mut self, case: CaseSlot, by: Option<TiedBy>) {
        if self.known.insert(case) {
            self.cases.push((case, by));
        }
    }
}

impl Incidents {
    pub(super) fn case_of(&self, tree: TreeSlot) -> Option<CaseSlot> {
        self.trees.get(tree)?.case
    }

    pub(super) fn reach_near<'a>(
        &self,
        reach: &mut Reach,
        tree: TreeSlot,
        touched: impl IntoIterator<Item = &'a Shared>,
    ) {
        for shared in touched {
            for other in self.touches.near(*shared, tree) {
                let joins = self.trees.get(other).filter(|other| other.joins());
                let Some(case) = joins.and_then(|other| other.case) else {
                    continue;
                };
                let name = self.touches.name(*shared);
                reach.add(case, name.cloned().map(TiedBy::Shared));
            }
        }
    }

    /// Joins a tree with those near it at some nodes, if it joins.
    pub(super) fn join_at(&mut self, tree: TreeSlot, shared: &[Shared], position: Position) {
        let joins = self.trees.get(tree).filter(|tree| tree.joins());
        let Some(case) = joins.and_then(|tree| tree.case) else {
            return;
        };
        let mut reach = Reach::default();
        reach.add(case, None);
        self.reach_near(&mut reach, tree, shared);
        self.unite(reach, position);
    }

    /// What only one of two trees touched that does not join, while the other one does.
    pub(super) fn touches_that_begin_to_join(&self, one: TreeSlot, two: TreeSlot) -> Vec<Shared> {
        let (one, two) = (self.trees.get(one), self.trees.get(two));
        let (Some(one), Some(two)) = (one, two) else {
            return Vec::new();
        };
        let begins = |tree: &Tree| tree.touched.iter().copied().collect();
        match (one.joins(), two.joins()) {
            (true, false) => begins(two),
            (false, true) => begins(one),
            (true, true) | (false, false) => Vec::new(),
        }
    }

    /// Makes one incident of all; `None` of none.
    pub(super) fn unite(&mut self, reach: Reach, position: Position) -> Option<CaseSlot> {
        let mut cases = reach.cases.into_iter();
        let (mut slot, by) = cases.next()?;
        // The tree of an alert belongs here without a word; another's word is why a tree without an incident came.
        if let Some(by) = by.filter(|by| *by != TiedBy::Tree) {
            self.tie(slot, position, by, None);
        }
        for (other, by) in cases {
            let Some(merged) = self.cases.merge(slot, other, &self.limits) else {
                continue;
            };
            slot = merged.slot;
            self.move_in(&merged.trees.iter().copied().collect::<Vec<_>>(), slot);
            for alert in &merged.unlisted {
                self.unlist(alert);
                self.only_count(alert);
            }
            if let Some(by) = by {
                self.tie(slot, position, by, Some(merged.alias));
            }
        }
        Some(slot)
    }

    fn tie(&mut self, slot: CaseSlot, position: Position, by: TiedBy, joined: Option<IncidentId>) {
        self.cases.change(slot, |case| {
            case.changed = case.changed.max(position);
            case.tie(IncidentTie {
                position,
                by,
                joined,
            });
        });
    }

    pub(super) fn move_in(&mut self, trees: &[TreeSlot], slot: CaseSlot) {
        for tree in trees {
            if let Some(tree) = self.trees.get_mut(*tree) {
                tree.case = Some(slot);
            }
        }
        let trees: BTreeSet<_> = trees.iter().copied().collect();
        self.cases.change(slot, |case| case.trees.extend(trees));
    }
}
