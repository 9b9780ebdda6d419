//! The correlation graph of one tenant.
//!
//! Owns the four tables of the graph (nodes and cross edges, events and what refers to them,
//! components and their order of eviction, aliases) and what follows from them: entities,
//! incidents, and the history of the batch. Each table keeps its own lists in order; an insertion,
//! in the modules below, is the only thing that changes several of them together. It does not read
//! links and draws no views.
//!
//! Invariant: for every node, and checked by `debug_assert_consistent` on every insertion,
//! - it is under the one node that its claims ask for, or under none: so a tree depends on what
//!   events say and not on the order in which they came;
//! - it and its parent are of one component, so that trees are evicted whole;
//! - every node that its claims name exists, because a claim never leads out of its component.

mod alert_causes;

mod batch_lookup;

mod checkpoint;

mod claims;

mod eviction;

mod incident_updates;

mod insertion;

mod node_facts;

mod node_search;

mod placement;

mod restorer;

mod tree_root;

use std::collections::BTreeSet;
use std::sync::Arc;

use larum_event::{EventId, Position};
use petgraph::stable_graph::NodeIndex;

use crate::alias_table::AliasTable;
use crate::batch_history::BatchHistory;
use crate::component::{ComponentTable, GraphComponent};
use crate::entity_index::EntityIndex;
use crate::event_facts::EventFacts;
use crate::event_table::EventTable;
use crate::graph_limits::GraphLimits;
use crate::graph_node::{GraphNode, NodeClass, ParentChoice, ParentKind};
use crate::incident::TenantIncidents;
use crate::node_table::NodeTable;
use crate::parent_claim::ParentClaim;
use crate::tree_members::{RootSummary, TreeId, TreeMembers};
use crate::tree_report::TreeReport;

pub(crate) use self::checkpoint::TenantCheckpoint;
pub(crate) use self::tree_root::TreeRoot;

/// The nodes, trees and incidents of one tenant.
#[derive(Debug, Default)]
pub(crate) struct TenantGraph {
    nodes: NodeTable,
    events: EventTable,
    components: ComponentTable,
    aliases: AliasTable,
    entities: EntityIndex,
    history: BatchHistory,
    incidents: TenantIncidents,
    evicted_trees: Vec<TreeMembers>,
    /// The highest position of all events, and that of the last one.
    last_position: Position,
    current_position: Position,
    /// Rises with every event.
    change_count: u64,
    /// Names of kinds of entities: an alert whose group has a member of such a name is about that
    /// entity.
    entity_kinds: Arc<BTreeSet<Arc<str>>>,
}

impl TenantGraph {
    /// An empty graph.
    pub(crate) fn new(entity_kinds: Arc<BTreeSet<Arc<str>>>, tracks_batches: bool) -> Self {
        let mut graph = Self::default();
        graph.configure(entity_kinds, tracks_batches);
        graph
    }

    /// Sets what a checkpoint of one tenant does not hold.
    pub(crate) fn configure(
        &mut self,
        entity_kinds: Arc<BTreeSet<Arc<str>>>,
        tracks_batches: bool,
    ) {
        self.entity_kinds = entity_kinds;
        self.history = BatchHistory::new(tracks_batches);
    }

    /// Other links are in force, with these kinds of entities.
    pub(crate) fn use_entity_kinds(&mut self, entity_kinds: Arc<BTreeSet<Arc<str>>>) {
        self.entity_kinds = entity_kinds;
    }

    pub(crate) fn nodes(&self) -> &NodeTable {
        &self.nodes
    }

    pub(crate) fn events(&self) -> &EventTable {
        &self.events
    }

    pub(crate) fn aliases(&self) -> &AliasTable {
        &self.aliases
    }

    pub(crate) fn components(&self) -> &ComponentTable {
        &self.components
    }

    pub(crate) fn incidents(&self) -> &TenantIncidents {
        &self.incidents
    }

    /// The highest position of all events.
    pub(crate) fn last_position(&self) -> Position {
        self.last_position
    }

    /// A number that is another one after every event.
    pub(crate) fn change_count(&self) -> u64 {
        self.change_count
    }

    /// A new batch begins: rules no longer ask how things were during the one before.
    pub(crate) fn begin_batch(&mut self) {
        for node in self.history.begin_batch() {
            self.remove_node(node);
        }
    }

    /// Takes in one event, then evicts trees until the limits hold.
    pub(crate) fn insert(
        &mut self,
        facts: &EventFacts<'_>,
        limits: &GraphLimits,
        reports: &mut Vec<TreeReport>,
    ) {
        self.insert_event(facts, limits, reports);
        // Evict after inserting: the tree of this event is the newest then, and is evicted last.
        while self.components.len() > limits.roots_per_tenant.max(1)
            || self.nodes.len() > limits.nodes_per_tenant.max(1) && self.components.len() > 1
        {
            self.evict_oldest(facts.tenant, reports);
        }
    }

    /// The trees that were evicted since this was last asked.
    pub(crate) fn take_evicted_trees(&mut self) -> Vec<TreeMembers> {
        std::mem::take(&mut self.evicted_trees)
    }

    /// Whether a step of that name has spoken for itself.
    pub(crate) fn has_seen_step(&self, name: &str) -> bool {
        let node = self.nodes.find(NodeClass::STEP, name);
        let found = node.and_then(|node| self.nodes.get(node));
        found.is_some_and(GraphNode::is_seen)
    }

    /// The component of a node.
    pub(crate) fn component_of(&self, node: NodeIndex) -> Option<&GraphComponent> {
        self.components.get(self.nodes.component(node)?)
    }

    /// The number of the tree that a node is of.
    pub(crate) fn tree_id_of(&self, node: NodeIndex) -> Option<TreeId> {
        Some(self.component_of(node)?.tree())
    }

    /// The incident that the tree of a node belongs to.
    pub(crate) fn incident_name(&self, node: NodeIndex) -> Option<Arc<str>> {
        let incident = self.incidents.incident_of_tree(self.tree_id_of(node)?)?;
        Some(incident.0.clone())
    }

    pub(crate) fn root_summary(&self, component: u32) -> Option<RootSummary> {
        Some(RootSummary {
            root: self.nodes.name(self.root_of(component)?),
            steps: self.components.get(component)?.size(),
        })
    }

    /// The node that an event belongs to or, as an alert, is; the one with the least name if
    /// sources share the id.
    pub(crate) fn node_of_event(&self, event: &str) -> Option<NodeIndex> {
        let mains = self.events.find_by_id(event).filter_map(|entry| {
            let main = self.events.get(entry)?.main;
            Some((&self.nodes.get(main)?.name, main))
        });
        mains.min().map(|(_, main)| main)
    }

    /// The alerts that name an event as their cause, as far as it belongs to no node.
    pub(crate) fn alerts_awaiting(&self, event: &EventId) -> impl Iterator<Item = NodeIndex> {
        let same_hash = self.events.find_awaiting(event);
        same_hash.filter(move |alert| {
            let raised = self.nodes.get(*alert).and_then(GraphNode::alert);
            raised.is_some_and(|raised| raised.causes().any(|cause| cause == event))
        })
    }

    /// The parent that the claims of a node ask for.
    pub(crate) fn claimed_parent(&self, node: NodeIndex) -> Option<ParentChoice> {
        let found = self.nodes.get(node)?;
        let by_claim = |claim: ParentClaim, kind| {
            Some(ParentChoice {
                kind,
                by: claim.by,
                edge_reason: claim.edge_reason,
                node: claim.node().filter(|above| *above != node)?,
            })
        };
        let root = if found.root_inferred {
            ParentKind::Inferred
        } else {
            ParentKind::Root
        };
        // In the order of `ParentKind`: what the node says itself counts before what others say of
        // it.
        by_claim(found.parent_claim, ParentKind::Parent)
            .or_else(|| by_claim(found.root_claim, root))
            .or_else(|| self.parent_by_alias(node, found))
            .or_else(|| by_claim(found.extras.as_ref()?.trace_claim, ParentKind::Trace))
            .or_else(|| by_claim(found.extras.as_ref()?.cause_claim, ParentKind::Causation))
    }

    fn parent_by_alias(&self, node: NodeIndex, found: &GraphNode) -> Option<ParentChoice> {
        let upper = found.extras.as_ref()?.parent_alias?;
        // A node that has begun says itself what it is under.
        if found.begun && !upper.own {
            return None;
        }
        let time = self.events.get(upper.by)?.time;
        Some(ParentChoice {
            kind: ParentKind::Alias,
            by: upper.by,
            edge_reason: upper.edge_reason,
            node: self.aliases.owner_at(upper.alias, time, node)?,
        })
    }

    /// Checks the invariants of this module for one node.
    fn debug_assert_consistent(&self, node: NodeIndex) {
        let Some(found) = self.nodes.get(node) else {
            return;
        };
        if let Some((kind, above)) = found.parent_edge {
            debug_assert_eq!(
                self.claimed_parent(node)
                    .map(|choice| (choice.kind, choice.node)),
                Some((kind, above)),
                "the parent of {} is not the one that its claims ask for",
                found.name
            );
            debug_assert_eq!(
                self.nodes.component(above),
                Some(found.component),
                "{} and its parent are of different components",
                found.name
            );
        }
        let extras = found.extras.as_deref();
        let claims = [found.parent_claim, found.root_claim].into_iter();
        let others = extras.map(|extras| [extras.trace_claim, extras.cause_claim]);
        debug_assert!(
            claims
                .chain(others.into_iter().flatten())
                .filter_map(|claim| claim.node())
                .all(|above| self.nodes.component(above) == Some(found.component)),
            "a claim of {} names a node that is not in its component",
            found.name
        );
    }
}
