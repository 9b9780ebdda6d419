//! The graph as rules see it.

use std::sync::Arc;

use larum_event::{Event, Position, TreeLookup, TreeNodeView, VisitControl, VisitOutcome};

use crate::correlation_graph::CorrelationGraph;

impl TreeLookup for CorrelationGraph {
    fn root_id(&self, event: &Event, at: Position) -> Option<Arc<str>> {
        let tenant_graph = self.tenants.get(&event.envelope().tenant)?;
        let node = tenant_graph.find_node_at(event, at)?;
        Some(
            tenant_graph
                .nodes()
                .name(tenant_graph.find_root_at(node, at)?.top),
        )
    }

    fn visit_ancestors(
        &self,
        event: &Event,
        at: Position,
        visit: &mut dyn FnMut(&TreeNodeView) -> VisitControl,
    ) -> VisitOutcome {
        let Some(tenant_graph) = self.tenants.get(&event.envelope().tenant) else {
            return VisitOutcome::NoTree;
        };
        let Some(node) = tenant_graph.find_node_at(event, at) else {
            return VisitOutcome::NoTree;
        };
        let (lineage, end) = tenant_graph.ancestors_at(node, at);
        for node in lineage {
            let Some(view) = tenant_graph.node_view(&self.edge_reasons, node, at) else {
                return VisitOutcome::Top;
            };
            if visit(&view) == VisitControl::Stop {
                return VisitOutcome::Stopped;
            }
        }
        end
    }
}
