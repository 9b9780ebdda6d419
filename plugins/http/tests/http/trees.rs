//! Trees and parts of them, by what stands in them and by whom they are about.

use serde_json::json;

use crate::growing::{ask, grown, nodes, refused};

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
    let lines = async |more: &str| {
        let target = format!("/v1/trees/guess?part=descendants&format=text{more}");
        let text = door.get(&target).await.body;
        text.lines()
            .filter(|line| line.contains("auth.login"))
            .count()
    };
    assert_eq!((lines("").await, lines("&fold=false").await), (1, 3));
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
