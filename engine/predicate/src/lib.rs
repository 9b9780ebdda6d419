//! Questions about fields, decided once per event for all rules.
//!
//! Fields are interned to slots and distinct questions to predicates; a rule is a boolean program
//! over the answers. One visit to a value settles all texts asked of its slot. What costs more
//! (patterns, networks, times) is settled when a nominated program asks for it, and then once.
//!
//! Owns deciding, and what a rule front end hands to the rule loader ([`FrontEnd`],
//! [`CompiledRule`], [`Diagnostic`]). What a rule language makes of its text is its front end's
//! job; counting matches is the window's. Knows no rule language and no script engine. Texts are
//! compared without regard to case unless a test says otherwise, see
//! [`larum_event::value::fold_case`].
//!
//! Invariant: a predicate has one answer per event, the same bit for all who ask, so an explanation
//! cannot disagree with the match.

mod ids;

mod fold;

mod text_anchor;

mod pattern;

mod time_part;

mod shape;

mod typed_test;

mod field_test;

mod expression;

mod paths;

mod path_cache;

mod scan;

mod record;

mod record_reader;

mod json_parser;

mod affixes;

mod grams;

mod substrings;

mod bounds;

mod prefilter;

mod slot_tests;

mod decider;

mod verifier;

mod program;

mod literals;

mod builder;

mod cover;

mod likelihood;

mod simplify;

mod set;

mod describe;

mod bit_set;

mod matcher;

mod diagnostic;

mod correlation;

mod front_end;

#[cfg(test)]
mod tests;

#[cfg(test)]
mod long_tests;

#[cfg(test)]
mod exact_tests;

pub use builder::{BuildError, PredicateSetBuilder};
pub use correlation::{CompiledCorrelation, CompiledStep, SlotCapture, StepSource};
pub use diagnostic::{Diagnostic, DiagnosticLevel};
pub use expression::BoolExpression;
pub use field_test::FieldTest;
pub use front_end::{AlertAudience, CompiledRule, FrontEnd, FrontEndOutput};
pub use ids::{PredicateId, SlotId, ViewId};
pub use matcher::{MatchCost, PredicateMatcher};
pub use paths::PathMap;
pub use pattern::compile_regex;
pub use record::{FlatRecord, RecordValue, ValueKind};
pub use record_reader::FlatRecordReader;
pub use scan::JsonReadError;
pub use set::PredicateSet;
pub use shape::{LARGE_BYTES, ValueShape};
pub use text_anchor::TextAnchor;
pub use time_part::TimePart;
pub use typed_test::{LetterCase, TypedTest};
