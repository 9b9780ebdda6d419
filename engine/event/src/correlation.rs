//! Where an event stands in a workflow that spans collectors.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::names::CorrelationId;

/// The hierarchical correlation of an event (2-11, 2-12). The step itself is the event's
/// `correlationId`; this tells the step's root and parent and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Correlation {
    /// The workflow's root. A step without one is its own root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<CorrelationId>,
    /// The step that started this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<CorrelationId>,
    /// Which part of the work this is, such as `collection`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Arc<str>>,
    /// Free labels, sorted by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<(Arc<str>, Arc<str>)>,
}
