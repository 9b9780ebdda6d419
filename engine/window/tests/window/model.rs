//! Counting against a naive model.

use larum_event::{
    Detection, EvaluationPlace, EventOrder, FiringPolicy, Match, Position, Span, Timestamp,
};
use larum_window::{MatchOutcome, RuleWindow};
use proptest::prelude::*;

use crate::kinds::{W, gaps};
use crate::stream::{EventTime, WIDE, count, matched_from, place, policies, tenant};

/// A stream in order: matches of three keys of two tenants, and of one source or two.
fn streams(sources: u32) -> impl Strategy<Value = Vec<Match>> {
    let step = (
        1..=sources,
        gaps(),
        0..3_usize,
        any::<bool>(),
        any::<bool>(),
    );
    prop::collection::vec(step, 1..120).prop_map(move |steps| {
        let mut time = 0;
        let mut stream = Vec::new();
        for (index, (source, gap, name, numbered, umbrella)) in steps.into_iter().enumerate() {
            time += gap;
            let position = index as u64 + 1;
            let mut one = matched_from(source, ["a", "b", "c"][name], time, position);
            let sequence = numbered.then_some(position);
            one.order =
                EventOrder::of_event(one.order.time, source.into(), sequence, Position(position));
            if umbrella {
                one.tenant = tenant("umbrella");
            }
            stream.push(one);
        }
        stream.sort_by_key(|one| one.order);
        for (position, one) in (1..).zip(&mut stream) {
            one.place = place(position);
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

fn run(rule: (u64, FiringPolicy), stream: &[Match]) -> Vec<Detection> {
    let mut window = window(rule);
    let mut out = Vec::new();
    let mut time = EventTime::default();
    for matched in stream {
        let added = time.feed(&mut window, matched, &mut out);
        assert_eq!(added, MatchOutcome::Counted);
    }
    window.close(place(u64::MAX), &mut out);
    out
}

/// The first revisions by the words of the rule: no timers, no sorting, nothing ever removed but by
/// `reset`.
fn naive(
    (threshold, policy): (u64, FiringPolicy),
    stream: &[Match],
) -> Vec<(EvaluationPlace, u64, i64)> {
    let mut fires: Vec<(Match, u64, i64)> = Vec::new();
    let mut seen: Vec<&Match> = Vec::new();
    for matched in stream {
        let same = |other: &Match| is_same(other, matched);
        let oldest = Timestamp::from_nanos(matched.order.time.as_nanos() - W);
        let window = seen
            .iter()
            .filter(|other| same(other) && other.order.time >= oldest);
        let before = window.clone().count() as u64;
        let first = window.map(|other| other.order.time).min();
        seen.push(matched);
        let holds = before + 1 >= threshold;
        let fire = match policy {
            FiringPolicy::Every | FiringPolicy::Reset => holds,
            FiringPolicy::Edge => holds && before < threshold,
            FiringPolicy::Suppress(span) => {
                let silent = fires.iter().any(|(fire, ..)| {
                    same(fire)
                        && matched.order.time.as_nanos()
                            < fire.order.time.as_nanos() + span.as_nanos()
                });
                holds && !silent
            }
        };
        if fire {
            let first = first.unwrap_or(matched.order.time).as_nanos();
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
        .map(|fire| (fire.place, fire.count, fire.first.as_nanos()))
        .collect()
}

/// How many matches each episode of an ordered stream has, by the words of the rule.
fn naive_episodes(threshold: u64, stream: &[Match]) -> Vec<(EvaluationPlace, u64)> {
    let mut episodes: Vec<(&Match, u64)> = Vec::new();
    for (index, matched) in stream.iter().enumerate() {
        let oldest = Timestamp::from_nanos(matched.order.time.as_nanos() - W);
        let earlier = stream[..index].iter();
        let before = earlier
            .filter(|other| is_same(other, matched) && other.order.time >= oldest)
            .count() as u64;
        if before >= threshold {
            let mut episodes = episodes.iter_mut().rev();
            let own = episodes.find(|(trigger, _)| is_same(trigger, matched));
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

/// Where the first revision of an alert was made.
fn first_place(all: &[Detection], detection: &Detection) -> EvaluationPlace {
    let mut same = all.iter().filter(|one| {
        (&one.tenant, &one.key, &one.anchor)
            == (&detection.tenant, &detection.key, &detection.anchor)
    });
    same.next().unwrap().place
}

fn is_same(one: &Match, other: &Match) -> bool {
    (&one.tenant, &one.key) == (&other.tenant, &other.key)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn ordered_input_fires_as_the_rule_says(stream in streams(1), rule in rules()) {
        prop_assert_eq!(first_revisions(&run(rule, &stream)), naive(rule, &stream));
    }

    #[test]
    fn the_last_word_of_an_episode_is_its_whole_count(stream in streams(1), threshold in 1..5_u64) {
        let found = run((threshold, FiringPolicy::Edge), &stream);
        let expected = naive_episodes(threshold, &stream);
        let mut last = std::collections::BTreeMap::new();
        for detection in &found {
            let before = last.insert(first_place(&found, detection), detection);
            prop_assert_eq!(before.map_or(0, |before| before.revision) + 1, detection.revision);
            prop_assert!(before.is_none_or(|before| before.count < detection.count));
        }
        let last: Vec<_> = last.into_iter().map(|(place, last)| (place, last.count)).collect();
        prop_assert_eq!(last, expected);
    }

    #[test]
    fn a_restart_changes_nothing_where_limits_bite(stream in streams(2), rule in rules(), at in 0..120_usize) {
        let limits = larum_window::WindowLimits { keys: 2, events_per_key: 3, ..WIDE };
        let new = || RuleWindow::new(7, count(Span::from_nanos(W), rule.0, rule.1), limits);
        let (mut straight, mut restarted) = (new(), new());
        let (mut expected, mut out) = (Vec::new(), Vec::new());
        let (mut time, mut again) = (EventTime::default(), EventTime::default());
        for (index, matched) in stream.iter().enumerate() {
            if index == at % stream.len() {
                restarted = RuleWindow::restore(&restarted.checkpoint(), &[], 7, limits).unwrap();
            }
            let added = time.feed(&mut straight, matched, &mut expected);
            prop_assert_eq!(again.feed(&mut restarted, matched, &mut out), added);
            prop_assert!(restarted.stats().keys <= 4, "two per tenant");
        }
        prop_assert_eq!(out, expected);
        prop_assert_eq!(restarted.checkpoint(), straight.checkpoint());
    }

}
