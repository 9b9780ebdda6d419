//! An engine with a door, and a client that says byte for byte what a test wants said.

use std::net::SocketAddr;

use larum_engine::{Engine, EngineConfig};
use larum_http::{HttpConfig, HttpServer, serve};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An open door to an engine of its own, in a folder that goes with it.
pub struct Door {
    pub engine: Engine,
    pub server: HttpServer,
    _store: tempfile::TempDir,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

pub fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

pub async fn open() -> Door {
    open_with(|_| {}, |_| {}).await
}

pub async fn open_with(
    of_engine: impl FnOnce(&mut EngineConfig),
    of_door: impl FnOnce(&mut HttpConfig),
) -> Door {
    let store = tempfile::tempdir().unwrap();
    let mut config = EngineConfig::new(store.path().join("store"));
    of_engine(&mut config);
    let engine = Engine::start(config).await.unwrap();
    let mut config = HttpConfig::listen_on(any_port());
    of_door(&mut config);
    let server = serve(engine.clone(), config).unwrap();
    Door {
        engine,
        server,
        _store: store,
    }
}

impl Door {
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    pub async fn get(&self, target: &str) -> Answer {
        self.ask("GET", target, &[], b"").await
    }

    pub async fn post(&self, media: &str, body: impl AsRef<[u8]>) -> Answer {
        self.post_to("/v1/events", media, body).await
    }

    pub async fn post_to(&self, target: &str, media: &str, body: impl AsRef<[u8]>) -> Answer {
        self.ask("POST", target, &[("Content-Type", media)], body.as_ref())
            .await
    }

    /// Sends a request with the host and length that belong to it, and these headers.
    pub async fn ask(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut head = format!("{method} {target} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            head.push_str(&format!("Host: {}\r\n", self.address()));
        }
        if method == "POST" && !headers.iter().any(|(name, _)| *name == "Transfer-Encoding") {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        self.raw(&[head.as_bytes(), body].concat()).await
    }

    /// Sends these bytes and reads to the end of the answer.
    pub async fn raw(&self, request: &[u8]) -> Answer {
        let mut socket = TcpStream::connect(self.address()).await.unwrap();
        // A server that has refused may close before it has read everything.
        let _ = socket.write_all(request).await;
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer).await;
        Answer::parse(&answer)
    }

    /// The value of one line of `/metrics`.
    pub async fn metric(&self, line: &str) -> u64 {
        let answer = self.get("/metrics").await;
        let value = answer
            .body
            .lines()
            .find_map(|found| found.strip_prefix(line)?.strip_prefix(' '))
            .unwrap_or_else(|| panic!("no {line} in {}", answer.body));
        value.parse().unwrap()
    }
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let (head, body) = text
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("no answer: {text:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self {
            status,
            head: head.to_ascii_lowercase(),
            body: body.to_owned(),
        }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The code of the error that the body tells, with the status.
    #[track_caller]
    pub fn error(&self) -> (u16, String) {
        let json = self.json();
        let error = &json["error"];
        assert!(
            error["message"]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{self:?}"
        );
        (self.status, error["code"].as_str().unwrap().to_owned())
    }

    /// Stored, repeated and refused events, with the status.
    #[track_caller]
    pub fn counts(&self) -> (u16, [u64; 3]) {
        let json = self.json();
        let counts = ["accepted", "duplicates", "rejected"].map(|name| {
            json[name]
                .as_u64()
                .unwrap_or_else(|| panic!("no {name}: {self:?}"))
        });
        (self.status, counts)
    }

    /// One member of each item.
    pub fn items(&self, member: &str) -> Vec<String> {
        let json = self.json();
        let items = json["items"].as_array().unwrap();
        items
            .iter()
            .map(|item| {
                item[member]
                    .as_str()
                    .map_or_else(|| item[member].to_string(), str::to_owned)
            })
            .collect()
    }
}

/// A small event with an id.
pub fn event(id: impl std::fmt::Display) -> String {
    format!(
        r#"{{"id":"{id}","type":"auth.login","source":"sshd@web-1","time":"2026-11-20T12:00:00Z","channel":"security"}}"#
    )
}
