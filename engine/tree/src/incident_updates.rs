//! What incidents are told of trees.

use std::sync::Arc;

use larum_event::IncidentJoin;
use petgraph::Direction::Outgoing;
use petgraph::stable_graph::NodeIndex;

use crate::cross_edge::CrossEdgeKind;
use crate::event_facts::EventFacts;
use crate::graph_node::NodeAlert;
use crate::incident;
use crate::tenant_graph::TenantGraph;
use crate::tree_members::TreeId;

impl TenantGraph {
    /// The number of the tree that a node is of.
    pub(crate) fn tree_id_of(&self, node: NodeIndex) -> Option<TreeId> {
        let family = self.node(node)?.component;
        Some(self.components.get(family)?.tree)
    }

    /// An event of `main` also hangs on `shared`, whose link joins trees; that may be `main` itself, whose own tree
    /// is one of those that it joins.
    pub(crate) fn forward_touch(
        &mut self,
        main: NodeIndex,
        shared: NodeIndex,
        joins: IncidentJoin,
        facts: &EventFacts<'_>,
    ) {
        let Some(tree) = self.tree_id_of(main) else {
            return;
        };
        let name = self.node_name(shared);
        let touch = incident::TreeTouch {
            tree,
            shared: shared_node_id(&name),
            joins,
            time: facts.event.envelope().time,
            position: facts.position,
        };
        self.incidents.record_touch(&touch, || name);
    }

    /// What incidents show of a tree.
    pub(crate) fn tree_facts(&self, family: u32) -> Option<incident::TreeFacts> {
        Some(incident::TreeFacts {
            root: self.node_name(self.root_of(family)?),
            events: self.components.get(family)?.event_count,
        })
    }

    /// The incident that a family belongs to.
    pub(crate) fn incident_name(&self, family: u32) -> Option<Arc<str>> {
        let tree = self.components.get(family)?.tree;
        Some(self.incidents.incident_of_tree(tree)?.0.clone())
    }

    pub(crate) fn forward_merge(&mut self, survivor: TreeId, gone: TreeId) {
        self.incidents
            .merge_trees(survivor, gone, self.current_position);
    }

    /// An alert was raised, revised or retracted.
    pub(crate) fn forward_alert(&mut self, alert: NodeIndex, raised: &NodeAlert) {
        let Some(tree) = self.tree_id_of(alert) else {
            return;
        };
        let causes = self.cross_edges(alert, CrossEdgeKind::Causation, Outgoing);
        let mut others: Vec<TreeId> = causes
            .filter_map(|(node, _)| self.tree_id_of(node))
            .filter(|other| *other != tree)
            .collect();
        others.sort_unstable();
        others.dedup();
        let mut entities: Vec<(Arc<str>, Arc<str>)> = Vec::new();
        let number = self.node(alert).map_or(u32::MAX, |node| node.component);
        if let Some(known) = self
            .components
            .get(number)
            .and_then(|family| family.entities.as_ref())
        {
            entities.extend(known.iter().cloned());
        }
        for (name, value) in &raised.key {
            if self.entity_kinds.contains(name.as_str()) {
                entities.push((name.as_str().into(), value.as_str().into()));
            }
        }
        entities.sort();
        entities.dedup();
        let id = self.node_name(alert);
        self.incidents.record_alert(&incident::AlertUpdate {
            id: &id,
            revision: raised.revision,
            status: raised.status,
            rule: &raised.rule,
            title: raised.title.as_ref(),
            severity: raised.severity,
            attack: &raised.attack,
            time: raised.time,
            first: raised.first,
            last: raised.last,
            message: &raised.message,
            position: raised.position,
            entities: &entities,
            tree,
            others: &others,
        });
    }
}

/// A number that no other node has: nobody can find two ids that share it.
fn shared_node_id(name: &str) -> incident::SharedNodeId {
    let hash = blake3::hash(name.as_bytes());
    let first = hash.as_bytes().first_chunk::<8>().copied();
    incident::SharedNodeId(u64::from_le_bytes(first.unwrap_or_default()))
}
