//! The log through its public face.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what the tests have in common stands outside of them"
)]

mod sample;

mod appending;

mod reading;

mod searches;
mod searching;

mod paging;

mod checkpoints;

mod opening;

mod crashes;

mod faults;

mod positions;

mod trees;

mod retention;

mod model;
