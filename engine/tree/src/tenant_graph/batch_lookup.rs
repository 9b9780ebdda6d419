//! The tree of an event as it was with an earlier event of the batch.
//!
//! Owns the way back: what the history of the batch holds counts before what the graph says now.
//! Which questions rules may ask is not decided here.
//! Invariant: an answer for a position depends on events up to it and never on later ones of the
//! batch, so rules see the same tree whatever the size of a batch.

use std::collections::HashMap;
use std::sync::Arc;

use larum_event::{Event, EventId, Position, Timestamp, TreeNodeView, VisitOutcome, limits};
use petgraph::stable_graph::NodeIndex;

use super::TenantGraph;
use crate::edge_reason::EdgeReasons;
use crate::graph_node::{GraphNode, NodeAttributes, NodeClass, ParentKind};

impl TenantGraph {
    /// What was known of a node with the event at a position.
    fn attributes_at(&self, node: NodeIndex, at: Position) -> NodeAttributes {
        match self.history.attributes_at(node, at) {
            Some(before) => before.clone(),
            None => self
                .nodes
                .get(node)
                .map(GraphNode::attributes)
                .unwrap_or_default(),
        }
    }

    /// The parent of a node with the event at a position, by what events from outside say: when
    /// alerts come among them depends on the engine's pace, so rules do not see it.
    pub(super) fn parent_at(&self, node: NodeIndex, at: Position) -> Option<NodeIndex> {
        let parent = match self.history.parent_at(node, at) {
            Some(before) => before,
            None => self.nodes.get(node)?.parent_edge,
        };
        let (_, above) = parent.filter(|(kind, _)| *kind != ParentKind::Causation)?;
        Some(above)
    }

    pub(crate) fn node_view(
        &self,
        reasons: &EdgeReasons,
        node: NodeIndex,
        at: Position,
    ) -> Option<TreeNodeView> {
        let found = self.nodes.get(node)?;
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

    /// The node that an event, or what set an alert off, belongs to, with the event at a position.
    pub(crate) fn find_node_at(&self, event: &Event, at: Position) -> Option<NodeIndex> {
        let envelope = event.envelope();
        let cause = envelope.causation_id.as_ref();
        let own = self.history.batch_node(&envelope.id, at);
        own.or_else(|| self.node_of_event_at(&envelope.id, at))
            .or_else(|| self.node_of_event_at(cause?, at))
    }

    /// The nodes from one up, itself first, with the event at a position: to the top, where a
    /// circle is cut as [`TenantGraph::find_root_at`] cuts it, or as far as anybody may climb. What
    /// is further up costs nothing.
    pub(crate) fn ancestors_at(
        &self,
        from: NodeIndex,
        at: Position,
    ) -> (Vec<NodeIndex>, VisitOutcome) {
        let mut lineage = vec![from];
        // Asked only for the place of a node, never walked.
        let mut places = HashMap::from([(from, 0)]);
        let mut last = from;
        while let Some(above) = self.parent_at(last, at) {
            if let Some(entered) = places.get(&above) {
                let circle = lineage.iter().enumerate().skip(*entered);
                let name = |node: &NodeIndex| self.nodes.get(*node).map(|node| &node.name);
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
        let removed = self.history.removed_nodes_of(event, at);
        let known = self.events.find_by_id(event.as_str()).filter_map(|entry| {
            let entry = self.events.get(entry)?;
            (entry.position <= at && !entry.alert).then_some(entry.main)
        });
        // Sources may share an id.
        let nodes = removed.chain(known);
        let named = nodes.filter_map(|node| Some((&self.nodes.get(node)?.name, node)));
        named.min().map(|(_, node)| node)
    }

    /// Time of the first event of a node, of those up to a position of this batch.
    fn first_time_at(&self, node: NodeIndex, at: Position) -> Option<Timestamp> {
        let first = match self.history.first_time_at(node, at) {
            Some(first) => first,
            None => self.nodes.get(node)?.first_time,
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
