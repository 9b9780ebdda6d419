//! Whose events are asked for.

use clap::Args;
use larum_event::{QueryPair, TenantId};

/// Whose trees and incidents are asked for.
#[derive(Debug, Args)]
pub struct TenantArg {
    /// The tenant; without it, the default tenant
    #[arg(long, value_parser = |text: &str| TenantId::new(text))]
    tenant: Option<TenantId>,
}

impl TenantArg {
    /// The tenant, as it is known to a store.
    pub fn tenant(&self) -> TenantId {
        self.tenant.clone().unwrap_or_else(TenantId::default_tenant)
    }

    /// The same as a parameter; an engine knows its default tenant itself.
    pub fn parameter(&self) -> Option<QueryPair> {
        let tenant = self.tenant.as_ref()?;
        Some(("tenant", tenant.to_string()))
    }
}
