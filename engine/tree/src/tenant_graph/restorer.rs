//! From the lists of a checkpoint back to a tenant's graph.
//!
//! Owns the checks that a damaged checkpoint fails; what the lists mean is defined in `checkpoint`.
//! Invariant: parents are found from the claims as on an insertion and never read, so that a
//! restored graph cannot disagree with its events.

use larum_event::{Position, Severity};
use petgraph::stable_graph::NodeIndex;

use super::TenantGraph;
use super::checkpoint::{
    CheckpointAlias, CheckpointClaim, CheckpointEvent, CheckpointExtras, CheckpointNode, ListIndex,
    TenantCheckpoint,
};
use crate::alias_table::AliasIndex;
use crate::entity_index::NodeVersion;
use crate::entry_table::{EntryIndex, EventEntry};
use crate::error::GraphRestoreError;
use crate::graph_node::{
    AttributedText, GraphNode, NodeDetails, NodeExtras, OwnAlias, ParentAlias,
};
use crate::node_events;
use crate::parent_claim::ParentClaim;

fn damage_error(what: &'static str) -> GraphRestoreError {
    GraphRestoreError::Damaged { what }
}

impl TenantCheckpoint {
    pub(crate) fn restore(self) -> Result<TenantGraph, GraphRestoreError> {
        let mut graph = TenantGraph {
            last_position: self.reached,
            current_position: self.current,
            incidents: self.incidents,
            ..TenantGraph::default()
        };
        graph.components.restore_tree_counter(self.founded);
        let written = self.components.iter();
        let numbers: Vec<u32> = written
            .map(|component| graph.components.create(component.tree))
            .collect();
        // Add all nodes before anything that names one: claims may name any other node.
        let mut restorer = GraphRestorer::default();
        for written in &self.nodes {
            if graph.nodes.find(written.class, &written.name).is_some() {
                return Err(damage_error("a node occurs twice"));
            }
            let component = *numbers
                .get(written.component as usize)
                .ok_or(damage_error("a node is of a component that is not there"))?;
            let name = written.name.clone();
            let node = GraphNode::new(name, written.class, written.reason, written.named);
            restorer.nodes.push(graph.add_node(node, component));
        }
        for event in self.events {
            let index = restorer.restore_event(&mut graph, event)?;
            restorer.events.push(index);
        }
        for alias in self.aliases {
            let index = restorer.restore_alias(&mut graph, alias)?;
            restorer.aliases.push(index);
        }
        for (written, number) in self.components.into_iter().zip(&numbers) {
            let anchor = restorer.node_at(written.anchor)?;
            let table = &mut graph.components;
            table.restore_facts(*number, written.refused, anchor);
            for (kind, value) in written.entities {
                table.record_entity(*number, &kind, &value);
            }
        }
        for (written, place) in self.nodes.into_iter().zip(0..) {
            let index = restorer.node_at(place)?;
            restorer.restore_node(&mut graph, index, written)?;
        }
        // Drop only after all claims are back: before, no event would be in use.
        for index in &restorer.events {
            graph.events.drop_unused(*index);
        }
        for (from, to, edge) in self.ties {
            let (from, to) = (restorer.node_at(from)?, restorer.node_at(to)?);
            graph.nodes.restore_cross_edge(from, to, edge);
        }
        for (event, alert) in self.awaited {
            let alert = restorer.node_at(alert)?;
            graph.events.restore_awaiting(event, alert);
        }
        for (values, is_recent) in self.entities.into_iter().zip([true, false]) {
            for (kind, value, places) in values {
                let nodes = restorer.node_versions(places)?;
                graph.entities.insert_row(is_recent, kind, value, nodes);
            }
        }
        // Parents last: they follow from claims, aliases and the times of events.
        for index in &restorer.nodes {
            graph.restore_parent(*index);
        }
        Ok(graph)
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

    fn node_versions(
        &self,
        places: Vec<(ListIndex, Position)>,
    ) -> Result<Vec<NodeVersion>, GraphRestoreError> {
        let mut nodes = Vec::with_capacity(places.len());
        for (place, named) in places {
            nodes.push((self.node_at(place)?, named));
        }
        Ok(nodes)
    }

    fn restore_event(
        &self,
        graph: &mut TenantGraph,
        event: CheckpointEvent,
    ) -> Result<EntryIndex, GraphRestoreError> {
        let severity = Severity::from_number(event.severity.into());
        let main = event.main.map(|place| self.node_at(place)).transpose()?;
        Ok(graph.events.restore(EventEntry {
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
        graph: &mut TenantGraph,
        alias: CheckpointAlias,
    ) -> Result<AliasIndex, GraphRestoreError> {
        let index = graph.aliases.find_or_insert(alias.class, &alias.text);
        for (time, place) in alias.begun {
            graph.aliases.add_owner(index, time, self.node_at(place)?);
        }
        for (time, place) in alias.named {
            graph.aliases.add_mention(index, time, self.node_at(place)?);
        }
        Ok(index)
    }

    fn retain_event(
        &self,
        graph: &mut TenantGraph,
        place: ListIndex,
    ) -> Result<EntryIndex, GraphRestoreError> {
        let event = *self
            .events
            .get(place as usize)
            .ok_or(damage_error("an event that is named is not there"))?;
        graph.events.retain(event);
        Ok(event)
    }

    fn restore_claim(
        &self,
        graph: &mut TenantGraph,
        claim: CheckpointClaim,
    ) -> Result<ParentClaim, GraphRestoreError> {
        let Some((event, node, reason)) = claim else {
            return Ok(ParentClaim::NONE);
        };
        let above = *self
            .nodes
            .get(node as usize)
            .ok_or(damage_error("a node is under one that is not there"))?;
        let by = self.retain_event(graph, event)?;
        Ok(ParentClaim::new(by, above, reason))
    }

    fn alias_at(&self, place: ListIndex) -> Result<AliasIndex, GraphRestoreError> {
        let alias = self.aliases.get(place as usize).copied();
        alias.ok_or(damage_error("an alias that is named is not there"))
    }

    fn restore_node(
        &self,
        graph: &mut TenantGraph,
        index: NodeIndex,
        written: CheckpointNode,
    ) -> Result<(), GraphRestoreError> {
        let parent = self.restore_claim(graph, written.parent)?;
        let root = self.restore_claim(graph, written.root)?;
        let extras = match written.extras {
            Some(extras) => Some(Box::new(self.restore_extras(graph, *extras)?)),
            None => None,
        };
        let mut head = node_events::LIST_END;
        let (mut count, mut kept) = (0, 0);
        for place in written.events {
            let event = *self
                .events
                .get(place as usize)
                .ok_or(damage_error("an event of a node is not there"))?;
            head = graph.events.restore_to_list(head, event);
            count += 1;
            let entry = graph.events.get(event);
            kept += u64::from(entry.is_some_and(|entry| !entry.alert));
        }
        kept += extras.as_ref().map_or(0, |extras| extras.left_out);
        if let Some(node) = graph.nodes.get_mut(index) {
            graph.components.count_events(node.component, kept);
            node.begun = written.begun;
            node.root_inferred = written.root_inferred;
            (node.parent_claim, node.root_claim) = (parent, root);
            (node.event_list, node.event_count) = (head, count);
            node.first_time = written.first;
            node.extras = extras;
        }
        Ok(())
    }

    fn restore_extras(
        &self,
        graph: &mut TenantGraph,
        written: CheckpointExtras,
    ) -> Result<NodeExtras, GraphRestoreError> {
        let mut extras = NodeExtras {
            left_out: written.left_out,
            cross_edges_left_out: written.ties_left_out,
            alert: written.alert,
            ..NodeExtras::default()
        };
        if let Some((by, what)) = written.stage {
            let by = self.retain_event(graph, by)?;
            extras.stage = Some(AttributedText { by, text: what });
        }
        for (name, (by, what)) in written.tags {
            let by = self.retain_event(graph, by)?;
            extras.tags.insert(name, AttributedText { by, text: what });
        }
        if let Some(details) = written.details {
            extras.details = Some(NodeDetails {
                begun: details.begun,
                by: self.retain_event(graph, details.by)?,
                label: details.label,
                kept: details.kept,
            });
        }
        if let Some((by, alias)) = written.alias {
            extras.alias = Some(OwnAlias {
                by: self.retain_event(graph, by)?,
                alias: self.alias_at(alias)?,
            });
        }
        if let Some((own, by, reason, alias)) = written.upper_alias {
            extras.parent_alias = Some(ParentAlias {
                own,
                by: self.retain_event(graph, by)?,
                edge_reason: reason,
                alias: self.alias_at(alias)?,
            });
        }
        extras.trace_claim = self.restore_claim(graph, written.trace)?;
        extras.cause_claim = self.restore_claim(graph, written.cause)?;
        Ok(extras)
    }
}
