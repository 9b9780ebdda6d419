//! Counting against a naive model.

use larum_event::{Detection, EvaluationPlace, FiringPolicy, Match, Position, Span, Timestamp};
use larum_window::{ClockMove, MatchOutcome, RuleWindow};
use proptest::prelude::*;

use crate::kinds::{W, gaps};
use crate::stream::{WIDE, count, matched, policies, tenant};

/// Two sources, each in order of time, feed three keys of two tenants on two clocks.
#[derive(Debug, Clone)]
struct Step {
    matched: Match,
    /// What the clock of the match shows after it.
    watermark: Timestamp,
}

/// A stream in which `sources` sources disagree about the time.
fn stream(sources: usize) -> impl Strategy<Value = Vec<Step>> {
    let step = (0..sources, gaps(), 0..3_u8, 0..8_u8, 0..3_u64);
    prop::collection::vec(step, 1..120).prop_map(move |steps| {
        // Each (tenant, clock) has its own sources.
        let mut times = vec![vec![0_i64; sources]; 4];
        let mut stream = Vec::new();
        for (index, (source, gap, name, place, sequence)) in steps.into_iter().enumerate() {
            // Mostly one tenant and one clock, at times the others.
            let (umbrella, other_clock) = (place == 6, place == 7);
            let times = &mut times[usize::from(umbrella) + 2 * usize::from(other_clock)];
            times[source] += gap;
            let mut step = matched(
                ["a", "b", "c"][usize::from(name)],
                times[source],
                index as u64,
            );
            step.clock = u32::from(other_clock);
            step.sequence = (sequence > 0).then_some(index as u64);
            if umbrella {
                step.tenant = tenant("umbrella");
            }
            let watermark = Timestamp::from_nanos(*times.iter().min().unwrap());
            step.watermark = larum_event::Watermark::of_event(watermark, None);
            stream.push(Step {
                watermark,
                matched: step,
            });
        }
        stream
    })
}

fn rules() -> impl Strategy<Value = (u64, FiringPolicy)> {
    let policies = prop::sample::select(policies(Span::from_nanos(W)).to_vec());
    let odd = (1..25_i64).prop_map(|nanos| FiringPolicy::Suppress(Span::from_nanos(nanos)));
    (1..5_u64, prop_oneof![4 => policies, 1 => odd])
}

fn window((threshold, policy): (u64, FiringPolicy)) -> RuleWindow {
    RuleWindow::new(7, count(Span::from_nanos(W), threshold, policy), WIDE)
}

fn feed(window: &mut RuleWindow, step: &Step, out: &mut Vec<Detection>) {
    assert_eq!(
        window.add_match(step.matched.clone(), out),
        MatchOutcome::Counted
    );
    advance(window, step, out);
}

fn advance(window: &mut RuleWindow, step: &Step, out: &mut Vec<Detection>) {
    let moved = ClockMove {
        tenant: &step.matched.tenant,
        clock: step.matched.clock,
        watermark: larum_event::Watermark::of_event(step.watermark, None),
        place: step.matched.place,
    };
    window.advance_clock(&moved, out);
}

fn run(rule: (u64, FiringPolicy), stream: &[Step]) -> Vec<Detection> {
    let mut window = window(rule);
    let mut out = Vec::new();
    for step in stream {
        feed(&mut window, step, &mut out);
    }
    window.close(EvaluationPlace::for_raw_event(Position(u64::MAX)), &mut out);
    out
}

/// The first revisions by the words of the rule: no timers, no sorting, nothing ever removed but by
/// `reset`. For `edge` the stream must be in order.
fn naive(
    (threshold, policy): (u64, FiringPolicy),
    stream: &[Step],
) -> Vec<(EvaluationPlace, u64, i64)> {
    let mut fires: Vec<(Match, u64, i64)> = Vec::new();
    let mut seen: Vec<&Match> = Vec::new();
    for Step { matched, .. } in stream {
        let same = |other: &Match| {
            (&other.tenant, other.clock, &other.key)
                == (&matched.tenant, matched.clock, &matched.key)
        };
        let order = |one: &Match| (one.time, one.sequence, one.place);
        let oldest = Timestamp::from_nanos(matched.time.as_nanos() - W);
        let window = seen
            .iter()
            .filter(|other| same(other) && other.time >= oldest && order(other) <= order(matched));
        let before = window.clone().count() as u64;
        let first = window.map(|other| other.time).min();
        seen.push(matched);
        let holds = before + 1 >= threshold;
        let fire = match policy {
            FiringPolicy::Every | FiringPolicy::Reset => holds,
            FiringPolicy::Edge => holds && before < threshold,
            FiringPolicy::Suppress(span) => {
                let silent = fires.iter().any(|(fire, ..)| {
                    same(fire) && matched.time.as_nanos() < fire.time.as_nanos() + span.as_nanos()
                });
                holds && !silent
            }
        };
        if fire {
            let first = first.unwrap_or(matched.time).as_nanos();
            fires.push((matched.clone(), before + 1, first));
            if policy == FiringPolicy::Reset {
                seen.retain(|other| !same(other));
            }
        }
    }
    let fires = fires.into_iter();
    fires
        .map(|(fire, count, first)| (fire.place, count, first))
        .collect()
}

fn first_revisions(detections: &[Detection]) -> Vec<(EvaluationPlace, u64, i64)> {
    let firsts = detections.iter().filter(|fire| fire.revision == 1);
    firsts
        .map(|fire| (fire.trigger.place, fire.count, fire.first.as_nanos()))
        .collect()
}

/// How many matches each episode of an ordered stream has, by the words of the rule.
fn naive_episodes(threshold: u64, stream: &[Step]) -> Vec<(EvaluationPlace, u64)> {
    let mut episodes: Vec<(&Match, u64)> = Vec::new();
    for (index, Step { matched, .. }) in stream.iter().enumerate() {
        let oldest = Timestamp::from_nanos(matched.time.as_nanos() - W);
        let earlier = stream[..index].iter().map(|step| &step.matched);
        let before = earlier
            .filter(|other| other.key == matched.key && other.time >= oldest)
            .count() as u64;
        if before >= threshold {
            let mut episodes = episodes.iter_mut().rev();
            let own = episodes.find(|(trigger, _)| trigger.key == matched.key);
            own.unwrap().1 += 1;
        } else if before + 1 >= threshold {
            episodes.push((matched, before + 1));
        }
    }
    let episodes = episodes.into_iter();
    episodes
        .map(|(trigger, count)| (trigger.place, count))
        .collect()
}

/// One tenant, one clock, everything in order.
fn ordered(mut stream: Vec<Step>) -> Vec<Step> {
    for step in &mut stream {
        step.matched.tenant = tenant("acme");
        step.matched.clock = 0;
    }
    stream.sort_by_key(|step| (step.matched.time, step.matched.sequence, step.matched.place));
    for (index, step) in stream.iter_mut().enumerate() {
        step.matched.place = EvaluationPlace::for_raw_event(Position(index as u64));
        step.watermark = step.matched.time;
        step.matched.watermark =
            larum_event::Watermark::of_event(step.matched.time, step.matched.sequence);
    }
    stream
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn ordered_input_fires_as_the_rule_says(stream in stream(1), rule in rules()) {
        let stream = ordered(stream);
        prop_assert_eq!(first_revisions(&run(rule, &stream)), naive(rule, &stream));
    }

    #[test]
    fn the_last_word_of_an_episode_is_its_whole_count(stream in stream(1), threshold in 1..5_u64) {
        let stream = ordered(stream);
        let found = run((threshold, FiringPolicy::Edge), &stream);
        let expected = naive_episodes(threshold, &stream);
        let mut last = std::collections::BTreeMap::new();
        for detection in &found {
            let before = last.insert(detection.trigger.place, detection);
            prop_assert_eq!(before.map_or(0, |before| before.revision) + 1, detection.revision);
            prop_assert!(before.is_none_or(|before| before.count < detection.count));
        }
        let last: Vec<_> = last.into_iter().map(|(place, last)| (place, last.count)).collect();
        prop_assert_eq!(last, expected);
    }

    #[test]
    fn a_restart_changes_nothing_where_limits_bite(stream in stream(2), rule in rules(), at in 0..120_usize) {
        let limits = larum_window::WindowLimits { keys: 2, events_per_key: 3, ..WIDE };
        let new = || RuleWindow::new(7, count(Span::from_nanos(W), rule.0, rule.1), limits);
        let (mut straight, mut restarted) = (new(), new());
        let (mut expected, mut out) = (Vec::new(), Vec::new());
        for (index, step) in stream.iter().enumerate() {
            if index == at % stream.len() {
                restarted = RuleWindow::restore(&restarted.checkpoint(), &[], 7, limits).unwrap();
            }
            let added = straight.add_match(step.matched.clone(), &mut expected);
            advance(&mut straight, step, &mut expected);
            prop_assert_eq!(restarted.add_match(step.matched.clone(), &mut out), added);
            advance(&mut restarted, step, &mut out);
            prop_assert!(restarted.stats().keys <= 4, "two per tenant");
        }
        prop_assert_eq!(out, expected);
        prop_assert_eq!(restarted.checkpoint(), straight.checkpoint());
    }

}
