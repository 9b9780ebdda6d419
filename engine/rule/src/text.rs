//! Questions that rules ask of texts: contained, started, ended, matched, inside of a network.
//!
//! Each is defined once and used by read conditions and by the script engine alike. Asked of
//! anything that is no text, the answer is false; what would make a text of it gives `()`.

mod pattern;

pub(crate) use pattern::{TextOperator, TextSearch, compile_rule_regex};

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use larum_event::value::{InvalidNetwork, Network};
use rhai::{Array, Dynamic, Engine, EvalAltResult, ImmutableString};

use crate::view::LongText;

/// Most regular expressions and networks that an engine remembers; beyond it, it forgets them all.
const MAX_CACHED: usize = 1_000;
/// The function that is put around operands of `&&` and the like: a missing field is not true.
pub(crate) const TRUTH_FUNCTION: &str = "larum_truth";

/// Reads a network of a rule; the error is a sentence.
pub(crate) fn parse_network(text: &str) -> Result<Network, String> {
    text.parse()
        .map_err(|error: InvalidNetwork| error.to_string())
}

/// Teaches an engine the functions over texts.
pub(crate) fn register(engine: &mut Engine) {
    for test in TextOperator::ALL {
        engine.register_fn(test.name(), move |text: Dynamic, wanted: Dynamic| {
            let Ok(wanted) = wanted.into_immutable_string() else {
                return false;
            };
            let search = TextSearch::new(test, &wanted);
            with_text(&text, |text| search.holds(text)).unwrap_or(false)
        });
    }
    register_compiled(engine, "matches", |wanted| {
        pattern::compile_rule_regex(wanted).map(|regex| move |text: &str| regex.is_match(text))
    });
    register_compiled(engine, "cidr", |wanted| {
        parse_network(wanted).map(|network| move |text: &str| network.contains(text))
    });
    register_lenient(engine);
    engine.register_fn(TRUTH_FUNCTION, |value: Dynamic| {
        if value.is_unit() {
            Dynamic::FALSE
        } else {
            value
        }
    });
}

/// Calls `ask` with the text of `value`, if it is one.
fn with_text<T>(value: &Dynamic, ask: impl FnOnce(&str) -> T) -> Option<T> {
    if let Some(long) = value.read_lock::<LongText>() {
        return Some(ask(&long.0));
    }
    value.as_immutable_string_ref().ok().map(|text| ask(&text))
}

/// A function whose second argument is compiled, and remembered, before it is used.
fn register_compiled<F>(
    engine: &mut Engine,
    name: &'static str,
    compile: impl Fn(&str) -> Result<F, String> + 'static,
) where
    F: Fn(&str) -> bool + 'static,
{
    let known: Rc<RefCell<HashMap<ImmutableString, F>>> = Rc::default();
    engine.register_fn(
        name,
        move |text: Dynamic, wanted: Dynamic| -> Result<bool, Box<EvalAltResult>> {
            let Ok(wanted) = wanted.into_immutable_string() else {
                return Ok(false);
            };
            let mut known = known.borrow_mut();
            if !known.contains_key(&wanted) {
                if known.len() >= MAX_CACHED {
                    known.clear();
                }
                known.insert(wanted.clone(), compile(&wanted)?);
            }
            let holds = known
                .get(&wanted)
                .and_then(|holds| with_text(&text, |text| holds(text)));
            Ok(holds.unwrap_or(false))
        },
    );
}

/// What rhai defines for texts only: asked of anything else it gives `()`, for an event that is
/// shaped otherwise than a rule hoped must not stop the rule.
fn register_lenient(engine: &mut Engine) {
    for name in [
        "to_lower",
        "to_upper",
        "len",
        "bytes",
        "parse_int",
        "parse_float",
        "to_chars",
    ] {
        engine.register_fn(name, |_: Dynamic| ());
    }
    for name in ["sub_string", "index_of"] {
        engine.register_fn(name, |_: Dynamic, _: Dynamic| ());
        engine.register_fn(name, |_: Dynamic, _: Dynamic, _: Dynamic| ());
    }
    engine.register_fn("is_empty", |_: Dynamic| false);
    engine.register_fn("split", |_: Dynamic| Array::new());
    engine.register_fn("split", |_: Dynamic, _: Dynamic| Array::new());
    engine.register_fn("split", |_: Dynamic, _: Dynamic, _: Dynamic| Array::new());
    // Rhai throws on a text that is no number.
    engine.register_fn("parse_int", |text: ImmutableString| {
        text.trim()
            .parse::<i64>()
            .map_or(Dynamic::UNIT, Dynamic::from)
    });
    engine.register_fn("parse_float", |text: ImmutableString| {
        match text.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => number.into(),
            _ => Dynamic::UNIT,
        }
    });
}
