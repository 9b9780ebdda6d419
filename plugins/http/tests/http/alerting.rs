//! From events to an alert, seen through every window of the door.

use larum_engine::EngineConfig;
use larum_event::RuleFile;

use crate::client::{Door, open_with};
use crate::listening::welcomed;

const RULE: &str = r#"
rule("auth.failures")
    .severity("high")
    .on("security.auth.login")
    .when(|event| event.data.outcome == "failure")
    .group_by("metadata.user")
    .within("5m")
    .count(3);
"#;

fn failures(ids: std::ops::Range<u32>) -> String {
    let lines: Vec<String> = ids
        .map(|id| {
            format!(
                r#"{{"id":"f-{id}","type":"auth.login","source":"sshd","time":"2026-11-20T12:00:{id:02}Z","channel":"security","correlationId":"login-77","metadata":{{"user":"eve"}},"data":{{"outcome":"failure"}}}}"#
            )
        })
        .collect();
    lines.join("\n")
}

async fn open_with_rule() -> Door {
    let with_rule = |config: &mut EngineConfig| {
        config.rules = vec![RuleFile {
            path: "failures.rhai".to_owned(),
            text: RULE.to_owned(),
        }];
    };
    open_with(with_rule, |_| {}).await
}

#[actix_web::test]
async fn an_alert_is_told_listed_and_found_in_its_tree() {
    let door = open_with_rule().await;
    let mut listener = welcomed(&door).await;
    listener
        .subscribe(serde_json::json!({"topics": "alerts.#", "severity": "high"}))
        .await;
    let answer = door.post("application/x-ndjson", failures(0..3)).await;
    assert_eq!(answer.counts(), (200, [3, 0, 0]));

    let told = listener.hear().await;
    assert_eq!(told["type"], "security_event");
    assert_eq!(told["topic"], "alerts.auth.failures");
    assert_eq!(told["eventType"], "auth.failures");
    assert_eq!(told["eventData"]["data"]["count"], 3);

    let id = told["id"].as_str().unwrap();
    for target in [
        "/v1/alerts",
        "/v1/alerts?rule=auth.failures&minSeverity=high",
        "/v1/events?kind=alert",
        "/v1/events?topic=alerts.%23",
    ] {
        assert_eq!(door.get(target).await.items("id"), [id], "{target}");
    }
    let none = door.get("/v1/alerts?rule=auth.other").await;
    assert!(none.items("id").is_empty());
    assert_eq!(door.get("/v1/events?kind=event").await.items("id").len(), 3);

    door.engine.wait_until_evaluated().await;
    for id in [id, "f-0", "login-77"] {
        let tree = door.get(&format!("/v1/trees/{id}")).await;
        assert_eq!(tree.status, 200, "{id}: {tree:?}");
        assert_eq!(tree.json()["root"], "login-77", "{id}");
    }
    assert_eq!(door.metric("larum_rules").await, 1);
    assert_eq!(
        door.metric("larum_alerts_total{rule=\"auth.failures\"}")
            .await,
        1
    );
}
