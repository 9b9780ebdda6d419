//! Events come in.

use larum_engine::EngineConfig;
use larum_engine::Faults;
use larum_event::RuleFile;

use crate::client::{event, open, open_with};

const JSON: &str = "application/json";
const LINES: &str = "application/x-ndjson";

#[actix_web::test]
async fn one_event_is_stored_with_its_id_and_position() {
    let door = open().await;
    let answer = door.post(JSON, event("a-1")).await;
    assert_eq!(answer.counts(), (201, [1, 0, 0]));
    let json = answer.json();
    assert_eq!(json["items"][0]["status"], "stored");
    assert_eq!(json["items"][0]["id"], "a-1");
    assert!(json["items"][0]["position"].as_u64().unwrap() > 0);
    assert!(json.get("error").is_none());
}

#[actix_web::test]
async fn an_id_that_was_left_out_is_filled_in_and_told() {
    let door = open().await;
    let answer = door.post(JSON, r#"{"type":"a.b","source":"s"}"#).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let id = answer.items("id").remove(0);
    assert_eq!(id.len(), 36, "{id}");
    let found = door.get(&format!("/v1/events?id={id}")).await.json();
    assert_eq!(found["items"][0]["id"], id);
    assert_eq!(
        found["items"][0]["filled"],
        serde_json::json!(["id", "time", "severity"])
    );
}

#[actix_web::test]
async fn a_repetition_is_a_success_and_other_content_under_the_same_id_a_conflict() {
    let door = open().await;
    let first = door.post(JSON, event("a-1")).await;
    let again = door.post(JSON, event("a-1")).await;
    assert_eq!(again.counts(), (200, [0, 1, 0]));
    assert_eq!(again.items("position"), first.items("position"));
    let other = event("a-1").replace("12:00:00", "13:00:00");
    let conflict = door.post(JSON, other).await;
    assert_eq!(conflict.counts(), (409, [0, 0, 1]));
    assert_eq!(conflict.error(), (409, "id_conflict".to_owned()));
    assert_eq!(conflict.items("reason"), ["id_conflict"]);
}

#[actix_web::test]
async fn one_event_that_is_refused_tells_reason_and_member() {
    let door = open().await;
    for (body, status, reason, member) in [
        ("{", 400, "syntax", "null"),
        ("", 400, "syntax", "null"),
        (
            r#"{"id":"1","type":"a.b"}"#,
            422,
            "missing_member",
            "source",
        ),
        (
            r#"{"id":"1","type":5,"source":"s"}"#,
            422,
            "wrong_type",
            "type",
        ),
        (
            r#"{"id":"1","type":"a.b","source":"s","channel":"alerts"}"#,
            422,
            "channel_refused",
            "channel",
        ),
    ] {
        let answer = door.post(JSON, body).await;
        assert_eq!(answer.counts(), (status, [0, 0, 1]), "{body}");
        assert_eq!(answer.error(), (status, reason.to_owned()), "{body}");
        assert_eq!(answer.items("reason"), [reason], "{body}");
        assert_eq!(answer.items("member"), [member], "{body}");
    }
}

#[actix_web::test]
async fn a_batch_answers_200_or_207_or_422_and_says_what_became_of_each() {
    let door = open().await;
    let batch = |events: &[String]| format!("[{}]", events.join(","));
    let (good, bad) = (event("b-1"), "{\"id\":\"x\"}".to_owned());
    let all = door.post(JSON, batch(&[good.clone(), event("b-2")])).await;
    assert_eq!(all.counts(), (200, [2, 0, 0]));
    let mixed = door
        .post(JSON, batch(&[bad.clone(), good, event("b-3")]))
        .await;
    assert_eq!(mixed.counts(), (207, [1, 1, 1]));
    assert_eq!(mixed.items("status"), ["rejected", "duplicate", "stored"]);
    assert_eq!(mixed.items("index"), ["0", "1", "2"]);
    assert!(mixed.json().get("error").is_none());
    let none = door.post(JSON, batch(&[bad.clone(), bad])).await;
    assert_eq!(none.counts(), (422, [0, 0, 2]));
    assert_eq!(none.error(), (422, "all_rejected".to_owned()));
    assert_eq!(door.post(JSON, "[]").await.counts(), (200, [0, 0, 0]));
}

#[actix_web::test]
async fn the_same_id_twice_in_one_batch_is_stored_once() {
    let door = open().await;
    let answer = door
        .post(LINES, [event("c-1"), event("c-1")].join("\n"))
        .await;
    assert_eq!(answer.counts(), (200, [1, 1, 0]));
}

#[actix_web::test]
async fn items_may_be_only_those_that_were_not_stored() {
    let door = open().await;
    let body = [event("d-1"), "nonsense".to_owned(), event("d-2")].join("\n");
    let answer = door.post_to("/v1/events?items=failed", LINES, body).await;
    assert_eq!(answer.counts(), (207, [2, 0, 1]));
    assert_eq!(answer.items("index"), ["1"]);
}

#[actix_web::test]
async fn a_bad_line_does_not_spoil_the_others_and_is_told_by_its_number() {
    let door = open().await;
    let mut body = [
        event("e-1"),
        String::new(),
        "{\"id\":".to_owned(),
        event("e-2"),
    ]
    .join("\n")
    .into_bytes();
    body.extend_from_slice(b"\n\xff\xfe\n");
    let answer = door.post(LINES, body).await;
    assert_eq!(answer.counts(), (207, [2, 0, 2]));
    assert_eq!(answer.items("line"), ["1", "3", "4", "5"]);
    assert_eq!(
        answer.items("reason"),
        ["null", "syntax", "null", "invalid_utf8"]
    );
}

#[actix_web::test]
async fn an_array_that_is_broken_is_refused_as_a_whole() {
    let door = open().await;
    let answer = door.post(JSON, format!("[{},", event("f-1"))).await;
    assert_eq!(answer.error(), (400, "syntax".to_owned()));
    let found = door.get("/v1/events").await.json();
    assert_eq!(found["items"], serde_json::json!([]));
}

#[actix_web::test]
async fn what_is_answered_as_stored_can_be_read_at_once() {
    let door = open().await;
    for id in 0..20 {
        let answer = door.post(JSON, event(id)).await;
        assert_eq!(answer.status, 201);
        let found = door.get(&format!("/v1/events?id={id}")).await.json();
        assert_eq!(
            found["positions"][0].to_string(),
            answer.items("position")[0]
        );
    }
}

#[actix_web::test]
async fn large_bodies_are_read_beside_the_thread_and_answered_the_same() {
    let door = open().await;
    let lines: Vec<String> = (0..5_000).map(|id| event(format!("large-{id}"))).collect();
    let answer = door.post(LINES, lines.join("\n")).await;
    assert_eq!(answer.counts(), (200, [5_000, 0, 0]));
}

#[actix_web::test]
async fn content_types_that_a_page_may_send_unasked_are_refused() {
    let door = open().await;
    for media in [
        "text/plain",
        "text/plain;charset=UTF-8",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "application/json; charset=latin-1",
    ] {
        let answer = door.post(media, event("g-1")).await;
        assert_eq!(
            answer.error(),
            (415, "unsupported_content_type".to_owned()),
            "{media}"
        );
        assert!(answer.json()["error"]["help"].as_str().is_some());
    }
    let answer = door
        .ask("POST", "/v1/events", &[], event("g-1").as_bytes())
        .await;
    assert_eq!(answer.error(), (415, "content_type_missing".to_owned()));
    let answer = door
        .post("Application/JSON; charset=\"UTF-8\"", event("g-1"))
        .await;
    assert_eq!(answer.status, 201);
}

#[actix_web::test]
async fn overload_answers_503_with_the_time_to_wait_and_is_over_when_the_engine_has_caught_up() {
    let faults: Faults = Faults::parse("hang:rule/stuck").unwrap();
    let held = faults.clone();
    let behind = |config: &mut EngineConfig| {
        config.evaluation_lag_events = 10;
        config.faults = held;
        config.rules = vec![RuleFile {
            path: "stuck.rhai".to_owned(),
            text: r#"rule("stuck").on("audit.#").when(|event| event.type == "never");"#.to_owned(),
        }];
    };
    let door = open_with(behind, |_| {}).await;
    let mut stored = 0;
    let refused = loop {
        let answer = door.post(JSON, event(stored)).await;
        if answer.status != 201 {
            break answer;
        }
        stored += 1;
        assert!(
            stored < 1_000,
            "nothing is evaluated, and yet there is always room"
        );
    };
    assert_eq!(refused.error(), (503, "overloaded".to_owned()));
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!(seconds >= 1, "{seconds}");
    assert_eq!(door.metric("larum_requests_overloaded_total").await, 1);
    let found = door.get("/v1/events?limit=1000").await.items("id");
    assert_eq!(found.len(), stored, "nothing of the refused request");
    faults.release_point("rule/stuck");
    door.engine.wait_until_evaluated().await;
    assert_eq!(door.post(JSON, event(stored)).await.status, 201);
}

#[actix_web::test]
async fn an_engine_that_stops_answers_503() {
    let door = open().await;
    door.engine.shutdown().await;
    let answer = door.post(JSON, event("i-1")).await;
    assert_eq!(answer.error(), (503, "stopping".to_owned()));
}

#[actix_web::test]
async fn a_deadline_that_has_passed_stores_nothing_and_one_ahead_stores() {
    let door = open().await;
    for (deadline, status) in [
        ("2001-01-01T00:00:00Z", 412),
        ("2200-01-01T00:00:00Z", 201),
        ("tomorrow", 400),
    ] {
        let headers = [("Content-Type", JSON), ("Larum-Deadline", deadline)];
        let body = event("j-1");
        let answer = door
            .ask("POST", "/v1/events", &headers, body.as_bytes())
            .await;
        assert_eq!(answer.status, status, "{deadline}: {answer:?}");
    }
}
