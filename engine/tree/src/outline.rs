//! The shape of a tree: its nodes in reading order, and how much hangs on them, without what is shown of each.
//!
//! The graph numbers its nodes as events arrived; nothing of that may show. So everything is sorted
//! by what events say. Made once for a tree that does not change, a page of it costs what the page holds.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use foldhash::quality::RandomState;
use larum_event::{EventId, Timestamp};
use petgraph::Direction::Incoming;
use petgraph::stable_graph::NodeIndex;

use crate::climb::Summit;
use crate::gather::Viewer;
use crate::node::Raised;
use crate::tie::TieKind;
use crate::view::{Counts, Partial};

/// What stands at a place of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    /// A node of the tree.
    Node(NodeIndex),
    /// An alert of another tree that an event here raised.
    Linked(NodeIndex),
    /// An event that raised an alert and hangs on no node.
    Bare(EventId),
}

/// How much there is before a place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sum {
    steps: u64,
    alerts: u64,
    events: u64,
    left_out: u64,
    unseen: u64,
}

/// No parent.
const NONE: u32 = u32::MAX;

/// The shape of one tree.
#[derive(Debug, Default)]
pub(crate) struct Outline {
    items: Vec<Item>,
    parents: Vec<u32>,
    depths: Vec<u32>,
    firsts: Vec<Option<Timestamp>>,
    /// One more than there are items: how much there is before each.
    sums: Vec<Sum>,
    /// The depth of the lowest node.
    deepest: Option<u32>,
    /// Where each node is. Only looked up in.
    places: HashMap<NodeIndex, u32, RandomState>,
    /// Where the events without a node are, by their alert.
    bare: BTreeMap<(NodeIndex, EventId), u32>,
    /// Alerts of other trees that are shown here.
    linked: BTreeSet<NodeIndex>,
    /// What the whole tree lacks that no node does.
    why: Vec<Partial>,
}

/// An item on its way into order.
struct Found {
    item: Item,
    parent: Option<usize>,
    first: Option<Timestamp>,
}

impl Outline {
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn item(&self, place: usize) -> Option<&Item> {
        self.items.get(place)
    }

    pub(crate) fn parent(&self, place: usize) -> Option<usize> {
        let parent = self.parents.get(place).copied();
        parent
            .filter(|parent| *parent != NONE)
            .map(|it| it as usize)
    }

    pub(crate) fn depth(&self, place: usize) -> usize {
        self.depths.get(place).map_or(0, |depth| *depth as usize)
    }

    /// Time of the item's first event, else the first time below it.
    pub(crate) fn first(&self, place: usize) -> Option<Timestamp> {
        self.firsts.get(place).copied().flatten()
    }

    pub(crate) fn place_of(&self, node: NodeIndex) -> Option<usize> {
        self.places.get(&node).map(|place| *place as usize)
    }

    /// Whether a node is shown, as one of the tree or beside one.
    pub(crate) fn shows(&self, node: NodeIndex) -> bool {
        self.places.contains_key(&node) || self.linked.contains(&node)
    }

    pub(crate) fn place_of_bare(&self, alert: NodeIndex, event: &EventId) -> Option<usize> {
        let place = self.bare.get(&(alert, event.clone()));
        place.map(|place| *place as usize)
    }

    /// What the whole tree lacks that no node does.
    pub(crate) fn why(&self) -> &[Partial] {
        &self.why
    }

    /// The places from one on that are it and what is under it.
    pub(crate) fn under(&self, place: usize) -> Range<usize> {
        if place == 0 {
            return 0..self.len();
        }
        let depth = self.depth(place);
        let below = self.depths.get(place + 1..).unwrap_or_default();
        let more = below.iter().take_while(|below| **below as usize > depth);
        place..place + 1 + more.count()
    }

    /// The depth of the lowest node at some places.
    fn deepest_of(&self, places: Range<usize>) -> Option<u32> {
        let nodes = self.items.get(places.clone()).unwrap_or_default();
        let depths = self.depths.get(places).unwrap_or_default();
        let nodes = nodes.iter().zip(depths);
        let nodes = nodes.filter(|(item, _)| matches!(item, Item::Node(_)));
        nodes.map(|(_, depth)| *depth).max()
    }

    /// How much there is at some places, and what the nodes there lack.
    pub(crate) fn counts(&self, places: Range<usize>) -> (Counts, Vec<Partial>) {
        let sum = |place: usize| self.sums.get(place).copied().unwrap_or_default();
        let (before, after) = (sum(places.start), sum(places.end));
        let top = self.depth(places.start);
        let levels = |deepest: u32| deepest as usize - top + 1;
        let deepest = if places == (0..self.len()) {
            self.deepest
        } else {
            self.deepest_of(places)
        };
        let counts = Counts {
            steps: after.steps - before.steps,
            events: after.events - before.events,
            alerts: after.alerts - before.alerts,
            depth: deepest.map_or(0, levels) as u64,
        };
        let mut why = Vec::new();
        let unseen = after.unseen - before.unseen;
        if unseen > 0 {
            why.push(Partial::StepsNotSeen { count: unseen });
        }
        let left_out = after.left_out - before.left_out;
        if left_out > 0 {
            why.push(Partial::EventsLeftOut { count: left_out });
        }
        (counts, why)
    }
}

impl Viewer<'_> {
    /// The shape of the tree that begins at a summit.
    pub(crate) fn outline(self, summit: &Summit) -> Outline {
        let grove = self.grove;
        let mut found = self.descend(summit.top);
        let mut places = HashMap::with_hasher(RandomState::default());
        for (item, place) in found.iter().zip(0_u32..) {
            if let Item::Node(node) = item.item {
                places.insert(node, place);
            }
        }
        self.add_bare_events(&mut found);
        self.add_linked_alerts(&mut found, &places);
        inherit_first_times(&mut found);
        let order = self.reading_order(&found);
        let mut outline = Outline {
            places,
            ..self.in_order(found, &order)
        };
        for place in outline.places.values_mut() {
            *place = order.number_of(*place as usize);
        }
        let family = grove.node(summit.top).map(|top| top.family);
        let family = family.and_then(|family| grove.families.get(family));
        if let Some(family) = family.filter(|family| family.refused > 0) {
            outline.why.push(Partial::EventsRefused {
                count: family.refused,
            });
        }
        let cut = grove.wanted_up(summit.top);
        if let Some(up) = cut.filter(|_| !summit.circle.is_empty()) {
            outline.why.push(Partial::CircleCut {
                parent: grove.name_of(up.node),
            });
        }
        outline
    }

    /// The nodes from `top` down. Only `top` itself can be met again: every other node has one
    /// parent, and a circle leads through the top.
    fn descend(self, top: NodeIndex) -> Vec<Found> {
        let mut found = Vec::new();
        let mut open = vec![(top, None)];
        while let Some((node, parent)) = open.pop() {
            let place = found.len();
            found.push(Found {
                item: Item::Node(node),
                parent,
                first: self.own_first(node),
            });
            let children = self.grove.children(node).filter(|child| *child != top);
            open.extend(children.map(|child| (child, Some(place))));
        }
        found
    }

    /// Time of a node's first event, or of the alert that it is.
    pub(crate) fn own_first(self, node: NodeIndex) -> Option<Timestamp> {
        let raised = self.raised(node).map(|raised| raised.time);
        self.grove.own_first(node).into_iter().chain(raised).min()
    }

    pub(crate) fn raised(&self, alert: NodeIndex) -> Option<&Raised> {
        self.grove.node(alert)?.alert()
    }

    /// Evidence that hangs on no node becomes a node under its alert.
    fn add_bare_events(self, found: &mut Vec<Found>) {
        for place in 0..found.len() {
            let Some(Item::Node(alert)) = found.get(place).map(|found| found.item.clone()) else {
                continue;
            };
            let Some(raised) = self.raised(alert) else {
                continue;
            };
            for event in raised.causes() {
                if self.grove.node_of(event.as_str()).is_none() {
                    found.push(Found {
                        item: Item::Bare(event.clone()),
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
        found: &mut Vec<Found>,
        places: &HashMap<NodeIndex, u32, RandomState>,
    ) {
        let mut linked = BTreeSet::new();
        for item in found.iter() {
            let Item::Node(node) = item.item else {
                continue;
            };
            let alerts = self.grove.ties(node, TieKind::Causation, Incoming);
            let alerts = alerts.map(|(alert, _)| alert);
            let others = alerts.filter(|alert| !places.contains_key(alert));
            linked.extend(others.map(|alert| (self.grove.name_of(alert), alert)));
        }
        for (_, alert) in linked {
            let Some(raised) = self.raised(alert) else {
                continue;
            };
            let mut causes = std::iter::once(&raised.trigger).chain(&raised.evidence);
            let parent = causes.find_map(|event| {
                let node = self.grove.node_of(event.as_str())?;
                places.get(&node).copied()
            });
            if let Some(parent) = parent {
                found.push(Found {
                    item: Item::Linked(alert),
                    parent: Some(parent as usize),
                    first: self.own_first(alert),
                });
            }
        }
    }

    fn name<'n>(&'n self, item: &'n Item) -> &'n str {
        match item {
            Item::Node(node) | Item::Linked(node) => {
                self.grove.node(*node).map_or("", |node| &node.name)
            }
            Item::Bare(event) => event.as_str(),
        }
    }

    /// Each item before what is under it, siblings by first time, id and kind.
    fn reading_order(self, found: &[Found]) -> Order {
        let mut children: Vec<Vec<u32>> = vec![Vec::new(); found.len()];
        let mut open = Vec::new();
        for (item, place) in found.iter().zip(0_u32..) {
            match item.parent.and_then(|parent| children.get_mut(parent)) {
                Some(siblings) => siblings.push(place),
                None => open.push(place),
            }
        }
        let rank = |place: &u32| {
            let found = found.get(*place as usize)?;
            let kind = match found.item {
                Item::Node(_) => 0,
                Item::Linked(_) => 1,
                Item::Bare(_) => 2,
            };
            // What has no time comes last.
            let first = found.first.unwrap_or(Timestamp::MAX);
            Some((first, self.name(&found.item), kind))
        };
        let mut order = Vec::with_capacity(found.len());
        while let Some(place) = open.pop() {
            order.push(place);
            let Some(siblings) = children.get_mut(place as usize) else {
                continue;
            };
            siblings.sort_by(|one, other| rank(other).cmp(&rank(one)));
            open.append(siblings);
        }
        Order::of(order)
    }

    fn in_order(self, found: Vec<Found>, order: &Order) -> Outline {
        let mut outline = Outline::default();
        let mut sum = Sum::default();
        outline.sums.push(sum);
        let mut found: Vec<_> = found.into_iter().map(Some).collect();
        for place in &order.places {
            let Some(found) = found.get_mut(*place as usize).and_then(Option::take) else {
                continue;
            };
            let parent = found.parent.map_or(NONE, |parent| order.number_of(parent));
            let above = outline.depths.get(parent as usize);
            let depth = above.map_or(0, |above| above + 1);
            self.count(&found.item, parent != NONE, &mut sum);
            if let (Item::Bare(event), Some(Item::Node(alert))) =
                (&found.item, outline.items.get(parent as usize))
            {
                let at = u32::try_from(outline.items.len()).unwrap_or(NONE);
                outline.bare.insert((*alert, event.clone()), at);
            }
            if let Item::Linked(alert) = found.item {
                outline.linked.insert(alert);
            }
            outline.items.push(found.item);
            outline.parents.push(parent);
            outline.depths.push(depth);
            outline.firsts.push(found.first);
            outline.sums.push(sum);
        }
        outline.deepest = outline.deepest_of(0..outline.len());
        outline
    }

    fn count(self, item: &Item, has_parent: bool, sum: &mut Sum) {
        let Item::Node(node) = item else { return };
        let Some(found) = self.grove.node(*node) else {
            return;
        };
        let left_out = found.more.as_ref().map_or(0, |more| more.left_out);
        let kept = if found.alert().is_some() {
            sum.alerts += 1;
            let entries = self.grove.hung.list(found.hung);
            let entries = entries.filter_map(|entry| self.grove.entries.get(entry));
            entries.filter(|entry| !entry.alert).count() as u64
        } else {
            sum.steps += 1;
            u64::from(found.events)
        };
        sum.events += kept + left_out;
        sum.left_out += left_out;
        // A root is often but a name that the steps share; a parent should have spoken.
        sum.unseen += u64::from(!found.is_seen() && has_parent);
    }
}

/// An order of items, and the number of each in it.
struct Order {
    places: Vec<u32>,
    numbers: Vec<u32>,
}

impl Order {
    fn of(places: Vec<u32>) -> Self {
        let mut numbers = vec![0; places.len()];
        for (place, number) in places.iter().zip(0..) {
            if let Some(slot) = numbers.get_mut(*place as usize) {
                *slot = number;
            }
        }
        Self { places, numbers }
    }

    fn number_of(&self, place: usize) -> u32 {
        self.numbers.get(place).copied().unwrap_or(NONE)
    }
}

/// A node without a time of its own takes the first time below it. Children come behind parents.
fn inherit_first_times(found: &mut [Found]) {
    let mut below: Vec<Option<Timestamp>> = vec![None; found.len()];
    for (place, item) in found.iter_mut().enumerate().rev() {
        item.first = item.first.or(below.get(place).copied().flatten());
        let parent = item.parent.and_then(|parent| below.get_mut(parent));
        if let (Some(first), Some(parent)) = (item.first, parent) {
            *parent = Some(parent.map_or(first, |known| known.min(first)));
        }
    }
}
