use std::sync::mpsc;

use larum_event::Timestamp;

use super::super::{ActorState, Verdict};
use super::*;
use crate::breaker::BreakerState;
use crate::clock::ManualTime;
use crate::credit::Credits;

fn registry() -> (Registry, ManualTime) {
    let (clock, time) = Clock::manual(Timestamp::parse("2026-11-20T12:00:00Z").unwrap());
    (Registry::new(clock), time)
}

#[test]
fn the_snapshot_is_sorted_by_name_and_reads_as_the_api_shows_it() {
    let (registry, _time) = registry();
    let window = registry.register("window/a/0").unwrap();
    registry.register("channel/security").unwrap();
    let credits = Credits::new(8);
    let _held = credits.try_acquire(3).unwrap();
    window.show_queue(&credits);
    window.show_breaker(BreakerState::HalfOpen);
    window.begin();
    window.done();
    window.failed("batch 7 panicked: no");

    let shown = serde_json::to_value(registry.snapshot()).unwrap();
    assert_eq!(
        shown,
        serde_json::json!([
            {"name": "channel/security", "state": "starting", "restarts": 0, "breaker": null,
             "queue": null, "progress": 0, "lastError": null},
            {"name": "window/a/0", "state": "restarting", "restarts": 1, "breaker": "half_open",
             "queue": {"inFlight": 3, "capacity": 8}, "progress": 1,
             "lastError": {"reason": "batch 7 panicked: no", "at": "2026-11-20T12:00:00Z"}},
        ])
    );
    registry.remove("channel/security");
    assert_eq!(registry.snapshot().len(), 1);
}

#[test]
fn a_name_registered_again_goes_on_where_it_stopped() {
    let (registry, _time) = registry();
    let first = registry.register("window/a/0").unwrap();
    first.failed("x");
    let incarnation = first.incarnation();
    let second = registry.register("window/a/0").unwrap();
    assert_eq!(second.snapshot().restarts, 1);
    assert_eq!(second.incarnation(), incarnation);
}

#[test]
fn a_second_failure_before_the_verdict_was_acted_on_is_the_same_one() {
    let (registry, _time) = registry();
    let entry = registry.register("a").unwrap();
    let restart = Verdict::Restart { after: Span::ZERO };
    assert_eq!(entry.failed("first"), restart);
    assert_eq!(entry.failed("second"), restart);
    assert!(entry.is_failed());
    assert_eq!(entry.take_verdict("third"), restart);
    assert!(!entry.is_failed());
    let shown = entry.snapshot();
    assert_eq!(shown.restarts, 1);
    assert_eq!(shown.last_error.unwrap().reason, "first");
}

#[test]
fn a_quarantined_actor_stays_so_until_it_is_readmitted() {
    let (registry, _time) = registry();
    let entry = registry.register("a").unwrap();
    for _ in 0..limits::RESTARTS {
        assert_ne!(entry.take_verdict("x"), Verdict::Quarantine);
    }
    assert_eq!(entry.take_verdict("x"), Verdict::Quarantine);
    entry.running();
    entry.stopped();
    assert_eq!(entry.state(), ActorState::Quarantined);
    entry.readmit();
    assert_eq!(entry.state(), ActorState::Starting);
    assert_eq!(entry.snapshot().restarts, limits::RESTARTS as u64);
}

#[test]
fn the_observer_hears_of_every_change_and_its_panic_hurts_nobody() {
    let (clock, _time) = Clock::manual(Timestamp::default());
    let (heard, changes) = mpsc::sync_channel(16);
    let registry = Registry::observed(clock, move |change| {
        heard
            .send((change.before, change.state, change.reason.clone()))
            .unwrap();
        panic!("an observer's panic");
    });
    let entry = registry.register("a").unwrap();
    entry.running();
    entry.running();
    entry.failed("x");
    entry.take_verdict("x");
    entry.failed("again");
    let heard: Vec<_> = changes.try_iter().collect();
    use ActorState::{Restarting, Running, Starting};
    assert_eq!(
        heard,
        [
            (Starting, Running, None),
            (Running, Restarting, Some("x".to_owned())),
            (Restarting, Restarting, Some("again".to_owned())),
        ]
    );
}

#[test]
fn an_actor_with_work_and_no_progress_is_frozen_after_the_span_and_not_before() {
    let (registry, time) = registry();
    let busy = registry.register("busy").unwrap();
    let queued = registry.register("queued").unwrap();
    let idle = registry.register("idle").unwrap();
    for entry in [&busy, &queued, &idle] {
        entry.running();
    }
    busy.begin();
    let credits = Credits::new(1);
    let held = credits.try_acquire(1).unwrap();
    queued.show_queue(&credits);
    let after = Span::from_seconds(30);
    let names = |frozen: Vec<FrozenActor>| -> Vec<String> {
        frozen
            .iter()
            .map(|frozen| frozen.name.to_string())
            .collect()
    };

    time.advance(Span::from_nanos(after.as_nanos() - 1));
    assert!(registry.check_progress(after).is_empty());
    time.advance(Span::from_nanos(1));
    assert_eq!(names(registry.check_progress(after)), ["busy", "queued"]);
    assert_eq!(busy.state(), ActorState::Frozen);
    assert_eq!(idle.state(), ActorState::Running);

    busy.done();
    drop(held);
    assert!(registry.check_progress(after).is_empty());
    assert_eq!(busy.state(), ActorState::Running);
    assert_eq!(queued.state(), ActorState::Running);
}

#[test]
fn one_actor_more_than_the_limit_is_refused() {
    let (registry, _time) = registry();
    for number in 0..limits::ACTORS {
        registry.register(&number.to_string()).unwrap();
    }
    assert_eq!(registry.register("one more").unwrap_err(), RegistryFull);
    assert!(registry.register("0").is_ok());
}
