//! Exceptions beside rules, as an analyst writes them and looks at them.

use super::run::{Folder, RULE, login};

const EXCEPT: &str = r#"
[[except]]
field = "metadata.user"
value = "svc-backup"
reason = "The backup logs in with an old password until it is replaced"
owner = "ada@example.org"
expires = 2100-01-31
"#;

fn folder(exceptions: &str) -> Folder {
    let folder = Folder::new();
    folder.write("rules/auth/rule.rhai", RULE);
    folder.write("rules/auth/except.toml", exceptions);
    let users = ["svc-backup", "svc-backup", "eve", "svc-backup", "eve"];
    let lines = users
        .iter()
        .zip(0..)
        .map(|(user, second)| login(&format!("e{second}"), second, user, "failure"));
    folder.write("events.ndjson", lines.collect::<String>());
    folder
}

#[test]
fn what_is_excepted_neither_fires_nor_counts_and_the_summary_says_so() {
    let ran = folder(EXCEPT)
        .run(&["detect", "--rules", "rules", "events.ndjson"])
        .exits(0);
    let alerts = ran.json_lines();
    assert_eq!(alerts.len(), 1, "{}", ran.stdout);
    assert_eq!(alerts[0]["key"]["user"], "eve");
    ran.complains("excepted     3\n")
        .complains("3  auth.two_failures: metadata.user is \"svc-backup\"\n");
}

#[test]
fn an_exception_ends_and_check_tells_so() {
    let ended = EXCEPT.replace("2100", "2026");
    let ran = folder(&ended)
        .run(&["detect", "--rules", "rules", "events.ndjson"])
        .exits(0);
    assert_eq!(
        ran.json_lines().len(),
        2,
        "events of November are after its end"
    );
    let ended = EXCEPT.replace("2100", "2020");
    let ran = folder(&ended).run(&["rules", "check"]).exits(0);
    assert_eq!(
        ran.stdout,
        "auth/except.toml:2:1: warning[expired-exception]: the exception metadata.user is \"svc-backup\" \
         ended at 2020-02-01T00:00:00Z\n   \
         2 | [[except]]\n     | ^\n     \
         = help: ask ada@example.org whether it is still wanted, or remove it\n\n\
         ok: 1 rule in 2 files, 0 errors, 1 warning\n"
    );
    let ran = folder(&ended).run(&["rules", "check", "--json"]).exits(0);
    assert_eq!(
        ran.json_lines()[0]["findings"][0]["code"],
        "expired-exception"
    );
}

#[test]
fn lists_show_how_many_exceptions_a_rule_has() {
    let ran = folder(EXCEPT).run(&["rules", "list"]).exits(0);
    assert_eq!(
        ran.stdout,
        "id                 severity  fires             except  title\n\
         auth.two_failures  high      count >= 2 in 1m  1       Two failures\n"
    );
    let ran = folder(EXCEPT).run(&["rules", "list", "--json"]).exits(0);
    let exception = &ran.json_lines()[0]["exceptions"][0];
    assert_eq!(exception["is"], "metadata.user is \"svc-backup\"");
    assert_eq!(exception["owner"], "ada@example.org");
    assert_eq!(exception["expires"], "2100-02-01T00:00:00Z");
    assert_eq!(exception["file"], "auth/except.toml");
}

#[test]
fn a_case_that_an_exception_keeps_quiet_says_so() {
    let folder = folder(EXCEPT);
    let events = login("1", 0, "svc-backup", "failure") + &login("2", 1, "svc-backup", "failure");
    folder.write("rules/auth/cases/fires.ndjson", events);
    let ran = folder.run(&["rules", "test"]).exits(1);
    assert!(
        ran.stdout.contains("condition held for 2, 2 excepted;"),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_mistake_in_an_exception_stops_the_set() {
    let ran = folder(&EXCEPT.replace("owner", "onwer"))
        .run(&["rules", "check"])
        .exits(1);
    assert!(
        ran.stdout.contains("[[except]] has no `owner`"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains("help: did you mean `owner`?"),
        "{}",
        ran.stdout
    );
}

const SIGMA: &str = "title: A tool\nid: 11111111-1111-4111-8111-111111111111\n\
    logsource:\n  product: windows\n  category: process_creation\n\
    detection:\n  selection:\n    Image|endswith: '\\tool.exe'\n  condition: selection\nlevel: high\n";

/// A process creation as Sysmon says it, for the file `image`.
fn process(image: &str) -> String {
    let data = serde_json::json!({
        "Channel": "Microsoft-Windows-Sysmon/Operational",
        "EventID": 1,
        "Image": image,
        "User": "CORP\\builder",
    });
    format!(
        "{{\"id\":{image:?},\"type\":\"windows.event\",\"source\":\"pc-1\",\
         \"time\":\"2026-11-20T12:00:00Z\",\"data\":{data}}}\n"
    )
}

#[test]
fn sigma_rules_have_exceptions_over_their_own_fields_and_over_paths() {
    for field in ["Image", "data.Image"] {
        for (question, quiet) in [
            ("value = \"C:\\\\build\\\\tool.exe\"", true),
            ("starts_with = \"C:\\\\build\"", true),
            ("starts_with = \"C:\\\\other\"", false),
        ] {
            let folder = Folder::new();
            folder.write("rules/windows/tool.yml", SIGMA);
            let exception = format!(
                "[[except]]\nfield = \"{field}\"\n{question}\n\
                 reason = \"r\"\nowner = \"o\"\nexpires = \"never\"\n"
            );
            folder.write("rules/windows/except.toml", exception);
            folder.write(
                "e.ndjson",
                process("C:\\build\\tool.exe") + &process("C:\\tool.exe"),
            );
            let ran = folder
                .run(&["detect", "--rules", "rules", "e.ndjson"])
                .exits(0);
            let expected = if quiet { 1 } else { 2 };
            assert_eq!(
                ran.json_lines().len(),
                expected,
                "{field} {question}\n{}",
                ran.stderr
            );
        }
    }
    let folder = Folder::new();
    folder.write("rules/windows/tool.yml", SIGMA);
    let exception = EXCEPT.replace("metadata.user", "Imgae");
    folder.write("rules/windows/except.toml", exception);
    let ran = folder.run(&["rules", "check"]).exits(0);
    assert!(
        ran.stdout.contains("did you mean `Image`?"),
        "{}",
        ran.stdout
    );
}
