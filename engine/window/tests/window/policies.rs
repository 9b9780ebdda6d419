//! Each policy on both sides of each boundary.

use larum_event::{AlertStatus, FiringPolicy, Span, WindowSpec};

use crate::stream::{count, fires, policies, run};

const W: i64 = 300_000_000_000;
const MS: i64 = 1_000_000;

fn spec(threshold: u64, policy: FiringPolicy) -> WindowSpec {
    count(Span::from_nanos(W), threshold, policy)
}

fn check(policy: FiringPolicy, threshold: u64, times: &[i64], expected: &[(i64, u64)]) {
    let found = fires(&run(&spec(threshold, policy), times));
    assert_eq!(found, expected, "{policy}, count({threshold}), {times:?}");
}

#[test]
fn fires_on_the_fifth_match_and_not_on_the_fourth() {
    for policy in policies(Span::from_nanos(W)) {
        check(policy, 5, &[0, 1, 2, 3], &[]);
        check(policy, 5, &[0, 1, 2, 3, 4], &[(4, 5)]);
    }
}

#[test]
fn a_match_exactly_the_window_ago_counts_and_one_nanosecond_older_does_not() {
    for policy in policies(Span::from_nanos(W)) {
        check(policy, 2, &[0, W], &[(W, 2)]);
        check(policy, 2, &[0, W + 1], &[]);
        check(policy, 2, &[0, 300_000 * MS], &[(300_000 * MS, 2)]);
        check(policy, 2, &[0, 300_001 * MS], &[]);
    }
}

#[test]
fn matches_at_one_instant_count_one_after_the_other() {
    for policy in policies(Span::from_nanos(W)) {
        check(policy, 3, &[5, 5], &[]);
        check(policy, 3, &[5, 5, 5], &[(5, 3)]);
    }
}

#[test]
fn every_fires_at_each_match_at_which_the_condition_holds() {
    let fires = [(2, 3), (3, 4), (W, 5), (W + 1, 5)];
    check(FiringPolicy::Every, 3, &[0, 1, 2, 3, W, W + 1], &fires);
}

#[test]
fn edge_fires_again_only_after_the_condition_did_not_hold() {
    // The pair holds as long as the match at 0 counts: up to W.
    check(FiringPolicy::Edge, 2, &[0, 1, W], &[(1, 2)]);
    check(FiringPolicy::Edge, 2, &[0, 1, W + 1], &[(1, 2), (W + 1, 2)]);
    // A match that keeps it up moves the end.
    check(FiringPolicy::Edge, 2, &[0, 1, W, W + 1, W + 2], &[(1, 2)]);
    let again = [(1, 2), (W + 3, 2)];
    check(FiringPolicy::Edge, 2, &[0, 1, W + 2, W + 3], &again);
}

#[test]
fn edge_with_a_threshold_of_one_fires_after_each_silence_longer_than_the_window() {
    check(FiringPolicy::Edge, 1, &[0, W], &[(0, 1)]);
    check(FiringPolicy::Edge, 1, &[0, W + 1], &[(0, 1), (W + 1, 1)]);
}

#[test]
fn every_and_reset_with_a_threshold_of_one_fire_at_each_match() {
    check(FiringPolicy::Every, 1, &[0, 1], &[(0, 1), (1, 2)]);
    check(FiringPolicy::Reset, 1, &[0, 1], &[(0, 1), (1, 1)]);
}

#[test]
fn reset_forgets_what_made_it_fire() {
    let fires = [(1, 2), (3, 2)];
    check(FiringPolicy::Reset, 2, &[0, 1, 2, 3, 4], &fires);
}

#[test]
fn suppress_is_silent_until_its_duration_after_the_fire_and_fires_at_exactly_then() {
    let policy = FiringPolicy::Suppress(Span::from_nanos(100));
    check(policy, 1, &[0, 99], &[(0, 1)]);
    check(policy, 1, &[0, 100], &[(0, 1), (100, 2)]);
    check(
        policy,
        1,
        &[0, 100, 199, 200],
        &[(0, 1), (100, 2), (200, 4)],
    );
}

#[test]
fn suppress_for_longer_than_the_window_outlives_the_events() {
    let policy = FiringPolicy::Suppress(Span::from_nanos(2 * W));
    check(policy, 1, &[0, 2 * W - 1], &[(0, 1)]);
    check(policy, 1, &[0, W + 1, 2 * W], &[(0, 1), (2 * W, 2)]);
}

#[test]
fn suppress_goes_on_counting_while_it_is_silent() {
    let policy = FiringPolicy::Suppress(Span::from_nanos(10));
    check(policy, 3, &[0, 1, 2, 5, 12], &[(2, 3), (12, 5)]);
}

#[test]
fn the_ends_of_time_do_not_wrap() {
    for policy in policies(Span::from_nanos(W)) {
        check(policy, 2, &[i64::MIN, i64::MIN + 1], &[(i64::MIN + 1, 2)]);
        check(policy, 2, &[i64::MAX - 1, i64::MAX], &[(i64::MAX, 2)]);
    }
}

#[test]
fn a_rule_of_single_events_passes_each_match_on() {
    let found = run(&WindowSpec::Single, &[4, 4]);
    assert_eq!(fires(&found), [(4, 1), (4, 1)]);
    let first = &found[0];
    assert_eq!(first.status, AlertStatus::Final);
    assert_eq!(
        first.evidence,
        std::slice::from_ref(&first.trigger.event_id)
    );
    assert_eq!((first.rule, first.place), (7, first.trigger.order.place));
}
