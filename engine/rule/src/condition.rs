//! Conditions of closures, read from their syntax trees as far as possible.
//!
//! What is read becomes a program over the predicates that all rules share; its bits are the
//! answer. What cannot be read, or asks something of a value that only the script can answer, is
//! left to the script: the program says when the script must run, and then the script decides,
//! errors included. The limits on what a script may spend do not limit what is read.

mod compare;

mod question;

mod field_access;

mod scope;

mod constant;

mod operand;

mod calls;

mod statements;

mod reader;

mod lowering;

mod lower_text;

mod plan;

mod key_fields;

pub(crate) use compare::values_compare;
pub(crate) use key_fields::{KeyFields, KeySource, TREE_ROOT};
pub(crate) use plan::{ConditionPlan, PlanPart, PlanPartKind};
pub(crate) use question::RuleCondition;
pub(crate) use reader::read_condition;

/// Makes an engine compare as conditions do.
pub(crate) fn register(engine: &mut rhai::Engine) {
    compare::register(engine);
}
