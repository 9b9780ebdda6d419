use super::run::{Folder, login};

const DECODER: &str = r#"
name = "ssh"
format = "json"
channel = "security"

[fields]
type = { from = "event", prefix = "auth." }
time = "ts"
source = "host"

[metadata]
user = "user"
"#;

#[test]
fn foreign_records_become_canonical_lines_and_the_summary_counts_them() {
    let folder = Folder::new();
    folder.write("ssh.toml", DECODER);
    folder.write(
        "log.ndjson",
        "{\"event\":\"login\",\"ts\":\"2026-11-20T12:00:00Z\",\"host\":\"web-1\",\"user\":\"eve\",\"port\":22}\n\
         {\"event\":\"login\",\"host\":\"web-1\"}\n",
    );
    let ran = folder
        .run(&["decode", "--decoder", "ssh.toml", "log.ndjson"])
        .exits(0);
    let events = ran.json_lines();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["type"], "auth.login");
    assert_eq!(events[0]["metadata"]["user"], "eve");
    assert_eq!(events[0]["data"]["port"], 22);
    let ran = ran
        .complains("log.ndjson:2: ")
        .complains("1 accepted, 1 rejected");
    drop(ran);
    folder
        .run(&["decode", "--strict", "--decoder", "ssh.toml", "log.ndjson"])
        .exits(1);
}

#[test]
fn a_decoder_that_is_wrong_or_missing_is_told_before_anything_is_read() {
    let folder = Folder::new();
    folder.write("bad.toml", "name = \"x\"\nformat = \"jsn\"\n");
    folder.write("log.ndjson", "");
    folder
        .run(&["decode", "--decoder", "bad.toml", "log.ndjson"])
        .exits(2)
        .complains("bad.toml:2:");
    folder
        .run(&["decode", "--decoder", "missing.toml", "log.ndjson"])
        .exits(2)
        .complains("cannot open missing.toml");
}

#[test]
fn a_reader_that_goes_away_is_no_error_and_no_noise() {
    let folder = Folder::new();
    let lines: String = (0..20_000)
        .map(|n| login(&format!("e{n}"), 0, "eve", "success"))
        .collect();
    folder.write("many.ndjson", lines);
    let mut child = folder.spawn(&["decode", "many.ndjson"], &[]);
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn a_severity_policy_tells_how_bad_events_are_that_do_not_say_it() {
    let folder = Folder::new();
    folder.write("events.ndjson", login("a", 0, "eve", "failure"));
    folder.write(
        "severities.toml",
        "[[class]]\ntype = \"auth.login\"\nseverity = \"low\"\n",
    );
    let arguments = ["decode", "--severities", "severities.toml", "events.ndjson"];
    let ran = folder.run(&arguments).exits(0);
    assert_eq!(ran.json_lines()[0]["severity"], "low");
    folder.write("severities.toml", "[[class]]\ntyp = 1\n");
    folder
        .run(&arguments)
        .exits(2)
        .complains("severities.toml:2:1: ");
}
