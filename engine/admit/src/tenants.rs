//! Which tenants a deployment has.

use larum_event::{Rejection, RejectionReason, TenantId};
use serde::{Deserialize, Serialize};

/// The tenants of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TenantPolicy {
    /// The tenant of events that name none; absent, every event must name one (1-38).
    pub default: Option<TenantId>,
    /// The tenants there are; empty lets any name pass.
    pub known: Vec<TenantId>,
}

impl Default for TenantPolicy {
    /// One tenant, `default`, and any other that events name.
    fn default() -> Self {
        Self {
            default: Some(TenantId::default_tenant()),
            known: Vec::new(),
        }
    }
}

/// The tenant in the envelope of an event that names none where one is required. No event can name
/// it: a tenant id of an event is never empty, and control characters are refused.
const UNNAMED: &str = "?";

impl TenantPolicy {
    /// The tenant a door writes into an event that names none.
    pub fn fallback_tenant(&self) -> TenantId {
        self.default
            .clone()
            .unwrap_or_else(|| TenantId::new(UNNAMED).expect("a question mark is a valid name"))
    }

    /// Whether events of `tenant` may enter.
    ///
    /// # Errors
    /// [`RejectionReason::TenantRequired`] or [`RejectionReason::UnknownTenant`].
    pub fn check_tenant(&self, tenant: &TenantId) -> Result<(), Rejection> {
        if self.default.is_none() && tenant.as_str() == UNNAMED {
            return Err(Rejection::for_member(
                RejectionReason::TenantRequired,
                "metadata.tenantId",
                "no tenant context available: this engine has no default tenant, so name one",
            ));
        }
        if self.known.is_empty()
            || self.known.contains(tenant)
            || self.default.as_ref() == Some(tenant)
        {
            return Ok(());
        }
        Err(Rejection::for_member(
            RejectionReason::UnknownTenant,
            "metadata.tenantId",
            format!("tenant {tenant} is not one of those configured"),
        ))
    }
}
