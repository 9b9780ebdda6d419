//! Exact paths: read as [`larum_event::FieldSet`] reads them, answered only as what a value is.

use std::sync::Arc;

use larum_event::value::{CaseSensitivity, Comparison, Number};
use larum_event::{
    Channel, Event, EventDefaults, EventId, FieldSet, Severity, Source, TenantId, Timestamp,
};
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
    let fill = EventDefaults {
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
fn seen(value: &larum_event::FieldValue<'_>) -> (ValueKind, Option<Number>, String) {
    use larum_event::FieldValue;
    match value {
        FieldValue::Null => (ValueKind::Null, None, String::new()),
        FieldValue::Bool(truth) => (ValueKind::Bool, None, truth.to_string()),
        FieldValue::Int(whole) => {
            let number = Number::Whole((*whole).into());
            (ValueKind::Number, Some(number), String::new())
        }
        FieldValue::Float(float) => {
            let number = Number::Float(*float);
            (ValueKind::Number, Some(number), String::new())
        }
        FieldValue::Str(text) => (ValueKind::Text, None, text.to_string()),
        FieldValue::Array(_) => (ValueKind::List, None, String::new()),
        FieldValue::Object(_) => (ValueKind::Container, None, String::new()),
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
            builder.field_slot(field);
        }
        let slots = PATHS.map(|path| (builder.path_slot(path), fields.intern_path(path)));
        let set = builder.build().unwrap();
        let mut map = PathMap::default();
        map.add_mount("data");
        let mut reader = FlatRecordReader::new(&set, &map);
        let mut record = FlatRecord::default();
        for _ in 0..2 {
            reader.read_json(event.json(), &mut record).unwrap();
            let wanted = fields.read_values(&event);
            for (path, (slot, field)) in PATHS.iter().zip(slots) {
                let mut found: Vec<_> = record
                    .values()
                    .filter(|value| value.slot == Some(slot))
                    .map(|value| {
                        let number = value.kind == ValueKind::Number;
                        let parsed = number.then(|| Number::parse_json(value.text)).flatten();
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
fn holds(test: impl Fn(SlotId) -> FieldTest, data: &str) -> bool {
    let mut builder = PredicateSetBuilder::default();
    let view = builder.add_view("", BoolExpression::Always).unwrap();
    let (slot, other) = (builder.path_slot("data.x"), builder.path_slot("data.y"));
    let predicate = builder.add_predicate(Some(slot), test(other)).unwrap();
    builder.add_rule([(view, BoolExpression::Is(predicate))]);
    let set = Arc::new(builder.build().unwrap());
    let mut record = FlatRecord::default();
    FlatRecordReader::new(&set, &PathMap::default())
        .read_json(event(data).json(), &mut record)
        .unwrap();
    let mut matcher = PredicateMatcher::new(set);
    let mut out = Vec::new();
    matcher.match_record(&record, &mut out);
    assert_eq!(matcher.predicate_holds(&record, predicate), !out.is_empty());
    !out.is_empty()
}

fn text(kind: TextAnchor, literal: &str, case: CaseSensitivity) -> FieldTest {
    let literal = literal.to_owned();
    FieldTest::Text {
        kind,
        literal,
        case,
    }
}

#[test]
fn texts_answer_tests_of_texts_and_numbers_tests_of_numbers() {
    let whole = |case| move |_| text(TextAnchor::Whole, "4688", case);
    let number = |_| FieldTest::Number(Comparison::Equal, Number::Whole(4688));
    let regex = |_| FieldTest::Regex("4688".to_owned());
    for (value, is_text, is_number) in [
        (r#""4688""#, true, false),
        ("4688", false, true),
        ("4688.0", false, true),
        (r#"["4688"]"#, false, false),
        ("[4688]", false, false),
        ("null", false, false),
    ] {
        let data = format!(r#"{{"x":{value}}}"#);
        assert_eq!(
            holds(whole(CaseSensitivity::Sensitive), &data),
            is_text,
            "{data}"
        );
        assert_eq!(
            holds(whole(CaseSensitivity::Insensitive), &data),
            is_text,
            "{data}"
        );
        assert_eq!(holds(regex, &data), is_text, "{data}");
        assert_eq!(holds(number, &data), is_number, "{data}");
    }
    let truth = |_| text(TextAnchor::Whole, "true", CaseSensitivity::Sensitive);
    assert!(!holds(truth, r#"{"x":true}"#));
}

#[test]
fn shapes_are_told_apart() {
    let shapes = |data: &str| -> Vec<ValueShape> {
        let all = [
            ValueShape::NonNull,
            ValueShape::Nested,
            ValueShape::Bool(true),
            ValueShape::Bool(false),
            ValueShape::NotBool,
            ValueShape::Integer,
            ValueShape::Large,
            ValueShape::NotAscii,
            ValueShape::Dotted,
        ];
        let held = |shape: &ValueShape| holds(|_| FieldTest::Shape(*shape), data);
        all.into_iter().filter(held).collect()
    };
    let just = [ValueShape::NonNull, ValueShape::NotBool];
    let and = |shape| vec![ValueShape::NonNull, ValueShape::NotBool, shape];
    assert_eq!(shapes("{}"), []);
    assert_eq!(shapes(r#"{"x":null}"#), []);
    assert_eq!(
        shapes(r#"{"x":[]}"#),
        [ValueShape::NonNull, ValueShape::Nested, ValueShape::NotBool]
    );
    assert_eq!(
        shapes(r#"{"x":{"y":1}}"#),
        [ValueShape::NonNull, ValueShape::Nested, ValueShape::NotBool]
    );
    assert_eq!(
        shapes(r#"{"x":true}"#),
        [ValueShape::NonNull, ValueShape::Bool(true)]
    );
    assert_eq!(
        shapes(r#"{"x":false}"#),
        [ValueShape::NonNull, ValueShape::Bool(false)]
    );
    assert_eq!(shapes(r#"{"x":"true"}"#), just);
    assert_eq!(
        shapes(r#"{"x":9223372036854775807}"#),
        and(ValueShape::Integer)
    );
    assert_eq!(shapes(r#"{"x":9223372036854775808}"#), just);
    assert_eq!(shapes(r#"{"x":1.0}"#), just);
    assert_eq!(shapes(r#"{"x":"é"}"#), and(ValueShape::NotAscii));
    let text = |bytes| format!(r#"{{"x":"{}"}}"#, "a".repeat(bytes));
    assert_eq!(shapes(&text(LARGE_BYTES)), and(ValueShape::Large));
    assert_eq!(shapes(&text(LARGE_BYTES - 1)), just);
}

#[test]
fn values_compare_as_what_they_are() {
    let order = |_| FieldTest::Typed(TypedTest::Order(Comparison::Less, "b".to_owned()));
    assert!(holds(order, r#"{"x":"a"}"#));
    assert!(!holds(order, r#"{"x":"b"}"#));
    assert!(!holds(order, r#"{"x":1}"#));
    let compare = |comparison| move |other| FieldTest::Typed(TypedTest::Compare(comparison, other));
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
    let length = |_| FieldTest::Typed(TypedTest::Length(Comparison::AtLeast, Number::Whole(2)));
    assert!(holds(length, r#"{"x":"éé"}"#));
    assert!(!holds(length, r#"{"x":"é"}"#));
    assert!(!holds(length, r#"{"x":[1,2]}"#));
    let recased = |to, literal: &'static str| {
        move |_| {
            FieldTest::Typed(TypedTest::Recased {
                to,
                kind: TextAnchor::Whole,
                literal: literal.to_owned(),
            })
        }
    };
    assert!(holds(recased(LetterCase::Lower, "aς"), r#"{"x":"AΣ"}"#));
    assert!(!holds(recased(LetterCase::Lower, "A"), r#"{"x":"A"}"#));
    assert!(holds(recased(LetterCase::Upper, "SS"), r#"{"x":"ß"}"#));
}

#[test]
fn elements_of_a_list_are_values_of_their_own_slot() {
    let mut builder = PredicateSetBuilder::default();
    let (list, elements) = (builder.path_slot("data.x"), builder.element_slot("data.x"));
    builder.field_slot("x");
    let set = builder.build().unwrap();
    let mut map = PathMap::default();
    map.add_mount("data");
    let mut reader = FlatRecordReader::new(&set, &map);
    let mut record = FlatRecord::default();
    for (data, wanted) in [
        (r#"{"x":["a",1,null]}"#, vec!["a", "1", ""]),
        (r#"{"x":[]}"#, vec![]),
        (r#"{"x":"a"}"#, vec![]),
        (r#"{"x":{"":["a"]}}"#, vec![]),
        // What is nested deeper is no element.
        (r#"{"x":[["a"],{"x":"b"}]}"#, vec![""]),
    ] {
        reader.read_json(event(data).json(), &mut record).unwrap();
        let of = |slot| record.values().filter(move |one| one.slot == Some(slot));
        let found: Vec<_> = of(elements).map(|one| one.text).collect();
        assert_eq!(found, wanted, "{data}");
        assert_eq!(of(list).count(), 1, "{data}");
    }
}
