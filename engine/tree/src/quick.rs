//! A page of a tree without a view of all of it.
//!
//! Answers what [`crate::select`] means, for questions without filter and depth: those need no look at every node.
//! The outline of the trees asked for last is kept while nothing is added to them.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use larum_event::{TenantId, limits};
use petgraph::Direction::Outgoing;
use petgraph::stable_graph::NodeIndex;

use crate::climb::Summit;
use crate::error::AskError;
use crate::gather::Viewer;
use crate::members::TreeId;
use crate::outline::{Item, Outline};
use crate::query::{TreePart, TreeQuery};
use crate::select::{Cursor, shown, shown_again};
use crate::tie::TieKind;
use crate::view::{TreeEdge, TreeView};

/// Outlines that are kept.
const KEPT: usize = 4;

/// The outlines of the trees asked for last.
#[derive(Debug, Default)]
pub(crate) struct Outlines(Mutex<VecDeque<Kept>>);

#[derive(Debug)]
struct Kept {
    tenant: TenantId,
    tree: TreeId,
    top: NodeIndex,
    changes: u64,
    outline: Arc<Outline>,
}

impl Outlines {
    /// The outline of the tree at a summit, kept or made.
    fn of(&self, viewer: Viewer<'_>, summit: &Summit) -> Option<Arc<Outline>> {
        let tree = viewer.grove.tree_of(summit.top)?;
        let changes = viewer.grove.changes;
        let is_it = |kept: &Kept| {
            (kept.tree, kept.top, kept.changes) == (tree, summit.top, changes)
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
        let outline = Arc::new(viewer.outline(summit));
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.truncate(KEPT - 1);
        kept.push_front(Kept {
            tenant: viewer.tenant.clone(),
            tree,
            top: summit.top,
            changes,
            outline: Arc::clone(&outline),
        });
        Some(outline)
    }
}

impl Viewer<'_> {
    /// The page that is asked for; nothing when that needs a look at every node.
    pub(crate) fn quick(
        self,
        query: &TreeQuery,
        focus: NodeIndex,
    ) -> Option<Result<TreeView, AskError>> {
        if !query.filter.is_empty() || query.depth.is_some() {
            return None;
        }
        let summit = self.grove.summit(focus)?;
        let outline = self.forest.outlines.of(self, &summit)?;
        let places = match query.part {
            TreePart::Whole => 0..outline.len(),
            // Of an event's nodes the deepest is meant, which the outline does not tell.
            TreePart::Descendants if self.forest.named(self.grove, &query.id) == Some(focus) => {
                outline.under(outline.place_of(focus)?)
            }
            TreePart::Descendants
            | TreePart::Ancestors
            | TreePart::Siblings
            | TreePart::PathTo(_) => return None,
        };
        Some(self.page(query, &summit, &outline, places))
    }

    fn page(
        self,
        query: &TreeQuery,
        summit: &Summit,
        outline: &Outline,
        places: Range<usize>,
    ) -> Result<TreeView, AskError> {
        let id_at = |place: usize| outline.item(place).map(|item| self.id_of(item));
        let start = match &query.cursor {
            None => 0,
            Some(text) => {
                let cursor = Cursor::read(text, query).ok_or(AskError::Cursor)?;
                let is_it = |number: usize| {
                    let id = id_at(places.start + number);
                    id.is_some_and(|id| cursor.is_after(&id))
                };
                cursor.find(places.len(), is_it).ok_or(AskError::Cursor)?
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
            let node = self.show_at(outline, *place, &number)?;
            Some(shown_again(&node))
        });
        let mut nodes: Vec<_> = again.collect();
        nodes.extend(fresh.clone().filter_map(|place| {
            let node = self.show_at(outline, place, &number)?;
            Some(shown(&node, query))
        }));
        let (counts, mut why) = outline.counts(places.clone());
        let of_whole = outline.why().iter();
        why.extend(
            of_whole
                .filter(|why| crate::select::is_of_whole(why, places.start))
                .cloned(),
        );
        let top = self.grove.node(summit.top);
        let last = fresh.clone().next_back().filter(|_| fresh.end < places.end);
        Ok(TreeView {
            root: self.grove.name_of(summit.top),
            tenant: self.tenant.clone(),
            incident: top.and_then(|top| self.grove.incident_of(top.family)),
            as_of: self.grove.reached,
            counts,
            partial: !why.is_empty(),
            why,
            edges: self.edges_of(outline, fresh.clone()),
            nodes,
            next: last.and_then(|last| {
                let reached = fresh.end - places.start;
                Some(Cursor::after(query, &id_at(last)?, reached).to_string())
            }),
        })
    }

    fn id_of(&self, item: &Item) -> Arc<str> {
        match item {
            Item::Node(node) | Item::Linked(node) => self.grove.name_of(*node),
            Item::Bare(event) => event.as_str().into(),
        }
    }

    /// The edges whose lower end is at some places, and those from there out of the tree.
    fn edges_of(self, outline: &Outline, places: Range<usize>) -> Vec<TreeEdge> {
        let items: Vec<&Item> = places.filter_map(|place| outline.item(place)).collect();
        let here: HashSet<Arc<str>> = items.iter().map(|item| self.id_of(item)).collect();
        let (mut edges, mut ties) = (Vec::new(), Vec::new());
        for item in items {
            match item {
                Item::Node(node) => {
                    let place = outline.place_of(*node);
                    if place.is_some_and(|place| outline.parent(place).is_some()) {
                        edges.extend(self.edge_up(*node));
                    }
                    self.add_ties(*node, &mut ties);
                }
                Item::Linked(alert) => {
                    let causes = self.grove.ties(*alert, TieKind::Causation, Outgoing);
                    let of_tree = causes.filter(|(cause, _)| outline.place_of(*cause).is_some());
                    ties.extend(of_tree.filter_map(|(cause, tie)| self.caused(cause, *alert, tie)));
                }
                Item::Bare(_) => {}
            }
        }
        ties.retain(|edge| {
            here.contains(&edge.to) || here.contains(&edge.from) && !self.is_in(outline, &edge.to)
        });
        crate::why::sort(&mut ties);
        edges.extend(ties);
        edges
    }

    /// Whether a tree shows something under an id.
    fn is_in(&self, outline: &Outline, id: &str) -> bool {
        let grove = self.grove;
        let node = self.forest.named(grove, id);
        node.is_some_and(|node| outline.shows(node))
    }
}
