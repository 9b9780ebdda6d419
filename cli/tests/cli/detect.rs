use super::run::{Folder, RULE, login};

/// A folder with the rule and a file of logins: the second failure of `eve` fires, that of `ada`
/// comes too long after the first.
fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("rules/rule.rhai", RULE);
    let lines = [
        login("a", 0, "eve", "failure"),
        "not json\n".to_owned(),
        login("b", 10, "ada", "failure"),
        login("c", 30, "eve", "failure"),
        login("d", 40, "eve", "failure"),
        login("e", 71, "ada", "failure"),
        login("f", 300, "bob", "success"),
    ];
    folder.write("events.ndjson", lines.concat());
    folder
}

#[test]
fn an_alert_stands_once_with_its_last_count_and_every_member() {
    let ran = folder()
        .run(&["detect", "--rules", "rules", "events.ndjson"])
        .exits(0);
    let alerts = ran.json_lines();
    assert_eq!(alerts.len(), 1, "{}", ran.stdout);
    let alert = &alerts[0];
    assert_eq!(alert["rule"], "auth.two_failures");
    assert_eq!(alert["title"], "Two failures");
    assert_eq!(alert["status"], "final");
    assert_eq!(alert["severity"], "high");
    assert_eq!(alert["attack"], serde_json::json!(["T1110"]));
    assert_eq!(alert["tenant"], "default");
    assert_eq!(alert["key"], serde_json::json!({ "user": "eve" }));
    assert_eq!(alert["count"], 3);
    assert_eq!(alert["window"], "1m");
    assert_eq!(alert["time"], "2026-11-20T12:00:30Z");
    assert_eq!(alert["first"], "2026-11-20T12:00:00Z");
    assert_eq!(alert["last"], "2026-11-20T12:00:40Z");
    // The record number counts the rejected one.
    assert_eq!(alert["trigger"], serde_json::json!({ "id": "c", "seq": 3 }));
    assert_eq!(alert["evidence"], serde_json::json!(["a", "c", "d"]));
    assert_eq!(alert["team"], "red");
    ran.complains("events.ndjson:2: syntax: ")
        .complains("1 (syntax 1)")
        .complains("auth.two_failures");
}

#[test]
fn revisions_shows_how_an_alert_changed() {
    let ran = folder().run(&["detect", "--rules", "rules", "--revisions", "events.ndjson"]);
    let alerts = ran.exits(0).json_lines();
    let revisions: Vec<_> = alerts
        .iter()
        .map(|alert| alert["revision"].as_u64())
        .collect();
    assert_eq!(revisions, [Some(1), Some(2)]);
    assert_eq!(alerts[0]["count"], 2);
    assert_eq!(alerts[1]["count"], 3);
    assert_eq!(alerts[0]["alert_id"], alerts[1]["alert_id"]);
}

#[test]
fn strict_fails_the_run_for_a_bad_record_and_the_alerts_come_all_the_same() {
    let ran = folder()
        .run(&["detect", "--rules", "rules", "--strict", "events.ndjson"])
        .exits(1);
    assert_eq!(ran.json_lines().len(), 1);
}

#[test]
fn a_table_is_for_people() {
    let ran = folder().run(&[
        "detect",
        "--rules",
        "rules",
        "--output",
        "table",
        "events.ndjson",
    ]);
    let lines: Vec<String> = ran
        .exits(0)
        .stdout
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(lines[0], "time severity rule key count message");
    assert!(
        lines[1].starts_with("2026-11-20T12:00:30Z high auth.two_failures user=eve 3"),
        "{lines:?}"
    );
}

#[test]
fn what_is_more_than_a_week_behind_counts_too() {
    let folder = Folder::new();
    folder.write("rules/rule.rhai", RULE);
    let lines = [
        login("b", 62, "bob", "success").replace("2026-11-20", "2026-11-29"),
        login("a", 60, "eve", "failure"),
        login("c", 61, "eve", "failure"),
    ];
    folder.write("events.ndjson", lines.concat());
    let arguments = ["detect", "--rules", "rules", "events.ndjson"];
    let ran = folder.run(&arguments).exits(0);
    assert_eq!(ran.json_lines().len(), 1);
    assert!(!ran.stderr.contains("late"), "{}", ran.stderr);
}

#[test]
fn events_out_of_order_fire_once_and_nothing_is_taken_back() {
    let folder = Folder::new();
    folder.write("rules/rule.rhai", RULE);
    let lines = [
        login("d", 100, "bob", "success"),
        login("a", 0, "eve", "failure"),
        login("b", 20, "eve", "failure"),
        login("c", 10, "eve", "failure"),
    ];
    folder.write("events.ndjson", lines.concat());
    let arguments = ["detect", "--rules", "rules", "--revisions", "events.ndjson"];
    let ran = folder
        .run(&arguments)
        .exits(0)
        .complains("alerts       1\n");
    assert!(!ran.stderr.contains("late"), "{}", ran.stderr);
    let told: Vec<String> = ran
        .json_lines()
        .iter()
        .map(|alert| {
            format!(
                "{} {} {}",
                alert["trigger"], alert["status"], alert["count"]
            )
        })
        .collect();
    // The number is that of the record, not that in the order of time.
    let revisions = [
        "{\"id\":\"c\",\"seq\":3} \"final\" 2",
        "{\"id\":\"c\",\"seq\":3} \"final\" 3",
    ];
    assert_eq!(told, revisions, "{}", ran.stdout);
}

#[test]
fn as_live_shows_what_an_engine_would_have_taken_back() {
    let folder = Folder::new();
    folder.write("rules/rule.rhai", RULE);
    let lines = [
        login("a", 0, "eve", "failure"),
        login("b", 20, "eve", "failure"),
        login("c", 10, "eve", "failure"),
        login("d", 0, "bob", "success").replace("T12", "T14"),
        login("e", 30, "eve", "failure"),
    ];
    folder.write("events.ndjson", lines.concat());
    let arguments = ["detect", "--rules", "rules", "--as-live", "--lateness"];
    let run = |more: &[&str]| folder.run(&[&arguments, more].concat()).exits(0);
    let ran = run(&["30s", "events.ndjson"])
        .complains("late         1, further behind than the horizon (auth.two_failures 1)")
        .complains("alerts       1\n");
    let text =
        |alert: &serde_json::Value| format!("{} {}", alert["trigger"]["id"], alert["status"]);
    let revisions: Vec<String> = ran.json_lines().iter().map(text).collect();
    let expected = [
        "\"c\" \"final\"",
        "\"c\" \"final\"",
        "\"b\" \"early\"",
        "\"b\" \"retracted\"",
    ];
    assert_eq!(revisions, expected, "{}", ran.stdout);
}

#[test]
fn close_ends_what_is_open() {
    let folder = Folder::new();
    folder.write("rules/rule.rhai", RULE);
    let lines = [
        login("a", 0, "eve", "failure"),
        login("b", 1, "eve", "failure"),
        login("c", 2, "eve", "failure"),
    ];
    folder.write("events.ndjson", lines.concat());
    let count =
        |arguments: &[&str]| folder.run(arguments).exits(0).json_lines()[0]["count"].clone();
    // The episode may go on behind the end of the file, so its last count is not written yet.
    assert_eq!(count(&["detect", "--rules", "rules", "events.ndjson"]), 2);
    assert_eq!(
        count(&["detect", "--rules", "rules", "--close", "events.ndjson"]),
        3
    );
}

#[test]
fn several_files_are_one_input_and_standard_input_is_one_of_them() {
    let folder = Folder::new();
    folder.write("rules/rule.rhai", RULE);
    folder.write("late.ndjson", login("b", 20, "eve", "failure"));
    let arguments = ["detect", "--rules", "rules", "late.ndjson", "-"];
    let ran = folder
        .run_with(&arguments, &[], &login("a", 0, "eve", "failure"))
        .exits(0);
    assert_eq!(
        ran.json_lines()[0]["evidence"],
        serde_json::json!(["a", "b"])
    );
}

#[test]
fn only_the_first_bad_records_are_told_and_the_others_counted() {
    let folder = Folder::new();
    folder.write("rules/rule.rhai", RULE);
    folder.write("bad.ndjson", "nonsense\n".repeat(50));
    let ran = folder
        .run(&["detect", "--rules", "rules", "bad.ndjson"])
        .exits(0);
    let told = ran.stderr.matches("bad.ndjson:").count();
    assert_eq!(told, 20);
    ran.complains("and 30 bad records more")
        .complains("50 (syntax 50)");
}

#[test]
fn an_event_without_a_time_is_refused_because_a_file_cannot_tell_it() {
    let folder = Folder::new();
    folder.write("rules/rule.rhai", RULE);
    let event = "{\"id\":\"a\",\"type\":\"auth.login\",\"source\":\"web-1\"}";
    folder
        .run_with(&["detect", "--rules", "rules", "-"], &[], event)
        .exits(0)
        .complains("missing_member: time: ");
}

#[test]
fn wrong_usage_ends_before_anything_is_read() {
    let folder = folder();
    for (arguments, complaint) in [
        (&["events.ndjson"][..], "--rules"),
        (&["--rules", "rules"], "FILE"),
        (
            &["--rules", "rules", "missing.ndjson"],
            "cannot open missing.ndjson",
        ),
        (&["--rules", "rules", "rules"], "cannot open rules"),
        (
            &["--rules", "missing", "events.ndjson"],
            "cannot read rules from missing",
        ),
        (&["--rules", "rules", "-", "-"], "only once"),
        (
            &["--rules", "rules", "--lateness", "5", "events.ndjson"],
            "duration",
        ),
    ] {
        let arguments = [&["detect"], arguments].concat();
        folder.run(&arguments).exits(2).complains(complaint);
    }
    folder.write("bad/rule.rhai", "rule(\"x\"");
    folder
        .run(&["detect", "--rules", "bad", "events.ndjson"])
        .exits(2)
        .complains("rule.rhai:1:");
}
