//! The engine end to end inside one process.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "what the tests have in common stands outside of them"
)]

#[path = "../../../pipeline/tests/pipeline/stream.rs"]
mod stream;

mod support;

mod alerts;

mod same;

mod live;

mod crash;

mod rules;

mod reload;

mod broken_out;

mod windows;

mod slow;

mod gaps;

mod ticks;

mod matching;

mod ways_out;

mod accepting;

mod kinship;

mod trees;
