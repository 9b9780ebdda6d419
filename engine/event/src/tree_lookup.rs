//! What rules may ask of correlation trees.
//!
//! The trees answer, rules ask; neither knows the other. Answers are those of the tree as it stood
//! with the event at a log position, so a replay gives the same ones.

use std::sync::Arc;

use crate::event::Event;
use crate::record::Position;
use crate::time::Timestamp;

/// Trees as rules see them.
pub trait TreeLookup: Send + Sync {
    /// The id of the root over the event; `None` for an event of no tree.
    fn root_id(&self, event: &Event, at: Position) -> Option<Arc<str>>;

    /// Shows the node of the event and those above it, nearest first, until `visit` says that it
    /// has seen enough.
    fn visit_ancestors(
        &self,
        event: &Event,
        at: Position,
        visit: &mut dyn FnMut(&TreeNodeView) -> VisitControl,
    ) -> VisitOutcome;
}

/// Whether a visitor has seen enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VisitControl {
    /// Go on.
    Continue,
    /// Stop here.
    Stop,
}

/// How a climb ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VisitOutcome {
    /// The visitor had seen enough.
    Stopped,
    /// There was nothing above the last node.
    Top,
    /// More than [`crate::limits::ANCESTORS`] nodes stand above the event.
    TooHigh,
    /// The event is of no tree.
    NoTree,
}

/// One node as rules see it.
#[derive(Debug, Clone, PartialEq)]
pub struct TreeNodeView {
    /// Its id as answers show it, such as `login-77` or `process:ws5/{E2C04BB9-..}`.
    pub id: Arc<str>,
    /// `step`, `trace` or the name of a link.
    pub kind: Arc<str>,
    /// What people call it.
    pub label: Option<Arc<str>>,
    /// Which part of the work it is.
    pub stage: Option<Arc<str>>,
    /// Its labels, by name.
    pub tags: Vec<(Arc<str>, Arc<str>)>,
    /// The fields it keeps of the event that began it: path, such as `data.Image`, and JSON text.
    pub kept_fields: Vec<(Arc<str>, Arc<str>)>,
    /// When it was first seen; `None` for one that only others name.
    pub first: Option<Timestamp>,
}
