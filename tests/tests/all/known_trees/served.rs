//! The same answers from a real server, which is killed while records come in.

use std::path::Path;

use larum_engine::SeededSequence;
use larum_tests::Server;
use serde_json::Value;

use super::nodes::{Asked, Nodes};
use super::recording::Recording;

/// Records of one request.
const BATCH: usize = 300;

/// What every start is given: checkpoints come often enough that some restarts read one.
const ENVIRONMENT: [(&str, &str); 2] = [
    ("LARUM_DECODERS", "windows"),
    ("LARUM_CHECKPOINT_EVENTS", "500"),
];

/// Posts the recording as it is, killing the server after a request, or within one whose answer
/// nobody reads, and once more at the end. Gives the server that came back.
pub fn survived(recording: &Recording, store: &Path) -> Server {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules/links");
    let mut random = SeededSequence::from_name(&recording.name);
    let mut server = Server::start(store, &rules, &ENVIRONMENT);
    let batches: Vec<String> = recording
        .texts
        .chunks(BATCH)
        .map(|lines| lines.join("\n"))
        .collect();
    let last = batches.len() as i64 - 1;
    let deaths = [random.next_between(0, last), random.next_between(0, last)];
    for (batch, number) in batches.iter().zip(0..) {
        let path = format!(
            "/v1/events?decoder=windows&items=failed&first={}",
            number * BATCH
        );
        if deaths.contains(&(number as i64)) {
            let posting = server.post_to_without_waiting(&path, batch);
            if random.next_between(0, 1) == 0 {
                settle(&server);
            }
            server.kill();
            drop(posting);
            server = Server::start(store, &rules, &ENVIRONMENT);
        }
        // What was stored before it died is a duplicate now.
        server.post_to(&path, batch).unwrap();
    }
    server.kill();
    let server = Server::start(store, &rules, &ENVIRONMENT);
    settle(&server);
    server
}

/// Waits until everything that was taken in is evaluated.
fn settle(server: &Server) {
    while !server.get("/v1/health").contains("\"lag\":0") {}
}

/// The nodes that a server shows. After a start it answers when its trees are built.
pub fn nodes(server: &Server) -> Nodes<'_> {
    Nodes::new(move |asked: &Asked<'_>| {
        let mut path = format!(
            "/v1/trees/{}?limit=20&eventsPerNode=1000",
            escaped(asked.id)
        );
        if asked.folds {
            path.push_str("&part=descendants&depth=0&fold=true");
        }
        if let Some(cursor) = asked.cursor {
            path.push_str(&format!("&cursor={}", escaped(cursor)));
        }
        body(&server.get(&path))
    })
}

/// The body of an answer, if it is one.
fn body(answer: &str) -> Option<Value> {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    if head.starts_with("HTTP/1.1 404") {
        return None;
    }
    assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
    Some(serde_json::from_str(&unchunked(head, body)).unwrap())
}

/// A body that came in pieces, each behind its length, as one.
fn unchunked(head: &str, body: &str) -> String {
    if !head
        .to_ascii_lowercase()
        .contains("transfer-encoding: chunked")
    {
        return body.to_owned();
    }
    let (mut whole, mut rest) = (String::new(), body);
    while let Some((length, more)) = rest.split_once("\r\n") {
        let length = usize::from_str_radix(length.trim(), 16).unwrap();
        whole.push_str(&more[..length]);
        rest = more[length..].trim_start_matches("\r\n");
        if length == 0 {
            break;
        }
    }
    whole
}

/// An id as part of a URL.
fn escaped(id: &str) -> String {
    let bytes = id.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    });
    bytes.collect()
}
