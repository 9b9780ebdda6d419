//! From what somebody asks by to a node.

use std::collections::BTreeSet;

use larum_event::EventId;
use petgraph::stable_graph::NodeIndex;

use crate::entity::spellings;
use crate::forest::{Forest, RootSummary};
use crate::grove::Grove;
use crate::node::Class;
use crate::tie::TieKind;

impl Forest {
    /// The node that an id means: a node's, an event's, an alert's, a bare trace id, or `kind:value` of an entity.
    pub(crate) fn find(&self, grove: &Grove, id: &str) -> Option<NodeIndex> {
        self.named(grove, id)
            .or_else(|| grove.node_of(id))
            .or_else(|| grove.first_raised_by(&EventId::new(id).ok()?))
            .or_else(|| grove.named(Class::TRACE, &format!("trace:{id}")))
            .map(|node| grove.trace_carrier(node))
            .or_else(|| self.linked_in_lower_case(grove, id))
            .or_else(|| {
                let (kind, value) = id.split_once(':')?;
                spellings(kind, value).find_map(|value| grove.naming(kind, &value).next())
            })
    }

    /// The node of a link whose id is written in lower case, as links do with GUIDs that collectors spell in either.
    fn linked_in_lower_case(&self, grove: &Grove, id: &str) -> Option<NodeIndex> {
        let (link, _) = id.split_once(':')?;
        grove.named(self.ways.class_named(link)?, &id.to_lowercase())
    }

    /// The node with an id.
    pub(crate) fn named(&self, grove: &Grove, id: &str) -> Option<NodeIndex> {
        let link = id
            .split_once(':')
            .and_then(|(link, _)| self.ways.class_named(link));
        link.and_then(|class| grove.named(class, id))
            .or_else(|| grove.named(Class::TRACE, id))
            .or_else(|| grove.named(Class::STEP, id))
    }
}

impl Grove {
    /// The first alert, by time and id, that names an event of no node as what raised it.
    fn first_raised_by(&self, event: &EventId) -> Option<NodeIndex> {
        let alerts = self.awaiting(event).filter_map(|alert| {
            let node = self.node(alert)?;
            Some((node.alert()?.time, &node.name, alert))
        });
        alerts.min().map(|(_, _, alert)| alert)
    }

    /// The nodes that name an entity, the one that did last first.
    pub(crate) fn naming(&self, kind: &str, value: &str) -> impl Iterator<Item = NodeIndex> {
        let places = self.entities.places(kind, value);
        places
            .filter(|(node, named)| {
                let found = self.node(*node);
                found.is_some_and(|found| {
                    found.named == *named && self.families.get(found.family).is_some()
                })
            })
            .map(|(node, _)| node)
    }

    /// The trees of the nodes that name an entity, the one that did last first.
    pub(crate) fn trees_naming(&self, kind: &str, value: &str) -> Vec<RootSummary> {
        let mut seen = BTreeSet::new();
        let mut found = Vec::new();
        for node in self.naming(kind, value) {
            let Some(family) = self.node(node).map(|node| node.family) else {
                continue;
            };
            if seen.insert(family) {
                found.extend(self.summary_of(family));
            }
        }
        found
    }

    /// A trace under which nothing stands, because all that carry it say themselves where they stand, means the first
    /// of those.
    fn trace_carrier(&self, node: NodeIndex) -> NodeIndex {
        let is_bare = self.node(node).is_some_and(|node| {
            node.class == Class::TRACE && node.children == 0 && node.events == 0
        });
        if !is_bare {
            return node;
        }
        let carriers = self.ties(node, TieKind::Trace, petgraph::Direction::Incoming);
        let first = carriers.min_by_key(|(carrier, tie)| (tie.position, self.name_of(*carrier)));
        first.map_or(node, |(carrier, _)| carrier)
    }

    pub(crate) fn summary_of(&self, family: u32) -> Option<RootSummary> {
        Some(RootSummary {
            root: self.name_of(self.top_of(family)?),
            steps: self.families.get(family)?.size,
        })
    }
}
