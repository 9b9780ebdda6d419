use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command};

use super::run::{Folder, RULE, login};

/// Questions asked until an answer must have come.
const QUESTIONS: usize = 2_000;

/// A running server.
pub struct Server {
    child: Child,
    stderr: BufReader<ChildStderr>,
    /// The line it says when it is ready.
    ready: String,
    url: String,
}

impl Server {
    pub fn start(folder: &Folder) -> Self {
        Self::logging(folder, "warn")
    }

    pub fn logging(folder: &Folder, level: &str) -> Self {
        Self::started(folder, "127.0.0.1:0", level)
    }

    /// At an address that it had before.
    pub fn on(folder: &Folder, address: &str) -> Self {
        Self::started(folder, address, "warn")
    }

    fn started(folder: &Folder, address: &str, level: &str) -> Self {
        let arguments = ["serve", "--listen", address, "--store", "data"];
        let mut child = folder.spawn(&arguments, &[("LARUM_LOG_LEVEL", level)]);
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut ready = String::new();
        while !ready.contains("http://") {
            ready.clear();
            assert!(stderr.read_line(&mut ready).unwrap() > 0, "it ended");
        }
        let url = ready
            .split([' ', ','])
            .find(|word| word.starts_with("http://"));
        let url = url
            .unwrap_or_else(|| panic!("no address in {ready:?}"))
            .to_owned();
        Self {
            child,
            stderr,
            ready,
            url,
        }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn post(&self, body: &str) {
        let answer = ureq::post(format!("{}/v1/events", self.url))
            .header("content-type", "application/x-ndjson")
            .send(body)
            .unwrap();
        assert_eq!(answer.status(), 200);
    }

    /// Waits for a line of its log that says this.
    pub fn says(&mut self, words: &str) -> String {
        let mut line = String::new();
        while !line.contains(words) {
            line.clear();
            assert!(self.stderr.read_line(&mut line).unwrap() > 0, "it ended");
        }
        line
    }

    pub fn get(&self, path: &str) -> serde_json::Value {
        let answer = ureq::get(format!("{}{path}", self.url)).call().unwrap();
        let text = answer.into_body().read_to_string().unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// Ends it with a signal; the answer is its exit code.
    pub fn signal(mut self, name: &str) -> i32 {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([name, &id]).status().unwrap();
        assert!(sent.success());
        // Read to the end, so that it never waits for us to read.
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut self.stderr, &mut rest).unwrap();
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Only ends what a failed test left running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("rules/rule.rhai", RULE);
    folder
}

#[test]
fn what_goes_in_over_http_is_found_over_http_and_after_a_clean_end_in_the_store() {
    let folder = folder();
    let server = Server::start(&folder);
    assert!(
        server.ready.contains("store data, 1 rule, "),
        "{}",
        server.ready
    );
    server.post(
        &[
            login("a", 0, "eve", "failure"),
            login("b", 1, "eve", "failure"),
        ]
        .concat(),
    );
    let url = server.url.clone();
    let place = ["--server", url.as_str()];

    let ask = |arguments: &[&str]| folder.run(&[arguments, &place].concat());
    let raised =
        (0..QUESTIONS).any(|_| ask(&["alerts", "--json"]).exits(0).json_lines().len() == 1);
    assert!(raised, "no alert was raised");
    let alert = ask(&["alerts", "--json"]).json_lines().remove(0);
    assert_eq!(alert["type"], "auth.two_failures");
    assert_eq!(alert["data"]["message"], "2 failures of eve");
    assert!(ask(&["alerts"]).exits(0).stdout.contains("user=eve"));

    let ids = |arguments: &[&str]| -> Vec<String> {
        let events = ask(arguments).exits(0).json_lines();
        events
            .iter()
            .map(|event| event["id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(ids(&["events", "--json"]), ["b", "a"]);
    assert_eq!(ids(&["events", "--json", "--oldest-first"]), ["a", "b"]);
    assert_eq!(ids(&["events", "--json", "--limit", "1"]), ["b"]);
    assert_eq!(
        ids(&["events", "--json", "--to", "2026-11-20T12:00:00Z"]),
        ["a"]
    );
    assert!(ids(&["events", "--json", "--user", "ada"]).is_empty());
    let tree = ask(&["tree", alert["id"].as_str().unwrap()]).exits(0);
    assert!(tree.stdout.contains("auth.two_failures"), "{}", tree.stdout);
    ask(&["tree", "nothing"])
        .exits(1)
        .complains("no tree holds nothing");

    folder
        .run(&["events", "--store", "data"])
        .exits(3)
        .complains("in use by process")
        .complains("--server");
    assert_eq!(server.signal("-TERM"), 0);
    ask(&["events"]).exits(3).complains("no engine answers");

    let from_store = folder
        .run(&["alerts", "--json", "--store", "data"])
        .exits(0)
        .json_lines();
    assert_eq!(from_store, std::slice::from_ref(&alert));
    let arguments = ["tree", alert["id"].as_str().unwrap(), "--store", "data"];
    assert_eq!(folder.run(&arguments).exits(0).stdout, tree.stdout);
}

#[test]
fn windows_shows_what_is_open_and_what_it_takes() {
    let folder = folder();
    folder.write(
        "rules/guessed.rhai",
        "rule(\"auth.guessed\").on(\"security.auth.login\").group_by(\"metadata.user\").within(\"10m\").sequence([\
            step(\"guess\").when(|event| event.data.outcome == \"failure\").count(3), \
            step(\"login\").when(|event| event.data.outcome == \"success\")]);",
    );
    let server = Server::start(&folder);
    server.post(&login("a", 0, "eve", "failure"));
    let url = server.url.clone();
    let ask = |arguments: &[&str]| {
        folder.run(&[&["windows", "--server", url.as_str()], arguments].concat())
    };
    let evaluated = (0..QUESTIONS).any(|_| ask(&["--json"]).exits(0).json_lines().len() == 2);
    assert!(evaluated, "nothing is open");
    let rows = |arguments: &[&str]| -> Vec<String> {
        let ran = ask(arguments).exits(0);
        let rows = ran.stdout.lines().skip(1);
        rows.map(|row| row.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect()
    };
    assert_eq!(
        rows(&[]),
        [
            "auth.guessed user=eve 1 event 10m 2026-11-20T12:00:00Z guess for 10m after 1 so far",
            "auth.two_failures user=eve 1 of 2 1m 2026-11-20T12:00:00Z",
        ]
    );
    assert_eq!(rows(&["auth.guessed"]).len(), 1);
    assert_eq!(rows(&["--key", "ev"]).len(), 2);
    assert_eq!(rows(&["--limit", "1"]).len(), 1);
    ask(&["--limit", "1"])
        .exits(0)
        .complains("and 1 group more; --limit shows them");
    ask(&["--key", "ada"]).exits(0).complains("nothing is open");
    ask(&["auth.gessed"])
        .exits(2)
        .complains("no rule auth.gessed is in force");
}

#[test]
fn all_goes_through_every_page() {
    let folder = folder();
    let server = Server::start(&folder);
    let lines: String = (0..2_500)
        .map(|n| login(&format!("e{n}"), 0, "eve", "success"))
        .collect();
    server.post(&lines);
    let url = server.url.clone();
    let count = |arguments: &[&str]| {
        let arguments = [&["events", "--json", "--server", &url], arguments].concat();
        folder.run(&arguments).exits(0).stdout.lines().count()
    };
    assert_eq!(count(&["--all"]), 2_500);
    assert_eq!(count(&["--limit", "1001"]), 1_001);
    assert_eq!(count(&[]), 100);
    assert_eq!(server.signal("-INT"), 0);
}

#[test]
fn a_restart_goes_on_where_the_last_run_ended() {
    let folder = folder();
    let server = Server::start(&folder);
    server.post(&login("a", 0, "eve", "failure"));
    assert_eq!(server.signal("-TERM"), 0);
    let server = Server::start(&folder);
    assert!(!server.ready.contains("position 0"), "{}", server.ready);
    server.post(&login("b", 1, "eve", "failure"));
    assert_eq!(server.signal("-TERM"), 0);
    let alerts = folder
        .run(&["alerts", "--json", "--store", "data"])
        .exits(0)
        .json_lines();
    assert_eq!(alerts.len(), 1, "the window did not survive the restart");
}

#[test]
fn a_server_that_cannot_run_says_why() {
    let folder = folder();
    folder
        .run(&["serve", "--listen", "0.0.0.0:0"])
        .exits(2)
        .complains("will not listen on 0.0.0.0:0");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    folder
        .run(&["serve", "--listen", &address])
        .exits(2)
        .complains(&format!("cannot listen on {address}"));
    assert!(
        !folder.path().join("larum-data").exists(),
        "nothing was to be opened"
    );
    folder
        .run(&["serve", "--rules", "missing"])
        .exits(2)
        .complains("cannot read rules from missing");
    folder.write("bad/rule.rhai", "rule(");
    folder
        .run(&["serve", "--rules", "bad"])
        .exits(2)
        .complains("rule.rhai:1:");
    folder
        .run(&["serve", "--log-level", "=loud="])
        .exits(2)
        .complains("--log-level");
    folder
        .run(&["serve", "--decoder", "none.toml"])
        .exits(2)
        .complains("cannot open none.toml");
    folder
        .run(&["events", "--server", "https://x"])
        .exits(2)
        .complains("not the address of an engine");
    folder
        .run(&["events", "--store", "nowhere"])
        .exits(3)
        .complains("no store in this folder");

    let server = Server::start(&folder);
    folder
        .run(&["serve", "--listen", "127.0.0.1:0", "--store", "data"])
        .exits(3)
        .complains("in use by process");
    assert_eq!(server.signal("-TERM"), 0);
}

#[test]
fn rules_that_are_edited_take_effect_and_rules_that_are_broken_change_nothing() {
    let folder = folder();
    let mut server = Server::logging(&folder, "larum=info,larum_engine=info");
    let before = server.get("/v1/rules");
    folder.write("rules/rule.rhai", "rule(");
    let line = server.says("rules were not reloaded");
    assert!(line.contains("those before stay in force"), "{line}");
    assert!(server.says("rule.rhai").contains("ERROR"));
    let ready = server.get("/readyz");
    assert_eq!(ready["ready"], true);
    assert!(
        ready["problems"][0]
            .as_str()
            .unwrap()
            .contains("do not load")
    );
    assert_eq!(server.get("/v1/rules")["hash"], before["hash"]);

    server.post(&login("a", 0, "eve", "failure"));
    folder.write("rules/rule.rhai", RULE);
    folder.write("rules/any/rule.rhai", "rule(\"any\").on(\"#\");");
    server.says("rules were reloaded");
    assert_eq!(server.get("/readyz")["problems"], serde_json::json!([]));
    let listed = folder.run(&["rules", "list", "--server", &server.url]);
    let listed = listed.exits(0).stdout;
    assert!(
        listed.contains("auth.two_failures") && listed.contains("any"),
        "{listed}"
    );
    let listed = folder.run(&["rules", "list", "--json", "--server", &server.url]);
    let listed = listed.exits(0).json_lines();
    assert_eq!((listed.len(), &listed[0]["id"]), (2, &"any".into()));
    // What was counted before the reload still counts.
    server.post(&login("b", 1, "eve", "failure"));
    assert_eq!(server.signal("-TERM"), 0);
    let alerts = folder.run(&["alerts", "--json", "--store", "data"]);
    let alerts = alerts.exits(0).json_lines();
    let mut types: Vec<_> = alerts.iter().map(|alert| &alert["type"]).collect();
    types.sort_by_key(|name| name.to_string());
    assert_eq!(types, ["any", "auth.two_failures"], "{alerts:#?}");
}
