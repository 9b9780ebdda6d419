//! Searches on the command line, from a running engine and from its store, and every example of
//! `docs/search.md`.

use super::page::{blocks, play_with};
use super::run::{Folder, RULE, workspace};
use super::serve::Server;

/// Questions asked until an answer must have come.
const QUESTIONS: usize = 2_000;

/// A server that holds the events of the page and the alert that they raise.
fn told(folder: &Folder) -> Server {
    folder.write("rules/rule.rhai", RULE);
    let blocks = blocks("docs/search.md");
    let events = blocks
        .iter()
        .find(|block| block.info == ["json", "events.ndjson"]);
    let server = Server::start(folder);
    server.post(&events.unwrap().text);
    let raised = (0..QUESTIONS).any(|_| server.get("/v1/alerts")["items"] != serde_json::json!([]));
    assert!(raised, "no alert was raised");
    server
}

/// Ids of what is found, in the order of the page; the alert is called `two`.
fn found(folder: &Folder, verb: &str, arguments: &[&str]) -> Vec<String> {
    let ran = folder
        .run(&[&[verb, "--json", "--oldest-first", "--all"], arguments].concat())
        .exits(0);
    let events = ran.json_lines();
    let ids = events
        .iter()
        .map(|event| match event["channel"] == "alerts" {
            true => "two".to_owned(),
            false => event["id"].as_str().unwrap().to_owned(),
        });
    ids.collect()
}

/// Events, then alerts.
fn found_of_both(folder: &Folder, arguments: &[&str]) -> Vec<String> {
    let mut both = found(folder, "events", arguments);
    both.extend(found(
        folder,
        "alerts",
        &[arguments, &["--revisions"]].concat(),
    ));
    both
}

/// Cells of the tables of a page.
fn rows(page: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(workspace().join(page)).unwrap();
    let rows = text
        .lines()
        .filter(|line| line.starts_with('|') && !line.contains("---"));
    rows.map(|line| {
        line.split('|')
            .skip(1)
            .map(|cell| cell.trim().to_owned())
            .collect()
    })
    .collect()
}

/// What stands between backticks.
fn codes(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_example_of_the_page_on_searching_works() {
    let folder = Folder::new();
    let server = told(&folder);
    let place = ["--server", server.url()];
    let mut examples = 0;
    for row in rows("docs/search.md")
        .iter()
        .filter(|row| row[0].starts_with('`'))
    {
        for search in codes(&row[0]) {
            examples += 1;
            // Names of fields alone are none.
            if search.ends_with(':') {
                continue;
            }
            let search = match search.strip_prefix('-') {
                Some(rest) => format!("NOT {rest}"),
                None => search.to_owned(),
            };
            let found = found_of_both(&folder, &[&[search.as_str()], &place[..]].concat());
            if codes(&row[0]).len() == 1 && !row[1].is_empty() && row[1] != "…" {
                assert_eq!(found.join(" "), row[1], "{search}");
            }
        }
    }
    assert!(examples > 45, "{examples} examples");
    let values = [
        (r"data.Image:*\winword.exe", "e4"),
        (r#"data.Image:"C:\Program Files\\*""#, "e4"),
        (r#"data.Image:"C:\Program Files\*""#, ""),
        ("data.port:22.0", "e1 e2 e3"),
        ("data.port:022", ""),
        (r#""a/../b\*""#, "e5"),
        (r#"data.path:a/../b\*"#, "e5"),
        (
            r#"trace:"4bf92f3577b34da6a3ce929d0e0e4736/b7ad6b7169203331""#,
            "e4",
        ),
        ("user!=eve kind:event", "e5"),
    ];
    for (search, expected) in values {
        let found = found_of_both(&folder, &[&[search], &place[..]].concat());
        assert_eq!(found.join(" "), expected, "{search}");
    }
    for block in blocks("docs/search.md")
        .iter()
        .filter(|block| block.info == ["console"])
    {
        play_with(&folder, block, &[("LARUM_SERVER", server.url())]);
    }
}

/// Every way to ask of 0-26, 1-51, 2-16 and 2-17, of the engine and of what is left when it has
/// ended.
#[test]
fn trace_correlation_stage_and_tag_are_found_in_order_and_after_a_restart() {
    let folder = Folder::new();
    let check = |place: &[&str]| {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let capitals = trace.to_uppercase();
        for (arguments, expected) in [
            (vec!["--trace", trace], "e3 e4"),
            (vec!["--trace", &capitals], "e3 e4"),
            (vec!["--correlation", "incident-9"], "e3 e4"),
            (vec!["--correlation", "login-77"], "e3"),
            (vec!["--tag", "case=C-7"], "e3"),
            (vec!["--tag", "case=C-7", "--tag", "analyst=ann"], ""),
            (vec!["--stage", "execution"], "e4"),
            (
                vec!["--trace", trace, "--stage", "access", "user:eve"],
                "e3",
            ),
            (
                vec![
                    "type:auth.*",
                    "data.outcome:failure",
                    "--to",
                    "2026-11-20T12:00:00Z",
                ],
                "e1",
            ),
            (vec!["trace:none", "OR", "stage:access"], "e3"),
        ] {
            let ids = found(&folder, "events", &[&arguments[..], place].concat());
            assert_eq!(ids.join(" "), expected, "{arguments:?}");
        }
        assert_eq!(
            found(
                &folder,
                "alerts",
                &[&["message:*eve", "--revisions"], place].concat()
            ),
            ["two"]
        );
    };
    let server = told(&folder);
    check(&["--server", server.url()]);
    assert_eq!(server.signal("-TERM"), 0);
    check(&["--store", "data"]);
    let server = Server::start(&folder);
    check(&["--server", server.url()]);
}

#[test]
fn a_mistake_in_a_search_ends_it_before_anybody_is_asked() {
    let folder = Folder::new();
    for verb in ["events", "alerts"] {
        folder
            .run(&[verb, "user:eve severty>=high", "--server", "http://127.0.0.1:1"])
            .exits(2)
            .complains("there is no field \"severty\"\n  user:eve severty>=high\n           ^^^^^^^\n  help: did you mean");
    }
    folder
        .run(&["events", "--tag", "case"])
        .exits(2)
        .complains("case=C-7");
}
