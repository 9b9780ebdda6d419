//! Rules over alerts: who comes after whom, and who sees what.

use std::sync::Arc;

use larum_event::{
    Alert, AlertStatus, AlertTrigger, Event, GroupKey, RuleId, Severity, TenantId, Timestamp,
};
use larum_rule::{RuleMatcher, RuleSet};

use crate::fixtures::{load, login, show_problems, try_load};

/// Layers by rule id.
fn layers(set: &RuleSet) -> Vec<(String, u8)> {
    let rules = set.rules().iter();
    rules
        .map(|rule| (rule.id.to_string(), rule.layer))
        .collect()
}

fn check(text: &str, expected: &[(&str, u8)]) -> RuleSet {
    let set = load(text);
    let expected: Vec<(String, u8)> = expected
        .iter()
        .map(|(id, layer)| ((*id).to_owned(), *layer))
        .collect();
    assert_eq!(layers(&set), expected);
    set
}

/// An alert of a rule, as an event.
fn alert(rule: &str) -> Event {
    let time = Timestamp::parse("2026-11-20T12:00:00Z").unwrap();
    let alert = Alert {
        alert_id: "a1".into(),
        revision: 1,
        status: AlertStatus::Final,
        rule: RuleId::new(rule).unwrap(),
        title: None,
        severity: Severity::High,
        attack: Vec::new(),
        key: serde_json::Map::new(),
        count: 5,
        value: None,
        error: None,
        window: None,
        first: time,
        last: time,
        trigger: AlertTrigger {
            id: larum_event::EventId::new("e1").unwrap(),
            sequence: None,
        },
        evidence: Vec::new(),
        message: String::new(),
        fields: serde_json::Map::new(),
        depth: 1,
    };
    Event::from_alert(&alert, time, &TenantId::default_tenant(), None).unwrap()
}

/// The rules, in all layers, that match an event.
fn readers(set: RuleSet, event: &Event) -> Vec<String> {
    let set = Arc::new(set);
    let mut matcher = RuleMatcher::new(Arc::clone(&set));
    let (mut out, mut faults) = (Vec::new(), Vec::new());
    for layer in 0..set.layers() {
        matcher.match_event(layer, event, &mut out, &mut faults);
    }
    assert_eq!(faults, []);
    let rules = out.iter().map(|found| set.rule(found.rule).unwrap());
    rules.map(|rule| rule.id.to_string()).collect()
}

#[test]
fn a_rule_over_alerts_stands_above_the_rules_it_reads() {
    let set = check(
        r##"
        rule("a").on("security.#");
        rule("b").on("alerts.a");
        rule("c").on(["alerts.b", "security.#"]);
        rule("d").on("alerts.#");
    "##,
        &[("a", 0), ("b", 1), ("c", 2), ("d", 3)],
    );
    assert_eq!(set.layers(), 4);
    assert_eq!(RuleSet::empty().layers(), 1);
}

#[test]
fn ids_in_capitals_are_read_by_their_topic() {
    check(
        r##"rule("Auth.Brute").on("#"); rule("b").on("alerts.auth.brute");"##,
        &[("Auth.Brute", 0), ("b", 1)],
    );
}

#[test]
fn wildcards_over_alerts_mean_the_layers_below() {
    // Two rules over all alerts do not wait for each other: neither reads the other's.
    let text = r##"
        rule("a").on("security.#");
        rule("x").on("alerts.#");
        rule("y").on("alerts.+");
        rule("z").on("alerts.x");
    "##;
    let set = check(text, &[("a", 0), ("x", 1), ("y", 1), ("z", 2)]);
    let number = |id: &str| {
        let found = set.rules().iter().position(|rule| rule.id.as_str() == id);
        u32::try_from(found.unwrap()).unwrap()
    };
    let sees = |reader, raiser| set.may_read_alerts(number(reader), number(raiser));
    assert!(sees("x", "a") && sees("y", "a"));
    assert!(sees("z", "x") && !sees("y", "x"));
    assert!(!sees("x", "y") && !sees("x", "x") && !sees("y", "z") && !sees("a", "x"));
    assert_eq!(readers(load(text), &alert("a")), ["x", "y"]);
    assert_eq!(readers(load(text), &alert("x")), ["z"]);
    assert_eq!(readers(load(text), &alert("y")), Vec::<String>::new());
}

#[test]
fn a_circle_closed_by_wildcards_alone_is_no_cycle() {
    check(
        r##"rule("a").on(["security.#", "alerts.#"]); rule("b").on("alerts.a");"##,
        &[("a", 0), ("b", 1)],
    );
}

#[test]
fn only_patterns_that_begin_with_alerts_read_alerts() {
    let text = r##"
        rule("all").on("#");
        rule("any").on("+.a");
        rule("a").on("security.#");
        rule("reader").on("alerts.a").when(|event| event.data.count >= 5 && event.severity == "high");
    "##;
    assert_eq!(readers(load(text), &alert("a")), ["reader"]);
    assert_eq!(readers(load(text), &login("{}")), ["a", "all"]);
}

#[test]
fn cycles_are_refused_with_all_their_rules() {
    let refused = |text: &str| show_problems(&try_load(text).unwrap_err());
    assert_eq!(
        refused(r##"rule("own").on("alerts.own");"##),
        "a.rhai:1:1: error[cycle]: rule own reads its own alerts\n\
         \x20  1 | rule(\"own\").on(\"alerts.own\");\n\
         \x20    | ^\n\
         \x20    = help: rules over alerts are evaluated after those they read; break the circle"
    );
    let text = r##"
rule("a").on("alerts.c");
rule("b").on("alerts.a");
rule("c").on(["alerts.b", "security.#"]);
rule("d").on("alerts.c");"##;
    assert!(
        refused(text).contains("in a circle: a → c → b → a"),
        "{}",
        refused(text)
    );
}

#[test]
fn eight_layers_are_allowed_and_nine_are_not() {
    let chain = |rules: usize| {
        let mut text = String::from(r##"rule("r0").on("security.#");"##);
        for number in 1..rules {
            let below = number - 1;
            text += &format!(r##"rule("r{number}").on("alerts.r{below}");"##);
        }
        try_load(&text)
    };
    assert_eq!(chain(8).unwrap().layers(), 8);
    let problems = chain(9).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].code, "too-many-layers");
}

#[test]
fn naming_alerts_that_no_rule_raises_is_a_warning() {
    let set = load(r##"rule("auth.fail").on("#"); rule("b").on("alerts.auth.fial");"##);
    assert_eq!(set.warnings().len(), 1);
    assert_eq!(set.warnings()[0].code, "unknown-alert");
    assert_eq!(
        set.warnings()[0].help.as_deref(),
        Some("did you mean `alerts.auth.fail`?")
    );
    // Alerts of rules that are no longer there may still come in, and are read.
    assert_eq!(readers(set, &alert("auth.fial")), ["b"]);
    assert_eq!(
        load(r##"rule("r").on("#");"##).rules()[0].key_members(&GroupKey::empty()),
        serde_json::Map::new()
    );
}
