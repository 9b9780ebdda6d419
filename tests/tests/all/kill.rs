//! `kill -9` of the real binary, over and over, while events flow.
//!
//! Shows that nothing acknowledged is lost and that the alerts, those of chained rules too, are
//! those of an undisturbed run, byte for byte and each once (design §10). Where the process dies is
//! seeded; the run prints how many deaths fell between the append of events and the commit of their
//! epoch.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes only #[test] functions for tests, not what they call"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use larum_engine::SeededSequence;
use larum_event::{Event, Position, Record, RecordBody};
use larum_log::{Log, LogOptions};
use larum_pipeline::{EventInput, Pipeline, PipelineSettings};
use larum_rule::RuleSet;
use larum_tests::Server;

/// Deaths, unless `LARUM_KILLS` asks for another number.
const KILLS: u64 = 51;

pub(crate) const RULES: &str = r#"
rule("auth.failures")
    .severity("high")
    .on("security.auth.login")
    .when(|event| event.data.outcome == "failure")
    .group_by("metadata.user")
    .within("5m")
    .count(5);

rule("auth.every_failure")
    .on("security.auth.login")
    .when(|event| event.data.outcome == "failure")
    .group_by("metadata.user")
    .within("1m")
    .count(17)
    .policy("every");

rule("auth.many_alerts")
    .on("alerts.#")
    .group_by("data.rule")
    .within("10m")
    .count(3)
    .policy("suppress 1m");

rule("auth.alerts_of_alerts")
    .on("alerts.auth.many_alerts")
    .group_by("data.key.rule")
    .within("30m")
    .count(2)
    .policy("reset");
"#;

/// Event number `number`: one of seven users fails, now and then one succeeds. One of the three
/// sources is 6 seconds late, so keys are amended.
fn event(number: u64) -> String {
    let late = if number % 3 == 2 { 6 } else { 0 };
    let seconds = 1_780_000_000 + number as i64 / 2 - late;
    let time = larum_event::Timestamp::from_seconds(seconds).unwrap();
    let outcome = if number.is_multiple_of(11) {
        "success"
    } else {
        "failure"
    };
    format!(
        r#"{{"id":"e{number}","type":"auth.login","source":"sshd@web-{}","time":"{time}","channel":"security","metadata":{{"user":"u{}"}},"data":{{"outcome":"{outcome}"}}}}"#,
        number % 3,
        number % 7,
    )
}

pub(crate) fn batch(from: u64, size: u64) -> String {
    (from..from + size)
        .map(|number| event(number) + "\n")
        .collect()
}

/// Every record of the log of a process that is not running.
pub(crate) fn records(store: &Path) -> Vec<Record> {
    let log = Log::open(store, LogOptions::default()).unwrap();
    let mut reader = log.reader();
    let mut all: Vec<Record> = Vec::new();
    loop {
        let after = all.last().map_or(Position::START, |record| record.position);
        let more = reader.read_after(after, 10_000, usize::MAX).unwrap();
        if more.is_empty() {
            return all;
        }
        all.extend(more);
    }
}

/// The last position that the engine has evaluated.
fn evaluated_position(records: &[Record]) -> Position {
    let commits = records.iter().filter_map(|record| match &record.body {
        RecordBody::EpochCommit(commit) => Some(commit.upto),
        _ => None,
    });
    commits.max().unwrap_or_default()
}

fn has_unevaluated_events(records: &[Record]) -> bool {
    let evaluated = evaluated_position(records);
    let mut events = records
        .iter()
        .filter(|record| matches!(record.body, RecordBody::Event { .. }));
    events.any(|record| record.position > evaluated)
}

/// The alerts of an undisturbed run over the same log.
pub(crate) fn undisturbed(records: &[Record]) -> Vec<String> {
    let mut pipeline = Pipeline::new(Arc::new(RuleSet::empty()), PipelineSettings::default());
    let mut alerts = Vec::new();
    // The last tick may have come too late for the engine that ended.
    let evaluated = evaluated_position(records);
    for record in records {
        match &record.body {
            RecordBody::RuleSetActivated(activated) => {
                let set = Arc::new(RuleSet::load(&activated.files).unwrap());
                pipeline.activate_rules(set, &PipelineSettings::from_activated(activated, 1));
            }
            RecordBody::Tick(tick) if record.position <= evaluated => {
                let outcome = pipeline.tick(record.position, *tick);
                alerts.extend(
                    outcome
                        .derived_events()
                        .map(|event| event.json().to_owned()),
                );
            }
            RecordBody::Amend { most_rows } if record.position <= evaluated => {
                let most_rows = usize::try_from(*most_rows).unwrap();
                let outcome = pipeline.amend(record.position, most_rows);
                alerts.extend(
                    outcome
                        .derived_events()
                        .map(|event| event.json().to_owned()),
                );
            }
            RecordBody::Event { event, arrived } => {
                let input = EventInput {
                    position: record.position,
                    event: event.clone(),
                    arrived: Some(*arrived),
                    record: None,
                };
                let outcome = pipeline.run_inputs(&[input]);
                alerts.extend(
                    outcome
                        .derived_events()
                        .map(|event| event.json().to_owned()),
                );
            }
            _ => {}
        }
    }
    alerts
}

pub(crate) fn derived(records: &[Record]) -> Vec<String> {
    let json = |record: &Record| match &record.body {
        RecordBody::Derived { event } => Some(event.json().to_owned()),
        _ => None,
    };
    records.iter().filter_map(json).collect()
}

#[test]
fn after_kill_9_nothing_acknowledged_is_missing_and_alerts_are_those_of_an_undisturbed_run() {
    let kills = std::env::var("LARUM_KILLS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(KILLS);
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules");
    std::fs::create_dir(&rules).unwrap();
    std::fs::write(rules.join("rule.rhai"), RULES).unwrap();
    let store = folder.path().join("store");
    let mut random = SeededSequence::from_name("kill");
    let (mut next, mut acknowledged, mut between, mut owing) = (0, 0, 0, 0);
    for kill in 0..kills {
        let faults = format!("delay:commit=seed{kill}:0..40ms");
        let environment = [
            ("LARUM_FAULTS", faults.as_str()),
            ("LARUM_CHECKPOINT_EVENTS", "500"),
        ];
        let mut server = Server::start(&store, &rules, &environment);
        for _ in 0..random.next_between(1, 4) {
            let size = random.next_between(1, 120) as u64;
            server.post(&batch(next, size)).unwrap();
            next += size;
            acknowledged = next;
        }
        match random.next_between(0, 3) {
            0 => {
                // Dies with a request under way; the same events are sent again after the restart.
                let posting = server.post_without_waiting(&batch(next, 50));
                server.kill();
                drop(posting);
            }
            1 => {
                while !server.get("/v1/health").contains("\"lag\":0") {}
                server.kill();
            }
            _ => server.kill(),
        }
        // It died between the append of events and the commit of their epoch.
        let records = records(&store);
        between += u64::from(has_unevaluated_events(&records));
        owing += u64::from(undisturbed(&records).len() > derived(&records).len());
    }
    let mut server = Server::start(&store, &rules, &[]);
    server.post(&batch(next, 50)).unwrap();
    server.stop();

    let records = records(&store);
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    for record in &records {
        if let RecordBody::Event { event, .. } = &record.body {
            *seen.entry(event.envelope().id.to_string()).or_default() += 1;
        }
    }
    let missing: Vec<u64> = (0..acknowledged)
        .filter(|number| !seen.contains_key(&format!("e{number}")))
        .collect();
    assert!(missing.is_empty(), "acknowledged and lost: {missing:?}");
    assert!(
        seen.values().all(|times| *times == 1),
        "an event was stored twice"
    );
    let (expected, found) = (undisturbed(&records), derived(&records));
    let amends = records
        .iter()
        .filter(|record| matches!(record.body, RecordBody::Amend { .. }));
    println!(
        "{kills} kills (seed \"kill\"), {between} between append and commit, {owing} with alerts owed; \
         {} events, {} amends, {} alerts",
        seen.len(),
        amends.count(),
        found.len()
    );
    assert!(found.len() > 100, "the rules hardly fired: {}", found.len());
    assert_eq!(found, expected);
    assert!(
        3 * between >= kills,
        "only {between} of {kills} kills fell before the commit"
    );
    assert!(owing > 0, "no kill left an alert owed");
    let _: Vec<Event> = found
        .iter()
        .map(|json| Event::from_canonical(json).unwrap())
        .collect();
}
