//! What incidents learn from trees: which alerts are in which, and which trees share a node.

use std::sync::Arc;

use larum_event::IncidentJoin;
use petgraph::Direction::Outgoing;
use petgraph::stable_graph::NodeIndex;

use super::TenantGraph;
use crate::cross_edge::CrossEdgeKind;
use crate::event_facts::EventFacts;
use crate::graph_node::NodeAlert;
use crate::incident;
use crate::tree_members::TreeId;

impl TenantGraph {
    /// An event of `main` also belongs to `shared`, whose link joins trees; that may be `main`
    /// itself, whose own tree is one of those that it joins.
    pub(super) fn forward_touch(
        &mut self,
        main: NodeIndex,
        shared: NodeIndex,
        joins: IncidentJoin,
        facts: &EventFacts<'_>,
    ) {
        let Some(tree) = self.tree_id_of(main) else {
            return;
        };
        let name = self.nodes.name(shared);
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
    pub(crate) fn tree_facts(&self, component: u32) -> Option<incident::TreeFacts> {
        Some(incident::TreeFacts {
            root: self.nodes.name(self.root_of(component)?),
            events: self.components.get(component)?.event_count(),
        })
    }

    /// An alert was raised, revised or retracted.
    pub(super) fn forward_alert(&mut self, alert: NodeIndex, raised: &NodeAlert) {
        let Some(tree) = self.tree_id_of(alert) else {
            return;
        };
        let causes = self
            .nodes
            .cross_edges(alert, CrossEdgeKind::Causation, Outgoing);
        let mut others: Vec<TreeId> = causes
            .filter_map(|(node, _)| self.tree_id_of(node))
            .filter(|other| *other != tree)
            .collect();
        others.sort_unstable();
        others.dedup();
        let component = self.component_of(alert).into_iter();
        let known = component.flat_map(|component| component.entities());
        let mut entities: Vec<(Arc<str>, Arc<str>)> = known.cloned().collect();
        for (name, value) in &raised.key {
            if self.entity_kinds.contains(name.as_str()) {
                entities.push((name.as_str().into(), value.as_str().into()));
            }
        }
        // Sorted, because incidents list the first of a kind and count the rest.
        entities.sort();
        entities.dedup();
        let id = self.nodes.name(alert);
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
