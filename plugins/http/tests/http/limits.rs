//! Bodies that are too large, too many, broken or packed; and bad input of every kind.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use larum_event::limits;
use larum_http::HttpConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Door, event, open, open_with};

const LINES: &str = "application/x-ndjson";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

async fn post_packed(door: &Door, packing: &str, body: &[u8]) -> crate::client::Answer {
    let headers = [("Content-Type", LINES), ("Content-Encoding", packing)];
    door.ask("POST", "/v1/events", &headers, body).await
}

#[actix_web::test]
async fn a_body_that_tells_a_length_above_the_limit_is_refused_before_it_is_sent() {
    let door = open().await;
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: {LINES}\r\nContent-Length: {}\r\n\r\n",
        limits::BODY_BYTES + 1
    );
    let mut socket = TcpStream::connect(door.address()).await.unwrap();
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("\"body_too_large\""), "{answer}");
    assert_eq!(
        door.metric("larum_events_rejected_total{reason=\"too_large\"}")
            .await,
        1
    );
}

#[actix_web::test]
async fn a_body_of_exactly_the_limit_is_read_and_one_byte_more_is_not() {
    let line = event("a");
    let length = line.len();
    let door = open_with(|_| {}, |config| config.body_bytes = length).await;
    assert_eq!(door.post(LINES, &line).await.status, 200);
    let more = format!("{line}\n");
    assert_eq!(
        door.post(LINES, &more).await.error(),
        (413, "body_too_large".to_owned())
    );
    // Without a length it is counted as it comes.
    for (body, status) in [(&line, 200), (&more, 413)] {
        let headers = [("Content-Type", LINES), ("Transfer-Encoding", "chunked")];
        let body = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
        let answer = door
            .ask("POST", "/v1/events", &headers, body.as_bytes())
            .await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
}

#[actix_web::test]
async fn a_request_holds_so_many_events_and_not_one_more() {
    let few = |config: &mut HttpConfig| config.request_events = 3;
    let door = open_with(|_| {}, few).await;
    let events = |count: usize| -> Vec<String> { (0..count).map(event).collect() };
    for (media, three, four) in [
        (LINES, events(3).join("\n"), events(4).join("\n")),
        (
            "application/json",
            format!("[{}]", events(3).join(",")),
            format!("[{}]", events(4).join(",")),
        ),
    ] {
        let refused = door.post(media, four).await;
        assert_eq!(
            refused.error(),
            (413, "too_many_events".to_owned()),
            "{media}"
        );
        assert_eq!(door.post(media, three).await.status, 200, "{media}");
    }
    let found = door.get("/v1/events").await.json();
    assert_eq!(found["items"].as_array().unwrap().len(), 3);
}

#[actix_web::test]
async fn packed_bodies_are_unpacked_within_the_same_limit() {
    let door = open_with(|_| {}, |config| config.body_bytes = 4_096).await;
    let lines = [event("a"), event("b")].join("\n");
    assert_eq!(
        post_packed(&door, "gzip", &gzip(lines.as_bytes()))
            .await
            .counts(),
        (200, [2, 0, 0])
    );
    let bomb = gzip(&vec![b'\n'; 4_097]);
    assert!(bomb.len() < 200, "{}", bomb.len());
    let refused = post_packed(&door, "gzip", &bomb).await;
    assert_eq!(refused.error(), (413, "body_too_large".to_owned()));
    assert_eq!(
        post_packed(&door, "gzip", &gzip(&[b'\n'; 4_096]))
            .await
            .status,
        200
    );
    let broken = post_packed(&door, "gzip", b"no gzip at all").await;
    assert_eq!(broken.error(), (400, "body_broken".to_owned()));
    let cut = gzip(lines.as_bytes());
    let cut = post_packed(&door, "gzip", &cut[..cut.len() - 9]).await;
    assert_eq!(cut.error(), (400, "body_broken".to_owned()));
    let other = post_packed(&door, "br", b"").await;
    assert_eq!(other.error(), (415, "unsupported_encoding".to_owned()));
}

#[actix_web::test]
async fn bodies_that_together_need_more_room_than_there_is_are_an_overload() {
    let small = |config: &mut HttpConfig| config.bodies_bytes = 128 * 1024;
    let door = open_with(|_| {}, small).await;
    let body = vec![b'\n'; 200 * 1024];
    let answer = door.post(LINES, &body).await;
    assert_eq!(answer.error(), (503, "overloaded".to_owned()));
    assert_eq!(answer.header("retry-after"), Some("1"));
    // The room is given back.
    for _ in 0..10 {
        assert_eq!(door.post(LINES, &body[..100 * 1024]).await.status, 200);
    }
}

#[actix_web::test]
async fn a_body_that_stalls_is_given_up() {
    let hasty = |config: &mut HttpConfig| config.patience = std::time::Duration::from_millis(20);
    let door = open_with(|_| {}, hasty).await;
    let mut socket = TcpStream::connect(door.address()).await.unwrap();
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: {LINES}\r\nContent-Length: 100\r\n\r\nx"
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[actix_web::test]
async fn bad_input_is_refused_by_reason_and_counted_and_the_next_good_event_is_taken() {
    let door = open().await;
    let nested = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    let with = |member: &str| {
        format!(r#"{{"id":"x","type":"a.b","source":"s","time":"2026-11-20T12:00:00Z",{member}}}"#)
    };
    let filler = "x".repeat(limits::EVENT_BYTES);
    let corpus: Vec<(&str, Vec<u8>)> = vec![
        ("syntax", br#"{"id":"x","type""#.to_vec()),
        (
            "wrong_type",
            br#"{"id":7,"type":"a.b","source":"s"}"#.to_vec(),
        ),
        (
            "too_large",
            with(&format!(r#""data":"{filler}""#)).into_bytes(),
        ),
        (
            "too_deep",
            with(&format!(r#""data":{nested}"#)).into_bytes(),
        ),
        ("invalid_utf8", b"{\"id\":\"\xff\"}".to_vec()),
        ("duplicate_member", with(r#""id":"y""#).into_bytes()),
        ("number_out_of_range", with(r#""data":1e999"#).into_bytes()),
        (
            "invalid_time",
            with("")
                .replace("2026", "9999")
                .replace(",}", "}")
                .into_bytes(),
        ),
        (
            "invalid_topic",
            with(r#""data":1"#).replace("a.b", "a..b").into_bytes(),
        ),
        ("missing_member", br#"{"id":"x","source":"s"}"#.to_vec()),
        (
            "channel_refused",
            with(r#""channel":"alerts""#).into_bytes(),
        ),
    ];
    for (number, (reason, body)) in corpus.iter().enumerate() {
        let before = door
            .metric(&format!(
                "larum_events_rejected_total{{reason=\"{reason}\"}}"
            ))
            .await;
        let answer = door.post("application/json", body).await;
        assert!((400..500).contains(&answer.status), "{reason}: {answer:?}");
        assert_eq!(answer.items("reason"), [*reason], "{answer:?}");
        let after = door
            .metric(&format!(
                "larum_events_rejected_total{{reason=\"{reason}\"}}"
            ))
            .await;
        assert_eq!(after - before, 1, "{reason}");
        let good = door.post("application/json", event(number)).await;
        assert_eq!(good.status, 201, "after {reason}: {good:?}");
    }
    let good = corpus.len() as u64;
    assert_eq!(door.metric("larum_events_accepted_total").await, good);
}
