//! Tenants share ids, users and rules and nothing else (1-39).

use std::collections::BTreeMap;

use larum_event::TenantId;
use larum_pipeline::EpochOutcome;

use crate::given::{inputs, pipeline};
use crate::stream::{self, RULES};

/// The alerts of each tenant, as bytes.
fn by_tenant(outcome: &EpochOutcome) -> BTreeMap<TenantId, Vec<String>> {
    let mut tenants: BTreeMap<TenantId, Vec<String>> = BTreeMap::new();
    for raised in &outcome.alerts {
        let alerts = tenants.entry(raised.tenant.clone()).or_default();
        alerts.push(raised.event.json().to_owned());
    }
    tenants
}

#[test]
fn a_tenant_among_others_gets_the_alerts_it_gets_alone() {
    let all = stream::events(2, 2_000);
    let together = by_tenant(&pipeline(RULES, 1).run_inputs(&inputs(all.clone())));
    assert_eq!(together.len(), 3);
    for (tenant, alerts) in &together {
        let own = all
            .iter()
            .filter(|(event, _)| event.envelope().tenant == *tenant);
        let alone = by_tenant(&pipeline(RULES, 1).run_inputs(&inputs(own.cloned().collect())));
        assert!(alerts.len() > 20);
        assert_eq!(alone.get(tenant), Some(alerts), "{tenant}");
    }
}
