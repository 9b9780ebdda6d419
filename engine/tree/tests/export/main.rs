//! Views made by hand, for the terminal and in the formats of other tools; those are read back by readers that
//! do not know how they were written.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "all of this is test code, not only what carries the attribute"
)]

mod views;

mod formats;

mod dot_reader;

mod dot;

mod mermaid_reader;

mod mermaid;

mod tables;

mod otlp;

mod outline;

mod incidents;

mod hostile;
