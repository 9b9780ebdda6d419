//! Rule text as syntax trees: reading them, checking them, and making them ready to run.

mod chain;

mod check;

mod closure;

mod joins;

mod names;

mod normalizer;

mod places;

mod prepare;

mod scopes;

mod source;

mod trees;

mod field_usage;

mod visit;

mod walk;

pub(crate) use chain::{ChainLink, ChainRoot, MemberChain};
pub(crate) use check::{ScriptChecker, function_names};
pub(crate) use closure::{ClosureArguments, RuleClosure, RuleLiteral};
pub(crate) use field_usage::{FieldUsage, FieldUsageKind};
pub(crate) use joins::{JoinComparison, body_without_joins, read_joins};
pub(crate) use names::{WindowMeaning, unknown_field_problem};
pub(crate) use normalizer::ClosureNormalizer;
pub(crate) use places::move_to_arguments;
pub(crate) use prepare::{ClosurePreparer, may_be_missing, redefines_name};
pub(crate) use source::{RuleSource, body_statements};
pub(crate) use trees::asks_trees;
