//! What goes when there is too much.

use larum_event::{FiringPolicy, Span, Watermark};
use larum_window::{ClockMove, MatchOutcome, RuleWindow, WindowLimits};

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
fn keys_that_cannot_count_any_more_go_with_the_clock() {
    let acme = tenant("acme");
    let mut window = window(9, 9, 3, FiringPolicy::Every);
    let mut out = Vec::new();
    let _ = window.add_match(matched("a", 1, 1), &mut out);
    let _ = window.add_match(matched("b", 2, 2), &mut out);
    let _ = window.add_match(matched("a", 3, 3), &mut out);
    window.advance_clock(&moved(&acme, 1_002, 4), &mut out);
    assert_eq!(window.stats().keys, 2);
    window.advance_clock(&moved(&acme, 1_003, 5), &mut out);
    assert_eq!((window.stats().keys, window.stats().events), (1, 1));
    window.advance_clock(&moved(&acme, 1_004, 6), &mut out);
    assert_eq!((window.stats().keys, window.stats().events), (0, 0));
    assert_eq!(window.stats().evicted_keys, 0, "that is no eviction");
}

#[test]
fn a_key_that_fired_and_forgot_is_gone() {
    let mut window = window(9, 9, 1, FiringPolicy::Reset);
    let mut out = Vec::new();
    let _ = window.add_match(matched("a", 1, 1), &mut out);
    assert_eq!((window.stats().keys, window.stats().events), (0, 0));
}

#[test]
fn what_is_pending_on_a_clock_that_is_given_up_is_counted() {
    let limits = WindowLimits {
        lateness: Span::from_nanos(50),
        ..WIDE
    };
    let spec = count(Span::from_nanos(100), 9, FiringPolicy::Edge);
    let mut window = RuleWindow::new(7, spec, limits);
    let mut out = Vec::new();
    for time in 1..=5 {
        let added = window.add_match(matched("k", time, time as u64), &mut out);
        assert_eq!(added, MatchOutcome::Counted);
    }
    let acme = tenant("acme");
    let over = ClockMove {
        watermark: Watermark::MAX,
        ..moved(&acme, 5, 6)
    };
    window.advance_clock(&over, &mut out);
    assert_eq!(window.stats().evicted_events, 5);
}
