//! What is asked about trees, and the answers.

use std::sync::Arc;

use larum_event::{Position, Timestamp};
use larum_tree::{MissingPart, TreeEdge, TreeNode};
use larum_view::{TimelineEntry, TreeQueryError};
use serde::Serialize;

/// As of when something is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AsOf {
    /// As it is.
    #[default]
    Now,
    /// As it was with the record here, and nothing behind it.
    Position(Position),
    /// As it was with everything that had arrived by then.
    Time(Timestamp),
}

/// Why a question about trees has no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TreeError {
    /// No tree holds what was asked for, or held it then.
    #[error("no tree holds {id:?}")]
    NotFound {
        /// What was asked for.
        id: String,
    },
    /// The tree does not hold the other node that was asked for.
    #[error("{id:?} is not in the tree of {root:?}")]
    NotInTree {
        /// The id of that node.
        id: String,
        /// The root of the tree.
        root: String,
    },
    /// A cursor that was not given for this question, or for a tree that has changed since.
    #[error("the cursor does not belong to this question; start again without one")]
    Cursor,
    /// There are too many watchers already.
    #[error("at most {most} trees and incidents can be watched at once")]
    TooMany {
        /// The limit.
        most: usize,
    },
    /// The trees are being rebuilt; ask again.
    #[error("the trees are being rebuilt, retry shortly")]
    Rebuilding,
    /// The log or the store of trees cannot be read.
    #[error(transparent)]
    Log(#[from] Arc<larum_log::LogError>),
}

impl From<larum_log::LogError> for TreeError {
    fn from(error: larum_log::LogError) -> Self {
        Self::Log(Arc::new(error))
    }
}

impl From<TreeQueryError> for TreeError {
    fn from(error: TreeQueryError) -> Self {
        match error {
            TreeQueryError::NoTree { id } => Self::NotFound { id },
            TreeQueryError::NotInTree { id, root } => Self::NotInTree { id, root },
            TreeQueryError::Cursor => Self::Cursor,
        }
    }
}

/// What is asked of the timeline of the tree that holds an id, or of an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineQuery {
    /// The id of a node, an event, an alert or an incident.
    pub id: String,
    /// Whether repeats that follow each other are one entry.
    pub fold: bool,
    /// Most entries.
    pub limit: usize,
    /// How many to leave out first.
    pub offset: usize,
}

impl TimelineQuery {
    /// The first page of the timeline of what holds `id`.
    pub fn for_id(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            fold: false,
            limit: larum_event::limits::TREE_PAGE_DEFAULT,
            offset: 0,
        }
    }
}

/// A page of a timeline.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TimelinePage {
    /// In the order of time.
    pub entries: Vec<TimelineEntry>,
    /// Entries on all pages.
    pub total: u64,
    /// Whether something is known to be missing; `why` says what.
    pub partial: bool,
    /// What is missing.
    pub why: Vec<MissingPart>,
    /// The position of the last event in it.
    pub as_of: Position,
}

/// What a watcher of a tree or an incident receives.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum TreeDelivery {
    /// Something came or changed.
    Change(TreeUpdate),
    /// The watcher was too slow, and receives nothing more. Watching again after this position
    /// continues without a gap.
    #[serde(rename_all = "camelCase")]
    Gap {
        /// Everything up to here was delivered.
        resume: Position,
    },
}

/// What came into a tree or changed there with one event.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TreeUpdate {
    /// The event's position; the place to go on from.
    pub position: Position,
    /// The id of the tree's root as it is now; of an incident, that of its first tree.
    pub root: Arc<str>,
    /// Nodes that came or changed, as in a view, except that [`TreeNode::parent`] is empty: an edge
    /// says it.
    pub nodes: Vec<TreeNode>,
    /// Edges that came or changed: one of kind `parent`, `root`, `alias` or `causation` replaces
    /// the one that led to the same node from above.
    pub edges: Vec<TreeEdge>,
    /// Ids of nodes that are in it no more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<Arc<str>>,
}
