//! Everything that needs the whole product: recordings with known answers, the real binary, and the
//! tree of sources.

mod tidy;

mod correlation_answers;

mod same_answers;

mod sigma_answers;

mod sigma_correlations;

mod sigma_rules;

mod sigma_windows;

mod sets;

mod known_trees;

mod responder;

mod kill;

mod stall;
