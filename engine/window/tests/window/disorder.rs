//! Whatever order matches come in, the alerts in the end are what they give in order, for every
//! kind of window.

use larum_event::{
    AlertStatus, DecisionTime, Detection, DetectionEffect, Match, Span, TenantId, Timestamp,
    WindowSpec,
};
use larum_window::{ClockMove, MatchOutcome, RuleWindow, WindowLimits};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::kinds::{Arrivals, CountingScript, LATENESS, W, arrivals, busy_key, specs};
use crate::stream::{EventTime, StandingAlerts, WIDE, nanos, place, standing_alerts, tenant};

/// What is done to a window beside adding matches.
#[derive(Debug, Clone)]
struct Plan {
    /// Before which arrivals it is amended, and with how many rows at most.
    amends: Vec<(usize, usize)>,
    /// Before which arrivals an alert is taken back: the last but so many of those that came.
    retractions: Vec<(usize, usize)>,
    lateness: i64,
    horizon: i64,
}

fn plans() -> impl Strategy<Value = Plan> {
    let most = prop_oneof![1 => Just(1), 1 => 1..40_usize, 1 => Just(usize::MAX)];
    let amends = prop::collection::vec((0..180_usize, most), 0..16);
    let retractions = prop_oneof![
        1 => Just(Vec::new()),
        1 => prop::collection::vec((0..180_usize, 0..6_usize), 1..5),
    ];
    let horizon = prop_oneof![2 => Just(1_000_000), 1 => Just(5 * W), 1 => Just(25 * W)];
    let lateness = prop_oneof![1 => Just(0), 2 => Just(LATENESS)];
    (amends, retractions, lateness, horizon).prop_map(|(amends, retractions, lateness, horizon)| {
        Plan {
            amends,
            retractions,
            lateness,
            horizon,
        }
    })
}

impl Plan {
    fn limits(&self) -> WindowLimits {
        WindowLimits {
            lateness: Span::from_nanos(self.lateness),
            horizon: Span::from_nanos(self.horizon),
            ..WIDE
        }
    }

    fn window(&self, spec: &WindowSpec) -> RuleWindow {
        RuleWindow::new(7, spec.clone(), self.limits()).with_script(Box::new(CountingScript))
    }
}

/// One window on its way through a stream.
struct Run<'a> {
    plan: &'a Plan,
    time: EventTime,
    /// Matches that count and were not taken back.
    counted: Vec<Match>,
    out: Vec<Detection>,
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan) -> Self {
        Self {
            plan,
            time: EventTime::default(),
            counted: Vec::new(),
            out: Vec::new(),
        }
    }

    /// Does what the plan says before the arrival with this index, and adds it.
    fn step(&mut self, window: &mut RuleWindow, index: usize, matched: &Match) {
        let retractions = self.plan.retractions.iter();
        for (_, back) in retractions.filter(|(at, _)| *at == index) {
            self.retract(window, *back);
        }
        for (_, most_rows) in self.plan.amends.iter().filter(|(at, _)| *at == index) {
            window.amend(*most_rows, matched.place, &mut self.out);
        }
        if self.time.feed(window, matched, &mut self.out) == MatchOutcome::Counted {
            self.counted.push(matched.clone());
        }
    }

    /// Takes back one of the last alerts. One that is beyond the horizon is not kept any more.
    fn retract(&mut self, window: &mut RuleWindow, back: usize) {
        let horizon = Span::from_nanos(self.plan.horizon.max(self.plan.lateness));
        let alerts = self.counted.iter().enumerate().filter(|(_, one)| {
            let front = self.time.front(&one.tenant);
            one.order.place.layer > 0 && one.order.time >= front.saturating_sub(horizon)
        });
        let chosen = alerts.rev().nth(back).map(|(index, _)| index);
        if let Some(index) = chosen {
            let gone = self.counted.remove(index);
            let (tenant, alert) = (&gone.tenant, &gone.event_id);
            window.retract_alert(tenant, alert, gone.place, &mut self.out);
        }
    }

    fn feed_all(&mut self, window: &mut RuleWindow, arrivals: &Arrivals) {
        for (index, matched) in arrivals.0.iter().enumerate() {
            self.step(window, index, matched);
        }
    }

    fn close(mut self, window: &mut RuleWindow) -> (Vec<Match>, Vec<Detection>) {
        window.close(place(u64::MAX), &mut self.out);
        (self.counted, self.out)
    }
}

/// The matches in the order in which they happened.
fn in_order(spec: &WindowSpec, plan: &Plan, matches: Vec<Match>) -> Vec<Detection> {
    let mut window = plan.window(spec);
    let quiet = Plan {
        amends: Vec::new(),
        retractions: Vec::new(),
        ..plan.clone()
    };
    let mut run = Run::new(&quiet);
    run.feed_all(&mut window, &Arrivals(matches).sorted());
    let (_, out) = run.close(&mut window);
    let retracts = |one: &Detection| one.status == AlertStatus::Retracted;
    assert!(!out.iter().any(retracts), "sorted input takes nothing back");
    out
}

fn as_they_came(
    spec: &WindowSpec,
    plan: &Plan,
    arrivals: &Arrivals,
) -> (Vec<Match>, Vec<Detection>) {
    let mut window = plan.window(spec);
    let mut run = Run::new(plan);
    run.feed_all(&mut window, arrivals);
    run.close(&mut window)
}

fn check_order(
    spec: &WindowSpec,
    plan: &Plan,
    arrivals: &Arrivals,
) -> (StandingAlerts, StandingAlerts) {
    let (counted, found) = as_they_came(spec, plan, arrivals);
    let expected = in_order(spec, plan, counted);
    (standing_alerts(&found), standing_alerts(&expected))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn what_stands_in_the_end_is_what_order_gives(
        spec in specs(), arrivals in arrivals(), plan in plans()
    ) {
        let (found, expected) = check_order(&spec, &plan, &arrivals);
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn a_busy_key_says_what_order_gives(
        spec in specs(), arrivals in busy_key(), plan in plans()
    ) {
        let (found, expected) = check_order(&spec, &plan, &arrivals);
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn shards_together_say_what_one_window_says(
        spec in specs(), arrivals in arrivals(), plan in plans(), shards in 2..4_usize
    ) {
        let plan = Plan { retractions: Vec::new(), ..plan };
        let mut windows: Vec<_> = (0..shards).map(|_| plan.window(&spec)).collect();
        let mut times = vec![EventTime::default(); shards];
        let mut out = Vec::new();
        for matched in &arrivals.0 {
            let shard = matched.key.shard_index(shards);
            for (number, (window, time)) in windows.iter_mut().zip(&mut times).enumerate() {
                if number == shard {
                    let _ = time.feed(window, matched, &mut out);
                } else {
                    time.advance(window, matched, Timestamp::MAX, &mut out);
                }
            }
        }
        for window in &mut windows {
            window.close(place(u64::MAX), &mut out);
        }
        let (_, whole) = as_they_came(&spec, &plan, &arrivals);
        prop_assert_eq!(standing_alerts(&out), standing_alerts(&whole));
    }

    #[test]
    fn a_restart_at_any_point_changes_nothing(
        spec in specs(), arrivals in prop_oneof![arrivals(), busy_key()], plan in plans(),
        at in prop::collection::vec(0..100_usize, 1..4)
    ) {
        let mut whole = plan.window(&spec).take_checkpoint();
        let mut changes: Vec<Vec<u8>> = Vec::new();
        let (mut straight, mut restarted) = (plan.window(&spec), plan.window(&spec));
        let (mut expected, mut found) = (Run::new(&plan), Run::new(&plan));
        for (index, matched) in arrivals.0.iter().enumerate() {
            if index == 30 {
                whole = restarted.take_checkpoint();
                changes.clear();
            }
            if at.contains(&index) {
                changes.push(restarted.take_changes());
                let parts: Vec<&[u8]> = changes.iter().map(Vec::as_slice).collect();
                let again = RuleWindow::restore(&whole, &parts, 7, plan.limits()).unwrap();
                prop_assert_eq!(again.checkpoint(), restarted.checkpoint());
                restarted = again.with_script(Box::new(CountingScript));
            }
            expected.step(&mut straight, index, matched);
            found.step(&mut restarted, index, matched);
            prop_assert_eq!(&found.out, &expected.out);
        }
        prop_assert_eq!(restarted.checkpoint(), straight.checkpoint());
        prop_assert_eq!(found.close(&mut restarted).1, expected.close(&mut straight).1);
    }

    #[test]
    fn time_that_comes_twice_and_amending_a_clean_window_say_nothing(
        spec in specs(), arrivals in arrivals(), plan in plans()
    ) {
        let (mut window, mut other) = (plan.window(&spec), plan.window(&spec));
        let (mut run, mut twice) = (Run::new(&plan), Run::new(&plan));
        for (index, matched) in arrivals.0.iter().enumerate() {
            run.step(&mut window, index, matched);
            twice.step(&mut other, index, matched);
            let moved = ClockMove {
                is_held: false,
                tenant: &matched.tenant,
                front: twice.time.front(&matched.tenant),
                source: None,
                place: matched.place,
            };
            other.advance_clock(&moved, &mut twice.out);
            if other.dirty_keys() == 0 {
                prop_assert_eq!(other.amend(9, matched.place, &mut twice.out), 0);
            }
            prop_assert_eq!(&twice.out, &run.out);
        }
    }

    #[test]
    fn nothing_is_left_when_time_has_passed_everything(
        spec in specs(), arrivals in arrivals(), plan in plans(), amended_first in any::<bool>()
    ) {
        let mut window = plan.window(&spec);
        let mut run = Run::new(&plan);
        run.feed_all(&mut window, &arrivals);
        let pass_time = |window: &mut RuleWindow, out: &mut Vec<Detection>| {
            for name in ["acme", "umbrella"].map(tenant) {
                let moved = ClockMove { front: Timestamp::MAX, ..end_of_time(&name) };
                window.advance_clock(&moved, out);
            }
        };
        if !amended_first {
            pass_time(&mut window, &mut run.out);
        }
        window.amend(usize::MAX, place(u64::MAX), &mut run.out);
        pass_time(&mut window, &mut run.out);
        let stats = window.stats();
        prop_assert_eq!((stats.keys, stats.events, window.dirty_keys()), (0, 0, 0));
        prop_assert_eq!(window.checkpoint(), fresh_checkpoint(&spec, &plan, &window));
        // All is decided as if the input had ended.
        let expected = in_order(&spec, &plan, run.counted);
        prop_assert_eq!(standing_alerts(&run.out), standing_alerts(&expected));
    }

    #[test]
    fn what_waits_is_not_said_before_the_front_has_passed_it(
        spec in specs(), arrivals in arrivals(), plan in plans()
    ) {
        let at_once = spec.decision_time() == DecisionTime::AtOnce;
        let mut window = plan.window(&spec);
        let mut run = Run::new(&plan);
        for (index, matched) in arrivals.0.iter().enumerate() {
            let before = run.out.len();
            run.step(&mut window, index, matched);
            for said in &run.out[before..] {
                let raises = matches!(said.effect, DetectionEffect::Raise | DetectionEffect::Replace);
                let front = run.time.front(&said.tenant);
                let watermark = front.saturating_sub(Span::from_nanos(plan.lateness));
                prop_assert!(at_once || !raises || said.time <= watermark, "{:?}", said);
            }
        }
    }
}

fn cases() -> u32 {
    let asked = std::env::var("PROPTEST_CASES").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(300)
}

fn end_of_time(tenant: &TenantId) -> ClockMove<'_> {
    ClockMove {
        is_held: false,
        tenant,
        front: nanos(i64::MAX),
        source: None,
        place: place(u64::MAX),
    }
}

/// The checkpoint of a window that holds nothing and has dropped as many as `window` has.
fn fresh_checkpoint(spec: &WindowSpec, plan: &Plan, window: &RuleWindow) -> Vec<u8> {
    let mut fresh = plan.window(spec);
    let mut out = Vec::new();
    let late = crate::stream::matched("late", 0, 1);
    for _ in 0..window.stats().late {
        let late = Match {
            front: nanos(i64::MAX / 2),
            ..late.clone()
        };
        let _ = fresh.add_match(late, &mut out);
    }
    let acme = tenant("acme");
    fresh.advance_clock(&end_of_time(&acme), &mut out);
    fresh.checkpoint()
}

#[test]
fn the_streams_raise_amend_and_retract_often_enough_to_mean_something() {
    let mut runner = TestRunner::deterministic();
    let (mut raised, mut amended, mut retracted) = (0, 0, 0);
    let streams = 400;
    for _ in 0..streams {
        let mut draw = || {
            (specs(), arrivals(), plans())
                .new_tree(&mut runner)
                .unwrap()
                .current()
        };
        let (spec, arrivals, plan) = draw();
        let (_, out) = as_they_came(&spec, &plan, &arrivals);
        let has = |effect: DetectionEffect| out.iter().any(|one| one.effect == effect);
        let differs = |one: &Detection| one.revision > 1 && one.effect != DetectionEffect::Retract;
        raised += usize::from(has(DetectionEffect::Raise));
        retracted += usize::from(has(DetectionEffect::Retract));
        amended += usize::from(has(DetectionEffect::Replace) || out.iter().any(differs));
    }
    let counts = format!("{raised} raised, {amended} amended, {retracted} retracted");
    assert!(raised >= streams / 2, "{counts}");
    assert!(amended >= streams / 5, "{counts}");
    assert!(retracted >= streams / 10, "{counts}");
}
