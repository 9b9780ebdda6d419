//! Where a page goes on.
//!
//! Written as three numbers: of the question, of the node after which the page begins, and how many nodes were shown
//! until then. The last one only makes finding the node quick, and tells apart those that share an id.

use std::fmt;

use crate::members::key_hash;
use crate::query::TreeQuery;
use crate::view::TreeView;

/// The cursor of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    question: u64,
    after: u64,
    shown: usize,
}

impl Cursor {
    /// The page after the first `shown` of the nodes that a question shows, of which `last` is the last one.
    pub(crate) fn after(query: &TreeQuery, last: &str, shown: usize) -> Self {
        Self {
            question: question(query),
            after: key_hash(last),
            shown,
        }
    }

    /// `None` for what is no cursor or one of another question.
    pub(crate) fn read(text: &str, query: &TreeQuery) -> Option<Self> {
        let mut parts = text.split('.');
        let mut hex = || u64::from_str_radix(parts.next()?, 16).ok();
        let (asked, after, shown) = (hex()?, hex()?, hex()?);
        let cursor = Self {
            question: asked,
            after,
            shown: usize::try_from(shown).ok()?,
        };
        (parts.next().is_none() && asked == question(query) && shown > 0).then_some(cursor)
    }

    /// How many of the nodes that are shown come before the page.
    pub(super) fn start(self, full: &TreeView, shown: &[usize]) -> Option<usize> {
        self.find(shown.len(), |number| {
            let place = shown.get(number).copied();
            let node = place.and_then(|place| full.nodes.get(place));
            node.is_some_and(|node| self.is_after(&node.id))
        })
    }

    /// Whether the page begins after the node with an id.
    pub(crate) fn is_after(&self, id: &str) -> bool {
        key_hash(id) == self.after
    }

    /// How many of so many nodes come before the page, given which of them it begins after.
    pub(crate) fn find(&self, nodes: usize, is_it: impl Fn(usize) -> bool) -> Option<usize> {
        if self.shown <= nodes && is_it(self.shown - 1) {
            return Some(self.shown);
        }
        Some((0..nodes).find(|number| is_it(*number))? + 1)
    }
}

/// The same for all pages of one question, and for the moment as of which they are asked.
fn question(query: &TreeQuery) -> u64 {
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

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}.{:x}.{:x}", self.question, self.after, self.shown)
    }
}
