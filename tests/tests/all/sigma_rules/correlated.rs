//! Which events and alerts a correlation finds, in which group and with which values.

use std::sync::Arc;

use larum_event::{
    Channel, Event, EventDefaults, EventId, RuleFile, ScalarValue, Severity, Source, TenantId,
    Timestamp,
};
use larum_rule::{AlertAudience, RuleLoader, RuleMatcher, RuleSet};
use larum_sigma::SigmaFrontEnd;

use super::correlations::text;

fn load(files: &[(&str, &str)]) -> RuleSet {
    let file = |(path, text): &(&str, &str)| RuleFile {
        path: (*path).to_owned(),
        text: (*text).to_owned(),
    };
    let files: Vec<RuleFile> = files.iter().map(file).collect();
    let loader = RuleLoader::default().with_front_end(SigmaFrontEnd);
    loader.load(&files).expect("a set")
}

fn event(json: &str) -> Event {
    let fill = EventDefaults {
        arrived: Timestamp::parse("2026-11-20T12:00:00Z").expect("a time"),
        new_id: &|| EventId::new("e1").expect("an id"),
        source: Some(&Source::new("test").expect("a source")),
        channel: &Channel::default_channel(),
        tenant: &TenantId::default_tenant(),
        severity: &|_| Severity::Info,
    };
    Event::parse(json.as_bytes(), &fill).expect("an event")
}

/// What the rules of `layer` make of an event: rule, key, steps and values.
fn found(set: &RuleSet, layer: u8, json: &str) -> Vec<String> {
    let (mut out, mut faults) = (Vec::new(), Vec::new());
    let mut matcher = RuleMatcher::new(Arc::new(set.clone()));
    matcher.match_event(layer, &event(json), &mut out, &mut faults);
    assert_eq!(faults, []);
    let shown = |value: &ScalarValue| value.to_json().to_string();
    let shown_or_none = |value: &Option<ScalarValue>| value.as_ref().map_or("-".to_owned(), shown);
    out.iter()
        .map(|one| {
            let id = set.rule(one.rule).expect("a rule").id.as_str();
            let key: Vec<String> = one.key.members().iter().map(shown).collect();
            let values: Vec<String> = one.values.as_slice().iter().map(shown_or_none).collect();
            let (key, values) = (key.join(","), values.join(","));
            format!("{id} [{key}] {} ({values})", one.steps)
        })
        .collect()
}

fn raw(data: &str) -> String {
    format!(r#"{{"type":"x","metadata":{{"product":"test"}},"data":{data}}}"#)
}

/// What a correlation over the rules `a` and `b` finds in an event with these data.
fn check(rest: &str, events: &[(&str, &[&str])]) {
    let body = format!("correlation: {{rules: [a, b], timespan: 5m, {rest}}}");
    let set = load(&[("a.yml", &text(&body))]);
    for (data, wanted) in events {
        assert_eq!(found(&set, 0, &raw(data)), *wanted, "{data} of {rest}");
    }
}

#[test]
fn events_are_grouped_by_their_texts_and_one_that_misses_a_field_is_not_grouped() {
    check(
        "type: event_count, group-by: [user, host], condition: {gte: 5}",
        &[
            (
                r#"{"kind":"a","user":"eve","host":"h"}"#,
                &[r#"sigma.c ["eve","h"] 1 ()"#],
            ),
            (
                r#"{"kind":"b","user":7,"host":true}"#,
                &[r#"sigma.c ["7","true"] 1 ()"#],
            ),
            (
                r#"{"kind":"a","user":"","host":"h"}"#,
                &[r#"sigma.c ["","h"] 1 ()"#],
            ),
            (
                r#"{"kind":"a","user":["x"],"host":"h"}"#,
                &[r#"sigma.c ["x","h"] 1 ()"#],
            ),
            (r#"{"kind":"a","user":["x","y"],"host":"h"}"#, &[]),
            (r#"{"kind":"a","user":null,"host":"h"}"#, &[]),
            (r#"{"kind":"a","user":{"name":"x"},"host":"h"}"#, &[]),
            (r#"{"kind":"a","host":"h"}"#, &[]),
            (r#"{"kind":"z","user":"eve","host":"h"}"#, &[]),
        ],
    );
}

#[test]
fn without_fields_to_group_by_there_is_one_group() {
    check(
        "type: event_count, condition: {gte: 5}",
        &[
            (r#"{"kind":"a","user":"eve"}"#, &["sigma.c [] 1 ()"]),
            (r#"{"kind":"b"}"#, &["sigma.c [] 1 ()"]),
        ],
    );
}

#[test]
fn an_event_of_several_rules_is_one_match_with_the_steps_of_all() {
    let steps = [
        (r#"{"kind":"a"}"#, &["sigma.c [] 1 ()"][..]),
        (r#"{"kind":"b"}"#, &["sigma.c [] 2 ()"]),
        (r#"{"kind":["a","b"]}"#, &["sigma.c [] 3 ()"]),
    ];
    check("type: temporal", &steps);
    check("type: temporal_ordered", &steps);
    check(
        "type: event_count, condition: {gte: 2}",
        &[(r#"{"kind":["a","b"]}"#, &["sigma.c [] 1 ()"])],
    );
    check(
        "type: event_count, condition: {eq: 0}",
        &[(r#"{"kind":"a"}"#, &["sigma.c [] 3 ()"])],
    );
}

#[test]
fn a_rule_that_an_order_comes_back_to_is_both_steps() {
    let body = "correlation: {rules: [a, b, a], timespan: 5m, type: temporal_ordered}";
    let set = load(&[("a.yml", &text(body))]);
    assert_eq!(found(&set, 0, &raw(r#"{"kind":"a"}"#)), ["sigma.c [] 5 ()"]);
}

#[test]
fn what_is_counted_is_texts_and_what_is_computed_with_is_numbers() {
    check(
        "type: value_count, condition: {field: [user, host], gte: 3}",
        &[
            (
                r#"{"kind":"a","user":"eve","host":7}"#,
                &[r#"sigma.c [] 1 ("eve","7")"#],
            ),
            (
                r#"{"kind":"a","user":"eve","host":null}"#,
                &[r#"sigma.c [] 1 ("eve",-)"#],
            ),
            (r#"{"kind":"a"}"#, &["sigma.c [] 1 (-,-)"]),
        ],
    );
    check(
        "type: value_sum, condition: {field: size, gte: 3}",
        &[
            (r#"{"kind":"a","size":12}"#, &["sigma.c [] 1 (12)"]),
            (r#"{"kind":"a","size":"12"}"#, &["sigma.c [] 1 (12)"]),
            (r#"{"kind":"a","size":" -1.5 "}"#, &["sigma.c [] 1 (-1.5)"]),
            (r#"{"kind":"a","size":1e3}"#, &["sigma.c [] 1 (1000.0)"]),
            (r#"{"kind":"a","size":"12 kB"}"#, &["sigma.c [] 1 (-)"]),
            (r#"{"kind":"a","size":true}"#, &["sigma.c [] 1 (-)"]),
            (r#"{"kind":"a"}"#, &["sigma.c [] 1 (-)"]),
        ],
    );
}

#[test]
fn aliases_say_what_a_field_is_called_in_one_rule_by_name_or_id() {
    for (a, b) in [("a", "b"), ("id-a", "id-b")] {
        check(
            &format!(
                "type: value_count, group-by: [ip], condition: {{field: who, gte: 2}}, aliases: {{ip: {{{a}: src, {b}: dst}}, who: {{{b}: user}}}}"
            ),
            &[
                (
                    r#"{"kind":"a","src":"1","dst":"2","who":"x","user":"y"}"#,
                    &[r#"sigma.c ["1"] 1 ("x")"#],
                ),
                (
                    r#"{"kind":"b","src":"1","dst":"2","who":"x","user":"y"}"#,
                    &[r#"sigma.c ["2"] 1 ("y")"#],
                ),
                // One event may stand in two groups.
                (
                    r#"{"kind":["a","b"],"src":"1","dst":"2","who":"x","user":"y"}"#,
                    &[r#"sigma.c ["1"] 1 ("x")"#, r#"sigma.c ["2"] 1 ("y")"#],
                ),
            ],
        );
    }
}

const WINDOWS: &str = "\
title: Shell
name: shell
logsource: {product: windows, category: process_creation}
detection: {s: {Image|endswith: sh.exe}, condition: s}
---
title: C
id: c
correlation: {type: event_count, rules: [shell], group-by: [Computer, Image], timespan: 5m, condition: {gte: 5}}
";

#[test]
fn fields_of_a_group_are_found_where_conditions_find_them() {
    let set = load(&[("a.yml", WINDOWS)]);
    for data in [
        r#"{"Event":{"System":{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":1,"Computer":"h"},"EventData":{"Image":"x\\sh.exe"}}}"#,
        r#"{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":"1","Computer":"h","Image":"x\\sh.exe"}"#,
        r#"{"Channel":"Security","EventID":4688,"Computer":"h","NewProcessName":"x\\sh.exe"}"#,
    ] {
        let json = format!(r#"{{"type":"x","data":{data}}}"#);
        let wanted = [r#"sigma.c ["h","x\\sh.exe"] 1 ()"#];
        assert_eq!(found(&set, 0, &json), wanted, "{data}");
    }
}

fn alert(rule: &str, key: &str) -> String {
    format!(r#"{{"type":"{rule}","channel":"alerts","data":{{"key":{key}}}}}"#)
}

#[test]
fn a_correlation_reads_alerts_of_another_by_their_key_and_events_of_rules_beside() {
    let over = "title: D\nid: d\ncorrelation: {type: temporal_ordered, rules: [many, b], group-by: [user, ip.addr], timespan: 1h, aliases: {ip.addr: {b: src}}}\n---\n";
    let body = "correlation: {rules: [a], group-by: [user, ip.addr], timespan: 5m, type: event_count, condition: {gte: 5}}";
    let set = load(&[("a.yml", &format!("{over}{}", text(body)))]);
    assert_eq!(set.warnings(), []);
    let child = alert("sigma.c", r#"{"user":"eve","ip.addr":"1.2.3.4"}"#);
    assert_eq!(
        found(&set, 1, &child),
        [r#"sigma.d ["eve","1.2.3.4"] 1 ()"#]
    );
    assert_eq!(found(&set, 0, &child), [""; 0]);
    let raw = raw(r#"{"kind":"b","user":"eve","src":"1.2.3.4","ip":{"addr":"9"}}"#);
    assert_eq!(found(&set, 1, &raw), [r#"sigma.d ["eve","1.2.3.4"] 2 ()"#]);
    assert_eq!(found(&set, 0, &raw), [""; 0]);
    // No alert of another rule is one of the correlation's, and no alert is an event of the rule.
    for rule in ["sigma.d", "sigma.id-a", "other"] {
        let other = alert(rule, r#"{"user":"eve","ip.addr":"1.2.3.4","kind":"b"}"#);
        assert_eq!(found(&set, 1, &other), [""; 0], "{rule}");
    }
}

#[test]
fn rules_that_only_correlations_want_do_not_alert_and_any_of_these_may_want_it() {
    let audience = |set: &RuleSet, id: &str| {
        let found = set.rules().iter().find(|rule| rule.id.as_str() == id);
        found.expect("a rule").audience
    };
    let over = |generate: &str| {
        let body =
            "correlation: {rules: [a], timespan: 5m, type: event_count, condition: {gte: 5}}";
        let over = format!(
            "title: D\nid: d\ncorrelation: {{type: temporal, rules: [many, a], timespan: 1h, generate: {generate}}}\n---\n"
        );
        load(&[("a.yml", &format!("{over}{}", text(body)))])
    };
    for (generate, a, many) in [
        ("false", AlertAudience::Nobody, AlertAudience::RulesAbove),
        ("true", AlertAudience::Everyone, AlertAudience::Everyone),
    ] {
        let set = over(generate);
        assert_eq!(audience(&set, "sigma.id-a"), a);
        assert_eq!(audience(&set, "sigma.c"), many);
        assert_eq!(audience(&set, "sigma.id-b"), AlertAudience::Everyone);
        assert_eq!(audience(&set, "sigma.d"), AlertAudience::Everyone);
    }
    let of_a = raw(r#"{"kind":"a"}"#);
    assert_eq!(found(&over("false"), 0, &of_a), ["sigma.c [] 1 ()"]);
    let both = ["sigma.c [] 1 ()", "sigma.id-a [] 1 ()"];
    assert_eq!(found(&over("true"), 0, &of_a), both);
    // One that is not loaded wants nothing.
    let refused = text("correlation: {rules: [a, v], timespan: 5m, type: temporal}");
    assert_eq!(
        audience(&load(&[("a.yml", &refused)]), "sigma.id-a"),
        AlertAudience::Everyone
    );
}

#[test]
fn exceptions_of_a_rule_and_of_a_correlation_keep_events_out_of_it() {
    let body = "correlation: {rules: [a, b], timespan: 5m, type: temporal}";
    let except = |rule: &str| {
        format!(
            "[[except]]\nrule = \"{rule}\"\nfield = \"data.user\"\nvalue = \"eve\"\nreason = \"ours\"\nowner = \"soc\"\nexpires = \"never\"\n"
        )
    };
    let (none, second): (&[&str], &[&str]) = (&[], &["sigma.c [] 2 ()"]);
    for (rule, of_a, of_b) in [("sigma.id-a", none, second), ("sigma.c", none, none)] {
        let set = load(&[("a.yml", &text(body)), ("except.toml", &except(rule))]);
        assert_eq!(set.warnings(), []);
        let event =
            |kind: &str, user: &str| raw(&format!(r#"{{"kind":"{kind}","user":"{user}"}}"#));
        assert_eq!(found(&set, 0, &event("a", "eve")), of_a, "{rule}");
        assert_eq!(found(&set, 0, &event("b", "eve")), of_b, "{rule}");
        assert_eq!(found(&set, 0, &event("a", "bob")), ["sigma.c [] 1 ()"]);
        let without = load(&[("a.yml", &text(body))]);
        let hash = |set: &RuleSet| {
            let found = set
                .rules()
                .iter()
                .find(|rule| rule.id.as_str() == "sigma.c");
            found.expect("a rule").semantic_hash
        };
        assert_eq!(hash(&set), hash(&without), "{rule}");
    }
}

#[test]
fn filters_hold_inside_of_correlations() {
    let filter = "---\ntitle: F\nlogsource: {product: test}\nfilter:\n  rules: [a]\n  f: {user: eve}\n  condition: not f\n";
    let body = "correlation: {rules: [a, b], timespan: 5m, type: temporal}";
    let set = load(&[("a.yml", &format!("{}{filter}", text(body)))]);
    assert_eq!(
        found(&set, 0, &raw(r#"{"kind":"a","user":"eve"}"#)),
        [""; 0]
    );
    let bob = raw(r#"{"kind":"a","user":"bob"}"#);
    assert_eq!(found(&set, 0, &bob), ["sigma.c [] 1 ()"]);
}
