//! The values that events hold and questions name, each kind once: numbers, networks, texts,
//! patterns.
//!
//! Rules, Sigma rules, searches and decoders read and compare values with these types, so that the
//! same question has the same answer wherever it is asked.

mod comparison;

mod number;

mod network;

mod text_case;

mod glob;

mod field_value;

pub use comparison::Comparison;
pub use field_value::FieldValue;
pub use glob::{GlobMatcher, GlobPart, GlobPattern};
pub use network::{InvalidNetwork, Network};
pub use number::Number;
pub use text_case::{CaseSensitivity, fold_case, fold_char, fold_into};
