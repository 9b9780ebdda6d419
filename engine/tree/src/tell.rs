//! What incidents are told of trees.

use std::sync::Arc;

use larum_event::Joins;
use petgraph::Direction::Outgoing;
use petgraph::stable_graph::NodeIndex;

use crate::facts::Facts;
use crate::grove::Grove;
use crate::incident;
use crate::members::TreeId;
use crate::node::Raised;
use crate::tie::TieKind;

impl Grove {
    /// The number of the tree that a node is of.
    pub(crate) fn tree_of(&self, node: NodeIndex) -> Option<TreeId> {
        let family = self.node(node)?.family;
        Some(self.families.get(family)?.tree)
    }

    /// An event of `main` also hangs on `shared`, whose link joins trees; that may be `main` itself, whose own tree
    /// is one of those that it joins.
    pub(crate) fn tell_touch(
        &mut self,
        main: NodeIndex,
        shared: NodeIndex,
        joins: Joins,
        facts: &Facts<'_>,
    ) {
        let Some(tree) = self.tree_of(main) else {
            return;
        };
        let name = self.name_of(shared);
        let touch = incident::Touch {
            tree,
            shared: number_of(&name),
            joins,
            time: facts.event.envelope().time,
            position: facts.position,
        };
        self.incidents.touched(&touch, || name);
    }

    /// What incidents show of a tree.
    pub(crate) fn tree_facts(&self, family: u32) -> Option<incident::TreeFacts> {
        Some(incident::TreeFacts {
            root: self.name_of(self.top_of(family)?),
            events: self.families.get(family)?.events,
        })
    }

    /// The incident that a family belongs to.
    pub(crate) fn incident_of(&self, family: u32) -> Option<Arc<str>> {
        let tree = self.families.get(family)?.tree;
        Some(self.incidents.of_tree(tree)?.0.clone())
    }

    pub(crate) fn tell_merge(&mut self, survivor: TreeId, gone: TreeId) {
        self.incidents.merged(survivor, gone, self.current);
    }

    /// An alert was raised, revised or retracted.
    pub(crate) fn tell_alert(&mut self, alert: NodeIndex, raised: &Raised) {
        let Some(tree) = self.tree_of(alert) else {
            return;
        };
        let causes = self.ties(alert, TieKind::Causation, Outgoing);
        let mut others: Vec<TreeId> = causes
            .filter_map(|(node, _)| self.tree_of(node))
            .filter(|other| *other != tree)
            .collect();
        others.sort_unstable();
        others.dedup();
        let mut entities: Vec<(Arc<str>, Arc<str>)> = Vec::new();
        let number = self.node(alert).map_or(u32::MAX, |node| node.family);
        if let Some(known) = self
            .families
            .get(number)
            .and_then(|family| family.entities.as_ref())
        {
            entities.extend(known.iter().cloned());
        }
        for (name, value) in &raised.key {
            if self.entity_kinds.contains(name.as_str()) {
                entities.push((name.as_str().into(), value.as_str().into()));
            }
        }
        entities.sort();
        entities.dedup();
        let id = self.name_of(alert);
        self.incidents.raised(&incident::Raised {
            id: &id,
            revision: raised.revision,
            status: raised.status,
            rule: &raised.rule,
            title: raised.title.as_ref(),
            severity: raised.severity,
            attack: &raised.attack,
            time: raised.time,
            first: raised.first,
            last: raised.last,
            message: &raised.message,
            position: raised.position,
            entities: &entities,
            tree,
            others: &others,
        });
    }
}

/// A number that no other node has: nobody can find two ids that share it.
fn number_of(name: &str) -> incident::Shared {
    let hash = blake3::hash(name.as_bytes());
    let first = hash.as_bytes().first_chunk::<8>().copied();
    incident::Shared(u64::from_le_bytes(first.unwrap_or_default()))
}
