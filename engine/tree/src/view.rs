//! A tree as it is shown: nodes in the order in which they are read, each with the number of its
//! parent.
//!
//! Owns the types that the graph answers with and that every reader of trees shares; it does not
//! build them. Flat on purpose: a chain of steps may be as long as a tree has steps, and nested
//! values of that depth could neither be written nor dropped. A view is a page: the counts are
//! those of everything that was asked for, the nodes those of the page.
//! Invariant: a parent comes before its children, so one pass over the nodes is enough for any
//! reader.

use std::collections::BTreeMap;
use std::sync::Arc;

use larum_event::{
    AlertStatus, Event, EventId, EventType, Position, RuleId, Severity, Source, TenantId, Timestamp,
};
use serde::Serialize;

/// A tree, or the part of it that was asked for.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TreeView {
    /// The id of the node at which the tree begins.
    pub root: Arc<str>,
    /// Whose it is.
    pub tenant: TenantId,
    /// The incident that the tree belongs to, if any of its alerts is in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incident: Option<Arc<str>>,
    /// The tree is shown as it was with the event here.
    pub as_of: Position,
    /// How much there is of what in everything that was asked for, on this page or not.
    pub counts: TreeCounts,
    /// Whether something is known to be missing; `why` says what.
    pub partial: bool,
    /// What is missing.
    pub why: Vec<MissingPart>,
    /// Parents before children, siblings by first time and id. The first one is the root of what
    /// was asked for. On later pages the nodes above the page's first one come again, marked
    /// [`TreeNode::again`].
    pub nodes: Vec<TreeNode>,
    /// Why nodes are connected: one for each node with something above it, then those that lead
    /// elsewhere.
    pub edges: Vec<TreeEdge>,
    /// Ask for this to have the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// How much there is of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TreeCounts {
    /// Nodes that are no alerts, those included that were only named.
    pub steps: u64,
    /// Events that belong to nodes, those included that are only counted.
    pub events: u64,
    /// Alerts, those of other trees that point here left out.
    pub alerts: u64,
    /// Nodes on the longest way from the root down, the root included.
    pub depth: u64,
}

/// Something that a tree lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(
    tag = "what",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum MissingPart {
    /// Nodes below the root that others name but that never spoke for themselves.
    StepsNotSeen {
        /// How many.
        count: u64,
    },
    /// Events of a node beyond the limit.
    EventsLeftOut {
        /// How many.
        count: u64,
    },
    /// Events that would have added nodes beyond the limit.
    EventsRefused {
        /// How many, of this tree and what branched off it.
        count: u64,
    },
    /// Parents that lead in a circle: the claim of the root was left out.
    CircleCut {
        /// The parent that the root names.
        parent: Arc<str>,
    },
    /// Events that are no longer in the log.
    EventsGone {
        /// How many.
        count: u64,
        /// The first position that the log still holds.
        first: Position,
    },
    /// More of the tree lies in the store than a query reads.
    TooLarge {
        /// Events that were not read.
        left_out: u64,
    },
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum NodeKind {
    /// A workflow step.
    Step,
    /// An alert of this tree.
    Alert,
    /// An alert of another tree that points to an event of this one.
    LinkedAlert,
    /// An event that raised an alert and belongs to no tree.
    Event,
    /// A trace, or a span of one, by its W3C ids.
    Trace,
    /// What a link names: a process, a session. [`TreeNode::link`] says of which kind.
    Linked,
}

/// One node of a tree.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TreeNode {
    /// The step's id, the alert's or the event's, `trace:..`, or the link's name, a colon, and the
    /// scope and id joined by slashes, such as
    /// `process:ws5/{E2C04BB9-08C6-60C4-681F-400100000000}`.
    pub id: Arc<str>,
    /// What it is.
    pub kind: NodeKind,
    /// The name of the link by which it is known, such as `process`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<Arc<str>>,
    /// What people call it, such as a process's image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<Arc<str>>,
    /// The place of its parent in the list of nodes.
    pub parent: Option<usize>,
    /// Nodes between it and the root of the whole tree; that root has 0.
    pub depth: usize,
    /// Whether it spoke for itself; false for one that only others name.
    pub seen: bool,
    /// Whether the event that begins it was seen; steps begin with their first event.
    pub begun: bool,
    /// True when it is here only so that the page's nodes have their ancestors: it was on a page
    /// before.
    #[serde(skip_serializing_if = "is_false")]
    pub again: bool,
    /// Time of its first event or of the alert, else the first time below it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<Timestamp>,
    /// Time of its last event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Timestamp>,
    /// Which part of the work it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<Arc<str>>,
    /// Its labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<Arc<str>, Arc<str>>,
    /// What it keeps of the event that began it: JSON values by path.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub kept: BTreeMap<Arc<str>, serde_json::Value>,
    /// The events that belong to it, by time and id; on a large node the first of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<TreeEvent>,
    /// Repeats among all its events, by first time: present when folding was asked for, and
    /// `events` is empty then.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub folds: Vec<EventFold>,
    /// Events that are only counted: beyond the limit of the node, or of the page.
    #[serde(skip_serializing_if = "is_zero")]
    pub events_left_out: u64,
    /// Nodes directly under it in the whole tree, shown or not.
    #[serde(skip_serializing_if = "is_zero")]
    pub children: u64,
    /// What kind of alert it is, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert: Option<TreeAlert>,
}

/// One event of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TreeEvent {
    /// Its id.
    pub id: EventId,
    /// Its type.
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// Who observed it.
    pub source: Source,
    /// When it happened.
    pub time: Timestamp,
    /// How bad it is.
    pub severity: Severity,
    /// Its position in the log.
    pub position: Position,
}

/// Events of one type, source and severity on one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventFold {
    /// Their type.
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// Who observed them.
    pub source: Source,
    /// How bad they are.
    pub severity: Severity,
    /// How many there are.
    pub count: u64,
    /// When the first of them happened.
    pub first: Timestamp,
    /// When the last of them happened.
    pub last: Timestamp,
    /// The first of them.
    pub example: EventId,
}

/// The highest revision of an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TreeAlert {
    /// Its number.
    pub revision: u32,
    /// Whether it is in force or was retracted.
    pub status: AlertStatus,
    /// The rule that raised it.
    pub rule: RuleId,
    /// The rule's title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<Arc<str>>,
    /// How bad it is.
    pub severity: Severity,
    /// ATT&CK technique ids.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attack: Vec<Arc<str>>,
    /// The group, by name of its members.
    pub key: BTreeMap<String, String>,
    /// Matches that count.
    pub count: u64,
    /// Time of the first of them.
    pub first: Timestamp,
    /// Time of the last of them.
    pub last: Timestamp,
    /// When it was raised.
    pub time: Timestamp,
    /// A sentence for people.
    pub message: String,
    /// Its position in the log.
    pub position: Position,
    /// The event that set it off.
    pub trigger: EventId,
    /// The events that raised it, the first and last of them, and their nodes.
    pub causes: Vec<AlertCause>,
}

/// One event that raised an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertCause {
    /// Its id.
    pub event: EventId,
    /// The node of this page that it belongs to; `None` when that is elsewhere.
    pub node: Option<usize>,
    /// The id of the node that it belongs to, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<Arc<str>>,
}

/// Why two nodes are connected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TreeEdge {
    /// The id of the upper one, the cause, or the shared one.
    pub from: Arc<str>,
    /// The id of the other one.
    pub to: Arc<str>,
    /// How they are related.
    pub kind: EdgeKind,
    /// How it is known.
    pub why: EdgeSource,
    /// The event that says so, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<EventId>,
    /// The position of that event in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
}

/// In which way two nodes are connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum EdgeKind {
    /// The lower one names the upper one as its parent.
    Parent,
    /// It names no parent but a root; or a step that names it as its parent names a root.
    Root,
    /// Its event raised the alert.
    Causation,
    /// Its event carries the trace.
    Trace,
    /// Another tree's node shares it: one event belongs to both.
    Shared,
    /// The upper one is taken for a parent that was never seen under its own id.
    Alias,
}

/// How it is known that two nodes are connected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "by", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum EdgeSource {
    /// The event's `correlation`.
    Correlation {
        /// Which member says so, such as `correlation.parent`.
        field: &'static str,
        /// Its value.
        value: Arc<str>,
    },
    /// A declared link.
    Link {
        /// Its name.
        link: Arc<str>,
        /// Its version.
        version: u64,
        /// The fields that it read, and their values as parts of the id.
        fields: Vec<(Arc<str>, Arc<str>)>,
    },
    /// The event's `traceparent`.
    Trace {
        /// The trace's id.
        trace: Arc<str>,
    },
    /// A rule counted the event.
    Rule {
        /// The rule.
        rule: RuleId,
    },
}

impl TreeView {
    /// The events that raised an alert, belong to no node and are known by their id alone.
    pub fn unknown_events(&self) -> Vec<EventId> {
        let unknown = self.nodes.iter().filter(|node| node.is_unknown_event());
        unknown
            .filter_map(|node| EventId::new(&node.id).ok())
            .collect()
    }

    /// Fills in an event of [`TreeView::unknown_events`] that was looked up elsewhere.
    pub fn fill_event(&mut self, event: &Event, position: Position) {
        let envelope = event.envelope();
        let nodes = self.nodes.iter_mut();
        let same =
            nodes.filter(|node| node.is_unknown_event() && *node.id == *envelope.id.as_str());
        for node in same {
            node.seen = true;
            node.first = Some(envelope.time);
            node.events.push(TreeEvent {
                id: envelope.id.clone(),
                event_type: envelope.event_type.clone(),
                source: envelope.source.clone(),
                time: envelope.time,
                severity: envelope.severity,
                position,
            });
        }
    }
}

impl TreeNode {
    /// How many events belong to it, listed, folded or only counted.
    pub fn event_count(&self) -> u64 {
        let folded: u64 = self.folds.iter().map(|fold| fold.count).sum();
        self.events.len() as u64 + folded + self.events_left_out
    }

    fn is_unknown_event(&self) -> bool {
        self.kind == NodeKind::Event && !self.seen
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_false(flag: &bool) -> bool {
    !*flag
}
