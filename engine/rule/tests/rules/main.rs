//! Rule files in, matches, faults and diagnostics out.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "functions of tests are tests too, which clippy does not see"
)]

mod fixtures;

mod trees;
mod values;

mod keys;

mod diagnostics;

mod layers;

mod meaning;

mod alerts;

mod catalogue;

mod exceptions;

mod differential;

mod front_ends;

mod explain;

mod names;

mod read;

mod windows;

mod steps;

mod stateful;

mod links;
