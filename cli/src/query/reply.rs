//! Replies to queries about trees and incidents.

use larum_event::Position;

/// The reply to a query.
pub enum QueryReply {
    /// An answer.
    Found(QueryAnswer),
    /// Nothing has that id.
    Missing(MissingTarget),
}

/// An answer, as it is shown.
#[derive(Debug, Default)]
pub struct QueryAnswer {
    /// What is shown, without the line feed at its end.
    pub body: String,
    /// Where the next page begins; `None` at the end.
    pub next: Option<String>,
    /// How much there is on all pages, where the answer says so.
    pub total: Option<u64>,
    /// The position of the log that the answer is as of.
    pub as_of: Option<Position>,
}

/// Why there is nothing to show.
#[derive(Debug)]
pub struct MissingTarget {
    /// What is missing.
    pub what: MissingKind,
    /// A sentence about it.
    pub message: String,
}

/// What is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingKind {
    /// No tree, or no incident, is known by that id.
    UnknownId,
    /// The other end of a path.
    PathEnd,
}

impl QueryAnswer {
    /// All of it, on one page.
    pub fn single_page(body: &str) -> Self {
        Self {
            body: body.trim_end().to_owned(),
            ..Self::default()
        }
    }
}
