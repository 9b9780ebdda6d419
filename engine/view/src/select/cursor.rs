//! Where a page goes on.
//!
//! Written as three numbers: of the question, of the node after which the page begins, and how many
//! nodes were shown until then. The last one only makes finding the node quick, and tells apart
//! those that share an id.

use std::fmt;

use crate::query::TreeQuery;
use larum_tree::TreeView;
use larum_tree::key_hash;

/// The cursor of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TreeCursor {
    query_hash: u64,
    last_id_hash: u64,
    shown_count: usize,
}

impl TreeCursor {
    /// The page after the first `shown` of the nodes that a question shows, of which `last` is the
    /// last one.
    pub(crate) fn after_node(query: &TreeQuery, last: &str, shown: usize) -> Self {
        Self {
            query_hash: hash_query(query),
            last_id_hash: key_hash(last),
            shown_count: shown,
        }
    }

    /// `None` for what is no cursor or one of another question.
    pub(crate) fn parse(text: &str, query: &TreeQuery) -> Option<Self> {
        let mut parts = text.split('.');
        let mut hex = || u64::from_str_radix(parts.next()?, 16).ok();
        let (asked, after, shown) = (hex()?, hex()?, hex()?);
        let cursor = Self {
            query_hash: asked,
            last_id_hash: after,
            shown_count: usize::try_from(shown).ok()?,
        };
        (parts.next().is_none() && asked == hash_query(query) && shown > 0).then_some(cursor)
    }

    /// How many of the nodes that are shown come before the page.
    pub(super) fn find_start(self, full: &TreeView, shown: &[usize]) -> Option<usize> {
        self.find_offset(shown.len(), |number| {
            let place = shown.get(number).copied();
            let node = place.and_then(|place| full.nodes.get(place));
            node.is_some_and(|node| self.is_after(&node.id))
        })
    }

    /// Whether the page begins after the node with an id.
    pub(crate) fn is_after(&self, id: &str) -> bool {
        key_hash(id) == self.last_id_hash
    }

    /// How many of so many nodes come before the page, given which of them it begins after.
    pub(crate) fn find_offset(&self, nodes: usize, is_it: impl Fn(usize) -> bool) -> Option<usize> {
        if self.shown_count <= nodes && is_it(self.shown_count - 1) {
            return Some(self.shown_count);
        }
        Some((0..nodes).find(|number| is_it(*number))? + 1)
    }
}

/// The same for all pages of one question, and for the moment as of which they are asked.
fn hash_query(query: &TreeQuery) -> u64 {
    let TreeQuery {
        id,
        part,
        depth,
        filter,
        fold: _,
        as_of: _,
        limit: _,
        events_per_node: _,
        cursor: _,
    } = query;
    key_hash(&format!("{id:?} {part:?} {depth:?} {filter:?}"))
}

impl fmt::Display for TreeCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:x}.{:x}.{:x}",
            self.query_hash, self.last_id_hash, self.shown_count
        )
    }
}
