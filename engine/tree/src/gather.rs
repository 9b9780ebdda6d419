//! From the graph to a [`TreeView`].
//!
//! The graph numbers its nodes as events arrived; nothing of that may show. So everything is sorted
//! by what events say before it is put out.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use larum_event::{EventId, TenantId, Timestamp};
use petgraph::Direction::Incoming;
use petgraph::stable_graph::NodeIndex;

use crate::climb::Summit;
use crate::forest::Forest;
use crate::grove::Grove;
use crate::node::{Class, Node, Raised};
use crate::tie::TieKind;
use crate::view::{AlertMark, Cause, Counts, NodeKind, Partial, TreeEvent, TreeNode, TreeView};

/// The nodes of a tree in the order in which they were found: parents before children.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) nodes: Vec<TreeNode>,
    /// Which node of the graph each is; events without one are none.
    pub(crate) places: Vec<Option<NodeIndex>>,
    /// Where each node of the tree is. Walked only to fill a sorted set.
    steps: HashMap<NodeIndex, usize>,
    /// Where the events without a node are, by alert.
    bare: BTreeMap<(usize, EventId), usize>,
}

impl Found {
    fn add(&mut self, node: TreeNode, place: Option<NodeIndex>) -> usize {
        self.nodes.push(node);
        self.places.push(place);
        self.nodes.len() - 1
    }
}

/// What is needed to show the trees of one tenant.
#[derive(Clone, Copy)]
pub(crate) struct Viewer<'a> {
    pub(crate) forest: &'a Forest,
    pub(crate) grove: &'a Grove,
    pub(crate) tenant: &'a TenantId,
}

impl Viewer<'_> {
    /// The tree that begins at a summit.
    pub(crate) fn view(self, summit: &Summit) -> Option<TreeView> {
        let grove = self.grove;
        let top = grove.node(summit.top)?;
        let mut found = self.descend(summit.top);
        self.add_bare_events(&mut found);
        self.add_linked_alerts(&mut found);
        let (counts, mut why) = tally(&found.nodes);
        let family = grove.families.get(top.family);
        if let Some(family) = family.filter(|family| family.refused > 0) {
            why.push(Partial::EventsRefused {
                count: family.refused,
            });
        }
        if let Some(up) = grove
            .wanted_up(summit.top)
            .filter(|_| !summit.circle.is_empty())
        {
            why.push(Partial::CircleCut {
                parent: grove.name_of(up.node),
            });
        }
        let (nodes, places) = self.in_reading_order(found);
        let mut view = TreeView {
            root: (*top.name).into(),
            tenant: self.tenant.clone(),
            incident: grove.incident_of(top.family),
            as_of: grove.reached,
            counts,
            partial: !why.is_empty(),
            why,
            edges: self.edges(&nodes, &places),
            nodes,
            next: None,
        };
        view.counts.depth = view
            .nodes
            .iter()
            .filter(|node| !matches!(node.kind, NodeKind::LinkedAlert | NodeKind::Event))
            .map(|node| node.depth as u64 + 1)
            .max()
            .unwrap_or_default();
        Some(view)
    }

    /// The nodes from `top` down. Only `top` itself can be met again: every other node has one
    /// parent, and a circle leads through the top.
    fn descend(self, top: NodeIndex) -> Found {
        let mut found = Found::default();
        let mut open = vec![(top, None)];
        while let Some((node, parent)) = open.pop() {
            let Some(shown) = self.show(node, parent) else {
                continue;
            };
            let place = found.add(shown, Some(node));
            found.steps.insert(node, place);
            let children = self.grove.children(node).filter(|child| *child != top);
            open.extend(children.map(|child| (child, Some(place))));
        }
        found
    }

    /// Evidence that hangs on no node becomes a node under its alert.
    fn add_bare_events(self, found: &mut Found) {
        for place in 0..found.nodes.len() {
            let alert = found.places.get(place).copied().flatten();
            let Some(raised) = alert.and_then(|alert| self.raised(alert)) else {
                continue;
            };
            for event in raised.causes() {
                if self.grove.node_of(event.as_str()).is_none() {
                    let bare = found.add(bare_node(event, place), None);
                    found.bare.insert((place, event.clone()), bare);
                }
            }
        }
    }

    /// Alerts of other trees that events of this one raised are shown where those events are.
    fn add_linked_alerts(self, found: &mut Found) {
        let mut linked = BTreeSet::new();
        for node in found.steps.keys() {
            let alerts = self.grove.ties(*node, TieKind::Causation, Incoming);
            let alerts = alerts.map(|(alert, _)| alert);
            let others = alerts.filter(|alert| !found.steps.contains_key(alert));
            linked.extend(others.map(|alert| (self.grove.name_of(alert), alert)));
        }
        for (_, alert) in linked {
            let Some(raised) = self.raised(alert) else {
                continue;
            };
            let mut causes = std::iter::once(&raised.trigger).chain(&raised.evidence);
            let Some(parent) = causes.find_map(|event| {
                let node = self.grove.node_of(event.as_str())?;
                found.steps.get(&node).copied()
            }) else {
                continue;
            };
            if let Some(mut node) = self.show(alert, Some(parent)) {
                node.kind = NodeKind::LinkedAlert;
                node.events.clear();
                node.events_left_out = 0;
                node.children = 0;
                found.add(node, Some(alert));
            }
        }
    }

    fn raised(&self, alert: NodeIndex) -> Option<&Raised> {
        self.grove.node(alert)?.alert()
    }

    /// Siblings sorted, children behind their parents, numbers of nodes made those of this order.
    fn in_reading_order(self, mut found: Found) -> (Vec<TreeNode>, Vec<Option<NodeIndex>>) {
        inherit_first_times(&mut found.nodes);
        let order = reading_order(&found.nodes);
        let mut number_of = vec![0; order.len()];
        for (number, place) in order.iter().enumerate() {
            if let Some(slot) = number_of.get_mut(*place) {
                *slot = number;
            }
        }
        let number = |place: &usize| number_of.get(*place).copied();
        let mut nodes: Vec<TreeNode> = Vec::with_capacity(order.len());
        let mut places = Vec::with_capacity(order.len());
        let mut unordered: Vec<_> = found.nodes.into_iter().map(Some).collect();
        for place in order {
            let Some(mut node) = unordered.get_mut(place).and_then(Option::take) else {
                continue;
            };
            node.parent = node.parent.as_ref().and_then(number);
            let above = node.parent.and_then(|parent| nodes.get(parent));
            node.depth = above.map_or(0, |above| above.depth + 1);
            let alert = found.places.get(place).copied().flatten();
            let raised = alert.and_then(|alert| self.raised(alert));
            node.alert = raised.map(|raised| {
                let causes = raised.causes().map(|event| {
                    let step = self.grove.node_of(event.as_str());
                    let bare = || found.bare.get(&(place, event.clone()));
                    let at = step.map_or_else(bare, |step| found.steps.get(&step));
                    Cause {
                        event: event.clone(),
                        node: at.and_then(number),
                        step: step.map(|step| self.grove.name_of(step)),
                    }
                });
                mark(raised, causes.collect())
            });
            nodes.push(node);
            places.push(alert);
        }
        (nodes, places)
    }

    /// One node as it is shown.
    pub(crate) fn show(self, node: NodeIndex, parent: Option<usize>) -> Option<TreeNode> {
        let found = self.grove.node(node)?;
        let (events, last) = self.events(found);
        let known = self.grove.known(node);
        let raised = found.alert().map(|raised| raised.time);
        let kept = known.kept.into_iter().map(|(path, text)| {
            let value = serde_json::from_str(&text).unwrap_or_default();
            (path, value)
        });
        Some(TreeNode {
            id: (*found.name).into(),
            kind: match (found.class, found.alert()) {
                (Class::STEP, Some(_)) => NodeKind::Alert,
                (Class::STEP, None) => NodeKind::Step,
                (Class::TRACE, _) => NodeKind::Trace,
                _ => NodeKind::Linked,
            },
            link: self.forest.ways.link_of(found.class).cloned(),
            label: known.label,
            parent,
            depth: 0,
            seen: found.is_seen(),
            begun: found.begun || found.class == Class::STEP && found.is_seen(),
            again: false,
            first: self.grove.own_first(node).into_iter().chain(raised).min(),
            last: last.into_iter().chain(raised).max(),
            stage: known.stage,
            tags: known.tags.into_iter().collect(),
            kept: kept.collect(),
            events,
            folds: Vec::new(),
            events_left_out: found.more.as_ref().map_or(0, |more| more.left_out),
            children: u64::from(found.children),
            alert: None,
        })
    }

    /// The events that hang on a node, alerts left out, and the time of the last one.
    fn events(self, node: &Node) -> (Vec<TreeEvent>, Option<Timestamp>) {
        let entries = self.grove.hung.list(node.hung);
        let entries = entries.filter_map(|entry| self.grove.entries.get(entry));
        let mut events: Vec<TreeEvent> = entries
            .filter(|entry| !entry.alert)
            .map(|entry| TreeEvent {
                id: entry.id.clone(),
                event_type: entry.event_type.clone(),
                source: entry.source.clone(),
                time: entry.time,
                severity: entry.severity,
                position: entry.position,
            })
            .collect();
        events.sort_by(|one, other| {
            let rank = |event: &TreeEvent| (event.time, event.id.clone(), event.source.clone());
            rank(one).cmp(&rank(other))
        });
        let last = events.last().map(|event| event.time);
        (events, last)
    }
}

fn bare_node(event: &EventId, parent: usize) -> TreeNode {
    TreeNode {
        id: event.as_str().into(),
        kind: NodeKind::Event,
        link: None,
        label: None,
        parent: Some(parent),
        depth: 0,
        seen: false,
        begun: false,
        again: false,
        first: None,
        last: None,
        stage: None,
        tags: BTreeMap::new(),
        kept: BTreeMap::new(),
        events: Vec::new(),
        folds: Vec::new(),
        events_left_out: 0,
        children: 0,
        alert: None,
    }
}

fn mark(raised: &Raised, causes: Vec<Cause>) -> AlertMark {
    AlertMark {
        revision: raised.revision,
        status: raised.status,
        rule: raised.rule.clone(),
        title: raised.title.clone(),
        severity: raised.severity,
        attack: raised.attack.clone(),
        key: raised.key.iter().cloned().collect(),
        count: raised.count,
        first: raised.first,
        last: raised.last,
        time: raised.time,
        message: raised.message.clone(),
        position: raised.position,
        trigger: raised.trigger.clone(),
        causes,
    }
}

fn tally(nodes: &[TreeNode]) -> (Counts, Vec<Partial>) {
    let mut counts = Counts::default();
    let (mut unseen, mut left_out) = (0, 0);
    for node in nodes {
        match node.kind {
            NodeKind::Step | NodeKind::Trace | NodeKind::Linked => counts.steps += 1,
            NodeKind::Alert => counts.alerts += 1,
            NodeKind::LinkedAlert | NodeKind::Event => continue,
        }
        counts.events += node.events.len() as u64 + node.events_left_out;
        left_out += node.events_left_out;
        // A root is often but a name that the steps share; a parent should have spoken.
        unseen += u64::from(!node.seen && node.parent.is_some());
    }
    let mut why = Vec::new();
    if unseen > 0 {
        why.push(Partial::StepsNotSeen { count: unseen });
    }
    if left_out > 0 {
        why.push(Partial::EventsLeftOut { count: left_out });
    }
    (counts, why)
}

/// A node without a time of its own takes the first time below it. Children come behind parents.
fn inherit_first_times(nodes: &mut [TreeNode]) {
    let mut below: Vec<Option<Timestamp>> = vec![None; nodes.len()];
    for (place, node) in nodes.iter_mut().enumerate().rev() {
        node.first = node.first.or(below.get(place).copied().flatten());
        let parent = node.parent.and_then(|parent| below.get_mut(parent));
        if let (Some(first), Some(parent)) = (node.first, parent) {
            *parent = Some(parent.map_or(first, |known| known.min(first)));
        }
    }
}

/// The places of the nodes, each before what is under it, siblings by first time, id and kind.
fn reading_order(nodes: &[TreeNode]) -> Vec<usize> {
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    let mut open = Vec::new();
    for (place, node) in nodes.iter().enumerate() {
        match node.parent.and_then(|parent| children.get_mut(parent)) {
            Some(siblings) => siblings.push(place),
            None => open.push(place),
        }
    }
    let rank = |place: &usize| {
        let node = nodes.get(*place)?;
        // What has no time comes last.
        let first = node.first.unwrap_or(Timestamp::MAX);
        Some((first, &node.id, node.kind as u8))
    };
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(place) = open.pop() {
        order.push(place);
        let Some(siblings) = children.get_mut(place) else {
            continue;
        };
        siblings.sort_by_key(|sibling| std::cmp::Reverse(rank(sibling)));
        open.append(siblings);
    }
    order
}
