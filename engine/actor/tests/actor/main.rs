//! Supervised actors on a real actix system, and what actix itself does.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy takes only #[test] functions for tests, not what they call"
)]

mod actix_facts;

mod supervision;
