//! The canonical form: what goes in comes out, in one order, on one line.

use crate::door::{Door, parse};
use larum_event::{Alert, AlertStatus, Correlation, Event, EventId, Priority, RuleId, Severity};
use larum_event::{AlertTrigger, FieldValue, RejectionReason, TenantId, Timestamp};

const FULL: &str = r#"{"id":"e-1","type":"auth.Login","source":"sshd@web-1","time":"2026-11-20T12:00:00.123456Z","sequence":7,"channel":"security","dataVersion":"1.0","severity":"high","priority":"normal","correlationId":"login-77","correlation":{"root":"incident-9","parent":"login-70","stage":"collection","tags":{"a":"1","collector":"procmond"},"hop":[1,2]},"causationId":"c-1","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","x":{"y": [1, 2.50, 1e3]},"metadata":{"user":"eve","tenantId":"acme"},"data":{"outcome":"failure","big":123456789012345678901234567890,"text":"a \"b\" \u00e9 \u0000 c"}}"#;

fn canonical_full() -> String {
    FULL.replace(r#"{"y": [1, 2.50, 1e3]}"#, r#"{"y":[1,2.50,1e3]}"#)
}

#[test]
fn every_member_survives_in_canonical_order_with_its_source_text() {
    let event = parse(FULL).unwrap();
    assert_eq!(event.json(), canonical_full());
    let envelope = event.envelope();
    assert_eq!(envelope.id.as_str(), "e-1");
    assert_eq!(envelope.event_type.as_str(), "auth.Login");
    assert_eq!(envelope.topic.as_str(), "security.auth.login");
    assert_eq!(envelope.tenant.as_str(), "acme");
    assert_eq!(envelope.severity, Severity::High);
    assert_eq!(envelope.priority, Priority::Normal);
    assert_eq!(envelope.sequence, Some(7));
    let correlation = envelope.correlation.as_ref().unwrap();
    assert_eq!(correlation.root.as_ref().unwrap().as_str(), "incident-9");
    assert_eq!(correlation.tags.len(), 2);
}

#[test]
fn members_in_any_order_and_white_space_give_the_same_line_and_hash() {
    let members: Vec<(String, Box<serde_json::value::RawValue>)> = {
        let map: serde_json::Map<String, serde_json::Value> = serde_json::from_str(FULL).unwrap();
        map.keys()
            .map(|name| {
                let all: std::collections::HashMap<String, Box<serde_json::value::RawValue>> =
                    serde_json::from_str(FULL).unwrap();
                (name.clone(), all[name].clone())
            })
            .collect()
    };
    let last_first: Vec<String> = members
        .iter()
        .rev()
        .map(|(name, value)| format!("\n\t\"{name}\" : {}\r\n ", value.get()))
        .collect();
    let turned = parse(format!("  {{{}}}\n", last_first.join(","))).unwrap();
    assert_eq!(turned.json(), canonical_full());
    assert_eq!(turned.content_hash(), parse(FULL).unwrap().content_hash());
}

#[test]
fn canonical_text_reads_back_to_the_same_event() {
    let event = parse(FULL).unwrap();
    let back = Event::from_canonical(event.json()).unwrap();
    assert_eq!(back, event);
    assert_eq!(back.envelope(), event.envelope());
    assert_eq!(back.content_hash(), event.content_hash());
    assert!(
        Event::from_canonical(FULL).is_err(),
        "white space is not canonical"
    );
    assert!(Event::from_canonical(r#"{"id":"a"}"#).is_err());
}

#[test]
fn what_a_door_fills_in_is_marked_and_does_not_count_as_content() {
    let text = r#"{"type":"auth.login","data":{"n":1}}"#;
    let first = Door::default().parse(text).unwrap();
    let envelope = first.envelope();
    assert!(envelope.filled.id && envelope.filled.time);
    assert!(envelope.filled.source && envelope.filled.severity);
    assert_eq!(envelope.topic.as_str(), "events.auth.login");
    assert_eq!(envelope.tenant.as_str(), "default");
    assert!(
        first
            .json()
            .contains(r#""filled":["id","time","source","severity"]"#)
    );
    let later = Door {
        arrived: Timestamp::from_seconds(99).unwrap(),
        ..Door::default()
    };
    let retry = later.parse(text).unwrap();
    assert_ne!(retry, first);
    assert_eq!(retry.content_hash(), first.content_hash());
    let back = Event::from_canonical(first.json()).unwrap();
    assert_eq!(back.envelope(), envelope);
    assert_eq!(back.content_hash(), first.content_hash());
    // A line that one Larum filled in goes through another's door unchanged.
    assert_eq!(parse(first.json()).unwrap(), first);
}

#[test]
fn another_value_anywhere_is_other_content() {
    let hash = |text: &str| parse(text).unwrap().content_hash();
    for (from, to) in [
        ("e-1", "e-2"),
        (".123456Z", ".123457Z"),
        ("failure", "success"),
        ("eve", "eva"),
        ("high", "low"),
    ] {
        assert_ne!(hash(FULL), hash(&FULL.replace(from, to)), "{from}");
    }
}

#[test]
fn null_counts_as_left_out_but_not_in_data() {
    let event = parse(
        r#"{"type":"a","id":null,"time":null,"severity":null,"priority":null,"sequence":null,"channel":null,
            "correlationId":null,"correlation":null,"causationId":null,"metadata":null,"filled":null,"data":null}"#,
    )
    .unwrap();
    assert!(event.envelope().filled.id);
    assert_eq!(event.envelope().correlation, None);
    assert!(
        event
            .json()
            .ends_with(r#""metadata":{"tenantId":"default"},"data":null}"#)
    );
}

#[test]
fn an_alert_is_an_event_and_reads_back() {
    let trigger = parse(FULL).unwrap();
    let mut alert = Alert {
        alert_id: "a1b2".into(),
        revision: 1,
        status: AlertStatus::Early,
        rule: RuleId::new("auth.Guessing").unwrap(),
        title: Some("Guessing".into()),
        severity: Severity::Critical,
        attack: vec!["T1110".into()],
        key: serde_json::Map::from_iter([("user".to_owned(), "eve".into())]),
        count: 5,
        value: None,
        error: None,
        window: Some("5m".parse().unwrap()),
        first: Timestamp::from_seconds(1).unwrap(),
        last: Timestamp::from_seconds(2).unwrap(),
        trigger: AlertTrigger {
            id: EventId::new("e-1").unwrap(),
            sequence: Some(7),
        },
        evidence: vec![EventId::new("e-1").unwrap()],
        message: "5 failed \"logins\"\nfor eve".into(),
        fields: serde_json::Map::new(),
        depth: 1,
    };
    let tenant = TenantId::new("acme").unwrap();
    let place = Correlation::child_of(trigger.envelope());
    let time = trigger.envelope().time;
    let event = Event::from_alert(&alert, time, &tenant, place.as_ref()).unwrap();
    let envelope = event.envelope();
    assert_eq!(envelope.topic.as_str(), "alerts.auth.guessing");
    assert_eq!(envelope.event_type.as_str(), "auth.Guessing");
    assert_eq!(
        (envelope.id.as_str(), envelope.source.as_str()),
        ("a1b2", "larum")
    );
    assert_eq!(envelope.tenant, tenant);
    assert_eq!(envelope.time, time);
    assert_eq!(envelope.correlation_id.as_ref().unwrap().as_str(), "a1b2");
    assert_eq!(envelope.causation_id.as_ref().unwrap().as_str(), "e-1");
    let place = envelope.correlation.as_ref().unwrap();
    assert_eq!(place.root.as_ref().unwrap().as_str(), "incident-9");
    assert_eq!(place.parent.as_ref().unwrap().as_str(), "login-77");
    assert_eq!(Alert::from_event(&event).as_ref(), Some(&alert));
    assert_eq!(Alert::from_event(&trigger), None);
    assert_eq!(event.field("data.count"), Some(FieldValue::Int(5)));

    alert.revision = 2;
    let second = Event::from_alert(&alert, time, &tenant, None).unwrap();
    assert_eq!(second.envelope().id.as_str(), "a1b2.2");
    assert_eq!(second.envelope().correlation_id, envelope.correlation_id);

    alert.message = "x".repeat(1024 * 1024);
    let rejection = Event::from_alert(&alert, time, &tenant, None).unwrap_err();
    assert_eq!(rejection.reason, RejectionReason::TooLarge);
}
