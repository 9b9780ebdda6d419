//! Sigma rules through every command that runs rules.

use super::run::Folder;
use super::serve::Server;

const WHOAMI: &str = "\
title: Who am I
id: 00000000-0000-4000-8000-000000000001
level: high
logsource: {product: windows, category: process_creation}
detection:
  selection: {Image|endswith: '\\whoami.exe'}
  condition: selection
";

const BROKEN: &str = "\
title: Broken
logsource: {product: windows}
detection:
  selection: {Image|sideways: x}
  condition: selection
";

const RECORDS: &str = r#"{"@timestamp":"2026-01-02T03:04:05Z","Channel":"Security","EventID":4688,"Hostname":"pc-1","NewProcessName":"C:\\Windows\\WhoAmI.exe"}
{"@timestamp":"2026-01-02T03:04:06Z","Channel":"Security","EventID":4688,"Hostname":"pc-1","NewProcessName":"C:\\Windows\\cmd.exe"}
"#;

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("rules/whoami.yml", WHOAMI);
    folder.write("rules/broken.yml", BROKEN);
    folder
}

#[test]
fn detect_raises_alerts_of_sigma_rules_on_windows_events() {
    let folder = folder();
    folder.write("records.ndjson", RECORDS);
    let arguments = [
        "detect",
        "--rules",
        "rules",
        "--decoder",
        "windows",
        "records.ndjson",
    ];
    let ran = folder.run(&arguments).exits(0);
    let alerts = ran.json_lines();
    assert_eq!(alerts.len(), 1);
    assert_eq!(
        alerts[0]["rule"],
        "sigma.00000000-0000-4000-8000-000000000001"
    );
    assert_eq!(alerts[0]["severity"], "high");
    ran.complains("refused[sigma]: \"Broken\" is not loaded");
}

#[test]
fn check_lists_what_is_refused_by_file_and_line() {
    let ran = folder().run(&["rules", "check"]).exits(0);
    assert!(
        ran.stdout.contains("broken.yml:4:1: refused[sigma]"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout
            .contains("1 rule in 2 files, 0 errors, 1 refused"),
        "{}",
        ran.stdout
    );
    folder().run(&["rules", "check", "--strict"]).exits(1);
    let list = folder()
        .run(&["rules", "list", "--json"])
        .exits(0)
        .json_lines();
    assert_eq!(list[0]["language"], "sigma");
    assert_eq!(list[0]["title"], "Who am I");
}

#[test]
fn a_server_raises_alerts_of_sigma_rules_before_and_after_a_restart() {
    let folder = folder();
    let event = |id: &str, second: u32| {
        let record = r#"{"Channel":"Security","EventID":4688,"NewProcessName":"C:\\whoami.exe"}"#;
        format!(
            r#"{{"id":"{id}","type":"event.4688","source":"pc-1","time":"2026-01-02T03:04:{second:02}Z","data":{record}}}"#
        )
    };
    let server = Server::start(&folder);
    server.post(&event("a", 5));
    assert_eq!(server.signal("-TERM"), 0);
    let server = Server::start(&folder);
    server.post(&event("b", 6));
    assert_eq!(server.get("/v1/rules")["rules"][0]["title"], "Who am I");
    assert_eq!(server.signal("-TERM"), 0);
    let alerts = folder
        .run(&["alerts", "--json", "--store", "data"])
        .exits(0);
    assert_eq!(alerts.json_lines().len(), 2);
}

#[test]
fn an_edit_that_would_lose_a_rule_in_force_changes_nothing() {
    let folder = Folder::new();
    folder.write("rules/whoami.yml", WHOAMI);
    let mut server = Server::logging(&folder, "larum=info,larum_engine=info");
    let before = server.get("/v1/rules")["hash"].clone();
    folder.write("rules/whoami.yml", WHOAMI.replace("endswith", "endswit"));
    server.says("rules were not reloaded");
    assert_eq!(server.get("/v1/rules")["hash"], before);
    // A new document that is refused stays out, and the others go on.
    folder.write("rules/whoami.yml", WHOAMI.replace("whoami.exe", "who.exe"));
    folder.write("rules/broken.yml", BROKEN);
    server.says("rules were reloaded");
    assert_ne!(server.get("/v1/rules")["hash"], before);
    assert_eq!(server.signal("-TERM"), 0);
}
