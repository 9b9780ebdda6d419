//! Answers to questions about trees and incidents.
//!
//! Owns the way from an id, an event or an entity to a tree or incident; pages of trees are left to
//! the readers of an outline.
//! Invariant: asking changes nothing but the cache of outlines, so the answers of a replay are
//! those of the live graph.

use std::collections::HashMap;
use std::sync::Arc;

use larum_event::{Position, TenantId};

use crate::correlation_graph::CorrelationGraph;
use crate::entity_index::spelling_variants;
use crate::incident::{IncidentId, IncidentQuery, IncidentSummary};
use crate::outline_reader::OutlineReader;
use crate::tenant_graph::TenantGraph;
use crate::tree_members::TreeId;
use crate::view::TreeView;
use crate::view_builder::ViewBuilder;

impl CorrelationGraph {
    /// The tree that holds `id`: a node, an event or an alert of `tenant`, or an entity.
    pub fn find_tree(&self, tenant: &TenantId, id: &str) -> Option<TreeView> {
        let tenant_graph = self.tenants.get(tenant)?;
        let node = tenant_graph.resolve_id(&self.edge_reasons, id)?;
        let viewer = self.view_builder(tenant, tenant_graph);
        Some(viewer.build_view(&tenant_graph.find_root(node)?))
    }

    /// The outline of the tree that holds `id`, for those who need only some of its nodes.
    pub fn open_outline<'a>(&'a self, tenant: &'a TenantId, id: &str) -> Option<OutlineReader<'a>> {
        let tenant_graph = self.tenants.get(tenant)?;
        let focus = tenant_graph.resolve_id(&self.edge_reasons, id)?;
        let viewer = self.view_builder(tenant, tenant_graph);
        let root = tenant_graph.find_root(focus)?;
        let outline = self.outlines.get_or_build(viewer, &root)?;
        Some(OutlineReader::new(viewer, root.top, focus, outline))
    }

    fn view_builder<'a>(
        &'a self,
        tenant: &'a TenantId,
        tenant_graph: &'a TenantGraph,
    ) -> ViewBuilder<'a> {
        ViewBuilder {
            edge_reasons: &self.edge_reasons,
            tenant_graph,
            tenant,
        }
    }

    /// The ids from the node that holds `id` up to the root of its tree.
    pub fn ancestor_ids(&self, tenant: &TenantId, id: &str) -> Option<Vec<Arc<str>>> {
        let tenant_graph = self.tenants.get(tenant)?;
        let lineage = tenant_graph.ancestors(tenant_graph.resolve_id(&self.edge_reasons, id)?)?;
        Some(
            lineage
                .into_iter()
                .map(|node| tenant_graph.nodes().name(node))
                .collect(),
        )
    }

    /// The ids on the way from the node that holds `id` to the one that holds `to`, over the node
    /// above both; `None` when they are not of one tree.
    pub fn path_between(&self, tenant: &TenantId, id: &str, to: &str) -> Option<Vec<Arc<str>>> {
        let tenant_graph = self.tenants.get(tenant)?;
        let mut up = tenant_graph.ancestors(tenant_graph.resolve_id(&self.edge_reasons, id)?)?;
        let mut down = tenant_graph.ancestors(tenant_graph.resolve_id(&self.edge_reasons, to)?)?;
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
        let path = up.into_iter().chain(above).chain(down.into_iter().rev());
        Some(path.map(|node| tenant_graph.nodes().name(node)).collect())
    }

    /// A page of the incidents of a tenant, those changed last first, and how many there are in
    /// all. Entities that find none are looked for as events are read, like those of
    /// [`CorrelationGraph::trees_of_entity`].
    pub fn list_incidents(
        &self,
        tenant: &TenantId,
        query: &IncidentQuery,
    ) -> (Vec<IncidentSummary>, u64) {
        let Some(tenant_graph) = self.tenants.get(tenant) else {
            return (Vec::new(), 0);
        };
        let components = components_by_tree(tenant_graph);
        let look = |tree: TreeId| tenant_graph.tree_facts(*components.get(&tree)?);
        let found = tenant_graph.incidents().list_page(query, &look);
        let entities = query.entities.iter().map(|(kind, value)| {
            let last = spelling_variants(kind, value).last();
            (kind.clone(), last.unwrap_or_else(|| value.clone()))
        });
        let as_read = IncidentQuery {
            entities: entities.collect(),
            ..query.clone()
        };
        if found.1 > 0 || as_read == *query {
            return found;
        }
        tenant_graph.incidents().list_page(&as_read, &look)
    }

    /// The incident of a name, of an alias, or that holds an alert or a tree with an id; with its
    /// alerts.
    pub fn find_incident(&self, tenant: &TenantId, id: &str) -> Option<IncidentSummary> {
        let tenant_graph = self.tenants.get(tenant)?;
        let name = self.find_incident_id(tenant_graph, id)?.0.clone();
        let components = components_by_tree(tenant_graph);
        tenant_graph.incidents().find_summary(&name, &|tree| {
            tenant_graph.tree_facts(*components.get(&tree)?)
        })
    }

    fn find_incident_id<'a>(
        &self,
        tenant_graph: &'a TenantGraph,
        id: &str,
    ) -> Option<&'a IncidentId> {
        let incidents = tenant_graph.incidents();
        let of_tree = || {
            let node = tenant_graph.resolve_id(&self.edge_reasons, id)?;
            incidents.incident_of_tree(tenant_graph.tree_id_of(node)?)
        };
        let of_entity = || {
            let (kind, value) = id.split_once(':')?;
            spelling_variants(kind, value).find_map(|value| {
                incidents
                    .incidents_of_entity(kind, &value)
                    .into_iter()
                    .next_back()
            })
        };
        incidents
            .current_name(id)
            .or_else(|| incidents.incident_of_alert(id))
            .or_else(of_tree)
            .or_else(of_entity)
    }

    /// Names of incidents that changed after a position, in the order of their last changes; at
    /// most `most`.
    pub fn incidents_changed_after(
        &self,
        tenant: &TenantId,
        after: Position,
        most: usize,
    ) -> Vec<IncidentId> {
        let tenant_graph = self.tenants.get(tenant);
        let changed = tenant_graph.map(|tenant_graph| {
            tenant_graph
                .incidents()
                .incidents_changed_after(after, most)
        });
        changed.into_iter().flatten().cloned().collect()
    }
}

/// The components by the numbers of their trees. Only looked up in.
fn components_by_tree(tenant_graph: &TenantGraph) -> HashMap<TreeId, u32> {
    let components = tenant_graph.components().iter_oldest_first();
    components
        .filter_map(|number| Some((tenant_graph.components().get(number)?.tree(), number)))
        .collect()
}
