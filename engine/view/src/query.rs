//! What may be asked of a tree, and two of the answers: timelines and differences.
//!
//! Owns the types alone; what a question means is said at [`crate::select_page`], how it is written
//! on the wire belongs to the doors.
//! Invariant: the `Debug` texts of id, part, depth and filter never change: cursors are tied to
//! them, and those that readers hold would stop working.

use std::collections::BTreeMap;
use std::sync::Arc;

use larum_event::{Position, Severity, Timestamp, limits};
use serde::Serialize;

/// A question about the tree that holds an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeQuery {
    /// The id of a node, an event or an alert; a W3C trace id; or `kind:value` of an entity, such
    /// as `user:eve`.
    pub id: String,
    /// Which part of the tree.
    pub part: TreePart,
    /// Most levels below the first node of that part; `None` for all of them.
    pub depth: Option<u32>,
    /// Which nodes. Those above a node that is wanted stay, so that it has its way up.
    pub filter: NodeFilter,
    /// Whether repeats among the events of a node are folded.
    pub fold: bool,
    /// As it was with the event here; `None` for now.
    pub as_of: Option<Position>,
    /// Most nodes on the page, at most [`limits::TREE_PAGE_MOST`].
    pub limit: usize,
    /// Most events listed per node; the others are counted.
    pub events_per_node: usize,
    /// [`TreeView::next`](larum_tree::TreeView::next) of the page before.
    pub cursor: Option<String>,
}

/// Which trees, by who or what they are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeListQuery {
    /// Entities, kind and value. Trees are found by one.
    pub entities: Vec<(String, String)>,
    /// Most trees.
    pub limit: usize,
}

impl Default for TreeListQuery {
    fn default() -> Self {
        Self {
            entities: Vec::new(),
            limit: limits::PAGE_DEFAULT,
        }
    }
}

/// Which part of a tree.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum TreePart {
    /// All of it, from its root.
    #[default]
    Whole,
    /// From the root down to the node, nothing beside.
    Ancestors,
    /// The node and what is under it.
    Descendants,
    /// The node's parent and all nodes directly under that.
    Siblings,
    /// The way from the node to another of the same tree, over the node above both.
    PathTo(String),
}

/// Which nodes are wanted; everything that is given must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NodeFilter {
    /// One of these stages.
    pub stages: Vec<String>,
    /// All of these tags.
    pub tags: BTreeMap<String, String>,
    /// An event or alert at least this bad.
    pub severity: Option<Severity>,
    /// An event of one of these sources.
    pub sources: Vec<String>,
    /// An event or alert not before this.
    pub from: Option<Timestamp>,
    /// An event or alert not after this.
    pub to: Option<Timestamp>,
}

impl TreeQuery {
    /// The whole tree that holds `id`, as it is now, from its first page.
    pub fn whole_tree(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            part: TreePart::Whole,
            depth: None,
            filter: NodeFilter::default(),
            fold: false,
            as_of: None,
            limit: limits::TREE_PAGE_DEFAULT,
            events_per_node: limits::PAGE_DEFAULT,
            cursor: None,
        }
    }
}

impl NodeFilter {
    /// Whether every node is wanted.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// One line of a timeline: what happened in a tree or an incident, in the order of time.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TimelineEntry {
    /// When it happened.
    pub time: Timestamp,
    /// When the last repeat happened, when repeats are folded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// How often; more than 1 only when repeats are folded.
    pub count: u64,
    /// The id of the node it happened on.
    pub node: Arc<str>,
    /// What people call that node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<Arc<str>>,
    /// The event's id, or the alert's.
    pub id: Arc<str>,
    /// The event's type, or the rule's id for an alert.
    #[serde(rename = "type")]
    pub event_type: Arc<str>,
    /// Who observed it.
    pub source: Arc<str>,
    /// How bad it is.
    pub severity: Severity,
    /// Whether it is an alert.
    pub alert: bool,
    /// What an alert says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Its position in the log.
    pub position: Position,
}

/// What changed in a tree between two moments.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TreeDiff {
    /// Ids of nodes that were not there before.
    pub added: Vec<Arc<str>>,
    /// Ids of nodes that were there and are in this tree no more.
    pub gone: Vec<Arc<str>>,
    /// Nodes that were only named and have spoken since.
    pub seen: Vec<Arc<str>>,
    /// Nodes that have another parent than before.
    pub moved: Vec<NodeMove>,
    /// Events that came, by node.
    pub events: BTreeMap<Arc<str>, u64>,
    /// Alerts that were raised or changed.
    pub alerts: Vec<Arc<str>>,
}

/// A node that has another parent than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeMove {
    /// Its id.
    pub node: Arc<str>,
    /// The id of its parent before.
    pub before: Option<Arc<str>>,
    /// The id of its parent after.
    pub after: Option<Arc<str>>,
}
