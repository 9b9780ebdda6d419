//! A tree as it is shown: nodes in the order in which they are read, each with the number of its
//! parent.
//!
//! Flat on purpose: a chain of steps may be as long as a tree has steps, and nested values of that
//! depth could neither be written nor dropped.

use std::collections::BTreeMap;
use std::sync::Arc;

use larum_event::{
    AlertStatus, CorrelationId, Event, EventId, EventType, Position, RuleId, Severity, Source,
    TenantId, Timestamp,
};
use serde::Serialize;

/// A whole tree.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TreeView {
    /// The step at which it begins.
    pub root: CorrelationId,
    /// Whose it is.
    pub tenant: TenantId,
    /// How much there is of what.
    pub counts: Counts,
    /// Whether something is known to be missing; `why` says what.
    pub partial: bool,
    /// What is missing.
    pub why: Vec<Partial>,
    /// Parents before children, siblings by first time and id. The first one is the root.
    pub nodes: Vec<TreeNode>,
}

/// How much there is of what in a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Steps that are no alerts, those included that were only named.
    pub steps: u64,
    /// Events that hang on steps, those included that are only counted.
    pub events: u64,
    /// Alerts, those of other trees that point here left out.
    pub alerts: u64,
}

/// Something that a tree lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(
    tag = "what",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Partial {
    /// Steps below the root that others name but that never spoke for themselves.
    StepsNotSeen {
        /// How many.
        count: u64,
    },
    /// Events of a step beyond the limit.
    EventsLeftOut {
        /// How many.
        count: u64,
    },
    /// Events that would have added steps beyond the limit.
    EventsRefused {
        /// How many, of this tree and what branched off it.
        count: u64,
    },
    /// Parents that lead in a circle: the claim of the root was left out.
    CircleCut {
        /// The parent that the root names.
        parent: CorrelationId,
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
    /// An event that raised an alert and belongs to no workflow.
    Event,
}

/// One node of a tree.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TreeNode {
    /// The step's id, the alert's or the event's.
    pub id: Arc<str>,
    /// What it is.
    pub kind: NodeKind,
    /// The place of its parent in the list of nodes.
    pub parent: Option<usize>,
    /// Steps between it and the root; the root has 0.
    pub depth: usize,
    /// Whether it spoke for itself; false for a step or event that only others name.
    pub seen: bool,
    /// Time of its first event or of the alert, else the first time below it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<Timestamp>,
    /// Which part of the work it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<Arc<str>>,
    /// Its labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<Arc<str>, Arc<str>>,
    /// The events that hang on it, by time and id.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<TreeEvent>,
    /// Events that are only counted.
    #[serde(skip_serializing_if = "is_zero")]
    pub events_left_out: u64,
    /// What kind of alert it is, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert: Option<AlertMark>,
}

/// One event of a step.
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
    /// When.
    pub time: Timestamp,
    /// How bad it is.
    pub severity: Severity,
    /// Where it stands in the log.
    pub position: Position,
}

/// The highest revision of an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertMark {
    /// Its number.
    pub revision: u32,
    /// Whether it stands.
    pub status: AlertStatus,
    /// The rule that raised it.
    pub rule: RuleId,
    /// The rule's title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<Arc<str>>,
    /// How bad it is.
    pub severity: Severity,
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
    /// Where it stands in the log.
    pub position: Position,
    /// The event that set it off.
    pub trigger: EventId,
    /// The events that raised it, the first and last of them, and where they stand.
    pub causes: Vec<Cause>,
}

/// One event that raised an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cause {
    /// Its id.
    pub event: EventId,
    /// The node of this tree on which it hangs; `None` when that is in another tree.
    pub node: Option<usize>,
    /// The step on which it hangs, if it belongs to a workflow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<CorrelationId>,
}

impl TreeView {
    /// The events that raised an alert, belong to no workflow and are known by their id alone.
    pub fn unknown_events(&self) -> Vec<EventId> {
        let unknown = self.nodes.iter().filter(|node| node.is_unknown_event());
        unknown
            .filter_map(|node| EventId::new(&node.id).ok())
            .collect()
    }

    /// Fills in an event of [`TreeView::unknown_events`] that was looked up elsewhere.
    pub fn describe(&mut self, event: &Event, position: Position) {
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
    fn is_unknown_event(&self) -> bool {
        self.kind == NodeKind::Event && !self.seen
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}
