//! `larum serve` as a child process.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::run::binary;

/// Where events are posted to.
const EVENTS: &str = "/v1/events";

/// A running server; it is killed when this is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    address: SocketAddr,
}

/// A request that was sent and whose answer nobody has read.
#[derive(Debug)]
pub struct Posting(#[expect(dead_code, reason = "held open until the server has died")] TcpStream);

impl Server {
    /// Starts it on a free port and waits until it serves.
    ///
    /// # Panics
    /// It does not come up; what it said is in the message.
    pub fn start(store: &Path, rules: &Path, environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(binary())
            .arg("serve")
            .arg("--store")
            .arg(store)
            .arg("--rules")
            .arg(rules)
            .args(["--listen", "127.0.0.1:0", "--log-level", "error"])
            .envs(environment.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary under test is built with the tests");
        let errors = child.stderr.take().expect("standard error is piped");
        let mut lines = BufReader::new(errors);
        let mut said = String::new();
        let address = loop {
            let mut line = String::new();
            let read = lines
                .read_line(&mut line)
                .expect("standard error can be read");
            assert!(read > 0, "the server did not come up: {said}");
            said.push_str(&line);
            if let Some(address) = address_in(&line) {
                break address;
            }
        };
        // Whatever it says later must not fill the pipe and block it.
        std::thread::spawn(move || drop(std::io::copy(&mut lines, &mut std::io::stderr())));
        Self { child, address }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Posts NDJSON and waits for the answer; the body of one that is not a 2xx is the error.
    pub fn post(&mut self, body: &str) -> Result<String, String> {
        self.post_to(EVENTS, body)
    }

    /// The same to another path.
    pub fn post_to(&mut self, path: &str, body: &str) -> Result<String, String> {
        let mut stream = self.send(path, body);
        let mut answer = String::new();
        stream
            .read_to_string(&mut answer)
            .map_err(|error| error.to_string())?;
        if answer.starts_with("HTTP/1.1 2") {
            Ok(answer)
        } else {
            Err(answer)
        }
    }

    /// Posts NDJSON and does not wait.
    pub fn post_without_waiting(&mut self, body: &str) -> Posting {
        self.post_to_without_waiting(EVENTS, body)
    }

    /// The same to another path.
    pub fn post_to_without_waiting(&mut self, path: &str, body: &str) -> Posting {
        Posting(self.send(path, body))
    }

    fn send(&self, path: &str, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).expect("the server listens");
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-ndjson\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            self.address,
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("the server reads");
        stream.write_all(body.as_bytes()).expect("the server reads");
        stream
    }

    /// Gets a path; the answer's head and body.
    pub fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.address).expect("the server listens");
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.address
        );
        stream.write_all(head.as_bytes()).expect("the server reads");
        let mut answer = String::new();
        stream
            .read_to_string(&mut answer)
            .expect("the server answers");
        answer
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a killed child ends");
    }

    /// Waits until it ends by itself, and returns its exit code.
    pub fn wait_for_exit(&mut self) -> Option<i32> {
        let status = self.child.wait().expect("a child can be waited for");
        status.code()
    }

    /// SIGTERM, and waits for a clean end.
    ///
    /// # Panics
    /// It ends with another code than 0.
    pub fn stop(&mut self) {
        let term = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        assert!(
            term.is_ok_and(|status| status.success()),
            "kill(1) sends SIGTERM"
        );
        let status = self.child.wait().expect("a child that is told to end ends");
        assert!(status.success(), "the server ended with {status}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already, which is as well.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("http://")?;
    let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':'))?;
    rest.get(..end)?.trim_end_matches(':').parse().ok()
}
