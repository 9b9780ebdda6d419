//! Records of other formats, by a configured decoder.

use larum_event::decode::Decoder;
use larum_http::HttpError;

use crate::client::{Door, any_port, open, open_with};

const APP: &str = r#"
name = "app"
format = "json"
channel = "security"
[fields]
type = "kind"
time = "at"
[metadata]
user = "who"
"#;

const PLAIN: &str = r#"
name = "plain"
format = "text"
[fields]
time = "at"
[[text.pattern]]
regex = '^(?P<at>\S+) login of (?P<who>\S+)$'
type = "auth.login"
"#;

const RECORD: &str = r#"{"kind":"auth.login","at":"2026-11-20T12:00:00Z","who":"eve"}"#;

fn decoder(text: &str) -> Decoder {
    Decoder::load("decoder.toml", text).unwrap_or_else(|error| panic!("{error}"))
}

async fn open_decoding() -> Door {
    open_with(
        |_| {},
        |config| config.decoders = vec![decoder(APP), decoder(PLAIN)],
    )
    .await
}

#[actix_web::test]
async fn records_come_alone_in_an_array_or_by_line() {
    let door = open_decoding().await;
    let target = "/v1/events?decoder=app";
    let one = door.post_to(target, "application/json", RECORD).await;
    assert_eq!(one.counts(), (201, [1, 0, 0]), "{one:?}");
    let array = format!("[{RECORD},{RECORD}]");
    let array = door.post_to(target, "application/json", array).await;
    assert_eq!(
        array.counts(),
        (200, [1, 1, 0]),
        "the first has the id of the one before"
    );
    let lines = format!("{RECORD}\nno record\n\n{RECORD}\n");
    let lines = door.post_to(target, "application/x-ndjson", lines).await;
    assert_eq!(lines.counts(), (207, [1, 1, 1]));
    let found = door.get("/v1/events?user=eve&source=app").await.json();
    assert_eq!(found["items"].as_array().unwrap().len(), 3);
    assert_eq!(found["items"][0]["channel"], "security");
}

#[actix_web::test]
async fn the_number_of_the_first_record_makes_ids_differ_between_batches() {
    let door = open_decoding().await;
    let media = "application/json";
    let first = door.post_to("/v1/events?decoder=app", media, RECORD).await;
    let same = door
        .post_to("/v1/events?decoder=app&first=0", media, RECORD)
        .await;
    let next = door
        .post_to("/v1/events?decoder=app&first=1", media, RECORD)
        .await;
    assert_eq!((first.status, same.status, next.status), (201, 200, 201));
    let wrong = door
        .post_to("/v1/events?decoder=app&first=-1", media, RECORD)
        .await;
    assert_eq!(wrong.error(), (400, "bad_parameter".to_owned()));
    let alone = door.post_to("/v1/events?first=1", media, RECORD).await;
    assert_eq!(alone.error(), (400, "bad_parameter".to_owned()));
}

#[actix_web::test]
async fn lines_of_text_are_read_by_a_decoder_of_text() {
    let door = open_decoding().await;
    let lines = "2026-11-20T12:00:00Z login of eve\r\nhello\n";
    let answer = door
        .post_to("/v1/events?decoder=plain", "text/plain", lines)
        .await;
    assert_eq!(answer.counts(), (207, [1, 0, 1]), "{answer:?}");
    assert_eq!(answer.items("reason"), ["null", "not_decoded"]);
    let answer = door
        .post_to("/v1/events?decoder=plain", "application/json", lines)
        .await;
    assert_eq!(answer.error(), (415, "unsupported_content_type".to_owned()));
    let form = "application/x-www-form-urlencoded";
    let answer = door.post_to("/v1/events?decoder=plain", form, lines).await;
    assert_eq!(answer.error(), (415, "unsupported_content_type".to_owned()));
}

#[actix_web::test]
async fn a_page_of_another_site_cannot_post_text_to_a_decoder() {
    let door = open_decoding().await;
    let headers = [
        ("Content-Type", "text/plain"),
        ("Origin", "https://evil.example"),
    ];
    let line = b"2026-11-20T12:00:00Z login of eve";
    let answer = door
        .ask("POST", "/v1/events?decoder=plain", &headers, line)
        .await;
    assert_eq!(answer.error(), (403, "foreign_origin".to_owned()));
}

#[actix_web::test]
async fn a_decoder_that_is_not_configured_is_named_with_those_that_are() {
    let door = open_decoding().await;
    let answer = door
        .post_to("/v1/events?decoder=ap", "application/json", RECORD)
        .await;
    assert_eq!(answer.error(), (400, "bad_parameter".to_owned()));
    assert_eq!(
        answer.json()["error"]["help"],
        "the decoders are app, plain"
    );
}

#[actix_web::test]
async fn two_decoders_of_one_name_are_an_error_at_the_start() {
    let mut config = larum_http::HttpConfig::listen_on(any_port());
    config.decoders = vec![decoder(APP), decoder(APP)];
    let door = open().await;
    let error = larum_http::serve(door.engine.clone(), config).unwrap_err();
    assert!(matches!(error, HttpError::DecoderTwice { name } if name == "app"));
}
