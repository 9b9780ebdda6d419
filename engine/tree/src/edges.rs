//! Why nodes are connected, as edges of a view.
//!
//! Owns the translation from claims and cross edges to edges that say which event, link and fields
//! made them. It does not decide where a node is.
//! Invariant: every node with a parent in the view has exactly one edge from that parent, so each
//! placement is explained.

use std::sync::Arc;

use larum_event::EventId;
use petgraph::Direction::{Incoming, Outgoing};
use petgraph::stable_graph::NodeIndex;

use crate::cross_edge::{CrossEdge, CrossEdgeKind};
use crate::edge_reason;
use crate::graph_node::{GraphNode, NodeClass, ParentChoice, ParentKind};
use crate::view::{EdgeKind, EdgeSource, NodeKind, TreeEdge, TreeNode};
use crate::view_builder::ViewBuilder;

impl ViewBuilder<'_> {
    /// The edges of shown nodes: first what each is under, then those that lead elsewhere.
    pub(crate) fn build_edges(
        self,
        nodes: &[TreeNode],
        places: &[Option<NodeIndex>],
    ) -> Vec<TreeEdge> {
        let mut edges = Vec::with_capacity(nodes.len());
        let mut elsewhere = Vec::new();
        for (node, place) in nodes.iter().zip(places) {
            let Some(place) = *place else { continue };
            if node.kind == NodeKind::LinkedAlert {
                continue;
            }
            if node.parent.is_some()
                && let Some(edge) = self.parent_edge(place)
            {
                edges.push(edge);
            }
            self.add_cross_edges(place, &mut elsewhere);
        }
        sort_edges(&mut elsewhere);
        edges.extend(elsewhere);
        edges
    }

    /// The edge to the parent of a node.
    pub(crate) fn parent_edge(self, node: NodeIndex) -> Option<TreeEdge> {
        let graph = self.tenant_graph;
        let (_, above) = graph.nodes().get(node)?.parent_edge?;
        let up = graph.claimed_parent(node).filter(|up| up.node == above)?;
        let by = graph.events().get(up.by);
        Some(TreeEdge {
            from: graph.nodes().name(above),
            to: graph.nodes().name(node),
            kind: match up.kind {
                ParentKind::Parent if self.is_trace(node) => EdgeKind::Trace,
                ParentKind::Parent => EdgeKind::Parent,
                ParentKind::Root | ParentKind::Inferred => EdgeKind::Root,
                ParentKind::Alias => EdgeKind::Alias,
                ParentKind::Trace => EdgeKind::Trace,
                ParentKind::Causation => EdgeKind::Causation,
            },
            why: self.parent_source(node, &up)?,
            event: by.map(|by| by.id.clone()),
            position: by.map(|by| by.position),
        })
    }

    fn is_trace(self, node: NodeIndex) -> bool {
        let node = self.tenant_graph.nodes().get(node);
        node.is_some_and(|node| node.class == NodeClass::TRACE)
    }

    fn parent_source(self, node: NodeIndex, up: &ParentChoice) -> Option<EdgeSource> {
        let value = self.tenant_graph.nodes().name(up.node);
        let found = self.tenant_graph.nodes().get(node)?;
        Some(match up.kind {
            ParentKind::Causation => EdgeSource::Rule {
                rule: found.alert()?.rule.clone(),
            },
            ParentKind::Trace => trace_source(&value),
            ParentKind::Parent if found.class == NodeClass::TRACE => trace_source(&value),
            ParentKind::Parent if up.edge_reason == edge_reason::CORRELATION => {
                EdgeSource::Correlation {
                    field: "correlation.parent",
                    value,
                }
            }
            ParentKind::Root | ParentKind::Inferred => EdgeSource::Correlation {
                field: "correlation.root",
                value,
            },
            ParentKind::Parent => self.link_source(up.edge_reason, &value)?,
            ParentKind::Alias => {
                let alias = found.extras.as_ref()?.parent_alias?.alias;
                self.link_source(
                    up.edge_reason,
                    &self.tenant_graph.aliases().get(alias)?.text,
                )?
            }
        })
    }

    /// The fields that made an id, and the parts of it that they gave.
    fn link_source(self, number: u16, id: &str) -> Option<EdgeSource> {
        let reason = self.edge_reasons.get(number)?;
        let (_, parts) = id.split_once(':')?;
        let parts = parts.splitn(reason.paths.len().max(1), '/');
        let fields = reason.paths.iter().cloned().zip(parts.map(Arc::from));
        Some(EdgeSource::Link {
            link: reason.link.clone(),
            version: reason.version,
            fields: fields.collect(),
        })
    }

    /// The cross edges of a node: to nodes that are neither above nor below it.
    pub(crate) fn add_cross_edges(self, node: NodeIndex, edges: &mut Vec<TreeEdge>) {
        let graph = self.tenant_graph;
        let shared = graph
            .nodes()
            .cross_edges(node, CrossEdgeKind::Shared, Outgoing);
        edges.extend(shared.filter_map(|(other, edge)| self.shared_edge(other, node, edge)));
        let sharing = graph
            .nodes()
            .cross_edges(node, CrossEdgeKind::Shared, Incoming);
        edges.extend(sharing.filter_map(|(other, edge)| self.shared_edge(node, other, edge)));
        let causes = graph
            .nodes()
            .cross_edges(node, CrossEdgeKind::Causation, Outgoing);
        edges.extend(causes.filter_map(|(cause, edge)| self.causation_edge(cause, node, edge)));
        let caused = graph
            .nodes()
            .cross_edges(node, CrossEdgeKind::Causation, Incoming);
        edges.extend(caused.filter_map(|(alert, edge)| self.causation_edge(node, alert, edge)));
    }

    fn shared_edge(self, shared: NodeIndex, main: NodeIndex, edge: CrossEdge) -> Option<TreeEdge> {
        let from = self.tenant_graph.nodes().name(shared);
        Some(TreeEdge {
            why: self
                .link_source(edge.reason, &from)
                .unwrap_or(EdgeSource::Correlation {
                    field: "correlationId",
                    value: from.clone(),
                }),
            from,
            to: self.tenant_graph.nodes().name(main),
            kind: EdgeKind::Shared,
            event: self.event_of_edge(main, edge),
            position: Some(edge.position),
        })
    }

    pub(crate) fn causation_edge(
        self,
        cause: NodeIndex,
        alert: NodeIndex,
        edge: CrossEdge,
    ) -> Option<TreeEdge> {
        let found = self.tenant_graph.nodes().get(alert)?;
        if found
            .parent_edge
            .is_some_and(|(reason, above)| reason == ParentKind::Causation && above == cause)
        {
            return None;
        }
        Some(TreeEdge {
            from: self.tenant_graph.nodes().name(cause),
            to: (*found.name).into(),
            kind: EdgeKind::Causation,
            why: EdgeSource::Rule {
                rule: found.alert()?.rule.clone(),
            },
            event: self.event_of_edge(alert, edge),
            position: Some(edge.position),
        })
    }

    fn event_of_edge(self, node: NodeIndex, edge: CrossEdge) -> Option<EventId> {
        let node: &GraphNode = self.tenant_graph.nodes().get(node)?;
        let mut entries = self.tenant_graph.events().iter_list(node.event_list);
        let same = entries.find(|(_, entry)| entry.position == edge.position);
        same.map(|(_, entry)| entry.id.clone())
    }
}

/// Puts edges in the order in which they are shown, each once.
pub(crate) fn sort_edges(edges: &mut Vec<TreeEdge>) {
    edges.sort_by(|one, other| {
        let rank = |edge: &TreeEdge| (edge.kind, edge.from.clone(), edge.to.clone(), edge.position);
        rank(one).cmp(&rank(other))
    });
    edges.dedup();
}

fn trace_source(id: &str) -> EdgeSource {
    EdgeSource::Trace {
        trace: id.strip_prefix("trace:").unwrap_or(id).into(),
    }
}
