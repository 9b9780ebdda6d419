//! The binary as people and scripts use it: what goes in, what comes out, and the exit code.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test ends at the first surprise"
)]

mod run;

mod bench;
mod config;
mod correlation;
mod decode;
mod demo;
mod detect;
mod disorder;
mod exceptions;
mod explain;
mod finite_input;
mod following;
mod help;
mod investigating;
mod known_answers;
mod links_page;
mod matches;
mod mistakes;
mod near_misses;
mod page;
mod replay;
mod rule_cases;
mod rules;
mod searches;
mod serve;
mod sigma;
mod trees;
mod writing_rules;
