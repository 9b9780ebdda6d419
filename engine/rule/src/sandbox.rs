//! The engine that rule text runs in, and what it may spend.
//!
//! Safe by construction: the engine starts empty and is given only the packages of plain
//! computation. There is no clock, no randomness, no sleep, no file, no module and no `eval` in it,
//! so the same text on the same event always does the same.

use std::rc::Rc;

use larum_event::limits;
use rhai::packages::{
    ArithmeticPackage, BasicArrayPackage, BasicFnPackage, BasicIteratorPackage, BasicMapPackage,
    BasicMathPackage, BasicStringPackage, LogicPackage, MoreStringPackage, Package,
};
use rhai::{Dynamic, Engine, EvalAltResult, OptimizationLevel};

use crate::error::FaultKind;
use crate::view::TreeMeter;
use crate::{alert, condition, missing, text, view};

/// Most operations the top level of one rule file may spend at load.
const LOAD_OPERATIONS: u64 = 1_000_000;
/// Most functions and closures of one rule file.
const FUNCTIONS: usize = 10_000;
/// Most variables alive at once.
const VARIABLES: usize = 1_000;

/// Words for what rules may not do. They are refused when a file is parsed.
pub(crate) const FORBIDDEN: [&str; 6] = ["eval", "print", "debug", "import", "export", "Fn"];

/// An engine for executing rule files.
pub(crate) fn loading_engine() -> Engine {
    let mut engine = base_engine();
    engine.set_max_operations(LOAD_OPERATIONS);
    engine
}

/// An engine for running conditions and alert texts.
pub(crate) fn matching_engine() -> Engine {
    let mut engine = base_engine();
    engine.set_max_operations(limits::RULE_OPERATIONS);
    engine
}

/// Has what closures of climbs spend counted by `meter`.
pub(crate) fn count_tree_operations(engine: &mut Engine, meter: &Rc<TreeMeter>) {
    let meter = Rc::clone(meter);
    engine.on_progress(move |_| match meter.tick() {
        true => None,
        false => Some(Dynamic::UNIT),
    });
}

fn base_engine() -> Engine {
    let mut engine = Engine::new_raw();
    engine.register_global_module(ArithmeticPackage::new().as_shared_module());
    engine.register_global_module(LogicPackage::new().as_shared_module());
    engine.register_global_module(BasicStringPackage::new().as_shared_module());
    engine.register_global_module(MoreStringPackage::new().as_shared_module());
    engine.register_global_module(BasicIteratorPackage::new().as_shared_module());
    engine.register_global_module(BasicMathPackage::new().as_shared_module());
    engine.register_global_module(BasicArrayPackage::new().as_shared_module());
    engine.register_global_module(BasicMapPackage::new().as_shared_module());
    engine.register_global_module(BasicFnPackage::new().as_shared_module());
    for word in FORBIDDEN {
        engine.disable_symbol(word);
    }
    engine
        // The tree must stay as written: conditions are read from it, and positions shown.
        .set_optimization_level(OptimizationLevel::None)
        .set_strict_variables(true)
        // Else our exact comparison of numbers would not be asked.
        .set_fast_operators(false)
        .set_max_call_levels(limits::RULE_CALL_DEPTH)
        .set_max_expr_depths(limits::RULE_EXPRESSION_DEPTH, limits::RULE_EXPRESSION_DEPTH)
        .set_max_string_size(limits::RULE_STRING_BYTES)
        .set_max_array_size(limits::RULE_COLLECTION_MEMBERS)
        .set_max_map_size(limits::RULE_COLLECTION_MEMBERS)
        .set_max_functions(FUNCTIONS)
        .set_max_variables(VARIABLES)
        .set_max_modules(0);
    missing::register_missing(&mut engine);
    condition::register(&mut engine);
    text::register(&mut engine);
    view::register(&mut engine);
    alert::register_window(&mut engine);
    engine
}

/// Whether a failure is one of spending too much.
pub(crate) fn fault_kind(error: &EvalAltResult) -> FaultKind {
    match error.unwrap_inner() {
        EvalAltResult::ErrorTooManyOperations(_)
        | EvalAltResult::ErrorTooManyVariables(_)
        | EvalAltResult::ErrorStackOverflow(_)
        | EvalAltResult::ErrorDataTooLarge(..) => FaultKind::Budget,
        _ => FaultKind::Error,
    }
}

/// An error of rhai as a sentence of ours: in lower case and without its place.
pub(crate) fn error_sentence(error: &EvalAltResult) -> String {
    let text = error.to_string();
    let place = format!(" ({})", error.position());
    lowercase_first(text.strip_suffix(&place).unwrap_or(&text))
}

pub(crate) fn lowercase_first(text: &str) -> String {
    let mut characters = text.chars();
    match (characters.next(), characters.clone().next()) {
        (Some(first), Some(second)) if !second.is_uppercase() => {
            first.to_lowercase().chain(characters).collect()
        }
        _ => text.to_owned(),
    }
}
