//! Sigma correlations over small streams: both sides of what a window decides.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes only #[test] functions for tests, not what they call"
)]

use larum_tests::larum;
use serde_json::{Value, json};

const RULES: &str = "\
title: a
name: a
logsource: {product: test}
detection: {s: {kind: a}, condition: s}
---
title: b
name: b
logsource: {product: test}
detection: {s: {kind: b}, condition: s}
---
title: C
id: c
";

/// The alerts of a correlation with this body: the time of each, from noon on in seconds.
///
/// Events are their time so counted, their id, and their data.
fn fires(body: &str, events: &[(f64, &str, Value)]) -> Vec<f64> {
    let folder = tempfile::tempdir().unwrap();
    let set = folder.path().join("rules");
    std::fs::create_dir(&set).unwrap();
    std::fs::write(set.join("rules.yml"), format!("{RULES}{body}")).unwrap();
    let lines: Vec<String> = events
        .iter()
        .map(|(time, id, data)| {
            let (minutes, seconds) = ((time / 60.0).floor(), time % 60.0);
            let time = format!("2026-11-20T12:{minutes:02}:{seconds:09.6}Z");
            let event = json!({
                "id": id, "type": "x", "source": "s", "time": time,
                "metadata": {"product": "test"}, "data": data,
            });
            format!("{event}\n")
        })
        .collect();
    let file = folder.path().join("events.ndjson");
    std::fs::write(&file, lines.concat()).unwrap();
    let said = larum(&[
        "detect".as_ref(),
        "--rules".as_ref(),
        set.as_os_str(),
        file.as_os_str(),
    ]);
    let noon = larum_event::Timestamp::parse("2026-11-20T12:00:00Z").unwrap();
    said.lines()
        .map(|line| {
            let alert: Value = serde_json::from_str(line).unwrap();
            assert_eq!(alert["rule"], "sigma.c");
            let time = larum_event::Timestamp::parse(alert["time"].as_str().unwrap()).unwrap();
            time.duration_since(noon).as_nanos() as f64 / 1e9
        })
        .collect()
}

fn body(rest: &str) -> String {
    format!("correlation: {{rules: [a, b], group-by: [user], timespan: 5m, {rest}}}\n")
}

fn a() -> Value {
    json!({"kind": "a", "user": "eve"})
}

fn b() -> Value {
    json!({"kind": "b", "user": "eve"})
}

#[test]
fn an_event_at_the_very_end_of_the_timespan_counts_and_one_behind_it_does_not() {
    let body = body("type: event_count, condition: {gte: 2}");
    for (second, wanted) in [(300.0, vec![300.0]), (300.000_001, vec![])] {
        let events = [(0.0, "1", a()), (second, "2", b())];
        assert_eq!(fires(&body, &events), wanted, "{second}");
    }
}

#[test]
fn fewer_than_is_told_when_the_window_is_over_and_none_when_the_silence_is_long_enough() {
    let few = body("type: event_count, condition: {lt: 3}");
    let other = json!({"kind": "a", "user": "bob"});
    let two = [
        (0.0, "1", a()),
        (200.0, "2", a()),
        (300.0, "3", other.clone()),
    ];
    assert_eq!(fires(&few, &two), [0.0; 0]);
    let over = [&two[..], &[(300.5, "4", other.clone())]].concat();
    assert_eq!(fires(&few, &over).len(), 1);
    let three = [(0.0, "1", a()), (200.0, "2", a()), (300.0, "3", a())];
    let over = [&three[..], &[(300.5, "4", other.clone())]].concat();
    assert_eq!(fires(&few, &over), [0.0; 0]);

    let none = body("type: event_count, condition: {eq: 0}");
    for (second, wanted) in [(300.0, vec![]), (300.5, vec![300.0])] {
        let events = [(0.0, "1", a()), (second, "2", a())];
        assert_eq!(fires(&none, &events), wanted, "{second}");
    }
    let open = [(0.0, "1", a()), (299.0, "2", other)];
    assert_eq!(fires(&none, &open), [0.0; 0]);
}

#[test]
fn an_event_that_is_delivered_twice_counts_once() {
    let body = body("type: event_count, condition: {gte: 2}");
    let twice = [(0.0, "1", a()), (0.0, "1", a())];
    assert_eq!(fires(&body, &twice), [0.0; 0]);
    let two = [(0.0, "1", a()), (0.0, "2", a())];
    assert_eq!(fires(&body, &two), [0.0]);
}

#[test]
fn different_rules_count_once_each_and_one_event_may_be_of_both() {
    let body = body("type: temporal");
    for (events, wanted) in [
        (vec![(0.0, "1", a()), (1.0, "2", a())], vec![]),
        (vec![(0.0, "1", b()), (1.0, "2", a())], vec![1.0]),
        (
            vec![(0.0, "1", json!({"kind": ["a", "b"], "user": "eve"}))],
            vec![0.0],
        ),
    ] {
        assert_eq!(fires(&body, &events), wanted, "{events:?}");
    }
}

#[test]
fn an_order_wants_its_rules_one_behind_the_other() {
    let body = body("type: temporal_ordered");
    for (events, wanted) in [
        (vec![(0.0, "1", b()), (1.0, "2", a())], vec![]),
        (vec![(0.0, "1", a()), (1.0, "2", b())], vec![1.0]),
        (vec![(0.0, "1", a()), (300.5, "2", b())], vec![]),
        // Not the first chain, but one.
        (
            vec![(0.0, "1", a()), (10.0, "2", a()), (305.0, "3", b())],
            vec![305.0],
        ),
    ] {
        assert_eq!(fires(&body, &events), wanted, "{events:?}");
    }
}

#[test]
fn numbers_are_added_be_they_numbers_or_texts_and_what_is_none_is_left_out() {
    let sized = |size: Value| json!({"kind": "a", "user": "eve", "size": size});
    let end = (600.0, "9", json!({"kind": "z"}));
    for (rest, last, wanted) in [
        (
            "type: value_sum, condition: {field: size, gte: 15}",
            json!(3),
            1,
        ),
        (
            "type: value_sum, condition: {field: size, gte: 15}",
            json!("3"),
            1,
        ),
        (
            "type: value_sum, condition: {field: size, gte: 15}",
            json!("three"),
            0,
        ),
        (
            "type: value_sum, condition: {field: size, lt: -1.5}",
            json!("-14"),
            1,
        ),
        (
            "type: value_avg, condition: {field: size, gt: 7, lt: 8}",
            json!(3),
            1,
        ),
        (
            "type: value_avg, condition: {field: size, gt: 7.5, lt: 8}",
            json!(3),
            0,
        ),
        (
            "type: value_median, condition: {field: size, lte: 3}",
            json!(3),
            1,
        ),
        (
            "type: value_percentile, condition: {field: size, percentile: 100, gt: 12}",
            json!(12.5),
            1,
        ),
    ] {
        let events = [
            (0.0, "1", sized(json!("12"))),
            (1.0, "2", sized(last)),
            end.clone(),
        ];
        assert_eq!(fires(&body(rest), &events).len(), wanted, "{rest}");
    }
}

#[test]
fn three_different_users_are_three_however_often_each_comes() {
    let body = "correlation: {rules: [a], type: value_count, timespan: 5m, condition: {field: [user, host], gte: 3}}\n";
    let event = |user: Value, host: Value| json!({"kind": "a", "user": user, "host": host});
    let mut events = vec![
        (0.0, "1", event(json!("eve"), json!("h"))),
        (1.0, "2", event(json!("eve"), json!("h"))),
        (2.0, "3", event(json!("eve"), json!("i"))),
        (3.0, "4", event(json!("eve"), json!(null))),
        (4.0, "5", json!({"kind": "a", "user": "eve"})),
    ];
    assert_eq!(fires(body, &events), [0.0; 0]);
    events.push((5.0, "6", event(json!("bob"), json!("h"))));
    assert_eq!(fires(body, &events), [5.0]);
}
