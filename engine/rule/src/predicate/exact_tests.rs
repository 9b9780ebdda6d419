//! Exact paths: read as [`larum_event::FieldSet`] reads them, answered only as what a value is.

use std::sync::Arc;

use larum_event::{Channel, Event, EventId, FieldSet, Fill, Severity, Source, TenantId, Timestamp};
use proptest::prelude::*;

use super::*;

const PATHS: [&str; 7] = [
    "data",
    "data.a",
    "data.a.b",
    "data.a.b.c",
    "data.b.c",
    "data.c",
    "type",
];

fn event(data: &str) -> Event {
    let json = format!(r#"{{"type":"t","data":{data}}}"#);
    let fill = Fill {
        arrived: Timestamp::parse("2026-11-20T12:00:00Z").unwrap(),
        new_id: &|| EventId::new("e").unwrap(),
        source: Some(&Source::new("s").unwrap()),
        channel: &Channel::default_channel(),
        tenant: &TenantId::default_tenant(),
        severity: &|_| Severity::Info,
    };
    Event::parse(json.as_bytes(), &fill).unwrap()
}

fn data() -> impl Strategy<Value = String> {
    let scalar = prop::sample::select(vec![
        "null",
        "true",
        "-0",
        "1",
        "1.0",
        "2e3",
        "\"\"",
        "\"x\"",
        "\"\\u0041\\n\"",
        "18446744073709551615",
        "[]",
        "{}",
    ])
    .prop_map(str::to_owned);
    scalar.prop_recursive(4, 16, 4, |inner| {
        let name = prop::sample::select(vec![
            "a", "b", "c", "a.b", "b.c", "a.b.c", "#text", "a b", "\\u0061", "d", "", ".",
        ]);
        // Two spellings of a name are one name, which no event has twice.
        let member = (name, inner.clone());
        prop_oneof![
            3 => prop::collection::vec(member, 0..4).prop_map(|members| {
                let mut known: Vec<String> = Vec::new();
                let mut text = Vec::new();
                for (name, value) in members {
                    let plain = name.replace("\\u0061", "a");
                    if !known.contains(&plain) {
                        known.push(plain);
                        text.push(format!("\"{name}\":{value}"));
                    }
                }
                format!("{{{}}}", text.join(","))
            }),
            1 => prop::collection::vec(inner, 0..3)
                .prop_map(|elements| format!("[{}]", elements.join(","))),
        ]
    })
}

/// What a value is to a record.
fn seen(value: &larum_event::Value<'_>) -> (ValueKind, Option<Number>, String) {
    use larum_event::Value;
    match value {
        Value::Null => (ValueKind::Null, None, String::new()),
        Value::Bool(truth) => (ValueKind::Truth, None, truth.to_string()),
        Value::Int(whole) => {
            let number = Number::Whole((*whole).into());
            (ValueKind::Number, Some(number), String::new())
        }
        Value::Float(float) => {
            let number = Number::Float(float.to_bits());
            (ValueKind::Number, Some(number), String::new())
        }
        Value::Str(text) => (ValueKind::Text, None, text.to_string()),
        Value::Array(_) => (ValueKind::List, None, String::new()),
        Value::Object(_) => (ValueKind::Hollow, None, String::new()),
    }
}

proptest! {
    #[test]
    fn exact_paths_are_read_as_field_sets_read_them(data in data()) {
        let event = event(&data);
        let mut fields = FieldSet::default();
        let mut builder = PredicateSetBuilder::default();
        // Fields of layouts beside them change nothing.
        for field in ["a", "a.b", "data.a"] {
            builder.slot(field);
        }
        let slots = PATHS.map(|path| (builder.path(path), fields.slot(path)));
        let set = builder.build().unwrap();
        let mut map = PathMap::default();
        map.mount("data");
        let mut reader = RecordReader::new(&set, &map);
        let mut record = Record::default();
        for _ in 0..2 {
            reader.read(event.json(), &mut record).unwrap();
            let wanted = fields.read(&event);
            for (path, (slot, field)) in PATHS.iter().zip(slots) {
                let mut found: Vec<_> = record
                    .values()
                    .filter(|value| value.slot == Some(slot))
                    .map(|value| {
                        let number = value.kind == ValueKind::Number;
                        let parsed = number.then(|| Number::of_value(value.text)).flatten();
                        let text = if number { "" } else { value.text };
                        (value.kind, parsed, text.to_owned())
                    })
                    .collect();
                prop_assert!(found.len() < 2, "{path} of {data}");
                prop_assert_eq!(found.pop(), wanted[field].as_ref().map(seen), "{} of {}", path, data);
            }
        }
    }
}

/// Whether a test holds for `data.x` of an event, whose `data.y` may be compared with.
fn holds(test: impl Fn(Slot) -> Test, data: &str) -> bool {
    let mut builder = PredicateSetBuilder::default();
    let view = builder.view("", Expression::Always).unwrap();
    let (slot, other) = (builder.path("data.x"), builder.path("data.y"));
    let predicate = builder.predicate(Some(slot), test(other)).unwrap();
    builder.rule([(view, Expression::Is(predicate))]);
    let set = Arc::new(builder.build().unwrap());
    let mut record = Record::default();
    RecordReader::new(&set, &PathMap::default())
        .read(event(data).json(), &mut record)
        .unwrap();
    let mut matcher = PredicateMatcher::new(set);
    let mut out = Vec::new();
    matcher.matches(&record, &mut out);
    assert_eq!(matcher.held(&record, predicate), !out.is_empty());
    !out.is_empty()
}

fn text(kind: TextKind, literal: &str, case: Case) -> Test {
    let literal = literal.to_owned();
    Test::Text {
        kind,
        literal,
        case,
    }
}

#[test]
fn texts_answer_tests_of_texts_and_numbers_tests_of_numbers() {
    let whole = |case| move |_| text(TextKind::Whole, "4688", case);
    let number = |_| Test::Number(Comparison::Equal, Number::Whole(4688));
    let regex = |_| Test::Regex("4688".to_owned());
    for (value, is_text, is_number) in [
        (r#""4688""#, true, false),
        ("4688", false, true),
        ("4688.0", false, true),
        (r#"["4688"]"#, false, false),
        ("[4688]", false, false),
        ("null", false, false),
    ] {
        let data = format!(r#"{{"x":{value}}}"#);
        assert_eq!(holds(whole(Case::Kept), &data), is_text, "{data}");
        assert_eq!(holds(whole(Case::Ignored), &data), is_text, "{data}");
        assert_eq!(holds(regex, &data), is_text, "{data}");
        assert_eq!(holds(number, &data), is_number, "{data}");
    }
    let truth = |_| text(TextKind::Whole, "true", Case::Kept);
    assert!(!holds(truth, r#"{"x":true}"#));
}

#[test]
fn shapes_are_told_apart() {
    let shapes = |data: &str| -> Vec<Shape> {
        let all = [
            Shape::NonNull,
            Shape::Nested,
            Shape::Truth(true),
            Shape::Truth(false),
            Shape::NoTruth,
            Shape::Integer,
            Shape::Large,
            Shape::NotAscii,
            Shape::Dotted,
        ];
        let held = |shape: &Shape| holds(|_| Test::Shape(*shape), data);
        all.into_iter().filter(held).collect()
    };
    let just = [Shape::NonNull, Shape::NoTruth];
    let and = |shape| vec![Shape::NonNull, Shape::NoTruth, shape];
    assert_eq!(shapes("{}"), []);
    assert_eq!(shapes(r#"{"x":null}"#), []);
    assert_eq!(
        shapes(r#"{"x":[]}"#),
        [Shape::NonNull, Shape::Nested, Shape::NoTruth]
    );
    assert_eq!(
        shapes(r#"{"x":{"y":1}}"#),
        [Shape::NonNull, Shape::Nested, Shape::NoTruth]
    );
    assert_eq!(
        shapes(r#"{"x":true}"#),
        [Shape::NonNull, Shape::Truth(true)]
    );
    assert_eq!(
        shapes(r#"{"x":false}"#),
        [Shape::NonNull, Shape::Truth(false)]
    );
    assert_eq!(shapes(r#"{"x":"true"}"#), just);
    assert_eq!(shapes(r#"{"x":9223372036854775807}"#), and(Shape::Integer));
    assert_eq!(shapes(r#"{"x":9223372036854775808}"#), just);
    assert_eq!(shapes(r#"{"x":1.0}"#), just);
    assert_eq!(shapes(r#"{"x":"é"}"#), and(Shape::NotAscii));
    let text = |bytes| format!(r#"{{"x":"{}"}}"#, "a".repeat(bytes));
    assert_eq!(shapes(&text(LARGE_BYTES)), and(Shape::Large));
    assert_eq!(shapes(&text(LARGE_BYTES - 1)), just);
}

#[test]
fn values_compare_as_what_they_are() {
    let order = |_| Test::Typed(Typed::Order(Comparison::Less, "b".to_owned()));
    assert!(holds(order, r#"{"x":"a"}"#));
    assert!(!holds(order, r#"{"x":"b"}"#));
    assert!(!holds(order, r#"{"x":1}"#));
    let compare = |comparison| move |other| Test::Typed(Typed::Compare(comparison, other));
    for (data, wanted) in [
        (r#"{"x":"a","y":"a"}"#, "="),
        (r#"{"x":"a","y":"b"}"#, "<"),
        (r#"{"x":1,"y":1.0}"#, "="),
        (r#"{"x":2,"y":10}"#, "<"),
        (r#"{"x":false,"y":true}"#, "<"),
        (r#"{"x":1,"y":"1"}"#, ""),
        (r#"{"x":null,"y":null}"#, ""),
        (r#"{"x":[],"y":[]}"#, ""),
        (r#"{"x":1}"#, ""),
    ] {
        assert_eq!(
            holds(compare(Comparison::Equal), data),
            wanted == "=",
            "{data}"
        );
        assert_eq!(
            holds(compare(Comparison::Less), data),
            wanted == "<",
            "{data}"
        );
    }
    let length = |_| Test::Typed(Typed::Length(Comparison::AtLeast, Number::Whole(2)));
    assert!(holds(length, r#"{"x":"éé"}"#));
    assert!(!holds(length, r#"{"x":"é"}"#));
    assert!(!holds(length, r#"{"x":[1,2]}"#));
    let recased = |to, literal: &'static str| {
        move |_| {
            Test::Typed(Typed::Recased {
                to,
                kind: TextKind::Whole,
                literal: literal.to_owned(),
            })
        }
    };
    assert!(holds(recased(Letters::Lower, "aς"), r#"{"x":"AΣ"}"#));
    assert!(!holds(recased(Letters::Lower, "A"), r#"{"x":"A"}"#));
    assert!(holds(recased(Letters::Upper, "SS"), r#"{"x":"ß"}"#));
}

#[test]
fn elements_of_a_list_are_values_of_their_own_slot() {
    let mut builder = PredicateSetBuilder::default();
    let (list, elements) = (builder.path("data.x"), builder.elements("data.x"));
    builder.slot("x");
    let set = builder.build().unwrap();
    let mut map = PathMap::default();
    map.mount("data");
    let mut reader = RecordReader::new(&set, &map);
    let mut record = Record::default();
    for (data, wanted) in [
        (r#"{"x":["a",1,null]}"#, vec!["a", "1", ""]),
        (r#"{"x":[]}"#, vec![]),
        (r#"{"x":"a"}"#, vec![]),
        (r#"{"x":{"":["a"]}}"#, vec![]),
        // What is nested deeper is no element.
        (r#"{"x":[["a"],{"x":"b"}]}"#, vec![""]),
    ] {
        reader.read(event(data).json(), &mut record).unwrap();
        let of = |slot| record.values().filter(move |one| one.slot == Some(slot));
        let found: Vec<_> = of(elements).map(|one| one.text).collect();
        assert_eq!(found, wanted, "{data}");
        assert_eq!(of(list).count(), 1, "{data}");
    }
}
