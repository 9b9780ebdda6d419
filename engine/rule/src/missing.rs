//! What functions make of a missing field.
//!
//! Events lack fields all the time, and a rule must not fail because of it. So every function that
//! the language has for texts, lists, maps and numbers also accepts `()`: a question is answered
//! with false, what would return a list returns an empty one, a loop makes no turn, and everything
//! else returns `()`. Operators are not among them: arithmetic with a missing number is an error.

use std::any::TypeId;
use std::collections::BTreeSet;

use rhai::{Array, Dynamic, Engine, Module};

/// Functions that ask something.
const QUESTIONS: [&str; 12] = [
    "all",
    "contains",
    "ends_with",
    "is_empty",
    "is_even",
    "is_finite",
    "is_infinite",
    "is_nan",
    "is_odd",
    "is_zero",
    "some",
    "starts_with",
];

/// Functions that give a list.
const LISTS: [&str; 13] = [
    "drain",
    "extract",
    "filter",
    "keys",
    "map",
    "order",
    "order_by",
    "order_desc",
    "retain",
    "split",
    "split_rev",
    "values",
    "zip",
];

/// Functions that say what is missing as it is.
const DISPLAY_FUNCTIONS: [&str; 4] = ["print", "debug", "to_string", "to_debug"];

/// Makes all functions of an engine accept `()`.
pub(crate) fn register_missing(engine: &mut Engine) {
    for (name, parameters) in list_functions(engine) {
        let mut types = vec![TypeId::of::<Dynamic>(); parameters];
        if let Some(first) = types.first_mut() {
            *first = TypeId::of::<()>();
        }
        let is_question = QUESTIONS.contains(&name.as_str());
        let is_list = LISTS.contains(&name.as_str());
        engine.register_raw_fn(name, types, move |_, _| {
            Ok(match (is_question, is_list) {
                (true, _) => Dynamic::FALSE,
                (false, true) => Array::new().into(),
                (false, false) => Dynamic::UNIT,
            })
        });
    }
    let mut module = Module::new();
    module.set_iter(TypeId::of::<()>(), |_| Box::new(std::iter::empty()));
    engine.register_global_module(module.into());
}

/// The functions with parameters that an engine has, operators and getters aside.
fn list_functions(engine: &Engine) -> BTreeSet<(String, usize)> {
    let found = engine.collect_fn_metadata(
        None,
        |info| Some((info.metadata.name.to_string(), info.metadata.num_params)),
        true,
    );
    found
        .into_iter()
        .filter(|(name, parameters)| {
            let mut letters = name.chars();
            *parameters > 0
                && letters.all(|letter| letter == '_' || letter.is_alphanumeric())
                && !DISPLAY_FUNCTIONS.contains(&name.as_str())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::matching_engine;

    #[test]
    fn no_function_fails_because_it_is_asked_of_a_missing_field() {
        let engine = matching_engine();
        let all = list_functions(&engine);
        assert!(all.len() > 100, "{}", all.len());
        for name in QUESTIONS.iter().chain(&LISTS) {
            assert!(all.iter().any(|(known, _)| known == name), "{name}");
        }
        for (name, parameters) in all {
            if name.starts_with("larum_") {
                continue;
            }
            let arguments = vec!["()"; parameters].join(", ");
            let text = format!("{name}({arguments})");
            let made = engine.eval::<Dynamic>(&text);
            assert!(made.is_ok(), "{text}: {made:?}");
        }
    }
}
