//! CloudEvents 1.0 in each of their three forms.

use crate::client::{Door, open};

const STRUCTURED: &str = r#"{"specversion":"1.0","id":"ce-1","type":"com.Example.Login","source":"/idp",
    "time":"2026-11-20T12:00:00Z","datacontenttype":"application/json","tenantid":"acme","data":{"user":"eve"}}"#;

async fn stored(door: &Door, id: &str) -> serde_json::Value {
    let found = door.get(&format!("/v1/events?id={id}")).await.json();
    found["items"][0].clone()
}

#[actix_web::test]
async fn structured_mode_is_known_by_its_content_type_and_by_specversion() {
    for media in [
        "application/cloudevents+json",
        "application/json",
        "application/x-ndjson",
    ] {
        let door = open().await;
        let answer = door.post(media, STRUCTURED.replace('\n', " ")).await;
        assert_eq!(answer.counts().1, [1, 0, 0], "{media}: {answer:?}");
        let event = stored(&door, "ce-1").await;
        assert_eq!(event["type"], "com.Example.Login");
        assert_eq!(event["metadata"]["tenantId"], "acme");
        assert_eq!(event["data"]["user"], "eve");
    }
}

#[actix_web::test]
async fn batches_mix_with_bad_ones() {
    let door = open().await;
    let body = format!("[{STRUCTURED},{{\"specversion\":\"1.0\",\"id\":\"ce-2\"}}]");
    let answer = door.post("application/cloudevents-batch+json", &body).await;
    assert_eq!(answer.counts(), (207, [1, 0, 1]));
}

#[actix_web::test]
async fn binary_mode_has_its_attributes_in_headers_and_its_data_in_the_body() {
    let door = open().await;
    let headers = [
        ("ce-specversion", "1.0"),
        ("ce-id", "ce-3"),
        ("ce-type", "com.example.login"),
        ("ce-source", "/idp%20one"),
        ("ce-time", "2026-11-20T12:00:00Z"),
        ("Content-Type", "application/json"),
    ];
    let answer = door
        .ask("POST", "/v1/events", &headers, br#"{"user":"eve"}"#)
        .await;
    assert_eq!(answer.counts(), (201, [1, 0, 0]), "{answer:?}");
    let event = stored(&door, "ce-3").await;
    assert_eq!(event["source"], "/idp one");
    assert_eq!(event["data"]["user"], "eve");
    let broken = door
        .ask("POST", "/v1/events", &headers, br#"1,"channel":"alerts""#)
        .await;
    assert_eq!(broken.error(), (400, "syntax".to_owned()));
}

#[actix_web::test]
async fn binary_mode_takes_text_and_refuses_what_json_cannot_hold() {
    let door = open().await;
    let post = |media: &'static str, body: &'static [u8]| {
        let headers = [
            ("ce-specversion", "1.0"),
            ("ce-id", "ce-4"),
            ("ce-type", "a.b"),
            ("ce-source", "s"),
            ("Content-Type", media),
        ];
        let door = &door;
        async move { door.ask("POST", "/v1/events", &headers, body).await }
    };
    let answer = post("application/octet-stream", b"\x00\x01").await;
    assert_eq!(answer.error(), (415, "unsupported_content_type".to_owned()));
    assert_eq!(
        post("text/plain", b"\xff").await.error(),
        (400, "invalid_utf8".to_owned())
    );
    assert_eq!(post("text/plain", b"two \"words\"").await.status, 201);
    assert_eq!(stored(&door, "ce-4").await["data"], "two \"words\"");
}
