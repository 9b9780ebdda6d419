//! How trees are found: by ids of all kinds, by whom they are about, and as they were.

use serde_json::json;

use crate::growing::{ask, grown, nodes, post, refused};

#[actix_web::test]
async fn an_id_may_hold_colons_slashes_braces_and_percent_signs() {
    let door = grown().await;
    let id = "process:ws5/{P-1}";
    let written = |id: &str| {
        let event =
            json!({"id": format!("of-{id}"), "type": "a.b", "source": "s", "correlationId": id});
        [event]
    };
    for id in [
        "a/b",
        "a/timeline",
        "a/watch",
        "a/difference",
        "100%",
        "%2F",
        "a+b",
        "ü {x}",
    ] {
        post(&door, &written(id)).await;
    }
    let processes = ask(&door, "/v1/trees/p2").await;
    let process = nodes(&processes)[1].to_owned();
    assert!(
        process.contains('/') && process.contains('{'),
        "{process} is not like {id}"
    );
    let encoded: String = process.bytes().map(|byte| format!("%{byte:02X}")).collect();
    for (path, root) in [
        (encoded.as_str(), nodes(&processes)[0]),
        (
            &process.replace('{', "%7B").replace('}', "%7D"),
            nodes(&processes)[0],
        ),
        ("a%2Fb", "a/b"),
        ("a/b", "a/b"),
        ("a%2Ftimeline", "a/timeline"),
        ("a%2Fwatch", "a/watch"),
        ("a%2Fdifference", "a/difference"),
        ("100%25", "100%"),
        ("%252F", "%2F"),
        ("a+b", "a+b"),
        ("a%2Bb", "a+b"),
        ("%C3%BC%20%7Bx%7D", "ü {x}"),
    ] {
        let tree = ask(&door, &format!("/v1/trees/{path}")).await;
        assert_eq!(tree["root"], root, "{path}");
    }
}

#[actix_web::test]
async fn trees_are_found_by_whom_they_are_about() {
    let door = grown().await;
    for (query, expected) in [
        ("user=eve", vec!["process", "case"]),
        ("entity=user:eve", vec!["process", "case"]),
        ("user=EVE", vec![]),
        ("host=ws5", vec!["process", "case"]),
        ("host=WS5.shire.com", vec!["process", "case"]),
        ("ip=::1", vec![]),
        ("hash=abc", vec![]),
        ("user=eve&limit=1", vec!["process"]),
    ] {
        let found = ask(&door, &format!("/v1/trees?{query}")).await;
        let roots = found["items"].as_array().unwrap().iter();
        let roots = roots.map(|tree| tree["root"].as_str().unwrap());
        let roots: Vec<&str> = roots.map(|root| root.split(':').next().unwrap()).collect();
        assert_eq!(roots, expected, "{query}");
    }
    assert_eq!(ask(&door, "/v1/trees?user=eve&limit=1").await["total"], 2);
    for (query, code, says) in [
        ("", "bad_parameter", "user, ip, host, hash or entity"),
        ("?user=eve&ip=1.2.3.4", "bad_parameter", "2 entities"),
        ("?entity=eve", "bad_parameter", "user:eve"),
        ("?user=", "bad_parameter", "user"),
        ("?user=eve&limit=0", "bad_parameter", "1 to 1000"),
        ("?user=eve&limit=1001", "bad_parameter", "1 to 1000"),
        ("?usr=eve", "unknown_parameter", "usr"),
    ] {
        refused(
            &door.get(&format!("/v1/trees{query}")).await,
            400,
            code,
            says,
        );
    }
    let named = ask(&door, "/v1/trees/user:eve").await;
    assert!(named["nodes"].is_array(), "{named}");
}

#[actix_web::test]
async fn a_tree_is_told_as_it_was_at_a_position_and_at_a_time() {
    let door = grown().await;
    let before = door.engine.health().head;
    let now = ask(&door, "/v1/trees/case").await;
    let more = json!({"id": "e9", "type": "a.b", "source": "s", "correlationId": "late",
        "correlation": {"root": "case", "parent": "copy"}});
    post(&door, &[more]).await;
    assert!(nodes(&ask(&door, "/v1/trees/case").await).contains(&"late"));
    let was = ask(&door, &format!("/v1/trees/case?asOf={before}")).await;
    assert_eq!(nodes(&was), nodes(&now));
    let at_last = ask(&door, "/v1/trees/case?asOf=2200-01-01T00:00:00Z").await;
    assert!(nodes(&at_last).contains(&"late"));
    let never = door.get("/v1/trees/case?asOf=2000-01-01T00:00:00Z").await;
    refused(&never, 404, "no_such_tree", "case");
    let head = door.engine.health().head.0;
    assert_eq!(
        door.get(&format!("/v1/trees/case?asOf={head}"))
            .await
            .status,
        200
    );
    let beyond = door.get(&format!("/v1/trees/case?asOf={}", head + 1)).await;
    refused(&beyond, 400, "bad_parameter", "the log ends at position");
}

#[actix_web::test]
async fn a_difference_tells_what_came_between_two_moments() {
    let door = grown().await;
    let before = door.engine.health().head;
    let more = json!({"id": "e9", "type": "a.b", "source": "s", "correlationId": "late",
        "correlation": {"root": "case", "parent": "copy"}});
    post(&door, &[more]).await;
    let after = door.engine.health().head;
    for target in [
        format!("from={before}"),
        format!("from={before}&to={after}"),
    ] {
        let changed = ask(&door, &format!("/v1/trees/case/difference?{target}")).await;
        assert_eq!(changed["added"], json!(["late"]), "{target}");
        assert_eq!(changed["gone"], json!([]), "{target}");
    }
    let same = ask(
        &door,
        &format!("/v1/trees/case/difference?from={before}&to={before}"),
    )
    .await;
    assert_eq!(same["added"], json!([]));
    let text = door
        .get(&format!(
            "/v1/trees/case/difference?from={before}&format=text"
        ))
        .await;
    assert_eq!(
        text.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert!(text.body.contains("late"), "{text:?}");
}

#[actix_web::test]
async fn guids_and_hosts_are_found_in_the_case_in_which_records_write_them() {
    let door = grown().await;
    let event = json!({"id": "q1", "type": "session.seen", "source": "edr", "channel": "security",
        "metadata": {"host": "WS5.shire.com"}, "data": {"session": "{AB-1}"}});
    post(&door, &[event]).await;
    let head = door.engine.health().head;
    for id in [
        "session:{ab-1}",
        "session:{AB-1}",
        "host:ws5",
        "host:WS5.shire.com",
    ] {
        let encoded = id.replace('{', "%7B").replace('}', "%7D");
        for then in [String::new(), format!("?asOf={head}")] {
            let tree = ask(&door, &format!("/v1/trees/{encoded}{then}")).await;
            assert_eq!(tree["root"], "session:{ab-1}", "{id}{then}");
        }
    }
    let other = door.get("/v1/trees/CASE").await;
    refused(&other, 404, "no_such_tree", "CASE");
}
