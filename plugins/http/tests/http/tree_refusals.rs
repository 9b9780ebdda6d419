//! What cannot be asked of trees, and who may not see them.

use larum_event::limits;
use serde_json::json;

use crate::growing::{ACME, ask, case, empty, grown, nodes, of, post, refused};

#[actix_web::test]
async fn what_cannot_be_asked_is_refused_and_named() {
    let door = grown().await;
    let long = "x".repeat(2 * limits::CORRELATION_ID_BYTES);
    for (target, status, code, says) in [
        ("case?part=half", 400, "bad_parameter", "whole, ancestors"),
        ("case?part=path", 400, "bad_parameter", "pathTo"),
        (
            "case?part=whole&pathTo=copy",
            400,
            "bad_parameter",
            "part=path only",
        ),
        ("case?pathTo=", 400, "bad_parameter", "1 to 512 bytes"),
        ("case?pathTo=p1", 404, "not_in_tree", "p1"),
        ("case?pathTo=nobody", 404, "not_in_tree", "nobody"),
        (
            "case?depth=-1",
            400,
            "bad_parameter",
            "depth: it is not a number from 0",
        ),
        ("case?depth=4294967296", 400, "bad_parameter", "depth"),
        ("case?tag=team", 400, "bad_parameter", "tag"),
        ("case?tag==red", 400, "bad_parameter", "tag"),
        (
            "case?tag=a=1&tag=a=2",
            400,
            "bad_parameter",
            "more than once",
        ),
        (
            "case?minSeverity=urgent",
            400,
            "bad_parameter",
            "minSeverity",
        ),
        ("case?fold=yes", 400, "bad_parameter", "true, false"),
        ("case?limit=0", 400, "bad_parameter", "1 to 10000"),
        ("case?limit=10001", 400, "bad_parameter", "1 to 10000"),
        ("case?eventsPerNode=1001", 400, "bad_parameter", "0 to 1000"),
        (
            "case?asOf=yesterday",
            400,
            "bad_parameter",
            "no position of the log",
        ),
        (
            "case?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
            400,
            "bad_parameter",
            "later",
        ),
        ("case?format=xml", 400, "bad_parameter", "csv-events"),
        (
            "case?severity=high",
            400,
            "unknown_parameter",
            "minSeverity",
        ),
        (
            "case/difference",
            400,
            "bad_parameter",
            "the position or time to compare",
        ),
        (
            "case/difference?from=9&to=8",
            400,
            "bad_parameter",
            "later than to",
        ),
        (
            "case/difference?from=0&format=csv",
            400,
            "bad_parameter",
            "json, text",
        ),
        ("nobody", 404, "no_such_tree", "nobody"),
        (long.as_str(), 404, "no_such_tree", "xxx"),
        (&format!("{long}x"), 400, "bad_parameter", "1 to 512 bytes"),
        ("%C3%28", 404, "no_such_tree", "root"),
    ] {
        let answer = door.get(&format!("/v1/trees/{target}")).await;
        refused(&answer, status, code, says);
    }
    for target in [
        "case?limit=10000",
        "case?limit=1",
        "case?eventsPerNode=1000",
        "case?depth=4294967295",
    ] {
        ask(&door, &format!("/v1/trees/{target}")).await;
    }
    let answer = door.get("/v1/trees/").await;
    refused(&answer, 404, "not_found", "/v1/trees/{id}/watch");
}

#[actix_web::test]
async fn no_tenant_sees_a_tree_of_another_by_any_id_entity_or_moment() {
    let door = empty().await;
    post(&door, &of(ACME, case("eve"))).await;
    let hers = ask(&door, &format!("/v1/trees/case?tenant={ACME}")).await;
    let alert = hers["nodes"].as_array().unwrap().iter();
    let alert = alert.filter(|node| !node["alert"].is_null());
    let alert = alert
        .map(|node| node["id"].as_str().unwrap())
        .next()
        .unwrap();
    let head = door.engine.health().head;
    for tenant in ["", "tenant=default&", "tenant=other&"] {
        for id in [
            "case",
            "guess",
            "e1",
            "p1",
            alert,
            "user:eve",
            "process:ws5/%7BP-1%7D",
        ] {
            for what in [
                format!("{id}?{tenant}"),
                format!("{id}?{tenant}asOf={head}&"),
                format!("{id}/difference?{tenant}from=0&"),
            ] {
                let answer = door
                    .get(&format!("/v1/trees/{}", what.trim_end_matches(['?', '&'])))
                    .await;
                refused(&answer, 404, "no_such_tree", "tenant");
                assert!(!answer.body.contains("sshd"), "{answer:?}");
            }
        }
        let found = ask(&door, &format!("/v1/trees?{tenant}user=eve")).await;
        assert_eq!(found, json!({"items": [], "total": 0}), "{tenant}");
    }
    // The same ids are the other tenant's own there.
    post(
        &door,
        &[json!({"id": "e1", "type": "a.b", "source": "own", "correlationId": "case"})],
    )
    .await;
    let own = ask(&door, "/v1/trees/case").await;
    assert_eq!(
        (nodes(&own), &own["counts"]["events"]),
        (vec!["case"], &json!(1))
    );
    let path = door.get("/v1/trees/case?pathTo=guess").await;
    refused(&path, 404, "not_in_tree", "guess");
}

#[actix_web::test]
async fn routes_of_trees_are_counted_by_pattern_and_never_by_id() {
    let door = grown().await;
    for target in [
        "trees/evil-1",
        "trees/evil/3/difference?from=0",
        "trees/evil-4/watch",
        "trees?user=evil-5",
        "incidents/evil-6",
        "incidents/evil-7/timeline",
        "incidents/evil-8/watch",
        "incidents?user=evil-9",
    ] {
        door.get(&format!("/v1/{target}")).await;
    }
    let metrics = door.get("/metrics").await.body;
    assert!(!metrics.contains("evil"), "{metrics}");
    for (route, status) in [
        ("/v1/trees/{id}", 404),
        ("/v1/trees/{id}/difference", 404),
        ("/v1/trees/{id}/watch", 426),
        ("/v1/trees", 200),
        ("/v1/incidents/{id}", 404),
        ("/v1/incidents/{id}/timeline", 404),
        ("/v1/incidents/{id}/watch", 404),
        ("/v1/incidents", 200),
    ] {
        let line = format!("larum_http_requests_total{{route=\"{route}\",status=\"{status}\"}} 1");
        assert!(
            metrics.lines().any(|found| found == line),
            "{line} in\n{metrics}"
        );
    }
}
