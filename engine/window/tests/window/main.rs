//! What a window promises, from outside.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "all of this is test code, not only what carries the attribute"
)]

mod stream;

mod kinds;

mod policies;

mod episodes;

mod disorder;

mod limits;

mod checkpoints;

mod recorded;

mod answers;

mod model;

mod stragglers;

mod rows_read;

mod singles;
