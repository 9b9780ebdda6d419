//! Rule text as syntax trees: reading them, checking them, and making them ready to run.

mod chain;

mod check;

mod closure;

mod joins;

mod names;

mod normal;

mod places;

mod prepare;

mod scopes;

mod source;

mod trees;

mod uses;

mod visit;

mod walk;

pub(crate) use chain::{Chain, Link, Root};
pub(crate) use check::{Checker, functions_of};
pub(crate) use closure::{Arguments, Closure, Literal};
pub(crate) use joins::{WrittenJoin, own_body, read_joins};
pub(crate) use names::{WindowMeaning, unknown_field};
pub(crate) use normal::Normal;
pub(crate) use places::to_arguments;
pub(crate) use prepare::{Prepare, may_miss, redefines};
pub(crate) use source::{Source, body};
pub(crate) use trees::asks_trees;
pub(crate) use uses::{Asked, FieldUse};
