//! Incidents as they are written into a checkpoint, and back.
//!
//! Written is what cannot be found again: the rest follows from it. All maps are sorted, so equal
//! states write equal bytes.

use serde::Deserialize;

use super::case_table::CaseTable;
use super::incident_limits::IncidentLimits;
use super::shared_nodes::SharedNodes;
use super::tenant_incidents::TenantIncidents;
use super::tree_table::TreeTable;
use crate::error::GraphRestoreError;

/// What [`TenantIncidents`] writes.
#[derive(Deserialize)]
pub(super) struct IncidentsCheckpoint {
    limits: IncidentLimits,
    cases: CaseTable,
    trees: TreeTable,
    touches: SharedNodes,
}

impl TryFrom<IncidentsCheckpoint> for TenantIncidents {
    type Error = GraphRestoreError;

    fn try_from(written: IncidentsCheckpoint) -> Result<Self, GraphRestoreError> {
        let damaged = |what| GraphRestoreError::Damaged { what };
        let IncidentsCheckpoint {
            limits,
            mut cases,
            mut trees,
            mut touches,
        } = written;
        cases
            .rebuild_indexes()
            .ok_or(damaged("two incidents share a name or an alert"))?;
        trees
            .rebuild_indexes()
            .ok_or(damaged("two trees of incidents share a name"))?;
        for (slot, tree) in &trees.slots {
            let Some(case_slot) = tree.case else {
                continue;
            };
            let case = cases
                .slots
                .get_mut(&case_slot)
                .ok_or(damaged("a tree is of an incident that is not there"))?;
            case.trees.insert(*slot);
        }
        for (slot, case) in &cases.slots {
            for alert in case.alerts.values() {
                for tree in &alert.trees {
                    let now = trees.current_slot(*tree);
                    let tree = trees
                        .get_mut(now)
                        .filter(|tree| tree.case == Some(*slot))
                        .ok_or(damaged("an alert's tree is not of its incident"))?;
                    tree.listed = tree.listed.saturating_add(1);
                    tree.standing = tree.standing.saturating_add(u32::from(alert.is_standing()));
                }
            }
        }
        let touched = touches.rebuild_indexes();
        for (shared, tree) in touched.ok_or(damaged("touches are not in order"))? {
            let tree = trees
                .get_mut(tree)
                .ok_or(damaged("a node is touched by a tree that is not there"))?;
            tree.touched.insert(shared);
        }
        // Count last: the trees of an incident are entries, too.
        cases.count_entries();
        Ok(Self {
            limits,
            cases,
            trees,
            touches,
        })
    }
}
