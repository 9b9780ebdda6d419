//! Windows that panic, and keep panicking: what that costs, and whom.

use std::collections::BTreeSet;

use larum_engine::{ActorSnapshot, ActorState};
use larum_engine::{Engine, EngineConfig};
use larum_engine::{ManualTime, RuntimeClock};
use larum_event::{Record, RecordBody, Span, UnitChange};
use tempfile::TempDir;

use crate::stream::{self, Draw, RULES};
use crate::support::{
    check_same, check_same_set, config, derived, ended, faults, manual, of_rule, offline, settled,
    started, until, written,
};

const UNIT: &str = "window/auth.every/0";
const EVENTS: usize = 1_000;
/// The rules that read the alerts of `auth.every`, itself included.
const AFFECTED: [&str; 4] = ["auth.every", "wave", "mixed", "storm"];
const DETACHED: &str = "larum.unit_detached";

/// A store with the stream in it, an engine's configuration with faults, and its clock, which
/// stands still: an epoch waits for a window as long as that takes, and what failed is not tried
/// again.
struct Given {
    store: TempDir,
    config: EngineConfig,
    clock: RuntimeClock,
    time: ManualTime,
}

fn given(seed: u64, text: &str) -> Given {
    let store = written(RULES, &stream::events(seed, EVENTS));
    let (clock, time) = manual();
    let mut config = config(&store, RULES);
    config.epoch_events = 50;
    config.checkpoint_events = 120;
    config.faults = faults(text);
    config.clock = clock.clone();
    Given {
        store,
        config,
        clock,
        time,
    }
}

/// An engine without faults goes on with a store until every unit is back.
async fn gone_on(store: &TempDir, change: impl FnOnce(&mut EngineConfig)) -> Vec<Record> {
    let mut config = config(store, RULES);
    config.clock = manual().0;
    change(&mut config);
    let engine = started(config).await;
    settled(&engine).await;
    well(&engine).await;
    ended(engine, store).await
}

/// An actor; its rules may not be active yet.
fn actor(engine: &Engine, name: &str) -> Option<ActorSnapshot> {
    let mut actors = engine.actors().into_iter();
    actors.find(|actor| actor.name == name)
}

fn restarts(engine: &Engine, name: &str) -> u64 {
    actor(engine, name).map_or(0, |actor| actor.restarts)
}

fn is(engine: &Engine, name: &str, state: ActorState) -> bool {
    actor(engine, name).is_some_and(|actor| actor.state == state)
}

/// What of `derived` the rules said, without what the engine says of itself: a rule that is left
/// out finds nothing late meanwhile.
fn of_rules(derived: Vec<String>) -> Vec<String> {
    without(derived, &[DETACHED, "late"])
}

fn without(derived: Vec<String>, rules: &[&str]) -> Vec<String> {
    let types: Vec<String> = rules
        .iter()
        .map(|rule| format!(r#""type":"{rule}""#))
        .collect();
    derived
        .into_iter()
        .filter(|json| !types.iter().any(|of_rule| json.contains(of_rule)))
        .collect()
}

fn changes(records: &[Record]) -> (Vec<&UnitChange>, Vec<&UnitChange>) {
    let (mut detached, mut attached) = (Vec::new(), Vec::new());
    for record in records {
        match &record.body {
            RecordBody::UnitDetached(change) => detached.push(change),
            RecordBody::UnitAttached(change) => attached.push(change),
            _ => {}
        }
    }
    (detached, attached)
}

async fn well(engine: &Engine) {
    until(|| engine.health().problems.is_empty()).await;
}

/// Lets the pause after failure number `failures` of the unit pass.
async fn pause_passes(engine: &Engine, time: &ManualTime, failures: u64) {
    until(|| restarts(engine, UNIT) == failures).await;
    settled(engine).await;
    time.advance(Span::from_seconds(1));
}

#[track_caller]
fn check_made_up(found: &[Record], what: &str) {
    check_same_set(&of_rules(derived(found)), &of_rules(offline(found)), what);
}

#[actix_rt::test]
async fn a_window_that_panics_once_is_restarted_and_no_alert_is_missing_or_late() {
    let given = given(41, &format!("panic:{UNIT}@3*1"));
    let engine = started(given.config).await;
    settled(&engine).await;
    let actors = engine.actors();
    let restarts = actors.iter().filter(|actor| actor.restarts > 0);
    let restarts: Vec<_> = restarts
        .map(|actor| (actor.name.as_str(), actor.restarts))
        .collect();
    assert_eq!(restarts, [(UNIT, 1)]);
    assert!(is(&engine, UNIT, ActorState::Running));
    let found = ended(engine, &given.store).await;
    check_same(&derived(&found), &offline(&found), "with a panic");
    assert_eq!(changes(&found).0.len(), 0);
}

#[actix_rt::test]
async fn windows_of_every_layer_and_shard_may_panic_in_one_epoch() {
    let text = "panic:window/auth.every/*@4; panic:window/wave/*@3; panic:window/storm/*@2";
    let mut given = given(42, text);
    given.config.window_shards = 3;
    let engine = started(given.config).await;
    settled(&engine).await;
    let found = ended(engine, &given.store).await;
    check_same(&derived(&found), &offline(&found), "with panics");
}

/// The third piece of work panics, its state is rebuilt, and the work panics again.
#[actix_rt::test]
async fn a_window_that_panics_again_on_the_retry_is_left_out_and_its_gap_made_up_for() {
    let given = given(43, &format!("panic:{UNIT}@3; panic:{UNIT}@5"));
    let engine = started(given.config).await;
    settled(&engine).await;
    until(|| restarts(&engine, UNIT) == 2).await;
    // The actor itself pauses before it takes its state back.
    given.time.advance(Span::from_seconds(1));
    well(&engine).await;
    until(|| is(&engine, UNIT, ActorState::Running)).await;
    assert_eq!(restarts(&engine, UNIT), 2);
    let found = ended(engine, &given.store).await;
    check_made_up(&found, "gap");
    let (detached, attached) = changes(&found);
    assert_eq!((detached.len(), attached.len()), (1, 1));
    assert_eq!(detached[0].unit, UNIT);
    let rules: BTreeSet<&str> = detached[0].rules.iter().map(String::as_str).collect();
    assert_eq!(rules, BTreeSet::from(AFFECTED));
    assert!(detached[0].reason.contains("panicked"), "{:?}", detached[0]);
    let said = of_rule(&derived(&found), DETACHED);
    assert_eq!(said.len(), 1);
    assert!(said[0].message.contains(UNIT), "{}", said[0].message);
}

#[actix_rt::test]
async fn rules_that_do_not_read_a_failing_one_say_the_same_at_the_same_place() {
    let given = given(44, &format!("panic:{UNIT}@3*1000"));
    let engine = started(given.config).await;
    settled(&engine).await;
    assert_eq!(engine.health().problems.len(), 1);
    assert!(engine.health().ready);
    let found = ended(engine, &given.store).await;
    check_others(&found);
}

#[track_caller]
fn check_others(found: &[Record]) {
    check_same(
        &without(of_rules(derived(found)), &AFFECTED),
        &without(of_rules(offline(found)), &AFFECTED),
        "others",
    );
}

#[actix_rt::test]
async fn the_fifth_panic_in_thirty_seconds_is_forgiven() {
    let given = given(45, &format!("panic:{UNIT}@3*5"));
    let engine = started(given.config).await;
    for failures in 2..=5 {
        pause_passes(&engine, &given.time, failures).await;
    }
    well(&engine).await;
    until(|| is(&engine, UNIT, ActorState::Running)).await;
    assert_eq!(restarts(&engine, UNIT), 5);
    check_made_up(&ended(engine, &given.store).await, "five panics");
}

/// A store in which a unit panicked six times.
async fn quarantined(seed: u64) -> TempDir {
    let given = given(seed, &format!("panic:{UNIT}@3*6"));
    let began = given.clock.monotonic();
    let engine = started(given.config).await;
    for failures in 2..=5 {
        pause_passes(&engine, &given.time, failures).await;
    }
    until(|| is(&engine, UNIT, ActorState::Quarantined)).await;
    assert!(given.clock.monotonic().since(began) < Span::from_seconds(30));
    settled(&engine).await;
    // Nothing tries it again, however long that is.
    given.time.advance(Span::from_seconds(3_600));
    settled(&engine).await;
    assert!(is(&engine, UNIT, ActorState::Quarantined));
    assert!(engine.health().ready);
    let found = ended(engine, &given.store).await;
    let (detached, attached) = changes(&found);
    assert_eq!((detached.len(), attached.len()), (2, 0));
    assert_eq!(detached[0].from, detached[1].from);
    assert!(
        detached[1].reason.contains("quarantined"),
        "{:?}",
        detached[1]
    );
    let said = of_rule(&derived(&found), DETACHED);
    let ids: BTreeSet<_> = said.iter().map(|alert| alert.alert_id.clone()).collect();
    assert_eq!(ids.len(), 2, "two alerts, not one twice");
    check_others(&found);
    given.store
}

#[actix_rt::test]
async fn the_sixth_panic_in_thirty_seconds_quarantines_and_a_restart_makes_up_for_the_gap() {
    let store = quarantined(46).await;
    check_made_up(&gone_on(&store, |_| {}).await, "after a restart");
}

#[actix_rt::test]
async fn the_gap_of_a_quarantined_unit_is_known_without_any_checkpoint() {
    let store = quarantined(47).await;
    forget_checkpoints(&store);
    let found = gone_on(&store, |config| config.window_shards = 2).await;
    check_made_up(&found, "without checkpoint");
}

#[actix_rt::test]
async fn the_gap_is_made_up_for_by_an_engine_with_other_shards() {
    let store = quarantined(48).await;
    let found = gone_on(&store, |config| config.window_shards = 3).await;
    check_made_up(&found, "other shards");
}

#[actix_rt::test]
async fn the_gap_is_made_up_for_by_an_engine_with_other_rules() {
    let store = quarantined(49).await;
    let others = RULES.replace("rule(\"mixed\")", "rule(\"unmixed\")");
    let found = gone_on(&store, |config| config.rules = stream::rules(&others)).await;
    // The rule that is gone said nothing before it went, and nobody owes that any more.
    let gone = ["mixed"];
    check_same_set(
        &without(of_rules(derived(&found)), &gone),
        &without(of_rules(offline(&found)), &gone),
        "other rules",
    );
}

fn forget_checkpoints(store: &TempDir) {
    for file in std::fs::read_dir(store.path()).unwrap() {
        let path = file.unwrap().path();
        if path.to_string_lossy().contains("checkpoints.db") {
            std::fs::remove_file(path).unwrap();
        }
    }
}

#[actix_rt::test]
async fn a_window_that_panics_while_an_engine_recovers_says_nothing_twice() {
    for times in 1..4 {
        let given = given(50, "");
        gone_on(&given.store, |_| {}).await;
        forget_checkpoints(&given.store);
        let mut config = given.config;
        config.faults = faults(&format!("panic:{UNIT}@1*{times}"));
        let engine = started(config).await;
        for failures in 2..=times {
            pause_passes(&engine, &given.time, failures).await;
        }
        well(&engine).await;
        let found = ended(engine, &given.store).await;
        check_same(
            &of_rules(derived(&found)),
            &of_rules(offline(&found)),
            "recovered",
        );
    }
}

#[actix_rt::test]
async fn two_lost_units_with_a_reader_in_common_owe_its_alerts_once() {
    let text = format!("panic:{UNIT}@3*2; panic:window/auth.edge/0@4*3");
    let given = given(51, &text);
    let engine = started(given.config).await;
    pause_passes(&engine, &given.time, 2).await;
    until(|| is(&engine, UNIT, ActorState::Running)).await;
    until(|| restarts(&engine, "window/auth.edge/0") == 3).await;
    given.time.advance(Span::from_seconds(1));
    well(&engine).await;
    let found = ended(engine, &given.store).await;
    check_made_up(&found, &text);
    let (detached, attached) = changes(&found);
    assert_eq!((detached.len(), attached.len()), (2, 2));
}

#[actix_rt::test]
async fn whatever_panics_how_often_the_alerts_are_the_same_in_the_end() {
    for seed in 60..68 {
        let mut draw = Draw::new(seed);
        let rules = [
            "auth.every",
            "auth.edge",
            "auth.reset",
            "net.upload",
            "wave",
            "mixed",
            "storm",
        ];
        let text: Vec<String> = (0..5)
            .map(|_| {
                let rule = rules[draw.below(rules.len() as u64) as usize];
                let (nth, times) = (1 + draw.below(15), 1 + draw.below(3));
                format!("panic:window/{rule}/{}@{nth}*{times}", draw.below(2))
            })
            .collect();
        let text = text.join("; ");
        let mut given = given(seed, &text);
        given.config.window_shards = 2;
        let engine = started(given.config).await;
        settled(&engine).await;
        // What is left out by then is brought back by the next engine.
        ended(engine, &given.store).await;
        let found = gone_on(&given.store, |config| config.window_shards = 1).await;
        check_made_up(&found, &text);
    }
}
