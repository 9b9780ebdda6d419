//! Gaps of detached units: filled one at a time, in slices, across restarts.

use std::collections::BTreeSet;

use larum_engine::{Engine, EngineConfig, Faults, ManualTime, Metric};
use larum_event::{Record, RecordBody, Span};
use tempfile::TempDir;

use crate::support::{
    check_same_set, config, copy, derived, emit, ended, ended_in_time, faults, folder, logins,
    manual, offline, settled, started, until,
};

const UNITS: usize = 10;
const EVENTS: u64 = 400;
const DETACHED: &str = "larum.unit_detached";
/// The unit whose gap is filled first.
const FIRST: &str = "gap/window/r0/0";

/// Ten rules that all count the same.
fn rules() -> String {
    let rule = |number: usize| {
        format!(
            r#"rule("r{number}").on("security.auth.login").group_by("metadata.user").within("1m").count({}).policy("every");"#,
            2 + number % 3
        )
    };
    (0..UNITS).map(rule).collect::<Vec<_>>().join("\n")
}

struct Given {
    store: TempDir,
    engine: Engine,
    faults: Faults,
    time: ManualTime,
}

/// An engine that has evaluated everything, without the ten units: all of them panicked twice. The
/// clock stands still, so that no gap is filled yet.
async fn given(also: &str) -> Given {
    let store = folder();
    // The work of the third epoch, and after the rebuild, which is the fourth, the same again.
    let faults = faults(&format!("panic:window/*@3; panic:window/*@5; {also}"));
    let (clock, time) = manual();
    let engine = started(EngineConfig {
        epoch_events: 20,
        checkpoint_events: 50,
        faults: faults.clone(),
        clock,
        ..config(&store, &rules())
    })
    .await;
    for from in (0..EVENTS).step_by(20) {
        emit(&engine, logins(from..from + 20, 3)).await;
        settled(&engine).await;
    }
    assert_eq!(engine.health().problems.len(), UNITS);
    assert_eq!(engine.metrics().value(Metric::DetachedUnits), UNITS as u64);
    assert!(engine.metrics().value(Metric::GapRecords) > EVENTS - 60);
    Given {
        store,
        engine,
        faults,
        time,
    }
}

async fn become_well(engine: &Engine) {
    until(|| engine.health().problems.is_empty()).await;
}

/// An engine without faults goes on with a store until every gap is closed.
async fn gone_on(store: &TempDir) -> Vec<Record> {
    let mut config = config(store, &rules());
    config.clock = manual().0;
    let engine = started(config).await;
    settled(&engine).await;
    become_well(&engine).await;
    ended(engine, store).await
}

/// The units of the gaps that were filled, slice by slice, and `None` where a unit was attached.
fn steps(records: &[Record]) -> Vec<(&str, bool)> {
    let steps = records.iter().filter_map(|record| match &record.body {
        RecordBody::GapFilled(change) => Some((change.unit.as_str(), false)),
        RecordBody::UnitAttached(change) => Some((change.unit.as_str(), true)),
        _ => None,
    });
    steps.collect()
}

#[track_caller]
fn check_made_up(found: &[Record], what: &str) {
    let of_rules = |derived: Vec<String>| -> Vec<String> {
        let is_detached = format!(r#""type":"{DETACHED}""#);
        let of_rules = derived
            .into_iter()
            .filter(|json| !json.contains(&is_detached));
        of_rules.collect()
    };
    check_same_set(&of_rules(derived(found)), &of_rules(offline(found)), what);
}

#[actix_rt::test]
async fn ten_units_that_panic_at_once_are_filled_one_after_the_other_and_no_alert_is_missing() {
    let given = given("").await;
    given.time.advance(Span::from_seconds(1));
    become_well(&given.engine).await;
    let gaps = || given.engine.metrics().value(Metric::GapRecords);
    until(|| gaps() == 0).await;
    let found = ended(given.engine, &given.store).await;
    check_made_up(&found, "ten gaps");
    let steps = steps(&found);
    let attached = steps.iter().filter(|(_, is_attached)| *is_attached);
    let units: BTreeSet<&str> = attached.clone().map(|(unit, _)| *unit).collect();
    assert_eq!((attached.count(), units.len()), (UNITS, UNITS));
    // A unit is back before the gap of the next one is begun.
    let mut open = None;
    for (unit, is_attached) in &steps {
        assert_eq!(*open.get_or_insert(unit), unit, "{steps:?}");
        if *is_attached {
            open = None;
        }
    }
    assert!(steps.len() > 3 * UNITS, "gaps are filled in slices");
}

#[actix_rt::test]
async fn a_restart_in_the_middle_of_a_gap_goes_on_there() {
    let given = given(&format!("hang:{FIRST}@12")).await;
    given.time.advance(Span::from_seconds(1));
    given.faults.wait_for_strikes(FIRST, 1).await;
    let mut copies = vec![copy(given.store.path())];
    // More comes, so that epochs, checkpoints and slices take turns.
    emit(&given.engine, logins(EVENTS..EVENTS + 300, 3)).await;
    given.faults.release_point(FIRST);
    while !given.engine.health().problems.is_empty() {
        if copies.len() < 3 {
            copies.push(copy(given.store.path()));
        }
        tokio::task::yield_now().await;
    }
    settled(&given.engine).await;
    check_made_up(&ended(given.engine, &given.store).await, "undisturbed");
    for (number, copy) in copies.iter().enumerate() {
        let before = steps(&crate::support::records(copy.path())).len();
        let found = gone_on(copy).await;
        check_made_up(&found, &format!("copy {number}"));
        let filled = steps(&found).len();
        assert!(
            number > 0 || (before > 0 && filled > before),
            "{before} {filled}"
        );
    }
}

#[actix_rt::test]
async fn a_gap_whose_filling_panics_is_filled_by_the_next_engine() {
    let given = given(&format!("panic:{FIRST}@12")).await;
    given.time.advance(Span::from_seconds(1));
    given.faults.wait_for_strikes(FIRST, 1).await;
    // The others do not wait for it.
    until(|| given.engine.health().problems.len() == 1).await;
    let found = ended(given.engine, &given.store).await;
    let attached = steps(&found)
        .into_iter()
        .filter(|(_, is_attached)| *is_attached);
    assert_eq!(attached.count(), UNITS - 1);
    check_made_up(&gone_on(&given.store).await, "after a panic");
}

#[actix_rt::test]
async fn an_engine_ends_while_a_gap_is_filled_and_the_next_one_goes_on() {
    let given = given(&format!("hang:{FIRST}@12")).await;
    given.time.advance(Span::from_seconds(1));
    given.faults.wait_for_strikes(FIRST, 1).await;
    let found = ended_in_time(given.engine, &given.store, &given.time).await;
    // Its thread would wait for ever.
    given.faults.release_point(FIRST);
    assert!(steps(&found).iter().all(|(_, is_attached)| !is_attached));
    check_made_up(&gone_on(&given.store).await, "after an end");
}
