//! The three collectors of `docs/examples/collectors`: one traceparent, one tree, one incident
//! (0-18, 0-22).

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{Running, texts, workspace};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
/// Of the file that is uploaded, `the books of a year`.
const SHA256: &str = "30b124e0772dc3339b7ea2e78e66595a69fe4836b2f49c2fb62ffb4554468f82";

/// Whether a tool is there. One that is missing is said aloud, and fails where `LARUM_TOOLS`
/// promises it.
fn has(tool: &str, version: &str) -> bool {
    let ran = Command::new(tool).arg(version).output();
    let is_there = ran.is_ok_and(|ran| ran.status.success());
    if !is_there {
        assert!(
            std::env::var_os("LARUM_TOOLS").is_none(),
            "LARUM_TOOLS is set, and there is no {tool}"
        );
        eprintln!("skipped: there is no {tool}");
    }
    is_there
}

/// Runs the three; each must end well.
fn run_collectors(url: &str, file: &Path) {
    let examples = workspace().join("docs/examples/collectors");
    let mut rust = Command::new(env!("CARGO_BIN_EXE_collector-in-rust"));
    rust.arg(url);
    let mut python = Command::new("python3");
    python
        .arg(examples.join("python/collector.py"))
        .args([url.as_ref(), file]);
    let mut shell = Command::new("sh");
    shell
        .arg(examples.join("shell/collector.sh"))
        .args([url.as_ref(), file]);
    for collector in [&mut rust, &mut python, &mut shell] {
        let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
        let ran = collector.env("TRACEPARENT", parent).output().unwrap();
        assert!(ran.status.success(), "{collector:?}: {ran:?}");
    }
}

/// What a responder finds out: the tree, and the incident.
fn check(running: &Running) -> Value {
    let tree = running.ask(&format!("/v1/trees/{TRACE}"));
    assert_eq!(tree["root"], format!("trace:{TRACE}"), "{tree}");
    let nodes = tree["nodes"].as_array().unwrap();
    let events = nodes.iter().filter(|node| node["alert"].is_null());
    let sources = events.flat_map(|node| texts(node["events"].as_array(), "source"));
    assert_eq!(
        sources.collect::<BTreeSet<String>>(),
        BTreeSet::from(["netmon@web-1", "procmon@web-1", "sshd@web-1"].map(str::to_owned))
    );
    let alerts = nodes.iter().filter(|node| !node["alert"].is_null());
    let rules: BTreeSet<&str> = alerts
        .clone()
        .filter_map(|node| node["alert"]["rule"].as_str())
        .collect();
    for rule in [
        "auth.repeated_failed_logins",
        "process.program_from_temporary_folder",
        "network.upload_to_unknown_address",
    ] {
        assert!(rules.contains(rule), "{rule} is not among {rules:?}");
    }

    let incident = running.ask(&format!("/v1/incidents/trace:{TRACE}"));
    let id = incident["id"].as_str().unwrap();
    assert_eq!(tree["incident"], id);
    for alert in alerts {
        let found = running.ask(&format!("/v1/incidents/{}", alert["id"].as_str().unwrap()));
        assert_eq!(found["id"], id, "from {}", alert["id"]);
    }
    for (kind, value) in [("user", "deploy"), ("hash", SHA256), ("ip", "203.0.113.66")] {
        let found = running.ask(&format!("/v1/incidents/{kind}:{value}"));
        assert_eq!(found["id"], id, "from {kind}:{value}");
        let listed = running.ask(&format!("/v1/incidents?{kind}={value}"));
        assert_eq!(texts(listed["items"].as_array(), "id"), [id], "{kind}");
    }
    let listed = running.ask("/v1/incidents");
    assert_eq!(listed["total"], 1, "{listed}");
    incident
}

#[test]
fn three_collectors_with_one_traceparent_make_one_tree_and_one_incident_also_after_kill_9() {
    if !(has("python3", "--version") && has("curl", "--version")) {
        return;
    }
    let running = Running::shipped();
    let file = running.folder.path().join("s.tgz");
    std::fs::write(&file, "the books of a year").unwrap();
    run_collectors(&running.url(), &file);
    running.settle();
    let incident = check(&running);
    // Who does not know whether it arrived sends it again.
    run_collectors(&running.url(), &file);
    running.settle();
    assert_eq!(check(&running), incident);
    let running = running.killed_and_started_again();
    assert_eq!(check(&running), incident);
}
