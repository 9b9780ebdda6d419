//! Real recordings with known answers: every alert, event by event.

use std::collections::BTreeMap;

use serde_json::Value;

use super::*;

#[path = "../../../tests/window/recorded.rs"]
mod recorded;

use recorded::{lines, recordings};

struct RecordedRule {
    name: &'static str,
    sequence: Sequence,
    /// Of each step, a member of the event and its value.
    steps: &'static [(&'static str, &'static str)],
    group_by: &'static [&'static str],
}

const GUESSED: [(&str, &str); 2] = [("outcome", "failed"), ("outcome", "accepted")];
const LEFT_OPEN: [(&str, &str); 2] = [("event", "session_opened"), ("event", "session_closed")];
const SESSION: [&str; 4] = ["host", "process", "pid", "user"];

fn rules() -> Vec<RecordedRule> {
    let guessed = || {
        sequence(
            600,
            vec![step("guess", StepOccurrence::Times(5)), one("success")],
        )
    };
    let left_open = |within| {
        let steps = vec![one("opened"), absent("closed")];
        with_policy(FiringPolicy::Edge, sequence(within, steps))
    };
    let chain = || sequence(60, vec![one("first"), one("second"), one("third")]);
    let rule = |name, sequence, steps, group_by| RecordedRule {
        name,
        sequence,
        steps,
        group_by,
    };
    vec![
        rule("R3", guessed(), &GUESSED, &["src_ip", "user"]),
        rule("R3b", guessed(), &GUESSED, &["src_ip"]),
        rule("R5", left_open(600), &LEFT_OPEN, &SESSION),
        rule("R5b", left_open(300), &LEFT_OPEN, &SESSION),
        rule(
            "R6",
            chain(),
            &[
                ("event", "reverse_mapping_failed"),
                ("event", "invalid_user"),
                ("event", "failed_login"),
            ],
            &["src_ip"],
        ),
        rule(
            "R6b",
            chain(),
            &[
                ("event", "invalid_user"),
                ("event", "failed_login"),
                ("event", "disconnect"),
            ],
            &["src_ip"],
        ),
    ]
}

/// The events of each key that satisfy a step, in order.
fn events_by_key(events: &[Value], rule: &RecordedRule) -> BTreeMap<String, Vec<WindowEvent>> {
    let mut sorted: Vec<_> = events
        .iter()
        .map(|event| {
            let time = Timestamp::parse(event["ts"].as_str().unwrap()).unwrap();
            (time, event["seq"].as_u64().unwrap(), event)
        })
        .collect();
    sorted.sort_by_key(|(time, seq, _)| (*time, *seq));
    let mut keys: BTreeMap<String, Vec<WindowEvent>> = BTreeMap::new();
    for (time, seq, found) in sorted {
        let satisfied = (0..)
            .zip(rule.steps)
            .filter(|(_, (member, value))| found[member] == *value);
        let steps = satisfied.fold(0, |steps, (step, _)| steps | 1 << step);
        let members: Vec<_> = rule.group_by.iter().map(|member| &found[member]).collect();
        if steps == 0 || members.iter().any(|member| member.is_null()) {
            continue;
        }
        let members = members.iter().map(|member| member.to_string());
        let key = members.collect::<Vec<_>>().join(" ");
        let taken = event(time.as_nanos() / 1_000_000_000, seq, steps, None);
        keys.entry(key).or_default().push(taken);
    }
    keys
}

/// Anchor, time, and how many events of the first step with a count there must be.
fn expected(answers: &Value) -> Vec<(u64, Timestamp, Option<u64>)> {
    let parse = |value: &Value| Timestamp::parse(value.as_str().unwrap()).unwrap();
    let mut expected: Vec<_> = match &answers["fires"] {
        Value::Array(fires) => fires
            .iter()
            .map(|fire| {
                (
                    fire["opened_seq"].as_u64().unwrap(),
                    parse(&fire["fires_at"]),
                    None,
                )
            })
            .collect(),
        _ => answers["inclusive"]
            .as_array()
            .unwrap()
            .iter()
            .map(|fire| {
                (
                    fire["seq"].as_u64().unwrap(),
                    parse(&fire["ts"]),
                    fire["value"].as_u64(),
                )
            })
            .collect(),
    };
    expected.sort_unstable();
    expected
}

#[test]
fn the_recordings_raise_the_known_alerts_and_no_others() {
    let Some(folder) = recordings() else {
        return;
    };
    let mut alerts = 0;
    for set in [
        "openssh",
        "linux",
        "synthetic-openssh-success",
        "synthetic-openssh-outoforder",
        "synthetic-linux-unclosed",
    ] {
        let events = lines(folder.join(set).join("events.ndjson"));
        let text = std::fs::read_to_string(folder.join(set).join("expected.json")).unwrap();
        let answers: Value = serde_json::from_str(&text).unwrap();
        for rule in rules() {
            let answers = &answers["expected"][rule.name];
            let mut found = Vec::new();
            for events in events_by_key(&events, &rule).values() {
                for fired in run(&rule.sequence, events) {
                    let anchor = fired.anchor.as_str().parse().unwrap();
                    let is_counted =
                        matches!(rule.sequence.steps[0].occurs, StepOccurrence::Times(5));
                    // All but the success.
                    let count = is_counted.then(|| fired.content.count - 1);
                    found.push((anchor, fired.time, count));
                }
            }
            found.sort_unstable();
            assert_eq!(found, expected(answers), "{set} {}", rule.name);
            alerts += found.len();
        }
    }
    assert!(alerts > 500, "{alerts}");
}
