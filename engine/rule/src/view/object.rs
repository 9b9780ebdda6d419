//! An object inside of an event, and the values that rules get of one.

use std::ops::Range;
use std::rc::Rc;

use larum_event::{Event, FieldValue, limits};
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
    pub(crate) fn from_event(event: &Event) -> Self {
        Self {
            event: event.clone(),
            place: 0..event.json().len(),
        }
    }

    /// The object as JSON.
    pub(crate) fn json_text(&self) -> &str {
        self.event.json().get(self.place.clone()).unwrap_or("{}")
    }

    /// The member `name`, or `()`.
    pub(crate) fn get(&self, name: &str) -> Dynamic {
        match json::find_member(self.json_text(), name) {
            Some(text) => to_dynamic(&self.event, json::parse_value(text)),
            None => Dynamic::UNIT,
        }
    }

    /// Whether there is a member `name`.
    pub(crate) fn contains(&self, name: &str) -> bool {
        json::find_member(self.json_text(), name).is_some()
    }

    /// Whether the dot-separated `path` is there, `null` included.
    pub(crate) fn has_path(&self, path: &str) -> bool {
        path.split('.')
            .try_fold(self.json_text(), json::find_member)
            .is_some()
    }

    /// The names of the members.
    pub(crate) fn member_names(&self) -> Array {
        json::member_names(self.json_text())
            .into_iter()
            .map(Dynamic::from)
            .collect()
    }
}

/// A value of `event` as rhai has it. Arrays become rhai arrays, their objects stay views.
pub(crate) fn to_dynamic(event: &Event, value: FieldValue<'_>) -> Dynamic {
    match value {
        FieldValue::Null => Dynamic::UNIT,
        FieldValue::Bool(value) => value.into(),
        FieldValue::Int(value) => value.into(),
        FieldValue::Float(value) => value.into(),
        FieldValue::Str(text) if text.len() > limits::RULE_STRING_BYTES => {
            Dynamic::from(LongText(text.as_ref().into()))
        }
        FieldValue::Str(text) => text.as_ref().into(),
        FieldValue::Array(text) => json::parse_elements(text)
            .into_iter()
            .map(|element| to_dynamic(event, element))
            .collect::<Array>()
            .into(),
        FieldValue::Object(text) => match range_in(event.json(), text) {
            Some(place) => Dynamic::from(ObjectView {
                event: event.clone(),
                place,
            }),
            None => Dynamic::UNIT,
        },
    }
}

/// Where `part`, a slice of `whole`, is in it.
fn range_in(whole: &str, part: &str) -> Option<Range<usize>> {
    let start = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
    let place = start..start.checked_add(part.len())?;
    (whole.get(place.clone())? == part).then_some(place)
}

/// What kind of value it is, for messages.
pub(crate) fn kind_name(value: &Dynamic) -> &'static str {
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
