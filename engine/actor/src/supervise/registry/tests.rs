use std::sync::mpsc;

use larum_event::{Span, Timestamp};

use super::super::{ActorState, RestartVerdict};
use super::*;
use crate::clock::ManualTime;
use crate::credit::Credits;

const LIMITS: ProgressLimits = ProgressLimits {
    slow_after: Span::from_seconds(5),
    frozen_after: Span::from_seconds(30),
};

fn registry() -> (ActorRegistry, ManualTime) {
    let (clock, time) = RuntimeClock::manual(Timestamp::parse("2026-11-20T12:00:00Z").unwrap());
    (ActorRegistry::new(clock), time)
}

#[test]
fn the_snapshot_is_sorted_by_name_and_reads_as_the_api_shows_it() {
    let (registry, _time) = registry();
    let window = registry.register_actor("window/a/0").unwrap();
    registry.register_actor("channel/security").unwrap();
    let credits = Credits::new(8);
    let _held = credits.try_acquire(3).unwrap();
    window.show_queue(&credits);
    window.show_breaker("half_open");
    window.begin_work();
    window.end_work();
    window.record_failure("batch 7 panicked: no");

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
    registry.remove_actor("channel/security");
    assert_eq!(registry.snapshot().len(), 1);
}

#[test]
fn a_name_registered_again_goes_on_where_it_stopped() {
    let (registry, _time) = registry();
    let first = registry.register_actor("window/a/0").unwrap();
    first.record_failure("x");
    let incarnation = first.incarnation();
    let second = registry.register_actor("window/a/0").unwrap();
    assert_eq!(second.snapshot().restarts, 1);
    assert_eq!(second.incarnation(), incarnation);
}

#[test]
fn a_second_failure_before_the_verdict_was_acted_on_is_the_same_one() {
    let (registry, _time) = registry();
    let entry = registry.register_actor("a").unwrap();
    let restart = RestartVerdict::Restart { after: Span::ZERO };
    assert_eq!(entry.record_failure("first"), restart);
    assert_eq!(entry.record_failure("second"), restart);
    assert!(entry.has_failed());
    assert_eq!(entry.take_verdict("third"), restart);
    assert!(!entry.has_failed());
    let shown = entry.snapshot();
    assert_eq!(shown.restarts, 1);
    assert_eq!(shown.last_error.unwrap().reason, "first");
}

#[test]
fn a_quarantined_actor_stays_so_until_it_is_readmitted() {
    let (registry, _time) = registry();
    let entry = registry.register_actor("a").unwrap();
    for _ in 0..limits::RESTARTS {
        assert_ne!(entry.take_verdict("x"), RestartVerdict::Quarantine);
    }
    assert_eq!(entry.take_verdict("x"), RestartVerdict::Quarantine);
    entry.set_running();
    entry.set_stopped();
    assert_eq!(entry.state(), ActorState::Quarantined);
    entry.end_quarantine();
    assert_eq!(entry.state(), ActorState::Starting);
    assert_eq!(entry.snapshot().restarts, limits::RESTARTS as u64);
}

#[test]
fn the_observer_hears_of_every_change_and_its_panic_hurts_nobody() {
    let (clock, _time) = RuntimeClock::manual(Timestamp::default());
    let (heard, changes) = mpsc::sync_channel(16);
    let registry = ActorRegistry::with_observer(clock, move |change| {
        heard
            .send((change.before, change.state, change.reason.clone()))
            .unwrap();
        panic!("an observer's panic");
    });
    let entry = registry.register_actor("a").unwrap();
    entry.set_running();
    entry.set_running();
    entry.record_failure("x");
    entry.take_verdict("x");
    entry.record_failure("again");
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
fn an_actor_with_work_and_no_progress_is_slow_and_then_frozen_and_not_before() {
    let (registry, _time) = registry();
    let busy = registry.register_actor("busy").unwrap();
    let queued = registry.register_actor("queued").unwrap();
    let idle = registry.register_actor("idle").unwrap();
    for entry in [&busy, &queued, &idle] {
        entry.set_running();
    }
    busy.begin_work();
    let credits = Credits::new(1);
    let held = credits.try_acquire(1).unwrap();
    queued.show_queue(&credits);
    // The time of those who look has nothing to do with the clock, which stands still.
    let stalled = |seconds: u32, nanos: i64| -> Vec<(String, bool)> {
        let passed = Span::from_nanos(Span::from_seconds(seconds).as_nanos() + nanos);
        let now = MonotonicTime::default().saturating_add(passed);
        let stalled = registry.check_progress(now, LIMITS).into_iter();
        stalled
            .map(|actor| (actor.name.to_string(), actor.is_frozen))
            .collect()
    };
    let both = |is_frozen| ["busy", "queued"].map(|name| (name.to_owned(), is_frozen));

    assert_eq!(stalled(100, 0), []);
    assert_eq!(stalled(105, -1), []);
    assert_eq!(stalled(105, 0), both(false));
    assert_eq!(stalled(130, -1), both(false));
    assert_eq!(busy.state(), ActorState::Running);
    assert_eq!(stalled(130, 0), both(true));
    assert_eq!(busy.state(), ActorState::Frozen);
    assert_eq!(idle.state(), ActorState::Running);

    // A step of its work is enough to go on.
    busy.count_progress();
    drop(held);
    assert_eq!(stalled(131, 0), []);
    assert_eq!(busy.state(), ActorState::Running);
    assert_eq!(queued.state(), ActorState::Running);
}

#[test]
fn one_actor_more_than_the_limit_is_refused() {
    let (registry, _time) = registry();
    for number in 0..limits::ACTORS {
        registry.register_actor(&number.to_string()).unwrap();
    }
    assert_eq!(
        registry.register_actor("one more").unwrap_err(),
        RegistryFull
    );
    assert!(registry.register_actor("0").is_ok());
}
