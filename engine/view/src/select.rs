//! A page of a tree: the requested part, of that the nodes that pass the filter, of those one page.
//!
//! Owns the meaning of [`TreeQuery`], as functions over a view of the whole tree. A faster way must
//! give the same answer; finding the tree is the graph's job. Visits every node once, whatever the
//! page holds.
//! Invariant: the pages of one query show every node that it selects once, however small they are;
//! repeated nodes are marked.

mod cursor;
mod filter;
mod page;
mod part;

use larum_tree::{MissingPart, NodeKind, TreeCounts, TreeNode, TreeView};

use crate::error::TreeQueryError;
use crate::query::TreeQuery;

#[cfg(test)]
pub(crate) use page::fold_events;

pub(crate) use cursor::TreeCursor;
pub(crate) use page::{limit_events, repeat_node};

/// The selected part of a whole tree, in reading order.
struct TreeSelection {
    /// The place of each node that is shown, on this page or another.
    shown_places: Vec<usize>,
    counts: TreeCounts,
    missing: Vec<MissingPart>,
}

/// The answer to `query` from `full`, the whole tree that holds [`TreeQuery::id`], with all its
/// events and edges and nothing folded. The caller applies [`TreeQuery::as_of`]: `full` is the tree
/// as it was then.
///
/// - The id may be that of a node or an event. If an event belongs to several nodes, the deepest is
///   meant. Any other id, such as an entity's, means the root.
/// - A node passes the filter if it has the stage and tags, and if one of its events, or the alert
///   that it is, has the severity, the source and the time, all at once.
/// - Counts cover the nodes that pass the filter; those that only lead to them are shown and not
///   counted. In a part, [`TreeCounts::depth`] counts from its first node down.
/// - `partial` covers only what the query selects; what it leaves out is not missing.
/// - A later page first shows the nodes above its first one again, without their events; of those
///   at most [`larum_event::limits::ANCESTORS`]. They are not counted by [`TreeQuery::limit`].
/// - An edge is on the page of its lower end. An edge that leads out of the tree is on the page of
///   its end in the tree.
/// - A cursor names the node after which the page begins, so a tree may grow between two pages.
///   Nodes added before that node do not appear on later pages; to get pages of one moment, ask for
///   all of them as of the first one's position.
///
/// # Errors
/// The other end of a path is not in the tree; the cursor belongs to another query; its node is
/// gone.
pub fn select_page(full: &TreeView, query: &TreeQuery) -> Result<TreeView, TreeQueryError> {
    let selection = select_nodes(full, query)?;
    let cursor = match &query.cursor {
        Some(text) => Some(TreeCursor::parse(text, query).ok_or(TreeQueryError::Cursor)?),
        None => None,
    };
    let start = match cursor {
        Some(cursor) => cursor
            .find_start(full, &selection.shown_places)
            .ok_or(TreeQueryError::Cursor)?,
        None => 0,
    };
    Ok(page::build_page(full, query, selection, start))
}

fn select_nodes(full: &TreeView, query: &TreeQuery) -> Result<TreeSelection, TreeQueryError> {
    let nodes = &full.nodes;
    let mut is_in = part::select_part(full, query)?;
    let top = is_in.iter().position(|is_in| *is_in).unwrap_or(0);
    let top_depth = nodes.get(top).map_or(0, |node| node.depth);
    let deepest = query
        .depth
        .map_or(usize::MAX, |depth| top_depth.saturating_add(depth as usize));
    let mut wanted = vec![false; nodes.len()];
    for (place, node) in nodes.iter().enumerate() {
        let (Some(is_in), Some(wanted)) = (is_in.get_mut(place), wanted.get_mut(place)) else {
            continue;
        };
        *is_in &= node.depth <= deepest;
        *wanted = *is_in && filter::matches_filter(node, &query.filter);
    }
    // Mark ancestors after all nodes are judged: a parent comes before the children that need it.
    let mut is_shown = wanted.clone();
    // A child's place is always after its parent's.
    for (place, node) in nodes.iter().enumerate().rev() {
        let shows = is_shown.get(place).copied().unwrap_or(false);
        let above = node.parent.filter(|_| shows && place != top);
        if let Some(above) = above
            && is_in.get(above).copied().unwrap_or(false)
            && let Some(above) = is_shown.get_mut(above)
        {
            *above = true;
        }
    }
    let counted = nodes.iter().zip(&wanted).filter(|(_, wanted)| **wanted);
    let (mut counts, mut why) = count_nodes(counted.map(|(node, _)| node));
    let shown: Vec<_> = marked_places(&is_shown).collect();
    let shown_nodes = shown.iter().filter_map(|place| nodes.get(*place));
    counts.depth = shown_nodes
        .filter(|node| is_tree_member(node))
        .map(|node| (node.depth - top_depth + 1) as u64)
        .max()
        .unwrap_or_default();
    why.extend(
        full.why
            .iter()
            .filter(|why| is_missing_in_part(why, top))
            .cloned(),
    );
    Ok(TreeSelection {
        shown_places: shown,
        counts,
        missing: why,
    })
}

fn marked_places(flags: &[bool]) -> impl Iterator<Item = usize> {
    let flags = flags.iter().enumerate();
    flags.filter(|(_, flag)| **flag).map(|(place, _)| place)
}

/// Whether a part lacks this too if the whole tree does. What nodes lack is counted again.
pub(crate) fn is_missing_in_part(why: &MissingPart, top: usize) -> bool {
    match why {
        MissingPart::StepsNotSeen { .. } | MissingPart::EventsLeftOut { .. } => false,
        MissingPart::CircleCut { .. } => top == 0,
        MissingPart::EventsRefused { .. }
        | MissingPart::EventsGone { .. }
        | MissingPart::TooLarge { .. } => true,
    }
}

/// Counts what some nodes of a whole tree hold, and what they lack.
fn count_nodes<'a>(nodes: impl Iterator<Item = &'a TreeNode>) -> (TreeCounts, Vec<MissingPart>) {
    let mut counts = TreeCounts::default();
    let (mut unseen, mut left_out) = (0, 0);
    for node in nodes.filter(|node| is_tree_member(node)) {
        match node.kind {
            NodeKind::Alert => counts.alerts += 1,
            NodeKind::Step
            | NodeKind::Trace
            | NodeKind::Linked
            | NodeKind::LinkedAlert
            | NodeKind::Event => counts.steps += 1,
        }
        counts.events += node.event_count();
        left_out += node.events_left_out;
        // A root is often just a name that the steps share, but a parent should have events of its
        // own.
        unseen += u64::from(!node.seen && node.parent.is_some());
    }
    let mut why = Vec::new();
    if unseen > 0 {
        why.push(MissingPart::StepsNotSeen { count: unseen });
    }
    if left_out > 0 {
        why.push(MissingPart::EventsLeftOut { count: left_out });
    }
    (counts, why)
}

/// Whether it is a node of the tree, not one that is only shown next to it.
fn is_tree_member(node: &TreeNode) -> bool {
    match node.kind {
        NodeKind::Step | NodeKind::Alert | NodeKind::Trace | NodeKind::Linked => true,
        NodeKind::LinkedAlert | NodeKind::Event => false,
    }
}

#[cfg(test)]
mod tests;
