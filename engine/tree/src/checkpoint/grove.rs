//! One tenant's trees as plain data: nodes by class and name, events by time and id, both named by their place.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use larum_event::{EventId, EventType, Position, Severity, Source, Timestamp};
use petgraph::stable_graph::NodeIndex;
use petgraph::visit::{EdgeRef, IntoEdgeReferences};
use serde::{Deserialize, Serialize};

use crate::claim::UpClaim;
use crate::entity;
use crate::entry::{Entry, EntryIndex};
use crate::error::RestoreError;
use crate::grove::Grove;
use crate::hung;
use crate::incident::Incidents;
use crate::members::TreeId;
use crate::node::{Class, Details, More, Node, Raised, Said, UpperAlias};
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
    alias: Option<Place>,
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
        alias: more
            .alias
            .and_then(|alias| places.aliases.get(&alias.0).copied()),
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

const SEVERITIES: [Severity; 5] = [
    Severity::Info,
    Severity::Low,
    Severity::Medium,
    Severity::High,
    Severity::Critical,
];

fn damaged(what: &'static str) -> RestoreError {
    RestoreError::Damaged { what }
}

impl WrittenGrove {
    pub(super) fn restored(self) -> Result<Grove, RestoreError> {
        let mut grove = Grove::default();
        grove.founded = self.founded;
        (grove.reached, grove.current) = (self.reached, self.current);
        grove.incidents = self.incidents;
        let families: Vec<u32> = self
            .families
            .iter()
            .map(|family| grove.families.found(family.tree))
            .collect();
        let mut nodes = Vec::with_capacity(self.nodes.len());
        for written in &self.nodes {
            if grove.named(written.class, &written.name).is_some() {
                return Err(damaged("a node occurs twice"));
            }
            let family = families.get(written.family as usize);
            let family = *family.ok_or(damaged("a node is of a family that is not there"))?;
            let node = Node::named(
                written.name.clone(),
                written.class,
                written.way,
                written.named,
            );
            nodes.push(grove.plant(node, family));
        }
        let node = |place: Place| {
            let node = nodes.get(place as usize).copied();
            node.ok_or(damaged("a node that is named is not there"))
        };
        let mut events = Vec::with_capacity(self.events.len());
        for event in self.events {
            let severity = SEVERITIES.get(usize::from(event.severity)).copied();
            events.push(grove.entries.put(Entry {
                id: event.id,
                event_type: event.event_type,
                source: event.source,
                time: event.time,
                severity: severity.ok_or(damaged("a severity is none"))?,
                position: event.position,
                alert: event.alert,
                main: event.main.map_or(Ok(NodeIndex::end()), node)?,
                hung: 0,
                claims: 0,
            }));
        }
        let mut aliases = Vec::with_capacity(self.aliases.len());
        for alias in self.aliases {
            let index = grove.aliases.named(alias.class, &alias.text);
            for (time, place) in alias.begun {
                grove.aliases.begin(index, time, node(place)?);
            }
            for (time, place) in alias.named {
                grove.aliases.name(index, time, node(place)?);
            }
            aliases.push(index);
        }
        for (family, number) in self.families.into_iter().zip(&families) {
            let anchor = node(family.anchor)?;
            let Some(found) = grove.families.get_mut(*number) else {
                continue;
            };
            (found.refused, found.anchor) = (family.refused, anchor);
            for (kind, value) in family.entities {
                found.note(&kind, &value);
            }
        }
        let reading = Reading {
            nodes: &nodes,
            events: &events,
            aliases: &aliases,
        };
        for (written, index) in self.nodes.into_iter().zip(&nodes) {
            reading.fill(&mut grove, *index, written)?;
        }
        for index in &events {
            let unhung = grove
                .entries
                .get(*index)
                .is_some_and(|entry| entry.hung == 0);
            if unhung {
                grove.entries.hide(*index);
            }
        }
        for (from, to, tie) in self.ties {
            grove.graph.add_edge(node(from)?, node(to)?, tie);
        }
        for (values, recent) in self.entities.into_iter().zip([true, false]) {
            for (kind, value, places) in values {
                let places: Result<Vec<_>, RestoreError> = places
                    .into_iter()
                    .map(|(place, named)| Ok((node(place)?, named)))
                    .collect();
                grove.entities.read(recent, kind, value, places?);
            }
        }
        for index in &nodes {
            grove.place_again(*index);
        }
        Ok(grove)
    }
}

/// What places in the lists have become.
struct Reading<'a> {
    nodes: &'a [NodeIndex],
    events: &'a [EntryIndex],
    aliases: &'a [crate::alias::AliasIndex],
}

impl Reading<'_> {
    fn event(&self, grove: &mut Grove, place: Place) -> Result<EntryIndex, RestoreError> {
        let event = self.events.get(place as usize).copied();
        let event = event.ok_or(damaged("an event that is named is not there"))?;
        grove.pin(event);
        Ok(event)
    }

    fn claim(&self, grove: &mut Grove, claim: Claim) -> Result<UpClaim, RestoreError> {
        let Some((event, node, way)) = claim else {
            return Ok(UpClaim::NONE);
        };
        let node = self.nodes.get(node as usize).copied();
        let node = node.ok_or(damaged("a node stands under one that is not there"))?;
        Ok(UpClaim::new(self.event(grove, event)?, node, way))
    }

    fn alias(&self, place: Place) -> Result<crate::alias::AliasIndex, RestoreError> {
        let alias = self.aliases.get(place as usize).copied();
        alias.ok_or(damaged("an alias that is named is not there"))
    }

    fn fill(
        &self,
        grove: &mut Grove,
        index: NodeIndex,
        written: WrittenNode,
    ) -> Result<(), RestoreError> {
        let parent = self.claim(grove, written.parent)?;
        let root = self.claim(grove, written.root)?;
        let more = match written.more {
            Some(more) => Some(Box::new(self.more(grove, *more)?)),
            None => None,
        };
        let mut head = hung::END;
        let (mut count, mut kept) = (0, 0);
        for place in written.hung {
            let event = self.events.get(place as usize).copied();
            let event = event.ok_or(damaged("an event that hangs on a node is not there"))?;
            head = grove.hung.push(head, event);
            count += 1;
            if let Some(entry) = grove.entries.get_mut(event) {
                entry.hung = entry.hung.saturating_add(1);
                kept += u64::from(!entry.alert);
            }
        }
        kept += more.as_ref().map_or(0, |more| more.left_out);
        let family = grove.node(index).map_or(u32::MAX, |node| node.family);
        if let Some(family) = grove.families.get_mut(family) {
            family.events += kept;
        }
        if let Some(raised) = more.as_ref().and_then(|more| more.alert.as_ref()) {
            for cause in raised.causes() {
                grove.await_cause(index, cause);
            }
        }
        if let Some(node) = grove.node_mut(index) {
            node.begun = written.begun;
            node.root_inferred = written.root_inferred;
            (node.parent, node.root) = (parent, root);
            (node.hung, node.events) = (head, count);
            node.first = written.first;
            node.more = more;
        }
        Ok(())
    }

    fn more(&self, grove: &mut Grove, written: WrittenMore) -> Result<More, RestoreError> {
        let mut more = More {
            left_out: written.left_out,
            ties_left_out: written.ties_left_out,
            alert: written.alert,
            ..More::default()
        };
        if let Some((by, what)) = written.stage {
            let by = self.event(grove, by)?;
            more.stage = Some(Said { by, what });
        }
        for (name, (by, what)) in written.tags {
            let by = self.event(grove, by)?;
            more.tags.insert(name, Said { by, what });
        }
        if let Some(details) = written.details {
            more.details = Some(Details {
                begun: details.begun,
                by: self.event(grove, details.by)?,
                label: details.label,
                kept: details.kept,
            });
        }
        if let Some(alias) = written.alias {
            more.alias = Some(self.alias(alias)?);
        }
        if let Some((own, by, way, alias)) = written.upper_alias {
            more.upper_alias = Some(UpperAlias {
                own,
                by: self.event(grove, by)?,
                way,
                alias: self.alias(alias)?,
            });
        }
        more.trace = self.claim(grove, written.trace)?;
        more.cause = self.claim(grove, written.cause)?;
        Ok(more)
    }
}
