//! What holds for all inputs.

use crate::door::{Door, parse};
use larum_event::{Event, FieldSet};
use proptest::prelude::*;

/// Any JSON value, as text, with white space here and there.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        any::<i64>().prop_map(|value| value.to_string()),
        any::<f64>()
            .prop_filter("JSON has finite numbers", |value| value.is_finite())
            .prop_map(|value| format!("{value:e}")),
        any::<String>().prop_map(|text| serde_json::Value::from(text).to_string()),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6)
                .prop_map(|items| format!("[ {}\n]", items.join(" ,"))),
            prop::collection::btree_map(any::<String>(), inner, 0..6).prop_map(|members| {
                let members: Vec<String> = members
                    .into_iter()
                    .map(|(name, value)| format!("{}\t: {value}", serde_json::Value::from(name)))
                    .collect();
                format!("{{{} }}", members.join(", "))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn canonical_text_reads_to_itself(data in json(), user in "[^\0]{0,8}", id in "[!-~]{1,9}", sequence: Option<u64>) {
        let (user, id) = (serde_json::Value::from(user), serde_json::Value::from(id));
        let sequence = sequence.map_or("null".to_owned(), |sequence| sequence.to_string());
        let text = format!(
            r#"{{"data": {data}, "type":"A.b", "id":{id}, "sequence":{sequence}, "metadata": {{"user": {user}}}}}"#
        );
        let event = parse(&text).expect("a good event");
        prop_assert!(!event.json().contains('\n'));
        let again = parse(event.json()).expect("its canonical form");
        prop_assert_eq!(again.json(), event.json());
        prop_assert_eq!(again.envelope(), event.envelope());
        prop_assert_eq!(again.content_hash(), event.content_hash());
        let stored = Event::from_canonical(event.json()).expect("its canonical form");
        prop_assert_eq!(stored.content_hash(), event.content_hash());
        let given: serde_json::Value = serde_json::from_str(&data).expect("JSON");
        let kept: serde_json::Value = serde_json::from_str(event.json()).expect("JSON");
        prop_assert_eq!(&kept["data"], &given);
    }

    #[test]
    fn cloudevents_there_and_back_lose_nothing(data in json(), name in "[a-zA-Z_.]{1,12}|larum|tenantid|rootid", value in json()) {
        let text = format!(r#"{{"id":"i","type":"a","source":"s","x.{name}":{value},"larum":{value},"data":{data}}}"#);
        let event = parse(&text).expect("a good event");
        let cloud = event.to_cloudevent();
        let read = |text: &str| Door::default().fill(|fill| Event::parse_cloudevent(text.as_bytes(), fill));
        let back = read(&cloud).expect("a good CloudEvent");
        prop_assert_eq!(back.json(), event.json());
        prop_assert_eq!(back.content_hash(), event.content_hash());
        // Whatever is accepted from outside has a canonical form that reads back.
        if let Ok(event) = read(&format!(r#"{{"specversion":"1.0","id":"i","type":"a","source":"s","{name}":{value}}}"#)) {
            Event::from_canonical(event.json()).expect("its canonical form");
        }
        let carried = serde_json::Value::from(format!(r#"{{"{name}":{value}}}"#));
        if let Ok(event) = read(&format!(r#"{{"specversion":"1.0","id":"i","type":"a","source":"s","larum":{carried}}}"#)) {
            Event::from_canonical(event.json()).expect("its canonical form");
        }
    }

    #[test]
    fn what_is_accepted_is_json_and_what_is_json_is_accepted(data in json(), cut in any::<prop::sample::Index>(), by: char) {
        let text = format!(r#"{{"type":"a","data":{data}}}"#);
        let at = text.char_indices().map(|(at, _)| at).nth(cut.index(text.chars().count())).unwrap_or(0);
        let (head, tail) = text.split_at(at);
        let mut rest = tail.chars();
        rest.next();
        let spoiled = format!("{head}{by}{}", rest.as_str());
        if parse(&spoiled).is_ok() {
            prop_assert!(serde_json::from_str::<serde_json::Value>(&spoiled).is_ok());
        }
    }

    #[test]
    fn arbitrary_bytes_are_rejected_and_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(parse(&bytes).is_err());
        let _ = Event::from_canonical(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn anything_that_looks_like_json_never_panics(text in r#"[\[\]{}:,"\\ut0-9a-e.\- ]{0,60}"#) {
        let _ = parse(&text);
        let _ = parse(format!(r#"{{"type":"a","data":{text}}}"#));
    }

    #[test]
    fn every_field_of_data_is_found_where_a_tree_has_it(data in json()) {
        let text = format!(r#"{{"type":"a","data":{data}}}"#);
        let event = parse(&text).expect("a good event");
        let tree: serde_json::Value = serde_json::from_str(&data).expect("JSON");
        let Some(members) = tree.as_object() else { return Ok(()) };
        let mut set = FieldSet::default();
        for (name, value) in members.iter().filter(|(name, _)| !name.contains('.')) {
            let slot = set.intern_path(&format!("data.{name}"));
            let values = set.read_values(&event);
            let found = values[slot].as_ref().expect("the member is there");
            match found {
                // serde_json is off in the last bits of long fractions and of the smallest numbers.
                larum_event::FieldValue::Float(number) => {
                    let expected = value.as_f64().expect("a number");
                    prop_assert!((number - expected).abs() <= number.abs() * 1e-15 + f64::MIN_POSITIVE, "{}", name);
                }
                _ => prop_assert_eq!(&as_tree(found), value, "{}", name),
            }
        }
    }
}

fn as_tree(value: &larum_event::FieldValue<'_>) -> serde_json::Value {
    use larum_event::FieldValue;
    match value {
        FieldValue::Null => serde_json::Value::Null,
        FieldValue::Bool(value) => (*value).into(),
        FieldValue::Int(value) => (*value).into(),
        FieldValue::Float(value) => (*value).into(),
        FieldValue::Str(text) => text.as_ref().into(),
        FieldValue::Array(text) | FieldValue::Object(text) => {
            serde_json::from_str(text).expect("JSON")
        }
    }
}
