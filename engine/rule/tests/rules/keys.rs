//! Group keys, topics and faults.

use std::sync::Arc;

use crate::fixtures::{condition, event, load, login, outcome};
use larum_event::{GroupKey, ScalarValue};
use larum_rule::{FaultKind, RuleMatcher};

fn key_of(group_by: &str, data: &str) -> Option<Vec<ScalarValue>> {
    let set = load(&format!(r##"rule("r").on("#").group_by({group_by});"##));
    let (out, _) = outcome(set, &login(data));
    out.first().map(|found| found.key.members().to_vec())
}

#[test]
fn keys_are_typed_and_case_sensitive() {
    let text = |text: &str| ScalarValue::Str(text.into());
    let check = |data: &str, expected: ScalarValue| {
        assert_eq!(key_of(r#""data.x""#, data), Some(vec![expected]), "{data}");
    };
    check(r#"{"x":1}"#, ScalarValue::Int(1));
    check(r#"{"x":"1"}"#, text("1"));
    check(r#"{"x":"A"}"#, text("A"));
    check(r#"{"x":""}"#, text(""));
    check(r#"{"x":true}"#, ScalarValue::Bool(true));
    check(r#"{"x":1.5}"#, ScalarValue::Float(1.5_f64.to_bits()));
    assert_eq!(
        key_of(r#"["type", "metadata.user", "data.x"]"#, r#"{"x":1}"#),
        Some(vec![text("auth.login"), text("eve"), ScalarValue::Int(1)])
    );
}

#[test]
fn an_event_without_a_member_of_the_key_is_not_grouped() {
    for data in ["{}", r#"{"x":null}"#, r#"{"x":[1]}"#, r#"{"x":{}}"#] {
        assert_eq!(key_of(r#""data.x""#, data), None, "{data}");
        assert_eq!(key_of(r#"["type", "data.x"]"#, data), None, "{data}");
    }
}

#[test]
fn a_condition_can_be_asked_for_whatever_the_topic_and_the_key() {
    let text = r##"rule("r").on("other").when(|event| event.data.n == 1).group_by("data.x");"##;
    let mut matcher = RuleMatcher::new(Arc::new(load(text)));
    for (data, holds) in [(r#"{"n":1}"#, true), (r#"{"n":2}"#, false)] {
        assert_eq!(
            matcher.condition_holds(0, &login(data)),
            Ok(holds),
            "{data}"
        );
    }
    assert_eq!(matcher.condition_holds(1, &login("{}")), Ok(false));
}

#[test]
fn a_rule_without_a_key_has_one_group_of_everything() {
    let (out, _) = outcome(load(r##"rule("r").on("#");"##), &login("{}"));
    assert_eq!(out[0].key, GroupKey::empty());
}

#[test]
fn keys_are_named_by_their_last_segment_or_as_the_rule_says() {
    let names = |group_by: &str| -> Vec<(String, String)> {
        let set = load(&format!(r##"rule("r").on("#").group_by({group_by});"##));
        let parts = set.rules()[0].group_by.iter();
        parts
            .map(|part| (part.name.to_string(), part.path.to_string()))
            .collect()
    };
    assert_eq!(
        names(r#"["metadata.user", "source"]"#),
        [
            ("user".into(), "metadata.user".into()),
            ("source".into(), "source".into())
        ]
    );
    assert_eq!(
        names(r#"#{src: "data.src.user", dst: "data.dst.user"}"#),
        [
            ("dst".into(), "data.dst.user".into()),
            ("src".into(), "data.src.user".into())
        ]
    );
}

#[test]
fn a_rule_reads_only_the_topics_of_its_patterns() {
    let set = Arc::new(load(
        r##"
        rule("a").on("security.auth.login");
        rule("b").on("security.auth.+");
        rule("c").on(["other.#", "security.#"]);
        rule("d").on("security.auth");
        rule("e").on("#");
        rule("f").on("alerts.#");
    "##,
    ));
    let mut matcher = RuleMatcher::new(set);
    let mut read = |event: &larum_event::Event| -> Vec<u32> {
        let (mut out, mut faults) = (Vec::new(), Vec::new());
        matcher.match_event(0, event, &mut out, &mut faults);
        out.iter().map(|found| found.rule).collect()
    };
    assert_eq!(read(&login("{}")), [0, 1, 2, 4]);
    assert_eq!(read(&event(r#"{"type":"x"}"#)), [4]);
    assert_eq!(read(&login("{}")), [0, 1, 2, 4]);
}

#[test]
fn a_rule_that_fails_does_not_stop_the_others() {
    let set = load(
        r##"
        rule("a.loops").on("#").when(|event| { loop { } });
        rule("b.throws").on("#").when(|event| { throw "no" });
        rule("c.wrong").on("#").when(|event| event.data.n);
        rule("d.deep").on("#").when(|event| deep(1) > 0);
        rule("e.large").on("#").when(|event| { let s = "x"; loop { s += s; } });
        rule("f.fine").on("#").when(|event| event.data.n == 1);
        fn deep(n) { deep(n + 1) }
    "##,
    );
    let (out, faults) = outcome(set, &login(r#"{"n":1}"#));
    assert_eq!(out.len(), 1);
    assert_eq!(out[0].rule, 5);
    let kinds: Vec<(u32, FaultKind)> = faults.iter().map(|one| (one.rule, one.kind)).collect();
    assert_eq!(
        kinds,
        [
            (0, FaultKind::Budget),
            (1, FaultKind::Error),
            (2, FaultKind::Error),
            (3, FaultKind::Budget),
            (4, FaultKind::Budget),
        ]
    );
    assert_eq!(faults[1].message, "a.rhai:3:49: runtime error: no");
    assert_eq!(
        faults[2].message,
        "a.rhai:4:33: the condition gives a number, not true or false"
    );
}

#[test]
fn a_condition_may_spend_its_budget_and_no_more() {
    // One turn of the loop costs a few operations; the sides are far enough apart.
    let turns = |turns: u32| {
        let set = condition(&format!(
            "|event| {{ let n = 0; while n < {turns} {{ n += 1; }} n == {turns} }}"
        ));
        let (out, faults) = outcome(set, &login("{}"));
        (out.len(), faults.len())
    };
    assert_eq!(turns(5_000), (1, 0));
    assert_eq!(turns(100_000), (0, 1));
}

#[test]
fn the_budget_is_each_events_own() {
    let set = Arc::new(condition(
        "|event| { let n = 0; while n < 5000 { n += 1; } true }",
    ));
    let mut matcher = RuleMatcher::new(set);
    let (mut out, mut faults) = (Vec::new(), Vec::new());
    for _ in 0..10 {
        matcher.match_event(0, &login("{}"), &mut out, &mut faults);
    }
    assert_eq!((out.len(), faults.len()), (10, 0));
}
