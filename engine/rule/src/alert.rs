//! What a rule says of a window that fired.
//!
//! Owns the window as scripts see it, and reading what `.alert(..)` returned. Running the closure
//! is the matcher's job, raising the alert the pipeline's.
//! Invariant: [`AlertText::from_json`] gives back what [`AlertText::to_json`] wrote, so an alert
//! can be stored as text and revised later without loss.

use larum_event::{Amount, Event, GroupKey, ScalarValue, Span, Timestamp};
use rhai::{Dynamic, Engine, Map};

use crate::view::{EventView, LongText, ObjectView, kind_name};

/// A window that fired, as the rule's `.alert(|window| ..)` sees it.
#[derive(Debug, Clone, Copy)]
pub struct WindowView<'a> {
    /// Matches that count.
    pub count: u64,
    /// The group.
    pub key: &'a GroupKey,
    /// Time of the first match that counts.
    pub first: Timestamp,
    /// Time of the last one.
    pub last: Timestamp,
    /// What was measured, by windows that measure something else than a count.
    pub value: Option<Amount>,
    /// The event that set it off, for rules of single events; a window that fired may be
    /// reported again long after the event has gone by.
    pub event: Option<&'a Event>,
}

/// What the rule says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlertText {
    /// The member `message`.
    pub message: Option<String>,
    /// All other members, by name.
    pub fields: serde_json::Map<String, serde_json::Value>,
}

impl AlertText {
    /// As the JSON of an object, `message` among its members.
    pub fn to_json(&self) -> String {
        let mut members = self.fields.clone();
        if let Some(message) = &self.message {
            members.insert("message".to_owned(), message.as_str().into());
        }
        serde_json::Value::Object(members).to_string()
    }

    /// What [`AlertText::to_json`] wrote; nothing of another text.
    pub fn from_json(json: &str) -> Self {
        let members = serde_json::from_str::<serde_json::Map<_, _>>(json);
        let mut fields = members.unwrap_or_default();
        let message = match fields.remove("message") {
            Some(serde_json::Value::String(message)) => Some(message),
            Some(_) | None => None,
        };
        Self { message, fields }
    }
}

/// The window in the script engine.
#[derive(Clone)]
pub(crate) struct ScriptWindow {
    pub(crate) count: i64,
    pub(crate) key: Map,
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
    pub(crate) within: Option<Span>,
    pub(crate) value: Option<Dynamic>,
    pub(crate) event: Option<EventView>,
}

/// Registers the window with an engine.
pub(crate) fn register_window(engine: &mut Engine) {
    engine.register_type_with_name::<ScriptWindow>("window");
    engine.register_get("count", |window: &mut ScriptWindow| window.count);
    engine.register_get("key", |window: &mut ScriptWindow| window.key.clone());
    engine.register_get("first", |window: &mut ScriptWindow| {
        window.first.to_string()
    });
    engine.register_get("last", |window: &mut ScriptWindow| window.last.to_string());
    engine.register_get("value", |window: &mut ScriptWindow| {
        window.value.clone().unwrap_or(Dynamic::UNIT)
    });
    engine.register_get("event", |window: &mut ScriptWindow| {
        let event = window.event.clone();
        event.map_or(Dynamic::UNIT, Dynamic::from)
    });
    engine.register_get("within", |window: &mut ScriptWindow| match window.within {
        Some(within) => Dynamic::from(within.to_string()),
        None => Dynamic::UNIT,
    });
}

/// A member of a group key as rhai has it.
pub(crate) fn key_to_dynamic(value: &ScalarValue) -> Dynamic {
    match value {
        ScalarValue::Bool(value) => (*value).into(),
        ScalarValue::Int(value) => (*value).into(),
        ScalarValue::Float(bits) => f64::from_bits(*bits).into(),
        ScalarValue::Str(text) => text.as_ref().into(),
    }
}

/// A measured number as rhai has it: whole where it is.
pub(crate) fn amount_to_dynamic(value: Amount) -> Dynamic {
    match value.to_json().as_i64() {
        Some(whole) => whole.into(),
        None => value.to_float().into(),
    }
}

/// What the closure returned, taken apart; the error is a sentence.
pub(crate) fn read_alert_text(returned: &Dynamic) -> Result<AlertText, String> {
    if let Ok(text) = returned.as_immutable_string_ref() {
        return Ok(AlertText {
            message: Some(text.to_string()),
            fields: serde_json::Map::new(),
        });
    }
    let members = returned.as_map_ref().map_err(|_| {
        let kind = kind_name(returned);
        format!("`.alert(..)` gives a map such as #{{ message: \"..\" }}, not {kind}")
    })?;
    let mut alert = AlertText::default();
    for (name, value) in members.iter() {
        if name == "message" {
            alert.message = match dynamic_to_json(value)? {
                serde_json::Value::String(text) => Some(text),
                serde_json::Value::Null => None,
                other => Some(other.to_string()),
            };
        } else {
            let value =
                dynamic_to_json(value).map_err(|reason| format!("member `{name}`: {reason}"))?;
            alert.fields.insert(name.to_string(), value);
        }
    }
    Ok(alert)
}

pub(crate) fn dynamic_to_json(value: &Dynamic) -> Result<serde_json::Value, String> {
    if value.is_unit() {
        return Ok(serde_json::Value::Null);
    }
    if let Ok(value) = value.as_bool() {
        return Ok(value.into());
    }
    if let Ok(value) = value.as_int() {
        return Ok(value.into());
    }
    // JSON has no infinity and no NaN: an alert with one is refused, not written as null.
    if let Ok(value) = value.as_float() {
        return serde_json::Number::from_f64(value)
            .map(serde_json::Value::Number)
            .ok_or_else(|| format!("{value} has no form in JSON"));
    }
    if let Ok(value) = value.as_char() {
        return Ok(value.to_string().into());
    }
    if let Ok(text) = value.as_immutable_string_ref() {
        return Ok(text.as_str().into());
    }
    if let Some(long) = value.read_lock::<LongText>() {
        return Ok(long.0.as_ref().into());
    }
    if let Some(object) = value.read_lock::<ObjectView>() {
        return serde_json::from_str(object.json_text()).map_err(|error| error.to_string());
    }
    if let Ok(elements) = value.as_array_ref() {
        return elements.iter().map(dynamic_to_json).collect();
    }
    if let Ok(members) = value.as_map_ref() {
        let members: Result<serde_json::Map<_, _>, String> = members
            .iter()
            .map(|(name, value)| Ok((name.to_string(), dynamic_to_json(value)?)))
            .collect();
        return members.map(serde_json::Value::Object);
    }
    Err(format!("{} has no form in JSON", kind_name(value)))
}
