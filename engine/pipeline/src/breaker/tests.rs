use proptest::prelude::*;

use super::*;

const SECOND: i64 = 1_000_000_000;

fn at(seconds: i64) -> Monotonic {
    Monotonic::from_nanos(seconds * SECOND)
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
fn check(config: BreakerConfig, steps: &[(usize, Step)], expected: Option<Trigger>) {
    let mut breaker = Breaker::new(config);
    for (times, step) in steps {
        for _ in 0..*times {
            take(&mut breaker, *step, at(0));
        }
    }
    let opened = (breaker.state() == BreakerState::Open).then(|| breaker.opened_by().unwrap());
    assert_eq!(opened, expected);
}

fn take(breaker: &mut Breaker, step: Step, now: Monotonic) {
    let (outcome, took) = match step {
        Step::Good => (Outcome::Success, 0),
        Step::Bad => (Outcome::Failure, 0),
        Step::Slow => (Outcome::Success, 10),
        Step::Age(seconds) => return breaker.queue_age(Span::from_seconds(seconds), now),
    };
    if let Decision::Permitted(pass) = breaker.allow(now) {
        breaker.record(pass, outcome, Span::from_seconds(took), now);
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
        Some(Trigger::ConsecutiveFailures),
    );
    check(streak, &[(4, Bad), (1, Good), (4, Bad)], None);

    let ratio = BreakerConfig {
        failure_percent: Some(50),
        ..nothing_watched()
    };
    check(ratio.clone(), &[(19, Bad)], None);
    check(ratio.clone(), &[(20, Bad)], Some(Trigger::FailureRatio));
    check(ratio.clone(), &[(11, Good), (9, Bad)], None);
    check(
        ratio.clone(),
        &[(10, Good), (10, Bad)],
        Some(Trigger::FailureRatio),
    );
    // The hundred most recent calls count: older successes are forgotten.
    check(ratio.clone(), &[(100, Good), (49, Bad)], None);
    check(
        ratio,
        &[(100, Good), (50, Bad)],
        Some(Trigger::FailureRatio),
    );

    let slow = BreakerConfig {
        slow_percent: Some(80),
        ..nothing_watched()
    };
    check(slow.clone(), &[(5, Good), (15, Slow)], None);
    check(slow, &[(4, Good), (16, Slow)], Some(Trigger::SlowCalls));

    let age = BreakerConfig {
        queue_age: Some(Span::from_seconds(60)),
        ..nothing_watched()
    };
    check(age.clone(), &[(1, Age(59))], None);
    check(age, &[(1, Age(60))], Some(Trigger::QueueAge));

    check(
        nothing_watched(),
        &[(500, Bad), (500, Slow), (1, Age(9_999))],
        None,
    );
}

fn opened_at_zero() -> Breaker {
    let mut breaker = Breaker::new(BreakerConfig {
        consecutive_failures: Some(1),
        cool_down_most: Span::from_seconds(30),
        ..nothing_watched()
    });
    take(&mut breaker, Step::Bad, at(0));
    breaker
}

#[track_caller]
fn permitted(decision: Decision) -> Pass {
    match decision {
        Decision::Permitted(pass) => pass,
        Decision::Denied { until } => panic!("denied until {until:?}"),
    }
}

#[test]
fn after_the_cool_down_exactly_one_probe_is_let_through() {
    let mut breaker = opened_at_zero();
    let just_before = Monotonic::from_nanos(5 * SECOND - 1);
    assert_eq!(
        breaker.allow(just_before),
        Decision::Denied { until: at(5) }
    );
    let probe = permitted(breaker.allow(at(5)));
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    assert_eq!(breaker.allow(at(6)), Decision::Denied { until: at(65) });
    breaker.record(probe, Outcome::Success, Span::ZERO, at(7));
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn a_failed_probe_doubles_the_cool_down_up_to_the_cap_and_a_success_resets_it() {
    let mut breaker = opened_at_zero();
    let mut now = at(5);
    for expected in [10, 20, 30, 30] {
        let probe = permitted(breaker.allow(now));
        breaker.record(probe, Outcome::Failure, Span::ZERO, now);
        let until = now.saturating_add(Span::from_seconds(expected));
        assert_eq!(breaker.allow(now), Decision::Denied { until });
        assert_eq!(breaker.opened_by(), Some(Trigger::Probe));
        now = until;
    }
    let probe = permitted(breaker.allow(now));
    breaker.record(probe, Outcome::Success, Span::ZERO, now);
    take(&mut breaker, Step::Bad, now);
    let until = now.saturating_add(Span::from_seconds(5));
    assert_eq!(breaker.allow(now), Decision::Denied { until });
}

#[test]
fn the_late_answer_of_a_call_begun_before_it_opened_is_not_the_probes() {
    let mut breaker = Breaker::new(BreakerConfig {
        consecutive_failures: Some(1),
        ..nothing_watched()
    });
    let [early, first, second] = [(); 3].map(|()| permitted(breaker.allow(at(0))));
    breaker.record(early, Outcome::Failure, Span::ZERO, at(0));
    let probe = permitted(breaker.allow(at(5)));
    breaker.record(first, Outcome::Success, Span::ZERO, at(5));
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    breaker.record(second, Outcome::Failure, Span::ZERO, at(5));
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    breaker.record(probe, Outcome::Success, Span::ZERO, at(6));
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn a_slow_probe_is_a_failed_one_where_slowness_is_watched() {
    for (slow_percent, expected) in [(Some(80), BreakerState::Open), (None, BreakerState::Closed)] {
        let mut breaker = Breaker::new(BreakerConfig {
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
    let probe = permitted(breaker.allow(at(5)));
    breaker.abandon(probe);
    let lost = permitted(breaker.allow(at(5)));
    let just_before = Monotonic::from_nanos(65 * SECOND - 1);
    assert_eq!(
        breaker.allow(just_before),
        Decision::Denied { until: at(65) }
    );
    assert_eq!(breaker.allow(at(65)), Decision::Denied { until: at(75) });
    breaker.record(lost, Outcome::Success, Span::ZERO, at(70));
    assert_eq!(breaker.state(), BreakerState::Open);
    let _probe = permitted(breaker.allow(at(75)));
}

#[test]
fn a_backlog_that_drains_after_recovery_does_not_open_it_again_and_one_that_grows_does() {
    let recovered = || {
        let mut breaker = Breaker::new(BreakerConfig {
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
        let mut breaker = Breaker::new(config.clone());
        let mut now = at(0);
        let mut out: Vec<Pass> = Vec::new();
        let mut denied_until: Option<Monotonic> = None;
        let mut probe: Option<u64> = None;
        for step in moves {
            match step {
                Move::Pass(nanos) => now = now.saturating_add(Span::from_nanos(nanos)),
                Move::Age(nanos) => breaker.queue_age(Span::from_nanos(nanos), now),
                Move::Allow => {
                    let before = breaker.state();
                    match breaker.allow(now) {
                        Decision::Permitted(pass) => {
                            if before == BreakerState::Open {
                                prop_assert!(denied_until.is_none_or(|until| now >= until));
                            }
                            if breaker.state() == BreakerState::HalfOpen {
                                prop_assert_eq!(probe, None, "a second probe");
                                probe = Some(pass.turn);
                            }
                            out.push(pass);
                        }
                        Decision::Denied { until } => {
                            prop_assert!(until > now, "denied for no time at all");
                            prop_assert_ne!(breaker.state(), BreakerState::Closed);
                        }
                    }
                }
                Move::Answer { which, failed, took } if !out.is_empty() => {
                    let pass = out.swap_remove(which % out.len());
                    let outcome = if failed { Outcome::Failure } else { Outcome::Success };
                    breaker.record(pass, outcome, Span::from_nanos(took), now);
                }
                Move::Abandon { which } if !out.is_empty() => {
                    let pass = out.swap_remove(which % out.len());
                    if probe == Some(pass.turn) {
                        probe = None;
                    }
                    breaker.abandon(pass);
                }
                Move::Answer { .. } | Move::Abandon { .. } => {}
            }
            match breaker.circuit {
                Circuit::Open { until } => {
                    prop_assert!(until.since(now) <= config.cool_down_most);
                    denied_until = Some(until);
                    probe = None;
                }
                Circuit::Closed => (denied_until, probe) = (None, None),
                Circuit::HalfOpen { .. } => {}
            }
        }
        // From wherever it is, well-behaved calls close it within the longest waits.
        for _ in 0..3 {
            now = now.saturating_add(Span::from_seconds(600));
            if let Decision::Permitted(pass) = breaker.allow(now) {
                breaker.record(pass, Outcome::Success, Span::ZERO, now);
            }
        }
        prop_assert_eq!(breaker.state(), BreakerState::Closed);
    }
}
