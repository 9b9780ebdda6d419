//! What correlation documents ask, as conditions of windows.

use larum_event::{
    Aggregate, Amount, Bounds, FiringPolicy, RuleFile, Span, StepOccurrence, WindowExtent,
    WindowMeasure, WindowSpec,
};
use larum_rule::{Diagnostic, DiagnosticLevel, Rule, RuleLoader, RuleSet};
use larum_sigma::SigmaFrontEnd;

/// Two rules and a correlation with this body.
pub(crate) fn text(body: &str) -> String {
    let rule = |name: &str| {
        format!(
            "title: {name}\nid: id-{name}\nname: {name}\nlogsource: {{product: test}}\ndetection: {{s: {{kind: {name}}}, condition: s}}\n"
        )
    };
    format!(
        "{}---\n{}---\ntitle: C\nid: c\nname: many\n{body}\n",
        rule("a"),
        rule("b")
    )
}

pub(super) fn load(text: &str) -> RuleSet {
    let file = RuleFile {
        path: "rules.yml".to_owned(),
        text: text.to_owned(),
    };
    let loader = RuleLoader::default().with_front_end(SigmaFrontEnd);
    loader.load(&[file]).expect("a set")
}

pub(super) fn refused(set: &RuleSet) -> Vec<&Diagnostic> {
    let warnings = set.warnings().iter();
    warnings
        .filter(|warning| warning.level == DiagnosticLevel::Refused)
        .collect()
}

pub(super) fn rule<'s>(set: &'s RuleSet, id: &str) -> &'s Rule {
    assert!(
        set.rules().iter().any(|rule| rule.id.as_str() == id),
        "{:?}",
        set.warnings()
    );
    let found = set.rules().iter().find(|rule| rule.id.as_str() == id);
    found.expect("it is there")
}

/// The window of the correlation with this body.
fn window(body: &str) -> WindowSpec {
    let set = load(&text(body));
    rule(&set, "sigma.c").window.clone()
}

fn aggregate(body: &str) -> Aggregate {
    let WindowSpec::Aggregate(aggregate) = window(body) else {
        unreachable!("{body} measures something");
    };
    aggregate
}

/// That a correlation with this body is refused for a reason with these words.
fn check_refused(body: &str, words: &str) {
    let set = load(&text(body));
    let all = refused(&set);
    assert_eq!(all.len(), 1, "{body}: {:?}", set.warnings());
    let refused = all[0];
    assert!(refused.message.contains(words), "{body}: {refused}");
    assert_eq!(set.rules().len(), 2, "{body}");
}

pub(super) fn body(rest: &str) -> String {
    format!("correlation: {{rules: [a, b], group-by: [user], timespan: 5m, {rest}}}")
}

#[test]
fn each_type_asks_its_own_measure_over_a_sliding_window() {
    for (rest, measure, bounds) in [
        (
            "type: event_count, condition: {gte: 5}",
            WindowMeasure::Count,
            ">= 5",
        ),
        (
            "type: value_count, condition: {field: [x, y], gt: 2.5}",
            WindowMeasure::Distinct,
            "> 2.5",
        ),
        ("type: temporal", WindowMeasure::Steps(vec![1, 1]), ">= 2"),
        (
            "type: temporal, condition: {gte: 1}",
            WindowMeasure::Steps(vec![1, 1]),
            ">= 1",
        ),
        (
            "type: value_sum, condition: {field: x, lt: -3}",
            WindowMeasure::Sum,
            "< -3",
        ),
        (
            "type: value_avg, condition: {field: x, gte: 0.5, lte: 1.5}",
            WindowMeasure::Average,
            ">= 0.5 && <= 1.5",
        ),
        (
            "type: value_median, condition: {field: x, neq: 7}",
            WindowMeasure::Percentile(50_000),
            "!= 7",
        ),
        (
            "type: value_percentile, condition: {field: x, percentile: 99.9, gt: 7}",
            WindowMeasure::Percentile(99_900),
            "> 7",
        ),
    ] {
        let aggregate = aggregate(&body(rest));
        let within = Span::from_seconds(300);
        assert_eq!(aggregate.extent, WindowExtent::Sliding { within }, "{rest}");
        assert_eq!(aggregate.measure, measure, "{rest}");
        assert_eq!(aggregate.bounds.to_string(), bounds, "{rest}");
        assert_eq!(
            (aggregate.policy, aggregate.lateness),
            (FiringPolicy::Edge, None)
        );
    }
}

#[test]
fn a_list_in_order_is_a_sequence_of_one_event_each() {
    let asked = window(&body("type: temporal_ordered"));
    let WindowSpec::Sequence(sequence) = asked else {
        panic!("{asked:?}");
    };
    let steps: Vec<_> = sequence
        .steps
        .iter()
        .map(|it| (&*it.name, it.occurs))
        .collect();
    assert_eq!(
        steps,
        [
            ("a", StepOccurrence::Times(1)),
            ("b", StepOccurrence::Times(1))
        ]
    );
    assert_eq!(sequence.within, Span::from_seconds(300));
    assert_eq!(
        window(&body("type: temporal_ordered, condition: {gte: 2}")),
        window(&body("type: temporal_ordered"))
    );
    check_refused(
        &body("type: temporal_ordered, condition: {gte: 1}"),
        "an order of some of its rules",
    );
}

#[test]
fn a_rule_twice_is_one_of_different_rules_and_two_steps_of_an_order() {
    let list =
        |kind: &str| format!("correlation: {{rules: [a, b, id-a], timespan: 5m, type: {kind}}}");
    let asked = aggregate(&list("temporal"));
    assert_eq!(asked.measure, WindowMeasure::Steps(vec![1, 1]));
    assert_eq!(asked.bounds, Bounds::at_least(Amount::from_int(2)));
    let WindowSpec::Sequence(sequence) = window(&list("temporal_ordered")) else {
        panic!("a sequence");
    };
    assert_eq!(sequence.steps.len(), 3);
}

#[test]
fn no_event_at_all_is_silence_behind_an_event() {
    for condition in ["eq: 0", "lt: 1", "lte: 0", "lt: 0.5"] {
        let asked = window(&body(&format!(
            "type: event_count, condition: {{{condition}}}"
        )));
        let WindowSpec::Sequence(sequence) = asked else {
            panic!("{condition}");
        };
        let [event, silence] = &sequence.steps[..] else {
            panic!("two steps");
        };
        assert_eq!(event.occurs, StepOccurrence::Times(1));
        assert_eq!(silence.occurs, StepOccurrence::Never);
        assert_eq!(silence.within, Some(Span::from_seconds(300)));
    }
    for condition in ["lt: 2", "neq: 0", "lte: 1", "eq: 1"] {
        aggregate(&body(&format!(
            "type: event_count, condition: {{{condition}}}"
        )));
    }
}

#[test]
fn the_attribute_of_our_own_says_policy_lateness_and_window() {
    let with = |attribute: &str| {
        format!(
            "larum: {attribute}\n{}",
            body("type: event_count, condition: {gte: 5}")
        )
    };
    let (size, minute) = (Span::from_seconds(300), Span::from_seconds(60));
    for (attribute, policy, lateness, extent) in [
        (
            "{policy: every, lateness: 30s, window: tumbling}",
            FiringPolicy::Every,
            Some(Span::from_seconds(30)),
            WindowExtent::Tumbling { size },
        ),
        (
            "{policy: suppress, window: hopping 1m}",
            FiringPolicy::Suppress(size),
            None,
            WindowExtent::Hopping { size, hop: minute },
        ),
        (
            "{policy: suppress 1m, window: session}",
            FiringPolicy::Suppress(minute),
            None,
            WindowExtent::Session {
                gap: size,
                cap: None,
            },
        ),
        (
            "{policy: reset}",
            FiringPolicy::Reset,
            None,
            WindowExtent::Sliding { within: size },
        ),
    ] {
        let asked = aggregate(&with(attribute));
        assert_eq!(
            (asked.policy, asked.lateness, asked.extent),
            (policy, lateness, extent),
            "{attribute}"
        );
    }
    for (attribute, words) in [
        ("{policy: often}", "not a policy"),
        ("{lateness: soon}", "not a duration"),
        ("{lateness: 2d}", "at most 1d"),
        ("{window: round}", "no window"),
        ("{window: hopping 7m}", "no multiple of 7m"),
        ("{window: hopping 100ms}", "no multiple of 100ms"),
        ("{polici: edge}", "larum cannot have"),
        ("[edge]", "must be a map"),
    ] {
        check_refused(&with(attribute), words);
    }
    let ordered = format!(
        "larum: {{window: tumbling}}\n{}",
        body("type: temporal_ordered")
    );
    check_refused(&ordered, "sliding windows");
}

#[test]
fn only_correlations_have_the_attribute() {
    let rule = text(&body("type: temporal")).replacen("title: a\n", "title: a\nlarum: {}\n", 1);
    let set = load(&rule);
    let reasons: Vec<String> = refused(&set).iter().map(|it| it.message.clone()).collect();
    assert!(reasons[0].contains("only correlations"), "{reasons:?}");
    assert!(
        reasons[1].contains("\"a\", which is not loaded"),
        "{reasons:?}"
    );
}

#[test]
fn what_no_window_can_tell_is_refused() {
    let kind = |rest: &str| body(rest);
    let many: Vec<String> = (0..17).map(|number| format!("r{number}")).collect();
    for (body, words) in [
        (
            kind("type: event_count, condition: {gte: 5, lt: 5}"),
            "nothing satisfies",
        ),
        (
            kind("type: event_count, condition: {eq: 2.5}"),
            "nothing satisfies",
        ),
        (
            kind("type: event_count, condition: {lt: 0}"),
            "nothing satisfies",
        ),
        (
            kind("type: event_count, condition: {gte: 100001}"),
            "at most 100000",
        ),
        (
            kind("type: value_count, condition: {field: x, eq: 0}"),
            "nothing satisfies",
        ),
        (
            kind("type: temporal, condition: {gte: 3}"),
            ">= 3 of 2 different rules",
        ),
        (
            kind("type: temporal, condition: {lt: 1}"),
            "nothing satisfies",
        ),
        (
            kind("type: value_sum, condition: {field: x, gt: 1, lt: 1}"),
            "nothing satisfies",
        ),
        (
            kind("type: value_sum, condition: {field: [x, y], gt: 1}"),
            "only value_count",
        ),
        (
            kind("type: value_count, condition: {field: [x, x], gt: 1}"),
            "twice",
        ),
        (
            kind("type: event_count, condition: {field: x, gt: 1}"),
            "cannot have \"field\"",
        ),
        (
            kind("type: event_count, condition: {gte: x}"),
            "not a number",
        ),
        (
            kind("type: event_count, condition: {gte: 1_0}"),
            "not a number",
        ),
        (
            kind("type: event_count, condition: {about: 5}"),
            "cannot have \"about\"",
        ),
        (
            kind("type: event_count, condition: {percentile: 5}"),
            "cannot have",
        ),
        (kind("type: event_count, condition: {}"), "compares nothing"),
        (kind("type: value_count, condition: {gte: 2}"), "no field"),
        (
            kind("type: event_count, condition: a and b"),
            "specification 2.1",
        ),
        (kind("type: event_count"), "no condition"),
        (
            kind("type: event_sum, condition: {gte: 2}"),
            "correlation type",
        ),
        (kind("type: temporal").replace("5m", "0m"), "timespan"),
        (kind("type: temporal").replace("5m", "5y"), "timespan"),
        (kind("type: temporal").replace("5m", "1h5m"), "timespan"),
        (
            kind("type: temporal").replace("[user]", "[user, user]"),
            "\"user\" twice",
        ),
        (
            kind("type: temporal").replace("group-by", "group_by"),
            "cannot have \"group_by\"",
        ),
        (
            kind("type: temporal").replace("[a, b]", "[a, v]"),
            "\"v\", which is not loaded",
        ),
        (
            kind("type: temporal").replace("[a, b]", "[a, many]"),
            "in turn",
        ),
        (
            kind("type: temporal").replace("[a, b]", "[]"),
            "names no rules",
        ),
        (
            kind("type: temporal, aliases: {x: {v: y}}"),
            "\"v\", which it is not about",
        ),
    ] {
        check_refused(&body, words);
    }
    let rules: String = many
        .iter()
        .map(|name| {
            format!(
                "title: {name}\nname: {name}\nlogsource: {{product: test}}\ndetection: {{s: {{x: {name}}}, condition: s}}\n---\n"
            )
        })
        .collect();
    let over = format!(
        "title: D\ncorrelation: {{type: temporal, rules: [{}], timespan: 1m}}\n",
        many.join(", ")
    );
    let set = load(&format!("{rules}{over}"));
    assert!(refused(&set)[0].message.contains("at most 16"));
}

#[test]
fn a_percentile_lies_from_0_to_100_and_is_the_median_where_it_is_not_said() {
    for (said, percentile) in [
        ("", Some(50_000)),
        ("percentile: 0, ", Some(0)),
        ("percentile: 100, ", Some(100_000)),
        ("percentile: 0.001, ", Some(1)),
        ("percentile: 0.0001, ", None),
        ("percentile: 100.1, ", None),
        ("percentile: -1, ", None),
        ("percentile: most, ", None),
    ] {
        let body = body(&format!(
            "type: value_percentile, condition: {{{said}field: size, gte: 5}}"
        ));
        match percentile {
            Some(percentile) => {
                assert_eq!(
                    aggregate(&body).measure,
                    WindowMeasure::Percentile(percentile)
                );
                let set = load(&text(&body));
                let warned = set.warnings()[0].to_string();
                assert!(warned.contains("other engines"), "{warned}");
            }
            None => check_refused(&body, "percentile is a number"),
        }
    }
}
