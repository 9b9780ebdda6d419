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

use crate::alias::Aliases;
use crate::entity::EntityIndex;
use crate::entry::{Entries, EntryIndex};
use crate::facts::{Facts, Group, Naming};
use crate::family::Families;
use crate::forest::ForestLimits;
use crate::hashing::Hashing;
use crate::hung::Hung;
use crate::incident::Incidents;
use crate::members::{TreeId, TreeMembers, key_hash};
use crate::node::{Class, Node};
use crate::overlay::Overlay;
use crate::report::TreeReport;
use crate::table::Table;
use crate::tie::Tie;

#[derive(Debug, Default)]
pub(crate) struct Grove {
    pub(crate) graph: StableDiGraph<Node, Tie>,
    names: Table<NodeIndex>,
    hashing: Hashing,
    pub(crate) entries: Entries,
    pub(crate) hung: Hung,
    pub(crate) families: Families,
    pub(crate) aliases: Aliases,
    /// Events that alerts name as what raised them and that hang on no node (yet): by hash of their id.
    pub(crate) awaited: BTreeSet<(u64, NodeIndex)>,
    pub(crate) entities: EntityIndex,
    pub(crate) overlay: Overlay,
    pub(crate) evicted: Vec<TreeMembers>,
    /// Trees founded by the event of `founding`.
    pub(crate) founded: (Position, u64),
    /// The furthest event taken in, and the last one.
    pub(crate) reached: Position,
    pub(crate) current: Position,
    /// Goes up with every event taken in.
    pub(crate) changes: u64,
    pub(crate) incidents: Incidents,
    /// Names of kinds of entities: an alert whose group has a member of such a name is about that entity.
    pub(crate) entity_kinds: Arc<BTreeSet<Arc<str>>>,
}

/// What a call on behalf of one event carries along.
pub(crate) struct Taking<'a, 'f> {
    pub(crate) facts: &'a Facts<'f>,
    pub(crate) entry: EntryIndex,
    /// Whether the event hangs on its nodes already.
    pub(crate) is_known: bool,
    pub(crate) limits: &'a ForestLimits,
    pub(crate) out: &'a mut Vec<TreeReport>,
}

impl Grove {
    pub(crate) fn node(&self, node: NodeIndex) -> Option<&Node> {
        self.graph.node_weight(node)
    }

    pub(crate) fn node_mut(&mut self, node: NodeIndex) -> Option<&mut Node> {
        self.graph.node_weight_mut(node)
    }

    /// How many nodes there are.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// The node of a name.
    pub(crate) fn named(&self, class: Class, name: &str) -> Option<NodeIndex> {
        let hash = self.hashing.of_pair(class.0, name);
        self.names.find(hash, |node| {
            self.node(node)
                .is_some_and(|node| node.class == class && *node.name == *name)
        })
    }

    /// All nodes, in no particular order.
    pub(crate) fn all_nodes(&self) -> impl Iterator<Item = NodeIndex> {
        self.names.all()
    }

    /// Whether a node of that name has spoken for itself.
    pub(crate) fn has_seen(&self, class: Class, name: &str) -> bool {
        let node = self.named(class, name).and_then(|node| self.node(node));
        node.is_some_and(Node::is_seen)
    }

    pub(crate) fn insert(
        &mut self,
        facts: &Facts<'_>,
        limits: &ForestLimits,
        out: &mut Vec<TreeReport>,
    ) {
        // Given again, it may say something else of its nodes, where sources share ids.
        let (known, has_namesake) = self.same_as(facts);
        let entry = match known {
            Some(known) => {
                self.stands_earlier(known, facts.position);
                known
            }
            None => {
                self.reached = self.reached.max(facts.position);
                let alert = facts.alert.is_some();
                self.entries.add(facts.event, facts.position, alert)
            }
        };
        self.current = facts.position;
        self.changes += 1;
        let mut taking = Taking {
            facts,
            entry,
            is_known: known.is_some(),
            limits,
            out,
        };
        let mut main = None;
        for group in &facts.groups {
            let Some(own) = self.take_in(group, &mut taking) else {
                continue;
            };
            match main {
                None => {
                    main = Some(own);
                    if let Some(joins) = group.joins {
                        self.tell_touch(own, own, joins, facts);
                    }
                }
                Some(main) if main != own => self.tie_shared(main, own, group, &taking),
                Some(_) => {}
            }
        }
        if let Some(main) = main {
            if self.overlay.on && facts.alert.is_none() {
                let placed = (facts.event.envelope().id.clone(), main);
                self.overlay.placed.insert(facts.position, placed);
            }
            self.note_entities(main, facts);
            if has_namesake || !self.awaited.is_empty() {
                self.resolve_awaited(main, &mut taking);
            }
        }
        self.entries.drop_unused(entry);
        while self.families.len() > limits.roots_per_tenant.max(1)
            || self.names.len() > limits.nodes_per_tenant.max(1) && self.families.len() > 1
        {
            self.evict_oldest(facts, out);
        }
    }

    /// The same event, if it is here: by id, source, time, and the node it hangs on first; and whether there are
    /// others of its id.
    fn same_as(&self, facts: &Facts<'_>) -> (Option<EntryIndex>, bool) {
        let envelope = facts.event.envelope();
        let Some(main) = facts.groups.first() else {
            return (None, false);
        };
        let mut namesakes = 0;
        let mut known = self.entries.with_id(envelope.id.as_str());
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
    fn stands_earlier(&mut self, known: EntryIndex, position: Position) {
        let Some(entry) = self.entries.get_mut(known) else {
            return;
        };
        let before = entry.position;
        entry.position = before.min(position);
        let (main, alert) = (entry.main, entry.alert);
        let node = self.node_mut(main).filter(|_| alert);
        let raised = node.and_then(|node| node.more.as_mut()?.alert.as_mut());
        if let Some(raised) = raised.filter(|raised| raised.position == before) {
            raised.position = before.min(position);
        }
    }

    /// Takes in one node that an event names, with what it says of it.
    fn take_in(&mut self, group: &Group<'_>, taking: &mut Taking<'_, '_>) -> Option<NodeIndex> {
        let facts = taking.facts;
        if group
            .parent
            .as_ref()
            .is_some_and(|parent| parent.name == group.own.name)
        {
            taking.out.push(TreeReport::SelfParent {
                tenant: facts.tenant.clone(),
                step: group.own.name.as_ref().into(),
                event: facts.event.envelope().id.clone(),
            });
        }
        let names = group.names();
        let known = names.map(|naming| self.named(group.class, &naming?.name));
        let (family, together) = self.family_for(group, known, taking)?;
        self.families.touch(family);
        let mut nodes = known;
        for (node, naming) in nodes.iter_mut().zip(names) {
            if let Some(naming) = naming.filter(|_| node.is_none()) {
                let new = Node::named(
                    naming.name.as_ref().into(),
                    group.class,
                    naming.way,
                    facts.position,
                );
                *node = Some(self.plant(new, family));
            }
        }
        let named = group.in_place(nodes)?;
        if !taking.is_known && self.hang(named.own, taking).is_none() {
            return Some(named.own);
        }
        self.settle(&named, group, taking);
        // A circle can only close among nodes that hung together before.
        self.follow_claims(named.own, together, taking);
        self.settle_above(&named, group, together, taking);
        Some(named.own)
    }

    /// The family of everything that a group names, made one, and whether those that were there before were
    /// of one already; `None` when it would be too large.
    fn family_for(
        &mut self,
        group: &Group<'_>,
        nodes: [Option<NodeIndex>; 3],
        taking: &mut Taking<'_, '_>,
    ) -> Option<(u32, bool)> {
        let named = group.names().iter().flatten().count();
        let newcomers = named - nodes.iter().flatten().count();
        let (mut joined, mut known) = ([None; 3], 0_usize);
        let mut total = 0;
        let families = nodes.map(|node| Some(self.node(node?)?.family));
        for (slot, family) in families.into_iter().flatten().enumerate() {
            if joined.contains(&Some(family)) {
                known += 1;
                continue;
            }
            total += self.families.get(family).map_or(0, |family| family.size);
            if let Some(slot) = joined.get_mut(slot) {
                *slot = Some(family);
            }
        }
        let grows = newcomers > 0 || joined.iter().flatten().count() > 1;
        if grows && total + newcomers > taking.limits.nodes_per_root {
            for number in joined.into_iter().flatten() {
                self.families.refuse(number, 1);
            }
            let facts = taking.facts;
            let root = group.root.as_ref().unwrap_or(&group.own);
            taking.out.push(TreeReport::RootFull {
                tenant: facts.tenant.clone(),
                root: root.name.as_ref().into(),
                event: facts.event.envelope().id.clone(),
            });
            return None;
        }
        let mut joined = joined.into_iter().flatten();
        let Some(mut family) = joined.next() else {
            let tree = self.next_tree(taking.facts.position);
            return Some((self.families.found(tree), false));
        };
        for other in joined {
            family = self.join(family, other);
        }
        Some((family, known > 0))
    }

    /// The number of a tree that is founded with an event at a position: the position and how many that event had founded before.
    pub(crate) fn next_tree(&mut self, position: Position) -> TreeId {
        let (at, number) = self.founded;
        let number = if at == position { number + 1 } else { 0 };
        self.founded = (position, number);
        TreeId(
            position
                .0
                .saturating_mul(256)
                .saturating_add(number.min(255)),
        )
    }

    /// Makes one family of two, and says which.
    pub(crate) fn join(&mut self, one: u32, other: u32) -> u32 {
        let (into, from) = self.families.larger(one, other);
        let Some(gone) = self.families.remove(from) else {
            return into;
        };
        let mut member = gone.first;
        while let Some(node) = self.node_mut(member) {
            node.family = into;
            member = node.next_member;
        }
        let head = self.families.get(into).map(|family| family.first);
        if let (Some(last), Some(head)) = (self.node_mut(gone.last), head) {
            last.next_member = head;
        }
        if let Some(family) = self.families.get_mut(into) {
            family.first = gone.first;
            if family.last == NodeIndex::end() {
                family.last = gone.last;
            }
        }
        let trees = (gone.tree, self.families.get(into).map(|family| family.tree));
        self.families.absorb(into, gone);
        if let (gone, Some(kept)) = trees {
            self.tell_merge(gone.min(kept), gone.max(kept));
        }
        into
    }

    /// The node of a name, made if it is not there yet.
    pub(crate) fn node_named(
        &mut self,
        class: Class,
        naming: &Naming<'_>,
        family: u32,
        position: Position,
    ) -> NodeIndex {
        if let Some(node) = self.named(class, &naming.name) {
            return node;
        }
        let node = Node::named(naming.name.as_ref().into(), class, naming.way, position);
        self.plant(node, family)
    }

    /// Puts a new node into the graph and into a family.
    pub(crate) fn plant(&mut self, mut node: Node, family: u32) -> NodeIndex {
        let hash = self.hashing.of_pair(node.class.0, &node.name);
        node.family = family;
        if let Some(family) = self.families.get(family) {
            node.next_member = family.first;
        }
        let index = self.graph.add_node(node);
        if let Some(family) = self.families.get_mut(family) {
            family.first = index;
            if family.last == NodeIndex::end() {
                (family.last, family.anchor) = (index, index);
            }
            family.size += 1;
        }
        self.names.add(hash, index);
        index
    }

    /// The members of a family, in no particular order.
    pub(crate) fn members(&self, family: u32) -> impl Iterator<Item = NodeIndex> {
        let mut at = self
            .families
            .get(family)
            .map_or(NodeIndex::end(), |family| family.first);
        std::iter::from_fn(move || {
            let node = self.node(at)?;
            Some(std::mem::replace(&mut at, node.next_member))
        })
    }

    /// Hangs the event on a node; nothing when it only counts there.
    fn hang(&mut self, node: NodeIndex, taking: &Taking<'_, '_>) -> Option<()> {
        let entry = taking.entry;
        let time = taking.facts.event.envelope().time;
        let most = taking.limits.events_per_node.max(1);
        let found = self.graph.node_weight_mut(node)?;
        if taking.facts.alert.is_none() {
            let (before, family) = (found.first, found.family);
            found.first = before.min(time);
            if time < before {
                self.remember_first(node, before);
            }
            if let Some(family) = self.families.get_mut(family) {
                family.events += 1;
            }
        }
        let found = self.graph.node_weight_mut(node)?;
        let (mut head, mut counted) = (found.hung, found.events);
        if counted as usize >= most {
            let more = found.more();
            more.left_out += 1;
            let latest = more.latest;
            // The latest goes; most often that is the new one.
            let latest = latest.or_else(|| self.latest(head))?;
            if self.entries.compare(entry, latest) != Ordering::Less {
                self.node_mut(node)?.more().latest = Some(latest);
                return None;
            }
            head = self.hung.take_out(head, latest);
            counted -= 1;
            self.remember_event(latest);
            self.unhang(latest, node);
            self.node_mut(node)?.more().latest = None;
        }
        let head = self.hung.push(head, entry);
        if let Some(found) = self.graph.node_weight_mut(node) {
            (found.hung, found.events) = (head, counted + 1);
        }
        if let Some(hung) = self.entries.get_mut(entry) {
            if hung.hung == 0 {
                hung.main = node;
            }
            hung.hung = hung.hung.saturating_add(1);
        }
        Some(())
    }

    /// The latest event of a list.
    fn latest(&self, head: u32) -> Option<EntryIndex> {
        let hung = self.hung.list(head);
        hung.max_by(|one, other| self.entries.compare(*one, *other))
    }

    /// An event hangs on a node no more; where that was its main one it has none, because another node may be in
    /// that one's place later.
    pub(crate) fn unhang(&mut self, entry: EntryIndex, node: NodeIndex) {
        let Some(hung) = self.entries.get_mut(entry) else {
            return;
        };
        if hung.main == node {
            hung.main = NodeIndex::end();
        }
        hung.hung = hung.hung.saturating_sub(1);
        if hung.hung == 0 {
            self.entries.hide(entry);
        }
        self.entries.drop_unused(entry);
    }

    /// The node that an event hangs on or, as an alert, is; the one with the least name if sources share the id.
    pub(crate) fn node_of(&self, event: &str) -> Option<NodeIndex> {
        let mains = self.entries.with_id(event).filter_map(|entry| {
            let main = self.entries.get(entry)?.main;
            Some((&self.node(main)?.name, main))
        });
        mains.min().map(|(_, main)| main)
    }

    /// The alerts that name an event as what raised them, as far as it hangs on no node.
    pub(crate) fn awaiting(&self, event: &EventId) -> impl Iterator<Item = NodeIndex> {
        let hash = key_hash(event.as_str());
        let awaiting = self
            .awaited
            .range((hash, NodeIndex::new(0))..=(hash, NodeIndex::end()));
        awaiting.map(|(_, alert)| *alert).filter(move |alert| {
            let raised = self.node(*alert).and_then(Node::alert);
            raised.is_some_and(|raised| raised.causes().any(|cause| cause == event))
        })
    }

    fn note_entities(&mut self, main: NodeIndex, facts: &Facts<'_>) {
        let Some((family, named)) = self.node(main).map(|node| (node.family, node.named)) else {
            return;
        };
        for (kind, value) in &facts.entities {
            self.entities.note(kind, value, (main, named));
            if let Some(family) = self.families.get_mut(family) {
                family.note(kind, value);
            }
        }
    }

    pub(crate) fn forget_name(&mut self, node: NodeIndex) {
        let Some(found) = self.graph.node_weight(node) else {
            return;
        };
        let hash = self.hashing.of_pair(found.class.0, &found.name);
        self.names.remove(hash, node);
    }
}
