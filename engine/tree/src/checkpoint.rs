//! The graphs of all tenants as bytes and back.
//!
//! Canonical: equal states write equal bytes, whatever numbers their graphs gave to nodes and
//! components. Written is what events said; where nodes are follows from that and is found again.

use larum_event::{LinkSet, TenantId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use crate::correlation_graph::CorrelationGraph;
use crate::edge_reason::{EdgeReason, EdgeReasons};
use crate::error::GraphRestoreError;
use crate::graph_limits::GraphLimits;
use crate::tenant_graph::TenantCheckpoint;

/// Goes up whenever what follows changes.
const FORMAT: u8 = 3;

#[derive(Serialize, Deserialize)]
struct GraphCheckpoint {
    limits: [u64; 4],
    refused_events: u64,
    evicted_roots: u64,
    batches: bool,
    reasons: Vec<EdgeReason>,
    classes: Vec<Arc<str>>,
    links: LinkSet,
    tenants: Vec<(TenantId, TenantCheckpoint)>,
}

impl CorrelationGraph {
    /// The whole state as bytes, for [`CorrelationGraph::restore`]. Trees that went and were not
    /// taken are not in it.
    pub fn checkpoint(&self) -> Vec<u8> {
        let (reasons, classes) = self.edge_reasons.to_parts();
        let limits = &self.limits;
        let written = GraphCheckpoint {
            limits: [
                limits.nodes_per_root,
                limits.events_per_node,
                limits.roots_per_tenant,
                limits.nodes_per_tenant,
            ]
            .map(|limit| limit as u64),
            refused_events: self.refused_events,
            evicted_roots: self.evicted_roots,
            batches: self.tracks_batches,
            reasons,
            classes,
            links: LinkSet::clone(self.links.link_set()),
            tenants: self
                .tenants
                .iter()
                .map(|(tenant, tenant_graph)| (tenant.clone(), tenant_graph.to_checkpoint()))
                .collect(),
        };
        postcard::to_extend(&written, vec![FORMAT])
            .expect("a vector takes any number of bytes and the state has no unserialisable part")
    }

    /// The graph that [`CorrelationGraph::checkpoint`] wrote.
    ///
    /// # Errors
    /// The bytes are of another format, do not decode, or fit no graph.
    pub fn restore(bytes: &[u8]) -> Result<Self, GraphRestoreError> {
        let (found, body) = bytes.split_first().ok_or(GraphRestoreError::Damaged {
            what: "it is empty",
        })?;
        if *found != FORMAT {
            return Err(GraphRestoreError::Format {
                found: *found,
                known: FORMAT,
            });
        }
        let (read, rest) = postcard::take_from_bytes::<GraphCheckpoint>(body)?;
        if !rest.is_empty() {
            return Err(GraphRestoreError::Damaged {
                what: "bytes are left over",
            });
        }
        let limit = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let [nodes, events, roots, all] = read.limits.map(limit);
        let mut graph = Self::new(GraphLimits {
            nodes_per_root: nodes,
            events_per_node: events,
            roots_per_tenant: roots,
            nodes_per_tenant: all,
        });
        // Reasons before links: links look up their numbers, which nodes refer to.
        graph.edge_reasons = EdgeReasons::from_parts(read.reasons, read.classes);
        graph.set_links(Arc::new(read.links));
        graph.refused_events = read.refused_events;
        graph.evicted_roots = read.evicted_roots;
        graph.tracks_batches = read.batches;
        for (tenant, written) in read.tenants {
            let mut tenant_graph = written.restore()?;
            tenant_graph.configure(Arc::clone(&graph.entity_kinds), read.batches);
            if graph.tenants.insert(tenant, tenant_graph).is_some() {
                return Err(GraphRestoreError::Damaged {
                    what: "a tenant occurs twice",
                });
            }
        }
        Ok(graph)
    }
}
