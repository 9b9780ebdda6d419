//! What rules say of windows that fired.

use std::sync::Arc;

use larum_event::{Amount, GroupKey, ScalarValue, Timestamp};
use larum_rule::{AlertText, FaultKind, RuleFault, RuleMatcher, WindowView};
use serde_json::json;

use crate::fixtures::{load, login};

fn alert_text(alert: &str) -> Result<AlertText, RuleFault> {
    alert_text_of(r#".within("5m").count(5)"#, alert)
}

fn alert_text_of(window: &str, alert: &str) -> Result<AlertText, RuleFault> {
    let set = load(&format!(
        r##"rule("r").on("#").group_by(["metadata.user", "data.port"]){window}{alert};"##
    ));
    let event = login(r#"{"outcome":"failure","port":22,"list":[1,"a"],"map":{"k":null}}"#);
    RuleMatcher::new(Arc::new(set)).alert_fields(
        0,
        &WindowView {
            count: 5,
            key: &GroupKey::new(vec![ScalarValue::Str("eve".into()), ScalarValue::Int(22)]),
            first: Timestamp::parse("2026-11-20T12:00:00Z").unwrap(),
            last: Timestamp::parse("2026-11-20T12:04:00Z").unwrap(),
            value: Some(Amount::from_int(7)),
            event: Some(&event),
        },
    )
}

#[test]
fn a_rule_says_what_it_likes_of_the_window() {
    let text = alert_text(
        r##".alert(|window| #{
            message: `${window.count} failed logins for ${window.key.user} in ${window.within}`,
            port: window.key.port,
            last: window.last,
            ratio: 0.5,
        })"##,
    )
    .unwrap();
    assert_eq!(
        text.message.as_deref(),
        Some("5 failed logins for eve in 5m")
    );
    assert_eq!(
        serde_json::Value::Object(text.fields),
        json!({ "port": 22, "last": "2026-11-20T12:04:00Z", "ratio": 0.5 })
    );
}

#[test]
fn a_rule_without_a_count_says_what_it_likes_of_the_event() {
    let text = alert_text_of(
        "",
        r##".alert(|window| #{
            outcome: window.event.data.outcome,
            list: window.event.data.list,
            map: window.event.data.map,
            nothing: window.event.data.nothing,
        })"##,
    )
    .unwrap();
    assert_eq!(
        serde_json::Value::Object(text.fields),
        json!({ "outcome": "failure", "list": [1, "a"], "map": {"k": null}, "nothing": null })
    );
}

#[test]
fn a_text_alone_is_the_message() {
    let text = alert_text(r##".alert(|window| "hello " + window.key.user)"##).unwrap();
    assert_eq!(text.message.as_deref(), Some("hello eve"));
}

#[test]
fn a_rule_without_an_alert_says_nothing() {
    assert_eq!(alert_text("").unwrap(), AlertText::default());
}

#[test]
fn a_failing_alert_is_a_fault_of_the_rule() {
    let fault = alert_text(r##".alert(|window| throw "no")"##).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Error);
    assert!(fault.message.ends_with("runtime error: no"), "{fault}");
    let fault = alert_text(r##".alert(|window| { loop { } })"##).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Budget);
    let fault = alert_text(".alert(|window| 5)").unwrap_err();
    assert!(fault.message.contains("not a number"), "{fault}");
    let fault = alert_text(".alert(|window| #{f: |x| x})").unwrap_err();
    assert!(fault.message.contains("member `f`"), "{fault}");
}
