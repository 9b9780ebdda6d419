//! Rules in Rhai over recordings with known answers: every kind of window, under every policy.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "clippy takes only #[test] functions for tests, not what they call"
)]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use larum_tests::{larum, recordings};
use serde_json::{Map, Value};

/// An alert, or an answer: the number of the event that set it off, the group, and how many or how
/// much where that is told.
type Answer = (u64, String, Option<Value>);

/// By rule, in order.
type Answers = BTreeMap<String, Vec<Answer>>;

/// What an alert tells beside its count.
#[derive(Clone, Copy, PartialEq)]
enum Tells {
    Count,
    Value,
    /// The count, with the one event that ended it.
    CountAndLast,
    Time,
    Nothing,
}

/// How a rule's answers are told.
fn tells(rule: &str) -> Tells {
    let kind = rule.split('.').next().unwrap_or_default();
    match kind {
        "r1" | "r1h" | "r8" | "w1" | "w2" | "r4" => Tells::Count,
        "r2" | "r7" | "w3" | "w4" | "w6" => Tells::Value,
        "r3" | "r3b" | "w5" => Tells::CountAndLast,
        "r5" | "r5b" => Tells::Time,
        "r6" | "r6b" => Tells::Nothing,
        other => panic!("{other} is no rule of the recordings"),
    }
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn key(members: &Map<String, Value>) -> String {
    let members: BTreeMap<&String, &Value> = members.iter().collect();
    serde_json::to_string(&members).unwrap()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

/// What the recording says of `rule`, one that it names, such as `R5b`.
fn expected_of(rule: &str, said: &Value) -> Answers {
    let id = rule.to_lowercase();
    let mut answers = Answers::new();
    let of = |fires: &Value, number_of: &str, value_of: &str| -> Vec<Answer> {
        let fires = fires.as_array().unwrap().iter();
        fires
            .map(|fire| {
                (
                    number(&fire[number_of]),
                    key(fire["key"].as_object().unwrap()),
                    fire.get(value_of).cloned(),
                )
            })
            .collect()
    };
    match tells(&id) {
        _ if id == "r4" => {
            answers.insert(id, of(said, "last_seq", "count"));
        }
        Tells::Time => {
            answers.insert(id, of(&said["fires"], "opened_seq", "fires_at"));
        }
        _ => match &said["inclusive"] {
            Value::Object(policies) => {
                for (policy, fires) in policies {
                    answers.insert(format!("{id}.{policy}"), of(fires, "seq", "value"));
                }
            }
            fires => {
                answers.insert(id, of(fires, "seq", "value"));
            }
        },
    }
    answers
}

fn expected(set: &Path) -> Answers {
    let expected = read(&set.join("expected.json"));
    let rules = expected["expected"].as_object().unwrap();
    rules
        .iter()
        .flat_map(|(rule, said)| expected_of(rule, said))
        .collect()
}

/// Whether an alert of the rule grows after it was raised.
fn grows(rule: &str) -> bool {
    rule.ends_with(".edge") || rule.ends_with(".suppress")
}

/// What stands at the end of every revision, as `larum detect` wrote them. Of alerts that grow, how
/// much they told at first.
fn found(lines: &str) -> Answers {
    let mut standing: BTreeMap<(String, String), Option<Answer>> = BTreeMap::new();
    for line in lines.lines() {
        let alert: Value = serde_json::from_str(line).unwrap();
        let rule = alert["rule"].as_str().unwrap().to_owned();
        let mut told = match tells(&rule) {
            Tells::Count => Some(alert["count"].clone()),
            Tells::Value => Some(alert["value"].clone()),
            Tells::CountAndLast => Some((number(&alert["count"]) - 1).into()),
            Tells::Time => Some(alert["time"].clone()),
            Tells::Nothing => None,
        };
        let trigger = number(&alert["trigger"]["seq"]);
        let group = key(alert["key"].as_object().unwrap());
        let is_growing = grows(&rule);
        let id = alert["alert_id"].as_str().unwrap().to_owned();
        let held = standing.entry((rule, id)).or_default();
        if let (true, Some((_, _, first))) = (is_growing, &held) {
            told.clone_from(first);
        }
        let stands = alert["status"] != "retracted";
        *held = stands.then_some((trigger, group, told));
    }
    let mut answers = Answers::new();
    for ((rule, _), answer) in standing {
        if let Some(answer) = answer {
            answers.entry(rule).or_default().push(answer);
        }
    }
    answers
}

/// In what order the events come.
#[derive(Clone, Copy, PartialEq)]
enum Order {
    /// In that of their times.
    OfTime,
    /// In any: what an alert that grows told first is not what it would have told.
    Any,
}

/// The first difference of two answers, rule by rule.
fn differences(set: &str, order: Order, found: &Answers, expected: &Answers) -> Vec<String> {
    let mut differences = Vec::new();
    let none = Vec::new();
    let rules: std::collections::BTreeSet<&String> = found.keys().chain(expected.keys()).collect();
    for rule in rules {
        let sorted = |answers: &Answers| {
            let mut of = answers.get(rule).unwrap_or(&none).clone();
            if order == Order::Any && grows(rule) {
                of.iter_mut().for_each(|(_, _, told)| *told = None);
            }
            of.sort_by_key(|(seq, key, _)| (*seq, key.clone()));
            of
        };
        let (found, expected) = (sorted(found), sorted(expected));
        if found == expected {
            continue;
        }
        let at = (0..).find(|at| found.get(*at) != expected.get(*at));
        let at = at.unwrap_or_default();
        differences.push(format!(
            "{set} {rule}: {} alerts, {} expected; at {at} {:?}, expected {:?}",
            found.len(),
            expected.len(),
            found.get(at),
            expected.get(at),
        ));
    }
    differences
}

/// The file of events of a set.
fn events(set: &Path) -> PathBuf {
    let packed = set.join("events.ndjson.gz");
    if packed.exists() {
        packed
    } else {
        set.join("events.ndjson")
    }
}

/// Detects with the rules of `base` and compares.
fn check(set: &str, base: &str, order: Order) {
    let Some(recordings) = recordings() else {
        return;
    };
    let folder = recordings.join("correlation").join(set);
    let own = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("sets")
        .join(base);
    let decoder = own.join("decoder.toml");
    let decoder = if decoder.exists() {
        decoder.into_os_string()
    } else {
        OsString::from("windows")
    };
    let rules = own.join("rules").into_os_string();
    let events = events(&folder).into_os_string();
    let options = ["detect", "--close", "--revisions", "--rules"];
    let mut arguments: Vec<OsString> = options.map(Into::into).into();
    arguments.extend([rules, "--decoder".into(), decoder]);
    if order == Order::Any {
        arguments.extend(["--lateness", "30s"].map(Into::into));
    }
    arguments.push(events);
    let arguments: Vec<_> = arguments.iter().map(OsString::as_os_str).collect();
    let found = found(&larum(&arguments));
    let mut expected = expected(&folder);
    expected.retain(|_, answers| !answers.is_empty());
    let differences = differences(set, order, &found, &expected);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    let alerts: usize = found.values().map(Vec::len).sum();
    println!("{set}: {alerts} alerts of {} rules", found.len());
}

#[test]
fn openssh_gives_the_known_answers() {
    check("openssh", "openssh", Order::OfTime);
}

#[test]
fn openssh_with_successes_put_in_gives_the_known_answers() {
    check("synthetic-openssh-success", "openssh", Order::OfTime);
}

#[test]
fn openssh_out_of_order_gives_the_answers_of_the_ordered_log() {
    check("synthetic-openssh-outoforder", "openssh", Order::Any);
}

#[test]
fn linux_gives_the_known_answers() {
    check("linux", "linux", Order::OfTime);
}

#[test]
fn linux_with_sessions_left_open_gives_the_known_answers() {
    check("synthetic-linux-unclosed", "linux", Order::OfTime);
}

#[test]
fn windows_logons_give_the_known_answers() {
    for set in [
        "kerberos-bruteforce-valid-user",
        "kerbrute-user-enumeration",
        "openssh-4625-unknown-user",
        "openssh-log-unknown-user",
    ] {
        check(
            &format!("windows-auth/{set}"),
            "windows-auth",
            Order::OfTime,
        );
    }
}

#[test]
fn the_sets_have_a_rule_for_every_answer_and_no_other() {
    let Some(recordings) = recordings() else {
        return;
    };
    let correlation = recordings.join("correlation");
    for (base, recording) in [
        ("openssh", "openssh"),
        ("linux", "linux"),
        (
            "windows-auth",
            "windows-auth/kerberos-bruteforce-valid-user",
        ),
    ] {
        let rules = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("sets")
            .join(base)
            .join("rules");
        let listed = larum(&[
            "rules".as_ref(),
            "list".as_ref(),
            "--json".as_ref(),
            "--rules".as_ref(),
            rules.as_os_str(),
        ]);
        let ids: Vec<String> = listed
            .lines()
            .map(|line| {
                let rule: Value = serde_json::from_str(line).unwrap();
                rule["id"].as_str().unwrap().to_owned()
            })
            .collect();
        let answered: Vec<String> = expected(&correlation.join(recording)).into_keys().collect();
        assert_eq!(ids, answered, "{base}");
    }
}
