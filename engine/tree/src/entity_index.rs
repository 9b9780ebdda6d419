//! Which trees name a user, an address, a host, a hash.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use foldhash::quality::RandomState;
use larum_event::{Position, limits};
use petgraph::stable_graph::NodeIndex;

/// A node, and since when it is there: its place in the graph may be another node's later.
pub(crate) type NodeVersion = (NodeIndex, Position);

type EntityNodeMap = HashMap<(Arc<str>, Arc<str>), VecDeque<NodeVersion>, RandomState>;

/// The values of one tenant. They are only looked up, never walked. Those not met for long are
/// dropped: when half of what may be is new, whatever was not met meanwhile is dropped.
#[derive(Debug, Default)]
pub(crate) struct EntityIndex {
    recent: EntityNodeMap,
    before: EntityNodeMap,
}

impl EntityIndex {
    /// A node's event names a value.
    pub(crate) fn record_node(&mut self, kind: &Arc<str>, value: &Arc<str>, place: NodeVersion) {
        let key = (kind.clone(), value.clone());
        if !self.recent.contains_key(&key) {
            if self.recent.len() >= limits::ENTITIES_PER_TENANT / 2 {
                self.before = std::mem::take(&mut self.recent);
            }
            let known = self.before.remove(&key).unwrap_or_default();
            self.recent.insert(key.clone(), known);
        }
        let Some(places) = self.recent.get_mut(&key) else {
            return;
        };
        if places.back() == Some(&place) {
            return;
        }
        places.retain(|known| *known != place);
        if places.len() >= limits::TREES_PER_ENTITY {
            places.pop_front();
        }
        places.push_back(place);
    }

    /// The nodes that name a value, the last one first.
    pub(crate) fn nodes_of(&self, kind: &str, value: &str) -> impl Iterator<Item = NodeVersion> {
        let key = (Arc::from(kind), Arc::from(value));
        let found = self.recent.get(&key).or_else(|| self.before.get(&key));
        found.into_iter().flatten().rev().copied()
    }

    /// All of it, for a checkpoint: what was met lately, then the rest, each sorted.
    pub(crate) fn to_rows(&self) -> [Vec<EntityRow>; 2] {
        [sort_rows(&self.recent), sort_rows(&self.before)]
    }

    pub(crate) fn insert_row(
        &mut self,
        recent: bool,
        kind: Arc<str>,
        value: Arc<str>,
        places: Vec<NodeVersion>,
    ) {
        let values = if recent {
            &mut self.recent
        } else {
            &mut self.before
        };
        values.insert((kind, value), places.into());
    }
}

/// A kind, a value, and the nodes that name it.
pub(crate) type EntityRow = (Arc<str>, Arc<str>, Vec<NodeVersion>);

fn sort_rows(values: &EntityNodeMap) -> Vec<EntityRow> {
    let mut written: Vec<EntityRow> = values
        .iter()
        .map(|((kind, value), places)| {
            (
                kind.clone(),
                value.clone(),
                places.iter().copied().collect(),
            )
        })
        .collect();
    written.sort();
    written
}

/// How a value may be written where events are read: as it is, in lower case, and a host without
/// its domain. Names of users are what they are.
pub(crate) fn spelling_variants(kind: &str, value: &str) -> impl Iterator<Item = String> {
    let lower = (kind != "user").then(|| value.to_lowercase());
    let host = lower.as_ref().filter(|_| kind == "host");
    let short = host
        .and_then(|host| host.split('.').next())
        .filter(|short| !short.is_empty())
        .map(str::to_owned);
    let others = [lower, short].into_iter().flatten();
    std::iter::once(value.to_owned()).chain(others)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_also_looked_for_without_its_domain_and_other_values_are_not_cut() {
        for (kind, value, expected) in [
            (
                "host",
                "WS5.shire.com",
                vec!["WS5.shire.com", "ws5.shire.com", "ws5"],
            ),
            ("host", ".X", vec![".X", ".x"]),
            ("hash", "AB.C", vec!["AB.C", "ab.c"]),
            ("user", "Eve.A", vec!["Eve.A"]),
        ] {
            let found: Vec<String> = spelling_variants(kind, value).collect();
            assert_eq!(found, expected, "{kind}:{value}");
        }
    }
}
