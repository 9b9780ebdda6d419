//! Conditions that were read answer as the script engine does, for any condition and any event.

use std::sync::Arc;

use larum_event::Event;
use larum_rule::{RuleMatcher, RuleSet};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use crate::fixtures::{load, load_interpreted, login};

/// What stands in front of the rules.
const PRELUDE: &str = r#"
const LIMIT = 4688;
const WORD = "ab";
const LIST = [1, "a", (), true, 0.5];
const NAMES = #{ a: 1, ab: 2 };
fn is_a(e) { e.data.a == "a" || e.data.c.d == 1 }
fn same(left, right) { left == right }
fn begins(text, start) { if text == () { return false; } text.starts_with(start) }
fn flagged(e) { e.data.b && true }
fn risky(e) { if e.data.a == 1 { throw "no"; } e.data["c"]["d"] == 1 }
fn nothing(x) { }
fn boom() { throw 7; }
fn deep(e) { is_a(e) && same(e.data.b, 4688) }
"#;

/// A field as conditions write it.
fn field() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "event.data.a",
        "event.data.b",
        "event.data.c.d",
        "event.data[\"c\"][\"d\"]",
        "event.data[\"c\"].d.e",
        "event.data.c?.d",
        "event.data.a.len",
        "event.data.bytes",
        "event.data.c",
        "event.data",
        "event.metadata.user",
        "event.metadata[\"none\"]",
        "event.type",
        "event.severity",
        "event.sequence",
        "event.correlation.root",
    ])
    .prop_map(str::to_owned)
}

fn constant() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "0",
        "1",
        "-1",
        "4688",
        "9007199254740993",
        "1.0",
        "0.5",
        "-2.5",
        "9007199254740992.0",
        "true",
        "false",
        "()",
        r#""""#,
        r#""a""#,
        r#""A""#,
        r#""4688""#,
        r#""ab""#,
        r#""eve""#,
        r#""auth.login""#,
        r#""é""#,
        "LIMIT",
        "WORD",
    ])
    .prop_map(str::to_owned)
}

fn text() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        r#""""#, r#""a""#, r#""A""#, r#""ab""#, r#""É""#, "WORD",
    ])
    .prop_map(str::to_owned)
}

fn operand() -> impl Strategy<Value = String> {
    prop_oneof![3 => field(), 1 => constant()]
}

fn question() -> impl Strategy<Value = String> {
    let operator = prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]);
    let test = prop::sample::select(vec![
        "contains",
        "starts_with",
        "ends_with",
        "eq_ci",
        "contains_ci",
        "starts_with_ci",
        "ends_with_ci",
    ]);
    let path = prop::sample::select(vec!["data.a", "data.c.d", "data.a.x", "type", "sequence"]);
    prop_oneof![
        4 => (operand(), operator, operand()).prop_map(|(l, op, r)| format!("{l} {op} {r}")),
        2 => (field(), test.clone(), text()).prop_map(|(f, test, t)| format!("{f}.{test}({t})")),
        1 => (field(), test, text()).prop_map(|(f, test, t)| format!("{test}({f}, {t})")),
        2 => (field(), prop::collection::vec(constant(), 0..4))
            .prop_map(|(f, list)| format!("{f} in [{}]", list.join(", "))),
        1 => field().prop_map(|f| format!("{f} !in LIST")),
        1 => (text(), field()).prop_map(|(t, f)| format!("{t} in {f}")),
        1 => field().prop_map(|f| format!("{f}.matches(\"^[a-z]+$\")")),
        1 => field().prop_map(|f| format!("cidr({f}, \"10.0.0.0/8\")")),
        1 => path.prop_map(|path| format!("event.has({path:?})")),
        1 => field(),
    ]
}

/// What cannot be read as a whole, may fail, or is read in a way of its own.
fn odd() -> impl Strategy<Value = String> {
    let odd = prop::sample::select(vec![
        "event.data.a.to_lower() == \"a\"",
        "event.data.a.to_upper() != WORD",
        "event.data.b.to_lower().contains(\"a\")",
        "event.data.a.to_lower() in [\"a\", \"é\"]",
        "event.data.a.len() > 1",
        "event.data.a.len >= 1",
        "event.data.c.len != 1",
        "event.data.c.len() == 1",
        "len(event.data.b) < 2",
        "event.data.a.is_empty()",
        "event.data.a.is_empty",
        "event.data.a in 1..5",
        "event.data.a in 0..=1",
        "event.data.b in 1..1",
        "event.data.a in NAMES",
        "event.data.a in #{ a: 1 }",
        "event.data.a.contains(event.data.b)",
        "event.data.b.starts_with(event.data.a)",
        "event.data.a.eq_ci(event.data.b)",
        "event.data.a in event.data.c",
        "1 in event.data.a",
        "event.data.c.contains(0.5)",
        "true in event.data.b",
        "event.data.c.d.contains(\"a\")",
        "event.data.c?.d in event.data.b",
        "() in event.data.a",
        "\"4688\" in event.data.c",
        "(event.data.a ?? 1) == 1",
        "(event.data.a ?? event.data.b ?? \"a\") != \"a\"",
        "event.data.a > 4000 + 688",
        "event.data.a == WORD + \"\"",
        "event.data.a < 9223372036854775807 + 1",
        "event.data.a == 7 / 0",
        "is_a(event)",
        "same(event.data.a, event.data.b)",
        "same(event.data.a, 1) == true",
        "begins(event.data.a, \"a\")",
        "flagged(event)",
        "risky(event)",
        "nothing(event)",
        "deep(event)",
        "event.data.a + 1 == 2",
        "event.data.c[0] == 1",
        "event.data.c.some(|x| x == 1)",
        "parse_int(event.data.a) == 4688",
        "event.data.a == parse_int(event.data.b)",
        "boom()",
        "event.data.a.split(\"a\").len() == 2",
        "(event.data.a == 1) == (event.data.b == 1)",
        "event.data.a?.contains(\"a\") == false",
        "event.data.c?.d?.is_empty()",
        "event.data.c.bytes?.e.starts_with(\"a\")",
        "event.data?.c?.d.matches(\"a\")",
        "event.topic == \"security.auth.login\"",
        "event.tenant == \"default\"",
        "event[\"topic\"].ends_with(\"login\")",
        "event.has(\"topic\")",
        "event.data.bytes.total == 1",
        "event.data[\"c.d\"] == 1",
    ]);
    odd.prop_map(str::to_owned)
}

/// Conditions of which some is odd.
fn mixed() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![2 => question(), 2 => odd()];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            3 => (inner.clone(), inner.clone()).prop_map(|(l, r)| format!("({l} && {r})")),
            3 => (inner.clone(), inner.clone()).prop_map(|(l, r)| format!("({l} || {r})")),
            2 => inner.clone().prop_map(|part| format!("!({part})")),
            1 => (inner.clone(), inner.clone(), inner).prop_map(|(c, l, r)| {
                format!("(if {c} {{ {l} }} else {{ {r} }})")
            }),
        ]
    })
}

/// Bodies with statements.
fn body() -> impl Strategy<Value = String> {
    let value = prop_oneof![field(), mixed(), constant()];
    prop_oneof![
        3 => mixed(),
        1 => (value, mixed(), constant()).prop_map(|(value, then, to)| {
            format!("{{ let x = {value}; x == {to} || ({then}) }}")
        }),
        1 => (mixed(), mixed()).prop_map(|(c, then)| {
            format!("{{ if {c} {{ return false; }} {then} }}")
        }),
        1 => (mixed(), mixed(), mixed()).prop_map(|(c, one, other)| {
            format!("{{ if {c} {{ return {one}; }} else if {other} {{ return true; }} false }}")
        }),
        1 => (mixed(), mixed()).prop_map(|(c, then)| format!("if {c} {{ {then} }}")),
        1 => (field(), mixed()).prop_map(|(field, then)| {
            format!("{{ let e = event; let d = e.data; d.a == {field} && ({then}) }}")
        }),
        1 => (mixed(), mixed()).prop_map(|(let_it, then)| {
            format!("{{ let it = {let_it}; it && ({then}) || !it }}")
        }),
        1 => (mixed(), mixed()).prop_map(|(first, second)| {
            format!("{{ let n = 0; if {first} {{ n += 1; }} n == 1 && ({second}) }}")
        }),
        1 => (mixed(), mixed()).prop_map(|(first, second)| {
            format!(
                "{{ let y = 1; {first} && event.data.c.some(|x| {{ y += 1; x == y }}) && y == 2 && ({second}) }}"
            )
        }),
        1 => mixed().prop_map(|then| format!("{{ let event = event; {then} }}")),
        1 => mixed().prop_map(|then| {
            format!("{{ try {{ return {then}; }} catch {{ return true; }} }}")
        }),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    question().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(l, r)| format!("({l} && {r})")),
            (inner.clone(), inner.clone()).prop_map(|(l, r)| format!("({l} || {r})")),
            inner.prop_map(|part| format!("!({part})")),
        ]
    })
}

fn value() -> impl Strategy<Value = String> {
    let simple = prop::sample::select(vec![
        "null",
        "true",
        "false",
        "0",
        "1",
        "-1",
        "4688",
        "9007199254740993",
        "1.0",
        "0.5",
        "-2.5",
        r#""""#,
        r#""a""#,
        r#""A""#,
        r#""ab""#,
        r#""4688""#,
        r#""10.1.2.3""#,
        r#""eve""#,
        r#""é""#,
        "18446744073709551615",
    ])
    .prop_map(str::to_owned);
    simple.prop_recursive(2, 8, 3, |inner| {
        let name = prop::sample::select(vec!["a", "d", "e", "len", "d.e", "total"]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3)
                .prop_map(|elements| format!("[{}]", elements.join(","))),
            prop::collection::btree_map(name, inner, 0..3).prop_map(object),
        ]
    })
}

fn object(members: std::collections::BTreeMap<&str, String>) -> String {
    let members = members
        .iter()
        .map(|(name, value)| format!("{name:?}:{value}"));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

fn data() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["a", "b", "c", "bytes", "c.d", "a.len", "c.bytes"]);
    prop_oneof![
        8 => prop::collection::btree_map(name, value(), 0..5).prop_map(object),
        1 => value(),
    ]
}

/// What the file and its closures say of each of the events.
fn answers(set: RuleSet, events: &[Event]) -> Vec<String> {
    let mut matcher = RuleMatcher::new(Arc::new(set));
    let answers = events.iter().map(|event| {
        let (mut out, mut faults) = (Vec::new(), Vec::new());
        matcher.match_event(0, event, &mut out, &mut faults);
        let found: Vec<u32> = out.iter().map(|found| found.rule).collect();
        let failed: Vec<_> = faults
            .iter()
            .map(|fault| (fault.rule, fault.kind, &fault.message))
            .collect();
        format!("{found:?} {failed:?}")
    });
    answers.collect()
}

fn file(bodies: &[String]) -> String {
    let mut text = String::from(PRELUDE);
    for (number, body) in bodies.iter().enumerate() {
        text += &format!("rule(\"r{number:02}\").on(\"#\").when(|event| {body});\n");
    }
    text
}

/// What is told of each rule and event is what was decided.
fn check_explanations(set: Arc<RuleSet>, events: &[Event]) -> Result<(), TestCaseError> {
    let mut matcher = RuleMatcher::new(Arc::clone(&set));
    for event in events {
        let (mut out, mut faults) = (Vec::new(), Vec::new());
        matcher.match_event(0, event, &mut out, &mut faults);
        for number in 0..u32::try_from(set.rules().len()).unwrap() {
            let told = matcher.explain_rule(number, event).unwrap();
            let holds = out.iter().any(|found| found.rule == number);
            let fault = faults.iter().find(|fault| fault.rule == number);
            let wanted = fault.map_or(Ok(holds), |fault| Err(fault.clone()));
            prop_assert_eq!(&told.outcome, &wanted);
            let held = told.condition.unwrap().holds;
            prop_assert!(told.reads_topic && (held == wanted.ok() || told.ran_script));
        }
    }
    Ok(())
}

fn compare(bodies: &[String], data: &[String]) -> Result<usize, TestCaseError> {
    let events: Vec<Event> = data.iter().map(|data| login(data)).collect();
    let text = file(bodies);
    let set = load(&text);
    check_explanations(Arc::new(set.clone()), &events)?;
    let native = set.rules().iter().filter(|rule| rule.is_native()).count();
    let read = answers(set, &events);
    let scripted = answers(load_interpreted(&text), &events);
    for ((event, read), scripted) in events.iter().zip(read).zip(scripted) {
        prop_assert_eq!(read, scripted, "{}\n{}", text, event.json());
    }
    Ok(native)
}

/// A rule whose steps ask `conditions`, every other one compared with a step before, every third
/// one grouped elsewhere; between rules that ask the first and the last.
fn steps_file(conditions: &[String]) -> String {
    let mut steps = Vec::new();
    for (number, condition) in conditions.iter().enumerate() {
        let (joined, seen) = match number % 2 {
            1 => (
                format!(" && event.data.a != seen.s{}.data.b", number - 1),
                ", seen",
            ),
            _ => (String::new(), ""),
        };
        let key = match number % 3 {
            2 => r#".group_by(#{k: "data.b"})"#,
            _ => "",
        };
        steps.push(format!(
            r#"step("s{number}"){key}.when(|event{seen}| ({condition}){joined})"#
        ));
    }
    let (first, last) = (conditions.first().unwrap(), conditions.last().unwrap());
    format!(
        r##"{PRELUDE}
        rule("a").on("#").group_by("data.a").when(|event| {first}).within("1m").sum("data.b", 1);
        rule("b").on("#").group_by(#{{k: "data.a"}}).within("1m").sequence([{}])
            .stop_when(|event| {last});
        rule("c").on("#").when(|event| {last}).within("1m").distinct(["data.a", "type"], 2);"##,
        steps.join(",\n")
    )
}

/// What matches say of the events, captures included.
fn matches(set: RuleSet, events: &[Event]) -> Vec<String> {
    let mut matcher = RuleMatcher::new(Arc::new(set));
    let answers = events.iter().map(|event| {
        let (mut out, mut faults) = (Vec::new(), Vec::new());
        matcher.match_event(0, event, &mut out, &mut faults);
        format!("{out:?} {faults:?}")
    });
    answers.collect()
}

/// Half of what is usual: each case loads two sets.
fn config() -> ProptestConfig {
    ProptestConfig::with_cases(ProptestConfig::default().cases / 2)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn read_conditions_answer_as_scripts_do(
        conditions in prop::collection::vec(condition(), 8),
        data in prop::collection::vec(data(), 8),
    ) {
        let native = compare(&conditions, &data)?;
        // A text has a length where a field would be null, which is left to the script.
        let plain = conditions.iter().filter(|condition| !condition.contains(".len"));
        prop_assert!(native >= plain.count());
    }

    #[test]
    fn bodies_that_are_read_in_part_answer_as_scripts_do(
        bodies in prop::collection::vec(body(), 8),
        data in prop::collection::vec(data(), 8),
    ) {
        compare(&bodies, &data)?;
    }

    #[test]
    fn steps_and_what_they_capture_are_the_same_read_and_run(
        conditions in prop::collection::vec(mixed(), 2..8),
        data in prop::collection::vec(data(), 8),
    ) {
        let events: Vec<Event> = data.iter().map(|data| login(data)).collect();
        let text = steps_file(&conditions);
        let read = matches(load(&text), &events);
        let run = matches(load_interpreted(&text), &events);
        prop_assert_eq!(read, run, "{}", text);
    }
}
