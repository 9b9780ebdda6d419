//! The pure pipeline as a whole: the same events give the same bytes, however they are cut.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what the tests have in common stands outside of them"
)]

mod stream;

mod given;

mod cuts;

mod causes;

mod chains;

mod broken_out;

mod tenants;

mod trees;
mod two_sides;

mod time;

mod kinds;

mod order;
mod order_rules;

mod scripts;
