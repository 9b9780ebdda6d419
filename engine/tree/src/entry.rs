//! An event on its way into the trees of its tenant.

use larum_event::{Alert, CorrelationId, Event, Position, TenantId};

use crate::claim::Claim;

/// An event and what is needed of it.
pub(crate) struct Entry<'a> {
    pub(crate) tenant: &'a TenantId,
    pub(crate) event: &'a Event,
    pub(crate) position: Position,
    /// The step it belongs to.
    pub(crate) step: &'a CorrelationId,
    /// What it carries, if it is an alert.
    pub(crate) alert: Option<&'a Alert>,
}

impl Entry<'_> {
    pub(crate) fn root(&self) -> Option<&CorrelationId> {
        self.event.envelope().correlation.as_ref()?.root.as_ref()
    }

    pub(crate) fn parent(&self) -> Option<&CorrelationId> {
        self.event.envelope().correlation.as_ref()?.parent.as_ref()
    }

    /// The steps that it names, its own first.
    pub(crate) fn named(&self) -> Vec<&CorrelationId> {
        let mut named = vec![self.step];
        for id in [self.parent(), self.root()].into_iter().flatten() {
            if !named.contains(&id) {
                named.push(id);
            }
        }
        named
    }

    pub(crate) fn claim(&self) -> Claim {
        Claim {
            time: self.event.envelope().time,
            event: self.event.envelope().id.clone(),
        }
    }
}
