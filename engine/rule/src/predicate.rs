//! Predicates shared by all rules, and the matcher that decides each once per event.
//!
//! Fields are interned to slots and distinct questions to predicates; a rule is a boolean program over
//! the answers. One visit to a value settles all texts asked of its slot; what costs more (patterns,
//! networks, numbers) is settled when a program that was nominated asks for it, and then once. The answer
//! is the same bit whoever asks, so an explanation cannot disagree with the match.
//!
//! Owns deciding; what a rule language makes of its text is its front end's job. Texts are compared
//! without regard to case unless a test says otherwise, see [`fold()`].

mod fold;

mod glob;

mod number;

mod time_part;

mod shape;

mod typed;

mod test;

mod expression;

mod paths;

mod names;

mod scan;

mod record;

mod read;

mod prefixes;

mod grams;

mod needles;

mod bounds;

mod gate;

mod decide;

mod verify;

mod program;

mod literals;

mod build;

mod cover;

mod likelihood;

mod set;

mod describe;

mod bits;

mod matcher;

#[cfg(test)]
mod tests;

#[cfg(test)]
mod long_tests;

#[cfg(test)]
mod exact_tests;

pub use build::{BuildError, PredicateSetBuilder};
pub use expression::Expression;
pub use fold::fold;
pub use glob::{Glob, GlobPart};
pub use matcher::{PredicateMatcher, Work};
pub use number::{Comparison, Number};
pub use paths::PathMap;
pub use read::ReadError;
pub use record::{Record, RecordReader, RecordValue, ValueKind};
pub use set::{PredicateId, PredicateSet, Slot, ViewId};
pub use shape::{LARGE_BYTES, Shape};
pub use test::{Case, Test, TextKind};
pub use time_part::TimePart;
pub use typed::{Letters, Typed};
