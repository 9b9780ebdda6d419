//! Conditions that were read answer as the script engine does, for any condition and any event.

use std::sync::Arc;

use larum_event::Event;
use larum_rule::{FaultKind, Matcher};
use proptest::prelude::*;

use crate::given::{load, login};

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
        let name = prop::sample::select(vec!["a", "d", "e", "len", "d.e"]);
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
    let name = prop::sample::select(vec!["a", "b", "c", "bytes", "c.d"]);
    prop_oneof![
        8 => prop::collection::btree_map(name, value(), 0..5).prop_map(object),
        1 => value(),
    ]
}

/// What each of the conditions says of each of the events.
fn answers(conditions: &[String], events: &[Event]) -> (usize, Vec<String>) {
    let mut text = String::from(
        "const LIMIT = 4688; const WORD = \"ab\"; const LIST = [1, \"a\", (), true, 0.5];\n",
    );
    for (number, condition) in conditions.iter().enumerate() {
        text += &format!("rule(\"r{number:02}\").on(\"#\").when(|event| {condition});\n");
    }
    let set = Arc::new(load(&text));
    let native = set.rules().iter().filter(|rule| rule.is_native()).count();
    let mut matcher = Matcher::new(set);
    let answers = events.iter().map(|event| {
        let (mut out, mut faults) = (Vec::new(), Vec::new());
        matcher.matches(0, event, &mut out, &mut faults);
        let found: Vec<u32> = out.iter().map(|found| found.rule).collect();
        let failed: Vec<(u32, FaultKind)> = faults
            .iter()
            .map(|fault| (fault.rule, fault.kind))
            .collect();
        format!("{found:?} {failed:?}")
    });
    (native, answers.collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn read_conditions_answer_as_scripts_do(
        conditions in prop::collection::vec(condition(), 8),
        data in prop::collection::vec(data(), 8),
    ) {
        let events: Vec<Event> = data.iter().map(|data| login(data)).collect();
        // A statement more, and a condition is no longer read.
        let scripts: Vec<String> = conditions
            .iter()
            .map(|condition| format!("{{ let it = ({condition}); it }}"))
            .collect();
        let (read, native) = answers(&conditions, &events);
        let (unread, scripted) = answers(&scripts, &events);
        prop_assert_eq!((read, unread), (conditions.len(), 0));
        prop_assert_eq!(native, scripted);
    }
}
