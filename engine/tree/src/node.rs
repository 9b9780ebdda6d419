//! One node: what events say of it and which of them hang on it.
//!
//! Everything here is kept so that the order of arrival does not matter: the earliest claim, the
//! earliest events, the highest revision. What few nodes have stands in [`More`]: a tree may have very
//! many nodes.

use std::collections::BTreeMap;
use std::sync::Arc;

use larum_event::{Alert, AlertStatus, Event, EventId, Position, RuleId, Severity, Timestamp};
use petgraph::stable_graph::NodeIndex;
use serde::{Deserialize, Serialize};

use crate::alias::AliasIndex;
use crate::claim::UpClaim;
use crate::entry::EntryIndex;

/// What kind of node it is; names are unique within a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Class(pub(crate) u16);

impl Class {
    /// Workflow steps, alerts among them.
    pub(crate) const STEP: Self = Self(0);
    /// Traces and their spans.
    pub(crate) const TRACE: Self = Self(1);
    /// The first that stands for nodes of a link.
    pub(crate) const LINKS: u16 = 2;
}

/// How a node came to stand under another; the better reasons come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Reason {
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

/// What a node wants to stand under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Up {
    pub(crate) reason: Reason,
    pub(crate) by: EntryIndex,
    pub(crate) way: u16,
    pub(crate) node: NodeIndex,
}

/// A node, or the place of one that only others have named so far.
#[derive(Debug)]
pub(crate) struct Node {
    /// Its id as it is shown.
    pub(crate) name: Box<str>,
    pub(crate) class: Class,
    /// Which way of linking named it first, of [`crate::ways::Ways`].
    pub(crate) way: u16,
    /// Whether an event that begins it was seen.
    pub(crate) begun: bool,
    /// Whether [`Node::root`] was inferred from one that names this node as its parent.
    pub(crate) root_inferred: bool,
    /// The family it is counted in.
    pub(crate) family: u32,
    /// The next one of that family.
    pub(crate) next_member: NodeIndex,
    /// Follows from the claims: see `place`.
    pub(crate) up: Option<(Reason, NodeIndex)>,
    /// The nodes directly under it, as a list through `next` and `before`.
    pub(crate) first_child: NodeIndex,
    pub(crate) next: NodeIndex,
    pub(crate) before: NodeIndex,
    pub(crate) children: u32,
    pub(crate) parent: UpClaim,
    pub(crate) root: UpClaim,
    /// The first of the events that hang on it, as a list in [`crate::hung::Hung`].
    pub(crate) hung: u32,
    pub(crate) events: u32,
    /// Time of its earliest event; [`Timestamp::MAX`] when it has none.
    pub(crate) first: Timestamp,
    /// The event that named it first.
    pub(crate) named: Position,
    pub(crate) more: Option<Box<More>>,
}

/// What few nodes have.
#[derive(Debug)]
pub(crate) struct More {
    pub(crate) stage: Option<Said>,
    pub(crate) tags: BTreeMap<Arc<str>, Said>,
    pub(crate) details: Option<Details>,
    /// The alias it goes by, and the event that says so.
    pub(crate) alias: Option<OwnAlias>,
    /// The alias of the node that may stand in for it or above it.
    pub(crate) upper_alias: Option<UpperAlias>,
    pub(crate) trace: UpClaim,
    /// Events beyond the limit, which only were counted.
    pub(crate) left_out: u64,
    /// The latest event of a full node, while it is known.
    pub(crate) latest: Option<EntryIndex>,
    pub(crate) alert: Option<Box<Raised>>,
    /// The trigger's node of an alert.
    pub(crate) cause: UpClaim,
    /// Nodes it is tied to beyond the limit of ties.
    pub(crate) ties_left_out: u64,
}

impl Default for More {
    fn default() -> Self {
        Self {
            stage: None,
            tags: BTreeMap::new(),
            details: None,
            alias: None,
            upper_alias: None,
            trace: UpClaim::NONE,
            left_out: 0,
            latest: None,
            alert: None,
            cause: UpClaim::NONE,
            ties_left_out: 0,
        }
    }
}

/// The alias of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OwnAlias {
    pub(crate) by: EntryIndex,
    pub(crate) alias: AliasIndex,
}

/// The alias of what stands above a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UpperAlias {
    /// Whether an event of the node itself says so; else one that names the node as its parent.
    pub(crate) own: bool,
    pub(crate) by: EntryIndex,
    pub(crate) way: u16,
    pub(crate) alias: AliasIndex,
}

/// A text that an event says of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) by: EntryIndex,
    pub(crate) what: Arc<str>,
}

/// What a linked node keeps of the event that began it, or of its first one while that is not seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Details {
    pub(crate) begun: bool,
    pub(crate) by: EntryIndex,
    pub(crate) label: Option<Arc<str>>,
    /// Paths and JSON texts.
    pub(crate) kept: Vec<(Arc<str>, Arc<str>)>,
}

/// The highest revision of the alert that a node is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Raised {
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

impl Raised {
    pub(crate) fn of(alert: &Alert, event: &Event, position: Position) -> Self {
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

impl Node {
    /// A node that is only named so far.
    pub(crate) fn named(name: Box<str>, class: Class, way: u16, position: Position) -> Self {
        Self {
            name,
            class,
            way,
            begun: false,
            root_inferred: false,
            family: u32::MAX,
            next_member: NodeIndex::end(),
            up: None,
            first_child: NodeIndex::end(),
            next: NodeIndex::end(),
            before: NodeIndex::end(),
            children: 0,
            parent: UpClaim::NONE,
            root: UpClaim::NONE,
            hung: u32::MAX,
            events: 0,
            first: Timestamp::MAX,
            named: position,
            more: None,
        }
    }

    /// Whether it has spoken for itself.
    pub(crate) fn is_seen(&self) -> bool {
        self.first != Timestamp::MAX || self.alert().is_some()
    }

    pub(crate) fn alert(&self) -> Option<&Raised> {
        self.more.as_ref()?.alert.as_deref()
    }

    pub(crate) fn more(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }
}
