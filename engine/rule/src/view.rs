//! What a rule sees of an event: read-only views that look things up in the event's own bytes.
//!
//! Owns the values that closures get. Which paths exist is known to `member`; nothing is copied but
//! the values a rule touches.
//! Invariant: looking something up never fails. `null`, a missing member, and a member of anything
//! that has no members are all `()`, because events lack fields all the time.

mod json;

mod tree_access;

mod member;

mod object;

pub(crate) use json::json_to_dynamic;
pub(crate) use member::{EnvelopeMember, FieldRef, MEMBERS, UnknownField};
pub(crate) use object::{LongText, ObjectView, kind_name, to_dynamic};
pub(crate) use tree_access::{
    NODE_FIELD_ROOTS, NODE_MEMBERS, TREE_FUNCTIONS, TreeAccess, TreeMeter,
};

use self::tree_access::NodeFieldView;
use larum_event::Event;
use rhai::{Array, Dynamic, Engine, ImmutableString};

/// The event, as closures get it.
#[derive(Clone)]
pub(crate) struct EventView {
    pub(crate) event: Event,
    /// Answers questions about trees; `None` if there are none.
    pub(crate) trees: Option<TreeAccess>,
}

/// The function that paths over the event become.
pub(crate) const FIELD_FUNCTION: &str = "larum_field";

/// The function that returns a copy of a variable.
pub(crate) const COPY_FUNCTION: &str = "larum_copy";

/// Properties that rhai itself gives to texts, numbers and arrays. On those values they keep rhai's
/// meaning and are not members of the event.
const TEXT_PROPERTIES: [&str; 4] = ["len", "is_empty", "bytes", "chars"];
const INT_PROPERTIES: [&str; 4] = ["bits", "is_zero", "is_odd", "is_even"];
const FLOAT_PROPERTIES: [&str; 9] = [
    "is_zero",
    "floor",
    "ceiling",
    "round",
    "int",
    "fraction",
    "is_nan",
    "is_finite",
    "is_infinite",
];
const ARRAY_PROPERTIES: [&str; 2] = ["len", "is_empty"];

/// Whether some value other than an object has a property of this name.
pub(crate) fn is_value_property(name: &str) -> bool {
    TEXT_PROPERTIES.contains(&name)
        || INT_PROPERTIES.contains(&name)
        || FLOAT_PROPERTIES.contains(&name)
        || ARRAY_PROPERTIES.contains(&name)
}

/// Whether lists have a property of this name.
pub(crate) fn is_array_property(name: &str) -> bool {
    ARRAY_PROPERTIES.contains(&name)
}

/// Registers the views with an engine.
pub(crate) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<EventView>("event");
    for (name, wanted) in MEMBERS {
        engine.register_get(name, move |view: &mut EventView| {
            member_value(&view.event, wanted)
        });
    }
    engine.register_indexer_get(|view: &mut EventView, name: ImmutableString| view.get(&name));
    engine.register_fn("has", |view: EventView, path: ImmutableString| {
        view.has_path(&path)
    });

    engine.register_fn(FIELD_FUNCTION, |view: EventView, path: ImmutableString| {
        view.field_value(&path)
    });

    engine.register_fn(COPY_FUNCTION, |value: Dynamic| value.flatten());
    tree_access::register(engine);

    engine.register_type_with_name::<ObjectView>("object");
    engine.register_indexer_get(|view: &mut ObjectView, name: ImmutableString| view.get(&name));
    engine.register_fn("has", |view: ObjectView, path: ImmutableString| {
        view.has_path(&path)
    });
    engine.register_fn("contains", |view: ObjectView, name: ImmutableString| {
        view.contains(&name)
    });
    engine.register_fn("keys", |view: ObjectView| view.member_names());
    engine.register_fn("len", |view: ObjectView| view.member_names().len() as i64);
    engine.register_fn("to_string", |view: ObjectView| view.json_text().to_owned());
    engine.register_fn("to_debug", |view: ObjectView| view.json_text().to_owned());

    engine.register_type_with_name::<LongText>("text");
    engine.register_fn("to_string", |_: LongText| "<text too long to show>");
    engine.register_fn("to_debug", |_: LongText| "<text too long to show>");

    engine.register_indexer_get(|_: &mut (), _: Dynamic| ());
    // What is missing has no members either, and looking for one is no error.
    engine.register_fn("has", |_: (), _: Dynamic| false);
}

/// Makes `x.name` work for every value an event can hold: the member of an object, and `()` for
/// anything that has no members. Rhai wants a getter per name and type.
pub(crate) fn register_property(engine: &mut Engine, name: &str) {
    let wanted: ImmutableString = name.into();
    engine.register_get(name, move |view: &mut ObjectView| view.get(&wanted));
    let kept: ImmutableString = name.into();
    engine.register_get(name, move |view: &mut NodeFieldView| view.get(&kept));
    engine.register_get(name, |_: &mut ()| ());
    engine.register_get(name, |_: &mut bool| ());
    engine.register_get(name, |_: &mut LongText| ());
    if !TEXT_PROPERTIES.contains(&name) {
        engine.register_get(name, |_: &mut ImmutableString| ());
    }
    if !INT_PROPERTIES.contains(&name) {
        engine.register_get(name, |_: &mut i64| ());
    }
    if !FLOAT_PROPERTIES.contains(&name) {
        engine.register_get(name, |_: &mut f64| ());
    }
    if !ARRAY_PROPERTIES.contains(&name) {
        engine.register_get(name, |_: &mut Array| ());
    }
}

impl EventView {
    /// `event["name"]`: any member, known to the engine or not.
    fn get(&self, name: &str) -> Dynamic {
        match EnvelopeMember::from_name(name) {
            Some(wanted) => member_value(&self.event, wanted),
            None => ObjectView::from_event(&self.event).get(name),
        }
    }

    /// The value at a path, exactly as conditions that were read see it.
    fn field_value(&self, path: &str) -> Dynamic {
        match FieldRef::parse(path) {
            Ok(FieldRef::Member(wanted)) => member_value(&self.event, wanted),
            Ok(FieldRef::Path(path)) => match self.event.field(&path) {
                Some(value) => to_dynamic(&self.event, value),
                None => Dynamic::UNIT,
            },
            Err(_) => Dynamic::UNIT,
        }
    }

    /// Whether the path is there, `null` included.
    fn has_path(&self, path: &str) -> bool {
        match FieldRef::parse(path) {
            Ok(FieldRef::Member(wanted)) => wanted.value_in(&self.event).is_some(),
            Ok(FieldRef::Path(path)) => self.event.field(&path).is_some(),
            Err(_) => ObjectView::from_event(&self.event).has_path(path),
        }
    }
}

fn member_value(event: &Event, member: EnvelopeMember) -> Dynamic {
    match member.value_in(event) {
        Some(value) => to_dynamic(event, value),
        None => Dynamic::UNIT,
    }
}
