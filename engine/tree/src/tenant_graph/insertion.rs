//! One event on its way into the graph.
//!
//! Owns the order of the steps of an insertion and what they share: the event, its entry, the
//! limits, the reports. What claims mean is in `claims`, where nodes go in `placement`, and
//! evicting is not its job.
//! Invariant: an event that was inserted before adds nothing but a claim that its nodes did not
//! have, so a batch may be given twice.

use std::cmp::Ordering;

use larum_event::Position;
use petgraph::stable_graph::NodeIndex;

use super::TenantGraph;
use crate::cross_edge::{CrossEdge, CrossEdgeKind};
use crate::entry_table::EntryIndex;
use crate::event_facts::{EventFacts, NodeClaims};
use crate::graph_limits::GraphLimits;
use crate::graph_node::GraphNode;
use crate::tree_report::TreeReport;

/// An event that is being inserted.
pub(super) struct Insertion<'a, 'f> {
    pub(super) graph: &'a mut TenantGraph,
    pub(super) facts: &'a EventFacts<'f>,
    pub(super) entry: EntryIndex,
    /// Whether the event belongs to its nodes already.
    is_known: bool,
    limits: &'a GraphLimits,
    pub(super) reports: &'a mut Vec<TreeReport>,
}

/// The component of all nodes that one event names.
struct JointComponent {
    number: u32,
    /// Whether two or more of the nodes were in it before.
    was_joint: bool,
}

impl TenantGraph {
    pub(super) fn insert_event(
        &mut self,
        facts: &EventFacts<'_>,
        limits: &GraphLimits,
        reports: &mut Vec<TreeReport>,
    ) {
        // An event that is given again may say something else of its nodes, where sources share
        // ids.
        let (known, has_namesake) = self.find_same_event(facts);
        let entry = match known {
            Some(known) => {
                self.lower_position(known, facts.position);
                known
            }
            None => {
                self.last_position = self.last_position.max(facts.position);
                let is_alert = facts.alert.is_some();
                self.events.insert(facts.event, facts.position, is_alert)
            }
        };
        self.current_position = facts.position;
        self.change_count += 1;
        let mut insertion = Insertion {
            graph: self,
            facts,
            entry,
            is_known: known.is_some(),
            limits,
            reports,
        };
        let main = insertion.insert_all_claims();
        if let Some(main) = main {
            insertion.record_main_node(main);
            // Alerts may have named the event before it came, or another event of the same id.
            if has_namesake || insertion.graph.events.has_awaiting() {
                insertion.resolve_awaiting_alerts(main);
            }
        }
        // Drop last: until here claims of the event may still come to rest on its entry.
        self.events.drop_unused(entry);
    }

    /// The same event, if it is here: by id, source, time, and the node it belongs to first; and
    /// whether there are others of its id.
    fn find_same_event(&self, facts: &EventFacts<'_>) -> (Option<EntryIndex>, bool) {
        let envelope = facts.event.envelope();
        let Some(main) = facts.node_claims.first() else {
            return (None, false);
        };
        let mut namesakes = 0;
        let mut known = self.events.find_by_id(envelope.id.as_str());
        let same = known.find(|index| {
            namesakes += 1;
            self.events.get(*index).is_some_and(|entry| {
                let node = self.nodes.get(entry.main);
                entry.time == envelope.time
                    && entry.source == envelope.source
                    && node.is_some_and(|node| {
                        node.class == main.class && *node.name == *main.own.name
                    })
            })
        });
        let others = known.next().is_some() || namesakes > usize::from(same.is_some());
        (same, others)
    }

    /// An event that is known was given again, maybe at an earlier position.
    fn lower_position(&mut self, known: EntryIndex, position: Position) {
        let Some(before) = self.events.lower_position(known, position) else {
            return;
        };
        let main = self.events.get(known).filter(|entry| entry.alert);
        let node = main.and_then(|entry| self.nodes.get_mut(entry.main));
        let raised = node.and_then(|node| node.extras.as_mut()?.alert.as_mut());
        if let Some(raised) = raised.filter(|raised| raised.position == before) {
            raised.position = before.min(position);
        }
    }
}

impl Insertion<'_, '_> {
    /// Inserts all nodes that the event names; gives the first one, which is its main node.
    fn insert_all_claims(&mut self) -> Option<NodeIndex> {
        let facts = self.facts;
        let mut main = None;
        for group in &facts.node_claims {
            let Some(own) = self.insert_claims(group) else {
                continue;
            };
            match main {
                None => {
                    main = Some(own);
                    if let Some(joins) = group.joins {
                        self.graph.forward_touch(own, own, joins, facts);
                    }
                }
                Some(main) if main != own => self.add_shared_edge(main, own, group),
                Some(_) => {}
            }
        }
        main
    }

    /// Inserts one node that the event names, with what it says of it.
    fn insert_claims(&mut self, group: &NodeClaims<'_>) -> Option<NodeIndex> {
        let facts = self.facts;
        let is_own_parent =
            |parent: &crate::event_facts::NodeName<'_>| parent.name == group.own.name;
        if group.parent.as_ref().is_some_and(is_own_parent) {
            self.reports.push(TreeReport::SelfParent {
                tenant: facts.tenant.clone(),
                step: group.own.name.as_ref().into(),
                event: facts.event.envelope().id.clone(),
            });
        }
        let names = group.node_names();
        let known = names.map(|naming| self.graph.nodes.find(group.class, &naming?.name));
        // Find room before adding nodes: a refused event must leave none behind.
        let component = self.find_component(group, known)?;
        self.graph.components.mark_newest(component.number);
        let mut nodes = known;
        for (node, naming) in nodes.iter_mut().zip(names) {
            if let Some(naming) = naming.filter(|_| node.is_none()) {
                let new = GraphNode::new(
                    naming.name.as_ref().into(),
                    group.class,
                    naming.edge_reason,
                    facts.position,
                );
                let added = self.graph.add_node(new, component.number);
                *node = Some(added);
            }
        }
        let named = group.resolve_nodes(nodes)?;
        // An event that a full node only counts claims nothing, as if it had come after the node's
        // events.
        if !self.is_known && self.attach_event(named.own).is_none() {
            return Some(named.own);
        }
        self.apply_claims(&named, group);
        // Move the node before what the event says of the nodes above it: a circle that the event
        // closes is reported for the node that claims. It can only close among nodes that were
        // joint before.
        self.update_parent(named.own, component.was_joint);
        self.apply_ancestor_claims(&named, group, component.was_joint);
        for node in nodes.into_iter().flatten() {
            self.graph.debug_assert_consistent(node);
        }
        Some(named.own)
    }

    /// Makes one component of all that a group names; `None` when it would be too large.
    fn find_component(
        &mut self,
        group: &NodeClaims<'_>,
        nodes: [Option<NodeIndex>; 3],
    ) -> Option<JointComponent> {
        let named = group.node_names().iter().flatten().count();
        let mut newcomers = named;
        let mut joined: Vec<u32> = Vec::with_capacity(nodes.len());
        let mut was_joint = false;
        let mut total = 0;
        for node in nodes.into_iter().flatten() {
            newcomers -= 1;
            let Some(number) = self.graph.nodes.component(node) else {
                continue;
            };
            if joined.contains(&number) {
                was_joint = true;
                continue;
            }
            let component = self.graph.components.get(number);
            total += component.map_or(0, |component| component.size());
            joined.push(number);
        }
        // Check the size before merging: components that were merged cannot be taken apart again.
        let grows = newcomers > 0 || joined.len() > 1;
        if grows && total + newcomers > self.limits.nodes_per_root {
            for number in joined {
                self.graph.components.count_refused(number);
            }
            let root = group.root.as_ref().unwrap_or(&group.own);
            self.report_full_root(root.name.as_ref().into());
            return None;
        }
        let mut joined = joined.into_iter();
        let Some(mut number) = joined.next() else {
            return Some(JointComponent {
                number: self.graph.components.found_tree(self.facts.position),
                was_joint: false,
            });
        };
        for other in joined {
            number = self.graph.merge_components(number, other);
        }
        Some(JointComponent { number, was_joint })
    }

    /// Makes two nodes members of one component; false when that would be too large.
    pub(super) fn try_merge_components(&mut self, node: NodeIndex, above: NodeIndex) -> bool {
        let nodes = &self.graph.nodes;
        let (Some(one), Some(other)) = (nodes.component(node), nodes.component(above)) else {
            return false;
        };
        if one == other {
            return true;
        }
        let components = &mut self.graph.components;
        let size = |component: Option<&crate::component::GraphComponent>| {
            component.map_or(0, |component| component.size())
        };
        let total = size(components.get(one)) + size(components.get(other));
        if total > self.limits.nodes_per_root {
            components.count_refused(other);
            let root = self.graph.nodes.name(above);
            self.report_full_root(root);
            return false;
        }
        self.graph.merge_components(one, other);
        true
    }

    fn report_full_root(&mut self, root: std::sync::Arc<str>) {
        self.reports.push(TreeReport::RootFull {
            tenant: self.facts.tenant.clone(),
            root,
            event: self.facts.event.envelope().id.clone(),
        });
    }

    /// Adds the event to a node; nothing when the node only counts it.
    fn attach_event(&mut self, node: NodeIndex) -> Option<()> {
        let (entry, facts) = (self.entry, self.facts);
        let TenantGraph {
            nodes,
            events,
            components,
            history,
            ..
        } = &mut *self.graph;
        let found = nodes.get_mut(node)?;
        if facts.alert.is_none() {
            let time = facts.event.envelope().time;
            let before = found.first_time;
            if time < before {
                found.first_time = time;
                history.record_first_time(node, facts.position, before);
            }
            components.count_events(found.component, 1);
        }
        if found.event_count as usize >= self.limits.events_per_node.max(1) {
            let head = found.event_list;
            let extras = found.extras_mut();
            extras.left_out += 1;
            // The latest one gives way; most often that is the new one.
            let latest = extras.latest.or_else(|| events.latest(head))?;
            if events.compare(entry, latest) != Ordering::Less {
                extras.latest = Some(latest);
                return None;
            }
            extras.latest = None;
            if let Some(removed) = events.get(latest) {
                history.record_event_removal(removed, facts.position);
            }
            found.event_list = events.detach(head, latest, node);
            found.event_count -= 1;
        }
        found.event_list = events.attach(found.event_list, entry, node);
        found.event_count += 1;
        Some(())
    }

    /// The event belongs to `main` first, and also to another node.
    fn add_shared_edge(&mut self, main: NodeIndex, other: NodeIndex, group: &NodeClaims<'_>) {
        let facts = self.facts;
        let edge = CrossEdge {
            kind: CrossEdgeKind::Shared,
            reason: group.own.edge_reason,
            position: facts.position,
        };
        self.graph.nodes.add_cross_edge(main, other, edge);
        if let Some(joins) = group.joins {
            self.graph.forward_touch(main, other, joins, facts);
        }
    }

    /// Records the event's main node for rules, and the entities that it is found by.
    fn record_main_node(&mut self, main: NodeIndex) {
        let (graph, facts) = (&mut *self.graph, self.facts);
        if facts.alert.is_none() {
            let id = &facts.event.envelope().id;
            graph.history.record_batch_node(facts.position, id, main);
        }
        let Some(node) = graph.nodes.get(main) else {
            return;
        };
        for (kind, value) in &facts.entities {
            let version = (main, node.named_at);
            graph.entities.record_node(kind, value, version);
            graph.components.record_entity(node.component, kind, value);
        }
    }
}

impl TenantGraph {
    /// Adds a new node to the graph and to a component.
    pub(super) fn add_node(&mut self, node: GraphNode, component: u32) -> NodeIndex {
        self.components.add_node(component, node, &mut self.nodes)
    }

    /// Makes one component of two, and gives its number.
    fn merge_components(&mut self, one: u32, other: u32) -> u32 {
        let Some(merged) = self.components.merge(one, other, &mut self.nodes) else {
            return one;
        };
        let at = self.current_position;
        self.incidents.merge_trees(merged.survivor, merged.gone, at);
        merged.into
    }
}
