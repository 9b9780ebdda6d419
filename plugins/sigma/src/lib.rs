//! Sigma rules as programs over the same predicates that all rules share.
//!
//! Owns reading Sigma's YAML (specification 2.1), what its modifiers, conditions, log sources and
//! filters mean, and where Windows events keep their fields. Deciding is `larum-predicate`'s job. A
//! rule that cannot be honoured exactly is refused by name with the reason; nothing is dropped or
//! altered silently. What is supported is listed in docs/sigma.md.

mod error;

mod yaml;

mod pattern;

mod encode;

mod modifier;

mod item;

mod detection;

mod condition;

mod log_source;

mod layout;

mod rule;

mod correlation;

mod filter;

mod meaning;

mod load;

mod correlate;

mod front_end;

pub use correlation::{CorrelationExtension, CorrelationKind, SigmaCorrelation, WindowCut};
pub use error::DocumentRefusal;
pub use front_end::SigmaFrontEnd;
pub use layout::{default_layout, parse_layout};
pub use load::{LoadedRule, LogSources, SigmaLoader, SigmaRules};
pub use log_source::{LogSource, LogSourceTable};
pub use rule::RuleMetadata;
