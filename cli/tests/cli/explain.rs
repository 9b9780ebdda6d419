//! `larum rules explain`: what a rule asks, and why an event matched or not.

use super::run::{Folder, login, workspace};

const RULE: &str = r#"rule("auth.two")
    .title("Two failures")
    .severity("high")
    .attack("T1110")
    .on("security.auth.login")
    .when(|event| event.data.outcome == "failure" && !(event.metadata.user in ["svc", "test"]))
    .group_by("data.host")
    .within("1m").count(2).policy("suppress 1h");
"#;

const EXCEPT: &str = "[[except]]\nfield = \"data.host\"\nvalue = \"lab-1\"\nreason = \"A laboratory\"\n\
    owner = \"ada\"\nexpires = 2100-01-31\n";

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("rules/auth/two/rule.rhai", RULE);
    folder.write("rules/auth/two/except.toml", EXCEPT);
    let with_host = |line: String, host: &str| {
        line.replace("\"data\":{", &format!("\"data\":{{\"host\":\"{host}\","))
    };
    let lines = [
        with_host(login("a", 0, "eve", "failure"), "web-1"),
        with_host(login("b", 1, "eve", "success"), "web-1"),
        login("c", 2, "eve", "failure"),
        with_host(login("d", 3, "eve", "failure"), "lab-1"),
        with_host(login("e", 4, "svc", "failure"), "web-1"),
        with_host(login("f", 5, "eve", "failure"), "web-1").replace("auth.login", "auth.logout"),
    ];
    folder.write("events.ndjson", lines.concat());
    folder
}

#[test]
fn a_rule_tells_what_it_reads_when_it_fires_and_what_it_keeps() {
    let ran = folder().run(&["rules", "explain", "auth.two"]).exits(0);
    assert_eq!(
        ran.stdout,
        r#"auth.two  high  T1110
Two failures
  file        auth/two/rule.rhai:1
  reads       security.auth.login
  fires       at count >= 2 in 1m; then is silent for 1h
  known       with the match
  groups      data.host
  state       the matches of the last 1m, at most 100,000 or 75.2 MB for each of 1,000,000 groups
  decided     natively
  asked       where event.data.outcome is "failure" ignoring case
  except      data.host is "lab-1"
              ada, until 2100-02-01T00:00:00Z: A laboratory

  condition
    6:19     all of
    6:19       event.data.outcome == "failure"
    6:76       not
    6:76         event.metadata.user in ["svc", "test"]
"#
    );
}

#[test]
fn each_event_of_a_file_is_a_match_or_the_reason_why_it_is_none() {
    let ran = folder()
        .run(&["rules", "explain", "auth.two", "events.ndjson"])
        .exits(0);
    assert_eq!(
        ran.stdout,
        "auth.two  high  T1110\nTwo failures\n\
         \x20    1  match\n\
         \x20    2  no match  the condition does not hold\n\
         \x20    3  no match  it has no data.host to be grouped by\n\
         \x20    4  no match  exception 1 keeps it out\n\
         \x20    5  no match  the condition does not hold\n\
         \x20    6  no match  the rule does not read its topic\n\n\
         \x20 reached     1 of 2 within 1m (host=web-1)\n"
    );
}

#[test]
fn one_event_is_explained_part_by_part_with_what_it_holds() {
    let arguments = [
        "rules",
        "explain",
        "auth.two",
        "events.ndjson",
        "--line",
        "5",
    ];
    let ran = folder().run(&arguments).exits(0);
    assert_eq!(
        ran.stdout,
        r#"auth.two  high  T1110
Two failures

  event       line 5 e, 2026-11-20T12:00:04Z
  verdict     no match: the condition does not hold
  topic       security.auth.login, which it reads
  key         data.host is "web-1"
  except      1. data.host is "lab-1" (ada, until 2100-02-01T00:00:00Z): does not apply

  condition
    no       all of
    yes        event.data.outcome == "failure"
                 data.outcome is "failure"
    no         not
    yes          event.metadata.user in ["svc", "test"]
                   metadata.user is "svc"
"#
    );
}

#[test]
fn an_event_comes_from_standard_input_too_and_answers_are_for_machines_as_well() {
    let folder = folder();
    let event = login("x", 0, "eve", "success");
    let ran = folder.run_with(
        &["rules", "explain", "--json", "auth.two", "-"],
        &[],
        &event,
    );
    let answer = &ran.exits(0).json_lines()[0];
    assert_eq!(answer["match"], false);
    assert_eq!(answer["reason"], "the condition does not hold");
    assert_eq!(answer["key"]["data.host"], serde_json::Value::Null);
    assert_eq!(answer["condition"]["parts"][0]["held"], false);
    assert_eq!(
        answer["condition"]["parts"][0]["fields"][0]["value"],
        "\"success\""
    );
    let ran = folder
        .run(&["rules", "explain", "--json", "auth/two"])
        .exits(0);
    let rule = &ran.json_lines()[0];
    assert_eq!(rule["rule"]["id"], "auth.two");
    assert_eq!(rule["script_runs"], "never");
}

#[test]
fn what_only_the_script_decides_is_told_as_such() {
    let folder = Folder::new();
    folder.write(
        "rules/scan/rule.rhai",
        "rule(\"scan.open\").on(\"events.scan\").when(|event| event.data.host == \"a\"\n    \
         && event.data.ports.some(|port| port.open));",
    );
    let ran = folder.run(&["rules", "explain", "scan.open"]).exits(0);
    let told = &ran.stdout;
    assert!(
        told.contains("decided     natively as far as it can be read; the rest by running"),
        "{told}"
    );
    assert!(
        told.contains("script runs where event.data.host is \"a\" ignoring case\n"),
        "{told}"
    );
    assert!(
        told.contains("2:8        what the script says here\n"),
        "{told}"
    );
}

#[test]
fn a_sigma_rule_is_explained_like_any_other() {
    let folder = Folder::new();
    folder.write(
        "rules/tool.yml",
        "title: A tool\nid: 11111111-1111-4111-8111-111111111111\n\
         logsource:\n  product: windows\n  category: process_creation\n\
         detection:\n  selection:\n    Image|endswith: '\\tool.exe'\n  condition: selection\n",
    );
    let event = "{\"id\":\"1\",\"type\":\"windows.event\",\"source\":\"pc\",\"time\":\"2026-11-20T12:00:00Z\",\
        \"data\":{\"Channel\":\"Microsoft-Windows-Sysmon/Operational\",\"EventID\":1,\"Image\":\"C:\\\\x.exe\"}}\n";
    let arguments = ["rules", "explain", "tool.yml", "-"];
    let missing = folder.run_with(&arguments, &[], event).exits(2);
    missing.complains("is called \"tool.yml\"");
    let id = "sigma.11111111-1111-4111-8111-111111111111";
    let ran = folder
        .run_with(&["rules", "explain", id, "-"], &[], event)
        .exits(0);
    assert!(
        ran.stdout.contains("Image is \"C:\\\\x.exe\""),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains("no match: the condition does not hold"),
        "{}",
        ran.stdout
    );
    let other = event
        .replace("x.exe", "tool.exe")
        .replace("\"EventID\":1", "\"EventID\":3");
    let ran = folder
        .run_with(&["rules", "explain", id, "-"], &[], &other)
        .exits(0);
    assert!(ran.stdout.contains("no match: "), "{}", ran.stdout);
    let ran = folder.run(&["rules", "explain", id]).exits(0);
    assert!(
        ran.stdout
            .contains("reads       events of its log source (sigma)"),
        "{}",
        ran.stdout
    );
}

#[test]
fn names_and_lines_that_are_not_there_are_wrong_usage() {
    let folder = folder();
    folder
        .run(&["rules", "explain", "auth.tow"])
        .exits(2)
        .complains("did you mean \"auth.two\"?");
    folder
        .run(&[
            "rules",
            "explain",
            "auth.two",
            "events.ndjson",
            "--line",
            "99",
        ])
        .exits(2)
        .complains("events.ndjson has no event in line 99");
}

#[test]
fn every_rule_that_we_ship_can_be_explained_in_a_hundred_columns() {
    let rules = workspace().join("rules");
    let rules = rules.to_str().unwrap();
    let folder = Folder::new();
    for area in ["authentication", "process", "network", "incident"] {
        let ran = folder
            .run(&["rules", "explain", "--rules", rules, area])
            .exits(0);
        for line in ran.stdout.lines() {
            assert!(line.chars().count() <= 100, "{line}");
        }
    }
    let ran = folder.run(&["rules", "list", "--rules", rules]).exits(0);
    assert!(ran.stdout.lines().all(|line| line.chars().count() <= 100));
}
