//! What a graph reports about the events that it was given.

use std::fmt;
use std::sync::Arc;

use larum_event::{EventId, TenantId};

/// Something about an inserted event that an operator should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TreeReport {
    /// A step names itself as its parent; that is left out.
    SelfParent {
        /// Whose it is.
        tenant: TenantId,
        /// The step.
        step: Arc<str>,
        /// The event that says so.
        event: EventId,
    },
    /// Parents lead in a circle; the latest of its claims is left out.
    CycleRefused {
        /// Whose it is.
        tenant: TenantId,
        /// The step whose parent is left out; the tree starts here.
        step: Arc<str>,
        /// That parent.
        parent: Arc<str>,
        /// The event that closed the circle.
        event: EventId,
    },
    /// The root that an event names is known, but to another tenant only. The event's tree has a
    /// root of that name of its own.
    ForeignTenantRoot {
        /// Whose event it is.
        tenant: TenantId,
        /// The root it names.
        root: Arc<str>,
        /// The event.
        event: EventId,
    },
    /// A tree has as many steps as it may, so the event was left out.
    RootFull {
        /// Whose it is.
        tenant: TenantId,
        /// The root the event names, or its own step.
        root: Arc<str>,
        /// The event.
        event: EventId,
    },
    /// A tenant has as many trees as it may, so the one idle longest went.
    RootEvicted {
        /// Whose it was.
        tenant: TenantId,
        /// Its root.
        root: Arc<str>,
        /// Steps that went.
        steps: usize,
    },
}

impl fmt::Display for TreeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SelfParent { step, event, .. } => {
                write!(f, "event {event} names step {step} as its own parent")
            }
            Self::CycleRefused {
                step,
                parent,
                event,
                ..
            } => write!(
                f,
                "event {event} closes a circle of parents; step {step} stays without its parent {parent}"
            ),
            Self::ForeignTenantRoot { root, event, .. } => write!(
                f,
                "event {event} names root {root}, which only another tenant has"
            ),
            Self::RootFull { root, event, .. } => {
                write!(f, "the tree of {root} is full; event {event} is left out")
            }
            Self::RootEvicted { root, steps, .. } => {
                write!(
                    f,
                    "the tree of {root} with {steps} steps made room for another"
                )
            }
        }
    }
}
