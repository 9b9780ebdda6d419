//! A collector in Rust: what an ssh server saw, sent to a running engine as lines of JSON.
//!
//! Knows nothing of other collectors. What it shares with them is the W3C `traceparent` that came
//! with the work, here in the environment; that alone makes one tree of what they all report.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that tells what it did"
)]

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;

const FAILURES: usize = 6;

fn main() -> ExitCode {
    let server = std::env::args().nth(1);
    let server = server.unwrap_or_else(|| "http://127.0.0.1:7423".to_owned());
    let Ok(traceparent) = std::env::var("TRACEPARENT") else {
        eprintln!("sshd collector: TRACEPARENT is not set");
        return ExitCode::from(2);
    };
    match post(&server, &reports(&traceparent)) {
        Ok(answer) if answer.starts_with("HTTP/1.1 2") => {
            let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
            println!("sshd collector: {body}");
            ExitCode::SUCCESS
        }
        Ok(refused) => {
            eprintln!("sshd collector: {refused}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("sshd collector: {server}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Somebody guesses the password of `deploy`, and then knows it.
fn reports(traceparent: &str) -> String {
    let trace = traceparent.split('-').nth(1).unwrap_or_default();
    let outcomes = std::iter::repeat_n("failure", FAILURES).chain(["success"]);
    let lines = outcomes.enumerate().map(|(number, outcome)| {
        // An id of its own: sent again, an event is stored once.
        format!(
            r#"{{"id": "sshd-{trace}-{number}", "type": "auth.login", "source": "sshd@web-1", "channel": "security", "traceparent": "{traceparent}", "correlationId": "login-{trace}", "correlation": {{"stage": "access", "tags": {{"component": "sshd", "collector_type": "rust"}}}}, "metadata": {{"user": "deploy", "ip": "203.0.113.66", "host": "web-1"}}, "data": {{"host": "web-1", "method": "password", "outcome": "{outcome}"}}}}"#
        ) + "\n"
    });
    lines.collect()
}

/// Posts lines and gives the answer, head and body. A 2xx means that they are on the disk.
fn post(server: &str, lines: &str) -> io::Result<String> {
    let address = server.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "POST /v1/events?items=failed HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Type: application/x-ndjson\r\nContent-Length: {}\r\n\r\n{lines}",
        lines.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
