//! Sigma correlations against recordings with known answers.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes only #[test] functions for tests, not what they call"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use larum_tests::{larum, recordings};
use serde_json::Value;

/// Rules whose answers stand under each policy.
const BY_POLICY: [&str; 5] = ["R1", "R1h", "R2", "R7", "R8"];
/// Rules whose answers are those of `every`.
const ORDERED: [&str; 2] = ["R6", "R6b"];
const POLICIES: [&str; 4] = ["edge", "every", "reset", "suppress"];

/// What an alert says: the number of the event that set it off, and its group.
type Fire = (u64, String);

/// A recording: its folder, the decoder of its set, and how far it is out of order.
struct Recording {
    folder: PathBuf,
    decoder: String,
    lateness: &'static str,
}

fn recording(name: &str, set: &str, lateness: &'static str) -> Option<Recording> {
    let folder = recordings()?.join("correlation").join(name);
    let sets = Path::new(env!("CARGO_MANIFEST_DIR")).join("sets");
    let decoder = std::fs::read_to_string(sets.join(set).join("decoder.toml")).unwrap();
    Some(Recording {
        folder,
        // The logs do not say themselves what they are, and rules know fields by the record's
        // names. The metadata stand last.
        decoder: format!("{decoder}product = {{ value = \"linux\" }}\n[data]\nkeep = [\"*\"]\n"),
        lateness,
    })
}

impl Recording {
    fn file(&self) -> PathBuf {
        let plain = self.folder.join("events.ndjson");
        if plain.exists() {
            return plain;
        }
        self.folder.join("events.ndjson.gz")
    }

    fn expected(&self) -> Value {
        let text = std::fs::read_to_string(self.folder.join("expected.json")).unwrap();
        let whole: Value = serde_json::from_str(&text).unwrap();
        whole["expected"].clone()
    }

    fn events(&self) -> Vec<Value> {
        let file = std::fs::File::open(self.file()).unwrap();
        let mut text = String::new();
        GzDecoder::new(file).read_to_string(&mut text).unwrap();
        let lines = text.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// What the rules say of it, by rule.
    fn detect(&self, rules: &str) -> BTreeMap<String, Vec<Fire>> {
        let folder = tempfile::tempdir().unwrap();
        let (decoder, set) = (
            folder.path().join("decoder.toml"),
            folder.path().join("rules"),
        );
        std::fs::write(&decoder, &self.decoder).unwrap();
        std::fs::create_dir(&set).unwrap();
        std::fs::write(set.join("rules.yml"), rules).unwrap();
        let file = self.file();
        let said = larum(&[
            "detect".as_ref(),
            "--rules".as_ref(),
            set.as_os_str(),
            "--decoder".as_ref(),
            decoder.as_os_str(),
            "--lateness".as_ref(),
            self.lateness.as_ref(),
            file.as_os_str(),
        ]);
        let mut fires: BTreeMap<String, Vec<Fire>> = BTreeMap::new();
        for line in said.lines() {
            let alert: Value = serde_json::from_str(line).unwrap();
            let rule = alert["rule"].as_str().unwrap().to_owned();
            let seq = alert["trigger"]["seq"].as_u64().unwrap();
            let fire = (seq, alert["key"].to_string());
            fires.entry(rule).or_default().push(fire);
        }
        fires.values_mut().for_each(|fires| fires.sort_unstable());
        fires
    }
}

/// The documents of the given rules, their correlations once for each policy with ids such as
/// `..-edge`.
fn rules(names: &[&str]) -> Option<String> {
    let folder = recordings()?.join("correlation/sigma");
    let mut known = BTreeSet::new();
    let mut documents = Vec::new();
    for name in names {
        let text = std::fs::read_to_string(folder.join(format!("{name}.yml"))).unwrap();
        for document in text.split("---\n") {
            // Several files hold the same rule.
            if !known.insert(document.to_owned()) {
                continue;
            }
            if !document.contains("correlation:") {
                documents.push(document.to_owned());
                continue;
            }
            for policy in POLICIES {
                let of_policy = document
                    .replace(
                        "\nname: ",
                        &format!("\nlarum: {{policy: {policy}}}\nname: {policy}_"),
                    )
                    .replace("[many_failed", &format!("[{policy}_many_failed"));
                let id = of_policy
                    .lines()
                    .find(|line| line.starts_with("id: "))
                    .unwrap();
                documents.push(of_policy.replace(id, &format!("{id}-{policy}")));
            }
        }
    }
    Some(documents.join("---\n"))
}

/// The id of a rule's alerts.
fn id_of(name: &str, policy: &str) -> String {
    let text = rules(&[name]).unwrap();
    let mut ids = text.lines().filter_map(|line| line.strip_prefix("id: "));
    let id = ids.rfind(|id| id.ends_with(policy)).unwrap();
    format!("sigma.{id}")
}

fn wanted(answers: &Value) -> Vec<Fire> {
    let answers = answers.as_array().unwrap().iter();
    let mut fires: Vec<Fire> = answers
        .map(|fire| (fire["seq"].as_u64().unwrap(), fire["key"].to_string()))
        .collect();
    fires.sort_unstable();
    fires
}

/// Compares all answers that a recording has; how many there were.
fn check(name: &str, set: &str, lateness: &'static str) -> usize {
    let Some(recording) = recording(name, set, lateness) else {
        return 0;
    };
    let names: Vec<&str> = BY_POLICY.into_iter().chain(ORDERED).collect();
    let found = recording.detect(&rules(&names).unwrap());
    let expected = recording.expected();
    let mut answers = Vec::new();
    for name in BY_POLICY {
        for policy in POLICIES {
            answers.push((name, policy, &expected[name]["inclusive"][policy]));
        }
    }
    for name in ORDERED {
        answers.push((name, "every", &expected[name]["inclusive"]));
    }
    let mut count = 0;
    for (name, policy, wanted) in answers {
        if wanted.is_null() {
            continue;
        }
        let wanted = self::wanted(wanted);
        let fires = found.get(&id_of(name, policy)).cloned().unwrap_or_default();
        assert_eq!(
            fires,
            wanted,
            "{name} {policy} of {}",
            recording.folder.display()
        );
        count += wanted.len();
    }
    count
}

#[test]
fn every_answer_of_the_openssh_log_under_every_policy() {
    let count = check("openssh", "openssh", "0s");
    if recordings().is_some() {
        assert_eq!(count, 215 + 146 + 39 + 103 + 265);
    }
}

#[test]
fn every_answer_of_the_linux_log_under_every_policy() {
    check("linux", "linux", "0s");
    check("synthetic-linux-unclosed", "linux", "0s");
}

#[test]
fn a_log_out_of_order_gives_the_answers_of_the_log_in_order() {
    check("synthetic-openssh-outoforder", "openssh", "30s");
}

#[test]
fn every_answer_of_the_log_with_successes() {
    check("synthetic-openssh-success", "openssh", "0s");
}

#[test]
fn records_that_no_event_is_made_of_give_the_same_answers() {
    let Some(recording) = recording("openssh", "openssh", "0s") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (set, file) = (
        folder.path().join("rules"),
        folder.path().join("raw.ndjson"),
    );
    let names: Vec<&str> = BY_POLICY.into_iter().chain(ORDERED).collect();
    std::fs::create_dir(&set).unwrap();
    std::fs::write(set.join("rules.yml"), rules(&names).unwrap()).unwrap();
    let lines = recording.events().into_iter().map(|mut event| {
        event["product"] = "linux".into();
        format!("{event}\n")
    });
    std::fs::write(&file, lines.collect::<String>()).unwrap();
    let said = larum(&[
        "detect".as_ref(),
        "--raw".as_ref(),
        "--rules".as_ref(),
        set.as_os_str(),
        file.as_os_str(),
    ]);
    let mut raw: BTreeMap<String, Vec<Fire>> = BTreeMap::new();
    for line in said.lines() {
        let alert: Value = serde_json::from_str(line).unwrap();
        let id = alert["trigger"]["id"].as_str().unwrap();
        let line: u64 = id.strip_prefix("line-").unwrap().parse().unwrap();
        let fire = (line - 1, alert["key"].to_string());
        let rule = alert["rule"].as_str().unwrap().to_owned();
        raw.entry(rule).or_default().push(fire);
    }
    raw.values_mut().for_each(|fires| fires.sort_unstable());
    let events = recording.detect(&rules(&names).unwrap());
    assert_eq!(raw, events);
}

/// The nested reading of R3: at a success, the fifth failure of the key within ten minutes of it,
/// not older than ten minutes; it may be of the same second or must not.
fn nested(events: &[Value], same_second: bool) -> BTreeSet<(String, String, String)> {
    const WITHIN: i64 = 600;
    let mut failures: BTreeMap<(String, String), Vec<i64>> = BTreeMap::new();
    let mut fives: BTreeMap<(String, String), Vec<i64>> = BTreeMap::new();
    let mut found = BTreeSet::new();
    for event in events {
        let text = |name: &str| event[name].as_str().map(str::to_owned);
        let (Some(ip), Some(user)) = (text("src_ip"), text("user")) else {
            continue;
        };
        let (key, time) = ((ip, user), event["epoch"].as_i64().unwrap());
        match event["outcome"].as_str() {
            Some("failed") => {
                let of_key = failures.entry(key.clone()).or_default();
                of_key.retain(|at| *at >= time - WITHIN);
                of_key.push(time);
                if of_key.len() >= 5 {
                    fives.entry(key).or_default().push(time);
                }
            }
            Some("accepted") => {
                let of_key = fives.get(&key).map_or(&[][..], Vec::as_slice);
                let is_near = |at: &i64| *at >= time - WITHIN && (*at < time || same_second);
                if of_key.iter().any(is_near) {
                    found.insert((key.0, key.1, text("ts").unwrap()));
                }
            }
            _ => {}
        }
    }
    found
}

#[test]
fn a_count_then_a_success_is_the_nested_reading_with_equal_times_in_the_order_of_the_log() {
    let Some(recording) = recording("synthetic-openssh-success", "openssh", "0s") else {
        return;
    };
    let events = recording.events();
    let found = recording.detect(&rules(&["R3"]).unwrap());
    let by_seq: BTreeMap<u64, &Value> = events
        .iter()
        .map(|event| (event["seq"].as_u64().unwrap(), event))
        .collect();
    let text = |event: &Value, name: &str| event[name].as_str().unwrap().to_owned();
    let answer = |(seq, _): &Fire| {
        let event = by_seq[seq];
        assert_eq!(event["outcome"], "accepted");
        (
            text(event, "src_ip"),
            text(event, "user"),
            text(event, "ts"),
        )
    };
    let fires = &found[&id_of("R3", "every")];
    let ours: BTreeSet<_> = fires.iter().map(answer).collect();
    assert_eq!(ours.len(), fires.len());
    assert_eq!(ours, nested(&events, true));
    // The answer on record knows seconds only, and also tells of failures behind a success.
    let alternative = &recording.expected()["R3"]["alternatives"]["nested_sigma_as_pysigma_sqlite"];
    let at_success = |ts: &str| {
        events
            .iter()
            .any(|event| event["ts"] == ts && event["outcome"] == "accepted")
    };
    let alternative: BTreeSet<_> = alternative
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let text = |at: usize| row[at].as_str().unwrap().to_owned();
            (text(0), text(1), text(2))
        })
        .filter(|(_, _, ts)| at_success(ts))
        .collect();
    let strict = nested(&events, false);
    assert!(strict.is_subset(&alternative));
    assert!(strict.is_subset(&ours));
    assert_eq!((ours.len(), strict.len()), (32, 28));
    // The count itself is wanted by nobody but the order.
    assert!(
        found.keys().all(|rule| rule.contains("a3-")),
        "{:?}",
        found.keys()
    );
}
