//! Reading fields in place.

use std::borrow::Cow;

use crate::door::parse;
use larum_event::{FieldSet, FieldValue};

const EVENT: &str = r#"{"type":"auth.login","id":"e-1","time":"2026-11-20T12:00:00Z","sequence":3,
    "metadata":{"user":"eve"},"data":{"a":{"b":{"c":1},"list":[1,{"b":2}]},"ok":true,"no":null,"half":0.5,
    "big":18446744073709551615,"tab":"x\ty","empty":"","a.b":"flat","p.q":{"r.s":4},"p":{"q":{"z":5}},"brackets":"}],{\""}}"#;

#[test]
fn each_kind_of_value_is_read_in_place() {
    let event = parse(EVENT).unwrap();
    let text = |text: &'static str| FieldValue::Str(Cow::Borrowed(text));
    for (path, expected) in [
        ("type", Some(text("auth.login"))),
        ("id", Some(text("e-1"))),
        ("time", Some(text("2026-11-20T12:00:00Z"))),
        ("channel", Some(text("events"))),
        ("severity", Some(text("medium"))),
        ("sequence", Some(FieldValue::Int(3))),
        ("metadata.user", Some(text("eve"))),
        ("metadata.tenantId", Some(text("default"))),
        ("data.a.b.c", Some(FieldValue::Int(1))),
        ("data.a.b", Some(FieldValue::Object(r#"{"c":1}"#))),
        ("data.a.list", Some(FieldValue::Array(r#"[1,{"b":2}]"#))),
        ("data.a.list.b", None),
        ("data.ok", Some(FieldValue::Bool(true))),
        ("data.no", Some(FieldValue::Null)),
        ("data.half", Some(FieldValue::Float(0.5))),
        (
            "data.big",
            Some(FieldValue::Float(18_446_744_073_709_551_615.0)),
        ),
        ("data.tab", Some(text("x\ty"))),
        ("data.empty", Some(text(""))),
        ("data.brackets", Some(text("}],{\""))),
        ("data.missing", None),
        ("data.ok.deeper", None),
        ("missing", None),
        ("", None),
    ] {
        assert_eq!(event.field(path), expected, "{path}");
    }
    assert!(matches!(
        event.field("metadata.user"),
        Some(FieldValue::Str(Cow::Borrowed(_)))
    ));
}

#[test]
fn one_pass_finds_a_path_and_what_lies_inside_of_it() {
    let event = parse(EVENT).unwrap();
    let mut set = FieldSet::default();
    let paths = [
        "data.a",
        "data.a.b.c",
        "data.a.b",
        "data.none.x",
        "metadata",
        "data.a",
    ];
    let slots: Vec<usize> = paths.iter().map(|path| set.intern_path(path)).collect();
    assert_eq!(slots, [0, 1, 2, 3, 4, 0]);
    assert_eq!(set.paths().len(), 5);
    let found = set.read_values(&event);
    assert_eq!(
        found[0],
        Some(FieldValue::Object(r#"{"b":{"c":1},"list":[1,{"b":2}]}"#))
    );
    assert_eq!(found[1], Some(FieldValue::Int(1)));
    assert_eq!(found[2], Some(FieldValue::Object(r#"{"c":1}"#)));
    assert_eq!(found[3], None);
    assert_eq!(
        found[4],
        Some(FieldValue::Object(r#"{"tenantId":"default","user":"eve"}"#))
    );
}

#[test]
fn a_dotted_name_is_found_and_the_nested_form_wins_in_either_order() {
    let event = parse(EVENT).unwrap();
    assert_eq!(event.field("data.p.q.r.s"), Some(FieldValue::Int(4)));
    assert_eq!(event.field("data.p.q.z"), Some(FieldValue::Int(5)));
    for data in [r#"{"a.b":1,"a":{"b":2}}"#, r#"{"a":{"b":2},"a.b":1}"#] {
        let event = parse(format!(r#"{{"type":"t","data":{data}}}"#)).unwrap();
        assert_eq!(event.field("data.a.b"), Some(FieldValue::Int(2)), "{data}");
    }
    let event = parse(r#"{"type":"t","data":{"a.b":1,"a":{"c":2}}}"#).unwrap();
    assert_eq!(event.field("data.a.b"), Some(FieldValue::Int(1)));
}

#[test]
fn the_buffer_is_cleared_between_events() {
    let first = parse(EVENT).unwrap();
    let second = parse(r#"{"type":"t"}"#).unwrap();
    let mut set = FieldSet::default();
    set.intern_path("data.ok");
    let mut found = Vec::new();
    set.read_values_into(&first, &mut found);
    assert_eq!(found, [Some(FieldValue::Bool(true))]);
    set.read_values_into(&second, &mut found);
    assert_eq!(found, [None]);
}

#[test]
fn a_path_deeper_than_any_event_is_never_found_and_harms_nothing() {
    let event = parse(EVENT).unwrap();
    assert_eq!(event.field(&"a.".repeat(100_000)), None);
    let mut deep = String::from("1");
    for _ in 0..62 {
        deep = format!("{{\"a\":{deep}}}");
    }
    let event = parse(format!(r#"{{"type":"t","data":{deep}}}"#)).unwrap();
    let path = format!("data{}", ".a".repeat(62));
    assert_eq!(event.field(&path), Some(FieldValue::Int(1)));
    assert_eq!(event.field(&format!("{path}.a")), None);
}
