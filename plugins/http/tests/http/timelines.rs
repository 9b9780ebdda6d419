//! What happened in a tree or an incident, in the order of time.

use serde_json::{Value, json};

use crate::growing::{ACME, ask, case, empty, grown, of, post, refused};

#[actix_web::test]
async fn a_timeline_tells_events_and_alerts_in_the_order_of_time() {
    let door = grown().await;
    let told = |page: &serde_json::Value| -> Vec<String> {
        let entries = page["entries"].as_array().unwrap().iter();
        let ids = entries.map(|entry| match entry["alert"] == true {
            true => entry["type"].as_str().unwrap().to_owned(),
            false => entry["id"].as_str().unwrap().to_owned(),
        });
        ids.collect()
    };
    let all = ask(&door, "/v1/trees/case/timeline").await;
    assert_eq!(told(&all), ["e0", "e1", "e2", "e3", "auth.guessing", "e4"]);
    assert_eq!(all["total"], 6);
    let page = ask(&door, "/v1/trees/case/timeline?limit=2&offset=3").await;
    assert_eq!(told(&page), ["e3", "auth.guessing"]);
    assert_eq!(page["total"], 6);
    let folded = ask(&door, "/v1/trees/case/timeline?fold=true").await;
    assert_eq!(
        (&folded["entries"][1]["count"], &folded["total"]),
        (&json!(3), &json!(4))
    );
    let text = door.get("/v1/trees/case/timeline?format=text").await;
    assert_eq!(text.header("larum-total"), Some("6"));
    assert!(text.body.contains("auth.guessing"), "{text:?}");
}

#[actix_web::test]
async fn an_incident_has_the_timeline_of_its_trees_by_any_of_its_names() {
    let door = grown().await;
    let of_tree = ask(&door, "/v1/trees/case/timeline").await;
    for id in ["case", "e1", "user:eve"] {
        let told = ask(&door, &format!("/v1/incidents/{id}/timeline")).await;
        assert_eq!(told["entries"], of_tree["entries"], "{id}");
    }
}

#[actix_web::test]
async fn an_id_that_ends_like_a_route_has_a_timeline_when_it_is_encoded() {
    let door = grown().await;
    let id = "a/timeline";
    let event = json!({"id": "odd", "type": "a.b", "source": "s", "correlationId": id});
    post(&door, &[event]).await;
    for path in ["a%2Ftimeline/timeline", "a/timeline/timeline"] {
        let told = ask(&door, &format!("/v1/trees/{path}")).await;
        assert_eq!(told["entries"][0]["id"], "odd", "{path}");
    }
}

#[actix_web::test]
async fn what_cannot_be_asked_of_a_timeline_is_refused_and_named() {
    let door = grown().await;
    for (target, status, code, says) in [
        (
            "trees/case/timeline?part=whole",
            400,
            "unknown_parameter",
            "part",
        ),
        (
            "trees/case/timeline?limit=0",
            400,
            "bad_parameter",
            "1 to 10000",
        ),
        (
            "trees/case/timeline?limit=10001",
            400,
            "bad_parameter",
            "1 to 10000",
        ),
        (
            "trees/case/timeline?offset=-1",
            400,
            "bad_parameter",
            "offset",
        ),
        (
            "trees/case/timeline?format=csv",
            400,
            "bad_parameter",
            "json, text",
        ),
        ("trees/nobody/timeline", 404, "no_such_tree", "nobody"),
        (
            "incidents/nobody/timeline",
            404,
            "no_such_incident",
            "nobody",
        ),
    ] {
        let answer = door.get(&format!("/v1/{target}")).await;
        refused(&answer, status, code, says);
    }
    ask(
        &door,
        "/v1/trees/case/timeline?limit=10000&offset=1000000000",
    )
    .await;
    let metrics = door.get("/metrics").await.body;
    let line = "larum_http_requests_total{route=\"/v1/trees/{id}/timeline\",status=\"404\"} 1";
    assert!(metrics.lines().any(|found| found == line), "{metrics}");
}

#[actix_web::test]
async fn no_tenant_is_told_a_timeline_of_another() {
    let door = empty().await;
    post(&door, &of(ACME, case("eve"))).await;
    for id in ["case", "e1", "p1", "user:eve"] {
        for tenant in ["", "?tenant=other"] {
            let answer = door.get(&format!("/v1/trees/{id}/timeline{tenant}")).await;
            refused(&answer, 404, "no_such_tree", "tenant");
            let answer = door
                .get(&format!("/v1/incidents/{id}/timeline{tenant}"))
                .await;
            refused(&answer, 404, "no_such_incident", "tenant");
        }
    }
    let hers: Value = ask(&door, &format!("/v1/trees/case/timeline?tenant={ACME}")).await;
    assert_eq!(hers["total"], 6);
}
