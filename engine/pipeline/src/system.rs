//! Events that the engine says about itself.
//!
//! Owns the alerts and `$sys` events about broken-out rules, detached units and chains of causes
//! that are too long. Deciding that something happened is the caller's job.
//! Invariant: they are derived from the log like alerts are, so they too come out the same in every
//! run.

use larum_event::{
    Alert, AlertStatus, AlertTrigger, Channel, Detection, Event, EventDefaults, EventId, RuleId,
    Severity, TenantId, UnitChange,
};
use larum_rule::{Rule, RuleSet};
use serde_json::{Map, Value, json};

use crate::breakers::{BreakerChange, BreakerEvent};
use crate::raise::engine_alert_id;

/// The rule id of the alert about a unit of the engine that is detached.
const UNIT_DETACHED: &str = "larum.unit_detached";

/// The rule id of the alert that a rule was broken out.
const RULE_BROKEN_OUT: &str = "larum.rule_broken_out";

/// The one diagnostic about a loop of alerts that was cut at the depth limit (4-12).
pub(crate) fn depth_limit_event(rule: &Rule, detection: &Detection, depth: u8) -> Option<Event> {
    let id = engine_alert_id(
        &detection.tenant,
        &rule.id,
        detection.trigger.event_id.as_str(),
    );
    let body = json!({
        "id": format!("{id}.depth"),
        "type": "causation.limit",
        "source": "larum",
        "time": detection.trigger.order.time.to_string(),
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

/// What is reported of a rule that was broken out (an alert) or is back (an event of `$sys`).
pub(crate) fn breaker_event(set: &RuleSet, happened: &BreakerEvent) -> Option<Event> {
    let missed = &happened.missed;
    match happened.change {
        BreakerChange::Opened => broken_out_alert(set, happened),
        BreakerChange::ProbeFailed => None,
        BreakerChange::Closed => {
            let id = engine_alert_id(&missed.tenant, &missed.rule, happened.event.as_str());
            let body = json!({
                "id": format!("{id}.back"),
                "type": "rule.back",
                "source": "larum",
                "time": happened.time.to_string(),
                "channel": "$sys",
                "severity": "info",
                "metadata": { "tenantId": missed.tenant.as_str() },
                "data": {
                    "rule": missed.rule.as_str(),
                    "after": missed.after.0,
                    "before": missed.before.map(|position| position.0),
                    "message": format!(
                        "rule {} answers again; it was not asked about events between positions {} and {}",
                        missed.rule, missed.after, happened.place.position
                    ),
                },
            });
            system_event(&body, &missed.tenant)
        }
    }
}

fn broken_out_alert(set: &RuleSet, happened: &BreakerEvent) -> Option<Event> {
    let missed = &happened.missed;
    let rule = RuleId::new(RULE_BROKEN_OUT).ok()?;
    let anchor = format!("{}@{}", missed.rule, happened.event);
    let broken = set.rules().iter().find(|one| one.id == missed.rule);
    let mut key = Map::new();
    key.insert("rule".to_owned(), missed.rule.as_str().into());
    let mut fields = Map::new();
    fields.insert("after".to_owned(), missed.after.0.into());
    fields.insert("reason".to_owned(), missed.reason.clone().into());
    // The place in its file, because that is where the operator has to look first.
    if let Some(broken) = broken {
        let place = format!("{}:{}", broken.file, broken.line);
        fields.insert("place".to_owned(), place.into());
    }
    let alert = Alert {
        alert_id: engine_alert_id(&missed.tenant, &rule, &anchor),
        revision: 1,
        status: AlertStatus::Final,
        rule,
        title: Some("A rule keeps failing and is not asked for a while".into()),
        severity: Severity::High,
        attack: Vec::new(),
        key,
        count: 1,
        value: None,
        error: None,
        window: None,
        first: happened.time,
        last: happened.time,
        trigger: AlertTrigger {
            id: happened.event.clone(),
            sequence: None,
        },
        evidence: vec![happened.event.clone()],
        message: format!(
            "rule {} failed on half of its events and is broken out behind position {}: {}",
            missed.rule, missed.after, missed.reason
        ),
        fields,
        depth: 1,
    };
    Event::from_alert(&alert, happened.time, &missed.tenant, None).ok()
}

pub(crate) fn system_event(body: &Value, tenant: &TenantId) -> Option<Event> {
    let fill = EventDefaults {
        arrived: larum_event::Timestamp::MIN,
        new_id: &|| EventId::new("larum").expect("a word is a valid name"),
        source: None,
        channel: &Channel::system(),
        tenant,
        severity: &|_| Severity::Info,
    };
    Event::parse(body.to_string().as_bytes(), &fill).ok()
}

/// The alert about a unit that is detached, as an event; `None` when it cannot be one, which only
/// names beyond all limits could cause.
pub fn unit_detached_alert(change: &UnitChange) -> Option<Event> {
    let tenant = TenantId::default_tenant();
    let rule = RuleId::new(UNIT_DETACHED).ok()?;
    // A unit may be detached at one position more than once: at first, and when it is given up.
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
        value: None,
        error: None,
        window: None,
        first: change.at,
        last: change.at,
        trigger: AlertTrigger {
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
