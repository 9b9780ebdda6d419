//! A page of a tree without a view of all of it.
//!
//! Answers what [`crate::select_page`] means, for questions without filter and depth: those need no look at every node.
//! The outline of the trees asked for last is kept while nothing is added to them.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use larum_event::{TenantId, limits};
use petgraph::Direction::Outgoing;
use petgraph::stable_graph::NodeIndex;

use crate::cross_edge::CrossEdgeKind;
use crate::error::TreeQueryError;
use crate::outline::{OutlineItem, TreeOutline};
use crate::query::{TreePart, TreeQuery};
use crate::select::{TreeCursor, limit_events, repeat_node};
use crate::tree_members::TreeId;
use crate::tree_root::TreeRoot;
use crate::view::{TreeEdge, TreeView};
use crate::view_builder::ViewBuilder;

/// Outlines that are kept.
const CACHED_OUTLINES: usize = 4;

/// The outlines of the trees asked for last.
#[derive(Debug, Default)]
pub(crate) struct OutlineCache(Mutex<VecDeque<CachedOutline>>);

#[derive(Debug)]
struct CachedOutline {
    tenant: TenantId,
    tree: TreeId,
    top: NodeIndex,
    change_count: u64,
    outline: Arc<TreeOutline>,
}

impl OutlineCache {
    /// The outline of the tree at a summit, kept or made.
    fn get_or_build(&self, viewer: ViewBuilder<'_>, summit: &TreeRoot) -> Option<Arc<TreeOutline>> {
        let tree = viewer.tenant_graph.tree_id_of(summit.top)?;
        let changes = viewer.tenant_graph.change_count;
        let is_it = |kept: &CachedOutline| {
            (kept.tree, kept.top, kept.change_count) == (tree, summit.top, changes)
                && kept.tenant == *viewer.tenant
        };
        let known = {
            let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.iter()
                .find(|kept| is_it(kept))
                .map(|kept| Arc::clone(&kept.outline))
        };
        if let Some(known) = known {
            return Some(known);
        }
        let outline = Arc::new(viewer.build_outline(summit));
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.truncate(CACHED_OUTLINES - 1);
        kept.push_front(CachedOutline {
            tenant: viewer.tenant.clone(),
            tree,
            top: summit.top,
            change_count: changes,
            outline: Arc::clone(&outline),
        });
        Some(outline)
    }
}

impl ViewBuilder<'_> {
    /// The page that is asked for; nothing when that needs a look at every node.
    pub(crate) fn page_from_outline(
        self,
        query: &TreeQuery,
        focus: NodeIndex,
    ) -> Option<Result<TreeView, TreeQueryError>> {
        if !query.filter.is_empty() || query.depth.is_some() {
            return None;
        }
        let summit = self.tenant_graph.find_root(focus)?;
        let outline = self.graph.outlines.get_or_build(self, &summit)?;
        let places = match query.part {
            TreePart::Whole => 0..outline.len(),
            // Of an event's nodes the deepest is meant, which the outline does not tell.
            TreePart::Descendants
                if self.graph.find_by_id(self.tenant_graph, &query.id) == Some(focus) =>
            {
                outline.subtree_range(outline.place_of_node(focus)?)
            }
            TreePart::Descendants
            | TreePart::Ancestors
            | TreePart::Siblings
            | TreePart::PathTo(_) => return None,
        };
        Some(self.build_page(query, &summit, &outline, places))
    }

    fn build_page(
        self,
        query: &TreeQuery,
        summit: &TreeRoot,
        outline: &TreeOutline,
        places: Range<usize>,
    ) -> Result<TreeView, TreeQueryError> {
        let id_at = |place: usize| outline.item(place).map(|item| self.item_id(item));
        let start = match &query.cursor {
            None => 0,
            Some(text) => {
                let cursor = TreeCursor::parse(text, query).ok_or(TreeQueryError::Cursor)?;
                let is_it = |number: usize| {
                    let id = id_at(places.start + number);
                    id.is_some_and(|id| cursor.is_after(&id))
                };
                cursor
                    .find_offset(places.len(), is_it)
                    .ok_or(TreeQueryError::Cursor)?
            }
        };
        let limit = query.limit.clamp(1, limits::TREE_PAGE_MOST);
        let first = places.start + start;
        let fresh = first..places.end.min(first.saturating_add(limit));
        let ways_up = std::iter::successors(outline.parent(first), |place| outline.parent(*place));
        let again = ways_up.take_while(|place| places.contains(place));
        let mut again: Vec<usize> = again.take(limits::ANCESTORS).collect();
        again.reverse();
        if fresh.is_empty() {
            again.clear();
        }
        let numbers = again.iter().copied().chain(fresh.clone());
        let numbers: HashMap<usize, usize> = numbers.zip(0..).collect();
        let number = |place: usize| numbers.get(&place).copied();
        let again = again.iter().filter_map(|place| {
            let node = self.build_item(outline, *place, &number)?;
            Some(repeat_node(&node))
        });
        let mut nodes: Vec<_> = again.collect();
        nodes.extend(fresh.clone().filter_map(|place| {
            let node = self.build_item(outline, place, &number)?;
            Some(limit_events(&node, query))
        }));
        let (counts, mut why) = outline.count_range(places.clone());
        let of_whole = outline.missing_parts().iter();
        why.extend(
            of_whole
                .filter(|why| crate::select::is_missing_in_part(why, places.start))
                .cloned(),
        );
        let top = self.tenant_graph.node(summit.top);
        let last = fresh.clone().next_back().filter(|_| fresh.end < places.end);
        Ok(TreeView {
            root: self.tenant_graph.node_name(summit.top),
            tenant: self.tenant.clone(),
            incident: top.and_then(|top| self.tenant_graph.incident_name(top.component)),
            as_of: self.tenant_graph.last_position,
            counts,
            partial: !why.is_empty(),
            why,
            edges: self.page_edges(outline, fresh.clone()),
            nodes,
            next: last.and_then(|last| {
                let reached = fresh.end - places.start;
                Some(TreeCursor::after_node(query, &id_at(last)?, reached).to_string())
            }),
        })
    }

    fn item_id(&self, item: &OutlineItem) -> Arc<str> {
        match item {
            OutlineItem::Node(node) | OutlineItem::LinkedAlert(node) => {
                self.tenant_graph.node_name(*node)
            }
            OutlineItem::BareEvent(event) => event.as_str().into(),
        }
    }

    /// The edges whose lower end is at some places, and those from there out of the tree.
    fn page_edges(self, outline: &TreeOutline, places: Range<usize>) -> Vec<TreeEdge> {
        let items: Vec<&OutlineItem> = places.filter_map(|place| outline.item(place)).collect();
        let here: HashSet<Arc<str>> = items.iter().map(|item| self.item_id(item)).collect();
        let (mut edges, mut ties) = (Vec::new(), Vec::new());
        for item in items {
            match item {
                OutlineItem::Node(node) => {
                    let place = outline.place_of_node(*node);
                    if place.is_some_and(|place| outline.parent(place).is_some()) {
                        edges.extend(self.parent_edge(*node));
                    }
                    self.add_cross_edges(*node, &mut ties);
                }
                OutlineItem::LinkedAlert(alert) => {
                    let causes =
                        self.tenant_graph
                            .cross_edges(*alert, CrossEdgeKind::Causation, Outgoing);
                    let of_tree =
                        causes.filter(|(cause, _)| outline.place_of_node(*cause).is_some());
                    ties.extend(
                        of_tree.filter_map(|(cause, tie)| self.causation_edge(cause, *alert, tie)),
                    );
                }
                OutlineItem::BareEvent(_) => {}
            }
        }
        ties.retain(|edge| {
            here.contains(&edge.to)
                || here.contains(&edge.from) && !self.shows_id(outline, &edge.to)
        });
        crate::edges::sort_edges(&mut ties);
        edges.extend(ties);
        edges
    }

    /// Whether a tree shows something under an id.
    fn shows_id(&self, outline: &TreeOutline, id: &str) -> bool {
        let grove = self.tenant_graph;
        let node = self.graph.find_by_id(grove, id);
        node.is_some_and(|node| outline.contains_node(node))
    }
}
