//! One tenant's trees as plain data: nodes by class and name, events by time and id, both named by their place.

mod restorer;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use larum_event::{EventId, EventType, Position, Source, Timestamp};
use petgraph::stable_graph::NodeIndex;
use petgraph::visit::{EdgeRef, IntoEdgeReferences};
use serde::{Deserialize, Serialize};

use crate::cross_edge::CrossEdge;
use crate::entity_index;
use crate::entry_table::{EntryIndex, EventEntry};
use crate::graph_node::{AttributedText, GraphNode, NodeAlert, NodeClass, NodeExtras};
use crate::incident::TenantIncidents;
use crate::parent_claim::ParentClaim;
use crate::tenant_graph::TenantGraph;
use crate::tree_members::TreeId;

/// The place of a node or event in the lists below.
type ListIndex = u32;

#[derive(Serialize, Deserialize)]
pub(super) struct TenantCheckpoint {
    founded: (Position, u64),
    reached: Position,
    current: Position,
    /// The one added to longest ago first.
    families: Vec<CheckpointComponent>,
    events: Vec<CheckpointEvent>,
    nodes: Vec<CheckpointNode>,
    aliases: Vec<CheckpointAlias>,
    ties: Vec<(ListIndex, ListIndex, CrossEdge)>,
    /// Hashes of events that alerts wait for.
    awaited: Vec<(u64, ListIndex)>,
    entities: [Vec<CheckpointEntity>; 2],
    incidents: TenantIncidents,
}

type CheckpointEntity = (Arc<str>, Arc<str>, Vec<(ListIndex, Position)>);

#[derive(Serialize, Deserialize)]
struct CheckpointComponent {
    tree: TreeId,
    refused: u64,
    anchor: ListIndex,
    entities: Vec<(Arc<str>, Arc<str>)>,
}

#[derive(Serialize, Deserialize)]
struct CheckpointEvent {
    id: EventId,
    event_type: EventType,
    source: Source,
    time: Timestamp,
    severity: u8,
    position: Position,
    alert: bool,
    found: bool,
    main: Option<ListIndex>,
}

#[derive(Serialize, Deserialize)]
struct CheckpointAlias {
    class: NodeClass,
    text: Box<str>,
    begun: Vec<(Timestamp, ListIndex)>,
    named: Vec<(Timestamp, ListIndex)>,
}

/// The event, the node above, the way.
type CheckpointClaim = Option<(ListIndex, ListIndex, u16)>;

#[derive(Serialize, Deserialize)]
struct CheckpointNode {
    name: Box<str>,
    class: NodeClass,
    way: u16,
    begun: bool,
    root_inferred: bool,
    family: ListIndex,
    parent: CheckpointClaim,
    root: CheckpointClaim,
    hung: Vec<ListIndex>,
    first: Timestamp,
    named: Position,
    more: Option<Box<CheckpointExtras>>,
}

#[derive(Serialize, Deserialize)]
struct CheckpointExtras {
    stage: Option<(ListIndex, Arc<str>)>,
    tags: BTreeMap<Arc<str>, (ListIndex, Arc<str>)>,
    details: Option<CheckpointDetails>,
    alias: Option<(ListIndex, ListIndex)>,
    upper_alias: Option<(bool, ListIndex, u16, ListIndex)>,
    trace: CheckpointClaim,
    cause: CheckpointClaim,
    left_out: u64,
    ties_left_out: u64,
    alert: Option<Box<NodeAlert>>,
}

#[derive(Serialize, Deserialize)]
struct CheckpointDetails {
    begun: bool,
    by: ListIndex,
    label: Option<Arc<str>>,
    kept: Vec<(Arc<str>, Arc<str>)>,
}

/// Where nodes, events, families and aliases are in the lists.
struct CheckpointIndexes {
    nodes: HashMap<NodeIndex, ListIndex>,
    events: HashMap<EntryIndex, ListIndex>,
    families: HashMap<u32, ListIndex>,
    aliases: HashMap<u32, ListIndex>,
}

impl CheckpointIndexes {
    fn checkpoint_claim(&self, claim: &ParentClaim) -> CheckpointClaim {
        let node = claim.node()?;
        Some((
            self.event_index(claim.by),
            *self.nodes.get(&node)?,
            claim.edge_reason,
        ))
    }

    fn event_index(&self, entry: EntryIndex) -> ListIndex {
        self.events.get(&entry).copied().unwrap_or(ListIndex::MAX)
    }

    fn checkpoint_text(&self, said: &AttributedText) -> (ListIndex, Arc<str>) {
        (self.event_index(said.by), said.text.clone())
    }

    fn checkpoint_times(&self, list: &[(Timestamp, NodeIndex)]) -> Vec<(Timestamp, ListIndex)> {
        let list = list.iter();
        list.filter_map(|(time, node)| Some((*time, *self.nodes.get(node)?)))
            .collect()
    }
}

fn number_items<T: Copy + Eq + std::hash::Hash>(sorted: &[T]) -> HashMap<T, ListIndex> {
    sorted.iter().copied().zip(0..).collect()
}

impl TenantGraph {
    pub(super) fn to_checkpoint(&self) -> TenantCheckpoint {
        let mut nodes: Vec<NodeIndex> = self.all_nodes().collect();
        nodes.sort_by_key(|node| self.node(*node).map(|node| (node.class, &node.name)));
        let mut events: Vec<EntryIndex> = self.entries.iter_all().collect();
        events.sort_by_key(|entry| {
            let entry = self.entries.get(*entry);
            entry.map(|entry| (entry.time, &entry.id, &entry.source, entry.position))
        });
        let families: Vec<u32> = self.components.iter_oldest_first().collect();
        let mut aliases: Vec<_> = self.aliases.iter_all().collect();
        aliases.sort_by_key(|alias| {
            let alias = self.aliases.get(*alias);
            alias.map(|alias| (alias.class, &alias.text))
        });
        let places = CheckpointIndexes {
            nodes: number_items(&nodes),
            events: number_items(&events),
            families: number_items(&families),
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
            .awaited_events
            .iter()
            .filter_map(|(event, alert)| Some((*event, *places.nodes.get(alert)?)))
            .collect();
        awaited.sort_unstable();
        let entities = self.entities.to_rows().map(|values| {
            let values = values.into_iter();
            let places = |nodes: Vec<entity_index::NodeVersion>| {
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
            let family = self.components.get(*number)?;
            let entities = family.entities.iter().flat_map(|entities| entities.iter());
            Some(CheckpointComponent {
                tree: family.tree,
                refused: family.refused_events,
                anchor: *places.nodes.get(&family.anchor)?,
                entities: entities.cloned().collect(),
            })
        };
        let written_alias = |index: &crate::alias_table::AliasIndex| {
            let alias = self.aliases.get(*index)?;
            Some(CheckpointAlias {
                class: alias.class,
                text: alias.text.clone(),
                begun: places.checkpoint_times(alias.owners()),
                named: places.checkpoint_times(alias.mentions()),
            })
        };
        TenantCheckpoint {
            founded: self.tree_counter,
            reached: self.last_position,
            current: self.current_position,
            families: families.iter().filter_map(written_family).collect(),
            events: events
                .iter()
                .filter_map(|entry| Some(checkpoint_event(self.entries.get(*entry)?, &places)))
                .collect(),
            nodes: nodes
                .iter()
                .filter_map(|node| Some(self.checkpoint_node(self.node(*node)?, &places)))
                .collect(),
            aliases: aliases.iter().filter_map(written_alias).collect(),
            ties,
            awaited,
            entities,
            incidents: self.incidents.clone(),
        }
    }

    fn checkpoint_node(&self, node: &GraphNode, places: &CheckpointIndexes) -> CheckpointNode {
        let hung = self.node_events.iter_list(node.event_list);
        let mut hung: Vec<_> = hung.map(|entry| places.event_index(entry)).collect();
        hung.sort_unstable();
        CheckpointNode {
            name: node.name.clone(),
            class: node.class,
            way: node.edge_reason,
            begun: node.begun,
            root_inferred: node.root_inferred,
            family: places
                .families
                .get(&node.component)
                .copied()
                .unwrap_or(ListIndex::MAX),
            parent: places.checkpoint_claim(&node.parent_claim),
            root: places.checkpoint_claim(&node.root_claim),
            hung,
            first: node.first_time,
            named: node.named_at,
            more: node
                .extras
                .as_ref()
                .map(|more| Box::new(checkpoint_extras(more, places))),
        }
    }
}

fn checkpoint_event(entry: &EventEntry, places: &CheckpointIndexes) -> CheckpointEvent {
    CheckpointEvent {
        id: entry.id.clone(),
        event_type: entry.event_type.clone(),
        source: entry.source.clone(),
        time: entry.time,
        severity: entry.severity as u8,
        position: entry.position,
        alert: entry.alert,
        found: entry.is_indexed,
        main: places.nodes.get(&entry.main).copied(),
    }
}

fn checkpoint_extras(more: &NodeExtras, places: &CheckpointIndexes) -> CheckpointExtras {
    let tags = more.tags.iter();
    CheckpointExtras {
        stage: more.stage.as_ref().map(|said| places.checkpoint_text(said)),
        tags: tags
            .map(|(name, said)| (name.clone(), places.checkpoint_text(said)))
            .collect(),
        details: more.details.as_ref().map(|details| CheckpointDetails {
            begun: details.begun,
            by: places.event_index(details.by),
            label: details.label.clone(),
            kept: details.kept.clone(),
        }),
        alias: more.alias.and_then(|own| {
            let alias = places.aliases.get(&own.alias.0)?;
            Some((places.event_index(own.by), *alias))
        }),
        upper_alias: more.parent_alias.and_then(|upper| {
            let alias = places.aliases.get(&upper.alias.0)?;
            Some((
                upper.own,
                places.event_index(upper.by),
                upper.edge_reason,
                *alias,
            ))
        }),
        trace: places.checkpoint_claim(&more.trace_claim),
        cause: places.checkpoint_claim(&more.cause_claim),
        left_out: more.left_out,
        ties_left_out: more.cross_edges_left_out,
        alert: more.alert.clone(),
    }
}
