//! Trees and incidents over a WebSocket, as they grow.

use serde_json::{Value, json};

use crate::client::Door;
use crate::growing::{ACME, ask, case, empty, grown, of, post, refused};
use crate::listening::{Listener, connect_to, connections, refusal};

/// A watch that was let in, and what it was told first.
async fn watch(door: &Door, path: &str) -> (Listener, Value) {
    let mut listener = connect_to(door, path, None).await.unwrap();
    let welcome = listener.hear().await;
    assert_eq!(welcome["type"], "watching", "{welcome}");
    (listener, welcome)
}

/// What a watch tells of changes up to a position, which must be in order.
async fn told(listener: &mut Listener, upto: u64) -> Vec<Value> {
    let mut changes: Vec<Value> = Vec::new();
    loop {
        let heard = listener.hear().await;
        assert_eq!(heard["type"], "tree_change", "{heard}");
        let position = heard["position"].as_u64().unwrap();
        let before = changes
            .last()
            .map_or(0, |last| last["position"].as_u64().unwrap());
        assert!(before <= position, "{before} came before {position}");
        changes.push(heard);
        if position >= upto {
            return changes;
        }
    }
}

/// The ids of all nodes in changes.
fn nodes(changes: &[Value]) -> Vec<&str> {
    let nodes = changes
        .iter()
        .flat_map(|change| change["nodes"].as_array().unwrap());
    nodes.map(|node| node["id"].as_str().unwrap()).collect()
}

/// Number `number` of the steps that come into the case.
fn step(number: u32) -> Value {
    json!({"id": format!("s{number}"), "type": "a.b", "source": "s", "correlationId": format!("step-{number}"),
        "time": format!("2026-11-20T12:01:{number:02}Z"), "correlation": {"root": "case", "parent": "copy"}})
}

async fn position(door: &Door, id: &str) -> u64 {
    let answer = door.get(&format!("/v1/events?id={id}")).await;
    answer.json()["positions"][0].as_u64().unwrap()
}

#[actix_web::test]
async fn a_watch_tells_what_is_there_and_then_what_comes() {
    let door = grown().await;
    let (mut listener, welcome) = watch(&door, "/v1/trees/guess/watch").await;
    assert_eq!(
        (&welcome["tree"], &welcome["after"]),
        (&json!("guess"), &json!(0))
    );
    let there = told(&mut listener, position(&door, "e4").await).await;
    for id in ["case", "guess", "copy"] {
        assert!(nodes(&there).contains(&id), "{id} in {there:#?}");
    }
    post(&door, &[step(1)]).await;
    let came = told(&mut listener, position(&door, "s1").await).await;
    let last = came.last().unwrap();
    assert_eq!(last["root"], "case");
    let mut edge = last["edges"].as_array().unwrap().iter();
    let edge = edge.find(|edge| edge["to"] == "step-1").unwrap();
    assert_eq!(
        (&edge["from"], &edge["kind"]),
        (&json!("copy"), &json!("parent"))
    );
}

#[actix_web::test]
async fn a_watch_goes_on_where_another_ended_without_gap_or_repetition() {
    let door = grown().await;
    let head = door.engine.health().head.0;
    let mut heard: Vec<Value> = Vec::new();
    let mut after = head;
    for number in 0..6 {
        let target = format!("/v1/trees/case/watch?after={after}");
        let (mut listener, _) = watch(&door, &target).await;
        post(&door, &[step(2 * number)]).await;
        heard.extend(
            told(
                &mut listener,
                position(&door, &format!("s{}", 2 * number)).await,
            )
            .await,
        );
        after = heard.last().unwrap()["position"].as_u64().unwrap();
        drop(listener);
        // Nobody listens to this one.
        post(&door, &[step(2 * number + 1)]).await;
    }
    let (mut listener, _) = watch(&door, &format!("/v1/trees/case/watch?after={after}")).await;
    heard.extend(told(&mut listener, position(&door, "s11").await).await);
    let steps: Vec<&str> = nodes(&heard)
        .into_iter()
        .filter(|id| id.starts_with("step-"))
        .collect();
    let expected: Vec<String> = (0..12).map(|number| format!("step-{number}")).collect();
    assert_eq!(steps, expected);
}

#[actix_web::test]
async fn an_incident_is_watched_by_any_of_its_names() {
    let door = grown().await;
    let listed = ask(&door, "/v1/incidents").await;
    let id = listed["items"][0]["id"].as_str().unwrap();
    let head = door.engine.health().head.0;
    let target = format!("/v1/incidents/user:eve/watch?after={head}");
    let (mut listener, welcome) = watch(&door, &target).await;
    assert_eq!(welcome["incident"], id);
    post(&door, &[step(1)]).await;
    let came = told(&mut listener, position(&door, "s1").await).await;
    // The node above has a child more.
    assert_eq!(nodes(&came), ["copy", "step-1"]);
}

#[actix_web::test]
async fn no_watch_tells_what_is_another_tenants() {
    let door = empty().await;
    post(&door, &case("eve")).await;
    post(&door, &of(ACME, case("eve"))).await;
    let head = door.engine.health().head.0;
    let (mut listener, welcome) = watch(
        &door,
        &format!("/v1/trees/case/watch?tenant={ACME}&after={head}"),
    )
    .await;
    assert_eq!(welcome["tenant"], ACME);
    post(&door, &[step(1)]).await;
    let own = json!({"id": "own", "type": "a.b", "source": "s", "correlationId": "own",
        "correlation": {"root": "case", "parent": "case"}});
    post(&door, &of(ACME, vec![own])).await;
    let came = told(&mut listener, position(&door, "own").await).await;
    // The node above has a child more.
    assert_eq!(nodes(&came), ["case", "own"]);
    for path in ["/v1/trees/case/watch", "/v1/trees/e1/watch"] {
        let other = connect_to(&door, &format!("{path}?tenant=other"), None).await;
        assert_eq!(refusal(other), (404, "no_such_tree".to_owned()), "{path}");
    }
    let other = connect_to(&door, "/v1/incidents/user:eve/watch?tenant=other", None).await;
    assert_eq!(refusal(other), (404, "no_such_incident".to_owned()));
}

#[actix_web::test]
async fn a_watch_that_cannot_be_is_refused_before_it_begins() {
    let door = grown().await;
    let head = door.engine.health().head.0;
    for (path, status, code) in [
        ("/v1/trees/nobody/watch".to_owned(), 404, "no_such_tree"),
        (
            "/v1/trees/case/watch?after=x".to_owned(),
            400,
            "bad_parameter",
        ),
        (
            "/v1/trees/case/watch?after=-1".to_owned(),
            400,
            "bad_parameter",
        ),
        (
            format!("/v1/trees/case/watch?after={}", head + 1),
            400,
            "bad_parameter",
        ),
        (
            "/v1/trees/case/watch?from=1".to_owned(),
            400,
            "unknown_parameter",
        ),
        ("/v1/incidents/p1/watch".to_owned(), 404, "no_such_incident"),
    ] {
        let refusal = refusal(connect_to(&door, &path, None).await);
        assert_eq!(refusal, (status, code.to_owned()), "{path}");
    }
    let foreign = connect_to(&door, "/v1/trees/case/watch", Some("https://evil.example")).await;
    assert_eq!(refusal(foreign), (403, "foreign_origin".to_owned()));
    refused(
        &door.get("/v1/trees/case/watch").await,
        426,
        "not_a_websocket",
        "WebSocket",
    );
    connections(&door, |json| json["active"] == 0).await;
    let _last = watch(&door, &format!("/v1/trees/case/watch?after={head}")).await;
}

#[actix_web::test]
async fn watches_are_listed_among_the_connections_and_end_with_the_door() {
    let door = grown().await;
    let head = door.engine.health().head.0;
    let (mut listener, _) = watch(&door, &format!("/v1/trees/case/watch?after={head}")).await;
    let shown = connections(&door, |json| json["active"] == 1).await;
    let expected = json!({"tree": "case", "tenant": "default", "after": head});
    assert_eq!(shown["connections"][0]["filters"], expected);
    let (mut other, _) = watch(&door, "/v1/trees/case/watch").await;
    other.say("{}").await;
    assert_eq!(other.closed().await.0, 1008);
    let (closed, ()) = tokio::join!(listener.closed(), door.server.stop());
    assert_eq!(closed, (1001, "the server is shutting down".to_owned()));
}
