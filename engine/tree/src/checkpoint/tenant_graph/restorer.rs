//! From the lists back to a tenant's trees.

use larum_event::Severity;
use petgraph::stable_graph::NodeIndex;

use super::{
    CheckpointAlias, CheckpointClaim, CheckpointComponent, CheckpointEvent, CheckpointExtras,
    CheckpointNode, ListIndex, TenantCheckpoint,
};
use crate::alias_table::AliasIndex;
use crate::entry_table::{EntryIndex, EventEntry};
use crate::error::GraphRestoreError;
use crate::graph_node::{
    AttributedText, GraphNode, NodeDetails, NodeExtras, OwnAlias, ParentAlias,
};
use crate::node_events;
use crate::parent_claim::ParentClaim;
use crate::tenant_graph::TenantGraph;

const SEVERITIES: [Severity; 5] = [
    Severity::Info,
    Severity::Low,
    Severity::Medium,
    Severity::High,
    Severity::Critical,
];

fn damage_error(what: &'static str) -> GraphRestoreError {
    GraphRestoreError::Damaged { what }
}

impl TenantCheckpoint {
    pub(in crate::checkpoint) fn restore(self) -> Result<TenantGraph, GraphRestoreError> {
        let mut grove = TenantGraph::default();
        grove.tree_counter = self.founded;
        (grove.last_position, grove.current_position) = (self.reached, self.current);
        grove.incidents = self.incidents;
        let families = self.families.iter();
        let families: Vec<u32> = families
            .map(|family| grove.components.create(family.tree))
            .collect();
        let mut reading = GraphRestorer::default();
        for written in &self.nodes {
            if grove.find_node(written.class, &written.name).is_some() {
                return Err(damage_error("a node occurs twice"));
            }
            let family = families.get(written.family as usize);
            let family = *family.ok_or(damage_error("a node is of a family that is not there"))?;
            let name = written.name.clone();
            let node = GraphNode::new(name, written.class, written.way, written.named);
            reading.nodes.push(grove.add_node(node, family));
        }
        for event in self.events {
            let index = reading.restore_event(&mut grove, event)?;
            reading.events.push(index);
        }
        for alias in self.aliases {
            let index = reading.restore_alias(&mut grove, alias)?;
            reading.aliases.push(index);
        }
        for (family, number) in self.families.into_iter().zip(&families) {
            reading.restore_component(&mut grove, *number, family)?;
        }
        for (written, place) in self.nodes.into_iter().zip(0..) {
            let index = reading.node_at(place)?;
            reading.restore_node(&mut grove, index, written)?;
        }
        for index in &reading.events {
            // What only trees that went held on to.
            grove.entries.drop_unused(*index);
        }
        for (from, to, tie) in self.ties {
            let (from, to) = (reading.node_at(from)?, reading.node_at(to)?);
            grove.graph.add_edge(from, to, tie);
        }
        for (event, alert) in self.awaited {
            grove
                .awaited_events
                .insert((event, reading.node_at(alert)?));
        }
        for (values, recent) in self.entities.into_iter().zip([true, false]) {
            for (kind, value, places) in values {
                let places = places.into_iter();
                let places = places.map(|(place, named)| Ok((reading.node_at(place)?, named)));
                let places: Result<Vec<_>, GraphRestoreError> = places.collect();
                grove.entities.insert_row(recent, kind, value, places?);
            }
        }
        for index in &reading.nodes {
            grove.restore_parent(*index);
        }
        Ok(grove)
    }
}

/// What places in the lists have become.
#[derive(Default)]
struct GraphRestorer {
    nodes: Vec<NodeIndex>,
    events: Vec<EntryIndex>,
    aliases: Vec<AliasIndex>,
}

impl GraphRestorer {
    fn node_at(&self, place: ListIndex) -> Result<NodeIndex, GraphRestoreError> {
        let node = self.nodes.get(place as usize).copied();
        node.ok_or(damage_error("a node that is named is not there"))
    }

    fn restore_event(
        &self,
        grove: &mut TenantGraph,
        event: CheckpointEvent,
    ) -> Result<EntryIndex, GraphRestoreError> {
        let severity = SEVERITIES.get(usize::from(event.severity)).copied();
        let main = event.main.map(|place| self.node_at(place)).transpose()?;
        Ok(grove.entries.insert_entry(EventEntry {
            id: event.id,
            event_type: event.event_type,
            source: event.source,
            time: event.time,
            severity: severity.ok_or(damage_error("a severity is none"))?,
            position: event.position,
            alert: event.alert,
            is_indexed: event.found,
            main: main.unwrap_or(NodeIndex::end()),
            node_count: 0,
            claim_count: 0,
        }))
    }

    fn restore_alias(
        &self,
        grove: &mut TenantGraph,
        alias: CheckpointAlias,
    ) -> Result<AliasIndex, GraphRestoreError> {
        let index = grove.aliases.find_or_insert(alias.class, &alias.text);
        for (time, place) in alias.begun {
            grove.aliases.add_owner(index, time, self.node_at(place)?);
        }
        for (time, place) in alias.named {
            grove.aliases.add_mention(index, time, self.node_at(place)?);
        }
        Ok(index)
    }

    fn restore_component(
        &self,
        grove: &mut TenantGraph,
        number: u32,
        family: CheckpointComponent,
    ) -> Result<(), GraphRestoreError> {
        let anchor = self.node_at(family.anchor)?;
        if let Some(found) = grove.components.get_mut(number) {
            (found.refused_events, found.anchor) = (family.refused, anchor);
            for (kind, value) in family.entities {
                found.record_entity(&kind, &value);
            }
        }
        Ok(())
    }

    fn retain_event(
        &self,
        grove: &mut TenantGraph,
        place: ListIndex,
    ) -> Result<EntryIndex, GraphRestoreError> {
        let event = self.events.get(place as usize).copied();
        let event = event.ok_or(damage_error("an event that is named is not there"))?;
        grove.retain_entry(event);
        Ok(event)
    }

    fn restore_claim(
        &self,
        grove: &mut TenantGraph,
        claim: CheckpointClaim,
    ) -> Result<ParentClaim, GraphRestoreError> {
        let Some((event, node, way)) = claim else {
            return Ok(ParentClaim::NONE);
        };
        let node = self.nodes.get(node as usize).copied();
        let node = node.ok_or(damage_error("a node stands under one that is not there"))?;
        Ok(ParentClaim::new(
            self.retain_event(grove, event)?,
            node,
            way,
        ))
    }

    fn alias_at(&self, place: ListIndex) -> Result<AliasIndex, GraphRestoreError> {
        let alias = self.aliases.get(place as usize).copied();
        alias.ok_or(damage_error("an alias that is named is not there"))
    }

    fn restore_node(
        &self,
        grove: &mut TenantGraph,
        index: NodeIndex,
        written: CheckpointNode,
    ) -> Result<(), GraphRestoreError> {
        let parent = self.restore_claim(grove, written.parent)?;
        let root = self.restore_claim(grove, written.root)?;
        let more = match written.more {
            Some(more) => Some(Box::new(self.restore_extras(grove, *more)?)),
            None => None,
        };
        let mut head = node_events::LIST_END;
        let (mut count, mut kept) = (0, 0);
        for place in written.hung {
            let event = self.events.get(place as usize).copied();
            let event = event.ok_or(damage_error("an event that hangs on a node is not there"))?;
            head = grove.node_events.push_front(head, event);
            count += 1;
            if let Some(entry) = grove.entries.get_mut(event) {
                entry.node_count = entry.node_count.saturating_add(1);
                kept += u64::from(!entry.alert);
            }
        }
        kept += more.as_ref().map_or(0, |more| more.left_out);
        let family = grove.node(index).map_or(u32::MAX, |node| node.component);
        if let Some(family) = grove.components.get_mut(family) {
            family.event_count += kept;
        }
        if let Some(node) = grove.node_mut(index) {
            node.begun = written.begun;
            node.root_inferred = written.root_inferred;
            (node.parent_claim, node.root_claim) = (parent, root);
            (node.event_list, node.event_count) = (head, count);
            node.first_time = written.first;
            node.extras = more;
        }
        Ok(())
    }

    fn restore_extras(
        &self,
        grove: &mut TenantGraph,
        written: CheckpointExtras,
    ) -> Result<NodeExtras, GraphRestoreError> {
        let mut more = NodeExtras {
            left_out: written.left_out,
            cross_edges_left_out: written.ties_left_out,
            alert: written.alert,
            ..NodeExtras::default()
        };
        if let Some((by, what)) = written.stage {
            let by = self.retain_event(grove, by)?;
            more.stage = Some(AttributedText { by, text: what });
        }
        for (name, (by, what)) in written.tags {
            let by = self.retain_event(grove, by)?;
            more.tags.insert(name, AttributedText { by, text: what });
        }
        if let Some(details) = written.details {
            more.details = Some(NodeDetails {
                begun: details.begun,
                by: self.retain_event(grove, details.by)?,
                label: details.label,
                kept: details.kept,
            });
        }
        if let Some((by, alias)) = written.alias {
            more.alias = Some(OwnAlias {
                by: self.retain_event(grove, by)?,
                alias: self.alias_at(alias)?,
            });
        }
        if let Some((own, by, way, alias)) = written.upper_alias {
            more.parent_alias = Some(ParentAlias {
                own,
                by: self.retain_event(grove, by)?,
                edge_reason: way,
                alias: self.alias_at(alias)?,
            });
        }
        more.trace_claim = self.restore_claim(grove, written.trace)?;
        more.cause_claim = self.restore_claim(grove, written.cause)?;
        Ok(more)
    }
}
