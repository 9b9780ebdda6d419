//! The shape of a tree: its nodes in reading order, and how much there is at each place.
//!
//! Owns the order of nodes and the sums over any range of them; what is shown of a node belongs to
//! the view builder. Made once for a tree that does not change, so that a page of it costs what the
//! page holds.
//! Invariant: a place comes after the place of its parent, and its subtree follows it without a
//! gap, so a part of a tree is a range of places. The order depends on what events say and never on
//! the graph's numbers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use foldhash::quality::RandomState;
use larum_event::{EventId, Timestamp};
use petgraph::Direction::Incoming;
use petgraph::stable_graph::NodeIndex;

use crate::cross_edge::CrossEdgeKind;
use crate::graph_node::NodeAlert;
use crate::tenant_graph::TreeRoot;
use crate::view::{MissingPart, TreeCounts};
use crate::view_builder::ViewBuilder;

/// What is at a place of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OutlineItem {
    /// A node of the tree.
    Node(NodeIndex),
    /// An alert of another tree that an event here raised.
    LinkedAlert(NodeIndex),
    /// An event that raised an alert and belongs to no node.
    BareEvent(EventId),
}

/// How much there is before a place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct PrefixCounts {
    steps: u64,
    alerts: u64,
    events: u64,
    left_out: u64,
    unseen: u64,
}

/// No parent.
const NO_PARENT: u32 = u32::MAX;

/// The shape of one tree.
#[derive(Debug, Default)]
pub(crate) struct TreeOutline {
    items: Vec<OutlineItem>,
    parents: Vec<u32>,
    depths: Vec<u32>,
    firsts: Vec<Option<Timestamp>>,
    /// One more than there are items: how much there is before each.
    sums: Vec<PrefixCounts>,
    /// The depth of the lowest node.
    deepest: Option<u32>,
    /// Where each node is. Only looked up in.
    places: HashMap<NodeIndex, u32, RandomState>,
    /// Where the events without a node are, by their alert.
    bare: BTreeMap<(NodeIndex, EventId), u32>,
    /// Alerts of other trees that are shown here.
    linked: BTreeSet<NodeIndex>,
    /// What the whole tree lacks that no node does.
    missing: Vec<MissingPart>,
}

/// An item on its way into order.
struct OutlineEntry {
    item: OutlineItem,
    parent: Option<usize>,
    first: Option<Timestamp>,
}

impl TreeOutline {
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn item(&self, place: usize) -> Option<&OutlineItem> {
        self.items.get(place)
    }

    pub(crate) fn parent(&self, place: usize) -> Option<usize> {
        let parent = self.parents.get(place).copied();
        parent
            .filter(|parent| *parent != NO_PARENT)
            .map(|it| it as usize)
    }

    pub(crate) fn depth(&self, place: usize) -> usize {
        self.depths.get(place).map_or(0, |depth| *depth as usize)
    }

    /// Time of the item's first event, else the first time below it.
    pub(crate) fn first_time(&self, place: usize) -> Option<Timestamp> {
        self.firsts.get(place).copied().flatten()
    }

    pub(crate) fn place_of_node(&self, node: NodeIndex) -> Option<usize> {
        self.places.get(&node).map(|place| *place as usize)
    }

    /// Whether a node is shown, as one of the tree or beside one.
    pub(crate) fn contains_node(&self, node: NodeIndex) -> bool {
        self.places.contains_key(&node) || self.linked.contains(&node)
    }

    pub(crate) fn place_of_event(&self, alert: NodeIndex, event: &EventId) -> Option<usize> {
        let place = self.bare.get(&(alert, event.clone()));
        place.map(|place| *place as usize)
    }

    /// What the whole tree lacks that no node does.
    pub(crate) fn missing_parts(&self) -> &[MissingPart] {
        &self.missing
    }

    /// The places from one on that are it and what is under it.
    pub(crate) fn subtree_range(&self, place: usize) -> Range<usize> {
        if place == 0 {
            return 0..self.len();
        }
        let depth = self.depth(place);
        let below = self.depths.get(place + 1..).unwrap_or_default();
        let more = below.iter().take_while(|below| **below as usize > depth);
        place..place + 1 + more.count()
    }

    /// The depth of the lowest node at some places.
    fn deepest_in(&self, places: Range<usize>) -> Option<u32> {
        let items = self.items.get(places.clone()).unwrap_or_default();
        let depths = self.depths.get(places).unwrap_or_default();
        let nodes = items
            .iter()
            .zip(depths)
            .filter(|(item, _)| matches!(item, OutlineItem::Node(_)));
        nodes.map(|(_, depth)| *depth).max()
    }

    /// How much there is at some places, and what the nodes there lack.
    pub(crate) fn count_range(&self, places: Range<usize>) -> (TreeCounts, Vec<MissingPart>) {
        let sum = |place: usize| self.sums.get(place).copied().unwrap_or_default();
        let (before, after) = (sum(places.start), sum(places.end));
        let top = self.depth(places.start);
        let levels = |deepest: u32| deepest as usize - top + 1;
        let deepest = if places == (0..self.len()) {
            self.deepest
        } else {
            self.deepest_in(places)
        };
        let counts = TreeCounts {
            steps: after.steps - before.steps,
            events: after.events - before.events,
            alerts: after.alerts - before.alerts,
            depth: deepest.map_or(0, levels) as u64,
        };
        let mut why = Vec::new();
        let unseen = after.unseen - before.unseen;
        if unseen > 0 {
            why.push(MissingPart::StepsNotSeen { count: unseen });
        }
        let left_out = after.left_out - before.left_out;
        if left_out > 0 {
            why.push(MissingPart::EventsLeftOut { count: left_out });
        }
        (counts, why)
    }
}

impl ViewBuilder<'_> {
    /// The shape of the tree that begins at a summit.
    pub(crate) fn build_outline(self, root: &TreeRoot) -> TreeOutline {
        let graph = self.tenant_graph;
        let mut entries = self.collect_nodes(root.top);
        let mut places = HashMap::with_hasher(RandomState::default());
        for (item, place) in entries.iter().zip(0_u32..) {
            if let OutlineItem::Node(node) = item.item {
                places.insert(node, place);
            }
        }
        self.add_bare_events(&mut entries);
        self.add_linked_alerts(&mut entries, &places);
        // Inherit times after everything is in: what has no time of its own is sorted by the first
        // one below it.
        inherit_first_times(&mut entries);
        let order = self.reading_order(&entries);
        let mut outline = TreeOutline {
            places,
            ..self.arrange_entries(entries, &order)
        };
        for place in outline.places.values_mut() {
            *place = order.number_at(*place as usize);
        }
        let component = graph.component_of(root.top);
        let refused = component.map_or(0, |component| component.refused_events());
        if refused > 0 {
            outline
                .missing
                .push(MissingPart::EventsRefused { count: refused });
        }
        let cut = graph.claimed_parent(root.top);
        if let Some(up) = cut.filter(|_| !root.cycle.is_empty()) {
            outline.missing.push(MissingPart::CircleCut {
                parent: graph.nodes().name(up.node),
            });
        }
        outline
    }

    /// The nodes from `top` down. Only `top` itself can be met again: every other node has one
    /// parent, and a circle leads through the top.
    fn collect_nodes(self, top: NodeIndex) -> Vec<OutlineEntry> {
        let mut entries = Vec::new();
        let mut open = vec![(top, None)];
        while let Some((node, parent)) = open.pop() {
            let place = entries.len();
            entries.push(OutlineEntry {
                item: OutlineItem::Node(node),
                parent,
                first: self.first_time_of(node),
            });
            let children = self
                .tenant_graph
                .nodes()
                .children(node)
                .filter(|child| *child != top);
            open.extend(children.map(|child| (child, Some(place))));
        }
        entries
    }

    /// Time of a node's first event, or of the alert that it is.
    pub(crate) fn first_time_of(self, node: NodeIndex) -> Option<Timestamp> {
        let raised = self.alert_of(node).map(|raised| raised.time);
        self.tenant_graph
            .nodes()
            .first_event_time(node)
            .into_iter()
            .chain(raised)
            .min()
    }

    pub(crate) fn alert_of(&self, alert: NodeIndex) -> Option<&NodeAlert> {
        self.tenant_graph.nodes().get(alert)?.alert()
    }

    /// Evidence that belongs to no node becomes a node under its alert.
    fn add_bare_events(self, entries: &mut Vec<OutlineEntry>) {
        for place in 0..entries.len() {
            let Some(OutlineItem::Node(alert)) = entries.get(place).map(|entry| entry.item.clone())
            else {
                continue;
            };
            let Some(raised) = self.alert_of(alert) else {
                continue;
            };
            for event in raised.causes() {
                if self.tenant_graph.node_of_event(event.as_str()).is_none() {
                    entries.push(OutlineEntry {
                        item: OutlineItem::BareEvent(event.clone()),
                        parent: Some(place),
                        first: None,
                    });
                }
            }
        }
    }

    /// Alerts of other trees that events of this one raised are shown where those events are.
    fn add_linked_alerts(
        self,
        entries: &mut Vec<OutlineEntry>,
        places: &HashMap<NodeIndex, u32, RandomState>,
    ) {
        let mut linked = BTreeSet::new();
        for item in entries.iter() {
            let OutlineItem::Node(node) = item.item else {
                continue;
            };
            let caused =
                self.tenant_graph
                    .nodes()
                    .cross_edges(node, CrossEdgeKind::Causation, Incoming);
            let alerts = caused.map(|(alert, _)| alert);
            let others = alerts.filter(|alert| !places.contains_key(alert));
            linked.extend(others.map(|alert| (self.tenant_graph.nodes().name(alert), alert)));
        }
        // Under its trigger if that is here, else under its first evidence: once, however many
        // causes are here.
        for (_, alert) in linked {
            let Some(raised) = self.alert_of(alert) else {
                continue;
            };
            let mut causes = std::iter::once(&raised.trigger).chain(&raised.evidence);
            let parent = causes.find_map(|event| {
                let node = self.tenant_graph.node_of_event(event.as_str())?;
                places.get(&node).copied()
            });
            if let Some(parent) = parent {
                entries.push(OutlineEntry {
                    item: OutlineItem::LinkedAlert(alert),
                    parent: Some(parent as usize),
                    first: self.first_time_of(alert),
                });
            }
        }
    }

    fn item_name<'n>(&'n self, item: &'n OutlineItem) -> &'n str {
        match item {
            OutlineItem::Node(node) | OutlineItem::LinkedAlert(node) => self
                .tenant_graph
                .nodes()
                .get(*node)
                .map_or("", |node| &node.name),
            OutlineItem::BareEvent(event) => event.as_str(),
        }
    }

    /// Each item before what is under it, siblings by first time, id and kind.
    fn reading_order(self, entries: &[OutlineEntry]) -> ReadingOrder {
        let mut children: Vec<Vec<u32>> = vec![Vec::new(); entries.len()];
        let mut open = Vec::new();
        for (item, place) in entries.iter().zip(0_u32..) {
            match item.parent.and_then(|parent| children.get_mut(parent)) {
                Some(siblings) => siblings.push(place),
                None => open.push(place),
            }
        }
        let rank = |place: &u32| {
            let entry = entries.get(*place as usize)?;
            let kind = match entry.item {
                OutlineItem::Node(_) => 0,
                OutlineItem::LinkedAlert(_) => 1,
                OutlineItem::BareEvent(_) => 2,
            };
            // What has no time comes last.
            let first = entry.first.unwrap_or(Timestamp::MAX);
            Some((first, self.item_name(&entry.item), kind))
        };
        let mut order = Vec::with_capacity(entries.len());
        while let Some(place) = open.pop() {
            order.push(place);
            let Some(siblings) = children.get_mut(place as usize) else {
                continue;
            };
            siblings.sort_by(|one, other| rank(other).cmp(&rank(one)));
            open.append(siblings);
        }
        ReadingOrder::from_places(order)
    }

    fn arrange_entries(self, entries: Vec<OutlineEntry>, order: &ReadingOrder) -> TreeOutline {
        let mut outline = TreeOutline::default();
        let mut sum = PrefixCounts::default();
        outline.sums.push(sum);
        let mut entries: Vec<_> = entries.into_iter().map(Some).collect();
        for place in &order.places {
            let Some(entry) = entries.get_mut(*place as usize).and_then(Option::take) else {
                continue;
            };
            let parent = entry
                .parent
                .map_or(NO_PARENT, |parent| order.number_at(parent));
            let above = outline.depths.get(parent as usize);
            let depth = above.map_or(0, |above| above + 1);
            // Count before the sum is pushed: the sum after a place includes the place.
            self.count_item(&entry.item, parent != NO_PARENT, &mut sum);
            if let (OutlineItem::BareEvent(event), Some(OutlineItem::Node(alert))) =
                (&entry.item, outline.items.get(parent as usize))
            {
                let at = u32::try_from(outline.items.len()).unwrap_or(NO_PARENT);
                outline.bare.insert((*alert, event.clone()), at);
            }
            if let OutlineItem::LinkedAlert(alert) = entry.item {
                outline.linked.insert(alert);
            }
            outline.items.push(entry.item);
            outline.parents.push(parent);
            outline.depths.push(depth);
            outline.firsts.push(entry.first);
            outline.sums.push(sum);
        }
        outline.deepest = outline.deepest_in(0..outline.len());
        outline
    }

    fn count_item(self, item: &OutlineItem, has_parent: bool, sum: &mut PrefixCounts) {
        let OutlineItem::Node(node) = item else {
            return;
        };
        let Some(found) = self.tenant_graph.nodes().get(*node) else {
            return;
        };
        let left_out = found.extras.as_ref().map_or(0, |more| more.left_out);
        let kept = if found.alert().is_some() {
            sum.alerts += 1;
            let entries = self.tenant_graph.events().iter_list(found.event_list);
            entries.filter(|(_, entry)| !entry.alert).count() as u64
        } else {
            sum.steps += 1;
            u64::from(found.event_count)
        };
        sum.events += kept + left_out;
        sum.left_out += left_out;
        // A root is often but a name that the steps share; a parent should have spoken.
        sum.unseen += u64::from(!found.is_seen() && has_parent);
    }
}

/// An order of items, and the number of each in it.
struct ReadingOrder {
    places: Vec<u32>,
    numbers: Vec<u32>,
}

impl ReadingOrder {
    fn from_places(places: Vec<u32>) -> Self {
        let mut numbers = vec![0; places.len()];
        for (place, number) in places.iter().zip(0..) {
            if let Some(slot) = numbers.get_mut(*place as usize) {
                *slot = number;
            }
        }
        Self { places, numbers }
    }

    fn number_at(&self, place: usize) -> u32 {
        self.numbers.get(place).copied().unwrap_or(NO_PARENT)
    }
}

/// A node without a time of its own takes the first time below it. Children come behind parents.
fn inherit_first_times(entries: &mut [OutlineEntry]) {
    let mut below: Vec<Option<Timestamp>> = vec![None; entries.len()];
    for (place, item) in entries.iter_mut().enumerate().rev() {
        item.first = item.first.or(below.get(place).copied().flatten());
        let parent = item.parent.and_then(|parent| below.get_mut(parent));
        if let (Some(first), Some(parent)) = (item.first, parent) {
            *parent = Some(parent.map_or(first, |known| known.min(first)));
        }
    }
}
