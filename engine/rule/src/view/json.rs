//! Finding things in the text of a JSON object or array that the event codec has already checked.

use std::borrow::Cow;
use std::fmt;

use larum_event::{Value, limits};
use rhai::{Array, Dynamic, Map};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::object::LongText;

/// What a member's text says.
pub(super) fn value(text: &str) -> Value<'_> {
    match text.as_bytes().first() {
        Some(b'{') => Value::Object(text),
        Some(b'[') => Value::Array(text),
        Some(b'"') => string(text).map_or(Value::Null, Value::Str),
        Some(b't') => Value::Bool(true),
        Some(b'f') => Value::Bool(false),
        Some(b'n') | None => Value::Null,
        Some(_) => match text.parse::<i64>() {
            Ok(whole) => Value::Int(whole),
            Err(_) => text.parse::<f64>().map_or(Value::Null, Value::Float),
        },
    }
}

/// JSON text as rhai has it, apart from any event.
pub(super) fn plain(text: &str) -> Dynamic {
    match value(text) {
        Value::Str(text) if text.len() > limits::RULE_STRING_BYTES => {
            Dynamic::from(LongText(text.as_ref().into()))
        }
        _ => serde_json::from_str(text).map_or(Dynamic::UNIT, from_json),
    }
}

/// A JSON value as rhai has it.
pub(crate) fn from_json(value: serde_json::Value) -> Dynamic {
    match value {
        serde_json::Value::Null => Dynamic::UNIT,
        serde_json::Value::Bool(value) => value.into(),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(whole) => whole.into(),
            None => number.as_f64().map_or(Dynamic::UNIT, Dynamic::from),
        },
        serde_json::Value::String(text) => text.into(),
        serde_json::Value::Array(elements) => {
            let elements = elements.into_iter().map(from_json);
            elements.collect::<Array>().into()
        }
        serde_json::Value::Object(members) => {
            let members = members.into_iter();
            let members = members.map(|(name, value)| (name.into(), from_json(value)));
            members.collect::<Map>().into()
        }
    }
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

fn string(text: &str) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Text<'_>>(text)
        .ok()
        .map(|text| text.0)
}

/// The text of the member `name` of the object `text`.
pub(super) fn member<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut reader = serde_json::Deserializer::from_str(text);
    reader.deserialize_map(Wanted(name)).ok().flatten()
}

/// The names of the members of the object `text`, in its order.
pub(super) fn names(text: &str) -> Vec<String> {
    let mut reader = serde_json::Deserializer::from_str(text);
    reader.deserialize_map(Names).unwrap_or_default()
}

/// The elements of the array `text`.
pub(super) fn elements(text: &str) -> Vec<Value<'_>> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let texts = reader.deserialize_seq(Elements).unwrap_or_default();
    texts.into_iter().map(value).collect()
}

struct Wanted<'n>(&'n str);

impl<'de> Visitor<'de> for Wanted<'_> {
    type Value = Option<&'de str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(wanted) = members.next_key_seed(IsName(self.0))? {
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
struct IsName<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for IsName<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<bool, D::Error> {
        reader.deserialize_str(self)
    }
}

impl Visitor<'_> for IsName<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E>(self, name: &str) -> Result<bool, E> {
        Ok(name == self.0)
    }
}

struct Names;

impl<'de> Visitor<'de> for Names {
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

struct Elements;

impl<'de> Visitor<'de> for Elements {
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
        assert_eq!(member(text, "a"), Some("1"));
        assert_eq!(member(text, "a.b"), Some("\"x\""));
        assert_eq!(member(text, "é"), Some(r#"[1,{"c":2}]"#));
        assert_eq!(member(text, "b"), None);
        assert_eq!(names(text), ["a", "a.b", "é"]);
    }

    #[test]
    fn whole_numbers_that_do_not_fit_become_floating_ones() {
        assert_eq!(value("9223372036854775807"), Value::Int(i64::MAX));
        assert_eq!(
            value("9223372036854775808"),
            Value::Float(9_223_372_036_854_775_808.0)
        );
        assert_eq!(value("1.0"), Value::Float(1.0));
        assert_eq!(
            elements(r#"[null,"a\n",true]"#),
            [Value::Null, Value::Str("a\n".into()), Value::Bool(true)]
        );
    }
}
