//! From the lists back to a tenant's trees.

use larum_event::Severity;
use petgraph::stable_graph::NodeIndex;

use super::{
    Claim, Place, WrittenAlias, WrittenEvent, WrittenFamily, WrittenGrove, WrittenMore, WrittenNode,
};
use crate::alias::AliasIndex;
use crate::claim::UpClaim;
use crate::entry::{Entry, EntryIndex};
use crate::error::RestoreError;
use crate::grove::Grove;
use crate::hung;
use crate::node::{Details, More, Node, OwnAlias, Said, UpperAlias};

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
    pub(in crate::checkpoint) fn restored(self) -> Result<Grove, RestoreError> {
        let mut grove = Grove::default();
        grove.founded = self.founded;
        (grove.reached, grove.current) = (self.reached, self.current);
        grove.incidents = self.incidents;
        let families = self.families.iter();
        let families: Vec<u32> = families
            .map(|family| grove.families.found(family.tree))
            .collect();
        let mut reading = Reading::default();
        for written in &self.nodes {
            if grove.named(written.class, &written.name).is_some() {
                return Err(damaged("a node occurs twice"));
            }
            let family = families.get(written.family as usize);
            let family = *family.ok_or(damaged("a node is of a family that is not there"))?;
            let name = written.name.clone();
            let node = Node::named(name, written.class, written.way, written.named);
            reading.nodes.push(grove.plant(node, family));
        }
        for event in self.events {
            let index = reading.event_of(&mut grove, event)?;
            reading.events.push(index);
        }
        for alias in self.aliases {
            let index = reading.alias_of(&mut grove, alias)?;
            reading.aliases.push(index);
        }
        for (family, number) in self.families.into_iter().zip(&families) {
            reading.fill_family(&mut grove, *number, family)?;
        }
        for (written, place) in self.nodes.into_iter().zip(0..) {
            let index = reading.node(place)?;
            reading.fill(&mut grove, index, written)?;
        }
        for index in &reading.events {
            // What only trees that went held on to.
            grove.entries.drop_unused(*index);
        }
        for (from, to, tie) in self.ties {
            let (from, to) = (reading.node(from)?, reading.node(to)?);
            grove.graph.add_edge(from, to, tie);
        }
        for (event, alert) in self.awaited {
            grove.awaited.insert((event, reading.node(alert)?));
        }
        for (values, recent) in self.entities.into_iter().zip([true, false]) {
            for (kind, value, places) in values {
                let places = places.into_iter();
                let places = places.map(|(place, named)| Ok((reading.node(place)?, named)));
                let places: Result<Vec<_>, RestoreError> = places.collect();
                grove.entities.read(recent, kind, value, places?);
            }
        }
        for index in &reading.nodes {
            grove.place_again(*index);
        }
        Ok(grove)
    }
}

/// What places in the lists have become.
#[derive(Default)]
struct Reading {
    nodes: Vec<NodeIndex>,
    events: Vec<EntryIndex>,
    aliases: Vec<AliasIndex>,
}

impl Reading {
    fn node(&self, place: Place) -> Result<NodeIndex, RestoreError> {
        let node = self.nodes.get(place as usize).copied();
        node.ok_or(damaged("a node that is named is not there"))
    }

    fn event_of(&self, grove: &mut Grove, event: WrittenEvent) -> Result<EntryIndex, RestoreError> {
        let severity = SEVERITIES.get(usize::from(event.severity)).copied();
        let main = event.main.map(|place| self.node(place)).transpose()?;
        Ok(grove.entries.put(Entry {
            id: event.id,
            event_type: event.event_type,
            source: event.source,
            time: event.time,
            severity: severity.ok_or(damaged("a severity is none"))?,
            position: event.position,
            alert: event.alert,
            found: event.found,
            main: main.unwrap_or(NodeIndex::end()),
            hung: 0,
            claims: 0,
        }))
    }

    fn alias_of(&self, grove: &mut Grove, alias: WrittenAlias) -> Result<AliasIndex, RestoreError> {
        let index = grove.aliases.named(alias.class, &alias.text);
        for (time, place) in alias.begun {
            grove.aliases.begin(index, time, self.node(place)?);
        }
        for (time, place) in alias.named {
            grove.aliases.name(index, time, self.node(place)?);
        }
        Ok(index)
    }

    fn fill_family(
        &self,
        grove: &mut Grove,
        number: u32,
        family: WrittenFamily,
    ) -> Result<(), RestoreError> {
        let anchor = self.node(family.anchor)?;
        if let Some(found) = grove.families.get_mut(number) {
            (found.refused, found.anchor) = (family.refused, anchor);
            for (kind, value) in family.entities {
                found.note(&kind, &value);
            }
        }
        Ok(())
    }

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

    fn alias(&self, place: Place) -> Result<AliasIndex, RestoreError> {
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
        if let Some((by, alias)) = written.alias {
            more.alias = Some(OwnAlias {
                by: self.event(grove, by)?,
                alias: self.alias(alias)?,
            });
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
