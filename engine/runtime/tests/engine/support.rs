//! What these tests share: stores in temporary folders, engines on them, and what came out.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;

use larum_engine::Faults;
use larum_engine::{EmitReceipt, Engine, EngineConfig};
use larum_engine::{ManualTime, RuntimeClock};
use larum_event::{Alert, Event, Position, Record, RecordBody, RuleSetActivation, Span, Timestamp};
use larum_log::{Log, LogOptions};
use larum_pipeline::{EpochOutcome, EventInput, Pipeline, PipelineSettings};
use larum_rule::RuleSet;
use tempfile::TempDir;

use crate::stream;

/// An engine's configuration for the rules of `text`.
pub fn config(store: &TempDir, text: &str) -> EngineConfig {
    EngineConfig {
        rules: stream::rules(text),
        // The clocks of tests move by hand, and by minutes at once.
        resume_hold: Span::ZERO,
        ..EngineConfig::new(store.path())
    }
}

/// A clock that stands behind everything in the stream until it is moved.
pub fn manual() -> (RuntimeClock, ManualTime) {
    RuntimeClock::manual(stream::second(1_000_000))
}

pub fn faults(text: &str) -> Faults {
    Faults::parse(text).unwrap()
}

/// A fresh folder.
pub fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// The record that makes the rules of `text` active, as an engine with the default settings writes
/// it.
pub fn activated(text: &str) -> RuleSetActivation {
    let config = EngineConfig::new("unused");
    RuleSetActivation {
        files: stream::rules(text),
        amend_horizon: config.amend_horizon,
        lateness: config.lateness,
        keys_per_rule: config.keys_per_rule,
    }
}

/// A store whose log holds rules and events, and nothing that an engine makes of them.
pub fn written(text: &str, events: &[(Event, Timestamp)]) -> TempDir {
    let folder = folder();
    let mut log = Log::open(folder.path(), LogOptions::default()).unwrap();
    let rules = RecordBody::RuleSetActivated(activated(text));
    log.append_controls(vec![rules]).unwrap();
    for chunk in events.chunks(500) {
        log.append_events(chunk).unwrap();
    }
    folder
}

/// Copies a store that is being written to.
pub fn copy(store: &Path) -> TempDir {
    let copy = folder();
    let mut files: Vec<_> = std::fs::read_dir(store)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "lock" && !name.ends_with("-shm") && !name.ends_with(".new"))
        .collect();
    // Partitions before their write-ahead logs, which only grow.
    files.sort();
    for name in files {
        match std::fs::copy(store.join(&name), copy.path().join(&name)) {
            Ok(_) => {}
            // An old checkpoint that went meanwhile.
            Err(gone) if gone.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => panic!("{name}: {error}"),
        }
    }
    copy
}

/// All records of a store that nobody has open.
pub fn records(store: &Path) -> Vec<Record> {
    let log = Log::open(store, LogOptions::default()).unwrap();
    let mut reader = log.reader();
    let mut all: Vec<Record> = Vec::new();
    loop {
        let after = all.last().map_or(Position::START, |last| last.position);
        let more = reader.read_after(after, 10_000, usize::MAX).unwrap();
        if more.is_empty() {
            return all;
        }
        all.extend(more);
    }
}

/// The canonical bytes of the derived events among `records`, in order.
pub fn derived(records: &[Record]) -> Vec<String> {
    let events = records.iter().filter_map(|record| match &record.body {
        RecordBody::Derived { event } => Some(event.json().to_owned()),
        _ => None,
    });
    events.collect()
}

/// What the pure pipeline makes of the rules, events and ticks among `records`. The last tick may
/// have come too late for the engine that ended.
pub fn offline(records: &[Record]) -> Vec<String> {
    let commits = records.iter().filter_map(|record| match &record.body {
        RecordBody::EpochCommit(commit) => Some(commit.upto),
        _ => None,
    });
    let evaluated = commits.max().unwrap_or_default();
    let mut pipeline = Pipeline::new(Arc::new(RuleSet::empty()), PipelineSettings::default());
    let mut outcome = EpochOutcome::default();
    let mut inputs = Vec::new();
    for record in records {
        match &record.body {
            RecordBody::Event { event, arrived } => inputs.push(EventInput {
                position: record.position,
                event: event.clone(),
                arrived: Some(*arrived),
                record: None,
            }),
            RecordBody::RuleSetActivated(activated) => {
                outcome.extend(pipeline.run_inputs(&std::mem::take(&mut inputs)));
                let set = RuleSet::load(&activated.files).unwrap();
                pipeline.activate_rules(
                    Arc::new(set),
                    &PipelineSettings::from_activated(activated, 1),
                );
            }
            RecordBody::Tick(tick) if record.position <= evaluated => {
                outcome.extend(pipeline.run_inputs(&std::mem::take(&mut inputs)));
                outcome.extend(pipeline.tick(record.position, *tick));
            }
            RecordBody::Amend { most_rows } if record.position <= evaluated => {
                outcome.extend(pipeline.run_inputs(&std::mem::take(&mut inputs)));
                let most_rows = usize::try_from(*most_rows).unwrap();
                outcome.extend(pipeline.amend(record.position, most_rows));
            }
            _ => {}
        }
    }
    outcome.extend(pipeline.run_inputs(&inputs));
    outcome
        .derived_events()
        .map(|event| event.json().to_owned())
        .collect()
}

/// Says where the two begin to differ, rather than all of both.
#[track_caller]
pub fn check_same(found: &[String], expected: &[String], what: &str) {
    let mut pairs = found.iter().zip(expected).enumerate();
    if let Some((index, (found, expected))) = pairs.find(|(_, (found, expected))| found != expected)
    {
        panic!("{what}: number {index} is\n{found}\nand should be\n{expected}");
    }
    assert_eq!(found.len(), expected.len(), "{what}");
}

/// As [`check_same`] whatever the order: alerts that make up for a gap come later.
#[track_caller]
pub fn check_same_set(found: &[String], expected: &[String], what: &str) {
    let sorted = |list: &[String]| {
        let mut list = list.to_vec();
        list.sort();
        list
    };
    check_same(&sorted(found), &sorted(expected), what);
}

/// Emits events and waits until they are durable.
pub async fn emit(engine: &Engine, events: impl IntoIterator<Item = Event>) {
    let events = events.into_iter().collect();
    let receipts = engine.emit_with_guarantee(events, Default::default());
    let receipts = receipts.await.unwrap();
    let stored = |receipt: &EmitReceipt| matches!(receipt, EmitReceipt::Stored { .. });
    assert!(receipts.iter().all(stored), "{receipts:?}");
}

/// Number `number` of a stream of failed logins by a few users, two seconds apart.
pub fn login(number: u64, users: u64) -> Event {
    let at = stream::second(2 * number as i64);
    let json = format!(
        r#"{{"id":"e{number}","type":"auth.login","source":"sshd@web-1","time":"{at}","channel":"security","metadata":{{"user":"u{}"}},"data":{{"outcome":"failure"}}}}"#,
        number % users
    );
    stream::event(&json, at)
}

/// Several of them.
pub fn logins(numbers: std::ops::Range<u64>, users: u64) -> Vec<Event> {
    numbers.map(|number| login(number, users)).collect()
}

/// How long something may take before the test says that it never happens.
pub const LONG: std::time::Duration = std::time::Duration::from_secs(60);

/// A running engine.
pub async fn started(config: EngineConfig) -> Engine {
    let start = tokio::time::timeout(LONG, Engine::start(config));
    start.await.expect("an engine starts").unwrap()
}

/// Ends the engine and reads its log.
pub async fn ended(engine: Engine, store: &TempDir) -> Vec<Record> {
    if tokio::time::timeout(LONG, engine.shutdown()).await.is_err() {
        panic!("{:?} {:#?}", engine.health(), engine.actors());
    }
    records(store.path())
}

/// Ends an engine that cannot finish what it is doing, and reads its log. As much time passes as it
/// gives evaluation and a checkpoint, and then the clock stands still: closing the log takes as
/// long as it takes.
pub async fn ended_in_time(engine: Engine, store: &TempDir, time: &ManualTime) -> Vec<Record> {
    let end = ended(engine, store);
    tokio::pin!(end);
    for _ in 0..64 {
        tokio::select! {
            biased;
            found = &mut end => return found,
            () = tokio::task::yield_now() => time.advance(Span::from_nanos(50_000_000)),
        }
    }
    end.await
}

/// The alerts of one rule.
pub fn of_rule(derived: &[String], rule: &str) -> Vec<Alert> {
    let events = derived.iter();
    events
        .filter_map(|json| Alert::from_event(&Event::from_canonical(json).unwrap()))
        .filter(|alert| alert.rule.as_str() == rule)
        .collect()
}

/// Waits for `work` while the manual clock goes on, in steps of 50 ms.
pub async fn while_time_passes<T>(time: &ManualTime, work: impl Future<Output = T>) -> T {
    while_time_creeps(time, Span::from_nanos(50_000_000), work).await
}

/// The same by small steps, where nothing but short delays is waited for: a unit on a busy machine
/// is not late.
pub async fn while_time_creeps<T>(
    time: &ManualTime,
    step: Span,
    work: impl Future<Output = T>,
) -> T {
    tokio::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = tokio::task::yield_now() => time.advance(step),
        }
    }
}

/// Waits until `holds` does.
#[track_caller]
pub fn until(mut holds: impl FnMut() -> bool) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        let waited = async {
            while !holds() {
                tokio::task::yield_now().await;
            }
        };
        if tokio::time::timeout(LONG, waited).await.is_err() {
            panic!("what is waited for at {caller} never happens");
        }
    }
}

/// Waits until everything is evaluated; an engine that never gets there fails the test and says how
/// it is.
pub async fn settled(engine: &Engine) {
    if tokio::time::timeout(LONG, engine.wait_until_evaluated())
        .await
        .is_err()
    {
        panic!("{:?} {:#?}", engine.health(), engine.actors());
    }
}
