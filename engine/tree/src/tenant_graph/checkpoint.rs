//! One tenant's graph as plain data: nodes by class and name, events by time and id, both named by
//! their place.
//!
//! Owns the form in which a graph is written; reading it back is in `restorer`, the bytes are in
//! the crate's `checkpoint`. What follows from claims, such as parents, is never written.
//! Invariant: equal graphs are written alike, whatever numbers their nodes, events and components
//! have, so that two engines that read the same log write the same checkpoint.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use larum_event::{EventId, EventType, Position, Source, Timestamp};
use petgraph::stable_graph::NodeIndex;
use serde::{Deserialize, Serialize};

use super::TenantGraph;
use crate::alias_table::AliasIndex;
use crate::cross_edge::CrossEdge;
use crate::entity_index;
use crate::entry_table::{EntryIndex, EventEntry};
use crate::graph_node::{AttributedText, GraphNode, NodeAlert, NodeClass, NodeExtras};
use crate::incident::TenantIncidents;
use crate::parent_claim::ParentClaim;
use crate::tree_members::TreeId;

/// The place of a node or event in the lists below.
pub(super) type ListIndex = u32;

#[derive(Serialize, Deserialize)]
pub(crate) struct TenantCheckpoint {
    pub(super) founded: (Position, u64),
    pub(super) reached: Position,
    pub(super) current: Position,
    /// The one added to longest ago first.
    pub(super) components: Vec<CheckpointComponent>,
    pub(super) events: Vec<CheckpointEvent>,
    pub(super) nodes: Vec<CheckpointNode>,
    pub(super) aliases: Vec<CheckpointAlias>,
    pub(super) ties: Vec<(ListIndex, ListIndex, CrossEdge)>,
    /// Hashes of events that alerts wait for.
    pub(super) awaited: Vec<(u64, ListIndex)>,
    pub(super) entities: [Vec<CheckpointEntity>; 2],
    pub(super) incidents: TenantIncidents,
}

pub(super) type CheckpointEntity = (Arc<str>, Arc<str>, Vec<(ListIndex, Position)>);

#[derive(Serialize, Deserialize)]
pub(super) struct CheckpointComponent {
    pub(super) tree: TreeId,
    pub(super) refused: u64,
    pub(super) anchor: ListIndex,
    pub(super) entities: Vec<(Arc<str>, Arc<str>)>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct CheckpointEvent {
    pub(super) id: EventId,
    pub(super) event_type: EventType,
    pub(super) source: Source,
    pub(super) time: Timestamp,
    pub(super) severity: u8,
    pub(super) position: Position,
    pub(super) alert: bool,
    pub(super) found: bool,
    pub(super) main: Option<ListIndex>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct CheckpointAlias {
    pub(super) class: NodeClass,
    pub(super) text: Box<str>,
    pub(super) begun: Vec<(Timestamp, ListIndex)>,
    pub(super) named: Vec<(Timestamp, ListIndex)>,
}

/// The event, the node above, and the number of the reason.
pub(super) type CheckpointClaim = Option<(ListIndex, ListIndex, u16)>;

#[derive(Serialize, Deserialize)]
pub(super) struct CheckpointNode {
    pub(super) name: Box<str>,
    pub(super) class: NodeClass,
    pub(super) reason: u16,
    pub(super) begun: bool,
    pub(super) root_inferred: bool,
    pub(super) component: ListIndex,
    pub(super) parent: CheckpointClaim,
    pub(super) root: CheckpointClaim,
    pub(super) events: Vec<ListIndex>,
    pub(super) first: Timestamp,
    pub(super) named: Position,
    pub(super) extras: Option<Box<CheckpointExtras>>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct CheckpointExtras {
    pub(super) stage: Option<(ListIndex, Arc<str>)>,
    pub(super) tags: BTreeMap<Arc<str>, (ListIndex, Arc<str>)>,
    pub(super) details: Option<CheckpointDetails>,
    pub(super) alias: Option<(ListIndex, ListIndex)>,
    pub(super) upper_alias: Option<(bool, ListIndex, u16, ListIndex)>,
    pub(super) trace: CheckpointClaim,
    pub(super) cause: CheckpointClaim,
    pub(super) left_out: u64,
    pub(super) ties_left_out: u64,
    pub(super) alert: Option<Box<NodeAlert>>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct CheckpointDetails {
    pub(super) begun: bool,
    pub(super) by: ListIndex,
    pub(super) label: Option<Arc<str>>,
    pub(super) kept: Vec<(Arc<str>, Arc<str>)>,
}

/// Where nodes, events, components and aliases are in the lists.
struct CheckpointIndexes {
    nodes: HashMap<NodeIndex, ListIndex>,
    events: HashMap<EntryIndex, ListIndex>,
    components: HashMap<u32, ListIndex>,
    aliases: HashMap<AliasIndex, ListIndex>,
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

    fn checkpoint_text(&self, text: &AttributedText) -> (ListIndex, Arc<str>) {
        (self.event_index(text.by), text.text.clone())
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
    pub(crate) fn to_checkpoint(&self) -> TenantCheckpoint {
        // Sort by what events say: the numbers that the tables gave out depend on the order of
        // arrival.
        let mut nodes: Vec<NodeIndex> = self.nodes.iter_all().collect();
        nodes.sort_by_key(|node| self.nodes.get(*node).map(|node| (node.class, &node.name)));
        let mut events: Vec<EntryIndex> = self.events.iter_all().collect();
        events.sort_by_key(|entry| {
            let entry = self.events.get(*entry);
            entry.map(|entry| (entry.time, &entry.id, &entry.source, entry.position))
        });
        let components: Vec<u32> = self.components.iter_oldest_first().collect();
        let mut aliases: Vec<AliasIndex> = self.aliases.iter_all().collect();
        aliases.sort_by_key(|alias| {
            let alias = self.aliases.get(*alias);
            alias.map(|alias| (alias.class, &alias.text))
        });
        let places = CheckpointIndexes {
            nodes: number_items(&nodes),
            events: number_items(&events),
            components: number_items(&components),
            aliases: number_items(&aliases),
        };
        let edges = self.nodes.iter_cross_edges();
        let mut ties: Vec<_> = edges
            .filter_map(|(from, to, edge)| {
                Some((*places.nodes.get(&from)?, *places.nodes.get(&to)?, edge))
            })
            .collect();
        ties.sort();
        let awaiting = self.events.iter_awaiting();
        let mut awaited: Vec<_> = awaiting
            .filter_map(|(event, alert)| Some((event, *places.nodes.get(&alert)?)))
            .collect();
        awaited.sort_unstable();
        let components = components.iter();
        let events = events.iter().filter_map(|entry| self.events.get(*entry));
        let nodes = nodes.iter().filter_map(|node| self.nodes.get(*node));
        let aliases = aliases.iter();
        TenantCheckpoint {
            founded: self.components.tree_counter(),
            reached: self.last_position,
            current: self.current_position,
            components: components
                .filter_map(|number| self.checkpoint_component(*number, &places))
                .collect(),
            events: events
                .map(|entry| checkpoint_event(entry, &places))
                .collect(),
            nodes: nodes
                .map(|node| self.checkpoint_node(node, &places))
                .collect(),
            aliases: aliases
                .filter_map(|alias| self.checkpoint_alias(*alias, &places))
                .collect(),
            ties,
            awaited,
            entities: self.checkpoint_entities(&places),
            incidents: self.incidents.clone(),
        }
    }

    fn checkpoint_component(
        &self,
        number: u32,
        places: &CheckpointIndexes,
    ) -> Option<CheckpointComponent> {
        let component = self.components.get(number)?;
        Some(CheckpointComponent {
            tree: component.tree(),
            refused: component.refused_events(),
            anchor: *places.nodes.get(&component.anchor())?,
            entities: component.entities().cloned().collect(),
        })
    }

    fn checkpoint_alias(
        &self,
        index: AliasIndex,
        places: &CheckpointIndexes,
    ) -> Option<CheckpointAlias> {
        let alias = self.aliases.get(index)?;
        Some(CheckpointAlias {
            class: alias.class,
            text: alias.text.clone(),
            begun: places.checkpoint_times(alias.owners()),
            named: places.checkpoint_times(alias.mentions()),
        })
    }

    fn checkpoint_entities(&self, places: &CheckpointIndexes) -> [Vec<CheckpointEntity>; 2] {
        let places_of = |nodes: Vec<entity_index::NodeVersion>| {
            let nodes = nodes.into_iter();
            nodes
                .filter_map(|(node, named)| Some((*places.nodes.get(&node)?, named)))
                .collect()
        };
        self.entities.to_rows().map(|values| {
            let values = values.into_iter();
            values
                .map(|(kind, value, nodes)| (kind, value, places_of(nodes)))
                .collect()
        })
    }

    fn checkpoint_node(&self, node: &GraphNode, places: &CheckpointIndexes) -> CheckpointNode {
        let entries = self.events.iter_list(node.event_list);
        let mut events: Vec<_> = entries
            .map(|(entry, _)| places.event_index(entry))
            .collect();
        events.sort_unstable();
        CheckpointNode {
            name: node.name.clone(),
            class: node.class,
            reason: node.edge_reason,
            begun: node.begun,
            root_inferred: node.root_inferred,
            component: places
                .components
                .get(&node.component)
                .copied()
                .unwrap_or(ListIndex::MAX),
            parent: places.checkpoint_claim(&node.parent_claim),
            root: places.checkpoint_claim(&node.root_claim),
            events,
            first: node.first_time,
            named: node.named_at,
            extras: node
                .extras
                .as_ref()
                .map(|extras| Box::new(checkpoint_extras(extras, places))),
        }
    }
}

fn checkpoint_event(entry: &EventEntry, places: &CheckpointIndexes) -> CheckpointEvent {
    CheckpointEvent {
        id: entry.id.clone(),
        event_type: entry.event_type.clone(),
        source: entry.source.clone(),
        time: entry.time,
        severity: entry.severity.number(),
        position: entry.position,
        alert: entry.alert,
        found: entry.is_indexed,
        main: places.nodes.get(&entry.main).copied(),
    }
}

fn checkpoint_extras(extras: &NodeExtras, places: &CheckpointIndexes) -> CheckpointExtras {
    // `latest` is left out: it only saves a search, and is found again when the node is full.
    let tags = extras.tags.iter();
    CheckpointExtras {
        stage: extras
            .stage
            .as_ref()
            .map(|text| places.checkpoint_text(text)),
        tags: tags
            .map(|(name, text)| (name.clone(), places.checkpoint_text(text)))
            .collect(),
        details: extras.details.as_ref().map(|details| CheckpointDetails {
            begun: details.begun,
            by: places.event_index(details.by),
            label: details.label.clone(),
            kept: details.kept.clone(),
        }),
        alias: extras.alias.and_then(|own| {
            let alias = places.aliases.get(&own.alias)?;
            Some((places.event_index(own.by), *alias))
        }),
        upper_alias: extras.parent_alias.and_then(|upper| {
            let alias = places.aliases.get(&upper.alias)?;
            Some((
                upper.own,
                places.event_index(upper.by),
                upper.edge_reason,
                *alias,
            ))
        }),
        trace: places.checkpoint_claim(&extras.trace_claim),
        cause: places.checkpoint_claim(&extras.cause_claim),
        left_out: extras.left_out,
        ties_left_out: extras.cross_edges_left_out,
        alert: extras.alert.clone(),
    }
}
