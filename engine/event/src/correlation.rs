//! Where an event stands in a workflow that spans collectors.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::event::Envelope;
use crate::json::write::CanonicalWriter;
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

impl Correlation {
    /// Where a step stands that the event of `envelope` has started: its parent is the event's
    /// step, its root the event's. `None` when the event belongs to no step.
    pub fn child_of(envelope: &Envelope) -> Option<Self> {
        let parent = envelope.correlation_id.clone()?;
        let root = envelope
            .correlation
            .as_ref()
            .and_then(|correlation| correlation.root.clone())
            .unwrap_or_else(|| parent.clone());
        Some(Self {
            root: Some(root),
            parent: Some(parent),
            ..Self::default()
        })
    }

    /// Writes the members of its canonical form.
    pub(crate) fn write_members(&self, line: &mut CanonicalWriter) {
        if let Some(root) = &self.root {
            line.write_string("root", root.as_str());
        }
        if let Some(parent) = &self.parent {
            line.write_string("parent", parent.as_str());
        }
        if let Some(stage) = &self.stage {
            line.write_string("stage", stage);
        }
        if !self.tags.is_empty() {
            line.write_object("tags", |line| {
                for (name, value) in &self.tags {
                    line.write_string(name, value);
                }
            });
        }
    }
}
