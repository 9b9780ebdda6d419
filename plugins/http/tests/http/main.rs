//! The door over real sockets, each test with an engine and a port of its own.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "all of this is test code, not only what carries the attribute"
)]

mod client;

mod listening;

mod steps;

mod alerting;

mod posting;

mod cloudevents;

mod decoding;

mod limits;

mod searching;

mod growing;

mod trees;

mod tree_finding;

mod tree_refusals;

mod incidents;

mod timelines;

mod watching;

mod state;

mod rules;

mod windows;

mod strangers;
