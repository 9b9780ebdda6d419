//! An object inside of an event, and the values that rules get of one.

use std::ops::Range;
use std::rc::Rc;

use larum_event::{Event, Value, limits};
use rhai::{Array, Dynamic};

use super::json;

/// An object inside of an event; its members are looked up when they are asked for.
#[derive(Clone)]
pub(crate) struct ObjectView {
    event: Event,
    place: Range<usize>,
}

/// A text of an event that is longer than rules may build. It can be compared and searched, but
/// nothing can be made of it, so that a padded field neither hides from a rule nor exhausts it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LongText(pub(crate) Rc<str>);

impl ObjectView {
    /// The event itself.
    pub(crate) fn whole(event: &Event) -> Self {
        Self {
            event: event.clone(),
            place: 0..event.json().len(),
        }
    }

    /// The object as JSON.
    pub(crate) fn text(&self) -> &str {
        self.event.json().get(self.place.clone()).unwrap_or("{}")
    }

    /// The member `name`, or `()`.
    pub(crate) fn get(&self, name: &str) -> Dynamic {
        match json::member(self.text(), name) {
            Some(text) => dynamic(&self.event, json::value(text)),
            None => Dynamic::UNIT,
        }
    }

    /// Whether there is a member `name`.
    pub(crate) fn contains(&self, name: &str) -> bool {
        json::member(self.text(), name).is_some()
    }

    /// Whether the dot-separated `path` is there, `null` included.
    pub(crate) fn has(&self, path: &str) -> bool {
        path.split('.')
            .try_fold(self.text(), json::member)
            .is_some()
    }

    /// The names of the members.
    pub(crate) fn keys(&self) -> Array {
        json::names(self.text())
            .into_iter()
            .map(Dynamic::from)
            .collect()
    }
}

/// A value of `event` as rhai has it. Arrays become rhai arrays, their objects stay views.
pub(crate) fn dynamic(event: &Event, value: Value<'_>) -> Dynamic {
    match value {
        Value::Null => Dynamic::UNIT,
        Value::Bool(value) => value.into(),
        Value::Int(value) => value.into(),
        Value::Float(value) => value.into(),
        Value::Str(text) if text.len() > limits::RULE_STRING_BYTES => {
            Dynamic::from(LongText(text.as_ref().into()))
        }
        Value::Str(text) => text.as_ref().into(),
        Value::Array(text) => json::elements(text)
            .into_iter()
            .map(|element| dynamic(event, element))
            .collect::<Array>()
            .into(),
        Value::Object(text) => match place_of(event.json(), text) {
            Some(place) => Dynamic::from(ObjectView {
                event: event.clone(),
                place,
            }),
            None => Dynamic::UNIT,
        },
    }
}

/// Where `part`, a slice of `whole`, stands in it.
fn place_of(whole: &str, part: &str) -> Option<Range<usize>> {
    let start = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
    let place = start..start.checked_add(part.len())?;
    (whole.get(place.clone())? == part).then_some(place)
}

/// What kind of value it is, for messages.
pub(crate) fn kind(value: &Dynamic) -> &'static str {
    if value.is_unit() {
        "()"
    } else if value.is_bool() {
        "true or false"
    } else if value.is_int() || value.is_float() {
        "a number"
    } else if value.is_string() || value.is_char() || value.is::<LongText>() {
        "a text"
    } else if value.is_array() {
        "a list"
    } else if value.is_map() {
        "a map"
    } else if value.is::<ObjectView>() {
        "an object"
    } else if value.is_fnptr() {
        "a closure"
    } else {
        "a value of another kind"
    }
}
