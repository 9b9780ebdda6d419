//! Reads the tree and fails when its structure is not what the documents say.
//!
//! Every checker is a function over text, so that each is also seen to fail, on a planted mistake;
//! only [`tree`] reads files. What is allowed is data at the top of each module: changing the
//! architecture means changing it there and in `docs/architecture.md`.

#![expect(
    clippy::panic,
    reason = "clippy takes only #[test] functions for tests, not what they call"
)]

mod tree;

mod imports;

mod layout;

mod documents;

mod sources;

mod code;

mod names;

mod shapes;

mod circles;

mod prose;

/// Fails with all of `problems`, one to a line.
#[track_caller]
fn assert_none(problems: Vec<String>) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}
