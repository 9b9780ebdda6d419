//! What happens to trees: they touch shared nodes, become one and leave memory.
//!
//! Owns the state of a tenant. What alerts do to it is the job of [`super::alerts`], which
//! incidents become one then that of [`super::merge_set`].
//! Invariant: as far as no limit bites, two trees with an alert in force are in one incident
//! when they touched a node near each other that is no crowd. The state is a function of the calls,
//! so of the log.

use std::sync::Arc;

use larum_event::{IncidentJoin, Position, Timestamp};
use serde::{Deserialize, Serialize};

use super::TieCause;
use super::case_table::CaseTable;
use super::checkpoint::IncidentsCheckpoint;
use super::incident_limits::IncidentLimits;
use super::merge_set::MergeSet;
use super::shared_nodes::{NodeTouch, SharedNodes, TouchEffect};
use super::slots::{SharedNodeId, TreeSlot};
use super::tree_table::{TreeFacts, TreeTable};
use crate::tree_members::TreeId;

/// The incidents of one tenant.
///
/// The caller reports, in the order of the log, every revision of an alert
/// ([`TenantIncidents::record_alert`]), every event that belongs to a node whose link joins
/// ([`TenantIncidents::record_touch`]), and trees that become one
/// ([`TenantIncidents::merge_trees`]) or leave memory ([`TenantIncidents::forget_tree`]). Ids of
/// trees are those of the moment: when an event makes two trees one, the merge is reported before
/// the event's touches and alerts are.
///
/// Decided here:
/// - A tree joins others only while an alert is in force that is one of its nodes or has evidence
///   in it. Touches from before its first alert count as soon as it has one.
/// - Every tree that touches a node counts towards [`IncidentJoin::most`], with alerts or without.
///   Once more trees touched it than that, no tree is ever joined through it again; what was joined
///   before stays so.
/// - When the link of a node joins otherwise than before, the node begins again.
/// - What is retracted joins nothing more but stays where it is.
/// - A tree that leaves memory keeps its touches while it is in an incident. One without is
///   forgotten.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(try_from = "IncidentsCheckpoint")]
pub(crate) struct TenantIncidents {
    pub(super) limits: IncidentLimits,
    pub(super) cases: CaseTable,
    pub(super) trees: TreeTable,
    pub(super) touches: SharedNodes,
}

/// An event of a tree also belongs to a shared node.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TreeTouch {
    /// The tree of the event.
    pub(crate) tree: TreeId,
    /// The node.
    pub(crate) shared: SharedNodeId,
    /// How the node's link joins.
    pub(crate) joins: IncidentJoin,
    /// The event's time.
    pub(crate) time: Timestamp,
    /// The position of the event.
    pub(crate) position: Position,
}

impl TenantIncidents {
    /// With other limits than the usual ones.
    #[cfg(test)]
    pub(crate) fn with_limits(limits: IncidentLimits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// An event of a tree also belongs to a shared node. `name` gives the node's id and is asked
    /// once for each node.
    pub(crate) fn record_touch(&mut self, touch: &TreeTouch, name: impl FnOnce() -> Arc<str>) {
        let shared = touch.shared;
        let tree = self.trees.find_or_insert(touch.tree);
        let at = NodeTouch {
            shared,
            joins: IncidentJoin {
                most: touch.joins.most.min(self.limits.trees_per_node),
                ..touch.joins
            },
            time: touch.time,
            position: touch.position,
        };
        let (touched, unknown) = self.touches.record_touch(at, tree, name, self.limits.runs);
        let is_crowded = touched == TouchEffect::Crowded;
        if let Some(known) = self.trees.get_mut(tree).filter(|_| !is_crowded) {
            known.touched.insert(shared);
        }
        // Tell incidents of a crowd while their trees are still known to have touched the node.
        for other in unknown.into_iter().filter(|other| *other != tree) {
            if is_crowded {
                self.record_crowded_node(other, shared);
            }
            self.trees.remove_touch(other, shared);
        }
        match touched {
            TouchEffect::Covered => {}
            TouchEffect::Grown => self.join_near_trees(tree, &[shared], touch.position),
            TouchEffect::Crowded => {
                self.record_crowded_node(tree, shared);
                self.trees.remove_touch(tree, shared);
            }
        }
        self.enforce_limits();
    }

    /// The event at `position` made two trees one.
    pub(crate) fn merge_trees(&mut self, survivor: TreeId, gone: TreeId, position: Position) {
        let Some(one) = self.trees.find_slot(gone).filter(|_| survivor != gone) else {
            return;
        };
        let Some(two) = self.trees.find_slot(survivor) else {
            self.trees.rename_tree(one, survivor);
            return;
        };
        let mut reach = MergeSet::default();
        for slot in [two, one] {
            if let Some(case) = self.case_of_tree(slot) {
                reach.insert(case, Some(TieCause::Tree));
            }
        }
        let case = self.merge_all(reach, position);
        // Ask before merging the trees: afterwards nobody can say which of the two touched a node.
        let fresh = self.newly_joining_nodes(one, two);
        let (large, small) = self.trees.order_by_size(two, one);
        let moved = self.trees.get(small).map(|tree| tree.touched.clone());
        for shared in moved.unwrap_or_default() {
            self.touches
                .move_touches(shared, small, large, self.limits.runs);
        }
        self.trees.merge_into(large, small);
        self.trees.rename_tree(large, survivor);
        if let Some(case) = case {
            self.cases.update_case(case, |case| {
                case.trees.remove(&small);
                case.trees.insert(large);
            });
        }
        // Join after both are one: a touch of the tree without alerts joins only now.
        self.join_near_trees(large, &fresh, position);
        self.enforce_limits();
    }

    /// A tree left memory and takes nothing in any more.
    pub(crate) fn forget_tree(&mut self, tree: TreeId, facts: &TreeFacts) {
        let Some(slot) = self.trees.find_slot(tree) else {
            return;
        };
        let Some(known) = self.trees.get_mut(slot) else {
            return;
        };
        let is_listed = known.listed > 0;
        if known.case.is_some() && is_listed {
            known.gone = Some(facts.clone());
            return;
        }
        if let Some(case) = known.case {
            self.cases.update_case(case, |case| {
                case.trees.remove(&slot);
                case.trees_left_out += 1;
                case.events_left_out += facts.events;
            });
        }
        self.remove_tree(slot);
    }

    /// An incident says which nodes its trees share with too many.
    fn record_crowded_node(&mut self, tree: TreeSlot, shared: SharedNodeId) {
        let name = self.touches.node_name(shared);
        if let (Some(case), Some(name)) = (self.case_of_tree(tree), name) {
            self.cases
                .update_case(case, |case| case.add_crowded_node(name));
        }
    }

    pub(super) fn enforce_limits(&mut self) {
        while self.touches.entries > self.limits.touches {
            let Some((shared, trees)) = self.touches.evict_oldest() else {
                break;
            };
            for tree in trees {
                self.trees.remove_touch(tree, shared);
            }
        }
        while let Some(case) = self.cases.evict_oldest(&self.limits) {
            for tree in case.trees {
                let is_gone = self.trees.get(tree).is_some_and(|tree| tree.gone.is_some());
                if is_gone {
                    self.remove_tree(tree);
                } else {
                    self.trees.leave_case(tree);
                }
            }
        }
    }

    fn remove_tree(&mut self, slot: TreeSlot) {
        let Some(tree) = self.trees.remove(slot) else {
            return;
        };
        for shared in tree.touched {
            self.touches.forget_tree(shared, slot);
        }
    }
}
