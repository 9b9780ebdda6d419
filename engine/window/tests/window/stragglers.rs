//! Matches that come late, one at a time: what is read again, and what is said.

use larum_event::{
    Aggregate, AlertStatus, Amount, Bounds, Detection, DetectionEffect, EventOrder, FiringPolicy,
    Match, Sequence, Span, Step, StepOccurrence, WindowExtent, WindowMeasure, WindowSpec,
};
use larum_window::{MatchOutcome, RuleWindow, WindowLimits};

use crate::stream::{EventTime, WIDE, count, matched, matched_from, moved, place, tenant};

pub(crate) const W: Span = Span::from_nanos(10);

/// A window, the time it is given, and what came out.
pub(crate) struct Fixture {
    pub(crate) window: RuleWindow,
    time: EventTime,
    pub(crate) position: u64,
    pub(crate) out: Vec<Detection>,
}

impl Fixture {
    pub(crate) fn new(spec: WindowSpec) -> Self {
        Self::with_lateness(spec, 0)
    }

    fn with_lateness(spec: WindowSpec, lateness: i64) -> Self {
        let limits = WindowLimits {
            lateness: Span::from_nanos(lateness),
            ..WIDE
        };
        Self {
            window: RuleWindow::new(7, spec, limits),
            time: EventTime::default(),
            position: 0,
            out: Vec::new(),
        }
    }

    pub(crate) fn feed(&mut self, matched: &Match) {
        let added = self.time.feed(&mut self.window, matched, &mut self.out);
        assert_eq!(added, MatchOutcome::Counted);
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.position += 1;
        self.position
    }

    /// A match of the key `k` from `source` that satisfies `steps`.
    fn step(&mut self, source: u32, time: i64, steps: u32) {
        let position = self.next();
        let mut one = matched_from(source, "k", time, position);
        one.steps = steps;
        self.feed(&one);
    }

    pub(crate) fn times(&mut self, times: &[i64]) {
        for time in times {
            self.step(1, *time, 1);
        }
    }

    pub(crate) fn amend(&mut self) -> usize {
        let position = self.next();
        let place = place(position);
        self.window.amend(usize::MAX, place, &mut self.out)
    }

    pub(crate) fn retract(&mut self, alert: &Match) {
        let place = place(self.next());
        let (tenant, id) = (&alert.tenant, &alert.event_id);
        self.window.retract_alert(tenant, id, place, &mut self.out);
    }

    pub(crate) fn advance(&mut self, front: i64) {
        let acme = tenant("acme");
        let position = self.next();
        let moved = moved(&acme, front, position);
        self.window.advance_clock(&moved, &mut self.out);
    }

    /// Each revision since the last call: `raise e2 @2 x2` is an alert with the anchor e2 and the
    /// time 2 over two matches.
    pub(crate) fn said(&mut self) -> Vec<String> {
        let said = std::mem::take(&mut self.out);
        let word = |one: &Detection| {
            let effect = match one.effect {
                DetectionEffect::Raise => "raise",
                DetectionEffect::Revise => "revise",
                DetectionEffect::Replace => "replace",
                DetectionEffect::Retract => "retract",
            };
            let (anchor, time, count) = (&one.anchor, one.time.as_nanos(), one.count);
            format!("{effect} {anchor} @{time} x{count}")
        };
        said.iter().map(word).collect()
    }

    #[track_caller]
    pub(crate) fn check(&mut self, expected: &[&str]) {
        assert_eq!(self.said(), expected);
    }
}

pub(crate) fn aggregate(
    extent: WindowExtent,
    measure: WindowMeasure,
    bounds: Bounds,
) -> WindowSpec {
    WindowSpec::Aggregate(Aggregate {
        extent,
        measure,
        bounds,
        policy: FiringPolicy::Edge,
        lateness: None,
    })
}

fn session(bounds: Bounds) -> WindowSpec {
    let extent = WindowExtent::Session { gap: W, cap: None };
    aggregate(extent, WindowMeasure::Count, bounds)
}

/// An opening that no closing follows within ten.
pub(crate) fn absence() -> WindowSpec {
    let step = |name: &str, occurs| Step {
        name: name.into(),
        occurs,
        within: None,
        joins: Vec::new(),
    };
    WindowSpec::Sequence(Sequence {
        steps: vec![
            step("open", StepOccurrence::Times(1)),
            step("close", StepOccurrence::Never),
        ],
        within: W,
        stops: false,
        policy: FiringPolicy::Every,
        lateness: None,
    })
}

const OPEN: u32 = 1;
const CLOSE: u32 = 2;

#[test]
fn a_straggler_moves_the_trigger_of_an_episode_and_the_rest_of_it_stays() {
    let mut fixture = Fixture::new(count(W, 2, FiringPolicy::Edge));
    fixture.times(&[10, 15, 16]);
    fixture.check(&["raise e2 @15 x2"]);
    fixture.times(&[8]);
    fixture.check(&[]);
    fixture.amend();
    // The one at 10 is the second now; the episode has doubled since then.
    fixture.check(&["retract e2 @15 x2", "raise e1 @10 x2", "revise e1 @10 x4"]);
}

#[test]
fn a_straggler_inside_of_a_long_episode_changes_no_more_than_its_count() {
    let mut fixture = Fixture::new(count(W, 2, FiringPolicy::Edge));
    fixture.times(&(0..1_000).collect::<Vec<_>>());
    fixture.said();
    fixture.times(&[500]);
    fixture.amend();
    fixture.check(&[]);
    fixture.advance(2_000);
    fixture.check(&["revise e2 @1 x1001"]);
}

#[test]
fn a_straggler_joins_two_sessions() {
    let mut fixture = Fixture::new(session(Bounds::at_least(Amount::from_int(2))));
    fixture.times(&[0, 5, 22, 23]);
    fixture.check(&["raise e1 @5 x2", "raise e3 @23 x2"]);
    fixture.times(&[14]);
    fixture.amend();
    // It has doubled; its whole count is said at its end.
    fixture.check(&["retract e3 @23 x2", "revise e1 @5 x4"]);
    fixture.advance(34);
    fixture.check(&["revise e1 @5 x5"]);
}

#[test]
fn an_alert_that_is_taken_back_splits_a_session_and_joins_it_when_it_comes_back() {
    let mut fixture = Fixture::new(session(Bounds::at_least(Amount::from_int(2))));
    fixture.times(&[0, 5]);
    let mut alert = matched("k", 14, 90);
    alert.order = EventOrder::of_alert(alert.order.time, alert.order, 1, 0);
    alert.source = 0;
    fixture.feed(&alert);
    fixture.times(&[22, 23]);
    fixture.check(&["raise e1 @5 x2", "revise e1 @5 x4"]);
    fixture.retract(&alert);
    assert_eq!(fixture.window.dirty_keys(), 1);
    fixture.amend();
    fixture.check(&["revise e1 @5 x2", "raise e3 @23 x2"]);
    fixture.feed(&alert);
    fixture.amend();
    fixture.check(&["retract e3 @23 x2", "revise e1 @5 x4"]);
    fixture.retract(&alert);
    fixture.amend();
    // It comes back, and its revisions go on: raised, taken back, raised again.
    assert_eq!(fixture.out.last().map(|last| last.revision), Some(3));
    fixture.check(&["revise e1 @5 x2", "raise e3 @23 x2"]);
}

#[test]
fn a_match_behind_one_that_was_taken_back_is_not_counted_with_it() {
    let mut fixture = Fixture::new(count(W, 2, FiringPolicy::Every));
    let mut alert = matched("k", 1, 90);
    alert.order = EventOrder::of_alert(alert.order.time, alert.order, 1, 0);
    alert.source = 0;
    fixture.feed(&alert);
    fixture.retract(&alert);
    fixture.times(&[5]);
    fixture.amend();
    fixture.check(&[]);
    // What waited is counted now, and what comes next is taken at once.
    fixture.times(&[6]);
    fixture.check(&["raise e4 @6 x2"]);
    assert_eq!(fixture.window.dirty_keys(), 0);
    // The place before what waited is out of order again.
    fixture.times(&[4]);
    assert_eq!(fixture.window.dirty_keys(), 1);
}

#[test]
fn a_match_at_the_time_of_one_that_was_taken_back_still_joins_what_it_would_have_ended() {
    let mut fixture = Fixture::new(session(Bounds::at_least(Amount::from_int(2))));
    fixture.times(&[0]);
    let mut alert = matched("k", 10, 90);
    alert.order = EventOrder::of_alert(alert.order.time, alert.order, 1, 0);
    alert.source = 0;
    fixture.feed(&alert);
    fixture.retract(&alert);
    fixture.amend();
    fixture.check(&["raise e1 @10 x2", "retract e1 @10 x2"]);
    fixture.position = 100;
    // Time has come to 10 with the alert, but not beyond it: the session ends only then.
    fixture.times(&[10]);
    fixture.check(&["raise e1 @10 x2"]);
}

#[test]
fn a_straggler_shifts_the_alerts_of_a_rule_that_forgets_until_a_gap() {
    let mut fixture = Fixture::new(count(W, 2, FiringPolicy::Reset));
    fixture.times(&[1, 2, 3, 4, 50, 51]);
    fixture.check(&["raise e2 @2 x2", "raise e4 @4 x2", "raise e6 @51 x2"]);
    fixture.times(&[0]);
    fixture.amend();
    fixture.check(&[
        "retract e2 @2 x2",
        "retract e4 @4 x2",
        "raise e1 @1 x2",
        "raise e3 @3 x2",
    ]);
}

#[test]
fn a_straggler_shifts_the_phase_of_a_silence() {
    let silent = FiringPolicy::Suppress(Span::from_nanos(4));
    let mut fixture = Fixture::new(count(W, 1, silent));
    fixture.times(&[2, 4, 6, 8]);
    fixture.check(&["raise e1 @2 x1", "raise e3 @6 x3"]);
    fixture.times(&[0]);
    fixture.amend();
    let shifted = [
        "retract e1 @2 x1",
        "retract e3 @6 x3",
        "raise e6 @0 x1",
        "raise e2 @4 x3",
        "raise e4 @8 x5",
    ];
    // The amendment took place 5.
    let shifted: Vec<_> = shifted
        .iter()
        .map(|said| said.replace("e6", "e5"))
        .collect();
    assert_eq!(fixture.said(), shifted);
}

#[test]
fn a_closing_that_comes_late_undoes_what_was_decided_and_prevents_what_was_not() {
    let mut fixture = Fixture::with_lateness(absence(), 5);
    fixture.step(1, 0, OPEN);
    fixture.advance(14);
    // Before the decision: nothing is ever said.
    fixture.step(1, 9, CLOSE);
    fixture.amend();
    fixture.advance(40);
    fixture.check(&[]);
    // After it.
    fixture.step(1, 40, OPEN);
    fixture.advance(60);
    fixture.check(&["raise e6 @50 x1"]);
    fixture.step(1, 45, CLOSE);
    fixture.check(&[]);
    fixture.amend();
    fixture.check(&["retract e6 @50 x1"]);
}

#[test]
fn a_straggler_that_changes_nothing_says_nothing_of_what_was_decided() {
    let mut fixture = Fixture::with_lateness(absence(), 5);
    fixture.step(1, 0, OPEN);
    fixture.advance(60);
    fixture.check(&["raise e1 @10 x1"]);
    fixture.step(1, 5, 0);
    assert_eq!(fixture.amend(), 2);
    fixture.check(&[]);
}

#[test]
fn what_waits_is_decided_when_the_front_has_passed_it_by_the_lateness() {
    let mut fixture = Fixture::with_lateness(absence(), 5);
    fixture.step(1, 0, OPEN);
    // The source has passed 10 once it was heard beyond 15.
    fixture.step(1, 15, 0);
    fixture.check(&[]);
    fixture.step(1, 16, 0);
    fixture.check(&["raise e1 @10 x1"]);
}

#[test]
fn a_source_that_is_always_late_is_waited_for_once_it_is_known_in_the_key() {
    let mut fixture = Fixture::with_lateness(absence(), 5);
    // Opened by source 1 and closed by source 2, which is 30 late.
    fixture.step(1, 100, OPEN);
    fixture.step(1, 135, 0);
    fixture.check(&["raise e1 @110 x1"]);
    fixture.step(2, 105, CLOSE);
    fixture.amend();
    fixture.check(&["retract e1 @110 x1"]);
    // From now on it is waited for.
    fixture.step(1, 200, OPEN);
    fixture.step(1, 235, 0);
    fixture.check(&[]);
    fixture.step(2, 205, CLOSE);
    fixture.amend();
    fixture.check(&[]);
    // It does not delay for ever: silence beyond its lag is an answer.
    fixture.step(1, 300, OPEN);
    fixture.step(1, 345, 0);
    fixture.check(&[]);
    fixture.step(1, 346, 0);
    assert_eq!(fixture.said().len(), 1);
}

#[test]
fn a_trickle_of_old_events_delays_nothing_for_ever() {
    let mut fixture = Fixture::with_lateness(absence(), 5);
    fixture.step(1, 100, OPEN);
    let mut raised_at = None;
    for front in 101..200 {
        // Every event of source 2 is 19 behind the front and comes to the key.
        fixture.step(2, front - 20, 0);
        fixture.step(1, front, 0);
        fixture.amend();
        if raised_at.is_none() && !fixture.said().is_empty() {
            raised_at = Some(front);
        }
    }
    // The front passes the deadline by the lateness and by the lag of the source.
    assert_eq!(raised_at, Some(110 + 5 + 19 + 1));
}

#[test]
fn an_early_alert_becomes_final_when_the_front_has_passed_it_by_the_lateness() {
    let mut fixture = Fixture::with_lateness(count(W, 1, FiringPolicy::Every), 5);
    fixture.times(&[10]);
    fixture.advance(15);
    let statuses = |fixture: &Fixture| {
        let statuses = fixture.out.iter().map(|one| one.status);
        statuses.collect::<Vec<_>>()
    };
    assert_eq!(statuses(&fixture), [AlertStatus::Early]);
    fixture.advance(16);
    assert_eq!(statuses(&fixture), [AlertStatus::Early, AlertStatus::Final]);
}

#[test]
fn a_match_at_the_horizon_counts_and_one_before_it_is_late() {
    for (time, added) in [(50, MatchOutcome::Counted), (49, MatchOutcome::Late)] {
        let limits = WindowLimits {
            horizon: Span::from_nanos(50),
            ..WIDE
        };
        let mut window = RuleWindow::new(7, count(W, 1, FiringPolicy::Every), limits);
        let mut out = Vec::new();
        let mut clock = EventTime::default();
        let _ = clock.feed(&mut window, &matched("k", 100, 1), &mut out);
        let found = clock.feed(&mut window, &matched("k", time, 2), &mut out);
        assert_eq!(found, added, "{time}");
        assert_eq!(window.stats().late, u64::from(added == MatchOutcome::Late));
    }
}

#[test]
fn a_match_that_comes_twice_counts_once() {
    let mut fixture = Fixture::new(count(W, 2, FiringPolicy::Every));
    let one = matched("k", 10, 1);
    fixture.feed(&one);
    fixture.feed(&one);
    fixture.feed(&matched("k", 30, 2));
    fixture.feed(&one);
    fixture.amend();
    fixture.check(&[]);
    assert_eq!(fixture.window.stats().events, 2);
}

#[test]
fn a_key_is_kept_while_a_deadline_it_has_passed_is_within_the_horizon() {
    let extent = WindowExtent::Last {
        matches: 3,
        keep: Span::from_nanos(40),
    };
    let bounds = ">= 1 && <= 2".parse().unwrap();
    let spec = aggregate(extent, WindowMeasure::Count, bounds);
    let limits = WindowLimits {
        horizon: Span::from_nanos(50),
        ..WIDE
    };
    let mut window = RuleWindow::new(7, spec, limits);
    let mut out = Vec::new();
    let acme = tenant("acme");
    let _ = window.add_match(matched("k", 0, 1), &mut out);
    // The match at 0 is beyond the horizon, and its deadline at 40 has passed.
    window.advance_clock(&moved(&acme, 51, 2), &mut out);
    let _ = window.add_match(matched("k", 32, 3), &mut out);
    window.close(place(4), &mut out);
    let last = out.last().unwrap();
    assert_eq!((last.anchor.as_str(), last.count), ("e1", 2));
}

#[test]
fn an_episode_that_is_over_still_grows_by_a_match_within_the_horizon() {
    let limits = WindowLimits {
        horizon: Span::from_nanos(50),
        ..WIDE
    };
    let spec = count(W, 1, FiringPolicy::Edge);
    let mut window = RuleWindow::new(7, spec, limits);
    let mut out = Vec::new();
    let mut clock = EventTime::default();
    // The first rows are dropped once they are beyond the horizon, and the episode began with them.
    let times = (0..40).map(|_| 0).chain([8, 30, 51]).chain(52..=100);
    for (position, time) in (1..).zip(times) {
        let _ = clock.feed(&mut window, &matched("k", time, position), &mut out);
        if time == 51 {
            let late = matched("k", 5, 1_000);
            let _ = clock.feed(&mut window, &late, &mut out);
            window.amend(usize::MAX, place(position), &mut out);
        }
    }
    window.close(place(2_000), &mut out);
    let mut first = out.iter().filter(|one| one.anchor.as_str() == "e1");
    assert_eq!(first.next_back().map(|last| last.count), Some(42));
}
