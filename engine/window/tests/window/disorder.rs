//! Sources that disagree: matches that reach a key out of time order.

use larum_event::{Detection, FiringPolicy, Span};
use larum_window::Window;

use crate::stream::{WIDE, count, fires, matched, moved, policies, tenant, told};

/// Matches of one key at `times` in this order, while the clock stands still.
fn run(policy: FiringPolicy, threshold: u64, times: &[i64]) -> Vec<Detection> {
    let spec = count(Span::from_nanos(10), threshold, policy);
    let mut window = Window::new(7, spec, WIDE);
    let mut out = Vec::new();
    for (index, time) in times.iter().enumerate() {
        window.add(matched("k", *time, index as u64 + 1), &mut out);
    }
    out
}

#[test]
fn a_match_counts_with_those_before_it_whenever_they_came() {
    for policy in policies(Span::from_nanos(10)) {
        assert_eq!(fires(&run(policy, 3, &[2, 1, 3])), [(3, 3)], "{policy}");
        // What is after it in time does not count for it.
        assert_eq!(fires(&run(policy, 3, &[8, 9, 7])), [], "{policy}");
    }
}

#[test]
fn a_condition_that_came_to_hold_unseen_fires_at_the_next_match() {
    // With the match at 0 the one at 2 has three, but it was judged before.
    assert_eq!(fires(&run(FiringPolicy::Edge, 3, &[1, 2, 0, 3])), [(3, 4)]);
}

#[test]
fn a_match_inside_of_an_episode_belongs_to_it_and_one_before_its_window_does_not() {
    let found = run(FiringPolicy::Edge, 2, &[20, 21, 11, 20]);
    assert_eq!(told(&found), [(21, 1, 2), (21, 2, 4)]);
    let found = run(FiringPolicy::Edge, 2, &[20, 21, 10, 20]);
    assert_eq!(told(&found), [(21, 1, 2)]);
}

#[test]
fn a_match_of_the_time_of_an_episode_that_is_over_starts_no_other() {
    // 1 and 2 last up to 11; 20 ends that; 11 still belongs to it, 12 does not.
    assert_eq!(
        fires(&run(FiringPolicy::Edge, 2, &[1, 2, 20, 11])),
        [(2, 2)]
    );
    let found = run(FiringPolicy::Edge, 2, &[1, 2, 20, 12]);
    assert_eq!(fires(&found), [(2, 2), (12, 2)]);
}

#[test]
fn an_episode_that_begins_before_matches_that_are_there_takes_them_in_as_far_as_it_lasts() {
    // 6 has 1 and 5 before it; 10 was there already and keeps it up to 15, so 40 was not in it.
    let found = run(FiringPolicy::Edge, 3, &[1, 10, 40, 5, 6]);
    assert_eq!(told(&found), [(6, 1, 3), (6, 2, 4)]);
    // With 12 instead of 10 it was over at 11.
    let found = run(FiringPolicy::Edge, 3, &[1, 12, 40, 5, 6]);
    assert_eq!(told(&found), [(6, 1, 3)]);
    // It is over, so that what comes at 41 and 42 is another.
    let found = run(FiringPolicy::Edge, 3, &[1, 12, 40, 5, 6, 41, 42]);
    assert_eq!(told(&found), [(6, 1, 3), (42, 1, 3)]);
}

#[test]
fn events_stay_as_long_as_a_match_may_come_that_they_count_for() {
    let acme = tenant("acme");
    let spec = count(Span::from_nanos(10), 2, FiringPolicy::Every);
    let mut window = Window::new(7, spec, WIDE);
    let mut out = Vec::new();
    window.add(matched("k", 1, 1), &mut out);
    window.add(matched("k", 100, 2), &mut out);
    window.advance(&moved(&acme, 11, 2), &mut out);
    window.add(matched("k", 11, 3), &mut out);
    assert_eq!(fires(&out), [(11, 2)]);
    window.advance(&moved(&acme, 22, 3), &mut out);
    window.add(matched("k", 22, 4), &mut out);
    assert_eq!(window.stats().events, 2, "1 and 11 are gone");
}

#[test]
fn clocks_and_tenants_are_kept_apart() {
    let spec = count(Span::from_nanos(10), 2, FiringPolicy::Every);
    let mut window = Window::new(7, spec, WIDE);
    let mut out = Vec::new();
    window.add(matched("k", 1, 1), &mut out);
    let mut other = matched("k", 1, 2);
    other.clock = 1;
    window.add(other, &mut out);
    let mut other = matched("k", 1, 3);
    other.tenant = tenant("umbrella");
    window.add(other, &mut out);
    assert_eq!(out, []);
    assert_eq!(window.stats().keys, 3);
    window.advance(&moved(&tenant("acme"), 100, 4), &mut out);
    assert_eq!(window.stats().keys, 2, "one clock of one tenant moved");
}
