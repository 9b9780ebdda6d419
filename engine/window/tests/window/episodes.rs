//! Episodes: revisions, their ends, their evidence.

use larum_event::{EvaluationPlace, FiringPolicy, Position, Span, WindowSpec};
use larum_window::RuleWindow;

use crate::stream::{WIDE, count, matched, moved, revisions, run, tenant};

fn edge(within: i64, threshold: u64) -> WindowSpec {
    count(Span::from_nanos(within), threshold, FiringPolicy::Edge)
}

#[test]
fn an_episode_is_revised_when_its_count_has_doubled_and_not_before() {
    let found = run(&edge(1_000, 2), &[0, 1, 2]);
    assert_eq!(revisions(&found), [(1, 1, 2)]);
    let found = run(&edge(1_000, 2), &[0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(revisions(&found), [(1, 1, 2), (1, 2, 4), (1, 3, 8)]);
}

#[test]
fn the_last_revision_comes_one_nanosecond_after_the_condition_held() {
    let acme = tenant("acme");
    let mut window = RuleWindow::new(7, edge(10, 2), WIDE);
    let mut out = Vec::new();
    for (position, time) in [(1, 0), (2, 1), (3, 5)] {
        let _ = window.add_match(matched("k", time, position), &mut out);
    }
    // Of 0, 1 and 5 the match at 1 is the second last, and counts up to 11.
    window.advance_clock(&moved(&acme, 11, 4), &mut out);
    assert_eq!(revisions(&out), [(1, 1, 2)]);
    window.advance_clock(&moved(&acme, 12, 5), &mut out);
    assert_eq!(revisions(&out), [(1, 1, 2), (1, 2, 3)]);
    assert_eq!(out[1].place, EvaluationPlace::for_raw_event(Position(5)));
    assert_eq!(
        (out[1].first, out[1].last),
        (out[0].first, crate::stream::nanos(5))
    );
    window.advance_clock(&moved(&acme, 16, 6), &mut out);
    assert_eq!(revisions(&out).len(), 2, "no further revision");
}

#[test]
fn an_episode_without_news_ends_silently() {
    let acme = tenant("acme");
    let mut window = RuleWindow::new(7, edge(10, 2), WIDE);
    let mut out = Vec::new();
    let _ = window.add_match(matched("k", 0, 1), &mut out);
    let _ = window.add_match(matched("k", 1, 2), &mut out);
    window.advance_clock(&moved(&acme, 100, 3), &mut out);
    assert_eq!(revisions(&out), [(1, 1, 2)]);
}

#[test]
fn the_next_match_of_the_key_ends_an_episode_as_the_clock_does() {
    let times = [0, 1, 5, 12, 13];
    let mut unclocked = RuleWindow::new(7, edge(10, 2), WIDE);
    let mut out = Vec::new();
    for (index, time) in times.iter().enumerate() {
        let _ = unclocked.add_match(matched("k", *time, index as u64 + 1), &mut out);
    }
    // At 12 only 5 is left beside it, so the condition, which held up to 11, comes to hold again.
    assert_eq!(revisions(&out), [(1, 1, 2), (1, 2, 3), (12, 1, 2)]);
    assert_eq!(revisions(&run(&edge(10, 2), &times)), revisions(&out));
}

#[test]
fn the_end_of_input_ends_every_episode_in_the_order_of_their_ends() {
    let mut window = RuleWindow::new(7, edge(10, 1), WIDE);
    let mut out = Vec::new();
    for (position, (name, time)) in [("late", 5), ("early", 6), ("early", 7), ("late", 9)]
        .into_iter()
        .enumerate()
    {
        let _ = window.add_match(matched(name, time, position as u64), &mut out);
    }
    out.clear();
    window.close(EvaluationPlace::for_raw_event(Position(9)), &mut out);
    // Both had doubled already: there is no news, so the last word has been spoken.
    assert_eq!(revisions(&out), []);
    assert_eq!(window.stats().keys, 0);

    for (position, (name, time)) in [("b", 1), ("b", 2), ("b", 3), ("a", 1), ("a", 2), ("a", 4)]
        .into_iter()
        .enumerate()
    {
        let _ = window.add_match(matched(name, time, position as u64), &mut out);
    }
    out.clear();
    window.close(EvaluationPlace::for_raw_event(Position(9)), &mut out);
    let keys: Vec<_> = out.iter().map(|last| last.key.clone()).collect();
    assert_eq!(keys, [crate::stream::key("b"), crate::stream::key("a")]);
    assert_eq!(revisions(&out), [(1, 3, 3), (1, 3, 3)]);
}

#[test]
fn evidence_is_the_first_and_last_fifty_in_window_order_with_the_true_total() {
    let ids = |range: std::ops::RangeInclusive<u64>| range.map(|number| format!("e{number}"));
    let times: Vec<i64> = (1..=128).collect();
    for policy in [FiringPolicy::Edge, FiringPolicy::Every] {
        let spec = count(Span::from_nanos(1_000), 1, policy);
        let found = run(&spec, &times);
        let last = found.last().unwrap();
        let evidence: Vec<_> = last.evidence.iter().map(|id| id.to_string()).collect();
        let expected: Vec<_> = ids(1..=50).chain(ids(79..=128)).collect();
        assert_eq!((last.count, evidence), (128, expected), "{policy}");

        let found = run(&spec, &times[..64]);
        let last = found.last().unwrap();
        let evidence: Vec<_> = last.evidence.iter().map(|id| id.to_string()).collect();
        assert_eq!(evidence, ids(1..=64).collect::<Vec<_>>(), "{policy}");
    }
}

#[test]
fn an_episode_longer_than_the_window_keeps_its_first_evidence_and_its_whole_count() {
    let times: Vec<i64> = (0..200).collect();
    let found = run(&edge(3, 2), &times);
    let last = found.last().unwrap();
    assert_eq!(last.count, 128);
    assert_eq!(last.evidence[0].as_str(), "e1");
    assert_eq!(last.first.as_nanos(), 0);
}

#[test]
fn all_revisions_share_trigger_and_key() {
    let found = run(&edge(1_000, 2), &[0, 1, 2, 3]);
    assert_eq!(found[0].trigger, found[1].trigger);
    assert_eq!(found[0].key, found[1].key);
    assert_eq!(found[0].place, EvaluationPlace::for_raw_event(Position(2)));
    assert_eq!(found[1].place, EvaluationPlace::for_raw_event(Position(4)));
}
