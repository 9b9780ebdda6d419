//! One tenant's trees as plain data: nodes by class and name, events by time and id, both named by their place.

mod restored;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use larum_event::{EventId, EventType, Position, Source, Timestamp};
use petgraph::stable_graph::NodeIndex;
use petgraph::visit::{EdgeRef, IntoEdgeReferences};
use serde::{Deserialize, Serialize};

use crate::claim::UpClaim;
use crate::entity;
use crate::entry::{Entry, EntryIndex};
use crate::grove::Grove;
use crate::incident::Incidents;
use crate::members::TreeId;
use crate::node::{Class, More, Node, Raised, Said};
use crate::tie::Tie;

/// The place of a node or event in the lists below.
type Place = u32;

#[derive(Serialize, Deserialize)]
pub(super) struct WrittenGrove {
    founded: (Position, u64),
    reached: Position,
    current: Position,
    /// The one added to longest ago first.
    families: Vec<WrittenFamily>,
    events: Vec<WrittenEvent>,
    nodes: Vec<WrittenNode>,
    aliases: Vec<WrittenAlias>,
    ties: Vec<(Place, Place, Tie)>,
    /// Hashes of events that alerts wait for.
    awaited: Vec<(u64, Place)>,
    entities: [Vec<WrittenEntity>; 2],
    incidents: Incidents,
}

type WrittenEntity = (Arc<str>, Arc<str>, Vec<(Place, Position)>);

#[derive(Serialize, Deserialize)]
struct WrittenFamily {
    tree: TreeId,
    refused: u64,
    anchor: Place,
    entities: Vec<(Arc<str>, Arc<str>)>,
}

#[derive(Serialize, Deserialize)]
struct WrittenEvent {
    id: EventId,
    event_type: EventType,
    source: Source,
    time: Timestamp,
    severity: u8,
    position: Position,
    alert: bool,
    found: bool,
    main: Option<Place>,
}

#[derive(Serialize, Deserialize)]
struct WrittenAlias {
    class: Class,
    text: Box<str>,
    begun: Vec<(Timestamp, Place)>,
    named: Vec<(Timestamp, Place)>,
}

/// The event, the node above, the way.
type Claim = Option<(Place, Place, u16)>;

#[derive(Serialize, Deserialize)]
struct WrittenNode {
    name: Box<str>,
    class: Class,
    way: u16,
    begun: bool,
    root_inferred: bool,
    family: Place,
    parent: Claim,
    root: Claim,
    hung: Vec<Place>,
    first: Timestamp,
    named: Position,
    more: Option<Box<WrittenMore>>,
}

#[derive(Serialize, Deserialize)]
struct WrittenMore {
    stage: Option<(Place, Arc<str>)>,
    tags: BTreeMap<Arc<str>, (Place, Arc<str>)>,
    details: Option<WrittenDetails>,
    alias: Option<(Place, Place)>,
    upper_alias: Option<(bool, Place, u16, Place)>,
    trace: Claim,
    cause: Claim,
    left_out: u64,
    ties_left_out: u64,
    alert: Option<Box<Raised>>,
}

#[derive(Serialize, Deserialize)]
struct WrittenDetails {
    begun: bool,
    by: Place,
    label: Option<Arc<str>>,
    kept: Vec<(Arc<str>, Arc<str>)>,
}

/// Where nodes, events, families and aliases are in the lists.
struct Places {
    nodes: HashMap<NodeIndex, Place>,
    events: HashMap<EntryIndex, Place>,
    families: HashMap<u32, Place>,
    aliases: HashMap<u32, Place>,
}

impl Places {
    fn claim(&self, claim: &UpClaim) -> Claim {
        let node = claim.node()?;
        Some((self.event(claim.by), *self.nodes.get(&node)?, claim.way))
    }

    fn event(&self, entry: EntryIndex) -> Place {
        self.events.get(&entry).copied().unwrap_or(Place::MAX)
    }

    fn said(&self, said: &Said) -> (Place, Arc<str>) {
        (self.event(said.by), said.what.clone())
    }

    fn places(&self, list: &[(Timestamp, NodeIndex)]) -> Vec<(Timestamp, Place)> {
        let list = list.iter();
        list.filter_map(|(time, node)| Some((*time, *self.nodes.get(node)?)))
            .collect()
    }
}

fn numbered<T: Copy + Eq + std::hash::Hash>(sorted: &[T]) -> HashMap<T, Place> {
    sorted.iter().copied().zip(0..).collect()
}

impl Grove {
    pub(super) fn written(&self) -> WrittenGrove {
        let mut nodes: Vec<NodeIndex> = self.all_nodes().collect();
        nodes.sort_by_key(|node| self.node(*node).map(|node| (node.class, &node.name)));
        let mut events: Vec<EntryIndex> = self.entries.all().collect();
        events.sort_by_key(|entry| {
            let entry = self.entries.get(*entry);
            entry.map(|entry| (entry.time, &entry.id, &entry.source, entry.position))
        });
        let families: Vec<u32> = self.families.by_age().collect();
        let mut aliases: Vec<_> = self.aliases.all().collect();
        aliases.sort_by_key(|alias| {
            let alias = self.aliases.get(*alias);
            alias.map(|alias| (alias.class, &alias.text))
        });
        let places = Places {
            nodes: numbered(&nodes),
            events: numbered(&events),
            families: numbered(&families),
            aliases: aliases.iter().map(|alias| alias.0).zip(0..).collect(),
        };
        let mut ties: Vec<_> = self
            .graph
            .edge_references()
            .filter_map(|edge| {
                let from = places.nodes.get(&edge.source())?;
                Some((*from, *places.nodes.get(&edge.target())?, *edge.weight()))
            })
            .collect();
        ties.sort();
        let mut awaited: Vec<_> = self
            .awaited
            .iter()
            .filter_map(|(event, alert)| Some((*event, *places.nodes.get(alert)?)))
            .collect();
        awaited.sort_unstable();
        let entities = self.entities.written().map(|values| {
            let values = values.into_iter();
            let places = |nodes: Vec<entity::Place>| {
                let nodes = nodes.into_iter();
                nodes
                    .filter_map(|(node, named)| Some((*places.nodes.get(&node)?, named)))
                    .collect()
            };
            values
                .map(|(kind, value, nodes)| (kind, value, places(nodes)))
                .collect()
        });
        let written_family = |number: &u32| {
            let family = self.families.get(*number)?;
            let entities = family.entities.iter().flat_map(|entities| entities.iter());
            Some(WrittenFamily {
                tree: family.tree,
                refused: family.refused,
                anchor: *places.nodes.get(&family.anchor)?,
                entities: entities.cloned().collect(),
            })
        };
        let written_alias = |index: &crate::alias::AliasIndex| {
            let alias = self.aliases.get(*index)?;
            Some(WrittenAlias {
                class: alias.class,
                text: alias.text.clone(),
                begun: places.places(alias.begun()),
                named: places.places(alias.named()),
            })
        };
        WrittenGrove {
            founded: self.founded,
            reached: self.reached,
            current: self.current,
            families: families.iter().filter_map(written_family).collect(),
            events: events
                .iter()
                .filter_map(|entry| Some(written_event(self.entries.get(*entry)?, &places)))
                .collect(),
            nodes: nodes
                .iter()
                .filter_map(|node| Some(self.written_node(self.node(*node)?, &places)))
                .collect(),
            aliases: aliases.iter().filter_map(written_alias).collect(),
            ties,
            awaited,
            entities,
            incidents: self.incidents.clone(),
        }
    }

    fn written_node(&self, node: &Node, places: &Places) -> WrittenNode {
        let hung = self.hung.list(node.hung);
        let mut hung: Vec<_> = hung.map(|entry| places.event(entry)).collect();
        hung.sort_unstable();
        WrittenNode {
            name: node.name.clone(),
            class: node.class,
            way: node.way,
            begun: node.begun,
            root_inferred: node.root_inferred,
            family: places
                .families
                .get(&node.family)
                .copied()
                .unwrap_or(Place::MAX),
            parent: places.claim(&node.parent),
            root: places.claim(&node.root),
            hung,
            first: node.first,
            named: node.named,
            more: node
                .more
                .as_ref()
                .map(|more| Box::new(written_more(more, places))),
        }
    }
}

fn written_event(entry: &Entry, places: &Places) -> WrittenEvent {
    WrittenEvent {
        id: entry.id.clone(),
        event_type: entry.event_type.clone(),
        source: entry.source.clone(),
        time: entry.time,
        severity: entry.severity as u8,
        position: entry.position,
        alert: entry.alert,
        found: entry.found,
        main: places.nodes.get(&entry.main).copied(),
    }
}

fn written_more(more: &More, places: &Places) -> WrittenMore {
    let tags = more.tags.iter();
    WrittenMore {
        stage: more.stage.as_ref().map(|said| places.said(said)),
        tags: tags
            .map(|(name, said)| (name.clone(), places.said(said)))
            .collect(),
        details: more.details.as_ref().map(|details| WrittenDetails {
            begun: details.begun,
            by: places.event(details.by),
            label: details.label.clone(),
            kept: details.kept.clone(),
        }),
        alias: more.alias.and_then(|own| {
            let alias = places.aliases.get(&own.alias.0)?;
            Some((places.event(own.by), *alias))
        }),
        upper_alias: more.upper_alias.and_then(|upper| {
            let alias = places.aliases.get(&upper.alias.0)?;
            Some((upper.own, places.event(upper.by), upper.way, *alias))
        }),
        trace: places.claim(&more.trace),
        cause: places.claim(&more.cause),
        left_out: more.left_out,
        ties_left_out: more.ties_left_out,
        alert: more.alert.clone(),
    }
}
