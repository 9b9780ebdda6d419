//! Rules of every kind, for the test that the order of arrival does not matter.

use std::sync::Arc;

use larum_rule::RuleSet;

use crate::stream;

/// Each kind by itself; `a` fails, `b` succeeds, `c` does something else.
pub const KINDS: [(&str, &str); 47] = [
    ("single", ""),
    ("count edge", r#".within("30s").count(3)"#),
    ("count every", r#".within("30s").count(3).policy("every")"#),
    ("count reset", r#".within("30s").count(3).policy("reset")"#),
    (
        "count suppress",
        r#".within("30s").count(2).policy("suppress 50s")"#,
    ),
    (
        "count late",
        r#".within("30s").count(3).policy("reset").lateness("45s")"#,
    ),
    ("count range", r#".within("30s").count(">= 2 && <= 3")"#),
    (
        "distinct edge",
        r#".within("30s").distinct("data.value", 3)"#,
    ),
    (
        "distinct reset",
        r#".within("30s").distinct("data.value", 2).policy("reset")"#,
    ),
    (
        "distinct few",
        r#".session("20s").distinct("data.value", "< 3")"#,
    ),
    ("sum", r#".within("30s").sum("data.value", ">= 6")"#),
    ("sum below", r#".tumbling("30s").sum("data.value", "< 4")"#),
    ("average", r#".within("30s").average("data.value", "> 2")"#),
    (
        "average below",
        r#".within("40s").average("data.value", "< 2").policy("reset")"#,
    ),
    ("minimum", r#".within("30s").min("data.value", ">= 2")"#),
    ("maximum", r#".within("30s").max("data.value", "< 3")"#),
    (
        "percentile",
        r#".within("1m").percentile("data.value", 50, ">= 2")"#,
    ),
    (
        "median tumbling",
        r#".tumbling("1m").median("data.value", ">= 2")"#,
    ),
    ("first seen", r#".within("1m").first_seen("data.value")"#),
    ("first seen key", r#".within("1m").first_seen()"#),
    ("change", r#".within("30s").change("data.value", ">= 2")"#),
    ("rate", r#".within("10s").rate("1m", ">= 2")"#),
    ("last", r#".last(3, "1m").sum("data.value", ">= 6")"#),
    (
        "last average",
        r#".last(4, "2m").average("data.value", "> 2")"#,
    ),
    ("session", r#".session("20s", "2m").count(">= 1")"#),
    ("session count", r#".session("20s").count(3)"#),
    ("tumbling", r#".tumbling("30s").count(3)"#),
    ("few", r#".tumbling("30s").count("< 3")"#),
    ("hopping", r#".hopping("30s", "10s").count(">= 3")"#),
    ("hopping few", r#".hopping("30s", "10s").count("< 3")"#),
    ("few sliding", r#".within("30s").count("< 2")"#),
    ("sequence", r#".within("30s").sequence([A.count(2), B])"#),
    (
        "sequence every",
        r#".within("30s").sequence([A, B]).policy("every")"#,
    ),
    (
        "sequence reset",
        r#".within("30s").sequence([A, C, B]).policy("reset")"#,
    ),
    (
        "sequence suppress",
        r#".within("30s").sequence([A, B]).policy("suppress 40s")"#,
    ),
    (
        "sequence optional",
        r#".within("30s").sequence([A, C.optional(), B.within("20s")])"#,
    ),
    (
        "sequence stopped",
        r#".within("30s").sequence([A, B]).stop_when(|event| event.data.does == "c")"#,
    ),
    (
        "sequence joined",
        r#".within("40s").sequence([A, step("then").when(|event, seen|
            event.data.does == "b" && event.data.value == seen.a.data.value)])"#,
    ),
    ("unordered", r#".within("30s").unordered([A, B, C])"#),
    (
        "unordered some",
        r#".within("30s").unordered([A, B, C]).steps(">= 2").policy("reset")"#,
    ),
    ("absent middle", r#".within("30s").sequence([A, NOT_C, B])"#),
    ("absent end", r#".within("30s").sequence([A, NOT_B])"#),
    (
        "absent end every",
        r#".within("30s").sequence([A, NOT_B]).policy("every")"#,
    ),
    ("absent start", r#".within("30s").sequence([NOT_C, A, B])"#),
    (
        "absent start and end",
        r#".within("30s").sequence([NOT_C, A, NOT_B])"#,
    ),
    (
        "script",
        r#".keep("1m").on_event(|event, state| {
        state.sum = (state.sum ?? 0) + event.data.value;
        state.timer = "15s";
        if state.sum % 5 == 0 { return `sum ${state.sum}`; }
    }).on_timer(|state, time| #{ message: `quiet at ${state.sum}` })"#,
    ),
    (
        "script that fails",
        r#".keep("1m").on_event(|event, state| {
        if (state.last ?? 0) == event.data.value { throw "twice"; }
        state.last = event.data.value;
        if state.last == 3 { return "three"; }
    })"#,
    ),
];

/// Rules over the alerts of `below`, and over those of the first of them; one or the other.
const ABOVE: [&str; 2] = [
    r#"
rule("above.count").on("alerts.below").within("1m").count(2);
rule("above.any").on("alerts.below");
rule("above.few").on("alerts.below").tumbling("1m").count("< 3");
rule("above.session").on("alerts.below").group_by("data.key.user").session("40s").count(">= 1");
rule("above.absent").on(["alerts.below", "security.#"]).within("40s").sequence([
    step("alert").when(|event| event.channel == "alerts"),
    absent("calm").when(|event| event.channel != "alerts" && event.data.does == "c"),
]);
rule("top").on("alerts.above.#").within("5m").count(2).policy("every");
"#,
    r#"
rule("above.each").on("alerts.below").when(|event| event.data.count != 2).group_by("data.count")
    .alert(|window| #{ message: `${window.event.data.message} at ${window.event.time}` });
rule("above.start").on(["alerts.below", "security.#"]).within("40s").sequence([
    absent("calm").within("20s").when(|event| event.channel != "alerts" && event.data.does == "c"),
    step("alert").when(|event| event.channel == "alerts"),
]);
rule("above.mean").on("alerts.below").within("1m").average("data.count", ">= 2");
rule("above.again").on("alerts.below").within("1m").sequence([
    step("first").when(|event| event.channel == "alerts").count(2),
    absent("third").when(|event| event.channel == "alerts"),
]);
rule("above.script").on("alerts.below").keep("2m").on_event(|event, state| {
    state.seen = (state.seen ?? 0) + event.data.count;
    if state.seen % 3 == 0 { return `${state.seen} seen`; }
});
rule("top").on("alerts.above.#").within("2m").distinct("type", 2);
rule("summit").on(["alerts.top", "alerts.above.each"]).session("1m").count("< 3");
"#,
];

/// The rules of a kind, below one of the two sets of rules over its alerts.
pub fn load(kind: &str, above: usize) -> Arc<RuleSet> {
    let text = rules(kind, above);
    let set = RuleSet::load(&stream::rules(&text));
    Arc::new(set.unwrap_or_else(|problems| panic!("{text}: {problems:?}")))
}

fn rules(kind: &str, above: usize) -> String {
    let mut body = kind.to_owned();
    for (word, step) in [
        (
            "[NOT_C",
            r#"[absent("c").within("20s").when(|event| event.data.does == "c")"#,
        ),
        (
            "NOT_B",
            r#"absent("b").when(|event| event.data.does == "b")"#,
        ),
        (
            "NOT_C",
            r#"absent("c").when(|event| event.data.does == "c")"#,
        ),
        ("[A", r#"[step("a").when(|event| event.data.does == "a")"#),
        (", A", r#", step("a").when(|event| event.data.does == "a")"#),
        (", B", r#", step("b").when(|event| event.data.does == "b")"#),
        (", C", r#", step("c").when(|event| event.data.does == "c")"#),
    ] {
        body = body.replace(word, step);
    }
    let has_steps = kind.contains("sequence") || kind.contains("unordered");
    let only_a = match has_steps {
        true => "",
        false => r#".when(|event| event.data.does == "a")"#,
    };
    let above = ABOVE[above];
    format!(r#"rule("below").on("security.#"){only_a}.group_by("metadata.user"){body};{above}"#)
}

#[test]
fn every_kind_loads() {
    for (_, kind) in KINDS {
        for above in 0..ABOVE.len() {
            load(kind, above);
        }
    }
}
