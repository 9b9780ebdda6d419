//! What the graph reports of an alert to incidents.

use std::sync::Arc;

use larum_event::{AlertStatus, Position, RuleId, Severity, Timestamp};

use crate::tree_members::TreeId;

/// One revision of an alert.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AlertUpdate<'a> {
    /// The alert's id.
    pub(crate) id: &'a Arc<str>,
    /// 1, 2, .. One that is not above the last one is passed over.
    pub(crate) revision: u32,
    pub(crate) status: AlertStatus,
    pub(crate) rule: &'a RuleId,
    pub(crate) title: Option<&'a Arc<str>>,
    pub(crate) severity: Severity,
    pub(crate) attack: &'a [Arc<str>],
    /// The alert's own time.
    pub(crate) time: Timestamp,
    /// Time of the first event behind it.
    pub(crate) first: Timestamp,
    /// Time of the last event behind it.
    pub(crate) last: Timestamp,
    pub(crate) message: &'a str,
    /// The position of this revision in the log.
    pub(crate) position: Position,
    /// Kind and value of what its evidence and its key name.
    pub(crate) entities: &'a [(Arc<str>, Arc<str>)],
    /// The tree that the alert is a node of.
    pub(crate) tree: TreeId,
    /// Other trees that hold its evidence.
    pub(crate) others: &'a [TreeId],
}
