//! What rules ask of windows, and what their matches carry there.

use std::sync::Arc;

use larum_event::{
    DecisionTime, Event, FiringPolicy, ScalarValue, Span, WindowExtent, WindowMeasure, WindowSpec,
};
use larum_rule::{RuleMatch, RuleMatcher, RuleSet};

use crate::fixtures::{event, load, load_interpreted, outcome, show_problems, try_load};

fn window(asks: &str) -> WindowSpec {
    let set = load(&format!(
        r##"rule("r").on("#").group_by("metadata.user"){asks};"##
    ));
    set.rules()[0].window.clone()
}

fn show_refusal(asks: &str) -> String {
    let text = format!(r##"rule("r").on("#").group_by("metadata.user"){asks};"##);
    match try_load(&text) {
        Ok(set) => panic!("{asks} loads as {:?}", set.rules()[0].window),
        Err(problems) => show_problems(&problems),
    }
}

#[test]
fn every_extent_and_measure_has_a_method() {
    for (asks, means) in [
        (r#".within("5m").count(5)"#, "count >= 5 in 5m"),
        (
            r#".within("5m").count(">= 3 && <= 10")"#,
            "count >= 3 && <= 10 in 5m",
        ),
        (r#".tumbling("1h").count("< 3")"#, "count < 3 in each 1h"),
        (
            r#".hopping("10m", "1m").sum("data.n", "> 1e9")"#,
            "sum > 1000000000 in 10m every 1m",
        ),
        (
            r#".session("60s")"#,
            "the end in a session with gaps up to 1m",
        ),
        (
            r#".session("60s", "1h").count(3)"#,
            "count >= 3 in a session with gaps up to 1m, at most 1h",
        ),
        (
            r#".last(100).average("data.n", "< 0.5")"#,
            "average < 0.5 in the last 100",
        ),
        (
            r#".last(2, "7d").change("data.n", ">= 10")"#,
            "change >= 10 in the last 2",
        ),
        (
            r#".within("1h").distinct("data.a", 3)"#,
            "distinct >= 3 in 1h",
        ),
        (
            r#".within("1h").distinct(["data.a", "data.b"], "> 2")"#,
            "distinct > 2 in 1h",
        ),
        (r#".within("1h").min("data.n", "< -1")"#, "min < -1 in 1h"),
        (r#".within("1h").max("data.n", 2.5)"#, "max >= 2.5 in 1h"),
        (
            r#".within("1h").percentile("data.n", 99.9, "> 5")"#,
            "percentile 99.9 > 5 in 1h",
        ),
        (
            r#".within("1h").median("data.n", "> 5")"#,
            "percentile 50 > 5 in 1h",
        ),
        (
            r#".within("30d").first_seen("metadata.ip")"#,
            "first seen >= 1 in 30d",
        ),
        (r#".within("30d").first_seen()"#, "first seen >= 1 in 30d"),
        (
            r#".tumbling("1h").rate("7d", ">= 3")"#,
            "rate against 7d >= 3 in each 1h",
        ),
        (
            r#".within("1m").rate("7d", ">= 3")"#,
            "rate against 7d >= 3 in 1m",
        ),
        (
            r#".within("10m").rate("1d", ">= 3")"#,
            "rate against 1d >= 3 in 10m",
        ),
    ] {
        assert_eq!(window(asks).to_string(), means, "{asks}");
    }
}

#[test]
fn policies_and_lateness_are_those_of_the_window() {
    let WindowSpec::Aggregate(aggregate) =
        window(r#".session("60s").count(2).policy("suppress").lateness("30s")"#)
    else {
        panic!("an aggregate");
    };
    assert_eq!(
        aggregate.policy,
        FiringPolicy::Suppress(Span::from_seconds(60))
    );
    assert_eq!(aggregate.lateness, Some(Span::from_seconds(30)));
    assert_eq!(
        aggregate.extent,
        WindowExtent::Session {
            gap: Span::from_seconds(60),
            cap: None
        }
    );
    assert_eq!(aggregate.measure, WindowMeasure::Count);
    let single = r#".within("5m").count(5).lateness("0s")"#;
    assert_eq!(window(single).lateness(), Some(Span::ZERO));
    assert_eq!(window(single).decision_time(), DecisionTime::AtOnce);
}

#[test]
fn what_makes_no_window_is_refused_with_its_reason() {
    for (asks, says) in [
        (r#".tumbling("5m")"#, "asks nothing of what is in it"),
        (
            r#".within("5m").tumbling("5m").count(2)"#,
            "a rule has one window",
        ),
        (
            r#".within("5m").count(2).sum("data.n", 1)"#,
            "a rule asks one thing",
        ),
        (r#".sum("data.n", 1)"#, "`.sum(..)` has no window"),
        (
            r#".hopping("10m", "3m").count(2)"#,
            "no multiple of its hop",
        ),
        (r#".hopping("1d", "1s").count(2)"#, "86400 windows at once"),
        (r#".session("1h", "5m").count(2)"#, "cannot have gaps of 1h"),
        (r#".last(0).sum("data.n", 1)"#, "from 1 on, not 0"),
        (r#".last(100001).sum("data.n", 1)"#, "unbounded-state"),
        (r#".last(5).count(6)"#, "never more than 5"),
        (
            r#".last(5).count(5).policy("suppress")"#,
            "say how long it is silent",
        ),
        (r#".within("5m").count("5")"#, "numbers have no quotes: `5`"),
        (r#".within("5m").count("< 1")"#, "never holds"),
        (r#".within("5m").count("== 2.5")"#, "never holds"),
        (r#".within("5m").count("> 5 && < 5")"#, "no number is"),
        (r#".within("5m").count("=> 5")"#, "did you mean `\">= 5\"`?"),
        (r#".within("5m").count("> 100001")"#, "keep them all"),
        (
            r#".within("5m").sum("data.n", ())"#,
            "a comparison is wanted",
        ),
        (
            r#".within("5m").sum("data", 5)"#,
            "name a member of it: `data.NAME`",
        ),
        (
            r#".within("5m").sum(["data.a", "data.b"], 5)"#,
            "measures one field",
        ),
        (
            r#".within("5m").percentile("data.n", 101, 5)"#,
            "from 0 to 100, not 101",
        ),
        (
            r#".within("5m").percentile("data.n", -1, 5)"#,
            "from 0 to 100, not -1",
        ),
        (
            r#".within("5m").percentile("data.n", 5)"#,
            "takes 3 arguments, not 2",
        ),
        (r#".first_seen("data.n")"#, "say for how long"),
        (
            r#".tumbling("5m").first_seen("data.n")"#,
            "goes with `.within(..)`",
        ),
        (
            r#".within("1d").rate("1d", 3)"#,
            "no longer than the window",
        ),
        (r#".within("5m").count(2).lateness("25h")"#, "at most 1d"),
        (r#".lateness("5s")"#, "there is none"),
        (
            r#".session("5m").policy("every")"#,
            "each session ends once",
        ),
        (
            r#".within("5m").count(2).steps(2)"#,
            "there is no `.unordered(..)`",
        ),
        (
            r#".within("5m").count(2).stop_when(|event| true)"#,
            "there is no `.sequence(..)`",
        ),
        (r#".within("5m").count(2).keep("1h")"#, "there is none"),
        (
            r#".when(|event| true).within("5m").count(2, 3)"#,
            "takes one argument, not 2",
        ),
        (
            r#".within("5m").count(2).alert(|window| `${window.value}`)"#,
            "`window.count`",
        ),
        (
            r#".within("5m").sum("data.n", 2).alert(|window| window.event.id)"#,
            "has no `event`",
        ),
    ] {
        let found = show_refusal(asks);
        assert!(found.contains(says), "{asks}: {found}");
    }
}

#[test]
fn a_key_of_its_own_for_each_event_fills_no_window() {
    for (asks, is_refused) in [
        (r#".within("5m").count(2)"#, true),
        (r#".within("5m").count(1)"#, false),
        (r#".within("5m").distinct("data.a", 2)"#, true),
        (r#".session("5m")"#, true),
        ("", false),
    ] {
        let text = format!(r##"rule("r").on("#").group_by("id"){asks};"##);
        assert_eq!(try_load(&text).is_err(), is_refused, "{asks}");
    }
}

fn only(set: RuleSet, event: &Event) -> RuleMatch {
    let (mut found, faults) = outcome(set, event);
    assert_eq!(faults, []);
    found.pop().expect("a match")
}

#[test]
fn a_match_carries_what_its_window_measures() {
    let text = |asks: &str| {
        format!(r##"rule("r").on("#").when(|event| event.data.a != 9).within("5m"){asks};"##)
    };
    let str = |text: &str| Some(ScalarValue::Str(text.into()));
    let half = Some(ScalarValue::Float(0.5_f64.to_bits()));
    for (asks, data, values) in [
        (".count(2)", r#"{"n":1}"#, vec![]),
        (
            r#".sum("data.n", 2)"#,
            r#"{"n":1}"#,
            vec![Some(ScalarValue::Int(1))],
        ),
        (r#".max("data.n", 2)"#, r#"{"n":0.5}"#, vec![half]),
        (r#".sum("data.n", 2)"#, r#"{"n":"1"}"#, vec![None]),
        (r#".sum("data.n", 2)"#, r#"{"n":true}"#, vec![None]),
        (r#".distinct("data.n", 2)"#, r#"{"n":"1"}"#, vec![str("1")]),
        (r#".distinct("data.n", 2)"#, r#"{"n":null}"#, vec![None]),
        (
            r#".distinct(["data.n", "source"], 2)"#,
            r#"{"n":[1]}"#,
            vec![None, str("test")],
        ),
        (r#".first_seen("type")"#, "{}", vec![str("t")]),
    ] {
        let event = event(&format!(r#"{{"type":"t","data":{data}}}"#));
        for set in [load(&text(asks)), load_interpreted(&text(asks))] {
            let found = only(set, &event);
            assert_eq!(found.values.as_slice(), values, "{asks} of {data}");
            assert_eq!((found.steps, found.wants_event), (1, false));
        }
    }
}

#[test]
fn what_was_measured_is_told_to_the_alert() {
    let set = load(
        r##"rule("r").on("#").within("5m").sum("data.n", 2).alert(|window| `${window.value} in ${window.within}`);"##,
    );
    let mut matcher = RuleMatcher::new(Arc::new(set));
    let key = larum_event::GroupKey::empty();
    for (value, says) in [("7", "7 in 5m"), ("0.25", "0.25 in 5m")] {
        let view = larum_rule::WindowView {
            count: 2,
            key: &key,
            first: larum_event::Timestamp::MIN,
            last: larum_event::Timestamp::MIN,
            value: Some(value.parse().unwrap()),
            event: None,
        };
        let text = matcher.alert_fields(0, &view).unwrap();
        assert_eq!(text.message.as_deref(), Some(says));
    }
}
