//! Incidents: the cases that alerts come to.

use serde_json::json;

use crate::client::Door;
use crate::growing::{ACME, ask, case, empty, grown, of, post, refused};

/// The incident of the case, and its alert.
async fn known(door: &Door, tenant: &str) -> (String, String) {
    let listed = ask(door, &format!("/v1/incidents?{tenant}")).await;
    let id = listed["items"][0]["id"].as_str().unwrap().to_owned();
    let one = ask(door, &format!("/v1/incidents/{id}?{tenant}")).await;
    (id, one["listed"][0]["id"].as_str().unwrap().to_owned())
}

#[actix_web::test]
async fn every_filter_of_incidents_leaves_out_what_it_should() {
    let door = grown().await;
    for (filter, total) in [
        ("", 1),
        ("minSeverity=high", 1),
        ("minSeverity=critical", 0),
        ("rule=auth.guessing", 1),
        ("rule=auth.other", 0),
        ("user=eve", 1),
        ("user=bob", 0),
        ("host=WS5.shire.com", 1),
        ("entity=user:eve", 1),
        ("user=eve&entity=user:bob", 0),
        ("from=2026-11-20T12:00:03Z", 1),
        ("from=2026-11-20T12:00:04Z", 0),
        ("to=2026-11-20T12:00:01Z", 1),
        ("to=2026-11-20T12:00:00Z", 0),
        ("limit=1", 1),
        ("tenant=other", 0),
    ] {
        let found = ask(&door, &format!("/v1/incidents?{filter}")).await;
        assert_eq!(found["total"], total, "{filter}");
        assert_eq!(found["items"].as_array().unwrap().len(), total, "{filter}");
    }
    let behind = ask(&door, "/v1/incidents?offset=1").await;
    assert_eq!(behind, json!({"items": [], "total": 1}));
}

#[actix_web::test]
async fn an_incident_is_found_by_its_name_an_alert_a_node_an_event_and_a_user() {
    let door = grown().await;
    let (id, alert) = known(&door, "").await;
    for asked in [
        id.as_str(),
        &alert,
        "case",
        "guess",
        "e1",
        "user:eve",
        "host:WS5.shire.com",
    ] {
        let found = ask(&door, &format!("/v1/incidents/{asked}")).await;
        assert_eq!(found["id"], id.as_str(), "{asked}");
        assert_eq!(found["status"], "open", "{asked}");
        assert_eq!(found["trees"], json!(["case"]), "{asked}");
    }
    let tree = ask(&door, "/v1/trees/case").await;
    assert_eq!(tree["incident"], id.as_str());
}

#[actix_web::test]
async fn incidents_are_written_for_people_too() {
    let door = grown().await;
    let (id, _) = known(&door, "").await;
    let list = door.get("/v1/incidents?format=text").await;
    assert_eq!(
        list.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(list.header("larum-total"), Some("1"));
    assert!(list.body.contains(&id), "{list:?}");
    let one = door
        .get(&format!("/v1/incidents/{id}?format=text&width=60"))
        .await;
    assert!(
        one.body.contains(&id) && one.body.contains("auth.guessing"),
        "{one:?}"
    );
    assert!(
        one.body.lines().all(|line| line.chars().count() <= 60),
        "{one:?}"
    );
}

#[actix_web::test]
async fn what_cannot_be_asked_of_incidents_is_refused_and_named() {
    let door = grown().await;
    for (target, status, code, says) in [
        ("?minSeverity=urgent", 400, "bad_parameter", "minSeverity"),
        ("?rule=", 400, "bad_parameter", "rule"),
        ("?entity=eve", 400, "bad_parameter", "user:eve"),
        ("?limit=0", 400, "bad_parameter", "1 to 1000"),
        ("?limit=1001", 400, "bad_parameter", "1 to 1000"),
        ("?offset=-1", 400, "bad_parameter", "offset"),
        (
            "?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
            400,
            "bad_parameter",
            "later",
        ),
        ("?format=dot", 400, "bad_parameter", "json, text"),
        ("?width=80", 400, "bad_parameter", "format=text only"),
        ("?severity=high", 400, "unknown_parameter", "minSeverity"),
        (
            "/inc-000000000000",
            404,
            "no_such_incident",
            "GET /v1/incidents",
        ),
        ("/p1", 404, "no_such_incident", "p1"),
        ("/nobody/timeline", 404, "no_such_incident", "nobody"),
        ("/case?asOf=1", 400, "unknown_parameter", "asOf"),
    ] {
        let answer = door.get(&format!("/v1/incidents{target}")).await;
        refused(&answer, status, code, says);
    }
    ask(&door, "/v1/incidents?limit=1000").await;
}

#[actix_web::test]
async fn no_tenant_sees_an_incident_of_another_by_any_id_or_filter() {
    let door = empty().await;
    post(&door, &of(ACME, case("eve"))).await;
    let (id, alert) = known(&door, &format!("tenant={ACME}")).await;
    for tenant in ["tenant=default", "tenant=other"] {
        for asked in [id.as_str(), &alert, "case", "e1", "user:eve"] {
            for what in ["", "/timeline"] {
                let answer = door
                    .get(&format!("/v1/incidents/{asked}{what}?{tenant}"))
                    .await;
                refused(&answer, 404, "no_such_incident", "tenant");
            }
        }
        for filter in ["", "&user=eve", "&rule=auth.guessing"] {
            let found = ask(&door, &format!("/v1/incidents?{tenant}{filter}")).await;
            assert_eq!(found, json!({"items": [], "total": 0}), "{tenant}{filter}");
        }
    }
}
