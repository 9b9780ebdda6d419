//! Answers to what is asked of the forest.

use std::collections::HashMap;
use std::sync::Arc;

use larum_event::{Position, TenantId};

use crate::entity::spellings;
use crate::error::AskError;
use crate::forest::Forest;
use crate::gather::Viewer;
use crate::grove::Grove;
use crate::incident::{IncidentId, IncidentQuery, IncidentSummary};
use crate::members::TreeId;
use crate::query::TreeQuery;
use crate::select::select;
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

    /// What is asked of the tree that holds [`TreeQuery::id`]. [`TreeQuery::as_of`] is the caller's part: a forest knows
    /// trees as they are.
    ///
    /// # Errors
    /// There is no such tree, the other end of a path is in another one, or the cursor is another question's.
    pub fn query(&self, tenant: &TenantId, query: &TreeQuery) -> Result<TreeView, AskError> {
        let no_tree = || AskError::NoTree {
            id: query.id.clone(),
        };
        let grove = self.groves.get(tenant).ok_or_else(no_tree)?;
        let focus = self.find(grove, &query.id).ok_or_else(no_tree)?;
        let viewer = Viewer {
            forest: self,
            grove,
            tenant,
        };
        if let Some(page) = viewer.quick(query, focus) {
            return page;
        }
        let summit = grove.summit(focus);
        let whole = summit.and_then(|summit| viewer.view(&summit));
        select(&whole.ok_or_else(no_tree)?, query)
    }

    /// The ids from the node that holds `id` up to the root of its tree.
    pub fn lineage(&self, tenant: &TenantId, id: &str) -> Option<Vec<Arc<str>>> {
        let grove = self.groves.get(tenant)?;
        let lineage = grove.lineage(self.find(grove, id)?)?;
        Some(
            lineage
                .into_iter()
                .map(|node| grove.name_of(node))
                .collect(),
        )
    }

    /// The ids on the way from the node that holds `id` to the one that holds `to`, over the node above both; `None`
    /// when they are not of one tree.
    pub fn path(&self, tenant: &TenantId, id: &str, to: &str) -> Option<Vec<Arc<str>>> {
        let grove = self.groves.get(tenant)?;
        let mut up = grove.lineage(self.find(grove, id)?)?;
        let mut down = grove.lineage(self.find(grove, to)?)?;
        if up.last() != down.last() {
            return None;
        }
        let mut above = None;
        while let (Some(one), Some(other)) = (up.last(), down.last())
            && one == other
        {
            above = up.pop();
            down.pop();
        }
        let way = up.into_iter().chain(above).chain(down.into_iter().rev());
        Some(way.map(|node| grove.name_of(node)).collect())
    }

    /// A page of the incidents of a tenant, those changed last first, and how many there are in all. Entities that find
    /// none are looked for as events are read, like those of [`Forest::trees_of`].
    pub fn incidents(
        &self,
        tenant: &TenantId,
        query: &IncidentQuery,
    ) -> (Vec<IncidentSummary>, u64) {
        let Some(grove) = self.groves.get(tenant) else {
            return (Vec::new(), 0);
        };
        let families = families_by_tree(grove);
        let look = |tree: TreeId| grove.tree_facts(*families.get(&tree)?);
        let found = grove.incidents.list(query, &look);
        let as_read = query.entities.iter().map(|(kind, value)| {
            let last = spellings(kind, value).last();
            (kind.clone(), last.unwrap_or_else(|| value.clone()))
        });
        let as_read = IncidentQuery {
            entities: as_read.collect(),
            ..query.clone()
        };
        if found.1 > 0 || as_read == *query {
            return found;
        }
        grove.incidents.list(&as_read, &look)
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
            spellings(kind, value)
                .find_map(|value| incidents.of_entity(kind, &value).into_iter().next_back())
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
