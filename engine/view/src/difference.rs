//! What changed in a tree between two moments.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use larum_event::{AlertStatus, Position};
use larum_tree::{NodeKind, TreeNode, TreeView};

use crate::query::{NodeMove, TreeDiff};

/// What tells nodes apart. An event without a node may have any id, that of a node too.
type DiffKey<'a> = (bool, &'a Arc<str>);

/// What of a node may change.
struct NodeState<'a> {
    is_seen: bool,
    parent: Option<&'a Arc<str>>,
    events: u64,
    alert: Option<(u32, AlertStatus, Position)>,
}

impl TreeDiff {
    /// What changed from `before` to `after`. Both are whole trees; of pages, what is on the one
    /// and not on the other would seem to have come or gone. Lists are in reading order.
    pub fn between(before: &TreeView, after: &TreeView) -> Self {
        let (old, new) = (node_states(before), node_states(after));
        let mut diff = Self::default();
        // Walk the new tree and not the map: lists are in reading order.
        for key in ordered_keys(after) {
            let Some(now) = new.get(&key) else { continue };
            let was = old.get(&key);
            let id = key.1;
            if was.is_none() {
                diff.added.push(id.clone());
            }
            if let Some(was) = was {
                if now.is_seen && !was.is_seen {
                    diff.seen.push(id.clone());
                }
                if now.parent != was.parent {
                    diff.moved.push(NodeMove {
                        node: id.clone(),
                        before: was.parent.cloned(),
                        after: now.parent.cloned(),
                    });
                }
            }
            let events = now.events.saturating_sub(was.map_or(0, |was| was.events));
            if events > 0 {
                *diff.events.entry(id.clone()).or_default() += events;
            }
            if now.alert.is_some() && was.is_none_or(|was| was.alert != now.alert) {
                diff.alerts.push(id.clone());
            }
        }
        diff.gone = ordered_keys(before)
            .filter(|key| !new.contains_key(key))
            .map(|(_, id)| id.clone())
            .collect();
        diff
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn node_key(node: &TreeNode) -> DiffKey<'_> {
    (node.kind == NodeKind::Event, &node.id)
}

/// The same event may be under several alerts; it counts where it is first.
fn node_states(view: &TreeView) -> BTreeMap<DiffKey<'_>, NodeState<'_>> {
    let mut states = BTreeMap::new();
    for node in view.nodes.iter().filter(|node| !node.again) {
        let parent = node.parent.and_then(|parent| view.nodes.get(parent));
        let alert = node.alert.as_ref();
        states.entry(node_key(node)).or_insert_with(|| NodeState {
            is_seen: node.seen,
            parent: parent.map(|parent| &parent.id),
            events: node.event_count(),
            alert: alert.map(|alert| (alert.revision, alert.status, alert.position)),
        });
    }
    states
}

/// Each key once.
fn ordered_keys(view: &TreeView) -> impl Iterator<Item = DiffKey<'_>> {
    let mut known = BTreeSet::new();
    let nodes = view.nodes.iter().filter(|node| !node.again);
    nodes.map(node_key).filter(move |key| known.insert(*key))
}

#[cfg(test)]
mod tests;
