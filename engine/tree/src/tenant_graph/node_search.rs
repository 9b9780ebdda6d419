//! Finds the node that an id, an event or an entity refers to.

use std::collections::BTreeSet;

use larum_event::EventId;
use petgraph::stable_graph::NodeIndex;

use super::TenantGraph;
use crate::cross_edge::CrossEdgeKind;
use crate::edge_reason::EdgeReasons;
use crate::entity_index::spelling_variants;
use crate::graph_node::NodeClass;
use crate::tree_members::RootSummary;

impl TenantGraph {
    /// The node that an id refers to: the id of a node, an event or an alert, a bare trace id, or
    /// `kind:value` of an entity.
    pub(crate) fn resolve_id(&self, reasons: &EdgeReasons, id: &str) -> Option<NodeIndex> {
        self.find_by_id(reasons, id)
            .or_else(|| self.node_of_event(id))
            .or_else(|| self.first_alert_naming(&EventId::new(id).ok()?))
            .or_else(|| self.nodes.find(NodeClass::TRACE, &format!("trace:{id}")))
            .map(|node| self.first_trace_carrier(node))
            .or_else(|| self.find_lower_case_link(reasons, id))
            .or_else(|| {
                let (kind, value) = id.split_once(':')?;
                spelling_variants(kind, value)
                    .find_map(|value| self.nodes_with_entity(kind, &value).next())
            })
    }

    /// The node of a link by its id in lower case. Links write GUIDs that way, because collectors
    /// spell them in either case.
    fn find_lower_case_link(&self, reasons: &EdgeReasons, id: &str) -> Option<NodeIndex> {
        let (link, _) = id.split_once(':')?;
        self.nodes
            .find(reasons.find_class(link)?, &id.to_lowercase())
    }

    /// The node with an id.
    pub(crate) fn find_by_id(&self, reasons: &EdgeReasons, id: &str) -> Option<NodeIndex> {
        let link = id
            .split_once(':')
            .and_then(|(link, _)| reasons.find_class(link));
        link.and_then(|class| self.nodes.find(class, id))
            .or_else(|| self.nodes.find(NodeClass::TRACE, id))
            .or_else(|| self.nodes.find(NodeClass::STEP, id))
    }

    /// The first alert, by time and id, whose trigger or evidence is this event, if the event is in
    /// no node.
    fn first_alert_naming(&self, event: &EventId) -> Option<NodeIndex> {
        let alerts = self.alerts_awaiting(event).filter_map(|alert| {
            let node = self.nodes.get(alert)?;
            Some((node.alert()?.time, &node.name, alert))
        });
        alerts.min().map(|(_, _, alert)| alert)
    }

    /// The nodes that name an entity, the latest first.
    pub(crate) fn nodes_with_entity(
        &self,
        kind: &str,
        value: &str,
    ) -> impl Iterator<Item = NodeIndex> {
        let places = self.entities.nodes_of(kind, value);
        places
            .filter(|(node, named)| {
                let found = self.nodes.get(*node);
                found.is_some_and(|found| {
                    found.named_at == *named && self.components.get(found.component).is_some()
                })
            })
            .map(|(node, _)| node)
    }

    /// The trees of the nodes that name an entity, the latest first.
    pub(crate) fn trees_with_entity(&self, kind: &str, value: &str) -> Vec<RootSummary> {
        let mut seen = BTreeSet::new();
        let mut found = Vec::new();
        for node in self.nodes_with_entity(kind, value) {
            let Some(component) = self.nodes.get(node).map(|node| node.component) else {
                continue;
            };
            if seen.insert(component) {
                found.extend(self.root_summary(component));
            }
        }
        found
    }

    /// For a trace with nothing under it, because all events that carry it name their own place:
    /// the node of the first of those.
    fn first_trace_carrier(&self, node: NodeIndex) -> NodeIndex {
        let is_bare = self.nodes.get(node).is_some_and(|node| {
            node.class == NodeClass::TRACE && node.child_count == 0 && node.event_count == 0
        });
        if !is_bare {
            return node;
        }
        let carriers =
            self.nodes
                .cross_edges(node, CrossEdgeKind::Trace, petgraph::Direction::Incoming);
        let first = carriers.min_by_key(|(carrier, tie)| (tie.position, self.nodes.name(*carrier)));
        first.map_or(node, |(carrier, _)| carrier)
    }
}
