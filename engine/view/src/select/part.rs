//! Which nodes a part of a tree is made of.

use larum_tree::{NodeKind, TreeNode, TreeView};

use crate::error::TreeQueryError;
use crate::query::{TreePart, TreeQuery};

/// For each node whether the part has it.
pub(super) fn select_part(full: &TreeView, query: &TreeQuery) -> Result<Vec<bool>, TreeQueryError> {
    let nodes = &full.nodes;
    let focus = find_node(nodes, &query.id).unwrap_or(0);
    let mut is_in = vec![false; nodes.len()];
    match &query.part {
        TreePart::Whole => is_in.fill(true),
        TreePart::Ancestors => mark_places(&mut is_in, iter_ancestors(nodes, focus)),
        TreePart::Descendants => {
            let depth = nodes.get(focus).map_or(0, |node| node.depth);
            let after = nodes.iter().enumerate().skip(focus + 1);
            let below = after.take_while(|(_, node)| node.depth > depth);
            mark_places(&mut is_in, below.map(|(place, _)| place));
            mark_places(&mut is_in, [focus]);
        }
        TreePart::Siblings => {
            let parent = nodes.get(focus).and_then(|node| node.parent);
            let all = nodes.iter().enumerate();
            let same = all.filter(|(_, node)| parent.is_some() && node.parent == parent);
            mark_places(&mut is_in, same.map(|(place, _)| place));
            mark_places(&mut is_in, [parent.unwrap_or(focus)]);
        }
        TreePart::PathTo(other) => {
            let end = find_node(nodes, other).ok_or_else(|| TreeQueryError::NotInTree {
                id: other.clone(),
                root: full.root.to_string(),
            })?;
            mark_places(&mut is_in, path_between(nodes, focus, end));
        }
    }
    Ok(is_in)
}

/// The node with the id, or else the one that the event with the id belongs to.
fn find_node(nodes: &[TreeNode], id: &str) -> Option<usize> {
    let same_id = nodes.iter().enumerate().filter(|(_, node)| *node.id == *id);
    // A node of the tree before what is only shown beside one.
    let named = same_id.min_by_key(|(place, node)| (kind_rank(node.kind), *place));
    let trace = || {
        let name = format!("trace:{id}");
        nodes.iter().position(|node| *node.id == *name)
    };
    let event = || {
        let mut found: Option<(usize, usize)> = None;
        for (place, node) in nodes.iter().enumerate() {
            let has = node.events.iter().any(|event| event.id.as_str() == id);
            if has && found.is_none_or(|(_, depth)| depth < node.depth) {
                found = Some((place, node.depth));
            }
        }
        found.map(|(place, _)| place)
    };
    named.map(|(place, _)| place).or_else(trace).or_else(event)
}

fn kind_rank(kind: NodeKind) -> u8 {
    match kind {
        NodeKind::Step | NodeKind::Alert | NodeKind::Trace | NodeKind::Linked => 0,
        NodeKind::LinkedAlert => 1,
        NodeKind::Event => 2,
    }
}

/// The node, its parent and so on.
pub(super) fn iter_ancestors(nodes: &[TreeNode], from: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(from), |place| nodes.get(*place)?.parent)
}

fn path_between(nodes: &[TreeNode], mut one: usize, mut two: usize) -> Vec<usize> {
    let depth = |place: usize| nodes.get(place).map_or(0, |node| node.depth);
    let mut path = vec![one, two];
    while one != two {
        let lower = if depth(one) >= depth(two) {
            &mut one
        } else {
            &mut two
        };
        let Some(above) = nodes.get(*lower).and_then(|node| node.parent) else {
            break;
        };
        *lower = above;
        path.push(above);
    }
    path
}

fn mark_places(is_in: &mut [bool], places: impl IntoIterator<Item = usize>) {
    for place in places {
        if let Some(is_in) = is_in.get_mut(place) {
            *is_in = true;
        }
    }
}
