//! The rules in force, and others by `POST /v1/rules/reload`.

use std::sync::{Arc, Mutex};

use larum_engine::ReloadSource;
use larum_event::RuleFile;

use crate::client::{Door, event, open, open_with};

const ONE: &str = r#"rule("auth.any").title("Any login").severity("high").on("security.#");"#;
const TWO: &str =
    r##"rule("auth.any").on("security.#").when(|event| event.data.n > 1); rule("all").on("#");"##;

type Text = Arc<Mutex<Result<&'static str, String>>>;

fn files(text: &str) -> Vec<RuleFile> {
    vec![RuleFile {
        path: "auth/rule.rhai".to_owned(),
        text: text.to_owned(),
    }]
}

/// A door to an engine whose rules are read from the text, which may be changed.
async fn with_rules() -> (Door, Text) {
    let text: Text = Arc::new(Mutex::new(Ok(ONE)));
    let there = Arc::clone(&text);
    let door = open_with(
        |config| {
            config.rules = files(ONE);
            config.reload_source = Some(ReloadSource::new(move || {
                there.lock().unwrap().clone().map(files)
            }));
        },
        |_| {},
    )
    .await;
    (door, text)
}

async fn reload(door: &Door) -> crate::client::Answer {
    door.ask("POST", "/v1/rules/reload", &[], b"").await
}

#[actix_web::test]
async fn the_rules_in_force_are_listed_with_what_each_is_and_how_it_fares() {
    let (door, _) = with_rules().await;
    door.post("application/json", event("a")).await;
    door.engine.wait_until_evaluated().await;
    let json = door.get("/v1/rules").await.json();
    assert_eq!(json["hash"].as_str().unwrap().len(), 64);
    assert_eq!(
        (&json["since"], &json["reloadFailed"]),
        (&1.into(), &false.into())
    );
    let rule = &json["rules"][0];
    for (member, value) in [
        ("id", "auth.any".into()),
        ("title", "Any login".into()),
        ("severity", "high".into()),
        ("file", "auth/rule.rhai".into()),
        ("line", 1.into()),
        ("layer", 0.into()),
        ("condition", "native".into()),
        ("alerts", 1.into()),
        ("matches", 1.into()),
        ("excepted", 0.into()),
        ("scriptRuns", 0.into()),
        ("brokenOut", false.into()),
        ("missed", serde_json::json!([])),
        ("faults", serde_json::Value::from(0)),
    ] {
        assert_eq!(rule[member], value, "{member}: {rule}");
    }
    assert_eq!(rule["semanticHash"].as_str().unwrap().len(), 64);
}

#[actix_web::test]
async fn a_reload_answers_what_it_changed() {
    let (door, text) = with_rules().await;
    let before = door.get("/v1/rules").await.json();
    let same = reload(&door).await;
    assert_eq!(
        (same.status, &same.json()["position"]),
        (200, &serde_json::Value::Null)
    );
    assert_eq!(same.json()["hash"], before["hash"]);
    *text.lock().unwrap() = Ok(TWO);
    let answer = reload(&door).await;
    let json = answer.json();
    assert_eq!((answer.status, &json["inForce"]), (200, &true.into()));
    assert_eq!(json["added"], serde_json::json!(["all"]));
    assert_eq!(json["changed"], serde_json::json!(["auth.any"]));
    assert_eq!(
        (&json["removed"], &json["unchanged"]),
        (&serde_json::json!([]), &0.into())
    );
    let after = door.get("/v1/rules").await.json();
    assert_eq!(
        (&after["hash"], &after["since"]),
        (&json["hash"], &json["position"])
    );
    assert_eq!(door.metric("larum_rules").await, 2);
    assert_eq!(
        door.metric("larum_rules_reloads_total{result=\"ok\"}")
            .await,
        2
    );
}

#[actix_web::test]
async fn rules_that_do_not_load_are_answered_one_by_one_and_change_nothing() {
    let (door, text) = with_rules().await;
    let before = door.get("/v1/rules").await.json();
    *text.lock().unwrap() = Ok("rule(\"x\")\n  .severty(\"high\").on(\"a.#\");");
    let answer = reload(&door).await;
    assert_eq!(answer.error(), (422, "rules_refused".to_owned()));
    let json = answer.json();
    let found = &json["findings"][0];
    assert_eq!(
        (&found["level"], &found["file"], &found["line"]),
        (&"error".into(), &"auth/rule.rhai".into(), &2.into()),
        "{json}"
    );
    assert!(
        found["help"].as_str().unwrap().contains("severity"),
        "{json}"
    );
    assert_eq!(door.metric("larum_rules_reload_failed").await, 1);
    assert_eq!(door.metric("larum_ready").await, 1);
    assert_eq!(door.get("/readyz").await.status, 200);
    let after = door.get("/v1/rules").await.json();
    assert_eq!(after["reloadFailed"], true);
    assert_eq!(after["hash"], before["hash"]);
    door.engine.wait_until_evaluated().await;
    let told = door.get("/v1/events?topic=$sys.%23").await;
    assert_eq!(told.items("type"), ["rules.reload_failed"], "{told:?}");

    *text.lock().unwrap() = Err("cannot read rules from rules".to_owned());
    let answer = reload(&door).await;
    assert_eq!(answer.error(), (422, "rules_unreadable".to_owned()));
    *text.lock().unwrap() = Ok(ONE);
    assert_eq!(reload(&door).await.status, 200);
    assert_eq!(door.metric("larum_rules_reload_failed").await, 0);
    assert_eq!(
        door.metric("larum_rules_reloads_total{result=\"failed\"}")
            .await,
        2
    );
}

#[actix_web::test]
async fn reloading_is_a_post_from_this_machine_to_an_engine_that_knows_its_rules() {
    let door = open().await;
    assert_eq!(
        reload(&door).await.error(),
        (409, "no_rules_folder".to_owned())
    );
    let answer = door.get("/v1/rules/reload").await;
    assert_eq!(answer.error(), (405, "method_not_allowed".to_owned()));
    let foreign = [("Origin", "https://evil.example")];
    let answer = door.ask("POST", "/v1/rules/reload", &foreign, b"").await;
    assert_eq!(answer.status, 403, "{answer:?}");
    assert_eq!(
        door.get("/v1/rules").await.json()["rules"],
        serde_json::json!([])
    );
}

const THROWS: &str = r#"rule("throws").on("security.#").when(|event| {
    if event.source != "x" { throw "no"; }
    true
});"#;

#[actix_web::test]
async fn a_rule_that_keeps_failing_is_listed_as_broken_out_with_what_it_misses() {
    let door = open_with(
        |config| config.rules = files(&[ONE, THROWS].concat()),
        |_| {},
    )
    .await;
    let lines: Vec<String> = (0..30).map(event).collect();
    door.post("application/x-ndjson", lines.join("\n")).await;
    door.engine.wait_until_evaluated().await;
    let json = door.get("/v1/rules").await.json();
    let rule = &json["rules"][1];
    assert_eq!(
        (&rule["id"], &rule["condition"]),
        (&"throws".into(), &"scripted".into())
    );
    assert_eq!(
        (&rule["brokenOut"], &rule["faults"]),
        (&true.into(), &20.into())
    );
    let missed = &rule["missed"][0];
    assert_eq!(
        (&missed["tenant"], &missed["before"]),
        (&"default".into(), &serde_json::Value::Null)
    );
    assert!(
        missed["reason"].as_str().unwrap().contains("no"),
        "{missed}"
    );
    assert!(
        missed["after"].is_u64() && missed["until"].is_string(),
        "{missed}"
    );
    assert_eq!(door.metric("larum_rules_broken_out").await, 1);
    assert_eq!(
        door.metric("larum_rule_matches_total{rule=\"auth.any\"}")
            .await,
        30
    );
    assert_eq!(
        door.metric("larum_rule_faults_total{rule=\"throws\"}")
            .await,
        20
    );
    assert_eq!(door.get("/readyz").await.status, 200);
    let alerts = door.get("/v1/alerts").await;
    let told = alerts.items("type");
    assert_eq!(
        told.iter()
            .filter(|name| *name == "larum.rule_broken_out")
            .count(),
        1
    );
}
