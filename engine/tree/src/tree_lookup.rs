//! The forest as rules see it.

use std::collections::HashMap;
use std::sync::Arc;

use larum_event::{
    Event, EventId, Position, Timestamp, TreeLookup, TreeNodeView, VisitControl, VisitOutcome,
    limits,
};
use petgraph::stable_graph::NodeIndex;

use crate::correlation_graph::CorrelationGraph;
use crate::edge_reason::EdgeReasons;
use crate::graph_node::{GraphNode, NodeClass};
use crate::tenant_graph::TenantGraph;

impl TreeLookup for CorrelationGraph {
    fn root_id(&self, event: &Event, at: Position) -> Option<Arc<str>> {
        let grove = self.tenants.get(&event.envelope().tenant)?;
        let node = grove.find_node_at(event, at)?;
        Some(grove.node_name(grove.find_root_at(node, at)?.top))
    }

    fn visit_ancestors(
        &self,
        event: &Event,
        at: Position,
        visit: &mut dyn FnMut(&TreeNodeView) -> VisitControl,
    ) -> VisitOutcome {
        let Some(grove) = self.tenants.get(&event.envelope().tenant) else {
            return VisitOutcome::NoTree;
        };
        let Some(node) = grove.find_node_at(event, at) else {
            return VisitOutcome::NoTree;
        };
        let (lineage, end) = grove.ancestors_at(node, at);
        for node in lineage {
            let Some(kin) = grove.node_view(&self.edge_reasons, node, at) else {
                return VisitOutcome::Top;
            };
            if visit(&kin) == VisitControl::Stop {
                return VisitOutcome::Stopped;
            }
        }
        end
    }
}

impl TenantGraph {
    fn node_view(
        &self,
        reasons: &EdgeReasons,
        node: NodeIndex,
        at: Position,
    ) -> Option<TreeNodeView> {
        let found = self.node(node)?;
        let known = self.attributes_at(node, at);
        Some(TreeNodeView {
            id: (*found.name).into(),
            kind: kind_name(reasons, found),
            label: known.label,
            stage: known.stage,
            tags: known.tags,
            kept_fields: known.kept,
            first: self.first_time_at(node, at),
        })
    }

    /// The node that an event, or what set an alert off, hangs on with the event at a position.
    fn find_node_at(&self, event: &Event, at: Position) -> Option<NodeIndex> {
        let envelope = event.envelope();
        let cause = envelope.causation_id.as_ref();
        let own = self.batch_history.batch_nodes.get(&at);
        let own = own.filter(|(id, _)| *id == envelope.id);
        own.map(|(_, node)| *node)
            .or_else(|| self.node_of_event_at(&envelope.id, at))
            .or_else(|| self.node_of_event_at(cause?, at))
    }

    /// The nodes from one up, itself first, with the event at a position: to the top, where a circle is cut as
    /// [`TenantGraph::find_root_at`] cuts it, or as far as anybody may climb. What stands further up costs nothing.
    fn ancestors_at(&self, from: NodeIndex, at: Position) -> (Vec<NodeIndex>, VisitOutcome) {
        let mut lineage = vec![from];
        // Asked only for the place of a node, never walked.
        let mut places = HashMap::from([(from, 0)]);
        let mut last = from;
        while let Some(above) = self.parent_at(last, at) {
            if let Some(entered) = places.get(&above) {
                let circle = lineage.iter().enumerate().skip(*entered);
                let name = |node: &NodeIndex| self.node(*node).map(|node| &node.name);
                let top = circle.min_by_key(|(_, node)| name(node));
                lineage.truncate(top.map_or(usize::MAX, |(place, _)| place + 1));
                return (lineage, VisitOutcome::Top);
            }
            if lineage.len() > limits::ANCESTORS {
                return (lineage, VisitOutcome::TooHigh);
            }
            places.insert(above, lineage.len());
            lineage.push(above);
            last = above;
        }
        (lineage, VisitOutcome::Top)
    }

    fn node_of_event_at(&self, event: &EventId, at: Position) -> Option<NodeIndex> {
        let gone = self
            .batch_history
            .removed_events
            .get(event)
            .into_iter()
            .flatten();
        let gone = gone.filter(|buried| buried.from <= at && at < buried.until);
        let gone = gone.map(|buried| buried.node);
        let known = self.entries.find_by_id(event.as_str()).filter_map(|entry| {
            let entry = self.entries.get(entry)?;
            (entry.position <= at && !entry.alert).then_some(entry.main)
        });
        // Sources may share an id.
        let named = gone.chain(known);
        let named = named.filter_map(|node| Some((&self.node(node)?.name, node)));
        named.min().map(|(_, node)| node)
    }

    /// Time of the first event of a node, of those up to a position of this batch.
    fn first_time_at(&self, node: NodeIndex, at: Position) -> Option<Timestamp> {
        let changes = self
            .batch_history
            .first_times
            .get(&node)
            .into_iter()
            .flatten();
        let mut later = changes.filter(|(position, _)| *position > at);
        let first = match later.next() {
            Some((_, before)) => *before,
            None => self.node(node)?.first_time,
        };
        (first != Timestamp::MAX).then_some(first)
    }
}

/// What kind of node it is, in a word.
fn kind_name(reasons: &EdgeReasons, node: &GraphNode) -> Arc<str> {
    match reasons.link_name(node.class) {
        Some(link) => link.clone(),
        None if node.class == NodeClass::TRACE => "trace".into(),
        None => "step".into(),
    }
}
