//! From the graph to a [`TreeView`].
//!
//! The graph numbers its nodes as events arrived; nothing of that may show. So everything is sorted
//! by what events say before it is put out.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use larum_event::{EventId, Position, TenantId, Timestamp};
use petgraph::stable_graph::NodeIndex;

use crate::climb::Summit;
use crate::grove::Grove;
use crate::step::{Raised, Step};
use crate::view::{AlertMark, Cause, Counts, NodeKind, Partial, TreeEvent, TreeNode, TreeView};

/// The nodes of a tree in the order in which they were found: parents before children.
#[derive(Default)]
struct Found {
    nodes: Vec<TreeNode>,
    /// Which alert each is, for the causes.
    alerts: Vec<Option<NodeIndex>>,
    /// Where each step of the tree is. Walked only to fill a sorted set.
    steps: HashMap<NodeIndex, usize>,
    /// Where the events without a workflow are, by alert.
    bare: BTreeMap<(usize, EventId), usize>,
}

impl Found {
    fn add(&mut self, node: TreeNode, alert: Option<NodeIndex>) -> usize {
        self.nodes.push(node);
        self.alerts.push(alert);
        self.nodes.len() - 1
    }
}

impl Grove {
    /// The first alert, by time and id, that names an event as what raised it.
    pub(crate) fn first_raised_by(&self, event: &EventId) -> Option<NodeIndex> {
        let alerts = self.raised_by(event).filter_map(|node| {
            let step = self.step(node)?;
            Some((step.alert.as_ref()?.time, &step.id, node))
        });
        alerts.min().map(|(_, _, node)| node)
    }

    /// The tree that begins at a summit.
    pub(crate) fn view(&self, tenant: &TenantId, summit: Summit) -> Option<TreeView> {
        let top = self.step(summit.top)?;
        let mut found = self.descend(summit.top);
        self.add_bare_events(&mut found);
        self.add_linked_alerts(&mut found);
        let (counts, mut why) = tally(&found.nodes);
        if let Some(family) = self
            .families
            .get(top.family)
            .filter(|family| family.refused > 0)
        {
            why.push(Partial::EventsRefused {
                count: family.refused,
            });
        }
        if let Some((_, parent)) = top.claimed_up().filter(|_| !summit.circle.is_empty()) {
            why.push(Partial::CircleCut {
                parent: parent.what.as_str().into(),
            });
        }
        Some(TreeView {
            root: top.id.as_str().into(),
            tenant: tenant.clone(),
            incident: None,
            as_of: Position::START,
            edges: Vec::new(),
            next: None,
            counts,
            partial: !why.is_empty(),
            why,
            nodes: self.in_reading_order(found),
        })
    }

    /// The steps from `top` down. Only `top` itself can be met again: every other step has one
    /// parent, and a circle leads through the top.
    fn descend(&self, top: NodeIndex) -> Found {
        let mut found = Found::default();
        let mut open = vec![(top, None)];
        while let Some((node, parent)) = open.pop() {
            let Some(step) = self.step(node) else {
                continue;
            };
            let place = found.add(step_node(step, parent), step.alert.as_ref().map(|_| node));
            found.steps.insert(node, place);
            let children = self.children(node).filter(|child| *child != top);
            open.extend(children.map(|child| (child, Some(place))));
        }
        found
    }

    /// Evidence that hangs on no step becomes a node under its alert.
    fn add_bare_events(&self, found: &mut Found) {
        for place in 0..found.nodes.len() {
            let Some(raised) = found
                .alerts
                .get(place)
                .and_then(|alert| self.raised((*alert)?))
            else {
                continue;
            };
            for event in raised.causes() {
                if self.step_of(event).is_none() {
                    let bare = found.add(bare_node(event, place), None);
                    found.bare.insert((place, event.clone()), bare);
                }
            }
        }
    }

    /// Alerts of other trees that events of this one raised are shown where those events are.
    fn add_linked_alerts(&self, found: &mut Found) {
        let mut linked = BTreeSet::new();
        for node in found.steps.keys() {
            let Some(step) = self.step(*node) else {
                continue;
            };
            let events = step.events.keys().map(|key| &key.id);
            for event in events.chain(&step.alert_events) {
                let alerts = self.raised_by(event);
                linked.extend(alerts.filter(|alert| !found.steps.contains_key(alert)));
            }
        }
        for alert in linked {
            let (Some(step), Some(raised)) = (self.step(alert), self.raised(alert)) else {
                continue;
            };
            let mut causes = std::iter::once(&raised.trigger).chain(&raised.evidence);
            let Some(parent) =
                causes.find_map(|event| found.steps.get(&self.step_of(event)?).copied())
            else {
                continue;
            };
            let mut node = step_node(step, Some(parent));
            node.kind = NodeKind::LinkedAlert;
            node.events.clear();
            node.events_left_out = 0;
            found.add(node, Some(alert));
        }
    }

    fn raised(&self, alert: NodeIndex) -> Option<&Raised> {
        self.step(alert)?.alert.as_deref()
    }

    /// Siblings sorted, children behind their parents, numbers of nodes made those of this order.
    fn in_reading_order(&self, mut found: Found) -> Vec<TreeNode> {
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
        let mut unordered: Vec<_> = found.nodes.into_iter().map(Some).collect();
        for place in order {
            let Some(mut node) = unordered.get_mut(place).and_then(Option::take) else {
                continue;
            };
            node.parent = node.parent.as_ref().and_then(number);
            let above = node.parent.and_then(|parent| nodes.get(parent));
            node.depth = above.map_or(0, |above| above.depth + 1);
            let raised = found
                .alerts
                .get(place)
                .and_then(|alert| self.raised((*alert)?));
            node.alert = raised.map(|raised| {
                let causes = raised.causes().map(|event| {
                    let step = self.step_of(event);
                    let bare = || found.bare.get(&(place, event.clone()));
                    let at = step.map_or_else(bare, |step| found.steps.get(&step));
                    Cause {
                        event: event.clone(),
                        node: at.and_then(number),
                        step: step.and_then(|step| Some(self.step(step)?.id.as_str().into())),
                    }
                });
                mark(raised, causes.collect())
            });
            nodes.push(node);
        }
        nodes
    }
}

fn step_node(step: &Step, parent: Option<usize>) -> TreeNode {
    let tags = step.tags.iter().filter_map(|(name, value)| {
        let value = value.as_ref()?;
        Some((name.clone(), value.what.clone()))
    });
    let events = step.events.iter().map(|(key, hung)| TreeEvent {
        id: key.id.clone(),
        event_type: hung.event_type.clone(),
        source: key.source.clone(),
        time: key.time,
        severity: hung.severity,
        position: hung.position,
    });
    let earliest = step.events.keys().next().map(|key| key.time);
    let raised = step.alert.as_ref().map(|raised| raised.time);
    TreeNode {
        id: step.id.as_str().into(),
        kind: match step.alert {
            Some(_) => NodeKind::Alert,
            None => NodeKind::Step,
        },
        parent,
        depth: 0,
        seen: step.is_seen(),
        first: earliest.into_iter().chain(raised).min(),
        stage: step.stage.as_ref().map(|stage| stage.what.clone()),
        tags: tags.collect(),
        events: events.collect(),
        events_left_out: step.events_left_out,
        link: None,
        label: None,
        begun: true,
        again: false,
        last: None,
        kept: BTreeMap::new(),
        folds: Vec::new(),
        children: 0,
        alert: None,
    }
}

fn bare_node(event: &EventId, parent: usize) -> TreeNode {
    TreeNode {
        id: event.as_str().into(),
        kind: NodeKind::Event,
        parent: Some(parent),
        depth: 0,
        seen: false,
        first: None,
        stage: None,
        tags: BTreeMap::new(),
        events: Vec::new(),
        events_left_out: 0,
        link: None,
        label: None,
        begun: true,
        again: false,
        last: None,
        kept: BTreeMap::new(),
        folds: Vec::new(),
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
        attack: Vec::new(),
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
