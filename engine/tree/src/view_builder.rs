//! From the graph to a [`TreeView`].
//!
//! Owns what is shown of a node; edges are added in `edges`, the order of nodes is the outline's
//! job.
//! Invariant: a view is a function of what events said, so two graphs fed in different orders give
//! equal views.

use std::collections::BTreeMap;

use larum_event::{EventId, TenantId, Timestamp};
use petgraph::stable_graph::NodeIndex;

use crate::edge_reason::EdgeReasons;
use crate::graph_node::{GraphNode, NodeAlert, NodeClass};
use crate::outline::{OutlineItem, TreeOutline};
use crate::tenant_graph::{TenantGraph, TreeRoot};

use crate::view::{AlertCause, NodeKind, TreeAlert, TreeCounts, TreeEvent, TreeNode, TreeView};

/// What is needed to show the trees of one tenant.
#[derive(Clone, Copy)]
pub(crate) struct ViewBuilder<'a> {
    pub(crate) edge_reasons: &'a EdgeReasons,
    pub(crate) tenant_graph: &'a TenantGraph,
    pub(crate) tenant: &'a TenantId,
}

impl ViewBuilder<'_> {
    /// The tree that begins at a summit.
    pub(crate) fn build_view(self, root: &TreeRoot) -> TreeView {
        let outline = self.build_outline(root);
        let (counts, mut why) = outline.count_range(0..outline.len());
        why.extend(outline.missing_parts().iter().cloned());
        let number = |place| Some(place);
        let nodes: Vec<TreeNode> = (0..outline.len())
            .filter_map(|place| self.build_item(&outline, place, &number))
            .collect();
        let places: Vec<_> = (0..outline.len())
            .map(|place| match outline.item(place)? {
                OutlineItem::Node(node) => Some(*node),
                OutlineItem::LinkedAlert(_) | OutlineItem::BareEvent(_) => None,
            })
            .collect();
        TreeView {
            counts,
            partial: !why.is_empty(),
            why,
            edges: self.build_edges(&nodes, &places),
            nodes,
            ..self.empty_view(root.top)
        }
    }

    /// The view of the tree at `top` without its nodes, edges and counts.
    pub(crate) fn empty_view(self, top: NodeIndex) -> TreeView {
        TreeView {
            root: self.tenant_graph.nodes().name(top),
            tenant: self.tenant.clone(),
            incident: self.tenant_graph.incident_name(top),
            as_of: self.tenant_graph.last_position(),
            counts: TreeCounts::default(),
            partial: false,
            why: Vec::new(),
            nodes: Vec::new(),
            edges: Vec::new(),
            next: None,
        }
    }

    /// The node with an id.
    pub(crate) fn find_by_id(self, id: &str) -> Option<NodeIndex> {
        self.tenant_graph.find_by_id(self.edge_reasons, id)
    }

    /// What is at a place of a tree, as it is shown; `number` says which node of the answer a
    /// place is.
    pub(crate) fn build_item(
        self,
        outline: &TreeOutline,
        place: usize,
        number: &dyn Fn(usize) -> Option<usize>,
    ) -> Option<TreeNode> {
        let mut node = match outline.item(place)? {
            OutlineItem::Node(node) => self.build_node(*node)?,
            OutlineItem::LinkedAlert(alert) => TreeNode {
                kind: NodeKind::LinkedAlert,
                events: Vec::new(),
                events_left_out: 0,
                children: 0,
                ..self.build_node(*alert)?
            },
            OutlineItem::BareEvent(event) => build_event_node(event),
        };
        node.parent = outline.parent(place).and_then(number);
        node.depth = outline.depth(place);
        node.first = outline.first_time(place);
        if let OutlineItem::Node(alert) | OutlineItem::LinkedAlert(alert) = outline.item(place)? {
            node.alert = self.alert_of(*alert).map(|raised| {
                let events = raised.causes();
                let causes = events.map(|event| self.build_cause(outline, *alert, event, number));
                build_alert(raised, causes.collect())
            });
        }
        Some(node)
    }

    fn build_cause(
        self,
        outline: &TreeOutline,
        alert: NodeIndex,
        event: &EventId,
        number: &dyn Fn(usize) -> Option<usize>,
    ) -> AlertCause {
        let step = self.tenant_graph.node_of_event(event.as_str());
        let place = match step {
            Some(step) => outline.place_of_node(step),
            None => outline.place_of_event(alert, event),
        };
        AlertCause {
            event: event.clone(),
            node: place.and_then(number),
            step: step.map(|step| self.tenant_graph.nodes().name(step)),
        }
    }

    /// One node as it is shown.
    fn build_node(self, node: NodeIndex) -> Option<TreeNode> {
        let found = self.tenant_graph.nodes().get(node)?;
        let (events, last) = self.node_events(found);
        let known = found.attributes();
        let raised = found.alert().map(|raised| raised.time);
        let kept = known.kept.into_iter().map(|(path, text)| {
            let value = serde_json::from_str(&text).unwrap_or_default();
            (path, value)
        });
        // Parent, depth and first time depend on the place; the caller fills them in.
        Some(TreeNode {
            id: (*found.name).into(),
            kind: match (found.class, found.alert()) {
                (NodeClass::STEP, Some(_)) => NodeKind::Alert,
                (NodeClass::STEP, None) => NodeKind::Step,
                (NodeClass::TRACE, _) => NodeKind::Trace,
                _ => NodeKind::Linked,
            },
            link: self.edge_reasons.link_name(found.class).cloned(),
            label: known.label,
            parent: None,
            depth: 0,
            seen: found.is_seen(),
            begun: found.begun || found.class == NodeClass::STEP && found.is_seen(),
            again: false,
            first: None,
            last: last.into_iter().chain(raised).max(),
            stage: known.stage,
            tags: known.tags.into_iter().collect(),
            kept: kept.collect(),
            events,
            folds: Vec::new(),
            events_left_out: found.extras.as_ref().map_or(0, |more| more.left_out),
            children: u64::from(found.child_count),
            alert: None,
        })
    }

    /// The events that belong to a node, alerts left out, and the time of the last one.
    fn node_events(self, node: &GraphNode) -> (Vec<TreeEvent>, Option<Timestamp>) {
        let entries = self.tenant_graph.events().iter_list(node.event_list);
        let mut events: Vec<TreeEvent> = entries
            .filter(|(_, entry)| !entry.alert)
            .map(|(_, entry)| TreeEvent {
                id: entry.id.clone(),
                event_type: entry.event_type.clone(),
                source: entry.source.clone(),
                time: entry.time,
                severity: entry.severity,
                position: entry.position,
            })
            .collect();
        events.sort_by(|one, other| {
            let rank = |event: &TreeEvent| (event.time, event.id.clone(), event.source.clone());
            rank(one).cmp(&rank(other))
        });
        let last = events.last().map(|event| event.time);
        (events, last)
    }
}

fn build_event_node(event: &EventId) -> TreeNode {
    TreeNode {
        id: event.as_str().into(),
        kind: NodeKind::Event,
        link: None,
        label: None,
        parent: None,
        depth: 0,
        seen: false,
        begun: false,
        again: false,
        first: None,
        last: None,
        stage: None,
        tags: BTreeMap::new(),
        kept: BTreeMap::new(),
        events: Vec::new(),
        folds: Vec::new(),
        events_left_out: 0,
        children: 0,
        alert: None,
    }
}

fn build_alert(raised: &NodeAlert, causes: Vec<AlertCause>) -> TreeAlert {
    TreeAlert {
        revision: raised.revision,
        status: raised.status,
        rule: raised.rule.clone(),
        title: raised.title.clone(),
        severity: raised.severity,
        attack: raised.attack.clone(),
        key: raised.key.iter().cloned().collect(),
        count: raised.count,
        first: raised.first,
        last: raised.last,
        time: raised.time,
        message: raised.message.clone(),
        position: raised.position,
        trigger: raised.trigger.clone(),
        causes,
    }
}
