//! The forest as rules see it.

use std::collections::HashMap;
use std::sync::Arc;

use larum_event::{Climbed, Enough, Event, EventId, Kin, Kinship, Position, Timestamp, limits};
use petgraph::stable_graph::NodeIndex;

use crate::forest::Forest;
use crate::grove::Grove;
use crate::node::{Class, Node};

impl Kinship for Forest {
    fn root(&self, event: &Event, at: Position) -> Option<Arc<str>> {
        let grove = self.groves.get(&event.envelope().tenant)?;
        let node = grove.node_at(event, at)?;
        Some(grove.name_of(grove.summit_at(node, at)?.top))
    }

    fn climb(&self, event: &Event, at: Position, visit: &mut dyn FnMut(&Kin) -> Enough) -> Climbed {
        let Some(grove) = self.groves.get(&event.envelope().tenant) else {
            return Climbed::NoTree;
        };
        let Some(node) = grove.node_at(event, at) else {
            return Climbed::NoTree;
        };
        let (lineage, end) = grove.lineage_at(node, at);
        for node in lineage {
            let Some(kin) = self.kin(grove, node, at) else {
                return Climbed::Top;
            };
            if visit(&kin) == Enough::Yes {
                return Climbed::Stopped;
            }
        }
        end
    }
}

impl Forest {
    fn kin(&self, grove: &Grove, node: NodeIndex, at: Position) -> Option<Kin> {
        let found = grove.node(node)?;
        let known = grove.known_at(node, at);
        Some(Kin {
            id: (*found.name).into(),
            kind: self.kind_of(found),
            label: known.label,
            stage: known.stage,
            tags: known.tags,
            kept: known.kept,
            first: grove.first_at(node, at),
        })
    }

    /// What kind of node it is, in a word.
    pub(crate) fn kind_of(&self, node: &Node) -> Arc<str> {
        match self.ways.link_of(node.class) {
            Some(link) => link.clone(),
            None if node.class == Class::TRACE => "trace".into(),
            None => "step".into(),
        }
    }
}

impl Grove {
    /// The node that an event, or what set an alert off, hangs on with the event at a position.
    fn node_at(&self, event: &Event, at: Position) -> Option<NodeIndex> {
        let envelope = event.envelope();
        let cause = envelope.causation_id.as_ref();
        let own = self.overlay.placed.get(&at);
        let own = own.filter(|(id, _)| *id == envelope.id);
        own.map(|(_, node)| *node)
            .or_else(|| self.place_at(&envelope.id, at))
            .or_else(|| self.place_at(cause?, at))
    }

    /// The nodes from one up, itself first, with the event at a position: to the top, where a circle is cut as
    /// [`Grove::summit_at`] cuts it, or as far as anybody may climb. What stands further up costs nothing.
    fn lineage_at(&self, from: NodeIndex, at: Position) -> (Vec<NodeIndex>, Climbed) {
        let mut lineage = vec![from];
        // Asked only for the place of a node, never walked.
        let mut places = HashMap::from([(from, 0)]);
        let mut last = from;
        while let Some(above) = self.up_at(last, at) {
            if let Some(entered) = places.get(&above) {
                let circle = lineage.iter().enumerate().skip(*entered);
                let name = |node: &NodeIndex| self.node(*node).map(|node| &node.name);
                let top = circle.min_by_key(|(_, node)| name(node));
                lineage.truncate(top.map_or(usize::MAX, |(place, _)| place + 1));
                return (lineage, Climbed::Top);
            }
            if lineage.len() > limits::ANCESTORS {
                return (lineage, Climbed::TooHigh);
            }
            places.insert(above, lineage.len());
            lineage.push(above);
            last = above;
        }
        (lineage, Climbed::Top)
    }

    fn place_at(&self, event: &EventId, at: Position) -> Option<NodeIndex> {
        let gone = self.overlay.buried_events.get(event).into_iter().flatten();
        let gone = gone.filter(|buried| buried.came <= at && at < buried.went);
        let gone = gone.map(|buried| buried.node);
        let known = self.entries.with_id(event.as_str()).filter_map(|entry| {
            let entry = self.entries.get(entry)?;
            (entry.position <= at && !entry.alert).then_some(entry.main)
        });
        // Sources may share an id.
        let named = gone.chain(known);
        let named = named.filter_map(|node| Some((&self.node(node)?.name, node)));
        named.min().map(|(_, node)| node)
    }

    /// Time of the first event of a node, of those up to a position of this batch.
    fn first_at(&self, node: NodeIndex, at: Position) -> Option<Timestamp> {
        let changes = self.overlay.firsts.get(&node).into_iter().flatten();
        let mut later = changes.filter(|(position, _)| *position > at);
        let first = match later.next() {
            Some((_, before)) => *before,
            None => self.node(node)?.first,
        };
        (first != Timestamp::MAX).then_some(first)
    }
}
