//! Cases played out of order, which changes nothing.

use super::run::{Folder, login, workspace};

fn rule(lateness: &str) -> String {
    format!(
        "rule(\"auth.burst\").on(\"security.auth.login\").group_by(\"metadata.user\")\
         .within(\"1m\").count(3).policy(\"reset\"){lateness};"
    )
}

fn folder(rule: &str, case: &str, seconds: &[u32]) -> Folder {
    let folder = Folder::new();
    folder.write("rules/auth/burst/rule.rhai", rule);
    let events = seconds.iter().zip(0..);
    let events = events.map(|(second, id)| login(&format!("e{id}"), *second, "eve", "failure"));
    folder.write(
        &format!("rules/auth/burst/cases/{case}.ndjson"),
        events.collect::<String>(),
    );
    folder
}

fn ways(folder: &Folder) -> u64 {
    let ran = folder.run(&["rules", "test", "--json"]).exits(0);
    let report = ran.json_lines().remove(0);
    report["folders"][0]["cases"][0]["other_ways"]
        .as_u64()
        .unwrap()
}

#[test]
fn a_case_is_also_played_out_of_order_whatever_its_rules_wait_for() {
    let seconds = [0, 10, 20, 30, 40, 50, 60];
    for lateness in ["", ".lateness(\"5s\")"] {
        assert!(ways(&folder(&rule(lateness), "fires", &seconds)) > 3);
    }
    // Twice each event, and nothing else: there is no other order.
    assert_eq!(ways(&folder(&rule(""), "quiet", &[0])), 1);
}

#[test]
fn a_script_sees_the_events_of_a_case_in_order_however_they_come() {
    let rule = "rule(\"auth.burst\").on(\"security.auth.login\").group_by(\"metadata.user\")\
                .keep(\"1h\").lateness(\"30s\").on_event(|event, state| { \
                    let rises = event.time > (state.last ?? \"\"); state.last = event.time; !rises });";
    let folder = folder(rule, "quiet", &[0, 10, 20, 30, 40]);
    assert!(ways(&folder) > 3);
}

#[test]
fn which_source_is_heard_first_changes_nothing_within_the_lateness() {
    let folder = Folder::new();
    let rule = "rule(\"r\").on(\"events.t\").within(\"10s\").count(2).policy(\"reset\").lateness(\"30s\");";
    folder.write("rules/rule.rhai", rule);
    let event = |source: &str, second: u32| {
        format!(
            "{{\"id\":\"{source}{second}\",\"type\":\"t\",\"source\":\"{source}\",\
             \"time\":\"2026-11-20T12:00:{second:02}Z\"}}\n"
        )
    };
    let ordered = [event("b", 0), event("a", 5), event("a", 20)];
    let b_late = [event("a", 5), event("a", 20), event("b", 0)];
    for events in [ordered, b_late] {
        folder.write("events.ndjson", events.concat());
        let arguments = ["detect", "--rules", "rules", "--close", "events.ndjson"];
        let alerts = folder.run(&arguments).exits(0).json_lines();
        let times: Vec<_> = alerts.iter().map(|alert| &alert["time"]).collect();
        assert_eq!(times, ["2026-11-20T12:00:05Z"], "{events:?}");
    }
}

#[test]
fn every_rule_that_we_ship_gives_the_same_alerts_of_cases_out_of_order() {
    let rules = workspace().join("rules");
    let arguments = [
        "rules",
        "test",
        "--json",
        "--rules",
        rules.to_str().unwrap(),
    ];
    let ran = Folder::new().run(&arguments).exits(0);
    let report = ran.json_lines().remove(0);
    let folders = report["folders"].as_array().unwrap();
    let cases = folders
        .iter()
        .flat_map(|it| it["cases"].as_array().unwrap());
    let ways: u64 = cases.map(|case| case["other_ways"].as_u64().unwrap()).sum();
    assert!(ways > 1_000, "{ways}");
}
