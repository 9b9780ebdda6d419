//! One workflow step: what events say of it and which events hang on it.
//!
//! Everything here is kept so that the order of arrival does not matter: the earliest claim, the
//! earliest events, the highest revision.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use larum_event::{
    Alert, AlertStatus, CorrelationId, Event, EventId, EventType, Position, RuleId, Severity,
    Source, Timestamp, limits,
};
use petgraph::stable_graph::NodeIndex;
use serde::{Deserialize, Serialize};

use crate::claim::{Claim, Claimed, settle};

/// The order of events on a step.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct EventKey {
    pub(crate) time: Timestamp,
    pub(crate) id: EventId,
    pub(crate) source: Source,
}

/// What is kept of an event beside its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hung {
    pub(crate) event_type: EventType,
    pub(crate) severity: Severity,
    pub(crate) position: Position,
}

/// The highest revision of the alert that a step is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Raised {
    pub(crate) revision: u32,
    pub(crate) status: AlertStatus,
    pub(crate) rule: RuleId,
    pub(crate) title: Option<Arc<str>>,
    pub(crate) severity: Severity,
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

/// How a step came to stand under another; the better reasons come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    /// It names a parent.
    Parent,
    /// It names no parent but a root.
    Root,
    /// It says nothing, but a step that names it as its parent names a root.
    Inferred,
}

/// What a step stands under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Up {
    pub(crate) reason: Reason,
    pub(crate) by: Claim,
    pub(crate) node: NodeIndex,
}

/// A step, or the place of one that only others have named so far.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Step {
    pub(crate) id: CorrelationId,
    /// The family it is counted in.
    pub(crate) family: u32,
    pub(crate) parent: Option<Claimed<CorrelationId>>,
    pub(crate) root: Option<Claimed<CorrelationId>>,
    pub(crate) inferred: Option<Claimed<CorrelationId>>,
    pub(crate) stage: Option<Claimed<Arc<str>>>,
    pub(crate) tags: BTreeMap<Arc<str>, Option<Claimed<Arc<str>>>>,
    pub(crate) events: BTreeMap<EventKey, Hung>,
    /// Events beyond the limit, which only were counted.
    pub(crate) events_left_out: u64,
    pub(crate) alert: Option<Box<Raised>>,
    /// The events that carried the alert's revisions.
    pub(crate) alert_events: BTreeSet<EventId>,
    /// Follows from the claims, see [`crate::grove`].
    #[serde(skip)]
    pub(crate) up: Option<Up>,
    /// Steps that name no parent and stand under this one as their root. Follows from theirs.
    #[serde(skip)]
    pub(crate) strays: BTreeSet<NodeIndex>,
}

impl Step {
    pub(crate) fn named(id: CorrelationId, family: u32) -> Self {
        Self {
            id,
            family,
            parent: None,
            root: None,
            inferred: None,
            stage: None,
            tags: BTreeMap::new(),
            events: BTreeMap::new(),
            events_left_out: 0,
            alert: None,
            alert_events: BTreeSet::new(),
            up: None,
            strays: BTreeSet::new(),
        }
    }

    /// Whether it has spoken for itself.
    pub(crate) fn is_seen(&self) -> bool {
        !self.events.is_empty() || self.alert.is_some()
    }

    /// Takes in what an event of this step says of it. A step is never its own parent.
    pub(crate) fn settle(&mut self, event: &Event, by: &Claim) {
        let Some(correlation) = &event.envelope().correlation else {
            return;
        };
        if let Some(parent) = correlation.parent.as_ref().filter(|id| **id != self.id) {
            settle(&mut self.parent, by, parent);
        }
        if let Some(root) = &correlation.root {
            settle(&mut self.root, by, root);
        }
        if let Some(stage) = &correlation.stage {
            settle(&mut self.stage, by, stage);
        }
        for (name, value) in &correlation.tags {
            settle(self.tags.entry(name.clone()).or_default(), by, value);
        }
        while self.tags.len() > limits::TAGS {
            self.tags.pop_last();
        }
    }

    /// The step that this one stands under by its claims, why, and who says so.
    pub(crate) fn claimed_up(&self) -> Option<(Reason, &Claimed<CorrelationId>)> {
        if let Some(parent) = &self.parent {
            return Some((Reason::Parent, parent));
        }
        if let Some(root) = &self.root {
            return (root.what != self.id).then_some((Reason::Root, root));
        }
        let inferred = self.inferred.as_ref()?;
        (inferred.what != self.id).then_some((Reason::Inferred, inferred))
    }
}
