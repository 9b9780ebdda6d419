//! The answer to a question about a tree of a graph.
//!
//! Owns the choice between two ways to one answer: out of the whole view, as [`crate::select_page`]
//! defines it, or, where a question needs no look at every node, out of the tree's outline. What a
//! tree is made of and how its nodes are ordered is left to the graph.
//! Invariant: both ways give equal pages, with equal cursors, so that a reader never sees which one
//! was taken; a property test compares them.

use std::collections::HashMap;
use std::ops::Range;

use larum_event::{TenantId, limits};
use larum_tree::{CorrelationGraph, OutlineReader, TreeView};

use crate::error::TreeQueryError;
use crate::query::{TreePart, TreeQuery};
use crate::select::{TreeCursor, is_missing_in_part, limit_events, repeat_node, select_page};

/// What is asked of the tree that holds [`TreeQuery::id`]. [`TreeQuery::as_of`] is the caller's
/// part: a graph knows trees as they are.
///
/// # Errors
/// There is no such tree, the other end of a path is in another one, or the cursor is another
/// question's.
pub fn query_tree(
    graph: &CorrelationGraph,
    tenant: &TenantId,
    query: &TreeQuery,
) -> Result<TreeView, TreeQueryError> {
    if let Some(page) = page_from_outline(graph, tenant, query) {
        return page;
    }
    let whole = graph.find_tree(tenant, &query.id);
    let no_tree = || TreeQueryError::NoTree {
        id: query.id.clone(),
    };
    select_page(&whole.ok_or_else(no_tree)?, query)
}

/// The page out of the tree's outline; `None` when the question needs a look at every node.
fn page_from_outline(
    graph: &CorrelationGraph,
    tenant: &TenantId,
    query: &TreeQuery,
) -> Option<Result<TreeView, TreeQueryError>> {
    if !query.filter.is_empty() || query.depth.is_some() {
        return None;
    }
    match query.part {
        TreePart::Whole => {
            let outline = graph.open_outline(tenant, &query.id)?;
            let places = 0..outline.len();
            Some(build_page(&outline, query, places))
        }
        // Of an event's nodes the deepest is meant, which the outline does not know.
        TreePart::Descendants => {
            let outline = graph.open_outline(tenant, &query.id)?;
            let places = outline.subtree_of_node(&query.id)?;
            Some(build_page(&outline, query, places))
        }
        TreePart::Ancestors | TreePart::Siblings | TreePart::PathTo(_) => None,
    }
}

fn build_page(
    outline: &OutlineReader<'_>,
    query: &TreeQuery,
    places: Range<usize>,
) -> Result<TreeView, TreeQueryError> {
    let start = find_start(outline, query, &places)?;
    let limit = query.limit.clamp(1, limits::TREE_PAGE_MOST);
    let first = places.start + start;
    let fresh = first..places.end.min(first.saturating_add(limit));
    let again = repeated_ancestors(outline, &places, &fresh);
    // Number the repeated nodes before the new ones: the page shows them in this order, and parents
    // are named by their number on the page.
    let shown = again.iter().copied().chain(fresh.clone());
    let numbers: HashMap<usize, usize> = shown.zip(0..).collect();
    let number = |place: usize| numbers.get(&place).copied();
    let mut nodes = Vec::with_capacity(numbers.len());
    for place in again {
        nodes.extend(outline.build_node(place, &number).as_ref().map(repeat_node));
    }
    for place in fresh.clone() {
        let node = outline.build_node(place, &number);
        nodes.extend(node.map(|node| limit_events(&node, query)));
    }
    let (counts, mut why) = outline.count_range(places.clone());
    let of_whole = outline.missing_parts().iter();
    why.extend(
        of_whole
            .filter(|why| is_missing_in_part(why, places.start))
            .cloned(),
    );
    let last = fresh.clone().next_back().filter(|_| fresh.end < places.end);
    Ok(TreeView {
        counts,
        partial: !why.is_empty(),
        why,
        edges: outline.build_edges(fresh.clone()),
        nodes,
        next: last.and_then(|last| {
            let reached = fresh.end - places.start;
            Some(TreeCursor::after_node(query, &outline.id_at(last)?, reached).to_string())
        }),
        ..outline.empty_view()
    })
}

/// How many of the places come before the page that is asked for.
fn find_start(
    outline: &OutlineReader<'_>,
    query: &TreeQuery,
    places: &Range<usize>,
) -> Result<usize, TreeQueryError> {
    let Some(text) = &query.cursor else {
        return Ok(0);
    };
    let cursor = TreeCursor::parse(text, query).ok_or(TreeQueryError::Cursor)?;
    let is_last = |number: usize| {
        let id = outline.id_at(places.start + number);
        id.is_some_and(|id| cursor.is_after(&id))
    };
    cursor
        .find_offset(places.len(), is_last)
        .ok_or(TreeQueryError::Cursor)
}

/// The places above a page's first one that are on pages before, topmost first.
fn repeated_ancestors(
    outline: &OutlineReader<'_>,
    places: &Range<usize>,
    fresh: &Range<usize>,
) -> Vec<usize> {
    if fresh.is_empty() {
        return Vec::new();
    }
    let up = std::iter::successors(outline.parent(fresh.start), |place| outline.parent(*place));
    let mut ancestors: Vec<usize> = up
        .take_while(|place| places.contains(place))
        .take(limits::ANCESTORS)
        .collect();
    ancestors.reverse();
    ancestors
}
