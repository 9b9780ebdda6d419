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

/// Posts a log in batches of random size, and expects what `detect` says of it, revisions included.
fn check(name: &str, events: &str, expected: usize) {
    let Some(recordings) = recordings() else {
        return;
    };
    let decoded = decode(
        name,
        &recordings.join("correlation").join(name).join(events),
    );
    let offline = detect(name, &decoded);
    assert_eq!(offline.len(), expected);
    assert_eq!(serve(name, &decoded, "0s"), offline);
}

/// The lines of a log as events.
fn decode(name: &str, events: &Path) -> Vec<String> {
    let decoder = set(name).join("decoder.toml");
    let arguments = ["decode".as_ref(), "--decoder".as_ref(), decoder.as_os_str()];
    let decoded = larum(&[&arguments[..], &[events.as_os_str()]].concat());
    decoded.lines().map(str::to_owned).collect()
}

/// What stands in the end by the rules of a set.
fn detect(name: &str, decoded: &[String]) -> BTreeMap<(String, String), Answer> {
    let folder = tempfile::tempdir().unwrap();
    let events = folder.path().join("events.ndjson");
    std::fs::write(&events, decoded.join("\n")).unwrap();
    let rules = set(name).join("rules");
    let offline = larum(&[
        "detect".as_ref(),
        "--rules".as_ref(),
        rules.as_os_str(),
        events.as_os_str(),
    ]);
    standing(lines(&offline), ["alert_id", "revision"])
}

/// What stands in the end in the store of a server to which the events were posted.
fn serve(name: &str, decoded: &[String], lateness: &str) -> BTreeMap<(String, String), Answer> {
    let store = tempfile::tempdir().unwrap();
    let environment = [("LARUM_LATENESS", lateness)];
    let rules = set(name).join("rules");
    let mut server = Server::start(store.path(), &rules, &environment);
    let mut random = SeededSequence::from_name(name);
    let mut rest = decoded;
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
    standing(
        lines(&served).map(|event| event["data"].clone()),
        ["alertId", "revision"],
    )
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
    let Some(recordings) = recordings() else {
        return;
    };
    let log = recordings.join("correlation/synthetic-openssh-outoforder/events.ndjson.gz");
    let mut decoded = decode("openssh", &log);
    // Of its source and so much later that the server has decided everything, which waits.
    decoded.push(
        r#"{"id":"end","type":"end","source":"LabSZ","time":"2016-12-20T12:00:00Z"}"#.to_owned(),
    );
    // How often an alert was said to be early is not compared: sorted input is never early.
    let without_revisions = |mut alerts: BTreeMap<(String, String), Answer>| {
        alerts.values_mut().for_each(|answer| answer.0 = 0);
        alerts
    };
    let offline = without_revisions(detect("openssh", &decoded));
    // One session is open at the end of the log.
    assert_eq!(offline.len(), openssh_alerts() + 1);
    let served = without_revisions(serve("openssh", &decoded, "30s"));
    assert!(
        served == offline,
        "{:?}",
        differing_alerts(&served, &offline)
    );
}

/// The alerts that only one side has, or has otherwise: the count of each side.
fn differing_alerts(
    one: &BTreeMap<(String, String), Answer>,
    other: &BTreeMap<(String, String), Answer>,
) -> Vec<String> {
    let ids: std::collections::BTreeSet<_> = one.keys().chain(other.keys()).collect();
    let differing = ids.into_iter().filter(|id| one.get(id) != other.get(id));
    let count = |answer: Option<&Answer>| answer.map(|(_, count, _)| *count);
    differing
        .map(|id| format!("{id:?} {:?} {:?}", count(one.get(id)), count(other.get(id))))
        .collect()
}
