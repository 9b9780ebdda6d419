//! What is different between a tree at two moments.

use std::collections::BTreeMap;
use std::sync::Arc;

use larum_event::{TenantId, limits};
use larum_tree::{Forest, NodeKind, NodeMove, TreeDiff, TreeNode, TreeQuery};

use crate::trees::TreeError;
use crate::trees::ask::ask;

/// All nodes of a tree.
#[derive(Debug, Default)]
pub(super) struct Whole {
    nodes: Vec<TreeNode>,
    /// The id of the node above each, by its own.
    parents: BTreeMap<Arc<str>, Arc<str>>,
}

impl Whole {
    /// The tree of `forest` that holds `id`, page by page.
    pub(super) fn of(forest: &Forest, tenant: &TenantId, id: &str) -> Result<Self, TreeError> {
        let mut whole = Self::default();
        let mut query = TreeQuery {
            limit: limits::TREE_PAGE_MOST,
            events_per_node: 0,
            ..TreeQuery::whole(id)
        };
        loop {
            let view = ask(forest, tenant, &query)?;
            for node in &view.nodes {
                let parent = node.parent.and_then(|parent| view.nodes.get(parent));
                if let Some(parent) = parent {
                    let (node, parent) = (Arc::clone(&node.id), Arc::clone(&parent.id));
                    whole.parents.insert(node, parent);
                }
            }
            let fresh = view.nodes.into_iter().filter(|node| !node.again);
            whole.nodes.extend(fresh);
            match view.next {
                Some(next) => query.cursor = Some(next),
                None => return Ok(whole),
            }
        }
    }

    /// Its own nodes by id: what only points here is left out.
    fn by_id(&self) -> BTreeMap<&Arc<str>, &TreeNode> {
        let own = self.nodes.iter().filter(|node| is_own(node.kind));
        own.map(|node| (&node.id, node)).collect()
    }

    /// Its alerts and those that point here, each with its revision.
    fn alerts(&self) -> BTreeMap<&Arc<str>, u32> {
        let alerts = self.nodes.iter();
        alerts
            .filter_map(|node| Some((&node.id, node.alert.as_ref()?.revision)))
            .collect()
    }
}

fn is_own(kind: NodeKind) -> bool {
    match kind {
        NodeKind::Step | NodeKind::Alert | NodeKind::Trace | NodeKind::Linked => true,
        NodeKind::LinkedAlert | NodeKind::Event => false,
    }
}

fn events(node: &TreeNode) -> u64 {
    node.events.len() as u64 + node.events_left_out
}

/// What came, went and changed from `before` to `after`.
pub(super) fn difference(before: &Whole, after: &Whole) -> TreeDiff {
    let (old, new) = (before.by_id(), after.by_id());
    let mut found = TreeDiff::default();
    for (id, node) in &new {
        let Some(known) = old.get(id) else {
            found.added.push(Arc::clone(id));
            let came = events(node);
            if came > 0 {
                found.events.insert(Arc::clone(id), came);
            }
            continue;
        };
        if node.seen && !known.seen {
            found.seen.push(Arc::clone(id));
        }
        let (was, is) = (before.parents.get(*id), after.parents.get(*id));
        if was != is {
            found.moved.push(NodeMove {
                node: Arc::clone(id),
                before: was.cloned(),
                after: is.cloned(),
            });
        }
        let came = events(node).saturating_sub(events(known));
        if came > 0 {
            found.events.insert(Arc::clone(id), came);
        }
    }
    let gone = old.keys().filter(|id| !new.contains_key(*id));
    found.gone = gone.map(|id| Arc::clone(id)).collect();
    let known = before.alerts();
    let alerts = after.alerts().into_iter();
    let alerts = alerts.filter(|(id, revision)| known.get(id) != Some(revision));
    found.alerts = alerts.map(|(id, _)| Arc::clone(id)).collect();
    found
}
