//! A forest as bytes and back.
//!
//! Canonical: equal states write equal bytes, whatever numbers their graphs gave to nodes and
//! families. Written is what events said; where nodes stand follows from that and is found anew.

mod grove;

use larum_event::{LinkSet, TenantId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use self::grove::WrittenGrove;
use crate::error::RestoreError;
use crate::forest::{Forest, ForestLimits};
use crate::ways::{Way, Ways};

/// Goes up whenever what follows changes.
const FORMAT: u8 = 3;

#[derive(Serialize, Deserialize)]
struct Written {
    limits: [u64; 4],
    refused_events: u64,
    evicted_roots: u64,
    batches: bool,
    ways: Vec<Way>,
    classes: Vec<Arc<str>>,
    links: LinkSet,
    tenants: Vec<(TenantId, WrittenGrove)>,
}

impl Forest {
    /// The whole state as bytes, for [`Forest::restore`]. Trees that went and were not taken are not in it.
    pub fn checkpoint(&self) -> Vec<u8> {
        let (ways, classes) = self.ways.written();
        let limits = &self.limits;
        let written = Written {
            limits: [
                limits.nodes_per_root,
                limits.events_per_node,
                limits.roots_per_tenant,
                limits.nodes_per_tenant,
            ]
            .map(|limit| limit as u64),
            refused_events: self.refused_events,
            evicted_roots: self.evicted_roots,
            batches: self.batches,
            ways,
            classes,
            links: LinkSet::clone(self.links.set()),
            tenants: self
                .groves
                .iter()
                .map(|(tenant, grove)| (tenant.clone(), grove.written()))
                .collect(),
        };
        postcard::to_extend(&written, vec![FORMAT])
            .expect("a vector takes any number of bytes and the state has no unserialisable part")
    }

    /// The forest that [`Forest::checkpoint`] wrote.
    ///
    /// # Errors
    /// The bytes are of another format, do not decode, or fit no forest.
    pub fn restore(bytes: &[u8]) -> Result<Self, RestoreError> {
        let (found, body) = bytes.split_first().ok_or(RestoreError::Damaged {
            what: "it is empty",
        })?;
        if *found != FORMAT {
            return Err(RestoreError::Format {
                found: *found,
                known: FORMAT,
            });
        }
        let (read, rest) = postcard::take_from_bytes::<Written>(body)?;
        if !rest.is_empty() {
            return Err(RestoreError::Damaged {
                what: "bytes are left over",
            });
        }
        let limit = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let [nodes, events, roots, all] = read.limits.map(limit);
        let mut forest = Self::new(ForestLimits {
            nodes_per_root: nodes,
            events_per_node: events,
            roots_per_tenant: roots,
            nodes_per_tenant: all,
        });
        forest.ways = Ways::read(read.ways, read.classes);
        forest.read_by(Arc::new(read.links));
        forest.refused_events = read.refused_events;
        forest.evicted_roots = read.evicted_roots;
        forest.batches = read.batches;
        for (tenant, written) in read.tenants {
            let mut grove = written.restored()?;
            grove.entity_kinds = Arc::clone(&forest.entity_kinds);
            grove.overlay.on = read.batches;
            if forest.groves.insert(tenant, grove).is_some() {
                return Err(RestoreError::Damaged {
                    what: "a tenant occurs twice",
                });
            }
        }
        Ok(forest)
    }
}
