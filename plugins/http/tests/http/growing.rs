//! A door to an engine with a small case in it, twice: once for each of two tenants.

use serde_json::{Value, json};

use crate::client::{Answer, Door, open_with};
use larum_engine::EngineConfig;
use larum_event::RuleFile;

const RULES: &str = r#"
rule("auth.guessing")
    .title("Guessing")
    .severity("high")
    .attack("T1110")
    .on("security.auth.login")
    .when(|event| event.data.outcome == "failure")
    .group_by("metadata.user")
    .within("5m")
    .count(3);
link("process").on("security.process.#").id("data.guid").parent("data.parent").scope("metadata.host").label("data.image");
link("session").on("security.session.#").id(lower("data.session"));
"#;

/// What one tenant sees of the case of another by names of its own only.
pub const ACME: &str = "acme";

/// A door without events.
pub async fn empty() -> Door {
    let with_rules = |config: &mut EngineConfig| {
        config.rules = vec![RuleFile {
            path: "case.rhai".to_owned(),
            text: RULES.to_owned(),
        }];
    };
    open_with(with_rules, |_| {}).await
}

/// A login, three failures under it, a second step, and two processes.
pub fn case(user: &str) -> Vec<Value> {
    let step = |id: &str, second: u32, more: Value| {
        let mut event = json!({"id": id, "type": "auth.login", "source": "sshd", "channel": "security",
            "time": format!("2026-11-20T12:00:{second:02}Z"), "metadata": {"user": user, "host": "WS5.shire.com"}});
        for (name, value) in more.as_object().unwrap() {
            event[name] = value.clone();
        }
        event
    };
    let failure = json!({"outcome": "failure"});
    let under = |stage: &str| json!({"root": "case", "parent": "case", "stage": stage, "tags": {"team": "red"}});
    let process =
        |guid: &str, parent: &str| json!({"guid": guid, "parent": parent, "image": "cmd.exe"});
    vec![
        step("e0", 0, json!({"correlationId": "case", "data": {}})),
        step(
            "e1",
            1,
            json!({"correlationId": "guess", "correlation": under("access"), "data": failure}),
        ),
        step(
            "e2",
            2,
            json!({"correlationId": "guess", "correlation": under("access"), "data": failure}),
        ),
        step(
            "e3",
            3,
            json!({"correlationId": "guess", "correlation": under("access"), "data": failure}),
        ),
        step(
            "e4",
            4,
            json!({"correlationId": "copy", "correlation": under("theft"), "type": "file.copied",
            "source": "edr", "severity": "critical", "data": {}}),
        ),
        step(
            "p1",
            5,
            json!({"type": "process.started", "source": "edr", "data": process("{P-1}", "{P-0}")}),
        ),
        step(
            "p2",
            6,
            json!({"type": "process.started", "source": "edr", "data": process("{P/2}", "{P-1}")}),
        ),
    ]
}

/// The same events as those of another tenant.
pub fn of(tenant: &str, events: Vec<Value>) -> Vec<Value> {
    let owned = events.into_iter().map(|mut event| {
        event["metadata"]["tenantId"] = tenant.into();
        event
    });
    owned.collect()
}

/// Stores events and waits until they are in their trees.
pub async fn post(door: &Door, events: &[Value]) {
    let lines: Vec<String> = events.iter().map(Value::to_string).collect();
    let answer = door.post("application/x-ndjson", lines.join("\n")).await;
    assert_eq!(answer.counts().1[0], events.len() as u64, "{answer:?}");
    door.engine.wait_until_evaluated().await;
}

/// A door with the case of eve in it.
pub async fn grown() -> Door {
    let door = empty().await;
    post(&door, &case("eve")).await;
    door
}

/// What a request finds.
pub async fn ask(door: &Door, target: &str) -> Value {
    let answer = door.get(target).await;
    assert_eq!(answer.status, 200, "{target}: {answer:?}");
    answer.json()
}

/// The ids of the nodes of a tree that are no alerts.
pub fn nodes(tree: &Value) -> Vec<&str> {
    let nodes = tree["nodes"].as_array().unwrap().iter();
    let nodes = nodes.filter(|node| node["alert"].is_null());
    nodes.map(|node| node["id"].as_str().unwrap()).collect()
}

/// Asserts what a refusal says.
#[track_caller]
pub fn refused(answer: &Answer, status: u16, code: &str, says: &str) {
    assert_eq!(answer.error(), (status, code.to_owned()), "{answer:?}");
    let error = answer.json()["error"].to_string();
    assert!(error.contains(says), "no {says:?} in {error}");
}
