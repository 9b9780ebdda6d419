//! From the graph to a [`TreeView`].

use std::collections::BTreeMap;

use larum_event::{EventId, TenantId, Timestamp};
use petgraph::stable_graph::NodeIndex;

use crate::climb::Summit;
use crate::forest::Forest;
use crate::grove::Grove;
use crate::node::{Class, Node, Raised};
use crate::outline::{Item, Outline};
use crate::view::{AlertMark, Cause, NodeKind, TreeEvent, TreeNode, TreeView};

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
        let outline = self.outline(summit);
        let (counts, mut why) = outline.counts(0..outline.len());
        why.extend(outline.why().iter().cloned());
        let number = |place| Some(place);
        let nodes = (0..outline.len()).filter_map(|place| self.show_at(&outline, place, &number));
        let nodes: Vec<TreeNode> = nodes.collect();
        let places: Vec<_> = (0..outline.len())
            .map(|place| match outline.item(place)? {
                Item::Node(node) => Some(*node),
                Item::Linked(_) | Item::Bare(_) => None,
            })
            .collect();
        let top = self.grove.node(summit.top)?;
        Some(TreeView {
            root: (*top.name).into(),
            tenant: self.tenant.clone(),
            incident: self.grove.incident_of(top.family),
            as_of: self.grove.reached,
            counts,
            partial: !why.is_empty(),
            why,
            edges: self.edges(&nodes, &places),
            nodes,
            next: None,
        })
    }

    /// What stands at a place of a tree, as it is shown; `number` tells which node of the answer a place is.
    pub(crate) fn show_at(
        self,
        outline: &Outline,
        place: usize,
        number: &dyn Fn(usize) -> Option<usize>,
    ) -> Option<TreeNode> {
        let mut node = match outline.item(place)? {
            Item::Node(node) => self.show(*node)?,
            Item::Linked(alert) => TreeNode {
                kind: NodeKind::LinkedAlert,
                events: Vec::new(),
                events_left_out: 0,
                children: 0,
                ..self.show(*alert)?
            },
            Item::Bare(event) => bare_node(event),
        };
        node.parent = outline.parent(place).and_then(number);
        node.depth = outline.depth(place);
        node.first = outline.first(place);
        if let Item::Node(alert) | Item::Linked(alert) = outline.item(place)? {
            node.alert = self.raised(*alert).map(|raised| {
                let causes = raised.causes();
                let causes = causes.map(|event| self.cause(outline, *alert, event, number));
                mark(raised, causes.collect())
            });
        }
        Some(node)
    }

    fn cause(
        self,
        outline: &Outline,
        alert: NodeIndex,
        event: &EventId,
        number: &dyn Fn(usize) -> Option<usize>,
    ) -> Cause {
        let step = self.grove.node_of(event.as_str());
        let place = match step {
            Some(step) => outline.place_of(step),
            None => outline.place_of_bare(alert, event),
        };
        Cause {
            event: event.clone(),
            node: place.and_then(number),
            step: step.map(|step| self.grove.name_of(step)),
        }
    }

    /// One node as it is shown.
    fn show(self, node: NodeIndex) -> Option<TreeNode> {
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
            parent: None,
            depth: 0,
            seen: found.is_seen(),
            begun: found.begun || found.class == Class::STEP && found.is_seen(),
            again: false,
            first: None,
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

fn bare_node(event: &EventId) -> TreeNode {
    TreeNode {
        id: event.as_str().into(),
        kind: NodeKind::Event,
        link: None,
        label: None,
        parent: None,
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
