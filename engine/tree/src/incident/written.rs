//! Incidents as they are written into a checkpoint, and back.
//!
//! Written is what cannot be found again: the rest follows from it. All maps are sorted, so equal states write
//! equal bytes.

use serde::Deserialize;

use super::cases::Cases;
use super::state::{IncidentLimits, Incidents};
use super::touches::Touches;
use super::trees::Trees;
use crate::error::RestoreError;

/// What [`Incidents`] writes.
#[derive(Deserialize)]
pub(super) struct Written {
    limits: IncidentLimits,
    cases: Cases,
    trees: Trees,
    touches: Touches,
}

impl TryFrom<Written> for Incidents {
    type Error = RestoreError;

    fn try_from(written: Written) -> Result<Self, RestoreError> {
        let damaged = |what| RestoreError::Damaged { what };
        let Written {
            limits,
            mut cases,
            mut trees,
            mut touches,
        } = written;
        cases
            .restored()
            .ok_or(damaged("two incidents share a name or an alert"))?;
        trees
            .restored()
            .ok_or(damaged("two trees of incidents share a name"))?;
        for (slot, tree) in &trees.slots {
            let Some(case) = tree.case else { continue };
            let case = cases.slots.get_mut(&case);
            let case = case.ok_or(damaged("a tree is of an incident that is not there"))?;
            case.trees.insert(*slot);
        }
        for (slot, case) in &cases.slots {
            for alert in case.alerts.values() {
                for tree in &alert.trees {
                    let now = trees.now(*tree);
                    let tree = trees.get_mut(now).filter(|tree| tree.case == Some(*slot));
                    let tree = tree.ok_or(damaged("an alert's tree is not of its incident"))?;
                    tree.listed = tree.listed.saturating_add(1);
                    tree.standing = tree.standing.saturating_add(u32::from(alert.stands()));
                }
            }
        }
        let touched = touches.restored();
        for (shared, tree) in touched.ok_or(damaged("touches are not in order"))? {
            let tree = trees.get_mut(tree);
            let tree = tree.ok_or(damaged("a node is touched by a tree that is not there"))?;
            tree.touched.insert(shared);
        }
        cases.count_entries();
        Ok(Self {
            limits,
            cases,
            trees,
            touches,
        })
    }
}
