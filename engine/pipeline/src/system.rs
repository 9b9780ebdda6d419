//! Events that the engine says about itself.
//!
//! They are derived from the log like alerts are, so they too come out the same in every run.

use larum_event::{
    Alert, AlertStatus, Channel, Detection, Event, EventId, Fill, RuleId, Severity, TenantId,
    Trigger, UnitChange,
};
use larum_rule::Rule;
use serde_json::{Map, Value, json};

use crate::raise::engine_alert_id;

/// The rule id of the alert that a unit of the engine was left out.
const UNIT_DETACHED: &str = "larum.unit_detached";

/// The one diagnostic about a loop of alerts that was cut at the depth limit (4-12).
pub(crate) fn depth_reached(rule: &Rule, detection: &Detection, depth: u8) -> Option<Event> {
    let id = engine_alert_id(
        &detection.tenant,
        &rule.id,
        detection.trigger.event_id.as_str(),
    );
    let body = json!({
        "id": format!("{id}.depth"),
        "type": "causation.limit",
        "source": "larum",
        "time": detection.trigger.time.to_string(),
        "channel": "$sys",
        "severity": "high",
        "causationId": detection.trigger.event_id.as_str(),
        "metadata": { "tenantId": detection.tenant.as_str() },
        "data": {
            "rule": rule.id.as_str(),
            "depth": depth,
            "message": format!(
                "rule {} raised no alert: the chain of causes behind its event is {depth} long; \
                 something outside answers alerts with events that raise them again",
                rule.id
            ),
        },
    });
    system_event(&body, &detection.tenant)
}

fn system_event(body: &Value, tenant: &TenantId) -> Option<Event> {
    let fill = Fill {
        arrived: larum_event::Timestamp::MIN,
        new_id: &|| EventId::new("larum").expect("a word is a valid name"),
        source: None,
        channel: &Channel::system(),
        tenant,
        severity: &|_| Severity::Info,
    };
    Event::parse(body.to_string().as_bytes(), &fill).ok()
}

/// The alert that a unit was left out, as an event; `None` when it cannot be one, which
/// only names beyond all limits could cause.
pub fn unit_detached_alert(change: &UnitChange) -> Option<Event> {
    let tenant = TenantId::default_tenant();
    let rule = RuleId::new(UNIT_DETACHED).ok()?;
    // A unit may be left out at one position more than once: at first, and when it is given up.
    let anchor = format!("{}@{}/{}", change.unit, change.from, change.at.as_nanos());
    let hashed = || EventId::new(&*engine_alert_id(&tenant, &rule, &anchor));
    let anchor = EventId::new(&*anchor).or_else(|_| hashed()).ok()?;
    let mut key = Map::new();
    key.insert("unit".to_owned(), change.unit.clone().into());
    let mut fields = Map::new();
    fields.insert("rules".to_owned(), change.rules.clone().into());
    fields.insert("from".to_owned(), change.from.0.into());
    let alert = Alert {
        alert_id: engine_alert_id(&tenant, &rule, anchor.as_str()),
        revision: 1,
        status: AlertStatus::Final,
        rule,
        title: Some("A part of the engine was left out".into()),
        severity: Severity::High,
        attack: Vec::new(),
        key,
        count: 1,
        window: None,
        first: change.at,
        last: change.at,
        trigger: Trigger {
            id: anchor.clone(),
            sequence: None,
        },
        evidence: vec![anchor],
        message: format!(
            "{} was left out after position {}: {}; its rules say nothing until it is back",
            change.unit, change.from, change.reason
        ),
        fields,
        depth: 1,
    };
    Event::from_alert(&alert, change.at, &tenant, None).ok()
}
