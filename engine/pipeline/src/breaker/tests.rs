use proptest::prelude::*;

use super::*;

const SECOND: i64 = 1_000_000_000;

fn at(seconds: i64) -> MonotonicTime {
    MonotonicTime::from_nanos(seconds * SECOND)
}

fn nothing_watched() -> BreakerConfig {
    BreakerConfig {
        consecutive_failures: None,
        failure_percent: None,
        slow_percent: None,
        queue_age: None,
        ..BreakerConfig::default()
    }
}

/// One step of a case, in seconds of a clock that the step names.
#[derive(Clone, Copy)]
enum Step {
    /// A call that succeeds at once.
    Good,
    /// A call that fails at once.
    Bad,
    /// A call that succeeds after ten seconds.
    Slow,
    /// The oldest thing in the queue is this many seconds old.
    Age(u32),
}

/// Runs the steps at time zero and says what opened the breaker, if anything did.
#[track_caller]
fn check(config: BreakerConfig, steps: &[(usize, Step)], expected: Option<BreakerTrigger>) {
    let mut breaker = CircuitBreaker::new(config);
    for (times, step) in steps {
        for _ in 0..*times {
            take(&mut breaker, *step, at(0));
        }
    }
    let opened = (breaker.state() == BreakerState::Open).then(|| breaker.last_trigger().unwrap());
    assert_eq!(opened, expected);
}

fn take(breaker: &mut CircuitBreaker, step: Step, now: MonotonicTime) {
    let (outcome, took) = match step {
        Step::Good => (CallOutcome::Success, 0),
        Step::Bad => (CallOutcome::Failure, 0),
        Step::Slow => (CallOutcome::Success, 10),
        Step::Age(seconds) => return breaker.record_queue_age(Span::from_seconds(seconds), now),
    };
    if let CallDecision::Permitted(pass) = breaker.request_call(now) {
        breaker.record_call(pass, outcome, Span::from_seconds(took), now);
    }
}

#[test]
fn each_trigger_alone_opens_it_at_its_bound_and_not_just_below() {
    use Step::{Age, Bad, Good, Slow};
    let streak = BreakerConfig {
        consecutive_failures: Some(5),
        ..nothing_watched()
    };
    check(streak.clone(), &[(4, Bad)], None);
    check(
        streak.clone(),
        &[(5, Bad)],
        Some(BreakerTrigger::ConsecutiveFailures),
    );
    check(streak, &[(4, Bad), (1, Good), (4, Bad)], None);

    let ratio = BreakerConfig {
        failure_percent: Some(50),
        ..nothing_watched()
    };
    check(ratio.clone(), &[(19, Bad)], None);
    check(
        ratio.clone(),
        &[(20, Bad)],
        Some(BreakerTrigger::FailureRatio),
    );
    check(ratio.clone(), &[(11, Good), (9, Bad)], None);
    check(
        ratio.clone(),
        &[(10, Good), (10, Bad)],
        Some(BreakerTrigger::FailureRatio),
    );
    // The hundred most recent calls count: older successes are forgotten.
    check(ratio.clone(), &[(100, Good), (49, Bad)], None);
    check(
        ratio,
        &[(100, Good), (50, Bad)],
        Some(BreakerTrigger::FailureRatio),
    );

    let slow = BreakerConfig {
        slow_percent: Some(80),
        ..nothing_watched()
    };
    check(slow.clone(), &[(5, Good), (15, Slow)], None);
    check(
        slow,
        &[(4, Good), (16, Slow)],
        Some(BreakerTrigger::SlowCalls),
    );

    let age = BreakerConfig {
        queue_age: Some(Span::from_seconds(60)),
        ..nothing_watched()
    };
    check(age.clone(), &[(1, Age(59))], None);
    check(age, &[(1, Age(60))], Some(BreakerTrigger::QueueAge));

    check(
        nothing_watched(),
        &[(500, Bad), (500, Slow), (1, Age(9_999))],
        None,
    );
}

fn opened_at_zero() -> CircuitBreaker {
    let mut breaker = CircuitBreaker::new(BreakerConfig {
        consecutive_failures: Some(1),
        cool_down_most: Span::from_seconds(30),
        ..nothing_watched()
    });
    take(&mut breaker, Step::Bad, at(0));
    breaker
}

#[track_caller]
fn permitted(decision: CallDecision) -> CallPermit {
    match decision {
        CallDecision::Permitted(pass) => pass,
        CallDecision::Denied { until } => panic!("denied until {until:?}"),
    }
}

#[test]
fn after_the_cool_down_exactly_one_probe_is_let_through() {
    let mut breaker = opened_at_zero();
    let just_before = MonotonicTime::from_nanos(5 * SECOND - 1);
    assert_eq!(
        breaker.request_call(just_before),
        CallDecision::Denied { until: at(5) }
    );
    let probe = permitted(breaker.request_call(at(5)));
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    assert_eq!(
        breaker.request_call(at(6)),
        CallDecision::Denied { until: at(65) }
    );
    breaker.record_call(probe, CallOutcome::Success, Span::ZERO, at(7));
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn a_failed_probe_doubles_the_cool_down_up_to_the_cap_and_a_success_resets_it() {
    let mut breaker = opened_at_zero();
    let mut now = at(5);
    for expected in [10, 20, 30, 30] {
        let probe = permitted(breaker.request_call(now));
        breaker.record_call(probe, CallOutcome::Failure, Span::ZERO, now);
        let until = now.saturating_add(Span::from_seconds(expected));
        assert_eq!(breaker.request_call(now), CallDecision::Denied { until });
        assert_eq!(breaker.last_trigger(), Some(BreakerTrigger::Probe));
        now = until;
    }
    let probe = permitted(breaker.request_call(now));
    breaker.record_call(probe, CallOutcome::Success, Span::ZERO, now);
    take(&mut breaker, Step::Bad, now);
    let until = now.saturating_add(Span::from_seconds(5));
    assert_eq!(breaker.request_call(now), CallDecision::Denied { until });
}

#[test]
fn the_late_answer_of_a_call_begun_before_it_opened_is_not_the_probes() {
    let mut breaker = CircuitBreaker::new(BreakerConfig {
        consecutive_failures: Some(1),
        ..nothing_watched()
    });
    let [early, first, second] = [(); 3].map(|()| permitted(breaker.request_call(at(0))));
    breaker.record_call(early, CallOutcome::Failure, Span::ZERO, at(0));
    let probe = permitted(breaker.request_call(at(5)));
    breaker.record_call(first, CallOutcome::Success, Span::ZERO, at(5));
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    breaker.record_call(second, CallOutcome::Failure, Span::ZERO, at(5));
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    breaker.record_call(probe, CallOutcome::Success, Span::ZERO, at(6));
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn a_slow_probe_is_a_failed_one_where_slowness_is_watched() {
    for (slow_percent, expected) in [(Some(80), BreakerState::Open), (None, BreakerState::Closed)] {
        let mut breaker = CircuitBreaker::new(BreakerConfig {
            consecutive_failures: Some(1),
            slow_percent,
            ..nothing_watched()
        });
        take(&mut breaker, Step::Bad, at(0));
        take(&mut breaker, Step::Slow, at(5));
        assert_eq!(breaker.state(), expected);
    }
}

#[test]
fn an_abandoned_probe_makes_room_for_another_and_a_lost_one_fails_in_the_end() {
    let mut breaker = opened_at_zero();
    let probe = permitted(breaker.request_call(at(5)));
    breaker.abandon_call(probe);
    let lost = permitted(breaker.request_call(at(5)));
    let just_before = MonotonicTime::from_nanos(65 * SECOND - 1);
    assert_eq!(
        breaker.request_call(just_before),
        CallDecision::Denied { until: at(65) }
    );
    assert_eq!(
        breaker.request_call(at(65)),
        CallDecision::Denied { until: at(75) }
    );
    breaker.record_call(lost, CallOutcome::Success, Span::ZERO, at(70));
    assert_eq!(breaker.state(), BreakerState::Open);
    let _probe = permitted(breaker.request_call(at(75)));
}

#[test]
fn a_backlog_that_drains_after_recovery_does_not_open_it_again_and_one_that_grows_does() {
    let recovered = || {
        let mut breaker = CircuitBreaker::new(BreakerConfig {
            queue_age: Some(Span::from_seconds(60)),
            ..nothing_watched()
        });
        take(&mut breaker, Step::Age(60), at(0));
        take(&mut breaker, Step::Good, at(5));
        take(&mut breaker, Step::Age(65), at(5));
        assert_eq!(breaker.state(), BreakerState::Closed);
        breaker
    };
    let mut draining = recovered();
    for age in [64, 61, 59] {
        take(&mut draining, Step::Age(age), at(6));
        assert_eq!(draining.state(), BreakerState::Closed);
    }
    take(&mut draining, Step::Age(60), at(7));
    assert_eq!(draining.state(), BreakerState::Open);

    let mut growing = recovered();
    take(&mut growing, Step::Age(124), at(64));
    assert_eq!(growing.state(), BreakerState::Closed);
    take(&mut growing, Step::Age(125), at(65));
    assert_eq!(growing.state(), BreakerState::Open);
}

#[test]
fn the_configuration_is_read_with_defaults_and_refuses_unknown_keys() {
    let config: BreakerConfig =
        serde_json::from_str(r#"{"consecutive_failures": 3, "cool_down": "1m"}"#).unwrap();
    assert_eq!(config.consecutive_failures, Some(3));
    assert_eq!(config.cool_down, Span::from_seconds(60));
    assert_eq!(config.minimum_calls, 20);
    assert!(serde_json::from_str::<BreakerConfig>(r#"{"cooldown": "1m"}"#).is_err());
}

#[derive(Debug, Clone)]
enum Move {
    Allow,
    Answer {
        which: usize,
        failed: bool,
        took: i64,
    },
    Abandon {
        which: usize,
    },
    Age(i64),
    Pass(i64),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        4 => Just(Move::Allow),
        4 => (any::<usize>(), any::<bool>(), 0..20 * SECOND)
            .prop_map(|(which, failed, took)| Move::Answer { which, failed, took }),
        1 => any::<usize>().prop_map(|which| Move::Abandon { which }),
        1 => (0..200 * SECOND).prop_map(Move::Age),
        2 => (0..40 * SECOND).prop_map(Move::Pass),
    ];
    prop::collection::vec(one, 0..200)
}

proptest! {
    /// Whatever happens, in whatever order the answers come: no call is let through while it is
    /// open, at most one probe is out, and it is never stuck.
    #[test]
    fn it_never_lets_a_call_through_while_open_and_never_two_probes(moves in moves()) {
        let config = BreakerConfig {
            consecutive_failures: Some(3),
            minimum_calls: 4,
            recent_calls: 8,
            queue_age: Some(Span::from_seconds(60)),
            ..BreakerConfig::default()
        };
        let mut breaker = CircuitBreaker::new(config.clone());
        let mut now = at(0);
        let mut out: Vec<CallPermit> = Vec::new();
        let mut denied_until: Option<MonotonicTime> = None;
        let mut probe: Option<u64> = None;
        for step in moves {
            match step {
                Move::Pass(nanos) => now = now.saturating_add(Span::from_nanos(nanos)),
                Move::Age(nanos) => breaker.record_queue_age(Span::from_nanos(nanos), now),
                Move::Allow => {
                    let before = breaker.state();
                    match breaker.request_call(now) {
                        CallDecision::Permitted(pass) => {
                            if before == BreakerState::Open {
                                prop_assert!(denied_until.is_none_or(|until| now >= until));
                            }
                            if breaker.state() == BreakerState::HalfOpen {
                                prop_assert_eq!(probe, None, "a second probe");
                                probe = Some(pass.turn);
                            }
                            out.push(pass);
                        }
                        CallDecision::Denied { until } => {
                            prop_assert!(until > now, "denied for no time at all");
                            prop_assert_ne!(breaker.state(), BreakerState::Closed);
                        }
                    }
                }
                Move::Answer { which, failed, took } if !out.is_empty() => {
                    let pass = out.swap_remove(which % out.len());
                    let outcome = if failed { CallOutcome::Failure } else { CallOutcome::Success };
                    breaker.record_call(pass, outcome, Span::from_nanos(took), now);
                }
                Move::Abandon { which } if !out.is_empty() => {
                    let pass = out.swap_remove(which % out.len());
                    if probe == Some(pass.turn) {
                        probe = None;
                    }
                    breaker.abandon_call(pass);
                }
                Move::Answer { .. } | Move::Abandon { .. } => {}
            }
            match breaker.circuit {
                CircuitState::Open { until } => {
                    prop_assert!(until.since(now) <= config.cool_down_most);
                    denied_until = Some(until);
                    probe = None;
                }
                CircuitState::Closed => (denied_until, probe) = (None, None),
                CircuitState::HalfOpen { .. } => {}
            }
        }
        // From wherever it is, well-behaved calls close it within the longest waits.
        for _ in 0..3 {
            now = now.saturating_add(Span::from_seconds(600));
            if let CallDecision::Permitted(pass) = breaker.request_call(now) {
                breaker.record_call(pass, CallOutcome::Success, Span::ZERO, now);
            }
        }
        prop_assert_eq!(breaker.state(), BreakerState::Closed);
    }
}
