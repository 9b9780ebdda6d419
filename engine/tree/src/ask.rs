//! Answers to what is asked of the forest.

use std::collections::HashMap;

use larum_event::{Position, TenantId};

use crate::forest::Forest;
use crate::gather::Viewer;
use crate::grove::Grove;
use crate::incident::{IncidentId, IncidentQuery, IncidentSummary};
use crate::members::TreeId;
use crate::view::TreeView;

impl Forest {
    /// The tree in which `id` stands: a node, an event or an alert of `tenant`, or an entity.
    pub fn tree(&self, tenant: &TenantId, id: &str) -> Option<TreeView> {
        let grove = self.groves.get(tenant)?;
        let node = self.find(grove, id)?;
        let viewer = Viewer {
            forest: self,
            grove,
            tenant,
        };
        viewer.view(&grove.summit(node)?)
    }

    /// A page of the incidents of a tenant, those changed last first, and how many there are in all.
    pub fn incidents(
        &self,
        tenant: &TenantId,
        query: &IncidentQuery,
    ) -> (Vec<IncidentSummary>, u64) {
        let Some(grove) = self.groves.get(tenant) else {
            return (Vec::new(), 0);
        };
        let families = families_by_tree(grove);
        grove
            .incidents
            .list(query, &|tree| grove.tree_facts(*families.get(&tree)?))
    }

    /// The incident of a name, of an alias, or that holds an alert or a tree with an id; with its alerts.
    pub fn incident(&self, tenant: &TenantId, id: &str) -> Option<IncidentSummary> {
        let grove = self.groves.get(tenant)?;
        let name = self.incident_name(grove, id)?.0.clone();
        let families = families_by_tree(grove);
        grove
            .incidents
            .summary(&name, &|tree| grove.tree_facts(*families.get(&tree)?))
    }

    fn incident_name<'a>(&self, grove: &'a Grove, id: &str) -> Option<&'a IncidentId> {
        let incidents = &grove.incidents;
        let of_tree = || {
            let node = self.find(grove, id)?;
            incidents.of_tree(grove.tree_of(node)?)
        };
        let of_entity = || {
            let (kind, value) = id.split_once(':')?;
            incidents.of_entity(kind, value).into_iter().next_back()
        };
        incidents
            .name(id)
            .or_else(|| incidents.of_alert(id))
            .or_else(of_tree)
            .or_else(of_entity)
    }

    /// Names of incidents that changed after a position, in the order of their last changes; at most `most`.
    pub fn incidents_changed_after(
        &self,
        tenant: &TenantId,
        after: Position,
        most: usize,
    ) -> Vec<IncidentId> {
        let grove = self.groves.get(tenant);
        let changed = grove.map(|grove| grove.incidents.changed_after(after, most));
        changed.into_iter().flatten().cloned().collect()
    }
}

/// The families by the numbers of their trees. Only looked up in.
fn families_by_tree(grove: &Grove) -> HashMap<TreeId, u32> {
    let families = grove.families.by_age();
    families
        .filter_map(|number| Some((grove.families.get(number)?.tree, number)))
        .collect()
}
