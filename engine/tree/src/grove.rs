//! The trees of one tenant, as one graph.
//!
//! Nodes are steps, and the ids of events that alerts name as evidence, whether or not they are known.
//! A `Child` edge leads from a step to one that names it as its parent, a `Causation` edge from an alert
//! to what raised it. Invariants: a step is under one other at most, the one its claims ask for; the two are
//! of one family; every step that a claim names is a node.

use std::collections::{BTreeMap, BTreeSet};

use larum_event::{Alert, CorrelationId, EventId, TenantId};
use petgraph::Direction::{Incoming, Outgoing};
use petgraph::stable_graph::{NodeIndex, StableDiGraph};
use petgraph::visit::EdgeRef;

use crate::claim::settle;
use crate::entry::Entry;
use crate::family::{Families, Family};
use crate::forest::ForestLimits;
use crate::report::TreeReport;
use crate::step::{EventKey, Hung, Raised, Step};

#[derive(Debug)]
pub(crate) enum Node {
    Step(Box<Step>),
    Evidence(EventId),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edge {
    Child,
    Causation,
}

#[derive(Debug, Default)]
pub(crate) struct Grove {
    pub(crate) graph: StableDiGraph<Node, Edge>,
    pub(crate) steps: BTreeMap<CorrelationId, NodeIndex>,
    pub(crate) evidence: BTreeMap<EventId, NodeIndex>,
    /// Which steps an event hangs on; more than one when sources share an id.
    pub(crate) events: BTreeSet<(EventId, NodeIndex)>,
    pub(crate) families: Families,
}

impl Grove {
    pub(crate) fn step(&self, node: NodeIndex) -> Option<&Step> {
        match self.graph.node_weight(node)? {
            Node::Step(step) => Some(step),
            Node::Evidence(_) => None,
        }
    }

    pub(crate) fn step_mut(&mut self, node: NodeIndex) -> Option<&mut Step> {
        match self.graph.node_weight_mut(node)? {
            Node::Step(step) => Some(step),
            Node::Evidence(_) => None,
        }
    }

    /// Whether a step of that name has spoken for itself.
    pub(crate) fn has_seen(&self, id: &CorrelationId) -> bool {
        let step = self.steps.get(id).and_then(|node| self.step(*node));
        step.is_some_and(Step::is_seen)
    }

    pub(crate) fn insert(
        &mut self,
        entry: &Entry<'_>,
        limits: &ForestLimits,
        out: &mut Vec<TreeReport>,
    ) {
        if entry.parent() == Some(entry.step) {
            out.push(TreeReport::SelfParent {
                tenant: entry.tenant.clone(),
                step: entry.step.clone(),
                event: entry.event.envelope().id.clone(),
            });
        }
        let Some(family) = self.family_for(entry, limits, out) else {
            return;
        };
        let named = entry.named().into_iter();
        let nodes: Vec<_> = named.map(|id| self.step_named(id, family)).collect();
        let Some(own) = nodes.first().copied() else {
            return;
        };
        self.families.touch(family);
        match entry.alert {
            Some(alert) => self.hang_alert(own, alert, entry, limits),
            None => self.hang_event(own, entry, limits),
        }
        let claim = entry.claim();
        if let Some(step) = self.step_mut(own) {
            step.settle(entry.event, &claim);
        }
        self.follow_claims(own, entry, out);
        if let (Some(parent), Some(root)) = (entry.parent(), entry.root())
            && let Some(above) = self.steps.get(parent).copied()
            && above != own
        {
            if let Some(step) = self.step_mut(above) {
                settle(&mut step.inferred, &claim, root);
            }
            self.follow_claims(above, entry, out);
        }
        while self.families.len() > limits.roots_per_tenant.max(1) {
            self.evict_oldest(entry.tenant, out);
        }
    }

    /// The family of everything that an entry names, made one; `None` when that would be too large.
    fn family_for(
        &mut self,
        entry: &Entry<'_>,
        limits: &ForestLimits,
        out: &mut Vec<TreeReport>,
    ) -> Option<u32> {
        let mut newcomers = 0;
        let mut joined = Vec::new();
        for id in entry.named() {
            match self.steps.get(id).and_then(|node| self.step(*node)) {
                Some(step) if joined.contains(&step.family) => {}
                Some(step) => joined.push(step.family),
                None => newcomers += 1,
            }
        }
        let sizes = joined
            .iter()
            .filter_map(|number| self.families.get(*number));
        let total: usize = sizes.map(|family| family.members.len()).sum();
        let grows = newcomers > 0 || joined.len() > 1;
        if grows && total + newcomers > limits.nodes_per_root {
            for number in joined {
                self.families.refuse(number, 1);
            }
            out.push(TreeReport::RootFull {
                tenant: entry.tenant.clone(),
                root: entry.root().unwrap_or(entry.step).clone(),
                event: entry.event.envelope().id.clone(),
            });
            return None;
        }
        let mut joined = joined.into_iter();
        let Some(mut family) = joined.next() else {
            return Some(self.families.found());
        };
        for other in joined {
            let (into, from) = self.families.larger(family, other);
            for member in self.families.merge(into, from) {
                if let Some(step) = self.step_mut(member) {
                    step.family = into;
                }
            }
            family = into;
        }
        Some(family)
    }

    fn step_named(&mut self, id: &CorrelationId, family: u32) -> NodeIndex {
        if let Some(node) = self.steps.get(id) {
            return *node;
        }
        self.plant(Step::named(id.clone(), family))
    }

    /// Makes a node of a step that is not there yet.
    pub(crate) fn plant(&mut self, step: Step) -> NodeIndex {
        let (id, family) = (step.id.clone(), step.family);
        let node = self.graph.add_node(Node::Step(Box::new(step)));
        self.steps.insert(id, node);
        self.families.admit(family, node);
        node
    }

    fn hang_event(&mut self, node: NodeIndex, entry: &Entry<'_>, limits: &ForestLimits) {
        let envelope = entry.event.envelope();
        let Some(step) = self.step_mut(node) else {
            return;
        };
        let key = EventKey {
            time: envelope.time,
            id: envelope.id.clone(),
            source: envelope.source.clone(),
        };
        if let Some(known) = step.events.get_mut(&key) {
            known.position = known.position.min(entry.position);
            return;
        }
        let hung = Hung {
            event_type: envelope.event_type.clone(),
            severity: envelope.severity,
            position: entry.position,
        };
        step.events.insert(key, hung);
        let mut left_out = None;
        if step.events.len() > limits.events_per_node.max(1) {
            step.events_left_out += 1;
            left_out = step.events.pop_last();
        }
        self.events.insert((envelope.id.clone(), node));
        if let Some((key, _)) = left_out {
            self.events.remove(&(key.id, node));
        }
    }

    fn hang_alert(
        &mut self,
        node: NodeIndex,
        alert: &Alert,
        entry: &Entry<'_>,
        limits: &ForestLimits,
    ) {
        let id = &entry.event.envelope().id;
        let Some(step) = self.step_mut(node) else {
            return;
        };
        let mut left_out = None;
        step.alert_events.insert(id.clone());
        if step.alert_events.len() > limits.events_per_node.max(1) {
            left_out = step.alert_events.pop_last();
        }
        let known = step.alert.as_ref().map(|known| known.revision);
        if known.is_none_or(|known| known < alert.revision) {
            step.alert = Some(Box::new(Raised::of(alert, entry.event, entry.position)));
            self.point_at_causes(node);
        } else if known == Some(alert.revision)
            && let Some(known) = &mut step.alert
        {
            known.position = known.position.min(entry.position);
        }
        self.events.insert((id.clone(), node));
        if let Some(left_out) = left_out {
            self.events.remove(&(left_out, node));
        }
    }

    /// Makes the causation edges of an alert those of its revision.
    pub(crate) fn point_at_causes(&mut self, alert: NodeIndex) {
        self.forget_causes(alert);
        let Some(raised) = self.step(alert).and_then(|step| step.alert.as_ref()) else {
            return;
        };
        let causes: Vec<_> = raised.causes().cloned().collect();
        for id in causes {
            let graph = &mut self.graph;
            let node = *self
                .evidence
                .entry(id)
                .or_insert_with_key(|id| graph.add_node(Node::Evidence(id.clone())));
            self.graph.add_edge(alert, node, Edge::Causation);
        }
    }

    fn forget_causes(&mut self, alert: NodeIndex) {
        let edges = self.graph.edges_directed(alert, Outgoing);
        let old: Vec<_> = edges
            .filter(|edge| *edge.weight() == Edge::Causation)
            .map(|edge| (edge.id(), edge.target()))
            .collect();
        for (edge, node) in old {
            self.graph.remove_edge(edge);
            if self.graph.edges_directed(node, Incoming).next().is_none()
                && let Some(Node::Evidence(id)) = self.graph.remove_node(node)
            {
                self.evidence.remove(&id);
            }
        }
    }

    /// The alerts that name an event as what raised them.
    pub(crate) fn raised_by(&self, event: &EventId) -> impl Iterator<Item = NodeIndex> {
        let evidence = self.evidence.get(event);
        evidence
            .into_iter()
            .flat_map(|node| self.graph.neighbors_directed(*node, Incoming))
    }

    /// The step that an event hangs on or, as an alert, is.
    pub(crate) fn step_of(&self, event: &EventId) -> Option<NodeIndex> {
        let from = (event.clone(), NodeIndex::new(0));
        let steps = self.events.range(from..);
        let steps = steps.take_while(|(id, _)| id == event);
        let steps = steps.filter_map(|(_, node)| Some((&self.step(*node)?.id, *node)));
        steps.min().map(|(_, node)| node)
    }

    /// The top over the first member, by name, of a family.
    pub(crate) fn top_of(&self, family: &Family) -> Option<&Step> {
        let members = family.members.iter();
        let named = members.filter_map(|node| Some((&self.step(*node)?.id, *node)));
        let (_, first) = named.min()?;
        self.step(self.summit(first)?.top)
    }

    fn evict_oldest(&mut self, tenant: &TenantId, out: &mut Vec<TreeReport>) {
        let Some((number, family)) = self.families.by_age().next() else {
            return;
        };
        if let Some(top) = self.top_of(family) {
            out.push(TreeReport::RootEvicted {
                tenant: tenant.clone(),
                root: top.id.clone(),
                steps: family.members.len(),
            });
        }
        let Some(family) = self.families.remove(number) else {
            return;
        };
        // The last edge of a node is found first, so the latest steps go first.
        for node in family.members.into_iter().rev() {
            self.fell(node);
        }
    }

    fn fell(&mut self, node: NodeIndex) {
        self.forget_causes(node);
        let Some(Node::Step(step)) = self.graph.remove_node(node) else {
            return;
        };
        self.steps.remove(&step.id);
        let hung = step.events.into_keys().map(|key| key.id);
        for id in hung.chain(step.alert_events) {
            self.events.remove(&(id, node));
        }
    }
}
