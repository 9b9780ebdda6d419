//! How long the chain of causes behind an event is.
//!
//! Owns the guard against loops that go through the outside world: an alert goes out, a handler
//! sends an event that names it as its cause, a rule fires on that event, and so on (4-12). Only
//! events with a cause are remembered, at most [`REMEMBERED_MOST`] of them, the oldest forgotten
//! first.

use std::collections::{BTreeMap, VecDeque};

use larum_event::{EventId, TenantId};
use serde::{Deserialize, Serialize};

/// Events remembered. A loop comes back long before so many others have passed.
const REMEMBERED_MOST: usize = 100_000;

/// Depths of recent alerts and of events that name a cause.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct CauseDepths {
    depths: BTreeMap<(TenantId, EventId), u8>,
    order: VecDeque<(TenantId, EventId)>,
}

impl CauseDepths {
    /// Length of the chain behind `event`: 0 for one that nothing of ours caused.
    pub(crate) fn depth(&self, tenant: &TenantId, event: &EventId) -> u8 {
        if self.depths.is_empty() {
            return 0;
        }
        self.depths
            .get(&(tenant.clone(), event.clone()))
            .copied()
            .unwrap_or(0)
    }

    /// Remembers that the chain behind `event` is `depth` long.
    pub(crate) fn remember_depth(&mut self, tenant: &TenantId, event: &EventId, depth: u8) {
        if depth == 0 {
            return;
        }
        let key = (tenant.clone(), event.clone());
        if self.depths.insert(key.clone(), depth).is_some() {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > REMEMBERED_MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.depths.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depths_are_kept_apart_by_tenant_and_the_oldest_is_forgotten_first() {
        let mut causes = CauseDepths::default();
        let (acme, other) = (
            TenantId::new("acme").unwrap(),
            TenantId::new("other").unwrap(),
        );
        let first = EventId::new("first").unwrap();
        causes.remember_depth(&acme, &first, 3);
        assert_eq!(causes.depth(&acme, &first), 3);
        assert_eq!(causes.depth(&other, &first), 0);
        for number in 0..REMEMBERED_MOST {
            causes.remember_depth(&acme, &EventId::new(number.to_string()).unwrap(), 1);
        }
        assert_eq!(causes.depth(&acme, &first), 0);
        assert_eq!(causes.depths.len(), REMEMBERED_MOST);
    }
}
