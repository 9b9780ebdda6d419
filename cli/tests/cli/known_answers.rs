//! Rules over real logs against answers that others computed, event by event.

use std::collections::BTreeMap;

use serde_json::Value;

use super::run::{Folder, data, workspace};

const POLICIES: [&str; 4] = ["every", "edge", "reset", "suppress"];

/// The events at which each rule fires, with the key, in order.
type Fires = BTreeMap<String, Vec<(u64, Value)>>;

fn check(set: &str, file: &str, rules: &[(&str, [usize; 4])]) {
    let Some(data) = data() else {
        return;
    };
    let ours = workspace().join("tests/sets").join(set);
    let theirs = data.join("correlation").join(set);
    let text = |path: std::path::PathBuf| path.to_str().unwrap().to_owned();
    let ran = Folder::new().run(&[
        "detect",
        "--strict",
        "--rules",
        &text(ours.join("rules")),
        "--decoder",
        &text(ours.join("decoder.toml")),
        &text(theirs.join(file)),
    ]);
    let mut found = Fires::new();
    for alert in ran.exits(0).json_lines() {
        let fires = found
            .entry(alert["rule"].as_str().unwrap().to_owned())
            .or_default();
        fires.push((
            alert["trigger"]["seq"].as_u64().unwrap(),
            alert["key"].clone(),
        ));
    }
    let answers = std::fs::read(theirs.join("expected.json")).unwrap();
    let answers: Value = serde_json::from_slice(&answers).unwrap();
    for (rule, counts) in rules {
        for (policy, count) in POLICIES.iter().zip(counts) {
            let expected = &answers["expected"][rule.to_uppercase()]["inclusive"][policy];
            let expected: Vec<(u64, Value)> = expected
                .as_array()
                .unwrap()
                .iter()
                .map(|fire| (fire["seq"].as_u64().unwrap(), fire["key"].clone()))
                .collect();
            assert_eq!(expected.len(), *count, "{set} {rule} {policy}");
            let fires = found
                .remove(&format!("{rule}.{policy}"))
                .unwrap_or_default();
            assert_eq!(fires, expected, "{set} {rule} {policy}");
        }
    }
}

#[test]
fn openssh_fires_at_exactly_the_events_of_the_known_answers() {
    check("openssh", "events.ndjson.gz", &[("r1", [161, 8, 37, 9])]);
}

#[test]
fn linux_fires_at_exactly_the_events_of_the_known_answers() {
    check(
        "linux",
        "events.ndjson",
        &[("r1", [63, 14, 21, 14]), ("r8", [202, 19, 30, 19])],
    );
}
