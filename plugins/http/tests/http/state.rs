//! How the engine is, and what the door says to requests for nothing.

use crate::client::{event, open};

#[actix_web::test]
async fn probes_and_health_tell_that_the_engine_is_ready() {
    let door = open().await;
    assert_eq!(door.get("/livez").await.json()["live"], true);
    let ready = door.get("/readyz").await;
    assert_eq!((ready.status, &ready.json()["ready"]), (200, &true.into()));
    let health = door.get("/v1/health").await.json();
    assert_eq!(health["ready"], true);
    for member in ["problems", "head", "evaluated", "lag", "rules"] {
        assert!(health.get(member).is_some(), "{member}: {health}");
    }
}

#[actix_web::test]
async fn an_engine_that_takes_nothing_is_alive_and_not_ready() {
    let door = open().await;
    door.engine.shutdown().await;
    assert_eq!(door.get("/livez").await.status, 200);
    let ready = door.get("/readyz").await;
    assert_eq!(ready.error(), (503, "not_ready".to_owned()));
    assert_eq!(ready.json()["ready"], false);
    assert_eq!(door.get("/v1/health").await.status, 200);
}

#[actix_web::test]
async fn actors_are_listed_with_state_and_restarts() {
    let door = open().await;
    let json = door.get("/v1/actors").await.json();
    let actors = json["actors"].as_array().unwrap();
    assert!(!actors.is_empty());
    for actor in actors {
        assert!(actor["name"].is_string(), "{actor}");
        assert!(actor["state"].is_string(), "{actor}");
        assert_eq!(actor["restarts"], 0, "{actor}");
        assert!(
            actor.get("breaker").is_some() && actor.get("queue").is_some(),
            "{actor}"
        );
        assert!(actor.get("lastError").is_some(), "{actor}");
    }
}

#[actix_web::test]
async fn metrics_count_events_and_requests() {
    let door = open().await;
    door.post("application/json", event("a")).await;
    door.post("application/json", event("a")).await;
    door.get("/v1/nothing/evil-1").await;
    door.get("/v1/nothing/evil-2").await;
    door.get("/v1/trees/a").await;
    door.engine.wait_until_evaluated().await;
    let metrics = door.get("/metrics").await;
    let media = metrics.header("content-type").unwrap();
    assert!(media.starts_with("application/openmetrics-text"), "{media}");
    assert!(metrics.body.ends_with("# EOF\n"), "{}", metrics.body);
    for line in [
        "larum_events_accepted_total 1",
        "larum_events_duplicate_total 1",
        "larum_events_rejected_total{reason=\"syntax\"} 0",
        "larum_requests_overloaded_total 0",
        "larum_ready 1",
        "larum_evaluation_lag_events 0",
        "larum_stream_connections_open 0",
        "larum_http_requests_total{route=\"/v1/events\",status=\"201\"} 1",
        "larum_http_requests_total{route=\"/v1/events\",status=\"200\"} 1",
        "larum_http_requests_total{route=\"/v1/trees/{id}\",status=\"404\"} 1",
        "larum_http_requests_total{route=\"other\",status=\"404\"} 2",
    ] {
        assert!(
            metrics.body.lines().any(|found| found == line),
            "{line} in\n{}",
            metrics.body
        );
    }
    assert!(!metrics.body.contains("evil"), "a path is no label");
}

#[actix_web::test]
async fn unknown_paths_and_methods_are_answered_in_json_and_say_what_there_is() {
    let door = open().await;
    let answer = door.get("/v1/event").await;
    assert_eq!(answer.error(), (404, "not_found".to_owned()));
    assert!(
        answer.json()["error"]["help"]
            .as_str()
            .unwrap()
            .contains("/v1/events")
    );
    let answer = door.ask("DELETE", "/v1/events", &[], b"").await;
    assert_eq!(answer.error(), (405, "method_not_allowed".to_owned()));
    assert_eq!(answer.header("allow"), Some("get, head, post"));
    let answer = door.ask("POST", "/livez", &[], b"").await;
    assert_eq!(answer.error(), (405, "method_not_allowed".to_owned()));
    assert_eq!(answer.header("allow"), Some("get, head"));
    let answer = door.ask("HEAD", "/livez", &[], b"").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    let answer = door.ask("OPTIONS", "/v1/events", &[], b"").await;
    assert_eq!(answer.status, 405, "there is no CORS here");
}

#[actix_web::test]
async fn every_answer_forbids_guessing_and_caching_and_allows_no_other_site() {
    let door = open().await;
    let foreign = [("Host", "evil.example")];
    for answer in [
        door.get("/livez").await,
        door.get("/v1/nothing").await,
        door.get("/v1/events?x=y").await,
        door.post("application/json", event("a")).await,
        door.post("application/json", "{").await,
        door.ask("GET", "/livez", &foreign, b"").await,
    ] {
        assert_eq!(
            answer.header("x-content-type-options"),
            Some("nosniff"),
            "{answer:?}"
        );
        assert_eq!(
            answer.header("cache-control"),
            Some("no-store"),
            "{answer:?}"
        );
        assert!(!answer.head.contains("access-control"), "{answer:?}");
    }
}
