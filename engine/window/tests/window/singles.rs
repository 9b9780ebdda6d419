//! Rules without a window, over alerts that are taken back and come again.

use larum_event::{DetectionEffect, EventOrder, GroupKey, Match, Span, WindowSpec};
use larum_window::{MatchOutcome, RuleWindow, WindowLimits};

use crate::stragglers::Fixture;
use crate::stream::{WIDE, key, matched, moved, place, tenant};

/// The match of an alert of this time.
fn alert(time: i64, position: u64) -> Match {
    let mut alert = matched("k", time, position);
    alert.order = EventOrder::of_alert(alert.order.time, alert.order, 1, 0);
    alert.source = 0;
    alert
}

/// The revisions since the last call, each with its number.
fn revisions(fixture: &mut Fixture) -> Vec<(DetectionEffect, u32, GroupKey)> {
    let out = std::mem::take(&mut fixture.out).into_iter();
    out.map(|one| (one.effect, one.revision, one.key)).collect()
}

use DetectionEffect::{Raise, Replace, Retract};

#[test]
fn an_alert_is_taken_back_at_once_and_its_revisions_go_on_when_it_comes_again() {
    let mut fixture = Fixture::new(WindowSpec::Single);
    let below = alert(10, 90);
    fixture.feed(&below);
    fixture.check(&["raise e90 @10 x1"]);
    fixture.retract(&below);
    assert_eq!(fixture.out[0].place, place(fixture.position));
    fixture.check(&["retract e90 @10 x1"]);
    // What is taken back twice is said once.
    fixture.retract(&below);
    fixture.check(&[]);
    let later = Match {
        order: alert(12, 90).order,
        ..below.clone()
    };
    fixture.feed(&later);
    assert_eq!(fixture.out[0].revision, 3);
    fixture.check(&["raise e90 @12 x1"]);
    fixture.feed(&below);
    fixture.retract(&below);
    assert_eq!(
        revisions(&mut fixture),
        [(Replace, 4, key("k")), (Retract, 5, key("k"))]
    );
}

#[test]
fn an_alert_that_comes_again_in_another_group_is_another_one() {
    let mut fixture = Fixture::new(WindowSpec::Single);
    let below = alert(10, 90);
    let moved = Match {
        key: key("other"),
        ..below.clone()
    };
    for one in [&below, &moved, &below] {
        fixture.feed(one);
        fixture.retract(one);
    }
    assert_eq!(
        revisions(&mut fixture),
        [
            (Raise, 1, key("k")),
            (Retract, 2, key("k")),
            (Raise, 1, key("other")),
            (Retract, 2, key("other")),
            (Raise, 3, key("k")),
            (Retract, 4, key("k")),
        ]
    );
}

#[test]
fn a_raw_event_is_not_remembered_and_an_alert_for_as_long_as_the_horizon() {
    let acme = tenant("acme");
    for (front, is_kept) in [(60, true), (61, false)] {
        let limits = WindowLimits {
            horizon: Span::from_nanos(50),
            ..WIDE
        };
        let mut window = RuleWindow::new(7, WindowSpec::Single, limits);
        let mut out = Vec::new();
        let _ = window.add_match(matched("k", 10, 1), &mut out);
        assert_eq!(window.stats().keys, 0);
        let below = alert(10, 2);
        let _ = window.add_match(below.clone(), &mut out);
        window.advance_clock(&moved(&acme, front, 3), &mut out);
        assert_eq!(window.stats().keys, u64::from(is_kept));
        window.retract_alert(&acme, &below.event_id, place(4), &mut out);
        assert_eq!(out.len(), 2 + usize::from(is_kept), "front {front}");
    }
}

#[test]
fn of_too_many_alerts_the_oldest_is_forgotten_and_counted() {
    let limits = WindowLimits { keys: 2, ..WIDE };
    let mut window = RuleWindow::new(7, WindowSpec::Single, limits);
    let mut out = Vec::new();
    for (time, position) in [(10, 1), (5, 2), (20, 3)] {
        let added = window.add_match(alert(time, position), &mut out);
        assert_eq!(added, MatchOutcome::Counted);
    }
    assert_eq!(window.stats().evicted_keys, 1);
    out.clear();
    for (time, position) in [(10, 1), (5, 2), (20, 3)] {
        let id = alert(time, position).event_id;
        window.retract_alert(&tenant("acme"), &id, place(9), &mut out);
    }
    let retracted: Vec<&str> = out.iter().map(|one| one.anchor.as_str()).collect();
    assert_eq!(retracted, ["e1", "e3"]);
}

#[test]
fn a_restart_and_other_shards_change_nothing() {
    let begin = || {
        let mut window = RuleWindow::new(7, WindowSpec::Single, WIDE);
        let mut out = Vec::new();
        let whole = window.take_checkpoint();
        for position in 1..=9 {
            let mut one = alert(position, position as u64);
            one.key = key(&format!("k{position}"));
            let _ = window.add_match(one, &mut out);
        }
        let first = window.take_changes();
        window.retract_alert(&tenant("acme"), &alert(1, 1).event_id, place(20), &mut out);
        window.advance_clock(&moved(&tenant("acme"), 1_000_003, 21), &mut out);
        let second = window.take_changes();
        (window, whole, [first, second])
    };
    let finish = |mut windows: Vec<RuleWindow>| {
        let mut out = Vec::new();
        for position in 1..=9 {
            let id = alert(position, position as u64).event_id;
            for window in &mut windows {
                window.retract_alert(&tenant("acme"), &id, place(30), &mut out);
            }
        }
        out
    };
    let (window, whole, changes) = begin();
    let parts: Vec<&[u8]> = changes.iter().map(Vec::as_slice).collect();
    let again = RuleWindow::restore(&whole, &parts, 7, WIDE).unwrap();
    assert_eq!(again.checkpoint(), window.checkpoint());
    assert_eq!(again.stats().keys, 7);
    let expected = finish(vec![window]);
    assert_eq!(expected.len(), 7);
    assert_eq!(finish(vec![again]), expected);
    for shards in [1, 3, 64] {
        let spread = RuleWindow::reshard(vec![begin().0], shards);
        let held = spread.iter().filter(|window| window.stats().keys > 0);
        assert!(held.count() >= shards.min(2), "{shards} shards");
        assert_eq!(finish(spread), expected, "{shards} shards");
    }
}

#[test]
fn the_end_of_input_forgets_everything() {
    let mut window = RuleWindow::new(7, WindowSpec::Single, WIDE);
    let mut out = Vec::new();
    let whole = window.take_checkpoint();
    let _ = window.add_match(alert(1, 1), &mut out);
    let before = window.take_changes();
    window.close(place(2), &mut out);
    let after = window.take_changes();
    assert_eq!((window.stats().keys, out.len()), (0, 1));
    let again = RuleWindow::restore(&whole, &[&before, &after], 7, WIDE).unwrap();
    assert_eq!(again.stats().keys, 0);
}
