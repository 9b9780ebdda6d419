//! Panics of windows and matchers: what failed is made up for, and nothing else notices.

use larum_engine::clock::ManualTime;
use larum_engine::supervise::ActorState;
use larum_engine::{Engine, EngineConfig};
use larum_event::{Event, Record, RecordBody, Span, UnitChange};
use tempfile::TempDir;

use crate::stream::{self, RULES};
use crate::support::{
    check_same, check_same_set, config, derived, ended, faults, manual, of_rule, offline, records,
    until, written,
};

const WINDOW: &str = "window/auth.every/0";
/// The rules that fall silent with [`WINDOW`]: its own, and those that read its alerts.
const AFFECTED: [&str; 4] = ["auth.every", "mixed", "storm", "wave"];

/// A log of 1,500 events, and what an undisturbed run makes of it.
fn log() -> (TempDir, Vec<String>) {
    let store = written(RULES, &stream::events(21, 1_500));
    let expected = offline(&records(store.path()));
    (store, expected)
}

fn in_small_epochs(store: &TempDir, text: &str) -> EngineConfig {
    EngineConfig {
        epoch_events: 50,
        checkpoint_events: 200,
        faults: faults(text),
        ..config(store, RULES)
    }
}

fn restarts(engine: &Engine, name: &str) -> u64 {
    let actors = engine.actors();
    let actor = actors.iter().find(|actor| actor.name == name);
    actor.map_or(0, |actor| actor.restarts)
}

/// The derived events but those of the rules that are named.
fn without(derived: &[String], rules: &[&str]) -> Vec<String> {
    let kept = derived.iter().filter(|json| {
        let event = Event::from_canonical(json).unwrap();
        !rules.contains(&event.envelope().event_type.as_str())
    });
    kept.cloned().collect()
}

fn detached(records: &[Record]) -> Vec<&UnitChange> {
    let found = records.iter().filter_map(|record| match &record.body {
        RecordBody::UnitDetached(change) => Some(change),
        _ => None,
    });
    found.collect()
}

fn attached(records: &[Record]) -> usize {
    let is_attached = |record: &&Record| matches!(record.body, RecordBody::UnitAttached(_));
    records.iter().filter(is_attached).count()
}

#[actix_rt::test]
async fn a_window_that_panics_once_is_rebuilt_while_the_epoch_waits() {
    let (store, expected) = log();
    let config = in_small_epochs(&store, "panic:window/auth.every/0@7*1");
    let engine = Engine::start(config).await.unwrap();
    engine.settle().await;
    assert_eq!(restarts(&engine, WINDOW), 1);
    let others = engine
        .actors()
        .into_iter()
        .filter(|actor| actor.name != WINDOW);
    assert!(others.into_iter().all(|actor| actor.restarts == 0));
    let records = ended(engine, &store).await;
    check_same(
        &derived(&records),
        &expected,
        "a panic that is recovered from",
    );
    assert_eq!(detached(&records).len(), 0);
}

#[actix_rt::test]
async fn a_window_that_panics_again_is_left_out_and_its_gap_is_made_up_for() {
    let (store, expected) = log();
    let config = in_small_epochs(&store, "panic:window/auth.every/0@7*3");
    let engine = Engine::start(config).await.unwrap();
    engine.settle().await;
    until(|| engine.health().problems.is_empty()).await;
    engine.settle().await;
    let records = ended(engine, &store).await;
    let changes = detached(&records);
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].unit, WINDOW);
    assert_eq!(changes[0].rules, AFFECTED);
    assert_eq!(attached(&records), 1);
    let found = derived(&records);
    let (found, told) = (
        without(&found, &["larum.unit_detached"]),
        found.len() - without(&found, &["larum.unit_detached"]).len(),
    );
    assert_eq!(told, 1, "that it was left out is an alert itself");
    check_same_set(&found, &expected, "a gap that was made up for");
    check_same(
        &without(&found, &AFFECTED),
        &without(&expected, &AFFECTED),
        "the rules that have nothing to do with it",
    );
}

/// Lets at most 25 s pass, in steps that leave the engine time to act, until `holds` does.
async fn within_25_seconds(time: &ManualTime, mut holds: impl FnMut() -> bool) {
    for _ in 0..250 {
        for _ in 0..20_000 {
            if holds() {
                return;
            }
            tokio::task::yield_now().await;
        }
        time.advance(Span::from_nanos(100_000_000));
    }
    panic!("it did not come to hold within 25 s of virtual time");
}

#[actix_rt::test]
async fn the_sixth_panic_in_30_seconds_quarantines_a_window_and_leaves_a_recorded_gap() {
    let (store, expected) = log();
    let (clock, time) = manual();
    let mut config = in_small_epochs(&store, "panic:window/auth.every/0@7*1000");
    config.clock = clock;
    let struck = config.faults.clone();
    let engine = Engine::start(config).await.unwrap();
    let quarantined = || {
        let actors = engine.actors();
        let actor = actors.iter().find(|actor| actor.name == WINDOW);
        actor.is_some_and(|actor| actor.state == ActorState::Quarantined)
    };
    within_25_seconds(&time, quarantined).await;
    assert_eq!(restarts(&engine, WINDOW), 5);
    assert_eq!(struck.struck(WINDOW), 6);
    engine.settle().await;
    let problems = engine.health().problems;
    assert!(
        problems.iter().any(|problem| problem.contains(WINDOW)),
        "{problems:?}"
    );
    let records = ended(engine, &store).await;
    let changes = detached(&records);
    let last = changes.last().unwrap();
    assert!(last.reason.contains("quarantined"), "{}", last.reason);
    assert_eq!(
        last.from, changes[0].from,
        "the gap begins where it was left out"
    );
    assert_eq!(attached(&records), 0);
    let found = derived(&records);
    let told = found.len() - without(&found, &["larum.unit_detached"]).len();
    assert_eq!(told, changes.len(), "each time it is an alert");
    let mut ids = of_rule(&found, "larum.unit_detached");
    ids.dedup_by(|one, other| one.alert_id == other.alert_id);
    assert_eq!(ids.len(), told, "and an alert of its own");
    let silent = [&AFFECTED[..], &["larum.unit_detached"]].concat();
    check_same(
        &without(&found, &silent),
        &without(&expected, &silent),
        "the others",
    );
}

#[actix_rt::test]
async fn matching_that_panics_is_tried_again_and_nothing_is_lost() {
    let (store, expected) = log();
    let config = in_small_epochs(&store, "panic:rule/net.upload@5*1");
    let engine = Engine::start(config).await.unwrap();
    engine.settle().await;
    assert_eq!(engine.metrics().rule_faults, []);
    let found = derived(&ended(engine, &store).await);
    check_same(&found, &expected, "a batch that was matched twice");
}

#[actix_rt::test]
async fn an_event_that_makes_a_rule_panic_is_skipped_by_that_rule_alone() {
    let (store, expected) = log();
    // The batch, the batch again, its first event, and that event with this rule alone.
    let config = in_small_epochs(&store, "panic:rule/auth.edge@5*4");
    let engine = Engine::start(config).await.unwrap();
    engine.settle().await;
    assert_eq!(engine.metrics().rule_faults, [("auth.edge".to_owned(), 1)]);
    let found = derived(&ended(engine, &store).await);
    let others = ["auth.edge", "wave", "storm"];
    check_same(
        &without(&found, &others),
        &without(&expected, &others),
        "the other rules",
    );
}
