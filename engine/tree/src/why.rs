//! Why nodes hang together.

use std::sync::Arc;

use larum_event::EventId;
use petgraph::Direction::{Incoming, Outgoing};
use petgraph::stable_graph::NodeIndex;

use crate::gather::Viewer;
use crate::node::{Class, Node, Reason, Up};
use crate::tie::{Tie, TieKind};
use crate::view::{EdgeKind, NodeKind, TreeEdge, TreeNode, Why};
use crate::ways;

impl Viewer<'_> {
    /// The edges of shown nodes: first what each stands under, then those that lead elsewhere.
    pub(crate) fn edges(self, nodes: &[TreeNode], places: &[Option<NodeIndex>]) -> Vec<TreeEdge> {
        let mut edges = Vec::with_capacity(nodes.len());
        let mut elsewhere = Vec::new();
        for (node, place) in nodes.iter().zip(places) {
            let Some(place) = *place else { continue };
            if node.kind == NodeKind::LinkedAlert {
                continue;
            }
            if node.parent.is_some()
                && let Some(edge) = self.edge_up(place)
            {
                edges.push(edge);
            }
            self.add_ties(place, &mut elsewhere);
        }
        sort(&mut elsewhere);
        edges.extend(elsewhere);
        edges
    }

    /// The edge to what a node stands under.
    pub(crate) fn edge_up(self, node: NodeIndex) -> Option<TreeEdge> {
        let grove = self.grove;
        let (_, above) = grove.node(node)?.up?;
        let up = grove.wanted_up(node).filter(|up| up.node == above)?;
        let by = grove.entries.get(up.by);
        Some(TreeEdge {
            from: grove.name_of(above),
            to: grove.name_of(node),
            kind: match up.reason {
                Reason::Parent if self.is_trace(node) => EdgeKind::Trace,
                Reason::Parent => EdgeKind::Parent,
                Reason::Root | Reason::Inferred => EdgeKind::Root,
                Reason::Alias => EdgeKind::Alias,
                Reason::Trace => EdgeKind::Trace,
                Reason::Causation => EdgeKind::Causation,
            },
            why: self.why_up(node, &up)?,
            event: by.map(|by| by.id.clone()),
            position: by.map(|by| by.position),
        })
    }

    fn is_trace(self, node: NodeIndex) -> bool {
        let node = self.grove.node(node);
        node.is_some_and(|node| node.class == Class::TRACE)
    }

    fn why_up(self, node: NodeIndex, up: &Up) -> Option<Why> {
        let value = self.grove.name_of(up.node);
        let found = self.grove.node(node)?;
        Some(match up.reason {
            Reason::Causation => Why::Rule {
                rule: found.alert()?.rule.clone(),
            },
            Reason::Trace => trace(&value),
            Reason::Parent if found.class == Class::TRACE => trace(&value),
            Reason::Parent if up.way == ways::CORRELATION => Why::Correlation {
                field: "correlation.parent",
                value,
            },
            Reason::Root | Reason::Inferred => Why::Correlation {
                field: "correlation.root",
                value,
            },
            Reason::Parent => self.link(up.way, &value)?,
            Reason::Alias => {
                let alias = found.more.as_ref()?.upper_alias?.alias;
                self.link(up.way, &self.grove.aliases.get(alias)?.text)?
            }
        })
    }

    /// The fields that made an id, and the parts of it that they gave.
    fn link(self, way: u16, id: &str) -> Option<Why> {
        let way = self.forest.ways.get(way)?;
        let (_, parts) = id.split_once(':')?;
        let parts = parts.splitn(way.paths.len().max(1), '/');
        let fields = way.paths.iter().cloned().zip(parts.map(Arc::from));
        Some(Why::Link {
            link: way.link.clone(),
            version: way.version,
            fields: fields.collect(),
        })
    }

    /// Ties of a node to nodes that it neither stands under nor above.
    pub(crate) fn add_ties(self, node: NodeIndex, edges: &mut Vec<TreeEdge>) {
        let grove = self.grove;
        let shared = grove.ties(node, TieKind::Shared, Outgoing);
        edges.extend(shared.filter_map(|(other, tie)| self.shared(other, node, tie)));
        let sharing = grove.ties(node, TieKind::Shared, Incoming);
        edges.extend(sharing.filter_map(|(other, tie)| self.shared(node, other, tie)));
        let causes = grove.ties(node, TieKind::Causation, Outgoing);
        edges.extend(causes.filter_map(|(cause, tie)| self.caused(cause, node, tie)));
        let caused = grove.ties(node, TieKind::Causation, Incoming);
        edges.extend(caused.filter_map(|(alert, tie)| self.caused(node, alert, tie)));
    }

    fn shared(self, shared: NodeIndex, main: NodeIndex, tie: Tie) -> Option<TreeEdge> {
        let from = self.grove.name_of(shared);
        Some(TreeEdge {
            why: self.link(tie.way, &from).unwrap_or(Why::Correlation {
                field: "correlationId",
                value: from.clone(),
            }),
            from,
            to: self.grove.name_of(main),
            kind: EdgeKind::Shared,
            event: self.event_at(main, tie),
            position: Some(tie.position),
        })
    }

    pub(crate) fn caused(self, cause: NodeIndex, alert: NodeIndex, tie: Tie) -> Option<TreeEdge> {
        let found = self.grove.node(alert)?;
        if found
            .up
            .is_some_and(|(reason, above)| reason == Reason::Causation && above == cause)
        {
            return None;
        }
        Some(TreeEdge {
            from: self.grove.name_of(cause),
            to: (*found.name).into(),
            kind: EdgeKind::Causation,
            why: Why::Rule {
                rule: found.alert()?.rule.clone(),
            },
            event: self.event_at(alert, tie),
            position: Some(tie.position),
        })
    }

    fn event_at(self, node: NodeIndex, tie: Tie) -> Option<EventId> {
        let node: &Node = self.grove.node(node)?;
        let mut entries = self.grove.hung.list(node.hung);
        entries.find_map(|entry| {
            let entry = self.grove.entries.get(entry)?;
            (entry.position == tie.position).then(|| entry.id.clone())
        })
    }
}

/// Puts edges in the order in which they are shown, each once.
pub(crate) fn sort(edges: &mut Vec<TreeEdge>) {
    edges.sort_by(|one, other| {
        let rank = |edge: &TreeEdge| (edge.kind, edge.from.clone(), edge.to.clone(), edge.position);
        rank(one).cmp(&rank(other))
    });
    edges.dedup();
}

fn trace(id: &str) -> Why {
    Why::Trace {
        trace: id.strip_prefix("trace:").unwrap_or(id).into(),
    }
}
