//! Rule text to compiled rules; events to matches.
//!
//! The only crate that knows rhai. Rule files are executed once, at load, in a sandbox; what that
//! leaves is a [`RuleSet`] of plain data. A [`RuleMatcher`], one per thread, decides which rules an
//! event satisfies: natively where the condition can be read, by running the script where it
//! cannot. Nothing here reads a clock, a random number or a file, so the same set and event always
//! give the same answer. Counting matches is the window's job, raising alerts the pipeline's.

mod diagnostic;

mod error;

mod sandbox;

mod view;

mod text;

mod script;

mod condition;

mod side_file;

mod catalogue;

mod exception;

mod draft;

mod builder;

mod rule;

mod rule_match;

mod layers;

mod correlation;

mod load;

mod set;

mod alert;

mod timer;

mod explain;

mod matcher;

mod missing;

mod record_matcher;

pub use alert::{AlertText, WindowView};
pub use catalogue::{CatalogueField, CatalogueTopic, FieldCatalogue, FieldType};
pub use error::{FaultKind, RuleFault};
pub use exception::{ExceptionCount, RuleException};
pub use explain::{
    ConditionField, ConditionPart, ConditionPartKind, EventGate, RuleExplanation, RuleOutline,
};
pub use larum_predicate::{
    AlertAudience, Diagnostic, DiagnosticLevel, FrontEnd, JsonReadError, PathMap,
};
pub use load::{RuleLoader, is_link_file};
pub use matcher::{RuleMatcher, ScriptedOutcome, ScriptedRule};
pub use record_matcher::RecordMatcher;
pub use rule::{KeyPart, Rule, RuleStep};
pub use rule_match::RuleMatch;
pub use set::RuleSet;
