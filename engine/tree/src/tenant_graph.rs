//! The trees of one tenant, as one graph.
//!
//! Nodes are what events name; the one parent of each is kept in the nodes themselves, as lists of children
//! through their siblings, because an edge of petgraph is found by walking all edges of its node, and a
//! root may have very many children that move. (Feeding a chain of 100,000 steps in scattered order took
//! 23 s longer with edges, in a debug build.) Edges of the graph are the ties beside that: what one event
//! names together, and what raised an alert. Invariants: a node is under one other at most, the one its claims
//! ask for; the two are of one family; every node that a claim names is there.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use larum_event::{EventId, Position};
use petgraph::stable_graph::{NodeIndex, StableDiGraph};

use crate::alias_table::AliasTable;
use crate::batch_history::BatchHistory;
use crate::component::ComponentTable;
use crate::correlation_graph::GraphLimits;
use crate::cross_edge::CrossEdge;
use crate::entity_index::EntityIndex;
use crate::entry_table::{EntryIndex, EntryTable};
use crate::event_facts::{EventFacts, NodeClaims, NodeName};
use crate::graph_node::{GraphNode, NodeClass};
use crate::hashing::TextHasher;
use crate::incident::TenantIncidents;
use crate::name_index::NameIndex;
use crate::node_events::NodeEvents;
use crate::tree_members::{TreeId, TreeMembers, key_hash};
use crate::tree_report::TreeReport;

#[derive(Debug, Default)]
pub(crate) struct TenantGraph {
    pub(crate) graph: StableDiGraph<GraphNode, CrossEdge>,
    names: NameIndex<NodeIndex>,
    hashing: TextHasher,
    pub(crate) entries: EntryTable,
    pub(crate) node_events: NodeEvents,
    pub(crate) components: ComponentTable,
    pub(crate) aliases: AliasTable,
    /// Events that alerts name as what raised them and that hang on no node (yet): by hash of their id.
    pub(crate) awaited_events: BTreeSet<(u64, NodeIndex)>,
    pub(crate) entities: EntityIndex,
    pub(crate) batch_history: BatchHistory,
    pub(crate) evicted_trees: Vec<TreeMembers>,
    /// Trees founded by the event of `founding`.
    pub(crate) tree_counter: (Position, u64),
    /// The furthest event taken in, and the last one.
    pub(crate) last_position: Position,
    pub(crate) current_position: Position,
    /// Goes up with every event taken in.
    pub(crate) change_count: u64,
    pub(crate) incidents: TenantIncidents,
    /// Names of kinds of entities: an alert whose group has a member of such a name is about that entity.
    pub(crate) entity_kinds: Arc<BTreeSet<Arc<str>>>,
}

/// What a call on behalf of one event carries along.
pub(crate) struct InsertContext<'a, 'f> {
    pub(crate) facts: &'a EventFacts<'f>,
    pub(crate) entry: EntryIndex,
    /// Whether the event hangs on its nodes already.
    pub(crate) is_known: bool,
    pub(crate) limits: &'a GraphLimits,
    pub(crate) reports: &'a mut Vec<TreeReport>,
}

impl TenantGraph {
    pub(crate) fn node(&self, node: NodeIndex) -> Option<&GraphNode> {
        self.graph.node_weight(node)
    }

    pub(crate) fn node_mut(&mut self, node: NodeIndex) -> Option<&mut GraphNode> {
        self.graph.node_weight_mut(node)
    }

    /// How many nodes there are.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// The node of a name.
    pub(crate) fn find_node(&self, class: NodeClass, name: &str) -> Option<NodeIndex> {
        let hash = self.hashing.hash_pair(class.0, name);
        self.names.find(hash, |node| {
            self.node(node)
                .is_some_and(|node| node.class == class && *node.name == *name)
        })
    }

    /// All nodes, in no particular order.
    pub(crate) fn all_nodes(&self) -> impl Iterator<Item = NodeIndex> {
        self.names.iter_all()
    }

    /// Whether a node of that name has spoken for itself.
    pub(crate) fn is_node_seen(&self, class: NodeClass, name: &str) -> bool {
        let node = self.find_node(class, name).and_then(|node| self.node(node));
        node.is_some_and(GraphNode::is_seen)
    }

    pub(crate) fn insert(
        &mut self,
        facts: &EventFacts<'_>,
        limits: &GraphLimits,
        out: &mut Vec<TreeReport>,
    ) {
        // Given again, it may say something else of its nodes, where sources share ids.
        let (known, has_namesake) = self.find_same_event(facts);
        let entry = match known {
            Some(known) => {
                self.lower_position(known, facts.position);
                known
            }
            None => {
                self.last_position = self.last_position.max(facts.position);
                let alert = facts.alert.is_some();
                self.entries
                    .insert_event(facts.event, facts.position, alert)
            }
        };
        self.current_position = facts.position;
        self.change_count += 1;
        let mut taking = InsertContext {
            facts,
            entry,
            is_known: known.is_some(),
            limits,
            reports: out,
        };
        let mut main = None;
        for group in &facts.node_claims {
            let Some(own) = self.insert_claims(group, &mut taking) else {
                continue;
            };
            match main {
                None => {
                    main = Some(own);
                    if let Some(joins) = group.joins {
                        self.forward_touch(own, own, joins, facts);
                    }
                }
                Some(main) if main != own => self.add_shared_edge(main, own, group, &taking),
                Some(_) => {}
            }
        }
        if let Some(main) = main {
            if self.batch_history.is_on && facts.alert.is_none() {
                let placed = (facts.event.envelope().id.clone(), main);
                self.batch_history
                    .batch_nodes
                    .insert(facts.position, placed);
            }
            self.record_entities(main, facts);
            if has_namesake || !self.awaited_events.is_empty() {
                self.resolve_awaiting_alerts(main, &mut taking);
            }
        }
        self.entries.drop_unused(entry);
        while self.components.len() > limits.roots_per_tenant.max(1)
            || self.names.len() > limits.nodes_per_tenant.max(1) && self.components.len() > 1
        {
            self.evict_oldest(facts, out);
        }
    }

    /// The same event, if it is here: by id, source, time, and the node it hangs on first; and whether there are
    /// others of its id.
    fn find_same_event(&self, facts: &EventFacts<'_>) -> (Option<EntryIndex>, bool) {
        let envelope = facts.event.envelope();
        let Some(main) = facts.node_claims.first() else {
            return (None, false);
        };
        let mut namesakes = 0;
        let mut known = self.entries.find_by_id(envelope.id.as_str());
        let same = known.find(|index| {
            namesakes += 1;
            self.entries.get(*index).is_some_and(|entry| {
                let hung = self.node(entry.main);
                entry.time == envelope.time
                    && entry.source == envelope.source
                    && hung.is_some_and(|hung| {
                        hung.class == main.class && *hung.name == *main.own.name
                    })
            })
        });
        let others = known.next().is_some() || namesakes > usize::from(same.is_some());
        (same, others)
    }

    /// An event that is known was given again, maybe at an earlier position.
    fn lower_position(&mut self, known: EntryIndex, position: Position) {
        let Some(entry) = self.entries.get_mut(known) else {
            return;
        };
        let before = entry.position;
        entry.position = before.min(position);
        let (main, alert) = (entry.main, entry.alert);
        let node = self.node_mut(main).filter(|_| alert);
        let raised = node.and_then(|node| node.extras.as_mut()?.alert.as_mut());
        if let Some(raised) = raised.filter(|raised| raised.position == before) {
            raised.position = before.min(position);
        }
    }

    /// Takes in one node that an event names, with what it says of it.
    fn insert_claims(
        &mut self,
        group: &NodeClaims<'_>,
        taking: &mut InsertContext<'_, '_>,
    ) -> Option<NodeIndex> {
        let facts = taking.facts;
        if group
            .parent
            .as_ref()
            .is_some_and(|parent| parent.name == group.own.name)
        {
            taking.reports.push(TreeReport::SelfParent {
                tenant: facts.tenant.clone(),
                step: group.own.name.as_ref().into(),
                event: facts.event.envelope().id.clone(),
            });
        }
        let names = group.node_names();
        let known = names.map(|naming| self.find_node(group.class, &naming?.name));
        let (family, together) = self.find_component(group, known, taking)?;
        self.components.mark_newest(family);
        let mut nodes = known;
        for (node, naming) in nodes.iter_mut().zip(names) {
            if let Some(naming) = naming.filter(|_| node.is_none()) {
                let new = GraphNode::new(
                    naming.name.as_ref().into(),
                    group.class,
                    naming.edge_reason,
                    facts.position,
                );
                *node = Some(self.add_node(new, family));
            }
        }
        let named = group.resolve_nodes(nodes)?;
        if !taking.is_known && self.attach_event(named.own, taking).is_none() {
            return Some(named.own);
        }
        self.apply_claims(&named, group, taking);
        // A circle can only close among nodes that hung together before.
        self.update_parent(named.own, together, taking);
        self.apply_ancestor_claims(&named, group, together, taking);
        Some(named.own)
    }

    /// The family of everything that a group names, made one, and whether those that were there before were
    /// of one already; `None` when it would be too large.
    fn find_component(
        &mut self,
        group: &NodeClaims<'_>,
        nodes: [Option<NodeIndex>; 3],
        taking: &mut InsertContext<'_, '_>,
    ) -> Option<(u32, bool)> {
        let named = group.node_names().iter().flatten().count();
        let newcomers = named - nodes.iter().flatten().count();
        let (mut joined, mut known) = ([None; 3], 0_usize);
        let mut total = 0;
        let families = nodes.map(|node| Some(self.node(node?)?.component));
        for (slot, family) in families.into_iter().flatten().enumerate() {
            if joined.contains(&Some(family)) {
                known += 1;
                continue;
            }
            total += self.components.get(family).map_or(0, |family| family.size);
            if let Some(slot) = joined.get_mut(slot) {
                *slot = Some(family);
            }
        }
        let grows = newcomers > 0 || joined.iter().flatten().count() > 1;
        if grows && total + newcomers > taking.limits.nodes_per_root {
            for number in joined.into_iter().flatten() {
                self.components.count_refused(number, 1);
            }
            let facts = taking.facts;
            let root = group.root.as_ref().unwrap_or(&group.own);
            taking.reports.push(TreeReport::RootFull {
                tenant: facts.tenant.clone(),
                root: root.name.as_ref().into(),
                event: facts.event.envelope().id.clone(),
            });
            return None;
        }
        let mut joined = joined.into_iter().flatten();
        let Some(mut family) = joined.next() else {
            let tree = self.next_tree_id(taking.facts.position);
            return Some((self.components.create(tree), false));
        };
        for other in joined {
            family = self.merge_components(family, other);
        }
        Some((family, known > 0))
    }

    /// The number of a tree that is founded with an event at a position: the position and how many that event had founded before.
    pub(crate) fn next_tree_id(&mut self, position: Position) -> TreeId {
        let (at, number) = self.tree_counter;
        let number = if at == position { number + 1 } else { 0 };
        self.tree_counter = (position, number);
        TreeId(
            position
                .0
                .saturating_mul(256)
                .saturating_add(number.min(255)),
        )
    }

    /// Makes one family of two, and says which.
    pub(crate) fn merge_components(&mut self, one: u32, other: u32) -> u32 {
        let (into, from) = self.components.order_by_size(one, other);
        let Some(gone) = self.components.remove(from) else {
            return into;
        };
        let mut member = gone.first_member;
        while let Some(node) = self.node_mut(member) {
            node.component = into;
            member = node.next_member;
        }
        let head = self.components.get(into).map(|family| family.first_member);
        if let (Some(last), Some(head)) = (self.node_mut(gone.last_member), head) {
            last.next_member = head;
        }
        if let Some(family) = self.components.get_mut(into) {
            family.first_member = gone.first_member;
            if family.last_member == NodeIndex::end() {
                family.last_member = gone.last_member;
            }
        }
        let trees = (
            gone.tree,
            self.components.get(into).map(|family| family.tree),
        );
        self.components.merge_into(into, gone);
        if let (gone, Some(kept)) = trees {
            self.forward_merge(gone.min(kept), gone.max(kept));
        }
        into
    }

    /// The node of a name, made if it is not there yet.
    pub(crate) fn find_or_add_node(
        &mut self,
        class: NodeClass,
        naming: &NodeName<'_>,
        family: u32,
        position: Position,
    ) -> NodeIndex {
        if let Some(node) = self.find_node(class, &naming.name) {
            return node;
        }
        let node = GraphNode::new(
            naming.name.as_ref().into(),
            class,
            naming.edge_reason,
            position,
        );
        self.add_node(node, family)
    }

    /// Puts a new node into the graph and into a family.
    pub(crate) fn add_node(&mut self, mut node: GraphNode, family: u32) -> NodeIndex {
        let hash = self.hashing.hash_pair(node.class.0, &node.name);
        node.component = family;
        if let Some(family) = self.components.get(family) {
            node.next_member = family.first_member;
        }
        let index = self.graph.add_node(node);
        if let Some(family) = self.components.get_mut(family) {
            family.first_member = index;
            if family.last_member == NodeIndex::end() {
                (family.last_member, family.anchor) = (index, index);
            }
            family.size += 1;
        }
        self.names.insert(hash, index);
        index
    }

    /// The members of a family, in no particular order.
    pub(crate) fn component_nodes(&self, family: u32) -> impl Iterator<Item = NodeIndex> {
        let mut at = self
            .components
            .get(family)
            .map_or(NodeIndex::end(), |family| family.first_member);
        std::iter::from_fn(move || {
            let node = self.node(at)?;
            Some(std::mem::replace(&mut at, node.next_member))
        })
    }

    /// Hangs the event on a node; nothing when it only counts there.
    fn attach_event(&mut self, node: NodeIndex, taking: &InsertContext<'_, '_>) -> Option<()> {
        let entry = taking.entry;
        let time = taking.facts.event.envelope().time;
        let most = taking.limits.events_per_node.max(1);
        let found = self.graph.node_weight_mut(node)?;
        if taking.facts.alert.is_none() {
            let (before, family) = (found.first_time, found.component);
            found.first_time = before.min(time);
            if time < before {
                self.record_first_time(node, before);
            }
            if let Some(family) = self.components.get_mut(family) {
                family.event_count += 1;
            }
        }
        let found = self.graph.node_weight_mut(node)?;
        let (mut head, mut counted) = (found.event_list, found.event_count);
        if counted as usize >= most {
            let more = found.extras_mut();
            more.left_out += 1;
            let latest = more.latest;
            // The latest goes; most often that is the new one.
            let latest = latest.or_else(|| self.latest_event(head))?;
            if self.entries.compare(entry, latest) != Ordering::Less {
                self.node_mut(node)?.extras_mut().latest = Some(latest);
                return None;
            }
            head = self.node_events.remove(head, latest);
            counted -= 1;
            self.record_event_removal(latest);
            self.detach_event(latest, node);
            self.node_mut(node)?.extras_mut().latest = None;
        }
        let head = self.node_events.push_front(head, entry);
        if let Some(found) = self.graph.node_weight_mut(node) {
            (found.event_list, found.event_count) = (head, counted + 1);
        }
        if let Some(hung) = self.entries.get_mut(entry) {
            if hung.node_count == 0 {
                hung.main = node;
            }
            hung.node_count = hung.node_count.saturating_add(1);
        }
        Some(())
    }

    /// The latest event of a list.
    fn latest_event(&self, head: u32) -> Option<EntryIndex> {
        let hung = self.node_events.iter_list(head);
        hung.max_by(|one, other| self.entries.compare(*one, *other))
    }

    /// An event hangs on a node no more; where that was its main one it has none, because another node may be in
    /// that one's place later.
    pub(crate) fn detach_event(&mut self, entry: EntryIndex, node: NodeIndex) {
        let Some(hung) = self.entries.get_mut(entry) else {
            return;
        };
        if hung.main == node {
            hung.main = NodeIndex::end();
        }
        hung.node_count = hung.node_count.saturating_sub(1);
        if hung.node_count == 0 {
            self.entries.remove_from_index(entry);
        }
        self.entries.drop_unused(entry);
    }

    /// The node that an event hangs on or, as an alert, is; the one with the least name if sources share the id.
    pub(crate) fn node_of_event(&self, event: &str) -> Option<NodeIndex> {
        let mains = self.entries.find_by_id(event).filter_map(|entry| {
            let main = self.entries.get(entry)?.main;
            Some((&self.node(main)?.name, main))
        });
        mains.min().map(|(_, main)| main)
    }

    /// The alerts that name an event as what raised them, as far as it hangs on no node.
    pub(crate) fn alerts_awaiting(&self, event: &EventId) -> impl Iterator<Item = NodeIndex> {
        let hash = key_hash(event.as_str());
        let awaiting = self
            .awaited_events
            .range((hash, NodeIndex::new(0))..=(hash, NodeIndex::end()));
        awaiting.map(|(_, alert)| *alert).filter(move |alert| {
            let raised = self.node(*alert).and_then(GraphNode::alert);
            raised.is_some_and(|raised| raised.causes().any(|cause| cause == event))
        })
    }

    fn record_entities(&mut self, main: NodeIndex, facts: &EventFacts<'_>) {
        let Some((family, named)) = self.node(main).map(|node| (node.component, node.named_at))
        else {
            return;
        };
        for (kind, value) in &facts.entities {
            self.entities.record_node(kind, value, (main, named));
            if let Some(family) = self.components.get_mut(family) {
                family.record_entity(kind, value);
            }
        }
    }

    pub(crate) fn remove_name(&mut self, node: NodeIndex) {
        let Some(found) = self.graph.node_weight(node) else {
            return;
        };
        let hash = self.hashing.hash_pair(found.class.0, &found.name);
        self.names.remove(hash, node);
    }
}
