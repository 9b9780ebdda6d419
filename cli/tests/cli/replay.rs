//! The stored log, run again.

use super::run::{Folder, RULE, login};
use super::serve::Server;

/// Questions asked until everything must be evaluated.
const QUESTIONS: usize = 2_000;

/// Reads alerts, so that what they are is compared too.
const OVER: &str = r#"rule("auth.over").on("alerts.auth.two_failures").severity("low");"#;

/// A store of six bursts of failures of two users, and what the server made of them.
fn stored() -> (Folder, Server) {
    let folder = Folder::new();
    folder.write("rules/rule.rhai", RULE);
    folder.write("rules/over.rhai", OVER);
    let server = Server::start(&folder);
    let lines: String = (0..60)
        .map(|n| {
            let user = ["eve", "ada"][n % 2];
            login(
                &format!("e{n}"),
                ((n / 10) * 100 + n % 10 * 4) as u32,
                user,
                "failure",
            )
        })
        .collect();
    server.post(&lines);
    let is_done = |_| {
        let health = server.get("/v1/health");
        health["lag"] == 0
    };
    assert!((0..QUESTIONS).any(is_done), "it is never evaluated");
    (folder, server)
}

const SAME: [&str; 4] = ["replay", "--store", "data", "--json"];

#[test]
fn the_same_rules_say_the_same_while_a_server_has_the_store_open_and_after_its_end() {
    let (folder, server) = stored();
    let ran = folder.run(&SAME).exits(0);
    assert_eq!(ran.stdout, "");
    assert!(!ran.stderr.contains(" 0 alerts"), "{}", ran.stderr);
    assert_eq!(server.signal("-TERM"), 0);
    let ran = folder.run(&SAME).exits(0).complains("60 events run again");
    assert_eq!(ran.stdout, "");
    let all = folder.run(&[&SAME[..], &["--against", "nothing"]].concat());
    assert!(all.exits(0).json_lines().len() > 3);
}

/// The ids of alerts, sorted.
fn sorted_ids<'a>(alerts: impl Iterator<Item = &'a serde_json::Value>) -> Vec<String> {
    let mut ids: Vec<String> = alerts.map(|id| id.as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

#[test]
fn a_stored_log_out_of_order_gives_the_alerts_that_detect_gives() {
    let folder = Folder::new();
    // Rules about single events, so no record of the log asks for anything to be amended.
    folder.write("rules/rule.rhai", OVER);
    // The whole log backwards, and of three sources.
    let lines: Vec<String> = (0..60_u32)
        .rev()
        .map(|n| {
            let second = n / 10 * 100 + n % 10 * 4;
            let line = login(&format!("e{n}"), second, "eve", "failure");
            line.replace("web-1", &format!("web-{}", n % 3))
        })
        .collect();
    folder.write("events.ndjson", lines.concat());
    let server = Server::start(&folder);
    server.post(&lines.concat());
    let is_done = |_| server.get("/v1/health")["lag"] == 0;
    assert!((0..QUESTIONS).any(is_done), "it is never evaluated");
    assert_eq!(server.signal("-TERM"), 0);
    folder.write("rules/rule.rhai", RULE);
    folder.write("rules/over.rhai", OVER);
    let replay = ["--against", "nothing", "--rules", "rules"];
    let replayed = folder.run(&[&SAME[..], &replay].concat()).exits(0);
    let replayed = replayed.json_lines();
    let detected = folder.run(&["detect", "--rules", "rules", "events.ndjson"]);
    let detected = detected.exits(0).json_lines();
    assert!(detected.len() > 5, "{detected:?}");
    assert_eq!(
        sorted_ids(replayed.iter().map(|line| &line["alert"]["alertId"])),
        sorted_ids(detected.iter().map(|line| &line["alert_id"]))
    );
}

#[test]
fn other_rules_show_what_they_add_take_away_and_change() {
    let (folder, server) = stored();
    assert_eq!(server.signal("-TERM"), 0);
    let changes = |rules: &str| -> Vec<(String, String)> {
        folder.write("new/rule.rhai", rules);
        let ran = folder
            .run(&[&SAME[..], &["--rules", "new"]].concat())
            .exits(0);
        let lines = ran.json_lines();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        lines
            .iter()
            .map(|line| (text(&line["change"]), text(&line["rule"])))
            .collect()
    };
    let of = |change: &str, rule: &str| (change.to_owned(), rule.to_owned());
    let same = format!("{RULE}{OVER}");
    assert_eq!(changes(&same), []);
    let titled = same.replace("Two failures", "Failures");
    assert_eq!(changes(&titled), [], "a title decides nothing");
    let without = changes(RULE);
    assert!(!without.is_empty());
    assert!(
        without
            .iter()
            .all(|change| *change == of("removed", "auth.over"))
    );
    let more = format!(r#"{same} rule("auth.all").on("security.auth.login");"#);
    let more = changes(&more);
    assert_eq!(more.len(), 60);
    assert!(more.iter().all(|change| *change == of("added", "auth.all")));
    let longer = changes(&same.replace(r#"within("1m")"#, r#"within("5m")"#));
    assert!(
        longer.contains(&of("changed", "auth.two_failures")),
        "{longer:?}"
    );
}

#[test]
fn times_choose_and_a_folder_without_a_log_is_refused() {
    let (folder, server) = stored();
    assert_eq!(server.signal("-TERM"), 0);
    let none = ["--against", "nothing", "--from", "2027-01-01T00:00:00Z"];
    let ran = folder.run(&[&SAME[..], &none].concat()).exits(0);
    assert_eq!(ran.stdout, "");
    let turned = [
        "--from",
        "2027-01-01T00:00:00Z",
        "--to",
        "2026-01-01T00:00:00Z",
    ];
    folder.run(&[&SAME[..], &turned].concat()).exits(2);
    folder
        .run(&["replay", "--store", "rules"])
        .exits(3)
        .complains("there is no log");
    folder.run(&["replay", "--store", "nowhere"]).exits(3);
}
