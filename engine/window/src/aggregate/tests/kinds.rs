//! Each kind of window on both sides of its boundaries.

use larum_event::limits::DISTINCT_EXACT;
use larum_event::{FiringPolicy, MatchValues, Span, WindowExtent, WindowMeasure};

use super::{aggregate, at, event, reports, span, words};
use crate::aggregate::{AggregateRule, AggregateState};
use crate::state::{AlertReport, StateOutput, WindowEvent};

const SLIDING: WindowExtent = WindowExtent::Sliding {
    within: Span::from_nanos(10),
};
const TUMBLING: WindowExtent = WindowExtent::Tumbling {
    size: Span::from_nanos(10),
};

const fn hopping(size: i64, hop: i64) -> WindowExtent {
    WindowExtent::Hopping {
        size: Span::from_nanos(size),
        hop: Span::from_nanos(hop),
    }
}

const fn session(gap: i64, cap: Option<i64>) -> WindowExtent {
    WindowExtent::Session {
        gap: Span::from_nanos(gap),
        cap: match cap {
            Some(cap) => Some(Span::from_nanos(cap)),
            None => None,
        },
    }
}

const fn last(matches: u32, keep: i64) -> WindowExtent {
    WindowExtent::Last {
        matches,
        keep: Span::from_nanos(keep),
    }
}

/// Feeds events of the given times and values, and compares the reports word by word.
fn check(
    (extent, measure, bounds, policy): (WindowExtent, WindowMeasure, &str, FiringPolicy),
    events: &[(i64, i64)],
    expected: &[&str],
) {
    let rule = aggregate(extent, measure, bounds, policy);
    assert_eq!(
        words(&reports(&rule, events)),
        expected,
        "{rule} {events:?}"
    );
}

fn times(times: &[i64]) -> Vec<(i64, i64)> {
    times.iter().map(|time| (*time, 1)).collect()
}

use FiringPolicy::{Edge, Every, Reset, Suppress};

#[test]
fn a_sliding_window_includes_both_ends() {
    let rule = || (SLIDING, WindowMeasure::Count, ">= 3", Every);
    check(rule(), &times(&[0, 5, 10]), &["fired 2 at 10 of 3"]);
    check(rule(), &times(&[0, 5, 11]), &[]);
}

#[test]
fn an_episode_ends_when_the_condition_does_and_counts_all_of_its_matches() {
    let rule = || (SLIDING, WindowMeasure::Count, ">= 2", Edge);
    check(
        rule(),
        &times(&[0, 1, 2, 3, 12, 24]),
        &["fired 1 at 1 of 2", "grew of 4", "ended of 5"],
    );
    check(
        rule(),
        &times(&[0, 1, 12, 13]),
        &[
            "fired 1 at 1 of 2",
            "ended of 2",
            "fired 3 at 13 of 2",
            "ended of 2",
        ],
    );
}

#[test]
fn reset_forgets_and_suppress_is_silent_until_its_time_is_over() {
    check(
        (SLIDING, WindowMeasure::Count, ">= 2", Reset),
        &times(&[0, 1, 2, 3]),
        &["fired 1 at 1 of 2", "fired 3 at 3 of 2"],
    );
    check(
        (SLIDING, WindowMeasure::Count, ">= 2", Suppress(span(5))),
        &times(&[0, 1, 5, 6]),
        &["fired 1 at 1 of 2", "fired 3 at 6 of 4"],
    );
}

#[test]
fn fewer_than_so_many_is_known_when_the_window_that_the_first_match_opened_is_over() {
    check(
        (SLIDING, WindowMeasure::Count, "< 3", Edge),
        &times(&[0, 10, 11, 12, 21, 22]),
        &["fired 1 at 10 of 2", "fired 5 at 32 of 1"],
    );
}

#[test]
fn a_tumbling_window_ends_before_the_next_begins() {
    let rule = || (TUMBLING, WindowMeasure::Count, ">= 2", Edge);
    check(
        rule(),
        &times(&[8, 9]),
        &["fired 1 at 9 of 2", "ended of 2"],
    );
    check(rule(), &times(&[9, 10]), &[]);
    check(rule(), &times(&[-1, 0]), &[]);
    check(
        rule(),
        &times(&[0, 1, 2, 3, 10, 11]),
        &[
            "fired 1 at 1 of 2",
            "grew of 4",
            "ended of 4",
            "fired 5 at 11 of 2",
            "ended of 2",
        ],
    );
    check(
        (TUMBLING, WindowMeasure::Sum, ">= 5", Every),
        &[(0, 9), (1, -4), (10, 9), (19, -5)],
        &["fired 1 at 10 of 2: 5"],
    );
}

#[test]
fn a_hopping_window_is_decided_at_its_end_and_an_episode_is_of_ends_that_follow_each_other() {
    let rule = |policy| (hopping(10, 5), WindowMeasure::Count, ">= 2", policy);
    check(
        rule(Every),
        &times(&[0, 4, 9]),
        &["fired 1 at 5 of 2", "fired 2 at 10 of 3"],
    );
    check(rule(Every), &times(&[0, 10]), &[]);
    check(
        rule(Edge),
        &times(&[0, 4, 9]),
        &["fired 1 at 5 of 2", "ended of 3"],
    );
    check(
        rule(Edge),
        &times(&[0, 4, 25, 26]),
        &[
            "fired 1 at 5 of 2",
            "ended of 2",
            "fired 3 at 30 of 2",
            "ended of 2",
        ],
    );
}

#[test]
fn a_session_ends_after_its_gap_or_at_its_cap() {
    let rule = |cap| (session(10, cap), WindowMeasure::Count, "", Edge);
    check(rule(None), &times(&[0, 10, 20]), &["fired 2 at 20 of 3"]);
    check(
        rule(None),
        &times(&[0, 11]),
        &["fired 0 at 0 of 1", "fired 1 at 11 of 1"],
    );
    check(
        rule(Some(20)),
        &times(&[0, 10, 20]),
        &["fired 2 at 20 of 3"],
    );
    check(
        rule(Some(19)),
        &times(&[0, 10, 20]),
        &["fired 1 at 10 of 2", "fired 2 at 20 of 1"],
    );
    check(
        (session(10, None), WindowMeasure::Count, ">= 2", Edge),
        &times(&[0, 10, 20, 31, 32]),
        &[
            "fired 1 at 10 of 2",
            "ended of 3",
            "fired 4 at 32 of 2",
            "ended of 2",
        ],
    );
}

#[test]
fn a_session_that_is_decided_at_its_end_is_known_by_its_first_match() {
    let rule = aggregate(session(10, None), WindowMeasure::Count, "", Edge);
    let output = reports(&rule, &times(&[0, 1, 2]));
    let [AlertReport::Fired(fired)] = &output[..] else {
        panic!("{output:?}");
    };
    assert_eq!(fired.anchor.as_str(), "0");
    assert_eq!(fired.trigger.id.as_str(), "2");
    assert!(!fired.open);
}

#[test]
fn the_last_so_many_count_however_old_until_the_key_is_silent_for_too_long() {
    let rule = || (last(2, 100), WindowMeasure::Sum, ">= 3", Edge);
    check(
        rule(),
        &[(0, 1), (100, 2), (150, 2), (160, 0)],
        &["fired 1 at 100 of 2: 3", "ended of 3: 4"],
    );
    check(rule(), &[(0, 1), (101, 2)], &[]);
}

#[test]
fn numbers_are_measured_over_what_is_in_the_window() {
    for (measure, bounds, expected) in [
        (WindowMeasure::Sum, "== 12", "fired 3 at 3 of 4: 12"),
        (WindowMeasure::Average, "== 2", "fired 1 at 1 of 2: 2"),
        (WindowMeasure::Min, "== -1", "fired 3 at 3 of 4: -1"),
        (WindowMeasure::Max, ">= 9", "fired 2 at 2 of 3: 9"),
        (
            WindowMeasure::Percentile(50_000),
            "== 1",
            "fired 1 at 1 of 2: 1",
        ),
        (
            WindowMeasure::Percentile(75_000),
            "== 9",
            "fired 2 at 2 of 3: 9",
        ),
        (WindowMeasure::Change, "== -2", "fired 1 at 1 of 2: -2"),
        (WindowMeasure::Change, "== -4", "fired 3 at 3 of 4: -4"),
    ] {
        let rule = aggregate(SLIDING, measure, bounds, Edge);
        let output = words(&reports(&rule, &[(0, 3), (1, 1), (2, 9), (3, -1)]));
        assert_eq!(output.first().map(String::as_str), Some(expected), "{rule}");
    }
}

#[test]
fn an_alert_ends_when_what_made_the_average_high_leaves() {
    check(
        (SLIDING, WindowMeasure::Average, "> 5", Edge),
        &[(0, 20), (9, 1)],
        &[
            "fired 0 at 0 of 1: 20",
            "grew of 2: 10.5",
            "ended of 2: 10.5",
        ],
    );
    // An average that rises because something leaves is reported with the next match.
    check(
        (SLIDING, WindowMeasure::Average, "> 5", Edge),
        &[(0, 1), (9, 9), (12, 9)],
        &["fired 2 at 12 of 2: 9", "ended of 2: 9"],
    );
}

#[test]
fn values_are_new_that_were_not_seen_for_longer_than_the_window() {
    let rule = |policy| (SLIDING, WindowMeasure::FirstSeen, "", policy);
    check(
        rule(Edge),
        &[(0, 7), (10, 7), (20, 7), (31, 7), (32, 8)],
        &[
            "fired 0 at 0 of 1: 1",
            "fired 3 at 31 of 1: 1",
            "fired 4 at 32 of 1: 1",
        ],
    );
    check(
        rule(Suppress(span(5))),
        &[(0, 7), (4, 8), (5, 9)],
        &["fired 0 at 0 of 1: 1", "fired 2 at 5 of 1: 1"],
    );
}

#[test]
fn without_a_field_it_is_the_group_that_is_new() {
    let rule = aggregate(SLIDING, WindowMeasure::FirstSeen, "", Edge);
    let compiled = AggregateRule::new(&rule, 100);
    let mut state = AggregateState::default();
    let mut output = StateOutput::default();
    for (time, fires) in [(0, 1), (10, 1), (21, 2)] {
        state.advance_to(at(time), &compiled, &mut output);
        let event = WindowEvent {
            values: MatchValues::default(),
            ..event(time as u64, time, None, 0)
        };
        state.apply_event(&event, &compiled, &mut output);
        assert_eq!(output.reports.len(), fires, "{time}");
    }
}

#[test]
fn a_rate_needs_a_baseline_and_is_relative_to_it() {
    let rate = WindowMeasure::Rate { baseline: span(20) };
    let rule = || (TUMBLING, rate.clone(), ">= 3", Edge);
    // One in each window before, then three; the key is known since 0.
    check(
        rule(),
        &times(&[0, 10, 20, 21, 22]),
        &["fired 4 at 30 of 3: 3"],
    );
    check(rule(), &times(&[0, 10, 20, 21]), &[]);
    check(rule(), &times(&[1, 10, 20, 21, 22]), &[]);
}

#[test]
fn a_sliding_window_is_compared_with_what_was_before_it_at_the_very_match_that_moves_it() {
    let rate = WindowMeasure::Rate { baseline: span(20) };
    let rule = || (SLIDING, rate.clone(), ">= 3", Edge);
    // The window of the last match is the first one with two known stretches before it.
    check(
        rule(),
        &times(&[0, 10, 28, 29, 30]),
        &["fired 4 at 30 of 3: 3", "ended of 3: 3"],
    );
    check(rule(), &times(&[0, 10, 27, 28, 29]), &[]);
}

#[test]
fn steps_are_complete_when_each_has_as_many_as_it_needs() {
    let rule = aggregate(SLIDING, WindowMeasure::Steps(vec![1, 2]), ">= 2", Edge);
    let compiled = AggregateRule::new(&rule, 100);
    let mut state = AggregateState::default();
    let mut output = StateOutput::default();
    for (time, steps, fires) in [(0, 0b01, 0), (1, 0b10, 0), (2, 0b11, 1)] {
        state.apply_event(
            &event(time as u64, time, None, steps),
            &compiled,
            &mut output,
        );
        assert_eq!(output.reports.len(), fires, "{time}");
    }
}

#[test]
fn matches_without_what_is_measured_are_not_counted() {
    for measure in [
        WindowMeasure::Distinct,
        WindowMeasure::Sum,
        WindowMeasure::FirstSeen,
    ] {
        let rule = AggregateRule::new(&aggregate(SLIDING, measure, ">= 0", Every), 100);
        let mut state = AggregateState::default();
        let mut output = StateOutput::default();
        state.apply_event(&event(0, 0, None, 1), &rule, &mut output);
        assert!(output.reports.is_empty());
        assert_eq!(state, AggregateState::Empty);
    }
}

#[test]
fn distinct_is_exact_up_to_its_bound_and_states_its_error_beyond_and_becomes_exact_again() {
    let most = DISTINCT_EXACT as i64;
    for extent in [SLIDING, TUMBLING] {
        let rule = AggregateRule::new(
            &aggregate(extent, WindowMeasure::Distinct, ">= 1", Every),
            100_000,
        );
        let mut state = AggregateState::default();
        let mut take = |number: i64, time: i64| {
            let mut output = StateOutput::default();
            state.advance_to(at(time), &rule, &mut output);
            let event = event(number as u64, time, Some(number), 1);
            state.apply_event(&event, &rule, &mut output);
            assert!(state.is_sound(&rule));
            let Some(AlertReport::Fired(fired)) = output.reports.pop() else {
                panic!("it holds at every match");
            };
            let value = fired.content.value.unwrap().to_float() as i64;
            (value, fired.content.error)
        };
        for number in 0..most {
            assert_eq!(take(number, 0), (number + 1, None));
        }
        for number in most..most + 500 {
            let (value, error) = take(number, 1);
            let off = (value - number - 1).abs() * 1_000 / (number + 1);
            assert!(
                error.is_some_and(|error| off <= error.into()),
                "{value} {number}"
            );
        }
        if extent == SLIDING {
            let (_, error) = take(0, 11);
            assert_eq!(error, None);
            assert_eq!(take(1, 11), (502, None));
        }
    }
}
