//! Trees and parts of them, by what stands in them and by whom they are about.

use larum_event::limits;
use serde_json::json;

use crate::growing::{ACME, ask, case, empty, grown, nodes, of, post, refused};

#[actix_web::test]
async fn every_part_shows_what_it_should() {
    let door = grown().await;
    for (target, expected) in [
        ("case", vec!["case", "guess", "copy"]),
        ("case?part=whole", vec!["case", "guess", "copy"]),
        ("guess?part=ancestors", vec!["case", "guess"]),
        ("e4?part=ancestors", vec!["case", "copy"]),
        ("guess?part=descendants", vec!["guess"]),
        ("guess?part=siblings", vec!["case", "guess", "copy"]),
        ("guess?part=path&pathTo=copy", vec!["case", "guess", "copy"]),
        ("guess?pathTo=case", vec!["case", "guess"]),
        ("case?depth=0", vec!["case"]),
        ("case?depth=1", vec!["case", "guess", "copy"]),
    ] {
        let tree = ask(&door, &format!("/v1/trees/{target}")).await;
        assert_eq!(nodes(&tree), expected, "{target}");
        assert_eq!(tree["tenant"], "default", "{target}");
    }
}

#[actix_web::test]
async fn every_filter_keeps_what_is_wanted_and_its_way_up() {
    let door = grown().await;
    for (filter, expected) in [
        ("stage=access", vec!["case", "guess"]),
        ("stage=access&stage=theft", vec!["case", "guess", "copy"]),
        ("tag=team=red", vec!["case", "guess", "copy"]),
        ("tag=team=blue", vec![]),
        ("minSeverity=critical", vec!["case", "copy"]),
        ("source=edr", vec!["case", "copy"]),
        ("source=edr&source=none", vec!["case", "copy"]),
        ("to=2026-11-20T12:00:00Z", vec!["case"]),
        ("from=2026-11-20T12:00:04Z", vec!["case", "copy"]),
        (
            "from=2026-11-20T12:00:01Z&to=2026-11-20T12:00:01Z",
            vec!["case", "guess"],
        ),
    ] {
        let tree = ask(&door, &format!("/v1/trees/case?{filter}")).await;
        assert_eq!(nodes(&tree), expected, "{filter}");
    }
}

#[actix_web::test]
async fn repeats_are_folded_when_asked_and_events_listed_as_many_as_asked() {
    let door = grown().await;
    let guess = |tree: &serde_json::Value| tree["nodes"][1].clone();
    let plain = guess(&ask(&door, "/v1/trees/case").await);
    assert_eq!(plain["events"].as_array().unwrap().len(), 3);
    let folded = guess(&ask(&door, "/v1/trees/case?fold=true").await);
    assert_eq!(
        (&folded["events"], &folded["folds"][0]["count"]),
        (&json!(null), &json!(3))
    );
    let few = guess(&ask(&door, "/v1/trees/case?eventsPerNode=1").await);
    assert_eq!(few["events"].as_array().unwrap().len(), 1);
    assert_eq!(few["eventsLeftOut"], 2);
    let none = guess(&ask(&door, "/v1/trees/case?eventsPerNode=0").await);
    assert_eq!(none["eventsLeftOut"], 3);
}

#[actix_web::test]
async fn pages_follow_each_other_by_cursor() {
    let door = grown().await;
    let mut seen = Vec::new();
    let mut target = "/v1/trees/case?limit=1".to_owned();
    loop {
        let answer = door.get(&target).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let page = answer.json();
        let fresh = page["nodes"].as_array().unwrap().iter();
        let fresh = fresh.filter(|node| node["again"] != true);
        seen.extend(fresh.map(|node| node["id"].as_str().unwrap().to_owned()));
        assert_eq!(answer.header("larum-next"), page["next"].as_str());
        let Some(next) = page["next"].as_str() else {
            break;
        };
        target = format!("/v1/trees/case?limit=1&cursor={next}");
    }
    let whole = ask(&door, "/v1/trees/case").await;
    let whole = whole["nodes"].as_array().unwrap().iter();
    let whole: Vec<&str> = whole.map(|node| node["id"].as_str().unwrap()).collect();
    assert_eq!(seen, whole);
    let other = door
        .get("/v1/trees/case?limit=1&stage=x&cursor=nonsense")
        .await;
    refused(&other, 400, "bad_parameter", "cursor");
}

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
        let timeline = ask(&door, &format!("/v1/trees/{path}/timeline")).await;
        assert!(timeline["total"].as_u64().unwrap() > 0, "{path}");
    }
}

#[actix_web::test]
async fn every_format_has_its_media_type_and_text_its_style() {
    let door = grown().await;
    for (format, media) in [
        ("json", "application/json"),
        ("text", "text/plain; charset=utf-8"),
        ("dot", "text/vnd.graphviz; charset=utf-8"),
        ("mermaid", "text/vnd.mermaid; charset=utf-8"),
        ("otlp", "application/json"),
        ("csv", "text/csv; charset=utf-8; header=present"),
        ("csv-events", "text/csv; charset=utf-8; header=present"),
    ] {
        let answer = door.get(&format!("/v1/trees/case?format={format}")).await;
        assert_eq!(answer.status, 200, "{format}: {answer:?}");
        assert_eq!(answer.header("content-type"), Some(media), "{format}");
        assert!(
            !answer.body.is_empty() && !answer.body.contains('\u{1b}'),
            "{format}"
        );
        assert!(answer.header("larum-as-of").is_some(), "{format}");
    }
    let text = |style: &'static str| {
        let door = &door;
        async move {
            door.get(&format!("/v1/trees/case?format=text{style}"))
                .await
                .body
        }
    };
    assert!(text("&colour=true").await.contains('\u{1b}'));
    let narrow = text("&width=20").await;
    assert!(
        narrow.lines().all(|line| line.chars().count() <= 20),
        "{narrow}"
    );
    assert!(text("&why=true").await.lines().count() > text("").await.lines().count());
    for (style, says) in [
        ("format=text&width=19", "20 to 10000"),
        ("format=text&width=10001", "20 to 10000"),
        ("format=text&colour=yes", "true, false"),
        ("format=json&why=true", "format=text only"),
        ("width=80", "format=text only"),
    ] {
        let answer = door.get(&format!("/v1/trees/case?{style}")).await;
        refused(&answer, 400, "bad_parameter", says);
    }
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
        ("case?depth=-1", 400, "bad_parameter", "depth"),
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
            "since which position",
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
        ("case/timeline?part=whole", 400, "unknown_parameter", "part"),
        (
            "case/timeline?limit=10001",
            400,
            "bad_parameter",
            "1 to 10000",
        ),
        ("case/timeline?offset=-1", 400, "bad_parameter", "offset"),
        ("nobody", 404, "no_such_tree", "nobody"),
        ("nobody/timeline", 404, "no_such_tree", "nobody"),
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
    assert_eq!(
        ask(&door, "/v1/trees/user:eve").await["nodes"].is_array(),
        true
    );
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
                format!("{id}/timeline?{tenant}"),
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
        "trees/evil-2/timeline",
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
        ("/v1/trees/{id}/timeline", 404),
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
