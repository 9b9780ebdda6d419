//! Trees and incidents that are followed while they grow.

use std::io::{BufRead, BufReader};
use std::process::Child;

use serde_json::{Value, json};

use super::run::Folder;
use super::serve::Server;
use super::trees::{folder, grown};

/// Step `number` that comes into the case later.
fn step(number: u32) -> String {
    let event = json!({"id": format!("s{number}"), "type": "step.done", "source": "s", "channel": "security",
        "time": format!("2026-11-20T12:01:{number:02}Z"), "correlationId": format!("step-{number}"),
        "correlation": {"root": "case", "parent": "copy"}});
    format!("{event}\n")
}

/// A running `larum .. --follow --json`.
struct Follower {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Follower {
    fn start(folder: &Folder, arguments: &[&str]) -> Self {
        let mut child = folder.spawn(arguments, &[]);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    fn next(&mut self) -> Value {
        let line = self.lines.next().expect("it goes on").unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// The ids of nodes told until this one came.
    fn until(&mut self, id: &str) -> Vec<String> {
        let mut told = Vec::new();
        while !told.iter().any(|known| known == id) {
            let message = self.next();
            let nodes = message["nodes"].as_array().into_iter().flatten();
            told.extend(nodes.map(|node| node["id"].as_str().unwrap().to_owned()));
        }
        told
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_follower_tells_what_comes_over_a_restart_of_the_engine_too() {
    let folder = folder();
    let server = grown(&folder);
    let url = server.url().to_owned();
    let mut follower = Follower::start(
        &folder,
        &["tree", "case", "--follow", "--json", "--server", &url],
    );
    assert_eq!(follower.next()["root"], "case");
    assert_eq!(follower.next()["type"], "watching");
    server.post(&step(1));
    assert!(follower.until("step-1").contains(&"step-1".to_owned()));
    assert_eq!(server.signal("-TERM"), 0);

    let address = url.trim_start_matches("http://");
    let server = Server::on(&folder, address);
    server.post(&step(2));
    server.post(&step(3));
    let mut told = follower.until("step-3");
    told.retain(|id| id.starts_with("step-"));
    assert_eq!(told, ["step-2", "step-3"]);

    let mut incident = Follower::start(
        &folder,
        &["incident", "user:eve", "--follow", "--server", &url],
    );
    server.post(&step(4));
    let mut lines = std::iter::from_fn(|| incident.lines.next()).map(Result::unwrap);
    assert!(lines.any(|line| line.contains("step.done") && line.contains("step-4")));
}

#[test]
fn what_cannot_be_followed_is_said() {
    let folder = folder();
    let server = grown(&folder);
    let url = server.url().to_owned();
    for arguments in [
        vec!["tree", "nobody", "--follow", "--server", &url],
        vec!["incident", "nobody", "--follow", "--server", &url],
    ] {
        folder.run(&arguments).exits(1).complains("nobody");
    }
    folder
        .run(&["tree", "case", "--follow", "--store", "data"])
        .exits(2)
        .complains("--store");
    folder
        .run(&["tree", "case", "--follow", "--ancestors"])
        .exits(2)
        .complains("--ancestors");
    folder
        .run(&[
            "tree", "case", "--follow", "--format", "dot", "--server", &url,
        ])
        .exits(2)
        .complains("text and as json");
    assert_eq!(server.signal("-TERM"), 0);
    folder
        .run(&["tree", "case", "--follow", "--server", &url])
        .exits(3)
        .complains("no engine answers");
}
