//! Real recordings with known answers, posted to the real server.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes only #[test] functions for tests, not what they call"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use larum_engine::SeededSequence;
use larum_tests::{Server, larum, recordings};
use serde_json::Value;

/// What an alert is, however it was come by.
type Answer = (u64, u64, Vec<String>);

/// By rule and alert id: revision, count and evidence of what stands at the end.
fn standing(
    alerts: impl Iterator<Item = Value>,
    keys: [&str; 2],
) -> BTreeMap<(String, String), Answer> {
    let [id, revision] = keys;
    let mut standing: BTreeMap<(String, String), Answer> = BTreeMap::new();
    let mut taken_back: BTreeMap<(String, String), u64> = BTreeMap::new();
    for alert in alerts {
        let text = |name: &str| alert[name].as_str().unwrap().to_owned();
        let number = |name: &str| alert[name].as_u64().unwrap();
        let evidence = alert["evidence"].as_array().unwrap();
        let evidence = evidence
            .iter()
            .map(|id| id.as_str().unwrap().to_owned())
            .collect();
        let answer = (number(revision), number("count"), evidence);
        let held = standing
            .entry((text("rule"), text(id)))
            .or_insert_with(|| answer.clone());
        if answer.0 > held.0 {
            *held = answer;
        }
        if alert["status"] == "retracted" {
            taken_back.insert((text("rule"), text(id)), number(revision));
        }
    }
    standing.retain(|id, answer| taken_back.get(id) != Some(&answer.0));
    standing
}

fn set(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("sets")
        .join(name)
}

fn lines(text: &str) -> impl Iterator<Item = Value> + '_ {
    text.lines().map(|line| serde_json::from_str(line).unwrap())
}

/// Detects offline and over the server, in batches of random size, and expects the same.
fn check(name: &str, events: &str, expected: usize) {
    check_late(name, (name, events), "0s", expected);
}

/// The same for rules of one set over events of another, which may be so late.
fn check_late(name: &str, (folder, events): (&str, &str), lateness: &str, expected: usize) {
    let Some(recordings) = recordings() else {
        return;
    };
    let events = recordings.join("correlation").join(folder).join(events);
    let (rules, decoder) = (set(name).join("rules"), set(name).join("decoder.toml"));
    let offline = larum(&[
        "detect".as_ref(),
        "--lateness".as_ref(),
        lateness.as_ref(),
        "--rules".as_ref(),
        rules.as_os_str(),
        "--decoder".as_ref(),
        decoder.as_os_str(),
        events.as_os_str(),
    ]);
    let offline = standing(lines(&offline), ["alert_id", "revision"]);
    assert_eq!(offline.len(), expected);

    let decoded = larum(&[
        "decode".as_ref(),
        "--decoder".as_ref(),
        decoder.as_os_str(),
        events.as_os_str(),
    ]);
    let decoded: Vec<&str> = decoded.lines().collect();
    let store = tempfile::tempdir().unwrap();
    let environment = [("LARUM_LATENESS", lateness)];
    let mut server = Server::start(store.path(), &rules, &environment);
    let mut random = SeededSequence::from_name(folder);
    let mut rest = decoded.as_slice();
    while !rest.is_empty() {
        let size = (random.next_between(1, 97) as usize).min(rest.len());
        let (batch, tail) = rest.split_at(size);
        server.post(&(batch.join("\n") + "\n")).unwrap();
        rest = tail;
    }
    // A clean end evaluates everything; what stands then is in the store.
    server.stop();
    let store = store.path().as_os_str();
    let served = larum(&[
        "alerts".as_ref(),
        "--store".as_ref(),
        store,
        "--json".as_ref(),
        "--all".as_ref(),
    ]);
    let served = standing(
        lines(&served).map(|event| event["data"].clone()),
        ["alertId", "revision"],
    );
    assert_eq!(served, offline);
}

/// Alerts of the rules for OpenSSH over its log, whatever its order.
fn openssh_alerts() -> usize {
    let counted = 161 + 8 + 37 + 9;
    let distinct = 107 + 7 + 25 + 7;
    let unordered = 158 + 15 + 68 + 24;
    // Sessions, what was not closed, and what came in order.
    let others = 33 + 1 + 1 + 39 + 103;
    counted + distinct + unordered + others
}

#[test]
fn openssh_posted_in_random_batches_gives_the_alerts_of_detect_with_the_same_ids() {
    check("openssh", "events.ndjson.gz", openssh_alerts());
}

#[test]
fn linux_posted_in_random_batches_gives_the_alerts_of_detect_with_the_same_ids() {
    let by_address = 63 + 14 + 21 + 14;
    let by_host = 145 + 27 + 46 + 27;
    let connections = 202 + 19 + 30 + 19;
    let expected = by_address + by_host + connections + 40 + 1;
    check("linux", "events.ndjson", expected);
}

#[test]
fn a_log_out_of_order_posted_to_the_server_gives_the_alerts_of_the_log_in_order() {
    let events = ("synthetic-openssh-outoforder", "events.ndjson.gz");
    check_late("openssh", events, "30s", openssh_alerts());
}
