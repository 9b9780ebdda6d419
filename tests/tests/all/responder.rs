//! What a responder asks of the real binary, and is answered: over HTTP, and again after `kill -9`.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test ends at the first surprise"
)]

mod collectors;
mod tenants;
mod workflows;

use std::path::{Path, PathBuf};

use larum_tests::Server;
use serde_json::Value;

/// The root of the workspace.
fn workspace() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap().to_owned()
}

/// A running engine and its store, which outlives it.
struct Running {
    server: Server,
    rules: PathBuf,
    folder: tempfile::TempDir,
}

impl Running {
    /// An engine with the rules and links that we ship.
    fn shipped() -> Self {
        Self::start(tempfile::tempdir().unwrap(), workspace().join("rules"))
    }

    /// An engine with one rule, which nothing satisfies.
    fn quiet() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let rules = folder.path().join("rules");
        std::fs::create_dir(&rules).unwrap();
        let rule = r#"rule("work.lost").on("events.work.lost");"#;
        std::fs::write(rules.join("rule.rhai"), rule).unwrap();
        Self::start(folder, rules)
    }

    fn start(folder: tempfile::TempDir, rules: PathBuf) -> Self {
        let server = Server::start(&folder.path().join("store"), &rules, &[]);
        Self {
            server,
            rules,
            folder,
        }
    }

    /// `kill -9`, and a new one on the same store.
    fn killed_and_started_again(mut self) -> Self {
        self.server.kill();
        self.server = Server::start(&self.folder.path().join("store"), &self.rules, &[]);
        self.settle();
        self
    }

    fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Posts events as lines; all must be taken or known.
    fn post(&mut self, events: &[Value]) {
        let lines: String = events.iter().map(|event| format!("{event}\n")).collect();
        let answer = self.server.post(&lines).unwrap();
        assert!(!answer.contains("\"rejected\":1"), "{answer}");
    }

    /// Until everything that came is evaluated.
    fn settle(&self) {
        while self.ask("/v1/health")["lag"] != 0 {}
    }

    /// The answer, of whatever status; asks again while the trees are being rebuilt.
    fn ask(&self, path: &str) -> Value {
        loop {
            let answer = self.server.get(path);
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            if head.starts_with("HTTP/1.1 503") {
                continue;
            }
            return serde_json::from_str(body).unwrap_or_else(|_| panic!("{path}: {answer}"));
        }
    }
}

/// Each node with its way from the root, what it tells of itself, and the ids of its events;
/// sorted, since the order of siblings that have no time is theirs.
fn outline(tree: &Value) -> Vec<String> {
    let nodes = tree["nodes"].as_array();
    let nodes = nodes.unwrap_or_else(|| panic!("no tree: {tree}"));
    let mut ways: Vec<String> = Vec::new();
    let mut lines = Vec::new();
    for node in nodes {
        let id = node["id"].as_str().unwrap();
        let way = match node["parent"].as_u64() {
            Some(parent) => format!("{} > {id}", ways[parent as usize]),
            None => id.to_owned(),
        };
        let told = ["stage", "tags", "seen"].map(|member| node[member].to_string());
        let events = texts(node["events"].as_array(), "id").join(" ");
        lines.push(format!("{way} {} [{events}]", told.join(" ")));
        ways.push(way);
    }
    lines.sort();
    lines
}

/// A member of each, as texts.
fn texts(items: Option<&Vec<Value>>, member: &str) -> Vec<String> {
    let items = items.into_iter().flatten();
    items
        .map(|item| item[member].as_str().unwrap().to_owned())
        .collect()
}
