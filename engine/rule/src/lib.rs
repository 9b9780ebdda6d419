//! Rule text to compiled rules; events to matches.
//!
//! The only crate that knows rhai. Rule files are executed once, at load, in a sandbox; what that
//! leaves is a [`RuleSet`] of plain data. A [`Matcher`], one per thread, decides which rules an event
//! satisfies: natively where the condition can be read, by running the script where it cannot.
//! Nothing here reads a clock, a random number or a file, so the same set and event always give the
//! same answer. Counting matches is the window's job, raising alerts the pipeline's.

mod diagnostic;

mod error;

mod sandbox;

mod view;

mod text;

mod script;

mod condition;

mod beside;

mod catalogue;

mod exception;

mod draft;

mod builder;

mod rule;

mod layers;

mod reading;

mod front_end;

mod advice;

mod trouble;

mod load;

mod set;

mod alert;

mod timer;

mod explain;

mod matcher;

mod missing;

mod record_matcher;

pub mod predicate;

pub use alert::{AlertText, WindowView};
pub use catalogue::{Catalogue, CatalogueField, CatalogueTopic, FieldType};
pub use diagnostic::{Diagnostic, Level};
pub use error::{FaultKind, RuleFault};
pub use exception::{Excepted, Exception};
pub use explain::{ConditionKind, ConditionPart, Explained, FieldSeen, Gate, Outline};
pub use front_end::{Compiled, CompiledRule, FrontEnd};
pub use load::{RuleLoader, is_link_file};
pub use matcher::{Matcher, RuleMatch, ScriptAnswer, ScriptedRule};
pub use reading::{Capture, CompiledCorrelation, CompiledStep, StepSource};
pub use record_matcher::RecordMatcher;
pub use rule::{Audience, KeyPart, Rule, RuleStep};
pub use set::RuleSet;
