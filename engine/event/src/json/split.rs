//! The members of one object, each with the text of its value.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::check;
use crate::rejection::{Rejection, RejectionReason};

/// A member: its name and the JSON text of its value.
pub(crate) type RawMember<'a> = (Cow<'a, str>, &'a str);

/// The members of the object that `text` is, in their order. `text` went through [`check::object`],
/// or is a part of a text that did.
pub(crate) fn split_members(text: &str) -> Result<Vec<RawMember<'_>>, Rejection> {
    serde_json::Deserializer::from_str(text)
        .deserialize_map(RawMembersVisitor)
        .map_err(|error| check::syntax_rejection(&error))
}

/// The members of the object that `text` is, which nothing has checked yet. A name may stand in it
/// twice.
pub(crate) fn split_unchecked(text: &str) -> Result<Vec<RawMember<'_>>, Rejection> {
    let mut json = serde_json::Deserializer::from_str(text);
    json.deserialize_map(RawMembersVisitor)
        .and_then(|members| json.end().map(|()| members))
        .map_err(|error| check::syntax_rejection(&error))
}

/// The texts of the elements of the JSON array that `bytes` are, which has at most `most` of them.
///
/// Only the array itself is checked; each element goes on to [`crate::Event::parse`] or
/// [`crate::Event::parse_cloudevent`] and is accepted or rejected there by itself.
///
/// # Errors
/// Not UTF-8, not an array, not JSON at some place, or too many elements.
pub fn split_array(bytes: &[u8], most: usize) -> Result<Vec<&str>, Rejection> {
    let text = check::check_utf8(bytes)?;
    if !text.trim_start().starts_with('[') {
        return Err(Rejection::new(
            RejectionReason::WrongType,
            "a batch is a JSON array of events",
        ));
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let elements = json
        .deserialize_seq(RawElementsVisitor { most })
        .and_then(|elements| json.end().map(|()| elements))
        .map_err(|error| check::syntax_rejection(&error))?;
    if elements.len() > most {
        return Err(Rejection::new(
            RejectionReason::TooLarge,
            format!("a batch holds at most {most} events"),
        ));
    }
    Ok(elements)
}

struct RawMembersVisitor;

impl<'de> Visitor<'de> for RawMembersVisitor {
    type Value = Vec<RawMember<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::with_capacity(16);
        while let Some(name) = map.next_key_seed(MemberNameSeed)? {
            let value: &'de RawValue = map.next_value()?;
            members.push((name, value.get()));
        }
        Ok(members)
    }
}

struct RawElementsVisitor {
    most: usize,
}

impl<'de> Visitor<'de> for RawElementsVisitor {
    type Value = Vec<&'de str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(item) = items.next_element::<&'de RawValue>()? {
            // One more than allowed is enough to tell; the rest is read and dropped.
            if elements.len() <= self.most {
                elements.push(item.get());
            }
        }
        Ok(elements)
    }
}

/// A member's name, borrowed unless it holds escapes.
pub(super) struct MemberNameSeed;

impl<'de> DeserializeSeed<'de> for MemberNameSeed {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for MemberNameSeed {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}
