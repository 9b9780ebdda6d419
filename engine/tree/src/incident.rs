//! Incidents: alerts whose trees touch, as one case.

use std::collections::BTreeMap;
use std::sync::Arc;

use larum_event::{AlertStatus, Position, RuleId, Severity, Timestamp, limits};
use serde::{Deserialize, Serialize};

/// The stable name of an incident, such as `inc-3f9c0a7be1d2`: made of its first alert's id, so that a replay
/// gives the same one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IncidentId(pub Arc<str>);

/// What an incident comes to.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IncidentSummary {
    /// Its name; that of the oldest one when several became one.
    pub id: IncidentId,
    /// Names of incidents that became part of it, oldest first.
    pub aliases: Vec<IncidentId>,
    /// Time of the first event behind any of its alerts.
    pub first: Timestamp,
    /// Time of the last event behind any of its alerts.
    pub last: Timestamp,
    /// The worst severity of an alert that stands.
    pub severity: Severity,
    /// Alerts that stand, listed or not.
    pub alerts: u64,
    /// Alerts that were retracted.
    pub retracted: u64,
    /// Events in its trees.
    pub events: u64,
    /// Roots of its trees, oldest first; at most [`limits::PAGE_MOST`].
    pub trees: Vec<Arc<str>>,
    /// Entities behind its alerts by kind, such as `user` and `host`, each sorted.
    pub entities: BTreeMap<Arc<str>, Vec<Arc<str>>>,
    /// ATT&CK technique ids of its alerts, sorted.
    pub attack: Vec<Arc<str>>,
    /// Rules of its alerts, with how many each raised.
    pub rules: BTreeMap<RuleId, u64>,
    /// Its alerts, oldest first; at most [`limits::ALERTS_PER_INCIDENT`], and only where one incident was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub listed: Vec<IncidentAlert>,
    /// The last position that changed it.
    pub changed: Position,
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
    /// Whether it stands.
    pub status: AlertStatus,
    /// How bad it is.
    pub severity: Severity,
    /// Its time.
    pub time: Timestamp,
    /// What it says.
    pub message: String,
    /// The root of its tree.
    pub tree: Arc<str>,
    /// Where its last revision stands.
    pub position: Position,
}

/// Which incidents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentQuery {
    /// Of at least this severity.
    pub severity: Option<Severity>,
    /// With something after this.
    pub from: Option<Timestamp>,
    /// With something before this.
    pub to: Option<Timestamp>,
    /// With these entities, kind and value.
    pub entities: Vec<(String, String)>,
    /// With an alert of this rule.
    pub rule: Option<String>,
    /// Most of them, those changed last first.
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
