//! Views, made by hand or by a graph: pages of them, and what they look like on the terminal and in
//! the formats of other tools. Those are read back by readers that do not know how they were
//! written.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "all of this is test code, not only what carries the attribute"
)]

#[path = "../../../tree/tests/tree/fixture.rs"]
#[expect(dead_code, reason = "the tests of larum-tree use the rest")]
mod fixture;

mod views;

mod formats;

mod dot_reader;

mod dot;

mod mermaid_reader;

mod mermaid;

mod tables;

mod otlp;

mod outline;

mod tree_text;

mod pages;

mod incidents;

mod hostile;
