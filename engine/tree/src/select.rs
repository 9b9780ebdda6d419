//! A page of a tree: the part that was asked for, of that what was wanted, of that as much as a page holds.
//!
//! The meaning of [`TreeQuery`] stands here, as functions over a view of the whole tree; a faster way must answer
//! the same. Works through every node once, whatever the page holds.

mod cursor;
mod page;
mod part;
mod wanted;

use crate::error::AskError;
use crate::query::TreeQuery;
use crate::view::{Counts, NodeKind, Partial, TreeNode, TreeView};

#[cfg(test)]
pub(crate) use page::folds;

pub(crate) use cursor::Cursor;
pub(crate) use page::{shown, shown_again};

/// What of a whole tree was asked for, in reading order.
struct Selection {
    /// The place of each node that is shown, on this page or another.
    shown: Vec<usize>,
    counts: Counts,
    why: Vec<Partial>,
}

/// The answer to `query` out of `full`, the whole tree that holds [`TreeQuery::id`], with all its events and edges
/// and nothing folded. [`TreeQuery::as_of`] is the caller's part: `full` is the tree as it was then.
///
/// - The id may be that of a node or an event. Of the nodes that an event hangs on, the deepest is meant. An id that
///   is neither, such as an entity's, means the root.
/// - A filter wants a node when the stage and tags are the node's and one of its events, or the alert that it is, is
///   bad enough, of one of the sources and within the times, all at once.
/// - Counts are of the nodes that the filter wants; those that only lead to them are shown and not counted. Of a
///   part, [`Counts::depth`] is from its first node down.
/// - What was not asked for is not missing: `partial` is about what was.
/// - A later page first shows the nodes above its first one again, without their events; of those at most
///   [`larum_event::limits::ANCESTORS`]. They are not counted by [`TreeQuery::limit`].
/// - An edge comes with the page of its lower end. One that leads out of the tree comes with its end in the tree.
/// - A cursor says after which node the page begins, so a tree may grow between two pages. Of what grew before that
///   node, later pages show nothing; who wants pages of one moment asks for them as of the first one's.
///
/// # Errors
/// The other end of a path is not in the tree. The cursor is of another question, or its node is gone.
pub fn select(full: &TreeView, query: &TreeQuery) -> Result<TreeView, AskError> {
    let selection = selection(full, query)?;
    let cursor = match &query.cursor {
        Some(text) => Some(Cursor::read(text, query).ok_or(AskError::Cursor)?),
        None => None,
    };
    let start = match cursor {
        Some(cursor) => cursor
            .start(full, &selection.shown)
            .ok_or(AskError::Cursor)?,
        None => 0,
    };
    Ok(page::page(full, query, selection, start))
}

fn selection(full: &TreeView, query: &TreeQuery) -> Result<Selection, AskError> {
    let nodes = &full.nodes;
    let mut is_in = part::part(full, query)?;
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
        *wanted = *is_in && wanted::is_wanted(node, &query.filter);
    }
    let mut is_shown = wanted.clone();
    // Children come behind parents.
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
    let (mut counts, mut why) = tally(counted.map(|(node, _)| node));
    let shown: Vec<_> = places(&is_shown).collect();
    let steps = shown.iter().filter_map(|place| nodes.get(*place));
    let steps = steps.filter(|node| node.is_of_tree());
    counts.depth = steps
        .map(|node| (node.depth - top_depth + 1) as u64)
        .max()
        .unwrap_or_default();
    why.extend(full.why.iter().filter(|why| is_of_whole(why, top)).cloned());
    Ok(Selection { shown, counts, why })
}

fn places(flags: &[bool]) -> impl Iterator<Item = usize> {
    let flags = flags.iter().enumerate();
    flags.filter(|(_, flag)| **flag).map(|(place, _)| place)
}

/// Whether what the whole tree lacks, the part lacks too. What nodes lack is counted anew.
pub(crate) fn is_of_whole(why: &Partial, top: usize) -> bool {
    match why {
        Partial::StepsNotSeen { .. } | Partial::EventsLeftOut { .. } => false,
        Partial::CircleCut { .. } => top == 0,
        Partial::EventsRefused { .. } | Partial::EventsGone { .. } | Partial::TooLarge { .. } => {
            true
        }
    }
}

/// How much there is of what in some nodes of a whole tree, and what they lack.
fn tally<'a>(nodes: impl Iterator<Item = &'a TreeNode>) -> (Counts, Vec<Partial>) {
    let mut counts = Counts::default();
    let (mut unseen, mut left_out) = (0, 0);
    for node in nodes.filter(|node| node.is_of_tree()) {
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
        // A root is often but a name that the steps share; a parent should have spoken.
        unseen += u64::from(!node.seen && node.parent.is_some());
    }
    let mut why = Vec::new();
    if unseen > 0 {
        why.push(Partial::StepsNotSeen { count: unseen });
    }
    if left_out > 0 {
        why.push(Partial::EventsLeftOut { count: left_out });
    }
    (counts, why)
}

impl TreeNode {
    /// Whether it is a node of the tree and not only shown beside one.
    fn is_of_tree(&self) -> bool {
        match self.kind {
            NodeKind::Step | NodeKind::Alert | NodeKind::Trace | NodeKind::Linked => true,
            NodeKind::LinkedAlert | NodeKind::Event => false,
        }
    }
}

#[cfg(test)]
mod tests;
