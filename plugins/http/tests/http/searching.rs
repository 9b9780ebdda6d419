//! Events and alerts are read.

use serde_json::{Value, json};

use crate::client::{Door, event, open};

async fn open_with_events() -> Door {
    let door = open().await;
    let events = json!([
        {"id": "1", "type": "auth.login", "source": "web-1", "time": "2026-11-20T12:00:00Z",
         "channel": "security", "severity": "info", "correlationId": "step-1",
         "correlation": {"root": "incident"}, "metadata": {"user": "eve", "tenantId": "acme"}, "data": {"n": 1.50}},
        {"id": "2", "type": "auth.login", "source": "web-2", "time": "2026-11-20T12:00:01Z",
         "channel": "security", "severity": "high", "metadata": {"user": "bob"}},
        {"id": "3", "type": "process.Start", "source": "web-2", "time": "2026-11-20T12:00:02Z",
         "severity": "critical", "metadata": {"user": "eve"}},
    ]);
    // A number as no writer of ours would write it.
    let events = events.to_string().replace("1.5}", "1.50}");
    let answer = door.post("application/json", events).await;
    assert_eq!(answer.counts(), (200, [3, 0, 0]), "{answer:?}");
    door
}

async fn ids(door: &Door, target: &str) -> Vec<String> {
    let answer = door.get(target).await;
    assert_eq!(answer.status, 200, "{target}: {answer:?}");
    answer.items("id")
}

#[actix_web::test]
async fn every_filter_leaves_out_what_it_should() {
    let door = open_with_events().await;
    for (filter, expected) in [
        ("", vec!["3", "2", "1"]),
        ("type=auth.login", vec!["2", "1"]),
        ("topic=security.%23", vec!["2", "1"]),
        ("topic=%2B.process.start", vec!["3"]),
        ("severity=high", vec!["2"]),
        ("minSeverity=high", vec!["3", "2"]),
        ("user=eve", vec!["3", "1"]),
        ("source=web-2", vec!["3", "2"]),
        ("tenant=acme", vec!["1"]),
        ("tenant=default", vec!["3", "2"]),
        ("from=2026-11-20T12:00:01Z", vec!["3", "2"]),
        ("to=2026-11-20T12:00:01Z", vec!["2", "1"]),
        (
            "from=2026-11-20T12:00:01Z&to=2026-11-20T12:00:01Z",
            vec!["2"],
        ),
        ("correlationId=step-1", vec!["1"]),
        ("correlationId=incident", vec!["1"]),
        ("id=2", vec!["2"]),
        ("id=4", vec![]),
        ("kind=event", vec!["3", "2", "1"]),
        ("kind=alert", vec![]),
        ("order=oldest", vec!["1", "2", "3"]),
        ("user=eve&type=auth.login", vec!["1"]),
    ] {
        assert_eq!(
            ids(&door, &format!("/v1/events?{filter}")).await,
            expected,
            "{filter}"
        );
    }
    assert_eq!(ids(&door, "/v1/alerts").await, Vec::<String>::new());
    assert_eq!(
        ids(&door, "/v1/alerts?rule=auth.brute_force").await,
        Vec::<String>::new()
    );
}

/// A text as the value of a parameter.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[actix_web::test]
async fn a_search_holds_together_with_every_filter() {
    let door = open_with_events().await;
    for (search, filter, expected) in [
        ("", "", vec!["3", "2", "1"]),
        ("type:auth.* user:eve", "", vec!["1"]),
        ("user:eve OR severity:high", "", vec!["3", "2", "1"]),
        ("user:EVE severity>=high", "", vec!["3"]),
        ("user:eve", "severity=info", vec!["1"]),
        ("last:24h", "", vec![]),
        ("-last:24h", "", vec!["3", "2", "1"]),
        ("tenant:default OR tenant:acme", "tenant=acme", vec!["1"]),
        ("tenant:default", "tenant=acme", vec![]),
        ("-tenant:acme", "tenant=acme", vec![]),
        ("root:incident", "kind=event", vec!["1"]),
        ("WEB-2", "order=oldest", vec!["2", "3"]),
        ("data.n:1.5", "", vec!["1"]),
    ] {
        let target = format!("/v1/events?q={}&{filter}", encoded(search));
        assert_eq!(ids(&door, &target).await, expected, "{search} and {filter}");
    }
    let none = ids(&door, &format!("/v1/alerts?q={}", encoded("kind:event"))).await;
    assert_eq!(none, Vec::<String>::new());
}

#[actix_web::test]
async fn a_search_goes_on_page_by_page_with_its_own_cursor_alone() {
    let door = open_with_events().await;
    let target =
        |search: &str, rest: &str| format!("/v1/events?q={}&limit=1{rest}", encoded(search));
    let first = door.get(&target("source:web-*", "")).await.json();
    let next = first["next"].as_str().unwrap();
    let cursor = format!("&cursor={next}");
    assert_eq!(ids(&door, &target("source:web-*", &cursor)).await, ["2"]);
    let other = door.get(&target("source:web-2", &cursor)).await;
    assert_eq!(other.error(), (400, "bad_parameter".to_owned()));
}

#[actix_web::test]
async fn a_mistake_in_a_search_is_told_with_its_place() {
    let door = open().await;
    for path in ["events", "alerts"] {
        let answer = door
            .get(&format!("/v1/{path}?q={}", encoded("é severty:high")))
            .await;
        assert_eq!(answer.error(), (400, "bad_search".to_owned()));
        let error = &answer.json()["error"];
        assert_eq!(error["message"], "there is no field \"severty\"");
        assert_eq!(error["position"], json!({"column": 3, "length": 7}));
        assert!(
            error["help"].as_str().unwrap().contains("severity"),
            "{error}"
        );
    }
    let twice = door.get("/v1/events?q=a&q=b").await;
    assert_eq!(twice.error(), (400, "bad_parameter".to_owned()));
}

#[actix_web::test]
async fn pages_are_disjoint_and_whole_while_events_come_in() {
    let door = open().await;
    let lines: Vec<String> = (0..10).map(event).collect();
    door.post("application/x-ndjson", lines.join("\n")).await;
    for (order, expected) in [
        (
            "newest",
            vec!["9", "8", "7", "6", "5", "4", "3", "2", "1", "0"],
        ),
        (
            "oldest",
            vec!["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
        ),
    ] {
        let mut seen = Vec::new();
        let mut target = format!("/v1/events?limit=3&order={order}&topic=security.%23");
        let mut late = 0;
        loop {
            let answer = door.get(&target).await;
            seen.extend(answer.items("id"));
            let json = answer.json();
            assert_eq!(
                json["positions"].as_array().unwrap().len(),
                json["items"].as_array().unwrap().len()
            );
            assert_eq!(json["complete"], true);
            let Some(next) = json["next"].as_str() else {
                break;
            };
            target = format!("/v1/events?limit=3&order={order}&topic=security.%23&cursor={next}");
            late += 1;
            let other = event(format!("{order}-{late}")).replace("security", "audit");
            assert_eq!(door.post("application/json", other).await.status, 201);
        }
        assert_eq!(seen, expected);
    }
}

#[actix_web::test]
async fn events_come_back_byte_for_byte_as_json_and_by_line() {
    let door = open_with_events().await;
    let lines = door
        .ask(
            "GET",
            "/v1/events?order=oldest&limit=2",
            &[("Accept", "application/x-ndjson")],
            b"",
        )
        .await;
    assert_eq!(lines.header("content-type"), Some("application/x-ndjson"));
    let list: Vec<&str> = lines.body.lines().collect();
    assert_eq!(list.len(), 2);
    assert!(list[0].contains(r#""data":{"n":1.50}"#), "{}", list[0]);
    let page = door.get("/v1/events?order=oldest&limit=2").await;
    for line in list {
        assert!(page.body.contains(line), "{line}");
        serde_json::from_str::<Value>(line).unwrap();
    }
    let next = lines.header("larum-next").unwrap();
    let rest = ids(
        &door,
        &format!("/v1/events?order=oldest&limit=2&cursor={next}"),
    )
    .await;
    assert_eq!(rest, ["3"]);
}

#[actix_web::test]
async fn what_is_not_understood_is_refused_and_named() {
    let door = open().await;
    for (target, code, says) in [
        (
            "/v1/events?severty=high",
            "unknown_parameter",
            "\"severty\"",
        ),
        ("/v1/alerts?kind=event", "unknown_parameter", "\"kind\""),
        ("/v1/events?severity=urgent", "bad_parameter", "severity"),
        (
            "/v1/events?severity=low&minSeverity=low",
            "bad_parameter",
            "minSeverity",
        ),
        ("/v1/events?from=yesterday", "bad_parameter", "from"),
        (
            "/v1/events?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
            "bad_parameter",
            "later",
        ),
        ("/v1/events?topic=a.*", "bad_parameter", "topic"),
        ("/v1/events?limit=0", "bad_parameter", "1 to 1000"),
        ("/v1/events?limit=1001", "bad_parameter", "1 to 1000"),
        ("/v1/events?limit=ten", "bad_parameter", "limit"),
        (
            "/v1/events?limit=1&limit=2",
            "bad_parameter",
            "more than once",
        ),
        ("/v1/events?order=up", "bad_parameter", "newest, oldest"),
        (
            "/v1/events?kind=x",
            "bad_parameter",
            "event, alert, system, all",
        ),
        ("/v1/events?cursor=nonsense", "bad_parameter", "cursor"),
        ("/v1/events?tenant=", "bad_parameter", "tenant"),
        ("/v1/trees/x?form=text", "unknown_parameter", "\"form\""),
        ("/v1/trees/x?format=xml", "bad_parameter", "json, text"),
    ] {
        let answer = door.get(target).await;
        assert_eq!(answer.error(), (400, code.to_owned()), "{target}");
        let message = answer.json()["error"]["message"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(message.contains(says), "{target}: {message}");
    }
    let help = door.get("/v1/events?severty=high").await.json()["error"]["help"].clone();
    assert!(help.as_str().unwrap().contains("minSeverity"), "{help}");
    assert_eq!(door.get("/v1/events?limit=1000").await.status, 200);
}

#[actix_web::test]
async fn a_tree_is_found_by_step_and_event_as_json_and_as_text() {
    let door = open_with_events().await;
    door.engine.wait_until_evaluated().await;
    for id in ["step-1", "1"] {
        let target = format!("/v1/trees/{id}?tenant=acme");
        let answer = door.get(&target).await;
        assert_eq!(answer.status, 200, "{id}: {answer:?}");
        assert_eq!(answer.json()["tenant"], "acme");
    }
    let text = door.get("/v1/trees/step-1?tenant=acme&format=text").await;
    assert_eq!(
        text.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert!(!text.body.is_empty());
    let none = door.get("/v1/trees/step-1").await;
    assert_eq!(none.error(), (404, "no_such_tree".to_owned()));
}

#[actix_web::test]
async fn an_id_of_a_tree_may_hold_slashes_and_spaces() {
    let door = open().await;
    let event = r#"{"id":"1","type":"a.b","source":"s","correlationId":"login/77 of eve"}"#;
    assert_eq!(door.post("application/json", event).await.status, 201);
    door.engine.wait_until_evaluated().await;
    let answer = door.get("/v1/trees/login%2F77%20of%20eve").await;
    assert_eq!(answer.status, 200, "{answer:?}");
}
