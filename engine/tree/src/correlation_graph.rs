//! The graphs of all tenants: what is public of them.
//!
//! Owns the links in force, the limits, and the way of an event to its tenant's graph; what an
//! event does there is [`TenantGraph`]'s job.
//! Invariant: nothing of one tenant is ever read for another, except to report that a step names
//! another tenant's root.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use larum_event::{Alert, Event, LinkSet, Position, TenantId};

use crate::edge_reason::EdgeReasons;
use crate::entity_index::spelling_variants;
use crate::event_facts::{EventFacts, NodeClaims, TraceParent};
use crate::graph_limits::GraphLimits;
use crate::graph_node::NodeClass;
use crate::link_reader::LinkReader;
use crate::outline_reader::OutlineCache;
use crate::tenant_graph::TenantGraph;
use crate::tree_members::{RootSummary, TreeMembers};
use crate::tree_report::TreeReport;

/// What the graphs hold and what they had to evict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GraphStats {
    /// Tenants that have trees.
    pub tenants: u64,
    /// Trees, as they are counted for the limit.
    pub roots: u64,
    /// Nodes, those included that were only named.
    pub nodes: u64,
    /// Events and revisions of alerts that can be asked for.
    pub events: u64,
    /// Events left out because their tree was full.
    pub refused_events: u64,
    /// Trees that went because there were too many.
    pub evicted_roots: u64,
}

/// The trees of all tenants.
#[derive(Debug)]
pub struct CorrelationGraph {
    pub(crate) limits: GraphLimits,
    pub(crate) edge_reasons: EdgeReasons,
    pub(crate) links: LinkReader,
    pub(crate) tenants: BTreeMap<TenantId, TenantGraph>,
    pub(crate) refused_events: u64,
    pub(crate) evicted_roots: u64,
    pub(crate) entity_kinds: Arc<BTreeSet<Arc<str>>>,
    /// Whether a batch has begun, so that rules may ask.
    pub(crate) tracks_batches: bool,
    pub(crate) outlines: OutlineCache,
}

impl CorrelationGraph {
    /// An empty graph, without links.
    pub fn new(limits: GraphLimits) -> Self {
        let mut reasons = EdgeReasons::default();
        let set = Arc::new(LinkSet {
            links: Vec::new(),
            entities: LinkSet::built_in_entities(),
        });
        let mut graph = Self {
            limits,
            links: LinkReader::new(Arc::default(), &mut reasons),
            edge_reasons: reasons,
            tenants: BTreeMap::new(),
            refused_events: 0,
            evicted_roots: 0,
            entity_kinds: Arc::default(),
            tracks_batches: false,
            outlines: OutlineCache::default(),
        };
        graph.set_links(set);
        graph
    }

    /// From the next event on nodes are linked as `links` say, beside workflows and traces. Nodes
    /// that are there stay.
    pub fn use_links(&mut self, links: &LinkSet) {
        let mut set = links.clone();
        for built_in in LinkSet::built_in_entities() {
            let known = set.entities.iter_mut();
            match known
                .into_iter()
                .find(|one| one.name == built_in.name && one.on.is_empty())
            {
                Some(known) => {
                    for part in built_in.from {
                        if !known.from.contains(&part) {
                            known.from.push(part);
                        }
                    }
                }
                None => set.entities.push(built_in),
            }
        }
        self.set_links(Arc::new(set));
    }

    pub(crate) fn set_links(&mut self, set: Arc<LinkSet>) {
        let kinds = set.entities.iter().map(|entity| entity.name.clone());
        self.entity_kinds = Arc::new(kinds.collect());
        for tenant_graph in self.tenants.values_mut() {
            tenant_graph.use_entity_kinds(Arc::clone(&self.entity_kinds));
        }
        self.links = LinkReader::new(set, &mut self.edge_reasons);
    }

    /// A new batch of events begins. Rules may ask about events of the batch from here on, and how
    /// things were with one of them, until the next call.
    pub fn begin_batch(&mut self) {
        self.tracks_batches = true;
        for tenant_graph in self.tenants.values_mut() {
            tenant_graph.begin_batch();
        }
    }

    /// Inserts an event, raw or an alert, that is at `position` of the log. An event that
    /// names no node is passed over: alerts name it by its id. One that was inserted before changes
    /// nothing.
    pub fn insert(
        &mut self,
        tenant: &TenantId,
        event: &Event,
        position: Position,
        out: &mut Vec<TreeReport>,
    ) {
        let alert = Alert::from_event(event);
        let (groups, trace, entities) = self.read_claims(event, alert.as_ref());
        if groups.is_empty() {
            return;
        }
        let facts = EventFacts {
            tenant,
            event,
            position,
            alert: alert.as_ref(),
            trace: trace.as_ref().map(TraceParent::node_name),
            node_claims: groups,
            entities,
        };
        let before = out.len();
        // Ask before inserting: afterwards the tenant has a node of that name itself.
        self.report_foreign_root(&facts, out);
        let tenant_graph = match self.tenants.get_mut(tenant) {
            Some(tenant_graph) => tenant_graph,
            None => self.tenants.entry(tenant.clone()).or_insert_with(|| {
                TenantGraph::new(Arc::clone(&self.entity_kinds), self.tracks_batches)
            }),
        };
        tenant_graph.insert(&facts, &self.limits, out);
        for report in out.iter().skip(before) {
            match report {
                TreeReport::RootFull { .. } => self.refused_events += 1,
                TreeReport::RootEvicted { .. } => self.evicted_roots += 1,
                TreeReport::SelfParent { .. }
                | TreeReport::CycleRefused { .. }
                | TreeReport::ForeignTenantRoot { .. } => {}
            }
        }
    }

    /// The nodes that an event names, the trace that it carries, and the entities that it is found
    /// by.
    #[expect(clippy::type_complexity, reason = "the parts of one answer")]
    fn read_claims<'a>(
        &mut self,
        event: &'a Event,
        alert: Option<&'a Alert>,
    ) -> (
        Vec<NodeClaims<'a>>,
        Option<TraceParent>,
        Vec<(Arc<str>, Arc<str>)>,
    ) {
        let mut groups: Vec<NodeClaims<'a>> =
            NodeClaims::from_step(event, alert).into_iter().collect();
        let mut entities = Vec::new();
        if alert.is_some() {
            return (groups, None, entities);
        }
        let trace = TraceParent::from_event(event);
        // Without a step of its own an event is of its span first: what links name, many traces may
        // share.
        if let Some(trace) = trace.as_ref().filter(|_| groups.is_empty()) {
            groups.push(NodeClaims::from_span(trace));
        }
        let has_node = !groups.is_empty();
        self.links
            .read_event(event, has_node, &mut groups, &mut entities);
        (groups, trace, entities)
    }

    /// The ids of the nodes that an event names, its own main one first.
    pub fn node_names(&mut self, event: &Event) -> Vec<Arc<str>> {
        let alert = Alert::from_event(event);
        let (groups, trace, _) = self.read_claims(event, alert.as_ref());
        let mut names: Vec<Arc<str>> = Vec::new();
        let owns = groups.iter().map(|group| &group.own);
        let others = groups
            .iter()
            .flat_map(|group| group.node_names().into_iter().flatten());
        for naming in owns.chain(others) {
            let name: Arc<str> = naming.name.as_ref().into();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.extend(trace.map(|trace| trace.node_name().name.as_ref().into()));
        names
    }

    /// Looked into once per tenant and root: when the tenant first names it.
    fn report_foreign_root(&self, facts: &EventFacts<'_>, out: &mut Vec<TreeReport>) {
        let named = facts
            .node_claims
            .iter()
            .filter(|group| group.class == NodeClass::STEP);
        for group in named {
            let Some(root) = &group.root else { continue };
            let known = self.tenants.get(facts.tenant);
            if known.is_some_and(|tenant_graph| {
                tenant_graph
                    .nodes()
                    .find(NodeClass::STEP, &root.name)
                    .is_some()
            }) || group.own.name == root.name
            {
                continue;
            }
            let mut others = self.tenants.values();
            if others.any(|tenant_graph| tenant_graph.has_seen_step(&root.name)) {
                out.push(TreeReport::ForeignTenantRoot {
                    tenant: facts.tenant.clone(),
                    root: root.name.as_ref().into(),
                    event: facts.event.envelope().id.clone(),
                });
            }
        }
    }

    /// The trees that were evicted since this was last asked, for a store.
    pub fn take_evicted_trees(&mut self) -> Vec<TreeMembers> {
        let groves = self.tenants.values_mut();
        groves
            .flat_map(|tenant_graph| tenant_graph.take_evicted_trees())
            .collect()
    }

    /// What the tree that holds an id is made of.
    pub fn tree_members(&self, tenant: &TenantId, id: &str) -> Option<TreeMembers> {
        let tenant_graph = self.tenants.get(tenant)?;
        let node = tenant_graph.resolve_id(&self.edge_reasons, id)?;
        tenant_graph.tree_members(tenant, tenant_graph.nodes().component(node)?)
    }

    /// At most `most` trees of `tenant`, the one added to last first.
    pub fn list_roots(&self, tenant: &TenantId, most: usize) -> Vec<RootSummary> {
        let Some(tenant_graph) = self.tenants.get(tenant) else {
            return Vec::new();
        };
        let components = tenant_graph.components().iter_newest_first();
        let roots = components.filter_map(|number| tenant_graph.root_summary(number));
        roots.take(most).collect()
    }

    /// The trees whose events name an entity, such as `user` `eve`, the one that did last first.
    /// Where none do, a value that is no user's name is looked for as events are read: in lower
    /// case, and a host without its domain.
    pub fn trees_of_entity(&self, tenant: &TenantId, kind: &str, value: &str) -> Vec<RootSummary> {
        let Some(tenant_graph) = self.tenants.get(tenant) else {
            return Vec::new();
        };
        let mut spelt = spelling_variants(kind, value)
            .map(|value| tenant_graph.trees_with_entity(kind, &value));
        spelt.find(|found| !found.is_empty()).unwrap_or_default()
    }

    /// What it holds and what it had to evict.
    pub fn stats(&self) -> GraphStats {
        let mut stats = GraphStats {
            tenants: self.tenants.len() as u64,
            refused_events: self.refused_events,
            evicted_roots: self.evicted_roots,
            ..GraphStats::default()
        };
        for tenant_graph in self.tenants.values() {
            stats.roots += tenant_graph.components().len() as u64;
            stats.nodes += tenant_graph.nodes().len() as u64;
            stats.events += tenant_graph.events().len() as u64;
        }
        stats
    }
}
