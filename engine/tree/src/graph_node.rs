//! One node: what events say of it and which events it has.
//!
//! Owns the parts of a node; which table changes which of them is said at each. Nothing here
//! decides between claims. What few nodes have is in [`NodeExtras`]: a tree may have very many
//! nodes.
//! Invariant: what is kept does not depend on the order of arrival: the earliest claim, the
//! earliest events, the highest revision.

use std::collections::BTreeMap;
use std::sync::Arc;

use larum_event::{Alert, AlertStatus, Event, EventId, Position, RuleId, Severity, Timestamp};
use petgraph::stable_graph::NodeIndex;
use serde::{Deserialize, Serialize};

use crate::alias_table::AliasIndex;
use crate::entry_table::EntryIndex;
use crate::parent_claim::ParentClaim;

/// What kind of node it is; names are unique within a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct NodeClass(pub(crate) u16);

impl NodeClass {
    /// Workflow steps, alerts among them.
    pub(crate) const STEP: Self = Self(0);
    /// Traces and their spans.
    pub(crate) const TRACE: Self = Self(1);
    /// The first that is for nodes of a link.
    pub(crate) const LINKS: u16 = 2;
}

/// How a node came to be under another; the better reasons come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum ParentKind {
    /// It names a parent.
    Parent,
    /// It names no parent but a root.
    Root,
    /// It says nothing, but a step that names it as its parent names a root.
    Inferred,
    /// It was never begun, and another node has its alias.
    Alias,
    /// Its events, or those that name it, carry a trace.
    Trace,
    /// It is an alert, and an event of that node set it off.
    Causation,
}

/// The parent that a node wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ParentChoice {
    pub(crate) kind: ParentKind,
    pub(crate) by: EntryIndex,
    pub(crate) edge_reason: u16,
    pub(crate) node: NodeIndex,
}

/// A node, or the place of one that only others have named so far.
#[derive(Debug)]
pub(crate) struct GraphNode {
    /// Its id as it is shown.
    pub(crate) name: Box<str>,
    pub(crate) class: NodeClass,
    /// The reason for which it was named first, of [`crate::edge_reason::EdgeReasons`].
    pub(crate) edge_reason: u16,
    /// Whether an event that begins it was seen.
    pub(crate) begun: bool,
    /// Whether [`GraphNode::root_claim`] was inferred from one that names this node as its parent.
    pub(crate) root_inferred: bool,
    /// The component it is counted in.
    pub(crate) component: u32,
    /// The next one of that component.
    pub(crate) next_member: NodeIndex,
    /// Follows from the claims; only the node table sets it.
    pub(crate) parent_edge: Option<(ParentKind, NodeIndex)>,
    /// The nodes directly under it, as a list through their siblings.
    pub(crate) first_child: NodeIndex,
    pub(crate) next_sibling: NodeIndex,
    pub(crate) previous_sibling: NodeIndex,
    pub(crate) child_count: u32,
    pub(crate) parent_claim: ParentClaim,
    pub(crate) root_claim: ParentClaim,
    /// The head of the list of its events, in [`crate::node_events::NodeEvents`].
    pub(crate) event_list: u32,
    pub(crate) event_count: u32,
    /// Time of its earliest event; [`Timestamp::MAX`] when it has none.
    pub(crate) first_time: Timestamp,
    /// The event that named it first.
    pub(crate) named_at: Position,
    pub(crate) extras: Option<Box<NodeExtras>>,
}

/// What few nodes have.
#[derive(Debug)]
pub(crate) struct NodeExtras {
    pub(crate) stage: Option<AttributedText>,
    pub(crate) tags: BTreeMap<Arc<str>, AttributedText>,
    pub(crate) details: Option<NodeDetails>,
    /// The alias that it has, and the event that says so.
    pub(crate) alias: Option<OwnAlias>,
    /// The alias of the node that may stand in for it or above it.
    pub(crate) parent_alias: Option<ParentAlias>,
    pub(crate) trace_claim: ParentClaim,
    /// Events beyond the limit, which only were counted.
    pub(crate) left_out: u64,
    /// The latest event of a full node, while it is known.
    pub(crate) latest: Option<EntryIndex>,
    pub(crate) alert: Option<Box<NodeAlert>>,
    /// The trigger's node of an alert.
    pub(crate) cause_claim: ParentClaim,
    /// Cross edges beyond the limit, which are only counted.
    pub(crate) cross_edges_left_out: u64,
}

impl Default for NodeExtras {
    fn default() -> Self {
        Self {
            stage: None,
            tags: BTreeMap::new(),
            details: None,
            alias: None,
            parent_alias: None,
            trace_claim: ParentClaim::NONE,
            left_out: 0,
            latest: None,
            alert: None,
            cause_claim: ParentClaim::NONE,
            cross_edges_left_out: 0,
        }
    }
}

/// The alias of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OwnAlias {
    pub(crate) by: EntryIndex,
    pub(crate) alias: AliasIndex,
}

/// The alias of the parent of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ParentAlias {
    /// Whether an event of the node itself says so; else one that names the node as its parent.
    pub(crate) own: bool,
    pub(crate) by: EntryIndex,
    pub(crate) edge_reason: u16,
    pub(crate) alias: AliasIndex,
}

/// A text that an event says of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AttributedText {
    pub(crate) by: EntryIndex,
    pub(crate) text: Arc<str>,
}

/// What a linked node keeps of the event that began it, or of its first one while that is not seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NodeDetails {
    pub(crate) begun: bool,
    pub(crate) by: EntryIndex,
    pub(crate) label: Option<Arc<str>>,
    /// Paths and JSON texts.
    pub(crate) kept: Vec<(Arc<str>, Arc<str>)>,
}

/// The highest revision of the alert that a node is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NodeAlert {
    pub(crate) revision: u32,
    pub(crate) status: AlertStatus,
    pub(crate) rule: RuleId,
    pub(crate) title: Option<Arc<str>>,
    pub(crate) severity: Severity,
    pub(crate) attack: Vec<Arc<str>>,
    pub(crate) key: Vec<(String, String)>,
    pub(crate) count: u64,
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
    pub(crate) time: Timestamp,
    pub(crate) message: String,
    pub(crate) trigger: EventId,
    pub(crate) evidence: Vec<EventId>,
    pub(crate) position: Position,
}

impl NodeAlert {
    pub(crate) fn from_alert(alert: &Alert, event: &Event, position: Position) -> Self {
        let key = alert.key.iter().map(|(name, value)| {
            let text = value.as_str().map(str::to_owned);
            (name.clone(), text.unwrap_or_else(|| value.to_string()))
        });
        Self {
            revision: alert.revision,
            status: alert.status,
            rule: alert.rule.clone(),
            title: alert.title.clone(),
            severity: alert.severity,
            attack: alert.attack.clone(),
            key: key.collect(),
            count: alert.count,
            first: alert.first,
            last: alert.last,
            time: event.envelope().time,
            message: alert.message.clone(),
            trigger: alert.trigger.id.clone(),
            evidence: alert.evidence.clone(),
            position,
        }
    }

    /// The events that raised it, the trigger among them, each once.
    pub(crate) fn causes(&self) -> impl Iterator<Item = &EventId> {
        let trigger = (!self.evidence.contains(&self.trigger)).then_some(&self.trigger);
        self.evidence.iter().chain(trigger)
    }
}

/// What is known of a node besides where it is and which events it has.
#[derive(Debug, Clone, Default)]
pub(crate) struct NodeAttributes {
    pub(crate) label: Option<Arc<str>>,
    pub(crate) stage: Option<Arc<str>>,
    pub(crate) tags: Vec<(Arc<str>, Arc<str>)>,
    pub(crate) kept: Vec<(Arc<str>, Arc<str>)>,
}

impl GraphNode {
    /// A node that is only named so far.
    pub(crate) fn new(name: Box<str>, class: NodeClass, reason: u16, position: Position) -> Self {
        Self {
            name,
            class,
            edge_reason: reason,
            begun: false,
            root_inferred: false,
            component: u32::MAX,
            next_member: NodeIndex::end(),
            parent_edge: None,
            first_child: NodeIndex::end(),
            next_sibling: NodeIndex::end(),
            previous_sibling: NodeIndex::end(),
            child_count: 0,
            parent_claim: ParentClaim::NONE,
            root_claim: ParentClaim::NONE,
            event_list: u32::MAX,
            event_count: 0,
            first_time: Timestamp::MAX,
            named_at: position,
            extras: None,
        }
    }

    /// Whether it has spoken for itself.
    pub(crate) fn is_seen(&self) -> bool {
        self.first_time != Timestamp::MAX || self.alert().is_some()
    }

    pub(crate) fn alert(&self) -> Option<&NodeAlert> {
        self.extras.as_ref()?.alert.as_deref()
    }

    pub(crate) fn extras_mut(&mut self) -> &mut NodeExtras {
        self.extras.get_or_insert_default()
    }

    /// What is known of it now.
    pub(crate) fn attributes(&self) -> NodeAttributes {
        let extras = self.extras.as_deref();
        let details = extras.and_then(|extras| extras.details.as_ref());
        let tags = extras.into_iter().flat_map(|extras| &extras.tags);
        NodeAttributes {
            label: details.and_then(|details| details.label.clone()),
            stage: extras.and_then(|extras| Some(extras.stage.as_ref()?.text.clone())),
            tags: tags
                .map(|(name, tag)| (name.clone(), tag.text.clone()))
                .collect(),
            kept: details.map_or_else(Vec::new, |details| details.kept.clone()),
        }
    }
}
