//! Who is not let in.

use std::net::SocketAddr;

use larum_http::{HttpConfig, HttpError, serve};

use crate::client::{any_port, event, open, open_with};

#[actix_web::test]
async fn only_loopback_addresses_are_listened_on() {
    let door = open().await;
    for address in [
        "0.0.0.0:0",
        "[::]:0",
        "192.0.2.1:8080",
        "[2001:db8::1]:80",
        "[::ffff:192.0.2.1]:80",
    ] {
        let address: SocketAddr = address.parse().unwrap();
        let error = serve(door.engine.clone(), HttpConfig::listen_on(address)).unwrap_err();
        assert!(
            matches!(error, HttpError::NotLoopback { addr } if addr == address),
            "{address}"
        );
        assert!(
            error
                .to_string()
                .contains("authentication does not exist yet"),
            "{error}"
        );
    }
    let second = serve(door.engine.clone(), HttpConfig::listen_on(any_port())).unwrap();
    assert!(second.addr.ip().is_loopback());
    assert_ne!(second.addr.port(), 0);
}

#[actix_web::test]
async fn an_address_that_is_taken_is_an_error_that_names_it() {
    let door = open().await;
    let error = serve(door.engine.clone(), HttpConfig::listen_on(door.address())).unwrap_err();
    assert!(matches!(error, HttpError::Bind { addr, .. } if addr == door.address()));
}

#[actix_web::test]
async fn a_foreign_host_is_refused_on_every_path_and_a_listed_one_is_not() {
    let listed = |config: &mut HttpConfig| config.allowed_hosts = vec!["larum.example".to_owned()];
    let door = open_with(|_| {}, listed).await;
    for target in ["/v1/events", "/livez", "/nothing", "/metrics"] {
        let answer = door
            .ask("GET", target, &[("Host", "evil.example")], b"")
            .await;
        assert_eq!(answer.error(), (421, "foreign_host".to_owned()), "{target}");
    }
    for host in ["localhost", "127.0.0.1:1", "[::1]", "larum.example"] {
        let answer = door.ask("GET", "/livez", &[("Host", host)], b"").await;
        assert_eq!(answer.status, 200, "{host}");
    }
    let answer = door.raw(b"GET /livez HTTP/1.0\r\n\r\n").await;
    assert_eq!(answer.error(), (400, "host_missing".to_owned()));
}

#[actix_web::test]
async fn a_foreign_origin_posts_nothing_and_reads_nothing() {
    let door = open().await;
    let own = format!("http://{}", door.address());
    for origin in ["https://evil.example", "null", "http://localhost:1"] {
        let headers = [("Content-Type", "application/json"), ("Origin", origin)];
        let body = event("a");
        let answer = door
            .ask("POST", "/v1/events", &headers, body.as_bytes())
            .await;
        assert_eq!(
            answer.error(),
            (403, "foreign_origin".to_owned()),
            "{origin}"
        );
        let answer = door
            .ask("GET", "/v1/events", &[("Origin", origin)], b"")
            .await;
        assert_eq!(answer.status, 403, "{origin}");
    }
    assert_eq!(
        door.get("/v1/events").await.items("id"),
        Vec::<String>::new()
    );
    let headers = [
        ("Content-Type", "application/json"),
        ("Origin", own.as_str()),
    ];
    let body = event("a");
    assert_eq!(
        door.ask("POST", "/v1/events", &headers, body.as_bytes())
            .await
            .status,
        201
    );
}

#[actix_web::test]
async fn a_door_that_was_closed_takes_no_connection() {
    let door = open().await;
    assert_eq!(door.get("/livez").await.status, 200);
    door.server.stop().await;
    assert!(
        tokio::net::TcpStream::connect(door.address())
            .await
            .is_err()
    );
}
