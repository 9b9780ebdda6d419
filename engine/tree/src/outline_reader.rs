//! One tree, node by node, without a view of all of it.
//!
//! Owns the outlines of the trees asked for last, so that the next page of a tree costs what the
//! page holds. Which places make a page, and what a cursor means, is left to the reader of the
//! outline.
//! Invariant: a cached outline is used only while its tenant's graph is unchanged (`change_count`),
//! so a page never mixes two states of a tree.

use std::collections::{HashSet, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use larum_event::TenantId;
use petgraph::Direction::Outgoing;
use petgraph::stable_graph::NodeIndex;

use crate::cross_edge::CrossEdgeKind;
use crate::outline::{OutlineItem, TreeOutline};
use crate::tenant_graph::TreeRoot;
use crate::tree_members::TreeId;
use crate::view::{MissingPart, TreeCounts, TreeEdge, TreeNode, TreeView};
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
    /// The outline of the tree below a root, kept or built.
    pub(crate) fn get_or_build(
        &self,
        viewer: ViewBuilder<'_>,
        root: &TreeRoot,
    ) -> Option<Arc<TreeOutline>> {
        let tree = viewer.tenant_graph.tree_id_of(root.top)?;
        let changes = viewer.tenant_graph.change_count();
        let is_it = |cached: &CachedOutline| {
            (cached.tree, cached.top, cached.change_count) == (tree, root.top, changes)
                && cached.tenant == *viewer.tenant
        };
        let known = {
            let cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            cached
                .iter()
                .find(|cached| is_it(cached))
                .map(|cached| Arc::clone(&cached.outline))
        };
        if let Some(known) = known {
            return Some(known);
        }
        // Build without the lock: a large tree takes long, and other readers need not wait for it.
        let outline = Arc::new(viewer.build_outline(root));
        let mut cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cached.truncate(CACHED_OUTLINES - 1);
        cached.push_front(CachedOutline {
            tenant: viewer.tenant.clone(),
            tree,
            top: root.top,
            change_count: changes,
            outline: Arc::clone(&outline),
        });
        Some(outline)
    }
}

/// The nodes of one tree by their place in reading order: parents before children, siblings by
/// first time and id.
pub struct OutlineReader<'a> {
    viewer: ViewBuilder<'a>,
    top: NodeIndex,
    /// The node that the id it was opened by means.
    focus: NodeIndex,
    outline: Arc<TreeOutline>,
}

impl<'a> OutlineReader<'a> {
    pub(crate) fn new(
        viewer: ViewBuilder<'a>,
        top: NodeIndex,
        focus: NodeIndex,
        outline: Arc<TreeOutline>,
    ) -> Self {
        Self {
            viewer,
            top,
            focus,
            outline,
        }
    }

    /// How many places there are, those beside the tree's own nodes included.
    #[expect(clippy::len_without_is_empty, reason = "a tree has at least its root")]
    pub fn len(&self) -> usize {
        self.outline.len()
    }

    /// The place of the parent.
    pub fn parent(&self, place: usize) -> Option<usize> {
        self.outline.parent(place)
    }

    /// The place of the node that has an id as its own, and the places below it. `None` unless that
    /// is the node by which the outline was opened: an event's id, for one, is no node's own.
    pub fn subtree_of_node(&self, id: &str) -> Option<Range<usize>> {
        let node = self
            .viewer
            .find_by_id(id)
            .filter(|node| *node == self.focus)?;
        Some(
            self.outline
                .subtree_range(self.outline.place_of_node(node)?),
        )
    }

    /// The id of what is at a place.
    pub fn id_at(&self, place: usize) -> Option<Arc<str>> {
        self.outline.item(place).map(|item| self.item_id(item))
    }

    /// What is at a place, as it is shown; `number` says which node of the answer a place is.
    pub fn build_node(
        &self,
        place: usize,
        number: &dyn Fn(usize) -> Option<usize>,
    ) -> Option<TreeNode> {
        self.viewer.build_item(&self.outline, place, number)
    }

    /// How much there is at some places, and what the nodes there lack.
    pub fn count_range(&self, places: Range<usize>) -> (TreeCounts, Vec<MissingPart>) {
        self.outline.count_range(places)
    }

    /// What the whole tree lacks that no single node does.
    pub fn missing_parts(&self) -> &[MissingPart] {
        self.outline.missing_parts()
    }

    /// The view of this tree without its nodes, edges and counts.
    pub fn empty_view(&self) -> TreeView {
        self.viewer.empty_view(self.top)
    }

    /// The edges whose lower end is at some places, and those from there out of the tree.
    pub fn build_edges(&self, places: Range<usize>) -> Vec<TreeEdge> {
        let (viewer, outline) = (self.viewer, &self.outline);
        let items: Vec<&OutlineItem> = places.filter_map(|place| outline.item(place)).collect();
        let here: HashSet<Arc<str>> = items.iter().map(|item| self.item_id(item)).collect();
        let (mut edges, mut cross_edges) = (Vec::new(), Vec::new());
        for item in items {
            match item {
                OutlineItem::Node(node) => {
                    let place = outline.place_of_node(*node);
                    if place.is_some_and(|place| outline.parent(place).is_some()) {
                        edges.extend(viewer.parent_edge(*node));
                    }
                    viewer.add_cross_edges(*node, &mut cross_edges);
                }
                // Its own tree shows the other edges of an alert that is only shown beside this
                // one.
                OutlineItem::LinkedAlert(alert) => {
                    let causes = viewer.tenant_graph.nodes().cross_edges(
                        *alert,
                        CrossEdgeKind::Causation,
                        Outgoing,
                    );
                    let of_tree =
                        causes.filter(|(cause, _)| outline.place_of_node(*cause).is_some());
                    cross_edges
                        .extend(of_tree.filter_map(|(cause, edge)| {
                            viewer.causation_edge(cause, *alert, edge)
                        }));
                }
                OutlineItem::BareEvent(_) => {}
            }
        }
        cross_edges.retain(|edge| {
            here.contains(&edge.to) || here.contains(&edge.from) && !self.shows_id(&edge.to)
        });
        crate::edges::sort_edges(&mut cross_edges);
        edges.extend(cross_edges);
        edges
    }

    fn item_id(&self, item: &OutlineItem) -> Arc<str> {
        match item {
            OutlineItem::Node(node) | OutlineItem::LinkedAlert(node) => {
                self.viewer.tenant_graph.nodes().name(*node)
            }
            OutlineItem::BareEvent(event) => event.as_str().into(),
        }
    }

    /// Whether the tree shows something under an id.
    fn shows_id(&self, id: &str) -> bool {
        let node = self.viewer.find_by_id(id);
        node.is_some_and(|node| self.outline.contains_node(node))
    }
}
