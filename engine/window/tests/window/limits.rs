//! What goes when there is too much.

use larum_event::{FiringPolicy, Span};
use larum_window::{MatchOutcome, RuleWindow, WindowLimits};

use crate::stream::{WIDE, count, fires, matched, moved, revisions, tenant};

fn window(keys: usize, events_per_key: usize, threshold: u64, policy: FiringPolicy) -> RuleWindow {
    let spec = count(Span::from_nanos(1_000), threshold, policy);
    let limits = WindowLimits {
        keys,
        events_per_key,
        ..WIDE
    };
    RuleWindow::new(7, spec, limits)
}

#[test]
fn the_key_that_would_end_first_makes_room_for_a_new_one_and_not_before_it_must() {
    let mut window = window(2, 9, 2, FiringPolicy::Every);
    let mut out = Vec::new();
    for (position, name) in ["a", "b", "a"].into_iter().enumerate() {
        let time = position as i64;
        let _ = window.add_match(matched(name, time, position as u64), &mut out);
    }
    assert_eq!(window.stats().evicted_keys, 0);
    let _ = window.add_match(matched("c", 3, 4), &mut out);
    assert_eq!((window.stats().evicted_keys, window.stats().keys), (1, 2));
    out.clear();
    let _ = window.add_match(matched("a", 4, 5), &mut out);
    assert_eq!(fires(&out), [(4, 3)], "b would have ended first and went");
}

#[test]
fn one_tenants_keys_never_push_out_anothers() {
    let mut window = window(1, 9, 2, FiringPolicy::Every);
    let mut out = Vec::new();
    let _ = window.add_match(matched("a", 1, 1), &mut out);
    let mut other = matched("b", 1, 2);
    other.tenant = tenant("umbrella");
    let _ = window.add_match(other, &mut out);
    assert_eq!((window.stats().evicted_keys, window.stats().keys), (0, 2));
}

#[test]
fn a_key_that_has_to_go_says_the_last_of_its_episode() {
    let mut window = window(1, 9, 2, FiringPolicy::Edge);
    let mut out = Vec::new();
    for position in 1..=3 {
        let _ = window.add_match(matched("a", position, position as u64), &mut out);
    }
    let _ = window.add_match(matched("b", 4, 4), &mut out);
    assert_eq!(revisions(&out), [(2, 1, 2), (2, 2, 3)]);
}

#[test]
fn a_key_with_too_many_events_loses_the_oldest() {
    let mut window = window(9, 3, 3, FiringPolicy::Every);
    let mut out = Vec::new();
    for position in 1..=3 {
        let _ = window.add_match(matched("a", position, position as u64), &mut out);
    }
    assert_eq!(window.stats().evicted_events, 0);
    let _ = window.add_match(matched("a", 4, 4), &mut out);
    assert_eq!(window.stats().evicted_events, 1);
    assert_eq!(
        fires(&out),
        [(3, 3), (4, 3)],
        "the count is of what is held"
    );
}

#[test]
fn a_key_holds_at_least_what_its_rule_counts_to() {
    let mut window = window(9, 1, 3, FiringPolicy::Every);
    let mut out = Vec::new();
    for position in 1..=3 {
        let _ = window.add_match(matched("a", position, position as u64), &mut out);
    }
    assert_eq!(fires(&out), [(3, 3)]);
}

#[test]
fn keys_are_kept_as_long_as_late_matches_may_count_and_go_then() {
    let acme = tenant("acme");
    let limits = WindowLimits {
        horizon: Span::from_nanos(2_000),
        ..WIDE
    };
    let spec = count(Span::from_nanos(1_000), 3, FiringPolicy::Every);
    let mut window = RuleWindow::new(7, spec, limits);
    let mut out = Vec::new();
    let _ = window.add_match(matched("a", 1, 1), &mut out);
    let _ = window.add_match(matched("b", 2, 2), &mut out);
    let _ = window.add_match(matched("a", 3, 3), &mut out);
    let mut left = Vec::new();
    // What cannot count any more for a match at the horizon is removed 3,001 after it: the match at
    // 2 counts up to 1,002, and matches at 1,002 count while the front is at most 3,002.
    for (position, front) in (4..).zip([2_002, 2_003, 3_003, 3_004, 3_005]) {
        window.advance_clock(&moved(&acme, front, position), &mut out);
        left.push(window.stats().keys);
    }
    assert_eq!(left, [2, 2, 1, 0, 0]);
    assert_eq!(window.stats().evicted_keys, 0, "that is no eviction");
}

#[test]
fn a_key_with_too_many_rows_drops_the_older_half_and_takes_nothing_older() {
    let limits = WindowLimits {
        rows_per_key: 100,
        ..WIDE
    };
    let spec = count(Span::from_nanos(10), 1_000, FiringPolicy::Edge);
    let mut window = RuleWindow::new(7, spec, limits);
    let mut out = Vec::new();
    for position in 1..=101 {
        let added = window.add_match(matched("a", position, position as u64), &mut out);
        assert_eq!(added, MatchOutcome::Counted);
    }
    // Rows are dropped up to the last state that was kept before the middle.
    assert_eq!(
        (window.stats().events, window.stats().evicted_events),
        (69, 32)
    );
    let late = window.add_match(matched("a", 31, 200), &mut out);
    assert_eq!((late, window.stats().late), (MatchOutcome::Late, 1));
    let in_time = window.add_match(matched("a", 33, 201), &mut out);
    assert_eq!(in_time, MatchOutcome::Counted);
}
