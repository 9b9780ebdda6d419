//! Rules of several steps: which events satisfy which, and what is compared between them.

use larum_event::value::Comparison;
use larum_event::{Event, ScalarValue, Sequence, Span, StepOccurrence, WindowSpec};
use larum_rule::{RuleLoader, RuleMatch, RuleSet};

use crate::fixtures::{event, file, load, load_interpreted, outcome, show_problems, try_load};

const CHAIN: &str = r##"
    const LIMIT = 3;
    rule("r").on("os.#").group_by(#{host: "data.host"}).within("10m").sequence([
        absent("scan").when(|event| event.type == "scan").within("1h"),
        step("start").when(|event| event.type == "start" && event.data.n > LIMIT).count(2),
        step("open").on("os.file").group_by(#{host: "data.node"}).optional()
            .when(|event, seen| event.data.ppid == seen.start.data.pid && event.data.n > LIMIT),
        step("send").within("30s")
            .when(|event, seen| seen.open.data.size < event.data.size && event.type == "send"
                && event.data.ppid != seen.start.data.pid),
        absent("close").when(|event| event.type == "close"),
    ]).stop_when(|event| event.type == "shutdown").policy("every").lateness("5s");
"##;

fn sequence(set: &RuleSet) -> Sequence {
    match &set.rules()[0].window {
        WindowSpec::Sequence(sequence) => sequence.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn steps_say_how_often_when_and_what_is_compared() {
    let set = load(CHAIN);
    let found = sequence(&set);
    assert_eq!(
        found.to_string(),
        "no scan, 2 x start, perhaps open, send, no close in 10m"
    );
    assert!(found.stops);
    assert_eq!(found.lateness, Some(Span::from_seconds(5)));
    let [scan, start, open, send, close] = found.steps.as_slice() else {
        panic!("five steps");
    };
    assert_eq!(
        (scan.occurs, scan.within),
        (StepOccurrence::Never, Some(Span::from_seconds(3_600)))
    );
    assert_eq!(start.occurs, StepOccurrence::Times(2));
    assert_eq!(open.occurs, StepOccurrence::Optional(1));
    assert_eq!((close.occurs, close.within), (StepOccurrence::Never, None));
    let rule = &set.rules()[0];
    let name = |index: u16| &*rule.measured[usize::from(index)];
    let joins = |step: &larum_event::Step| {
        let joins = step.joins.iter();
        let joins = joins.map(|join| {
            (
                name(join.value).to_owned(),
                join.comparison,
                join.step,
                name(join.other).to_owned(),
            )
        });
        joins.collect::<Vec<_>>()
    };
    let said = |field: &str, comparison, step, other: &str| {
        (field.to_owned(), comparison, step, other.to_owned())
    };
    assert_eq!(
        joins(open),
        [said("data.ppid", Comparison::Equal, 1, "data.pid")]
    );
    assert_eq!(
        joins(send),
        [
            // It was written from the other side.
            said("data.size", Comparison::Greater, 2, "data.size"),
            said("data.ppid", Comparison::NotEqual, 1, "data.pid"),
        ]
    );
}

fn find_matches(text: &str, event: &Event) -> Vec<RuleMatch> {
    let read = outcome(load(text), event);
    assert_eq!(outcome(load_interpreted(text), event), read);
    assert_eq!(read.1, []);
    read.0
}

fn steps(text: &str, event: &Event) -> Vec<(String, u32)> {
    let found = find_matches(text, event);
    let found = found.iter().map(|one| {
        let key: Vec<String> = one.key.members().iter().map(ToString::to_string).collect();
        (key.join(","), one.steps)
    });
    found.collect()
}

fn os(topic: &str, data: &str) -> Event {
    event(&format!(
        r#"{{"type":"{topic}","channel":"os","data":{data}}}"#
    ))
}

#[test]
fn an_event_tells_which_steps_it_satisfies_and_joins_are_left_to_the_window() {
    let one = |bits: u32| vec![("h".to_owned(), bits)];
    for (kind, data, matches) in [
        ("scan", r#"{"host":"h"}"#, one(1)),
        ("start", r#"{"host":"h","n":4}"#, one(2)),
        ("start", r#"{"host":"h","n":3}"#, vec![]),
        ("start", r#"{"n":4}"#, vec![]),
        ("send", r#"{"host":"h"}"#, one(8)),
        ("close", r#"{"host":"h"}"#, one(16)),
        ("shutdown", r#"{"host":"h"}"#, one(Sequence::STOP)),
        // Only the topic of its own, and its own key.
        ("file", r#"{"host":"x","node":"h","n":4}"#, one(4)),
        ("file", r#"{"host":"h","n":4}"#, vec![]),
    ] {
        assert_eq!(steps(CHAIN, &os(kind, data)), matches, "{kind} {data}");
    }
    let elsewhere = event(r#"{"type":"scan","channel":"other","data":{"host":"h"}}"#);
    assert_eq!(steps(CHAIN, &elsewhere), []);
}

#[test]
fn a_match_carries_the_fields_that_steps_compare() {
    let event = os("start", r#"{"host":"h","n":4,"pid":7,"size":0.5}"#);
    let found = find_matches(CHAIN, &event);
    let set = load(CHAIN);
    let measured: Vec<&str> = set.rules()[0].measured.iter().map(|path| &**path).collect();
    assert_eq!(measured, ["data.ppid", "data.pid", "data.size"]);
    assert_eq!(
        found[0].values.as_slice(),
        [
            None,
            Some(ScalarValue::Int(7)),
            Some(ScalarValue::Float(0.5_f64.to_bits()))
        ]
    );
}

#[test]
fn steps_of_one_group_are_one_match_and_of_several_groups_several() {
    let text = r##"
        rule("r").on("#").group_by(#{user: "metadata.user"}).within("5m").unordered([
            step("any"),
            step("big").when(|event| event.data.n > 5).count(3),
            step("other").group_by(#{user: "data.user"}),
        ]).steps(">= 2");
    "##;
    let set = load(text);
    assert_eq!(
        set.rules()[0].window.to_string(),
        "different steps >= 2 in 5m"
    );
    let login = |user: &str, n: u32| {
        let data = format!(r#"{{"user":"{user}","n":{n}}}"#);
        event(&format!(
            r#"{{"type":"t","metadata":{{"user":"eve"}},"data":{data}}}"#
        ))
    };
    let pair = |key: &str, bits| (key.to_owned(), bits);
    assert_eq!(
        steps(text, &login("bob", 6)),
        [pair("eve", 3), pair("bob", 4)]
    );
    assert_eq!(steps(text, &login("eve", 5)), [pair("eve", 5)]);
    assert_eq!(steps(text, &login("eve", 6)), [pair("eve", 7)]);
}

#[test]
fn rules_with_steps_and_without_stand_side_by_side() {
    let text = format!(
        r##"rule("a").on("#").when(|event| event.data.n > 0);
            {CHAIN}
            rule("z").on("#").when(|event| event.data.list.some(|x| x > 1));"##
    );
    let event = os("start", r#"{"host":"h","n":4,"list":[2]}"#);
    let found = find_matches(&text, &event);
    let found: Vec<(u32, u32)> = found.iter().map(|one| (one.rule, one.steps)).collect();
    assert_eq!(found, [(0, 1), (1, 2), (2, 1)]);
}

#[test]
fn a_rule_whose_steps_say_what_they_read_need_not_say_it_again() {
    let set = load(
        r##"rule("r").within("5m").sequence([step("a").on("x.a"), step("b").on(["x.b", "x.a"])]);"##,
    );
    let on: Vec<&str> = set.rules()[0].on.iter().map(|on| on.as_str()).collect();
    assert_eq!(on, ["x.a", "x.b"]);
}

#[test]
fn a_step_is_a_value_that_may_be_used_with_changes() {
    let set = load(
        r##"
        let failed = step("failed").when(|event| event.data.ok == false);
        rule("a").on("#").within("5m").sequence([failed.count(5), step("ok")]);
        rule("b").on("#").within("5m").sequence([failed, step("ok")]);
        "##,
    );
    let counts: Vec<String> = set
        .rules()
        .iter()
        .map(|rule| rule.window.to_string())
        .collect();
    assert_eq!(counts, ["5 x failed, ok in 5m", "failed, ok in 5m"]);
}

fn show_refusal(steps: &str) -> String {
    let text = format!(
        r##"rule("r").on("os.#").group_by("data.host").within("5m").sequence([{steps}]);"##
    );
    match try_load(&text) {
        Ok(set) => panic!("{steps} loads as {}", set.rules()[0].window),
        Err(problems) => show_problems(&problems),
    }
}

#[test]
fn what_makes_no_sequence_is_refused_with_its_reason() {
    let many: Vec<String> = (0..17)
        .map(|number| format!(r#"step("s{number}")"#))
        .collect();
    for (steps, says) in [
        (r#"absent("a").within("5m")"#, "nothing begins it"),
        (r#"step("a").optional()"#, "nothing begins it"),
        (r#"step("a"), step("a")"#, "two steps are called \"a\""),
        (r#"step("a b")"#, "no name of a step"),
        (r#"absent("a"), step("b")"#, "how long nothing may come"),
        (r#"step("a").within("5m")"#, "there is none"),
        (r#"step("a"), absent("b").count(2)"#, "must not come at all"),
        (r#"step("a").count(0)"#, "from 1 on, not 0"),
        (r#"step("a").conut(2)"#, "did you mean `count`?"),
        (r#"step("a").count(2).count(3)"#, "said twice"),
        (r#"step("a").on("net.#")"#, "does not read \"net.#\""),
        (
            r#"step("a").group_by("data.node")"#,
            "that of the rule host",
        ),
        (
            r#"step("a").group_by(["data.node", "data.host"])"#,
            "that of the rule host",
        ),
        (
            r#"step("a").when(|event, seen| event.data.x == seen.b.data.y), step("b")"#,
            "does not stand before",
        ),
        (
            r#"step("a"), step("b").when(|event, seen| event.data.x == seen.c.data.y)"#,
            "no step `c`",
        ),
        (
            r#"step("first"), step("b").when(|event, seen| event.data.x == seen.frist.data.y)"#,
            "did you mean `first`?",
        ),
        (
            r#"step("a"), absent("b"), step("c").when(|event, seen| event.data.x == seen.b.data.y)"#,
            "it has no event",
        ),
        (
            r#"step("a"), step("b").when(|event, seen| event.data.x == seen.a.data.y || event.data.z == 1)"#,
            "joined by `&&`",
        ),
        (
            r#"step("a"), step("b").when(|event, seen| seen.a.data.y == 1)"#,
            "joined by `&&`",
        ),
        (
            r#"step("a"), step("b").when(|event, seen| event.data.x == seen.a.dta.y)"#,
            "no member `dta`",
        ),
        (
            r#"step("a"), step("b").when(|event, seen| { let y = seen.a.data.y; event.data.x == y })"#,
            "joined by `&&`",
        ),
        (r#"step("a").when(|a, b, c| true)"#, "takes one argument"),
        (
            r#"step("a").when(|event| event.dta.x == 1)"#,
            "no member `dta`",
        ),
        (r#"1"#, "steps are wanted, not 1"),
        ("", "the list is empty"),
        (many.join(", ").as_str(), "at most 16 steps"),
    ] {
        let found = show_refusal(steps);
        assert!(found.contains(says), "{steps}: {found}");
    }
    for (text, says) in [
        (
            r##"rule("r").on("#").sequence([step("a")]);"##,
            "wait for ever",
        ),
        (
            r##"rule("r").on("#").tumbling("5m").sequence([step("a")]);"##,
            "goes with `.within(..)`",
        ),
        (
            r##"rule("r").on("#").within("5m").count(2).sequence([step("a")]);"##,
            "asks one thing",
        ),
        (
            r##"rule("r").on("#").when(|event| true).within("5m").sequence([step("a")]);"##,
            "each of which has its own",
        ),
        (
            r##"rule("r").on("#").within("5m").unordered([step("a"), absent("b")]);"##,
            "nothing can be absent",
        ),
        (
            r##"rule("r").on("#").within("5m").unordered([step("a")]).steps(2);"##,
            "1 steps and never more",
        ),
        (
            r##"rule("r").within("5m").sequence([step("a").on("x"), step("b")]);"##,
            "reads no topic",
        ),
    ] {
        let found = try_load(text).map_err(|problems| show_problems(&problems));
        let found = found.err().unwrap_or_default();
        assert!(found.contains(says), "{text}: {found}");
    }
}

#[test]
fn whatever_decides_a_sequence_changes_its_hash() {
    let hash = |text: &str| load(text).rules()[0].semantic_hash;
    for (from, to) in [
        (r#".within("1h")"#, r#".within("2h")"#),
        (".count(2)", ".count(3)"),
        (".optional()", ""),
        ("> LIMIT", ">= LIMIT"),
        ("LIMIT = 3", "LIMIT = 4"),
        ("data.node", "data.machine"),
        (r#".on("os.file")"#, ""),
        ("seen.start.data.pid &&", "seen.start.data.id &&"),
        ("event.data.ppid ==", "event.data.pid =="),
        ("seen.open.data.size <", "seen.open.data.size <="),
        (r#""shutdown""#, r#""reboot""#),
        (r#"lateness("5s")"#, r#"lateness("6s")"#),
        (r#"policy("every")"#, r#"policy("edge")"#),
    ] {
        let other = CHAIN.replace(from, to);
        assert_ne!(other, CHAIN, "{from}");
        assert_ne!(hash(&other), hash(CHAIN), "{from} → {to}");
    }
    assert_eq!(
        hash(&CHAIN.replace("seen", "before")),
        hash(&CHAIN.replace("seen", "before"))
    );
    assert_eq!(
        hash(&CHAIN.replace("&& event.type", "  &&  event.type")),
        hash(CHAIN)
    );
}

#[test]
fn a_rule_of_steps_over_alerts_stands_above_those_it_reads() {
    let text = r##"
        rule("low").on("#").group_by(#{user: "metadata.user"});
        rule("high").within("5m").group_by(#{user: "data.key.user"}).sequence([
            step("alerted").on("alerts.low"),
            step("login").on("security.auth.login").group_by(#{user: "metadata.user"}),
        ]);
    "##;
    let set = RuleLoader::default().load(&[file("a.rhai", text)]).unwrap();
    let layers: Vec<u8> = set.rules().iter().map(|rule| rule.layer).collect();
    assert_eq!(layers, [1, 0]);
}

#[test]
fn a_rule_groups_alerts_by_what_they_carry() {
    let text = |on: &str, key: &str| {
        format!(
            r##"rule("low.user").on("#").group_by(#{{user: "metadata.user"}});
                rule("low.host").on("#").group_by("data.host");
                rule("high").on({on:?}).group_by("data.key.{key}").within("5m").count(2);"##
        )
    };
    for (on, key, says) in [
        ("alerts.low.user", "user", ""),
        ("alerts.low.user", "host", "those of low.user carry user"),
        ("alerts.low.user", "usr", "did you mean `user`?"),
        // Of several rules one is enough.
        ("alerts.low.+", "host", ""),
        (
            "alerts.low.+",
            "address",
            "no alert on \"alerts.low.+\" carries `data.key.address`",
        ),
        ("alerts.of.nobody", "x", ""),
    ] {
        let found = try_load(&text(on, key)).map_err(|problems| show_problems(&problems));
        match found {
            Ok(_) => assert_eq!(says, "", "{on} {key}"),
            Err(found) => assert!(
                !says.is_empty() && found.contains(says),
                "{on} {key}: {found}"
            ),
        }
    }
}

#[test]
fn a_method_that_is_not_there_is_refused_wherever_the_rule_or_step_comes_from() {
    for (text, says) in [
        (
            r##"let r = rule("a").on("#"); r.title("one", "two");"##,
            "rule a: it has no method `title` with 2 arguments",
        ),
        (
            r##"let s = step("x"); rule("a").on("#").within("5m").sequence([s.title("t")]);"##,
            "step x: it has no method `title` with 1 arguments",
        ),
        (
            r##"let r = rule("a").on("#"); r.nosuch(1);"##,
            "there is no function `nosuch`",
        ),
    ] {
        let found = try_load(text).map_err(|problems| show_problems(&problems));
        let found = found.err().unwrap_or_default();
        assert!(found.contains(says), "{text}: {found}");
        assert_eq!(found.matches("error[").count(), 1, "{found}");
    }
}

#[test]
fn each_step_is_told_with_what_it_asks_and_compares() {
    let set = load(CHAIN);
    let condition = set.outline_rule(0).unwrap().condition.unwrap();
    let told: Vec<(&str, usize)> = condition
        .parts
        .iter()
        .map(|part| (part.text.as_str(), part.parts.len()))
        .collect();
    assert_eq!(
        told,
        [
            ("scan", 1),
            ("start", 1),
            ("open, event.data.ppid == start.data.pid", 1),
            (
                "send, event.data.size > open.data.size, event.data.ppid != start.data.pid",
                1
            ),
            ("close", 1),
            ("stop_when", 1),
        ]
    );
    assert_eq!(condition.parts[3].parts[0].parts, []);
}
