//! Incidents: alerts whose trees touch, as one case.
//!
//! An alert's trees are the one that it is a node of and those in which its evidence is. Two alerts
//! are of one incident when they have a tree in common, or when a tree of the one and a tree of the
//! other touched a shared node whose link joins, near each other in time, while few enough trees
//! did.
//!
//! Owns the public types of incidents and their names. [`TenantIncidents`] is the state of one
//! tenant; it reads no events, the graph reports to it what happens, in the order of the log.
//! Invariant: what became one incident stays one, so that a name or alias that was given out finds
//! it for good.

mod alert_update;
mod alerts;
mod answers;
mod case;
mod case_table;
mod checkpoint;
mod incident_limits;
mod merge_set;
mod query_form;
mod shared_nodes;
mod slots;
mod tenant_incidents;
mod tree_table;

#[cfg(test)]
mod tests;

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use larum_event::{AlertStatus, Position, RuleId, Severity, Timestamp, limits};
use serde::{Deserialize, Serialize};

pub(crate) use alert_update::AlertUpdate;
pub(crate) use slots::SharedNodeId;
pub(crate) use tenant_incidents::{TenantIncidents, TreeTouch};
pub(crate) use tree_table::TreeFacts;

/// The stable name of an incident, such as `inc-3f9c0a7be1d2`: made of its first alert's id, so
/// that a replay gives the same one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IncidentId(pub Arc<str>);

/// What an incident comes to.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IncidentSummary {
    /// Its name; that of the oldest one when several became one.
    pub id: IncidentId,
    /// Names of incidents that became part of it, oldest first; at most [`limits::PAGE_MOST`].
    pub aliases: Vec<IncidentId>,
    /// Whether any of its alerts is in force.
    pub status: IncidentStatus,
    /// Time of the first event behind any of its alerts.
    pub first: Timestamp,
    /// Time of the last event behind any of its alerts.
    pub last: Timestamp,
    /// The worst severity of an alert in force; `info` when none does.
    pub severity: Severity,
    /// Alerts in force, listed or not.
    pub alerts: u64,
    /// Alerts that were retracted.
    pub retracted: u64,
    /// Events in its trees.
    pub events: u64,
    /// Roots of its trees, oldest first; at most [`limits::PAGE_MOST`].
    pub trees: Vec<Arc<str>>,
    /// How many trees it has, listed or not.
    pub tree_count: u64,
    /// Entities behind its alerts by kind, such as `user` and `host`, each sorted; at most
    /// [`limits::PAGE_MOST`] of a kind.
    pub entities: BTreeMap<Arc<str>, Vec<Arc<str>>>,
    /// How often its alerts named entities that are not listed, by kind.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub more_entities: BTreeMap<Arc<str>, u64>,
    /// ATT&CK technique ids of its alerts, sorted.
    pub attack: Vec<Arc<str>>,
    /// Rules of its alerts, with how many each raised.
    pub rules: BTreeMap<RuleId, u64>,
    /// Its alerts, oldest first; at most [`limits::ALERTS_PER_INCIDENT`], and only where one
    /// incident was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub listed: Vec<IncidentAlert>,
    /// Why its alerts are one incident, where that is more than a common tree; at most
    /// [`limits::PAGE_MOST`], oldest first, and only where one incident was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ties: Vec<IncidentTie>,
    /// Nodes that more trees share than may be joined through them, sorted: other incidents may
    /// touch these too. At most [`limits::PAGE_DEFAULT`], and only where one incident was asked
    /// for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub crowded: Vec<Arc<str>>,
    /// The position of its first alert.
    pub opened: Position,
    /// The last position that changed it.
    pub changed: Position,
}

/// Whether anything of an incident is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum IncidentStatus {
    /// At least one alert is in force.
    Open,
    /// All alerts were retracted.
    Retracted,
}

/// One alert of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IncidentAlert {
    /// Its id.
    pub id: Arc<str>,
    /// The rule that raised it.
    pub rule: RuleId,
    /// The rule's title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<Arc<str>>,
    /// Whether it is in force or was retracted.
    pub status: AlertStatus,
    /// How bad it is.
    pub severity: Severity,
    /// Its time.
    pub time: Timestamp,
    /// What it says; cut where it is longer than [`limits::MESSAGE_BYTES`].
    pub message: String,
    /// The root of its tree.
    pub tree: Arc<str>,
    /// The position of its last revision.
    pub position: Position,
}

/// Something by which alerts became one incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IncidentTie {
    /// The event here made it so.
    pub position: Position,
    /// What tied them together.
    pub by: TieCause,
    /// The incident that became part of another by it and is an alias since; `None` when a tree
    /// came.
    pub joined: Option<IncidentId>,
}

/// How trees of alerts touch.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TieCause {
    /// Two trees became one.
    Tree,
    /// The evidence of the alert with this id is in both.
    Evidence(Arc<str>),
    /// Both touched the node with this id.
    Shared(Arc<str>),
}

/// Which incidents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentQuery {
    /// Of at least this severity.
    pub severity: Option<Severity>,
    /// With something not before this.
    pub from: Option<Timestamp>,
    /// With something not after this.
    pub to: Option<Timestamp>,
    /// With all these entities, kind and value.
    pub entities: Vec<(String, String)>,
    /// With an alert of this rule.
    pub rule: Option<String>,
    /// Most of them, those changed last first; at most [`limits::PAGE_MOST`].
    pub limit: usize,
    /// How many to leave out first.
    pub offset: usize,
}

impl Default for IncidentQuery {
    fn default() -> Self {
        Self {
            severity: None,
            from: None,
            to: None,
            entities: Vec::new(),
            rule: None,
            limit: limits::PAGE_DEFAULT,
            offset: 0,
        }
    }
}

impl IncidentId {
    /// The name of an incident whose first alert has this id. Only when that name is taken is it
    /// tried again.
    pub(crate) fn from_alert(alert: &str, attempt: u64) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(alert.as_bytes());
        if attempt > 0 {
            hasher.update(&[0]).update(&attempt.to_le_bytes());
        }
        let hash = hasher.finalize().to_hex();
        Self(
            hash.chars()
                .take(12)
                .fold("inc-".to_owned(), push_char)
                .into(),
        )
    }
}

fn push_char(mut text: String, character: char) -> String {
    text.push(character);
    text
}

impl Borrow<str> for IncidentId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
