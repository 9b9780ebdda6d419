//! Finding things in the text of a JSON object or array that the event codec has already checked.
//!
//! Owns looking up members and elements without building a tree. It does not check JSON: text that
//! is malformed gives no value.
//! Invariant: a whole number that fits an `i64` is whole; every other number is a float, as in
//! events.

use std::borrow::Cow;
use std::fmt;

use larum_event::{FieldValue, limits};
use rhai::{Array, Dynamic, Map};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::object::LongText;

/// What a member's text says.
pub(super) fn parse_value(text: &str) -> FieldValue<'_> {
    match text.as_bytes().first() {
        Some(b'{') => FieldValue::Object(text),
        Some(b'[') => FieldValue::Array(text),
        Some(b'"') => parse_string(text).map_or(FieldValue::Null, FieldValue::Str),
        Some(b't') => FieldValue::Bool(true),
        Some(b'f') => FieldValue::Bool(false),
        Some(b'n') | None => FieldValue::Null,
        Some(_) => match text.parse::<i64>() {
            Ok(whole) => FieldValue::Int(whole),
            Err(_) => text
                .parse::<f64>()
                .map_or(FieldValue::Null, FieldValue::Float),
        },
    }
}

/// JSON text as rhai has it, apart from any event.
pub(super) fn parse_dynamic(text: &str) -> Dynamic {
    match parse_value(text) {
        FieldValue::Str(text) if text.len() > limits::RULE_STRING_BYTES => {
            Dynamic::from(LongText(text.as_ref().into()))
        }
        _ => serde_json::from_str(text).map_or(Dynamic::UNIT, json_to_dynamic),
    }
}

/// A JSON value as rhai has it.
pub(crate) fn json_to_dynamic(value: serde_json::Value) -> Dynamic {
    match value {
        serde_json::Value::Null => Dynamic::UNIT,
        serde_json::Value::Bool(value) => value.into(),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(whole) => whole.into(),
            None => number.as_f64().map_or(Dynamic::UNIT, Dynamic::from),
        },
        serde_json::Value::String(text) => text.into(),
        serde_json::Value::Array(elements) => {
            let elements = elements.into_iter().map(json_to_dynamic);
            elements.collect::<Array>().into()
        }
        serde_json::Value::Object(members) => {
            let members = members
                .into_iter()
                .map(|(name, value)| (name.into(), json_to_dynamic(value)));
            members.collect::<Map>().into()
        }
    }
}

#[derive(Deserialize)]
struct JsonText<'a>(#[serde(borrow)] Cow<'a, str>);

fn parse_string(text: &str) -> Option<Cow<'_, str>> {
    serde_json::from_str::<JsonText<'_>>(text)
        .ok()
        .map(|text| text.0)
}

/// The text of the member `name` of the object `text`.
pub(super) fn find_member<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut reader = serde_json::Deserializer::from_str(text);
    reader.deserialize_map(MemberFinder(name)).ok().flatten()
}

/// The names of the members of the object `text`, in its order.
pub(super) fn member_names(text: &str) -> Vec<String> {
    let mut reader = serde_json::Deserializer::from_str(text);
    reader.deserialize_map(MemberNames).unwrap_or_default()
}

/// The elements of the array `text`.
pub(super) fn parse_elements(text: &str) -> Vec<FieldValue<'_>> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let texts = reader.deserialize_seq(ElementTexts).unwrap_or_default();
    texts.into_iter().map(parse_value).collect()
}

struct MemberFinder<'n>(&'n str);

impl<'de> Visitor<'de> for MemberFinder<'_> {
    type Value = Option<&'de str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(wanted) = members.next_key_seed(NameSeed(self.0))? {
            if wanted {
                found = Some(members.next_value::<&RawValue>()?.get());
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// Compares a member's name without keeping it.
struct NameSeed<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for NameSeed<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<bool, D::Error> {
        reader.deserialize_str(self)
    }
}

impl Visitor<'_> for NameSeed<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E>(self, name: &str) -> Result<bool, E> {
        Ok(name == self.0)
    }
}

struct MemberNames;

impl<'de> Visitor<'de> for MemberNames {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut names = Vec::new();
        while let Some((name, IgnoredAny)) = members.next_entry()? {
            names.push(name);
        }
        Ok(names)
    }
}

struct ElementTexts;

impl<'de> Visitor<'de> for ElementTexts {
    type Value = Vec<&'de str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut texts = Vec::new();
        while let Some(element) = elements.next_element::<&RawValue>()? {
            texts.push(element.get());
        }
        Ok(texts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_by_their_exact_name_escapes_included() {
        let text = r#"{"a":1,"a.b":"x","é":[1,{"c":2}]}"#;
        assert_eq!(find_member(text, "a"), Some("1"));
        assert_eq!(find_member(text, "a.b"), Some("\"x\""));
        assert_eq!(find_member(text, "é"), Some(r#"[1,{"c":2}]"#));
        assert_eq!(find_member(text, "b"), None);
        assert_eq!(member_names(text), ["a", "a.b", "é"]);
    }

    #[test]
    fn whole_numbers_that_do_not_fit_become_floating_ones() {
        assert_eq!(
            parse_value("9223372036854775807"),
            FieldValue::Int(i64::MAX)
        );
        assert_eq!(
            parse_value("9223372036854775808"),
            FieldValue::Float(9_223_372_036_854_775_808.0)
        );
        assert_eq!(parse_value("1.0"), FieldValue::Float(1.0));
        assert_eq!(
            parse_elements(r#"[null,"a\n",true]"#),
            [
                FieldValue::Null,
                FieldValue::Str("a\n".into()),
                FieldValue::Bool(true)
            ]
        );
    }
}
