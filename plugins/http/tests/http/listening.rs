//! The stream of events over a WebSocket.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use larum_event::limits;
use larum_http::HttpConfig;
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::client::{Answer, Door, event, open, open_with};

pub struct Listener(WebSocketStream<TcpStream>);

async fn socket(address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    // Little is in flight, so that a client that does not read is soon behind.
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    socket.connect(address).await.unwrap()
}

async fn connect(door: &Door) -> Result<Listener, Box<Error>> {
    connect_with(door, None).await
}

async fn connect_with(door: &Door, origin: Option<&str>) -> Result<Listener, Box<Error>> {
    connect_to(door, "/v1/stream", origin).await
}

pub async fn connect_to(
    door: &Door,
    path: &str,
    origin: Option<&str>,
) -> Result<Listener, Box<Error>> {
    let target = format!("ws://{}{path}", door.address());
    let mut request = target.into_client_request().unwrap();
    if let Some(origin) = origin {
        request
            .headers_mut()
            .insert("origin", origin.parse().unwrap());
    }
    let (stream, response) = client_async(request, socket(door.address()).await).await?;
    assert_eq!(response.status(), 101);
    Ok(Listener(stream))
}

pub fn refusal(result: Result<Listener, Box<Error>>) -> (u16, String) {
    match result.map_err(|error| *error) {
        Err(Error::Http(response)) => {
            let body = response.body().as_deref().unwrap_or_default();
            let json: Value = serde_json::from_slice(body).unwrap();
            let code = json["error"]["code"].as_str().unwrap().to_owned();
            (response.status().as_u16(), code)
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("let in"),
    }
}

impl Listener {
    pub async fn hear(&mut self) -> Value {
        loop {
            match self
                .0
                .next()
                .await
                .expect("the connection is open")
                .unwrap()
            {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    pub async fn say(&mut self, message: impl Into<Utf8Bytes>) {
        self.0.send(Message::Text(message.into())).await.unwrap();
    }

    /// Subscribes and waits until that holds.
    pub async fn subscribe(&mut self, filters: Value) {
        self.say(json!({"type": "subscribe", "filters": filters}).to_string())
            .await;
        let answer = self.hear().await;
        assert_eq!(
            answer,
            json!({"type": "subscription_updated", "filters": filters})
        );
    }

    /// The code and reason with which the server closes.
    pub async fn closed(&mut self) -> (u16, String) {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Close(Some(frame)))) => {
                    return (frame.code.into(), frame.reason.to_string());
                }
                Some(Ok(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

pub async fn welcomed(door: &Door) -> Listener {
    let mut listener = connect(door).await.unwrap();
    assert_eq!(listener.hear().await["type"], "connection_established");
    listener
}

/// Asks for the connections until `wanted` holds of the answer.
pub async fn connections(door: &Door, wanted: impl Fn(&Value) -> bool) -> Value {
    loop {
        let json = door.get("/v1/connections").await.json();
        if wanted(&json) {
            return json;
        }
        tokio::task::yield_now().await;
    }
}

async fn post(door: &Door, body: String) -> Answer {
    door.post("application/x-ndjson", body).await
}

#[actix_web::test]
async fn a_connection_is_welcomed_with_an_id_of_its_own() {
    let door = open().await;
    let mut first = connect(&door).await.unwrap();
    let mut second = connect(&door).await.unwrap();
    let (first, second) = (first.hear().await, second.hear().await);
    assert_eq!(first["type"], "connection_established");
    assert_eq!(first["clientId"].as_str().unwrap().len(), 36);
    assert_ne!(first["clientId"], second["clientId"]);
    let time: larum_event::Timestamp = first["timestamp"].as_str().unwrap().parse().unwrap();
    assert!(time.as_nanos() > 0);
}

#[actix_web::test]
async fn a_subscriber_hears_what_its_filters_let_pass() {
    let door = open().await;
    let mut listener = welcomed(&door).await;
    let all = [
        json!({"id": "1", "type": "auth.login", "source": "web-1", "severity": "info", "channel": "security",
               "metadata": {"user": "eve", "tenantId": "acme"}}),
        json!({"id": "2", "type": "auth.logout", "source": "web-2", "severity": "high", "channel": "security",
               "metadata": {"user": "bob"}, "correlationId": "step-1"}),
        json!({"id": "3", "type": "auth.login", "source": "web-2", "severity": "critical", "metadata": {"user": "eve"},
               "correlationId": "step-2", "correlation": {"root": "step-1"}}),
    ];
    for (round, (filters, expected)) in [
        (json!({}), vec!["1", "2", "3"]),
        (json!({"eventType": "auth.logout"}), vec!["2"]),
        (json!({"severity": ["high", "critical"]}), vec!["2", "3"]),
        (json!({"userId": "eve"}), vec!["1", "3"]),
        (
            json!({"topics": ["events.#", "security.auth.logout"]}),
            vec!["2", "3"],
        ),
        (json!({"source": "web-1"}), vec!["1"]),
        (json!({"tenant": "acme"}), vec!["1"]),
        (json!({"correlationId": "step-1"}), vec!["2", "3"]),
        (json!({"userId": "eve", "severity": "critical"}), vec!["3"]),
    ]
    .into_iter()
    .enumerate()
    {
        listener.subscribe(filters.clone()).await;
        let lines: Vec<String> = all
            .iter()
            .map(|event| {
                let mut event = event.clone();
                event["id"] = format!("{round}-{}", event["id"].as_str().unwrap()).into();
                event.to_string()
            })
            .collect();
        assert_eq!(
            post(&door, lines.join("\n")).await.counts(),
            (200, [3, 0, 0])
        );
        // Order holds inside a channel, and these are of two.
        let mut heard = Vec::new();
        for _ in &expected {
            let event = listener.hear().await;
            assert_eq!(event["type"], "security_event");
            heard.push(event["id"].as_str().unwrap().to_owned());
        }
        heard.sort();
        let expected: Vec<String> = expected.iter().map(|id| format!("{round}-{id}")).collect();
        assert_eq!(heard, expected, "{filters}");
        // Nothing else was on its way: the next word is the answer to this.
        listener.say("{}").await;
        assert_eq!(listener.hear().await["type"], "error", "{filters}");
    }
}

#[actix_web::test]
async fn an_event_is_told_whole_with_its_position() {
    let door = open().await;
    let mut listener = welcomed(&door).await;
    listener.subscribe(json!({})).await;
    let line = r#"{"id":"q\"1","type":"Auth.Login","source":"s","time":"2026-11-20T12:00:00.5Z","channel":"security","severity":"warn","data":{"text":"a\nb"}}"#;
    let position = post(&door, line.to_owned())
        .await
        .items("position")
        .remove(0);
    let heard = listener.hear().await;
    let stored = door.get("/v1/events").await.json()["items"][0].clone();
    assert_eq!(
        heard,
        json!({"type": "security_event", "id": "q\"1", "eventType": "Auth.Login", "topic": "security.auth.login",
            "timestamp": stored["time"], "severity": "medium", "position": position.parse::<u64>().unwrap(),
            "eventData": stored})
    );
}

#[actix_web::test]
async fn nothing_is_told_before_subscribing_nor_after_unsubscribing() {
    let door = open().await;
    // Who hears an event tells that it is on its way to nobody any more.
    let mut witness = welcomed(&door).await;
    witness.subscribe(json!({})).await;
    let mut listener = welcomed(&door).await;
    post(&door, event("before")).await;
    assert_eq!(witness.hear().await["id"], "before");
    listener.subscribe(json!({})).await;
    post(&door, event("between")).await;
    assert_eq!(listener.hear().await["id"], "between");
    listener.say(r#"{"type":"unsubscribe"}"#).await;
    assert_eq!(listener.hear().await, json!({"type": "unsubscribed"}));
    assert_eq!(witness.hear().await["id"], "between");
    post(&door, event("after")).await;
    assert_eq!(witness.hear().await["id"], "after");
    listener.subscribe(json!({"eventType": "auth.login"})).await;
    post(&door, event("again")).await;
    assert_eq!(listener.hear().await["id"], "again");
}

#[actix_web::test]
async fn a_bad_message_is_answered_and_the_connection_goes_on() {
    let door = open().await;
    let mut listener = welcomed(&door).await;
    for (message, code, says) in [
        ("not json", "bad_message", "not understood"),
        (
            r#"{"type":"subscribe","filters":{"user":"eve"}}"#,
            "bad_message",
            "user",
        ),
        (
            r#"{"type":"subscribe","filters":{"severity":"urgent"}}"#,
            "bad_message",
            "urgent",
        ),
        (r#"{"type":"hello"}"#, "bad_message", "hello"),
    ] {
        listener.say(message).await;
        let answer = listener.hear().await;
        assert_eq!(
            (&answer["type"], &answer["code"]),
            (&json!("error"), &json!(code)),
            "{message}"
        );
        assert!(
            answer["message"].as_str().unwrap().contains(says),
            "{answer}"
        );
        assert!(answer["help"].is_string(), "{answer}");
    }
    listener
        .0
        .send(Message::Binary(vec![1, 2].into()))
        .await
        .unwrap();
    assert_eq!(listener.hear().await["code"], "binary_message");
    listener.subscribe(json!({})).await;
    post(&door, event("a")).await;
    assert_eq!(listener.hear().await["id"], "a");
}

#[actix_web::test]
async fn a_message_that_is_too_long_ends_the_connection_and_no_other() {
    let door = open().await;
    let (mut long, mut other) = (welcomed(&door).await, welcomed(&door).await);
    other.subscribe(json!({})).await;
    long.say("x".repeat(64 * 1024 + 1)).await;
    assert_eq!(long.closed().await.0, 1002);
    post(&door, event("a")).await;
    assert_eq!(other.hear().await["id"], "a");
}

#[actix_web::test]
async fn a_slow_client_is_told_of_its_gap_and_holds_up_nobody() {
    let door = open().await;
    let mut slow = welcomed(&door).await;
    let mut quick = welcomed(&door).await;
    slow.subscribe(json!({})).await;
    quick.subscribe(json!({"eventType": "last.one"})).await;
    // More than the engine's buffer and all buffers of the sockets hold.
    let filler = "x".repeat(1_000);
    let batch = limits::SUBSCRIBER_EVENTS / 4;
    let batches = 12;
    for number in 0..batches {
        let lines: Vec<String> = (0..batch)
            .map(|index| {
                let id = number * batch + index;
                format!(r#"{{"id":"{id}","type":"a.b","source":"s","data":"{filler}"}}"#)
            })
            .collect();
        assert_eq!(post(&door, lines.join("\n")).await.status, 200);
    }
    post(
        &door,
        r#"{"id":"last","type":"last.one","source":"s"}"#.to_owned(),
    )
    .await;
    assert_eq!(
        quick.hear().await["id"],
        "last",
        "nobody waited for the slow one"
    );
    let sent = (batches * batch + 1) as u64;
    let (mut told, mut missed, mut position) = (0, 0, 0);
    while told + missed < sent {
        let heard = slow.hear().await;
        match heard["type"].as_str().unwrap() {
            "gap" => missed += heard["missed"].as_u64().unwrap(),
            "security_event" => {
                told += 1;
                assert!(heard["position"].as_u64().unwrap() > position, "in order");
                position = heard["position"].as_u64().unwrap();
            }
            other => panic!("{other}"),
        }
    }
    assert!(missed > 0);
    assert_eq!(told + missed, sent);
    let shown = connections(&door, |json| json["delivered"] == told + 1).await;
    assert_eq!(shown["missed"], missed);
    assert_eq!(
        door.metric("larum_stream_events_missed_total").await,
        missed
    );
}

#[actix_web::test]
async fn one_connection_too_many_is_refused_until_another_ends() {
    let few = |config: &mut HttpConfig| config.stream_connections = 2;
    let door = open_with(|_| {}, few).await;
    let first = welcomed(&door).await;
    let _second = welcomed(&door).await;
    assert_eq!(
        refusal(connect(&door).await),
        (503, "too_many_connections".to_owned())
    );
    drop(first);
    connections(&door, |json| json["active"] == 1).await;
    let _third = welcomed(&door).await;
    let shown = door.get("/v1/connections").await.json();
    assert_eq!(
        (&shown["total"], &shown["active"], &shown["refused"]),
        (&json!(3), &json!(2), &json!(1))
    );
    assert_eq!(
        door.metric("larum_stream_connections_refused_total").await,
        1
    );
}

#[actix_web::test]
async fn connections_are_listed_with_what_each_was_sent() {
    let door = open().await;
    let mut listener = welcomed(&door).await;
    let shown = door.get("/v1/connections").await.json();
    assert_eq!(shown["connections"][0]["filters"], Value::Null);
    listener.subscribe(json!({"userId": "eve"})).await;
    post(
        &door,
        event("a").replace("\"channel\"", "\"metadata\":{\"user\":\"eve\"},\"channel\""),
    )
    .await;
    listener.hear().await;
    let shown = connections(&door, |json| json["delivered"] == 1).await;
    let one = &shown["connections"][0];
    assert_eq!(one["filters"], json!({"userId": "eve"}));
    assert_eq!((&one["delivered"], &one["missed"]), (&json!(1), &json!(0)));
    drop(listener);
    let shown = connections(&door, |json| json["active"] == 0).await;
    assert_eq!(
        (&shown["total"], &shown["delivered"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(shown["connections"], json!([]));
}

#[actix_web::test]
async fn a_client_that_gives_no_sign_of_life_is_let_go_and_one_that_does_stays() {
    let quick = |config: &mut HttpConfig| config.heartbeat = Duration::from_millis(20);
    let door = open_with(|_| {}, quick).await;
    let mut alive = welcomed(&door).await;
    alive.subscribe(json!({})).await;
    // Its pings are answered only while it is read from, which it is not any more.
    let silent = welcomed(&door).await;
    loop {
        post(&door, r#"{"type":"a.b","source":"s"}"#.to_owned()).await;
        assert_eq!(alive.hear().await["type"], "security_event");
        if door.get("/v1/connections").await.json()["active"] == 1 {
            break;
        }
    }
    let mut silent = silent;
    let (code, reason) = silent.closed().await;
    assert_eq!((code, reason.as_str()), (1008, "no sign of life"));
}

#[actix_web::test]
async fn a_page_of_another_site_cannot_listen() {
    let door = open().await;
    let foreign = connect_with(&door, Some("https://evil.example")).await;
    assert_eq!(refusal(foreign), (403, "foreign_origin".to_owned()));
    let own = format!("http://{}", door.address());
    assert!(connect_with(&door, Some(&own)).await.is_ok());
}

#[actix_web::test]
async fn a_plain_request_is_told_to_upgrade() {
    let door = open().await;
    let answer = door.get("/v1/stream").await;
    assert_eq!(answer.error(), (426, "not_a_websocket".to_owned()));
    assert_eq!(answer.header("upgrade"), Some("websocket"));
    assert_eq!(door.get("/v1/connections").await.json()["active"], 0);
}

#[actix_web::test]
async fn a_door_that_closes_says_so_to_its_listeners() {
    let door = open().await;
    let mut listener = welcomed(&door).await;
    let (closed, ()) = tokio::join!(listener.closed(), door.server.stop());
    assert_eq!(closed, (1001, "the server is shutting down".to_owned()));
}

#[actix_web::test]
async fn an_engine_that_stops_ends_its_subscriptions() {
    let door = open().await;
    let mut listener = welcomed(&door).await;
    listener.subscribe(json!({})).await;
    door.engine.shutdown().await;
    assert_eq!(listener.closed().await.0, 1001);
}
