//! Events out of order within the lateness give what order gives, for every kind of window.

use larum_event::{
    AlertStatus, Detection, EvaluationPlace, FiringPolicy, Match, Position, Span, Watermark,
    WindowSpec,
};
use larum_window::{MatchOutcome, RuleWindow, WindowLimits};
use proptest::prelude::*;

use crate::kinds::{Arrivals, LATENESS, arrivals, catching_up, specs};
use crate::stream::{WIDE, count, final_alerts, matched, moved, revisions, tenant};

fn limits(lateness: i64) -> WindowLimits {
    WindowLimits {
        lateness: Span::from_nanos(lateness),
        ..WIDE
    }
}

fn end() -> EvaluationPlace {
    EvaluationPlace::for_raw_event(Position(u64::MAX))
}

fn feed(window: &mut RuleWindow, matched: &Match, out: &mut Vec<Detection>) {
    let moved = larum_window::ClockMove {
        tenant: &matched.tenant,
        clock: matched.clock,
        watermark: matched.watermark,
        place: matched.place,
    };
    window.advance_clock(&moved, out);
    assert_eq!(
        window.add_match(matched.clone(), out),
        MatchOutcome::Counted
    );
}

/// In the order in which they happened.
fn in_order(spec: &WindowSpec, arrivals: &Arrivals) -> Vec<Detection> {
    let mut window = RuleWindow::new(7, spec.clone(), limits(0));
    let mut out = Vec::new();
    for matched in arrivals.sorted() {
        feed(&mut window, &matched, &mut out);
    }
    window.close(end(), &mut out);
    out
}

/// In the order in which they came.
fn as_they_came(spec: &WindowSpec, arrivals: &Arrivals) -> Vec<Detection> {
    let mut window = RuleWindow::new(7, spec.clone(), limits(LATENESS));
    let mut out = Vec::new();
    for matched in &arrivals.0 {
        feed(&mut window, matched, &mut out);
    }
    window.close(end(), &mut out);
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn what_stands_in_the_end_is_what_order_gives(spec in specs(), arrivals in arrivals()) {
        let expected = final_alerts(&in_order(&spec, &arrivals));
        let found = as_they_came(&spec, &arrivals);
        prop_assert_eq!(final_alerts(&found), expected);
    }

    #[test]
    fn a_busy_key_whose_watermark_catches_up_now_and_then_says_what_order_gives(
        spec in specs(), arrivals in catching_up()
    ) {
        let expected = final_alerts(&in_order(&spec, &arrivals));
        let at_once = spec.decision_time() == larum_event::DecisionTime::AtOnce;
        let mut window = RuleWindow::new(7, spec, limits(0));
        let mut found = Vec::new();
        for matched in &arrivals.0 {
            feed(&mut window, matched, &mut found);
        }
        window.close(end(), &mut found);
        prop_assert_eq!(final_alerts(&found), expected);
        // What is decided at once is reported with its trigger, or with a late event before it, and
        // not when time passes.
        for first in found.iter().filter(|one| at_once && one.revision == 1) {
            let with_trigger = first.place == first.trigger.place;
            prop_assert!(with_trigger || first.status == AlertStatus::Early, "{:?}", first);
        }
    }

    #[test]
    fn in_order_everything_is_final_at_once(spec in specs(), arrivals in arrivals()) {
        let found = in_order(&spec, &arrivals);
        prop_assert!(found.iter().all(|one| one.status == AlertStatus::Final));
    }

    #[test]
    fn a_rule_that_waits_for_the_watermark_takes_nothing_back(spec in specs(), arrivals in arrivals()) {
        let once = spec.decision_time() == larum_event::DecisionTime::AtOnce;
        let found = as_they_came(&spec, &arrivals);
        prop_assert!(once || found.iter().all(|one| one.status == AlertStatus::Final));
    }

    #[test]
    fn shards_together_say_what_one_window_says(
        spec in specs(), arrivals in arrivals(), shards in 2..4_usize
    ) {
        let mut windows: Vec<_> =
            (0..shards).map(|_| RuleWindow::new(7, spec.clone(), limits(LATENESS))).collect();
        let mut out = Vec::new();
        for matched in &arrivals.0 {
            let shard = matched.key.shard_index(shards);
            for (number, window) in windows.iter_mut().enumerate() {
                if number == shard {
                    feed(window, matched, &mut out);
                } else {
                    let moved = larum_window::ClockMove {
                        tenant: &matched.tenant,
                        clock: matched.clock,
                        watermark: matched.watermark,
                        place: matched.place,
                    };
                    window.advance_clock(&moved, &mut out);
                }
            }
        }
        for window in &mut windows {
            window.close(end(), &mut out);
        }
        let sorted = |mut all: Vec<Detection>| {
            all.sort_by(|a, b| (a.place, &a.tenant, a.clock, &a.key).cmp(&(b.place, &b.tenant, b.clock, &b.key)));
            all
        };
        prop_assert_eq!(sorted(out), sorted(as_they_came(&spec, &arrivals)));
    }

    #[test]
    fn a_restart_at_any_point_changes_nothing(
        spec in specs(), arrivals in arrivals(), at in prop::collection::vec(0..120_usize, 1..4)
    ) {
        let new = || RuleWindow::new(7, spec.clone(), limits(LATENESS));
        let (mut whole, mut changes) = (new().take_checkpoint(), Vec::<Vec<u8>>::new());
        let (mut straight, mut restarted) = (new(), new());
        let (mut expected, mut out) = (Vec::new(), Vec::new());
        for (index, matched) in arrivals.0.iter().enumerate() {
            if index == 40 {
                whole = restarted.take_checkpoint();
                changes.clear();
            }
            if at.contains(&index) {
                changes.push(restarted.take_changes());
                let parts: Vec<&[u8]> = changes.iter().map(Vec::as_slice).collect();
                let again = RuleWindow::restore(&whole, &parts, 7, limits(LATENESS)).unwrap();
                prop_assert_eq!(again.checkpoint(), restarted.checkpoint());
                restarted = again;
            }
            feed(&mut straight, matched, &mut expected);
            feed(&mut restarted, matched, &mut out);
        }
        straight.close(end(), &mut expected);
        restarted.close(end(), &mut out);
        prop_assert_eq!(out, expected);
    }

    #[test]
    fn nothing_is_left_when_time_has_passed_everything(spec in specs(), arrivals in arrivals()) {
        let mut window = RuleWindow::new(7, spec, limits(LATENESS));
        let mut out = Vec::new();
        for matched in &arrivals.0 {
            feed(&mut window, matched, &mut out);
        }
        let late = Watermark { time: larum_event::Timestamp::MAX, rank: 0 };
        for name in ["acme", "umbrella"] {
            let tenant = tenant(name);
            let moved = larum_window::ClockMove { tenant: &tenant, clock: 0, watermark: late, place: end() };
            window.advance_clock(&moved, &mut out);
        }
        prop_assert_eq!((window.stats().keys, window.stats().events), (0, 0));
    }
}

/// Two sources, one of which has come to `watermark`.
fn held_back(name: &str, time: i64, position: u64, watermark: i64) -> Match {
    Match {
        watermark: Watermark::of_event(crate::stream::nanos(watermark), None),
        ..matched(name, time, position)
    }
}

fn window(policy: FiringPolicy, lateness: i64) -> RuleWindow {
    let spec = count(Span::from_nanos(10), 2, policy);
    RuleWindow::new(7, spec, limits(lateness))
}

#[test]
fn what_joins_counts_in_its_own_time_within_the_lateness_and_where_it_still_can_beyond() {
    for (time, first) in [(96, 96), (95, 95), (94, 95)] {
        let mut window = window(FiringPolicy::Every, 5);
        let mut out = Vec::new();
        let _counted = window.add_match(matched("k", 100, 1), &mut out);
        let joining = Match {
            joins: true,
            ..held_back("k", time, 2, 100)
        };
        assert_eq!(window.add_match(joining, &mut out), MatchOutcome::Counted);
        let fired = out.last().unwrap();
        assert_eq!(fired.first, crate::stream::nanos(first), "{time}");
        assert_eq!(window.stats().late, 0);
    }
}

#[test]
fn a_match_exactly_as_late_as_allowed_counts_and_one_later_does_not() {
    for (time, added) in [(95, MatchOutcome::Counted), (94, MatchOutcome::Late)] {
        let mut window = window(FiringPolicy::Every, 5);
        let mut out = Vec::new();
        assert_eq!(
            window.add_match(matched("k", 100, 1), &mut out),
            MatchOutcome::Counted
        );
        assert_eq!(
            window.add_match(held_back("k", time, 2, 100), &mut out),
            added
        );
        assert_eq!(window.stats().late, u64::from(added == MatchOutcome::Late));
    }
}

#[test]
fn an_alert_is_early_until_the_watermark_has_passed_its_trigger() {
    let mut window = window(FiringPolicy::Every, 0);
    let mut out = Vec::new();
    let _ = window.add_match(held_back("k", 10, 1, 5), &mut out);
    let _ = window.add_match(held_back("k", 11, 2, 5), &mut out);
    let status = |out: &[Detection]| out.iter().map(|one| one.status).collect::<Vec<_>>();
    assert_eq!(status(&out), [AlertStatus::Early]);
    window.advance_clock(&moved(&tenant("acme"), 11, 3), &mut out);
    assert_eq!(status(&out), [AlertStatus::Early]);
    window.advance_clock(&moved(&tenant("acme"), 12, 4), &mut out);
    assert_eq!(status(&out), [AlertStatus::Early, AlertStatus::Final]);
    assert_eq!(revisions(&out), [(11, 1, 2), (11, 2, 2)]);
}

#[test]
fn a_late_match_moves_an_edge_forward_and_takes_the_later_one_back() {
    let mut window = window(FiringPolicy::Edge, 20);
    let mut out = Vec::new();
    let _ = window.add_match(matched("k", 10, 1), &mut out);
    let _ = window.add_match(matched("k", 15, 2), &mut out);
    // With the match at 8 the one at 10 is the second.
    let _ = window.add_match(held_back("k", 8, 3, 15), &mut out);
    let found: Vec<_> = out
        .iter()
        .map(|one| (one.trigger.time.as_nanos(), one.revision, one.status))
        .collect();
    assert_eq!(
        found,
        [
            (15, 1, AlertStatus::Early),
            (15, 2, AlertStatus::Retracted),
            (10, 1, AlertStatus::Early)
        ]
    );
}

#[test]
fn an_older_match_of_another_source_that_completes_a_window_fires_at_once() {
    let mut window = window(FiringPolicy::Edge, 0);
    let mut out = Vec::new();
    let _ = window.add_match(held_back("k", 12, 1, 3), &mut out);
    assert_eq!(revisions(&out), []);
    let _ = window.add_match(held_back("k", 3, 2, 3), &mut out);
    assert_eq!(revisions(&out), [(12, 1, 2)]);
}

#[test]
fn clocks_and_tenants_are_kept_apart() {
    let mut window = window(FiringPolicy::Every, 0);
    let mut out = Vec::new();
    let _ = window.add_match(matched("k", 1, 1), &mut out);
    let mut other = matched("k", 1, 2);
    other.clock = 1;
    let _ = window.add_match(other, &mut out);
    let mut other = matched("k", 1, 3);
    other.tenant = tenant("umbrella");
    let _ = window.add_match(other, &mut out);
    assert_eq!(out, []);
    assert_eq!(window.stats().keys, 3);
    window.advance_clock(&moved(&tenant("acme"), 100, 4), &mut out);
    assert_eq!(window.stats().keys, 2, "one clock of one tenant moved");
}

#[test]
fn what_was_taken_back_is_forgotten_when_time_has_passed_it() {
    let mut window = window(FiringPolicy::Edge, 50);
    let mut out = Vec::new();
    let mut sizes = Vec::new();
    for round in 0..400_i64 {
        // Something is always pending. The match that comes last moves the edge, so an alert is
        // taken back.
        let begin = 1_000 + round * 40;
        for (number, offset) in [10, 15, 8].into_iter().enumerate() {
            let position = round as u64 * 3 + number as u64 + 1;
            let watermark = begin + 10.max(offset);
            let matched = held_back("k", begin + offset, position, watermark);
            window.advance_clock(&moved(&tenant("acme"), watermark, position), &mut out);
            assert_eq!(window.add_match(matched, &mut out), MatchOutcome::Counted);
        }
        sizes.push(window.checkpoint().len());
    }
    let taken_back = out
        .iter()
        .filter(|one| one.status == AlertStatus::Retracted);
    assert!(taken_back.count() >= 399);
    assert!(
        sizes[399] < 2 * sizes[20],
        "{} after {}",
        sizes[399],
        sizes[20]
    );
}

#[test]
fn a_key_that_waits_now_and_then_counts_what_came_between() {
    let spec = count(Span::from_nanos(100), 12, FiringPolicy::Edge);
    let mut window = RuleWindow::new(7, spec, limits(0));
    let mut out = Vec::new();
    let acme = tenant("acme");
    for time in 1..=9 {
        let _ = window.add_match(matched("k", time, time as u64), &mut out);
    }
    let _ = window.add_match(held_back("k", 11, 10, 10), &mut out);
    window.advance_clock(&moved(&acme, 12, 11), &mut out);
    let _ = window.add_match(matched("k", 12, 12), &mut out);
    assert_eq!(out, []);
    let _ = window.add_match(held_back("k", 14, 13, 13), &mut out);
    assert_eq!(revisions(&out), [(14, 1, 12)]);
    assert_eq!(out[0].status, AlertStatus::Early);
}
