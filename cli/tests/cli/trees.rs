//! Trees and incidents as people and scripts ask for them, of a running engine and of its store.

use serde_json::{Value, json};

use super::run::{Folder, RULE, Ran};
use super::serve::Server;

const LINK: &str = "link(\"process\").on(\"security.process.#\").id(\"data.guid\").parent(\"data.parent\").scope(\"metadata.host\").label(\"data.image\");";

/// A workflow of three steps with two failures, an alert, and two processes.
fn case() -> String {
    let event = |id: &str, second: u32, more: Value| {
        let mut event = json!({"id": id, "type": "auth.login", "source": "sshd", "channel": "security",
            "time": format!("2026-11-20T12:00:{second:02}Z"), "metadata": {"user": "eve", "host": "ws5"}});
        for (name, value) in more.as_object().unwrap() {
            event[name] = value.clone();
        }
        format!("{event}\n")
    };
    let under = |stage: &str| json!({"root": "case", "parent": "case", "stage": stage, "tags": {"team": "red"}});
    let failure = json!({"outcome": "failure"});
    let process = |guid: &str, parent: &str, image: &str| json!({"guid": guid, "parent": parent, "image": image});
    [
        event("e0", 0, json!({"correlationId": "case"})),
        event(
            "e1",
            1,
            json!({"correlationId": "guess", "correlation": under("access"), "data": failure}),
        ),
        event(
            "e2",
            2,
            json!({"correlationId": "guess", "correlation": under("access"), "data": failure}),
        ),
        event(
            "e3",
            3,
            json!({"correlationId": "copy", "correlation": under("theft"), "source": "edr",
            "type": "file.copied", "severity": "critical"}),
        ),
        event(
            "p1",
            4,
            json!({"type": "process.started", "data": process("{P-1}", "{P-0}", "cmd.exe")}),
        ),
        event(
            "p2",
            5,
            json!({"type": "process.started", "data": process("{P-2}", "{P-1}", "curl.exe")}),
        ),
    ]
    .concat()
}

pub fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("rules/rule.rhai", RULE);
    folder.write("rules/links/links.rhai", LINK);
    folder
}

/// A server with the case in its trees.
pub fn grown(folder: &Folder) -> Server {
    let server = Server::start(folder);
    server.post(&case());
    until(&server, "/v1/incidents", |found| found["total"] == 1);
    server
}

/// Asks until an answer is as it must be in the end.
fn until(server: &Server, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut answers = (0..50_000).map(|_| server.get(path));
    let found = answers.find(|answer| wanted(answer));
    found.unwrap_or_else(|| panic!("{path} never became what it should"))
}

/// Runs every question of the server, ends it, and runs those of the store; both answer the same.
fn check_both(questions: impl Fn(&dyn Fn(&[&str]) -> Ran)) {
    let folder = folder();
    let server = grown(&folder);
    let url = server.url().to_owned();
    questions(&|arguments| folder.run(&[arguments, &["--server", &url]].concat()));
    assert_eq!(server.signal("-TERM"), 0);
    questions(&|arguments| folder.run(&[arguments, &["--store", "data"]].concat()));
}

fn nodes(ran: &Ran) -> Vec<String> {
    let view = ran.json_lines().remove(0);
    let nodes = view["nodes"].as_array().unwrap().iter();
    let nodes = nodes.filter(|node| node["alert"].is_null());
    nodes
        .map(|node| node["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn every_part_and_filter_of_a_tree_shows_what_it_should() {
    check_both(|ask| {
        for (arguments, expected) in [
            (vec!["case"], vec!["case", "guess", "copy"]),
            (vec!["e3", "--ancestors"], vec!["case", "copy"]),
            (vec!["guess", "--descendants"], vec!["guess"]),
            (vec!["guess", "--siblings"], vec!["case", "guess", "copy"]),
            (vec!["guess", "--path-to", "case"], vec!["case", "guess"]),
            (vec!["case", "--depth", "0"], vec!["case"]),
            (vec!["case", "--stage", "access"], vec!["case", "guess"]),
            (
                vec!["case", "--tag", "team=red"],
                vec!["case", "guess", "copy"],
            ),
            (vec!["case", "--severity", "critical"], vec!["case", "copy"]),
            (vec!["case", "--source", "edr"], vec!["case", "copy"]),
            (vec!["case", "--to", "2026-11-20T12:00:00Z"], vec!["case"]),
            (
                vec!["case", "--from", "2026-11-20T12:00:03Z"],
                vec!["case", "copy"],
            ),
            (
                vec!["process:ws5/{P-2}"],
                vec![
                    "process:ws5/{P-0}",
                    "process:ws5/{P-1}",
                    "process:ws5/{P-2}",
                ],
            ),
            (
                vec!["process:ws5/{P-2}", "--ancestors", "--limit", "2"],
                vec!["process:ws5/{P-0}", "process:ws5/{P-1}"],
            ),
        ] {
            let ran = ask(&[&["tree", "--json"], arguments.as_slice()].concat()).exits(0);
            assert_eq!(nodes(&ran), expected, "{arguments:?}");
        }
        ask(&["tree", "guess", "--path-to", "p1"])
            .exits(1)
            .complains("not in the tree");
        ask(&["tree", "nobody"])
            .exits(1)
            .complains("no tree holds nobody");
        ask(&["tree", "case", "--tenant", "acme"])
            .exits(1)
            .complains("no tree holds case");
    });
}

#[test]
fn text_folds_repeats_tells_why_and_shows_every_page_when_asked() {
    check_both(|ask| {
        let text = ask(&["tree", "case"]).exits(0).stdout;
        assert!(text.contains("×2") && text.contains("▲"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
        let why = ask(&["tree", "case", "--why"]).exits(0).stdout;
        assert!(why.contains("correlation.parent"), "{why}");
        let each = ask(&["tree", "case", "--no-fold"]).exits(0).stdout;
        assert!(!each.contains("×2"), "{each}");
        assert_eq!(each.lines().count(), text.lines().count() + 1);
        let page = ask(&["tree", "case", "--limit", "1"]).exits(0).stdout;
        let cursor = page.split("--cursor ").nth(1).unwrap().trim().to_owned();
        let next = ask(&["tree", "case", "--limit", "1", "--cursor", &cursor])
            .exits(0)
            .stdout;
        assert!(next.contains("from an earlier page"), "{next}");
        let all = ask(&["tree", "case", "--all"]).exits(0).stdout;
        assert_eq!(all, text);
        let json = ask(&["tree", "case", "--json", "--fold"])
            .exits(0)
            .json_lines()
            .remove(0);
        assert_eq!(
            json["nodes"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|node| node["folds"].is_array())
                .count(),
            3
        );
        ask(&["tree", "case", "--cursor", "nonsense"])
            .exits(2)
            .complains("cursor");
        for format in ["dot", "mermaid", "otlp", "csv", "csv-events"] {
            let exported = ask(&["tree", "case", "--format", format]).exits(0).stdout;
            assert!(exported.contains("guess"), "{format}: {exported}");
        }
        ask(&["tree", "case", "--format", "xml"])
            .exits(2)
            .complains("csv-events");
        ask(&["tree", "case", "--format", "csv", "--timeline"])
            .exits(2)
            .complains("text and as json");
    });
}

#[test]
fn a_tree_is_told_as_it_was_with_its_changes_and_its_timeline() {
    check_both(|ask| {
        let event = ask(&["tree", "case", "--json"])
            .exits(0)
            .json_lines()
            .remove(0);
        let mut guess = event["nodes"].as_array().unwrap().iter();
        let guess = guess.find(|node| node["id"] == "guess").unwrap();
        let position = guess["events"][1]["position"].as_u64().unwrap().to_string();
        let was = ask(&["tree", "case", "--json", "--as-of", &position]).exits(0);
        assert_eq!(nodes(&was), ["case", "guess"]);
        ask(&["tree", "case", "--as-of", "2000-01-01T00:00:00Z"])
            .exits(1)
            .complains("or held it then");
        ask(&["tree", "case", "--as-of", "99999"])
            .exits(2)
            .complains("the log ends at position");
        ask(&["tree", "case", "--as-of", "soon"])
            .exits(2)
            .complains("no position of the log");
        let changes = ask(&["tree", "case", "--json", "--changes-since", &position]).exits(0);
        let changes = changes.json_lines().remove(0);
        assert_eq!(changes["added"].as_array().unwrap().len(), 2, "{changes}");
        assert!(
            changes["added"]
                .as_array()
                .unwrap()
                .contains(&json!("copy")),
            "{changes}"
        );
        let text = ask(&["tree", "case", "--changes-since", &position])
            .exits(0)
            .stdout;
        assert!(text.contains("copy"), "{text}");

        let told = |arguments: &[&str]| -> Vec<String> {
            let lines =
                ask(&[&["tree", "case", "--timeline", "--json"], arguments].concat()).exits(0);
            let lines = lines.json_lines().into_iter();
            lines
                .map(|line| line["type"].as_str().unwrap().to_owned())
                .collect()
        };
        let all = [
            "auth.login",
            "auth.login",
            "auth.login",
            "auth.two_failures",
            "file.copied",
        ];
        assert_eq!(told(&[]), all);
        assert_eq!(told(&["--fold"]).len(), 4);
        assert_eq!(told(&["--limit", "2"]), &all[..2]);
        assert_eq!(told(&["--all"]), all);
        ask(&["tree", "case", "--timeline", "--limit", "2"])
            .exits(0)
            .complains("and 2 lines more");
    });
}

#[test]
fn trees_and_incidents_are_found_by_whom_they_are_about() {
    check_both(|ask| {
        let roots = |arguments: &[&str]| -> Vec<Value> {
            let trees = ask(&[&["trees", "--json"], arguments].concat())
                .exits(0)
                .json_lines();
            trees.into_iter().map(|tree| tree["root"].clone()).collect()
        };
        assert_eq!(roots(&["--user", "eve"]), ["process:ws5/{P-0}", "case"]);
        assert_eq!(
            roots(&["--user", "eve", "--limit", "1"]),
            ["process:ws5/{P-0}"]
        );
        assert_eq!(
            roots(&["--entity", "host:ws5"]),
            ["process:ws5/{P-0}", "case"]
        );
        ask(&["trees", "--user", "eve", "--limit", "1"])
            .exits(0)
            .complains("and 1 tree more");
        ask(&["trees", "--user", "bob"])
            .exits(0)
            .complains("nothing found");
        ask(&["trees"]).exits(2).complains("--user");
        ask(&["trees", "--user", "eve", "--ip", "::1"])
            .exits(2)
            .complains("name one of");

        let found = |arguments: &[&str]| {
            let listed = ask(&[&["incidents", "--json"], arguments].concat()).exits(0);
            listed.json_lines().len()
        };
        for (arguments, count) in [
            (vec![], 1),
            (vec!["--severity", "high"], 1),
            (vec!["--severity", "critical"], 0),
            (vec!["--rule", "auth.two_failures"], 1),
            (vec!["--rule", "auth.other"], 0),
            (vec!["--user", "eve"], 1),
            (vec!["--user", "eve", "--user", "bob"], 0),
            (vec!["--from", "2026-11-20T12:00:03Z"], 0),
            (vec!["--offset", "1"], 0),
            (vec!["--tenant", "acme"], 0),
        ] {
            assert_eq!(found(&arguments), count, "{arguments:?}");
        }
        let table = ask(&["incidents"]).exits(0).stdout;
        assert!(table.contains("auth.two_failures"), "{table}");
        ask(&["incidents", "--user", "bob"])
            .exits(0)
            .complains("nothing found");
    });
}

#[test]
fn an_incident_is_shown_with_its_trees_and_its_timeline() {
    check_both(|ask| {
        let listed = ask(&["incidents", "--json"])
            .exits(0)
            .json_lines()
            .remove(0);
        let id = listed["id"].as_str().unwrap();
        for name in [id, "case", "e1", "user:eve"] {
            let one = ask(&["incident", name, "--json"])
                .exits(0)
                .json_lines()
                .remove(0);
            assert_eq!(one["id"], id, "{name}");
        }
        let text = ask(&["incident", id]).exits(0).stdout;
        assert!(
            text.contains(id) && text.contains("2 failures of eve"),
            "{text}"
        );
        let with_tree = ask(&["incident", id, "--tree"]).exits(0).stdout;
        assert!(with_tree.contains("guess (access)"), "{with_tree}");
        let timeline = ask(&["incident", id, "--timeline", "--json"])
            .exits(0)
            .json_lines();
        assert_eq!(timeline.len(), 5);
        ask(&["incident", "nobody"])
            .exits(1)
            .complains("no incident has nobody in it");
        ask(&["incident", id, "--tenant", "acme"]).exits(1);
    });
}
