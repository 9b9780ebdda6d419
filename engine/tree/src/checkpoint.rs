//! A forest as bytes and back.
//!
//! Canonical: equal states write equal bytes, whatever numbers their graphs gave to nodes and
//! families. Written is what events said; edges follow from that and are drawn anew.

use std::collections::BTreeMap;

use larum_event::TenantId;
use petgraph::stable_graph::NodeIndex;
use serde::{Deserialize, Serialize};

use crate::error::RestoreError;
use crate::forest::{Forest, ForestLimits};
use crate::grove::Grove;
use crate::step::Step;

/// Goes up whenever what follows changes.
const FORMAT: u8 = 1;

#[derive(Serialize, Deserialize)]
struct Written {
    limits: [u64; 3],
    refused_events: u64,
    evicted_roots: u64,
    tenants: Vec<WrittenGrove>,
}

#[derive(Serialize, Deserialize)]
struct WrittenGrove {
    tenant: TenantId,
    /// Events refused by each family, the one added to longest ago first.
    families: Vec<u64>,
    /// By id; their family is its place in that list.
    steps: Vec<Step>,
}

impl Forest {
    /// The whole state as bytes, for [`Forest::restore`].
    pub fn checkpoint(&self) -> Vec<u8> {
        let tenants = self.groves.iter();
        let written = Written {
            limits: [
                self.limits.nodes_per_root as u64,
                self.limits.events_per_node as u64,
                self.limits.roots_per_tenant as u64,
            ],
            refused_events: self.refused_events,
            evicted_roots: self.evicted_roots,
            tenants: tenants
                .map(|(tenant, grove)| written_grove(tenant, grove))
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
        let [nodes, events, roots] = read.limits;
        let mut forest = Self::new(ForestLimits {
            nodes_per_root: limit(nodes),
            events_per_node: limit(events),
            roots_per_tenant: limit(roots),
        });
        forest.refused_events = read.refused_events;
        forest.evicted_roots = read.evicted_roots;
        for written in read.tenants {
            let grove = restored_grove(written.families, written.steps)?;
            if forest.groves.insert(written.tenant, grove).is_some() {
                return Err(RestoreError::Damaged {
                    what: "a tenant occurs twice",
                });
            }
        }
        Ok(forest)
    }
}

fn written_grove(tenant: &TenantId, grove: &Grove) -> WrittenGrove {
    let mut ranks = BTreeMap::new();
    let mut families = Vec::new();
    for (rank, (number, family)) in (0..).zip(grove.families.by_age()) {
        ranks.insert(number, rank);
        families.push(family.refused);
    }
    let steps = grove.steps.values().filter_map(|node| {
        let mut step = grove.step(*node)?.clone();
        step.family = ranks.get(&step.family).copied().unwrap_or_default();
        Some(step)
    });
    WrittenGrove {
        tenant: tenant.clone(),
        families,
        steps: steps.collect(),
    }
}

fn restored_grove(families: Vec<u64>, steps: Vec<Step>) -> Result<Grove, RestoreError> {
    let damaged = |what| RestoreError::Damaged { what };
    let mut grove = Grove::default();
    let mut numbers = Vec::new();
    for refused in families {
        let number = grove.families.found();
        grove.families.refuse(number, refused);
        numbers.push(number);
    }
    for mut step in steps {
        if grove.steps.contains_key(&step.id) {
            return Err(damaged("a step occurs twice"));
        }
        let number = numbers.get(step.family as usize);
        step.family = *number.ok_or(damaged("a step is of a family that is not there"))?;
        let hung = step.events.keys().map(|key| key.id.clone());
        let hung: Vec<_> = hung.chain(step.alert_events.iter().cloned()).collect();
        let node = grove.plant(step);
        grove.events.extend(hung.into_iter().map(|id| (id, node)));
    }
    let nodes: Vec<NodeIndex> = grove.steps.values().copied().collect();
    for node in nodes {
        let claimed = grove.step(node).and_then(Step::claimed_up);
        if claimed.is_some_and(|(_, claimed)| !grove.steps.contains_key(&claimed.what)) {
            return Err(damaged("a step stands under one that is not there"));
        }
        grove.place(node);
        grove.point_at_causes(node);
    }
    Ok(grove)
}
