//! The nodes and edges of one page.
//!
//! Owns what a page repeats and cuts; which nodes are asked for is decided elsewhere.
//! Invariant: parents and causes are numbered by their place on the page, so a page can be read
//! without the others.

use std::collections::{BTreeMap, HashMap, HashSet};

use larum_event::limits;
use larum_tree::{EventFold, TreeEdge, TreeEvent, TreeView};

use super::cursor::TreeCursor;
use super::part::iter_ancestors;
use super::{TreeNode, TreeSelection};
use crate::query::TreeQuery;

/// The page that begins with the node that is `start`th among those that are shown.
pub(super) fn build_page(
    full: &TreeView,
    query: &TreeQuery,
    selection: TreeSelection,
    start: usize,
) -> TreeView {
    let limit = query.limit.clamp(1, limits::TREE_PAGE_MOST);
    let rest = selection.shown_places.get(start..).unwrap_or_default();
    let fresh = rest.get(..limit).unwrap_or(rest);
    let again = repeated_ancestors(full, fresh, &selection.shown_places);
    // Number the page before copying nodes: parents and causes are named by their number on it.
    let places = again.iter().chain(fresh).copied();
    let numbers: HashMap<usize, usize> = places.zip(0..).collect();
    let mut nodes = Vec::with_capacity(numbers.len());
    for place in again.iter().chain(fresh) {
        let Some(node) = full.nodes.get(*place) else {
            continue;
        };
        let mut node = if nodes.len() < again.len() {
            repeat_node(node)
        } else {
            limit_events(node, query)
        };
        node.parent = node.parent.and_then(|parent| numbers.get(&parent).copied());
        for cause in node.alert.iter_mut().flat_map(|alert| &mut alert.causes) {
            cause.node = cause.node.and_then(|place| numbers.get(&place).copied());
        }
        nodes.push(node);
    }
    let reached = start + fresh.len();
    let last = fresh.last().and_then(|place| full.nodes.get(*place));
    let next = last.filter(|_| reached < selection.shown_places.len());
    TreeView {
        root: full.root.clone(),
        tenant: full.tenant.clone(),
        incident: full.incident.clone(),
        as_of: full.as_of,
        counts: selection.counts,
        partial: !selection.missing.is_empty(),
        why: selection.missing,
        edges: page_edges(full, fresh),
        nodes,
        next: next.map(|last| TreeCursor::after_node(query, &last.id, reached).to_string()),
    }
}

/// The nodes above a page's first one that are on pages before, topmost first.
fn repeated_ancestors(full: &TreeView, fresh: &[usize], shown: &[usize]) -> Vec<usize> {
    let Some(first) = fresh.first() else {
        return Vec::new();
    };
    let mut ancestors: Vec<_> = iter_ancestors(&full.nodes, *first)
        .skip(1)
        .take_while(|place| shown.binary_search(place).is_ok())
        .take(limits::ANCESTORS)
        .collect();
    ancestors.reverse();
    ancestors
}

pub(crate) fn repeat_node(node: &TreeNode) -> TreeNode {
    TreeNode {
        again: true,
        events: Vec::new(),
        folds: Vec::new(),
        events_left_out: 0,
        ..copy_without_events(node)
    }
}

pub(crate) fn limit_events(node: &TreeNode, query: &TreeQuery) -> TreeNode {
    let most = query.events_per_node.min(limits::EVENTS_PER_NODE);
    let mut shown = copy_without_events(node);
    shown.folds.clone_from(&node.folds);
    if query.fold {
        shown.folds.extend(fold_events(&node.events));
        let beyond = shown.folds.drain(most.min(shown.folds.len())..);
        shown.events_left_out += beyond.map(|fold| fold.count).sum::<u64>();
    } else {
        let listed = node.events.get(..most).unwrap_or(&node.events);
        shown.events = listed.to_vec();
        shown.events_left_out += (node.events.len() - listed.len()) as u64;
    }
    shown
}

/// The node, but without a copy of its events, which may be many.
fn copy_without_events(node: &TreeNode) -> TreeNode {
    TreeNode {
        id: node.id.clone(),
        kind: node.kind,
        link: node.link.clone(),
        label: node.label.clone(),
        parent: node.parent,
        depth: node.depth,
        seen: node.seen,
        begun: node.begun,
        again: false,
        first: node.first,
        last: node.last,
        stage: node.stage.clone(),
        tags: node.tags.clone(),
        kept: node.kept.clone(),
        events: Vec::new(),
        folds: Vec::new(),
        events_left_out: node.events_left_out,
        children: node.children,
        alert: node.alert.clone(),
    }
}

/// Repeats by type, source and severity, those that began first first.
pub(crate) fn fold_events(events: &[TreeEvent]) -> Vec<EventFold> {
    let mut folds: BTreeMap<_, EventFold> = BTreeMap::new();
    for event in events {
        let key = (&event.event_type, &event.source, event.severity);
        let fold = folds.entry(key).or_insert_with(|| EventFold {
            event_type: event.event_type.clone(),
            source: event.source.clone(),
            severity: event.severity,
            count: 0,
            first: event.time,
            last: event.time,
            example: event.id.clone(),
        });
        fold.count += 1;
        if event.time < fold.first {
            fold.first = event.time;
            fold.example = event.id.clone();
        }
        fold.last = fold.last.max(event.time);
    }
    let mut folds: Vec<_> = folds.into_values().collect();
    folds.sort_by_key(|fold| fold.first);
    folds
}

/// The edges whose lower end is here, and those from here out of the tree.
fn page_edges(full: &TreeView, fresh: &[usize]) -> Vec<TreeEdge> {
    let fresh_nodes = fresh.iter().filter_map(|place| full.nodes.get(*place));
    let here: HashSet<&str> = fresh_nodes.map(|node| &*node.id).collect();
    let all: HashSet<&str> = full.nodes.iter().map(|node| &*node.id).collect();
    let edges = full.edges.iter().filter(|edge| {
        here.contains(&*edge.to) || here.contains(&*edge.from) && !all.contains(&*edge.to)
    });
    edges.cloned().collect()
}
