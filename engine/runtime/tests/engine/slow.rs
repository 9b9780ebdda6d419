//! Units that are slow: waited for, named, and no reason to lose anything.

use std::sync::{Arc, Mutex};

use larum_engine::{
    ActorState, EmitError, EmitOptions, Engine, EngineConfig, Faults, ManualTime, Metric,
    StallAction,
};
use larum_event::{Record, RecordBody, Span};
use tempfile::TempDir;

use crate::stream::{self, RULES};
use crate::support::{
    check_same, config, derived, emit, ended, ended_in_time, faults, folder, logins, manual,
    offline, settled, started, until, while_time_passes, written,
};

const UNIT: &str = "window/auth.every/0";
const EVENTS: usize = 1_000;

/// A store with the stream in it, and an engine on it whose third epoch hangs in one window.
struct Given {
    store: TempDir,
    config: EngineConfig,
    faults: Faults,
    time: ManualTime,
}

fn given(seed: u64) -> Given {
    let store = written(RULES, &stream::events(seed, EVENTS));
    let (clock, time) = manual();
    let faults = faults(&format!("hang:{UNIT}@3"));
    let mut config = config(&store, RULES);
    config.epoch_events = 50;
    config.faults = faults.clone();
    config.clock = clock;
    Given {
        store,
        config,
        faults,
        time,
    }
}

/// An engine that is waiting for the window.
async fn waiting(given: &Given) -> Engine {
    let start = started(given.config.clone());
    let (engine, ()) = tokio::join!(start, given.faults.wait_for_strikes(UNIT, 1));
    engine
}

fn detached_count(records: &[Record]) -> usize {
    let is_detached = |record: &&Record| matches!(record.body, RecordBody::UnitDetached(_));
    records.iter().filter(is_detached).count()
}

fn has_problem_with_unit(engine: &Engine) -> bool {
    let problems = engine.health().problems;
    problems.iter().any(|words| words.contains(UNIT))
}

/// Lets the window go on, and checks that everything is as if it had never been slow.
async fn check_undisturbed(given: Given, engine: Engine) {
    given.faults.release_point(UNIT);
    settled(&engine).await;
    let restarts = engine.actors().into_iter().map(|actor| actor.restarts);
    assert_eq!(restarts.sum::<u64>(), 0);
    let found = ended(engine, &given.store).await;
    check_same(&derived(&found), &offline(&found), "after it was slow");
    assert_eq!(detached_count(&found), 0);
}

#[actix_rt::test]
async fn a_window_that_is_slow_is_waited_for_and_changes_no_alert() {
    for seconds in [2, 6, 600] {
        let given = given(52);
        let engine = waiting(&given).await;
        let evaluated = engine.health().evaluated;
        given.time.advance(Span::from_seconds(seconds));
        // Evaluation waits, whoever has his turn meanwhile.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(engine.health().evaluated, evaluated);
        assert!(engine.health().ready);
        check_undisturbed(given, engine).await;
    }
}

#[actix_rt::test]
async fn the_engine_is_not_ready_while_evaluation_stalls_and_names_the_unit() {
    let given = given(53);
    let clock = given.config.clock.clone();
    let engine = waiting(&given).await;
    let began = clock.monotonic();
    while_time_passes(&given.time, until(|| has_problem_with_unit(&engine))).await;
    // On a busy machine time may have passed both limits at once.
    let is_ready = engine.health().ready;
    assert!(is_ready || clock.monotonic().since(began) >= Span::from_seconds(30));
    while_time_passes(&given.time, until(|| !engine.health().ready)).await;
    assert!(clock.monotonic().since(began) >= Span::from_seconds(30));
    let metrics = engine.metrics();
    let stalled = metrics.by_label(Metric::UnitStallSeconds);
    assert!(
        stalled
            .iter()
            .any(|(unit, seconds)| *unit == UNIT && *seconds >= 30)
    );
    let actors = engine.actors().into_iter();
    let frozen = actors.filter(|actor| actor.state == ActorState::Frozen);
    let frozen: Vec<String> = frozen.map(|actor| actor.name).collect();
    assert_eq!(frozen, ["sequencer", UNIT]);

    given.faults.release_point(UNIT);
    settled(&engine).await;
    while_time_passes(&given.time, until(|| engine.health().ready)).await;
    while_time_passes(&given.time, until(|| engine.health().problems.is_empty())).await;
    check_undisturbed(given, engine).await;
}

#[actix_rt::test]
async fn the_program_is_asked_to_exit_when_evaluation_stalls_for_too_long() {
    let mut given = given(54);
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let asks = Arc::clone(&asked);
    given.config.stall_after = Span::from_seconds(60);
    given.config.stall_action = StallAction::new(move |stall| {
        asks.lock().unwrap().push(stall.to_string());
    });
    let clock = given.config.clock.clone();
    let engine = waiting(&given).await;
    let began = clock.monotonic();
    let was_asked = || !asked.lock().unwrap().is_empty();
    while_time_passes(&given.time, until(was_asked)).await;
    assert!(clock.monotonic().since(began) >= Span::from_seconds(60));
    let words = asked.lock().unwrap().join("\n");
    assert!(words.contains(UNIT), "{words}");
    check_undisturbed(given, engine).await;
}

#[actix_rt::test]
async fn the_log_takes_events_while_a_unit_is_slow_until_evaluation_lags_too_far() {
    let store = folder();
    let mut with = config(&store, RULES);
    with.clock = manual().0;
    with.evaluation_lag_events = 100;
    with.faults = faults(&format!("hang:{UNIT}"));
    let injected = with.faults.clone();
    let engine = started(with).await;
    emit(&engine, logins(0..1, 3)).await;
    injected.wait_for_strikes(UNIT, 1).await;
    emit(&engine, logins(1..101, 3)).await;
    let refused = engine.emit_with_guarantee(logins(101..102, 3), EmitOptions::default());
    let refused = refused.await;
    assert!(
        matches!(refused, Err(EmitError::Overloaded { behind: 101, .. })),
        "{refused:?}"
    );
    // What queued up is evaluated, and producers are taken again.
    injected.release_point(UNIT);
    settled(&engine).await;
    emit(&engine, logins(101..102, 3)).await;
    settled(&engine).await;
    let found = ended(engine, &store).await;
    check_same(&derived(&found), &offline(&found), "after it was slow");
    assert_eq!(detached_count(&found), 0);
}

#[actix_rt::test]
async fn an_engine_ends_while_a_unit_is_slow_and_the_next_one_evaluates_the_rest() {
    let given = given(55);
    let engine = waiting(&given).await;
    let found = ended_in_time(engine, &given.store, &given.time).await;
    let before = derived(&found);
    // Its thread would wait for ever.
    given.faults.release_point(UNIT);

    let mut next = config(&given.store, RULES);
    next.clock = manual().0;
    let engine = started(next).await;
    settled(&engine).await;
    let found = ended(engine, &given.store).await;
    let after = derived(&found);
    assert!(before.len() < after.len());
    check_same(&after, &offline(&found), "after the next start");
    assert_eq!(detached_count(&found), 0);
}
